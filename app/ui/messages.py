"""Small messages at the lower edge of the picture: not modal, with an action where one helps, gone by themselves."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from app.ui import theme
from app.ui.events import Message

__all__ = ["Toast", "Toasts"]

_SECONDS = {"info": 5, "warning": 9, "error": 12}
_ICONS = {"info": "information-outline", "warning": "alert-outline", "error": "alert-circle-outline"}
_LIMIT = 3


class Toast(QFrame):
    """One message. Stays while the pointer rests on it. ``left(self)`` tells that it went."""

    left = Signal(object)

    def __init__(self, message: Message, parent: QWidget) -> None:
        super().__init__(parent)
        self._gone = False
        self.message = message
        c = theme.colors()
        edge = {"info": c.accent, "warning": c.warning, "error": c.error}[message.level]
        self.setObjectName("toast")
        self.setStyleSheet(
            f"#toast {{ background: {c.raised}; border: 1px solid {c.line}; border-left: 4px solid {edge};"
            "border-radius: 4px; }"
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(theme.GRID)
        mark = QLabel(self)
        mark.setPixmap(theme.icon(_ICONS[message.level], edge).pixmap(20, 20))
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        self.text = QLabel(message.text, self)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        row.addWidget(self.text, 1)
        title, action = message.action_title, message.action
        if not action and message.level == "error":
            title, action = "Copy", self._copy
        if action is not None and title:
            self.button: QPushButton | None = QPushButton(title, self)
            theme.set_role(self.button, "flat")
            self.button.clicked.connect(action)
            self.button.clicked.connect(self.leave)
            row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        else:
            self.button = None
        close = QToolButton(self)
        close.setIcon(theme.icon("close"))
        close.setToolTip("Dismiss")
        close.setAccessibleName("Dismiss")
        close.clicked.connect(self.leave)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.leave)
        self._timer.start(_SECONDS[message.level] * 1000)

    def leave(self) -> None:
        """Go away."""
        if not self._gone:
            self._gone = True
            self.hide()
            self.deleteLater()
            self.left.emit(self)

    def height_for(self, width: int) -> int:
        """Height that the text needs at a width."""
        layout = self.layout()
        assert layout is not None
        return max(layout.totalHeightForWidth(width), layout.totalMinimumSize().height())

    def enterEvent(self, event: QEnterEvent) -> None:
        """Stay while being read."""
        self._timer.stop()

    def leaveEvent(self, event: QEvent) -> None:
        """Go on with leaving."""
        self._timer.start(3000)

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.message.text)


class Toasts(QObject):
    """The stack of messages over a host widget, newest at the bottom, at most three."""

    def __init__(self, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self.toasts: list[Toast] = []
        self._taken = 0
        host.installEventFilter(self)

    def show_message(self, message: Message) -> None:
        """Show a message; the same text is not shown twice at once."""
        for toast in list(self.toasts):
            if toast.message.text == message.text:
                toast.leave()
        while len(self.toasts) >= _LIMIT:
            self.toasts[0].leave()
        toast = Toast(message, self._host)
        toast.left.connect(self._left)
        self.toasts.append(toast)
        toast.show()
        self._place()

    def keep_clear(self, height: int) -> None:
        """Leave so much room at the lower edge to something else."""
        self._taken = height
        self._place()

    def _left(self, toast: Toast) -> None:
        if toast in self.toasts:
            self.toasts.remove(toast)
        self._place()

    def _place(self) -> None:
        width = max(min(560, self._host.width() - 4 * theme.GRID), 160)
        bottom = self._host.height() - 2 * theme.GRID - self._taken
        for toast in reversed(self.toasts):
            height = toast.height_for(width)
            toast.setGeometry((self._host.width() - width) // 2, bottom - height, width, height)
            toast.raise_()
            bottom -= height + theme.GRID

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in place when the host changes its size."""
        if watched is self._host and event.type() == QEvent.Type.Resize:
            self._place()
        return False

"""Three short hints for the first video; dismissed for good with one click."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.settings import settings

__all__ = ["Hints"]

_KEY = "hints/dismissed"
_LINES = (
    ("Drag a joint", "to correct it; right-click it to say that it is occluded or absent."),
    ("Left and Right", "go through the frames, Space plays. With a joint selected, arrows move it; A and D always step."),
    ("F1", "shows all keys. Everything you do is written at once, and Ctrl+Z takes it back."),
)


class Hints(QFrame):
    """A small card in the corner of the picture."""

    def __init__(self, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self.setObjectName("hints")
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 8)
        column.setSpacing(theme.GRID)
        for head, rest in _LINES:
            line = QLabel(f"<b>{head}</b> {rest}", self)
            line.setWordWrap(True)
            line.setFixedWidth(304)
            column.addWidget(line)
        button = QPushButton("Got it", self)
        theme.set_role(button, "flat")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(self.dismiss)
        column.addWidget(button, 0, Qt.AlignmentFlag.AlignRight)
        theme.theme().changed.connect(self._style)
        self._style()
        host.installEventFilter(self)
        self.hide()

    def offer(self) -> None:
        """Show the hints unless they were dismissed once."""
        if not settings().value(_KEY, False, bool):
            self.adjustSize()
            self._place()
            self.show()
            self.raise_()

    def dismiss(self) -> None:
        """Never again."""
        settings().setValue(_KEY, True)
        self.hide()

    def _style(self) -> None:
        c = theme.colors()
        self.setStyleSheet(f"#hints {{ background: {c.raised}; border: 1px solid {c.line}; border-radius: 6px; }}")

    def _place(self) -> None:
        self.move(self._host.width() - self.width() - 16, 16)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the corner."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False

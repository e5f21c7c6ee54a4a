"""The transport bar: first, back, play, on, last; speed, frame number, time and a slider over the whole video."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QSpinBox, QToolButton, QWidget

from app.ui import theme
from app.ui.actions.in_force import in_force, keys_text, with_key
from app.ui.session import Session

__all__ = ["SPEEDS", "FrameSlider", "TransportBar", "time_text"]

#: Speeds to choose from.
SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
#: The actions whose keys the tooltips of the buttons name.
_ACTIONS = {"first": "go.first", "back": "go.previous", "play": "go.play", "on": "go.next", "last": "go.last"}


def time_text(seconds: float) -> str:
    """``00:04.266``; hours in front where there are any."""
    milliseconds = round(max(seconds, 0.0) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02d}:{rest / 1000:06.3f}"
    return f"{hours}:{text}" if hours else text


class FrameSlider(QWidget):
    """A line over all frames with a handle at the current one. A press anywhere goes there, dragging scrubs.

    A plain slider of Qt is not used: it pages on a press beside its handle, takes the arrow keys away from the frame
    stepping, and its handle hides which frame is meant in short videos.
    """

    scrubbed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._count = 0
        self._frame = 0
        self._hover: int | None = None
        self.setMouseTracking(True)
        self.setMinimumSize(QSize(80, 24))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("Frame")

    def sizeHint(self) -> QSize:
        """As wide as there is room for."""
        return QSize(400, 24)

    def set_range(self, count: int) -> None:
        """Number of frames; 0 when no video is open."""
        self._count = count
        self.update()

    def set_frame(self, frame: int) -> None:
        """Move the handle."""
        if frame != self._frame:
            self._frame = frame
            self.update()

    def frame_at(self, x: float) -> int:
        """The frame under a horizontal position in this widget."""
        margin = theme.GRID
        span = max(self.width() - 2 * margin, 1)
        return round(min(max((x - margin) / span, 0.0), 1.0) * max(self._count - 1, 0))

    def x_of(self, frame: int) -> float:
        """Horizontal position of a frame."""
        margin = theme.GRID
        return margin + (self.width() - 2 * margin) * (frame / (self._count - 1) if self._count > 1 else 0.0)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go there."""
        if event.button() == Qt.MouseButton.LeftButton and self._count:
            self.scrubbed.emit(self.frame_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Scrub while dragging; else show which frame a press would go to."""
        if not self._count:
            return
        frame = self.frame_at(event.position().x())
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.scrubbed.emit(frame)
        self._hover = frame
        self.setToolTip(f"Frame {frame}")
        self.update()

    def leaveEvent(self, event: object) -> None:
        """Take the hint away."""
        self._hover = None
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A thin line, the part that has passed in the accent colour, and a handle."""
        c = theme.colors()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        middle, left, right = self.height() / 2, float(theme.GRID), float(self.width() - theme.GRID)
        painter.setBrush(QColor(c.line))
        painter.drawRoundedRect(QRectF(left, middle - 2, right - left, 4), 2, 2)
        if not self._count:
            return
        at = self.x_of(self._frame)
        painter.setBrush(QColor(c.accent))
        painter.drawRoundedRect(QRectF(left, middle - 2, at - left, 4), 2, 2)
        if self._hover is not None:
            painter.setBrush(QColor(c.muted))
            painter.drawRect(QRectF(self.x_of(self._hover) - 0.5, middle - 6, 1, 12))
        painter.setBrush(QColor(c.accent))
        painter.drawEllipse(QPointF(at, middle), 6, 6)


class TransportBar(QWidget):
    """Buttons and numbers that move a session through its video."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._buttons: dict[str, QToolButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.GRID, theme.GRID // 2, theme.GRID, theme.GRID // 2)
        row.setSpacing(theme.GRID // 2)
        for name, icon, tip, call in (
            ("first", "page-first", "First frame", lambda: session.scrub(0)),
            ("back", "step-backward", "Previous frame", lambda: session.step(-1)),
            ("play", "play", "Play or pause", session.toggle_play),
            ("on", "step-forward", "Next frame", lambda: session.step(1)),
            ("last", "page-last", "Last frame", lambda: session.scrub(session.n_frames - 1)),
        ):
            button = QToolButton(self)
            button.setObjectName(f"transport_{name}")
            button.setAccessibleName(tip)
            button.setIconSize(QSize(20, 20))
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setProperty("icon_name", icon)
            if name in ("back", "on"):
                button.setAutoRepeat(True)
                button.setAutoRepeatDelay(400)
                button.setAutoRepeatInterval(100)
            button.clicked.connect(call)
            row.addWidget(button)
            self._buttons[name] = button
        self.speed = QComboBox(self)
        self.speed.setObjectName("transport_speed")
        self.speed.setToolTip("Speed of playing")
        self.speed.setAccessibleName("Speed")
        self.speed.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for factor in SPEEDS:
            self.speed.addItem(f"{factor:g}×", factor)
        self.speed.setCurrentIndex(SPEEDS.index(1.0))
        self.speed.activated.connect(lambda i: session.set_speed(SPEEDS[i]))
        row.addWidget(self.speed)
        row.addSpacing(theme.GRID)
        self.frame_box = QSpinBox(self)
        self.frame_box.setObjectName("transport_frame")
        self.frame_box.setAccessibleName("Frame")
        self.frame_box.setFont(theme.numbers_font())
        self.frame_box.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.frame_box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.frame_box.setKeyboardTracking(False)
        self.frame_box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.frame_box.setFixedWidth(72)
        self.frame_box.editingFinished.connect(self._frame_typed)
        self._word = QLabel("Frame", self)
        row.addWidget(self._word)
        row.addWidget(self.frame_box)
        self._last = QLabel("/ 0", self)
        self._time = QLabel(time_text(0), self)
        for label in (self._last, self._time):
            label.setFont(theme.numbers_font())
            theme.set_role(label, "muted")
            row.addWidget(label)
            row.addSpacing(theme.GRID)
        self._fix_time()
        self.slider = FrameSlider(self)
        self.slider.scrubbed.connect(session.scrub)
        row.addWidget(self.slider, 1)

        session.video_opened.connect(self._video)
        session.frame_changed.connect(self._frame)
        session.playing_changed.connect(lambda _playing: self._icons())
        theme.theme().changed.connect(self._icons)
        self._icons()
        in_force().changed.connect(self._name_keys)
        self._name_keys()
        self._video(session.video)

    def minimumSizeHint(self) -> QSize:
        """What is left when all that can be spared is (:meth:`resizeEvent`)."""
        row = self.layout()
        assert row is not None
        kept = [self._buttons["back"], self._buttons["play"], self._buttons["on"], self.speed, self.frame_box]
        width = sum(widget.sizeHint().width() for widget in kept) + 8 * theme.GRID
        return QSize(width, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what others do as well where there is no room: the ruler scrubs, keys and menus go to the ends."""
        super().resizeEvent(event)
        self._leave_out()

    def _leave_out(self) -> None:
        ends = (self._buttons["first"], self._buttons["last"])
        spared: tuple[tuple[QWidget, ...], ...] = ((self._word,), (self._time,), (self.slider,), ends, (self._last,))
        row = self.layout()
        assert row is not None
        for widgets in spared:
            for widget in widgets:
                widget.show()
        for widgets in spared:
            row.invalidate()
            if row.totalMinimumSize().width() <= self.width():
                break
            for widget in widgets:
                widget.hide()

    def _name_keys(self) -> None:
        for name, button in self._buttons.items():
            keys = keys_text(_ACTIONS[name])
            button.setToolTip(button.accessibleName() + (f" ({keys})" if keys else ""))
        self.frame_box.setToolTip("Frame, counted from 0" + with_key(" (", "go.frame", ")"))

    def _fix_time(self) -> None:
        """A label whose size is fixed doesn't have the whole window laid out again with each frame."""
        self._time.setFixedSize(self._time.fontMetrics().horizontalAdvance("00:00:00.000"), self._time.sizeHint().height())

    def changeEvent(self, event: QEvent) -> None:
        """Another font: another size."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._time.setFont(theme.numbers_font())
            self._fix_time()

    def _icons(self) -> None:
        for name, button in self._buttons.items():
            icon = "pause" if name == "play" and self._session.playing else str(button.property("icon_name"))
            button.setIcon(theme.icon(icon))

    def _video(self, video: object) -> None:
        n = self._session.n_frames
        self.setEnabled(n > 0)
        self.frame_box.setRange(0, max(n - 1, 0))
        self._last.setText(f"/ {max(n - 1, 0)}")
        self._leave_out()
        self.slider.set_range(n)
        self._frame(self._session.frame)

    def _frame(self, frame: int) -> None:
        self.frame_box.blockSignals(True)
        self.frame_box.setValue(frame)
        self.frame_box.blockSignals(False)
        self._time.setText(time_text(self._session.time(frame)))
        self.slider.set_frame(frame)
        if SPEEDS[self.speed.currentIndex()] != self._session.speed and self._session.speed in SPEEDS:
            self.speed.setCurrentIndex(SPEEDS.index(self._session.speed))

    def _frame_typed(self) -> None:
        if self.frame_box.value() != self._session.frame:
            self._session.scrub(self.frame_box.value())
        self.frame_box.clearFocus()

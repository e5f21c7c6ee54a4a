"""Three short hints for the first video; dismissed for good with one click."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.actions.in_force import in_force, key, with_key
from app.ui.actions.keymap import key_text
from app.ui.settings import settings

__all__ = ["Hints"]

_KEY = "hints/dismissed"


def _lines() -> tuple[tuple[str, str], ...]:
    """What the hints say under the keys in force; what would name a key that does not exist is left out."""
    back, on = key("go.previous"), key("go.next")
    step = f"{back} and {on}" if back and on else "The slider"
    plays = with_key(", ", "go.play", " plays")
    find = with_key(", ", "help.palette", " finds an action by its name")
    undone = with_key(", and ", "edit.undo", " takes it back")
    return (
        ("Drag a joint", "to correct it; right-click it to say that it is occluded or absent."),
        (step, f"go through the frames{plays}.{_always()}"),
        (key("help.keys") or "The Help menu", f"shows all keys{find}. Everything you do is written at once{undone}."),
    )


def _always() -> str:
    """The keys that step where the first ones move the selected joint."""
    keys = in_force().keys
    moving = {name for way in ("left", "right") for name in keys.get(f"people.nudge_{way}", ())}
    steps = [keys.get(action, ()) for action in ("go.previous", "go.next")]
    if not all(names and names[0] in moving for names in steps):
        return ""
    always = [next((key_text(name) for name in names if name not in moving), "") for names in steps]
    return f" With a joint selected they move it; {always[0]} and {always[1]} always step." if all(always) else ""


#: Of the words, and from the card to the edge of the picture, in logical pixels.
_WIDTH, _EDGE = 304, 16


class Hints(QFrame):
    """A small card in the corner of the picture."""

    def __init__(self, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self.setObjectName("hints")
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 8)
        column.setSpacing(theme.GRID)
        self._words = QWidget()
        self._words.setObjectName("hint_words")
        lines = QVBoxLayout(self._words)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(theme.GRID)
        self._labels = [QLabel(self._words) for _ in _lines()]
        for line in self._labels:
            line.setTextFormat(Qt.TextFormat.RichText)
            line.setWordWrap(True)
            lines.addWidget(line)
        self._scrolled = QScrollArea(self)  # where the picture is low, as at 300 %, the button stays in sight
        self._scrolled.setFrameShape(QFrame.Shape.NoFrame)
        self._scrolled.setWidget(self._words)
        self._scrolled.viewport().setAutoFillBackground(False)
        self._scrolled.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column.addWidget(self._scrolled)
        self.button = button = QPushButton("Got it", self)
        theme.set_role(button, "flat")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(self.dismiss)
        column.addWidget(button, 0, Qt.AlignmentFlag.AlignRight)
        theme.theme().changed.connect(self._style)
        self._style()
        in_force().changed.connect(self._say)
        self._say()
        host.installEventFilter(self)
        self.hide()

    def offer(self) -> None:
        """Show the hints unless they were dismissed once."""
        if not settings().value(_KEY, False, bool):
            self._place()
            self.show()
            self.raise_()

    def dismiss(self) -> None:
        """Never again."""
        settings().setValue(_KEY, True)
        self.hide()

    def _say(self) -> None:
        for label, (head, rest) in zip(self._labels, _lines(), strict=True):
            label.setText(f"<b>{escape(head)}</b> {escape(rest)}")
        self._place()

    def _style(self) -> None:
        c = theme.colors()
        self.setStyleSheet(
            f"#hints {{ background: {c.raised}; border: 1px solid {c.line}; border-radius: 6px; }}"
            f"#hint_words {{ background: {c.raised}; }}"
        )

    def _place(self) -> None:
        layout, bar = self.layout(), self._scrolled.verticalScrollBar().sizeHint().width()
        assert layout is not None
        around = layout.contentsMargins()
        wide = self._host.width() - 2 * _EDGE - around.left() - around.right() - 2
        frame = around.top() + around.bottom() + self.button.sizeHint().height() + theme.GRID + 2
        room = max(self._host.height() - 2 * _EDGE - frame, 0)
        high = self._set_width(min(_WIDTH, wide))
        if high > room:
            self._set_width(min(_WIDTH, wide - bar))
        self._scrolled.setFixedSize(self._words.width() + (bar if high > room else 0), min(high, room))
        self.adjustSize()
        self.move(self._host.width() - self.width() - _EDGE, _EDGE)

    def _set_width(self, width: int) -> int:
        """Wrap the words at a width; returns how high they are then."""
        for line in self._labels:
            line.setFixedWidth(max(width, 0))
        self._words.adjustSize()
        return self._words.height()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the corner."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False

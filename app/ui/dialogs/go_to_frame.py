"""Go to frame: a number from 0, or a time such as 1:04.5."""

from __future__ import annotations

import numpy as np
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.session import Session

__all__ = ["GoToFrame", "parse_place"]


def parse_place(text: str, times: np.ndarray) -> int | str:
    """The frame that a text means, or one sentence saying why it means none.

    A plain number is a frame, counted from 0; "m:ss" or "h:mm:ss" with decimals is a time, and means the frame that is on
    screen then. ``times`` is (n_frames,) float64 seconds.
    """
    text = text.strip()
    last = len(times) - 1
    try:
        if ":" in text:
            seconds = 0.0
            for part in text.split(":"):
                seconds = seconds * 60 + float(part)
            return min(max(int(np.searchsorted(times, seconds + 1e-9, side="right")) - 1, 0), last)
        frame = int(text)
    except ValueError:
        return "Type a frame number such as 128, or a time such as 0:04.266."
    if not 0 <= frame <= last:
        return f"This video has frames 0 to {last}."
    return frame


class GoToFrame(QDialog):
    """Asks for a place and goes there."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setWindowTitle("Go to frame")
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(theme.GRID)
        column.addWidget(QLabel(f"Frame 0 to {session.n_frames - 1}, or a time such as 0:04.266", self))
        self.line = QLineEdit(str(session.frame), self)
        self.line.setFont(theme.numbers_font())
        self.line.selectAll()
        column.addWidget(self.line)
        self.problem = QLabel(" ", self)
        theme.set_role(self.problem, "error")
        column.addWidget(self.problem)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self.line.textChanged.connect(lambda _text: self.problem.setText(" "))

    def accept(self) -> None:
        """Go there if it is a place, else say why not and stay."""
        place = parse_place(self.line.text(), self._session.times)
        if isinstance(place, str):
            self.problem.setText(place)
            return
        self._session.scrub(place)
        super().accept()

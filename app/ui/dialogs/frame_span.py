"""A choice of frames: this one, from here on, all, or from one to another."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QRadioButton, QSpinBox, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.session import Session

__all__ = ["FrameSpan"]


class FrameSpan(QWidget):
    """Radio buttons and two fields; :attr:`frames` is what is chosen, at first the range that is drawn on the timeline."""

    changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._here, self._n = session.shown_frame, max(session.n_frames, 1)
        self.here = QRadioButton(f"&This frame ({self._here})", self)
        self.onward = QRadioButton(f"From here &on (frames {self._here} to {self._n - 1})", self)
        self.everywhere = QRadioButton("&All frames", self)
        self.between = QRadioButton("&From frame", self)
        self.first, self.last = QSpinBox(self), QSpinBox(self)
        for box, name in ((self.first, "First frame"), (self.last, "Last frame")):
            box.setRange(0, self._n - 1)
            box.setFont(theme.numbers_font())
            box.setAccessibleName(name)
            box.valueChanged.connect(self._typed)
        self.first.setValue(self._here)
        self.last.setValue(self._n - 1)
        self._group = QButtonGroup(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        row = QHBoxLayout()
        row.setSpacing(theme.GRID)
        for button in (self.here, self.onward, self.everywhere, self.between):
            self._group.addButton(button)
            button.toggled.connect(self.changed)
        for widget in (self.here, self.onward, self.everywhere):
            column.addWidget(widget)
        row.addWidget(self.between)
        row.addWidget(self.first)
        row.addWidget(QLabel("to", self))
        row.addWidget(self.last)
        row.addStretch(1)
        column.addLayout(row)
        self.here.setChecked(True)
        if session.frame_range is not None:  # drawn on the timeline
            self.first.setValue(session.frame_range[0])
            self.last.setValue(session.frame_range[1])
            self.between.setChecked(True)

    def _typed(self) -> None:
        self.between.setChecked(True)
        self.changed.emit()

    @property
    def frames(self) -> range:
        """The chosen frames; the two fields may stand in either order."""
        if self.here.isChecked():
            return range(self._here, self._here + 1)
        if self.onward.isChecked():
            return range(self._here, self._n)
        if self.everywhere.isChecked():
            return range(self._n)
        first, last = sorted((self.first.value(), self.last.value()))
        return range(first, last + 1)

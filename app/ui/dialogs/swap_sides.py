"""Swap left and right over several frames: which limbs, and from where to where."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from app.labels.changes import Edit
from app.labels.making import people_words
from app.labels.sides import limb_joints, swap_sides
from app.ui import theme
from app.ui.dialogs.frame_span import FrameSpan
from app.ui.session import Session

__all__ = ["SwapSides"]

_LIMBS = (("all", "left and right of everything"), ("arms", "arms"), ("legs", "legs"), ("head", "ears and eyes"))


class SwapSides(QDialog):
    """Swaps as one undo step. Says beforehand how many frames it would change."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.tracks = session.selection.tracks
        self.setWindowTitle("Swap left and right")
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(2 * theme.GRID)
        form = QFormLayout()
        form.setHorizontalSpacing(2 * theme.GRID)
        form.setVerticalSpacing(theme.GRID)
        form.addRow("Of", QLabel(people_words(session.project, self.tracks), self))
        self.limb = QComboBox(self)
        for limb, words in _LIMBS:
            if limb_joints(session.skeleton, limb):
                self.limb.addItem(words, limb)
        form.addRow("&Swap", self.limb)
        self.span = FrameSpan(session, self)
        form.addRow("In", self.span)
        column.addLayout(form)
        self.count = QLabel(self)
        theme.set_role(self.count, "muted")
        column.addWidget(self.count)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setText("Swap")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column.addWidget(self.buttons)
        self.span.changed.connect(self._count)
        if session.frame_range is None:
            self.span.onward.setChecked(True)
        self._count()

    def _count(self) -> None:
        project, frames = self._session.project, self.span.frames
        if project is None:
            return
        n = sum(int((project.track_summary(track)[frames.start : frames.stop] > 0).sum()) for track in self.tracks)
        self.count.setText(f"{n:,} pose{'' if n == 1 else 's'} would change." if n else "Nobody selected is in these frames.")
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(n > 0)

    def accept(self) -> None:
        """Swap."""
        session, tracks, frames, limb = self._session, self.tracks, self.span.frames, self.limb.currentData()

        def make(project: Any) -> Edit:
            there = [t for t in tracks if (project.track_summary(t)[frames.start : frames.stop] > 0).any()]
            made = [swap_sides(project, frames, track, limb) for track in there]
            what = "left and right" if limb == "all" else limb
            where = f"in frames {frames[0]} to {frames[-1]}"
            return made[0] if len(made) == 1 else Edit.joined(f"Swap {what} of {people_words(project, there)} {where}", made)

        session.apply(make)
        super().accept()

"""Offers to spread a correction, or to mend jumps, shows what that would do, looks at the heat maps meanwhile, and does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from app.labels.changes import Edit, LabelChange
from app.labels.pose import Pose, Provenance
from app.labels.spreading import Peaks, Plan, mended, plan, refined, spread
from app.ui.session import Session
from app.ui.settings import settings
from app.ui.threads.worker import Worker
from glsmamba.data.records import Box
from glsmamba.data.skeletons import joint_words
from glsmamba.data.words import counted

__all__ = ["Spreads"]

_BY_ITSELF = "labels/corrections_spread_by_themselves"
#: Milliseconds that the hand must rest before an offer is worked out.
_REST_MS = 150
#: A box that the model needs for a person of whom only joints are planned: this much around them, in head sizes.
_AROUND = 1.5
#: Frames on each side of the one on screen in which jumps are mended where no range is chosen.
_MENDED = 600


_NOTHING = "There is nothing to spread: the model agrees around this frame, or no joint here is yours."
_NO_JUMPS = "There is nothing to mend: no joint of this person that is the model's leaps away and comes back."

#: Writes an edit made of the project, showing it meanwhile, and calls the second argument once it is on the disk.
Commit = Callable[[Callable[[Any], Edit], Callable[[], None]], None]


class Spreads(QObject):
    """The corrections of one person that have not been spread yet, and the plan for them.

    Attributes:
        planned: what would be done, with the peaks found so far; None where there is nothing to offer.
        shown: whether the plan is on screen with its pictures, rather than just offered.
        waiting: frames whose heat maps have not been looked at yet.
    """

    changed = Signal()
    applied = Signal(object)
    """The plan that was written."""

    def __init__(self, session: Session, commit: Commit, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._commit = session, commit
        self.planned: Plan | None = None
        self.shown = False
        self.waiting: set[int] = set()
        self._bare: Plan | None = None  # the plan before any peak
        self._found: dict[int, dict[int, Peaks]] = {}
        self._track: int | None = None
        self._centres: dict[int, set[int] | None] = {}  # frame -> joints corrected there; None for all that a human placed
        self._believe = True
        self._mends: tuple[int, int] | None = None  # frames in which jumps are mended
        self._known: tuple[int, int, Pose | None] | None = None
        self._ticket = -1
        self._then: Callable[[], None] | None = None
        self._worker: Worker | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._work_out)
        session.labels_changed.connect(self._labels)
        session.selection_changed.connect(self._look_at_person)
        session.frame_changed.connect(lambda _frame: self._look_at_person())
        session.model.peaks_ready.connect(self._peaks)
        session.video_opened.connect(lambda _video: self.dismiss())

    @property
    def by_itself(self) -> bool:
        """Setting: corrections spread without being asked for."""
        return settings().value(_BY_ITSELF, False, bool)  # type: ignore[return-value]

    def set_by_itself(self, on: bool) -> None:
        """Change that setting."""
        settings().setValue(_BY_ITSELF, on)
        self.changed.emit()

    # ---- corrections -------------------------------------------------------------------------------------------------------

    def _look_at_person(self) -> None:
        """Remember what a human has said of the person on screen, so that a change of it is noticed."""
        session = self._session
        frame, track = session.shown_frame, session.selected_track
        if track is not None and not self._rest.isActive() and session.save_state.pending == 0:
            self._known = (frame, track, session.poses(frame).get(track))

    def _labels(self, change: LabelChange) -> None:
        track = self._session.selected_track
        if change.reason in ("undo", "redo", "import") or change.frames is None:
            self.dismiss()
            return
        if change.reason != "edit":
            return
        if len(change.frames) != 1:
            if self.planned is not None and set(self.planned.frames) & change.frames:
                self.dismiss()
            return
        (frame,) = change.frames
        if track is None or self._session.is_locked(track):
            return
        now, known = self._session.poses(frame).get(track), self._known
        self._known = (frame, track, now)
        if now is None or known is None or known[:2] != (frame, track):
            return
        joints = _corrected(known[2], now)
        if not joints:
            return
        if track != self._track:
            self.dismiss()
        self._track = track
        of_frame = self._centres.setdefault(frame, set())
        if of_frame is not None:
            of_frame |= joints
        self._believe = True
        self._rest.start()

    def ask(self, believe: bool = True) -> None:
        """Work out a plan for the selected person in the frame on screen and show it."""
        session = self._session
        if self.planned is not None and self._track == session.selected_track and believe == self._believe:
            self.show()
            return
        centres = self._centres if self._track == session.selected_track else {}
        self.dismiss()
        self._track, self._centres, self._believe = session.selected_track, {**centres, session.shown_frame: None}, believe
        self.shown = True
        self._work_out()

    def mend(self) -> None:
        """Show how the selected person's jumps and gaps would be mended in the chosen range, else all around."""
        session = self._session
        if self.planned is not None and self.planned.mends and self._track == session.selected_track and self.shown:
            return
        here = session.shown_frame
        self.dismiss()
        self._track = session.selected_track
        self._mends = session.frame_range or (here - _MENDED, here + _MENDED)
        self.shown = True
        self._work_out()

    def _work_out(self) -> None:
        project, track, centres, believe = self._session.project, self._track, dict(self._centres), self._believe
        if project is None or track is None:
            return
        mends = self._mends
        if self._session.save_state.pending:  # the correction itself is still on its way to the disk
            self._rest.start()
            return

        def work(_progress: Callable[[float], None]) -> Plan:
            return mended(project, track, *mends) if mends else plan(project, track, centres, believe=believe)

        self._worker = worker = Worker(work, self)
        worker.done.connect(lambda planned: self._planned(worker, planned))
        worker.failed.connect(lambda sentence: self._session.tell(sentence, "warning"))

    def _planned(self, worker: Worker, planned: Plan) -> None:
        if worker is not self._worker:
            return
        self._worker = None
        if not planned:
            shown = self.shown
            self.dismiss()
            if shown:
                self._session.tell(_NO_JUMPS if planned.mends else _NOTHING)
            return
        self.planned = self._bare = planned
        self._found = {}
        if self.by_itself and not self.shown:
            self._refine(lambda: self.apply())
        elif self.shown:
            self._refine()
        self.changed.emit()

    # ---- showing and doing ------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Show the plan with its pictures; the model's peaks are looked at meanwhile."""
        if self.planned is not None and not self.shown:
            self.shown = True
            self._refine()
            self.changed.emit()

    def _refine(self, then: Callable[[], None] | None = None) -> None:
        """Ask for the heat maps of the frames in which places are guessed; ``then`` follows once all were looked at."""
        planned, self._then = self._bare, then
        assert planned is not None
        frames = sorted({frame for frame, _ in planned.guessed})
        boxes = {frame: box for frame in frames if (box := _box(planned.after[frame], planned.size)) is not None}
        self.waiting = set(boxes) if self._believe else set()
        if self.waiting:
            self._ticket = self._session.model.request_peaks(boxes)
        elif then is not None:
            then()

    def _peaks(self, ticket: int, frame: int, found: dict[int, Peaks] | None) -> None:
        if ticket != self._ticket or self._bare is None:
            return
        self.waiting.discard(frame)
        if found is not None:
            self._found[frame] = found
        if not self.waiting or len(self._found) % 8 == 0:
            self.planned = refined(self._bare, self._found)
            self.changed.emit()
        if not self.waiting and self._then is not None:
            then, self._then = self._then, None
            then()

    def apply(self) -> None:
        """Do what is planned, as one undo step."""
        if self._bare is None:
            return
        planned = refined(self._bare, self._found)
        session = self._session
        self.dismiss()

        def written() -> None:
            self.applied.emit(planned)
            done = "mended in" if planned.mends else "spread to"
            told = f"{self.words(planned)}: {done} {counted(len(planned.frames), 'frame')}."
            session.tell(told, "info", "Undo", session.undo_just_this())

        self._commit(lambda project: spread(project, planned), written)

    def dismiss(self) -> None:
        """Forget the corrections and the plan; what was asked of the model is not wanted any more."""
        self._rest.stop()
        if self.waiting:
            self._session.model.request_peaks({})
        self._worker = self._track = self.planned = self._bare = None
        self._then = None
        self._centres, self.waiting, self._found, self._ticket = {}, set(), {}, -1
        self.shown, self._believe, self._mends = False, True, None
        self.changed.emit()

    def words(self, planned: Plan) -> str:
        """What spreads: "Left wrist", "2 joints", "The gap"; or "Jumps"."""
        if planned.mends:
            return "Jumps"
        joints: Iterable[int] = planned.joints
        names = [joint_words(self._session.skeleton.joints[j]) for j in joints]
        if not names:
            return "The gap"
        return names[0].capitalize() if len(names) == 1 else f"{len(names)} joints"


def _corrected(before: Pose | None, now: Pose) -> set[int]:
    """The joints of which a human said something new: placed by hand, elsewhere or seen otherwise than before."""
    said = now.provenance == Provenance.HUMAN
    if before is not None:
        same = (before.provenance == Provenance.HUMAN) & (before.visibility == now.visibility)
        said &= ~(same & (before.keypoints == now.keypoints).all(axis=1))
    return set(np.flatnonzero(said).tolist())


def _box(pose: Pose, size: float) -> Box | None:
    """The box in which the model looks: the person's, else one around the joints."""
    if pose.box is not None:
        return pose.box
    points: Any = pose.keypoints[pose.visibility > 0]
    if len(points) == 0:
        return None
    low, high = points.min(axis=0) - _AROUND * size, points.max(axis=0) + _AROUND * size
    x, y, w, h = np.concatenate([low, high - low]).tolist()
    return (x, y, w, h)

"""What the timeline shows of a session: people and their lanes, marks and doubt, kept up to date as the session tells."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from app.labels.changes import LabelChange
from app.ui.session import Session
from app.ui.timeline.lanes import FrameLane, Lane, TrackLanes

__all__ = ["Content"]

#: Milliseconds between two looks at changed labels.
_LABELS_MS = 16


class Content(QObject):
    """Lanes, people, marks and doubt of the open project; nothing of where they are drawn.

    Attributes:
        people: (track, name) by row.
        tracks: lanes of people.
        frames: the lane of the whole video.
        marks: marked frames, ascending.
        doubt: the doubt of everybody by frame.
        doubt_of_selected: that of the selected person, or None.

    Signals:
        renewed: another video, or none; all of it is new.
        people_changed: other people, names or order.
        labels_changed: lanes of people and of the video changed.
        marks_changed: the labels' change that brought them is told a moment later.
        doubt_changed: either curve changed.
    """

    renewed = Signal()
    people_changed = Signal()
    labels_changed = Signal()
    marks_changed = Signal()
    doubt_changed = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.people: list[tuple[int, str]] = []
        self.tracks, self.frames = TrackLanes(), FrameLane()
        self.marks: tuple[int, ...] = ()
        self.doubt = Lane(np.zeros(0, np.uint8), np.maximum)
        self.doubt_of_selected: Lane | None = None
        self._newcomers: dict[int, str] = {}
        self._touched: set[int] | None = set()  # frames changed since the last look; None: any of them
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_LABELS_MS)
        self._later.timeout.connect(self.take_labels)
        session.video_opened.connect(self._video)
        session.labels_changed.connect(self._labels)
        session.selection_changed.connect(self._take_doubt)
        session.lookout_changed.connect(self._take_doubt)
        self._video(session.video)

    def foresee(self, flags: Mapping[int, np.ndarray], names: Mapping[int, str]) -> None:
        """Have some people be as after a change that is proposed; nothing: as they are.

        Args:
            flags: track -> (n_frames,) bytes of ``Project.track_flags``.
            names: track -> name of people who would be new; they get a row.
        """
        self.tracks.foresee(flags)
        self._newcomers = dict(names)
        self._list_people()

    def take_labels(self) -> None:
        """Read the labels that changed since the last look, now; else it is done a moment after they changed."""
        self._later.stop()
        touched, self._touched = self._touched, set()
        project = self._session.project
        if project is None:
            return
        if touched is None:
            self.tracks.set_labels(project)
            self.frames.set_labels(project)
        else:
            inside = [frame for frame in touched if 0 <= frame < self._session.n_frames]
            self.tracks.touch(inside)
            self.frames.touch(inside)
        self._list_people()
        self.labels_changed.emit()

    def _video(self, video: object) -> None:
        project = self._session.project if video is not None else None
        self._touched = set()
        self.tracks.set_labels(project)
        self.frames.set_labels(project)
        self.marks = () if project is None else project.marks()
        self._take_doubt()
        self._list_people()
        self.renewed.emit()

    def _labels(self, change: LabelChange) -> None:
        if change.frames is None or self._touched is None:
            self._touched = None
        else:
            self._touched |= change.frames
        if change.reason != "prediction" and self._session.project is not None:
            self.marks = self._session.project.marks()
            self.marks_changed.emit()
        if not self._later.isActive():
            self._later.start()

    def _take_doubt(self) -> None:
        lookout, track = self._session.lookout, self._session.selected_track
        curve = np.zeros(self._session.n_frames, np.uint8) if lookout is None else lookout.curve
        self.doubt = Lane(curve, np.maximum)
        mine = None if lookout is None or track is None else lookout.person_curve(track, 0, len(curve))
        self.doubt_of_selected = None if mine is None else Lane(mine, np.maximum)
        self.doubt_changed.emit()

    def _list_people(self) -> None:
        project = self._session.project
        people = [] if project is None else [(track, project.track_name(track)) for track in project.tracks()]
        people += sorted((track, name) for track, name in self._newcomers.items() if track not in dict(people))
        if people != self.people:
            self.people = people
            self.people_changed.emit()

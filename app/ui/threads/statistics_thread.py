"""The thread that computes what the statistics panel draws, and computes it anew as labels change."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QThread, Signal

from app.ui.threads.priority import stand_back

if TYPE_CHECKING:
    from app.labels.statistics import Course, Measure, Series

__all__ = ["Asked", "Computed", "StatisticsThread"]

#: Seconds in which changes of labels gather before figures are computed anew.
_GATHER = 0.15
#: Seconds between two looks at a person who takes long to read; seconds of rest after each piece of reading.
_TELL, _REST = 1.0, 0.001
#: People whose courses are kept for when they are asked for again.
_KEPT = 8


@dataclass(frozen=True)
class Asked:
    """What to compute: these people's joint (None: all), and their bone (None: all)."""

    tracks: tuple[int, ...]
    joint: int | None
    edge: int | None


@dataclass(frozen=True)
class Computed:
    """The answer; ``whole`` is False while somebody is still being read."""

    asked: Asked
    series: dict[int, dict[Measure, Series]]
    whole: bool


class StatisticsThread(QThread):
    """``computed(Computed)`` follows each request and each change of labels. The newest request wins."""

    computed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("statistics")
        self._news = threading.Condition()
        self._project: Any = None
        self._asked: Asked | None = None
        self._frames: set[int] | None = set()  # None: all
        self._fresh = self._other = self._ending = False

    def set_project(self, project: Any) -> None:
        """Another project, or none; what was asked of the last one is forgotten."""
        with self._news:
            self._project, self._asked, self._frames, self._other = project, None, set(), True
            self._news.notify()

    def ask(self, asked: Asked) -> None:
        """Compute this now, and again whenever labels change; returns at once."""
        with self._news:
            self._asked, self._fresh = asked, True
            self._news.notify()

    def touch(self, frames: frozenset[int] | None) -> None:
        """These frames changed, None: any; returns at once."""
        with self._news:
            self._frames = None if frames is None or self._frames is None else self._frames | frames
            self._news.notify()

    def finish(self) -> None:
        """End soon; no signal of use comes after it."""
        with self._news:
            self._ending = True
            self._news.notify()
        self.wait()

    def run(self) -> None:
        """Body of the thread."""
        stand_back()
        courses: dict[int, Course] = {}
        while True:
            with self._news:
                self._news.wait_for(lambda: self._ending or self._other or self._fresh or self._frames != set())
                if not self._fresh:  # a model writes many times a second
                    self._news.wait_for(lambda: self._ending or self._other or self._fresh, _GATHER)
                if self._ending:
                    return
                if self._other or self._frames is None:
                    courses = {}
                project, asked = self._project, self._asked
                frames, self._frames = self._frames or set(), set()
                self._fresh = self._other = False
            for course in courses.values():
                course.update(frames)
            if project is not None and asked is not None:
                self._compute(project, asked, courses)

    def _compute(self, project: Any, asked: Asked, courses: dict[int, Course]) -> None:
        """Read who is not known yet, telling now and then, and work out the figures of all."""
        from app.labels.statistics import Course

        shown = {track: courses.pop(track) for track in asked.tracks if track in courses}
        told = time.monotonic()

        def pause() -> None:
            nonlocal told
            if time.monotonic() - told > _TELL:
                self._tell(asked, shown, whole=False)
                told = time.monotonic()
            time.sleep(_REST)

        for track in asked.tracks:
            if track not in shown:
                shown[track] = Course(project, track)
                if not shown[track].read(lambda: self._ending or self._other or self._fresh or self._frames is None, pause):
                    del shown[track]
                    break
        else:
            self._tell(asked, shown, whole=True)
        for track in list(courses)[: max(len(courses) + len(shown) - max(_KEPT, len(shown)), 0)]:
            del courses[track]
        courses.update(shown)

    def _tell(self, asked: Asked, courses: dict[int, Course], whole: bool) -> None:
        from app.labels.statistics import MEASURES

        series = {
            track: {measure: course.series(measure, asked.joint, asked.edge) for measure in MEASURES}
            for track, course in courses.items()
        }
        self.computed.emit(Computed(asked, series, whole))

"""The thread that looks for what an annotator should look at: judges frames as their labels change."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QThread, Signal

from app.ui.threads.priority import stand_back

if TYPE_CHECKING:
    from app.labels.lookout import Lookout

__all__ = ["LookoutThread"]

#: Seconds in which changes gather before they are judged: a model writes many times a second.
_GATHER = 0.2
#: Seconds of rest after each piece of work, so that the window's thread gets Python's lock when it wants it.
_REST = 0.002


class LookoutThread(QThread):
    """Owns the lookout of one project, and looks at all of it first.

    ``changed()`` follows each look, and some of a long one.

    Attributes:
        lookout: what was found; None until the first look has begun.
    """

    changed = Signal()

    def __init__(self, project: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("lookout")
        self.lookout: Lookout | None = None
        self._project = project
        self._news = threading.Condition()
        self._frames: set[int] | None = None  # None: all
        self._idle = False
        self._busy = True
        self._ending = False

    @property
    def settled(self) -> bool:
        """True while all that changed has been looked at."""
        return self._idle and not self._busy

    def touch(self, frames: frozenset[int] | None) -> None:
        """These frames changed, None: any; returns at once."""
        with self._news:
            if frames is None:
                self._frames, self._idle = None, False
            elif self._idle or self._frames is not None:
                self._frames, self._idle = (self._frames or set()) | frames, False
            self._news.notify()

    def finish(self) -> None:
        """End after the present piece of work; returns at once. No signal of use comes after it."""
        with self._news:
            self._ending = True
            self._news.notify()

    def run(self) -> None:
        """Body of the thread."""
        from app.labels.lookout import Lookout

        stand_back()
        self.lookout = lookout = Lookout(self._project)
        while True:
            with self._news:
                self._busy = False
                self._news.wait_for(lambda: self._ending or not self._idle)
                self._busy = True
                self._news.wait_for(lambda: self._ending, _GATHER if lookout.looked else 0)
                if self._ending:
                    return
                frames, self._frames, self._idle = self._frames, set(), True
            lookout.update(frames, lambda: self._ending, _REST, self.changed.emit)
            if self._ending:
                return
            self.changed.emit()

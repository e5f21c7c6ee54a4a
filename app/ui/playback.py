"""The clock of playing: real time, dropping frames where decoding can't keep up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer

if TYPE_CHECKING:
    from app.ui.session import Session

__all__ = ["Player"]

#: Seconds after which a picture that hasn't come no longer holds the clock's next request back.
_PATIENCE = 0.5


class Player(QObject):
    """Advances a session's frame by its time stamps while playing."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._tick)
        self.speed = 1.0
        self._clock = 0.0
        self._time = 0.0
        self._asked = 0.0

    @property
    def playing(self) -> bool:
        """True while the clock runs."""
        return self._timer.isActive()

    def play(self) -> None:
        """Run from the current frame; from the first one when at the end."""
        session = self._session
        if self.playing or session.n_frames < 2:
            return
        if session.frame >= session.n_frames - 1:
            session.go_to(0)
        self._timer.start()
        self.moved()
        session.playing_changed.emit(True)

    def pause(self) -> None:
        """Stop the clock."""
        if self.playing:
            self._timer.stop()
            self._session.playing_changed.emit(False)

    def set_speed(self, speed: float) -> None:
        """Change the speed without a jump."""
        self.speed = float(speed)
        self.moved()

    def moved(self) -> None:
        """Set the clock to the session's frame."""
        self._clock = self._asked = time.monotonic()
        self._time = self._session.time(self._session.frame)

    def _tick(self) -> None:
        session = self._session
        now = time.monotonic()
        waiting = session.picture is None or session.picture[0] != session.frame
        if waiting and now - self._asked < _PATIENCE:
            return  # asking for more would only push the picture on screen further behind the wanted frame
        due = self._time + (now - self._clock) * self.speed
        frame = int(np.searchsorted(session.times, due, side="right")) - 1
        frame = min(max(frame, 0), session.n_frames - 1)
        if frame != session.frame:
            self._asked = now
            session._show(frame)
        if frame >= session.n_frames - 1:
            self.pause()

"""Tells what the engine is doing: its status, its speed, and sentences for the user."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from app.inference.status import EngineStatus, State
from app.labels.project import Project

__all__ = ["Level", "Reporter", "sentence"]

Level = Literal["info", "warning", "error"]


class Reporter:
    """Status and messages. The worker reports; any thread may read :attr:`status`.

    Args:
        project: whose predicted frames are counted.
        frames: the frames to predict.
        on_status: told of each new status, in the worker.
        on_message: told sentences for the user with ``info``, ``warning`` or ``error``, in the worker.
    """

    def __init__(
        self,
        project: Project,
        frames: range,
        on_status: Callable[[EngineStatus], None] | None = None,
        on_message: Callable[[str, Level], None] | None = None,
    ) -> None:
        self._project, self._range = project, frames
        self._on_status, self._on_message = on_status, on_message
        self._lock = threading.Lock()
        self._status = EngineStatus(total=len(frames))
        self._said: set[str] = set()
        self._finished: deque[float] = deque(maxlen=40)
        self._spent: deque[tuple[int, float]] = deque(maxlen=40)  # people predicted, and seconds that it took

    @property
    def status(self) -> EngineStatus:
        """The latest status. For any thread."""
        with self._lock:
            return self._status

    def say(self, text: str, level: Level) -> None:
        """A sentence for the user."""
        if self._on_message is not None:
            self._on_message(text, level)

    def say_once(self, text: str) -> None:
        """A sentence for the user that need not be heard twice."""
        if text not in self._said:
            self._said.add(text)
            self.say(text, "info")

    def tell(self, **changes: Any) -> None:
        """Change fields of the status. Counts, speeds and the time left come by themselves while the state is ``running``."""
        state: State = changes.get("state", self._status.state)
        if state == "running":
            changes["done"] = self.n_done()
            changes["message"] = ""
            spent = self._finished[-1] - self._finished[0] if len(self._finished) > 1 else 0.0
            rate = (len(self._finished) - 1) / spent if spent > 0 else 0.0
            changes["frames_per_s"], changes["windows_per_s"] = rate, self._people_per_s()
            changes["eta_s"] = (len(self._range) - changes["done"]) / rate if rate else None
        elif state in ("paused", "off", "failed"):
            self._finished.clear()
            if self._status.state == "failed" and state == "off" and "message" not in changes:
                return  # the reason stays to be read until the user goes on
        status = replace(self._status, **changes)
        with self._lock:
            known, self._status = self._status, status
        if status != known and self._on_status is not None:
            self._on_status(status)

    def n_done(self) -> int:
        """How many of the frames to predict are predicted."""
        return int(np.count_nonzero(self._project.predicted_frames()[self._range.start : self._range.stop]))

    def frame_finished(self) -> None:
        """One more frame is stored; :meth:`tell` takes the speed from the times between."""
        self._finished.append(time.monotonic())

    def people_predicted(self, count: int, seconds: float) -> None:
        """One call of the model: how many people it predicted and how long that took."""
        self._spent.append((count, seconds))

    def forget_speed(self) -> None:
        """What was measured says nothing of what comes, as with another model."""
        self._spent.clear()
        self._finished.clear()

    def _people_per_s(self) -> float:
        # Over many calls: one that finds its answer ready takes no time, and the one before it took that of two.
        seconds = sum(spent for _, spent in self._spent)
        return sum(people for people, _ in self._spent) / seconds if seconds > 0 else 0.0


def sentence(error: BaseException) -> str:
    """An error's first line, or its kind where it says nothing."""
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__

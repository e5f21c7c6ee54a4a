"""One thread that writes the project: edits reach the disk in the order they were made and never block the window."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

__all__ = ["Job", "ProjectThread"]


@dataclass(eq=False)
class Job:
    """A call to make in the thread; ``done(result)`` or ``failed(error)`` is then called in the window's thread.

    ``counts`` is True for edits, which the status bar shows as being saved.
    """

    call: Callable[[], Any]
    done: Callable[[Any], None] | None = None
    failed: Callable[[Exception], None] | None = None
    counts: bool = True
    result: Any = field(default=None, init=False)
    error: Exception | None = field(default=None, init=False)


class ProjectThread(QThread):
    """Runs jobs one after the other. ``finished_job`` is emitted in the order of submission."""

    finished_job = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("project writer")
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.start()

    def submit(self, job: Job) -> None:
        """Queue a job; returns at once."""
        self._jobs.put(job)

    def stop(self) -> None:
        """Finish all that is queued, then end. Waits: call it only when the program closes."""
        self._jobs.put(None)
        self.wait()

    def run(self) -> None:
        """Body of the thread."""
        while (job := self._jobs.get()) is not None:
            try:
                job.result = job.call()
            except Exception as error:
                job.error = error
            self.finished_job.emit(job)

"""What a session writes: every change of labels goes through here, in order, to the project thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from app.labels.changes import LabelChange, ProjectError
from app.ui.events import Message, SaveState
from app.ui.threads.project_thread import Job, ProjectThread

if TYPE_CHECKING:
    from app.ui.session import Session

__all__ = ["Writing"]


class Writing(QObject):
    """Queues edits and small chores, counts what is not on the disk yet and says what failed.

    Attributes:
        state: what the status bar says about the disk.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.state = SaveState(0, "")
        self._pending = 0
        self._thread = ProjectThread(self)
        self._thread.finished_job.connect(self._finished)

    def edit(
        self,
        call: Callable[[], Any],
        done: Callable[[], None] | None = None,
        failed: Callable[[str], None] | None = None,
    ) -> None:
        """Run ``call`` in the project thread as a change of labels; ``failed`` as of :meth:`Session.apply`."""

        def tell(error: Exception) -> None:
            self._failed(error, failed)

        self._submit(Job(call, None if done is None else lambda _result: done(), tell))

    def run(self, call: Callable[[], Any], done: Callable[[Any], None] | None = None) -> None:
        """Run ``call`` in the project thread, then ``done(result)`` in the window's thread."""
        self._submit(Job(call, done, self._failed))

    def undo_just_this(self) -> Callable[[], None]:
        """As of :meth:`Session.undo_just_this`."""
        session, project = self._session, self._session.project

        def last() -> int:
            return max((step.id for step in project.history() if step.done), default=0)

        def later(sentence: str) -> None:
            session.tell(sentence, "warning")

        meant = last()

        def undo() -> None:
            if last() != meant:
                raise ProjectError("Other edits came after that one: take it back in the history panel, or undo step by step.")
            project.undo()

        def act() -> None:
            if session.project is project:
                self.edit(undo, failed=later)

        return act

    def chore(
        self,
        call: Callable[[], Any],
        failed: Callable[[Exception], None] | None = None,
        done: Callable[[Any], None] | None = None,
    ) -> None:
        """As of :meth:`Session.in_background`: nothing that the user waits to see saved."""
        self._thread.submit(Job(call, done, failed, counts=False))

    def close(self, call: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Run what closes a project, after everything queued."""
        self._thread.submit(Job(call, done, self._failed, counts=False))

    def stop(self) -> None:
        """End the thread after everything queued."""
        self._thread.stop()

    def opened(self) -> None:
        """Another project is open: nothing of it is pending."""
        self._pending = 0
        self._tell()

    def closed(self) -> None:
        """Nothing is open."""
        self.state = SaveState(0, "")

    def _submit(self, job: Job) -> None:
        self._pending += 1
        self._tell()
        self._thread.submit(job)

    def _finished(self, job: Job) -> None:
        if job.counts:
            self._pending = max(self._pending - 1, 0)
            self._tell()
        if job.error is not None:
            if job.failed is not None:
                job.failed(job.error)
        elif job.done is not None:
            job.done(job.result)

    def _failed(self, error: Exception, failed: Callable[[str], None] | None = None) -> None:
        sentence = str(error) or f"That could not be done ({type(error).__name__})."
        if failed is not None:
            failed(sentence)
        else:
            self._session.message.emit(Message(sentence, "error"))
        self._session.labels_changed.emit(LabelChange(None, "undo"))

    def _tell(self) -> None:
        project = self._session.project
        self.state = SaveState(self._pending, "" if project is None else str(project.path))
        self._session.save_state_changed.emit(self.state)

"""Opening a video or a project in a worker. What was open stays until the new one works."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.labels.places import PROJECT_SUFFIX, project_path_for
from app.ui.events import Message

__all__ = ["PROJECT_SUFFIX", "Opened", "Opener", "project_path_for"]

@dataclass(frozen=True, eq=False)
class Opened:
    """All that the session needs to show a video.

    Attributes:
        project: open ``app.labels.project.Project``.
        video: ``VideoInfo`` of the video as it is on the disk now.
        video_path: the video.
        index: its ``FrameIndex``.
        times: (n_frames,) float64 seconds from the first frame.
        frame: frame that was on screen when the project was closed.
        recent: what the recent list should remember.
        messages: things to say once it is on screen.
    """

    project: Any
    video: Any
    video_path: Path
    index: Any
    times: np.ndarray
    frame: int
    recent: Path
    messages: tuple[Message, ...] = field(default=())


class Opener(QObject):
    """Runs one opening at a time in a thread; a newer call cancels the one before."""

    progress = Signal(float)
    preview = Signal(object)
    opened = Signal(object)
    failed = Signal(str)
    video_missing = Signal(object, object)
    finished = Signal()

    _done = Signal(int, str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ticket = 0
        self._thread: threading.Thread | None = None
        self._done.connect(self._deliver)

    @property
    def busy(self) -> bool:
        """True while something is being opened."""
        return self._thread is not None

    def open(self, path: Path, video: Path | None, ready: threading.Event) -> None:
        """Begin, once ``ready`` is set: a project closed a moment ago may be the one to open.

        Exactly one of ``opened``, ``failed``, ``video_missing`` follows unless cancelled; then ``finished``.
        """
        self._ticket += 1
        self._thread = threading.Thread(target=self._run, args=(self._ticket, path, video, ready), name="opening", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Give up; nothing but ``finished`` follows."""
        if self.busy:
            self._ticket += 1
            self._thread = None
            self.finished.emit()

    def stop(self) -> None:
        """Cancel and wait until the worker has let go of its files."""
        thread = self._thread
        self.cancel()
        if thread is not None:
            thread.join(5)

    def _run(self, ticket: int, path: Path, video: Path | None, ready: threading.Event) -> None:
        def cancelled() -> bool:
            return ticket != self._ticket

        def progress(fraction: float) -> None:
            if not cancelled():
                self._done.emit(ticket, "progress", fraction)

        def preview(picture: np.ndarray) -> None:
            self._done.emit(ticket, "preview", picture)

        ready.wait(30)
        try:
            opened = _open(path, video, progress, cancelled, preview)
        except _Missing as missing:
            self._done.emit(ticket, "missing", missing)
        except Exception as error:
            # VideoCancelled comes here too: its ticket is stale, so nothing is delivered.
            self._done.emit(ticket, "failed", str(error) or f"{path.name} can't be opened ({type(error).__name__}).")
        else:
            if cancelled():
                opened.project.close()
            else:
                self._done.emit(ticket, "opened", opened)

    def _deliver(self, ticket: int, what: str, value: Any) -> None:
        if ticket != self._ticket:
            if what == "opened":
                value.project.close()
            return
        if what == "progress":
            self.progress.emit(value)
            return
        if what == "preview":
            self.preview.emit(value)
            return
        self._thread = None
        if what == "opened":
            self.opened.emit(value)
        elif what == "missing":
            self.video_missing.emit(value.project, value.video)
        else:
            self.failed.emit(value)
        self.finished.emit()


class _Missing(Exception):
    def __init__(self, project: Path, video: Path) -> None:
        super().__init__(str(video))
        self.project, self.video = project, video


def _open(
    path: Path,
    video: Path | None,
    progress: Callable[[float], None],
    cancelled: Callable[[], bool],
    preview: Callable[[np.ndarray], None],
) -> Opened:
    # The first two are what the window needs next; imported here, it needn't wait for them.
    import app.video.server
    import app.video.thumbnails  # noqa: F401
    from app.labels.changes import ProjectError
    from app.labels.project import Project
    from glsmamba.data.video import VideoReader, build_index

    if not path.exists():
        raise ProjectError(f"There is no file {path}: it may have been moved, renamed or deleted.")
    messages: list[Message] = []
    project: Any = None
    relinked = video is not None
    if path.suffix == PROJECT_SUFFIX:
        project = Project.open(path)
        video = video or Path(project.video.path)
        if not video.exists():
            project.close()
            raise _Missing(path, video)
    else:
        video = path
    try:
        index = build_index(video, progress, cancelled)
        with VideoReader(video, index) as reader:
            info = reader.info
        project_path = path if project is not None else project_path_for(video)
        if project is None and project_path.exists():
            project = Project.open(project_path)
        if project is None:
            project_path.parent.mkdir(parents=True, exist_ok=True)
            project = Project.create(project_path, info)
        if project_path.parent != video.parent and project_path != path:
            text = f"The folder of {video.name} can't be written, so its project is kept as {project_path}."
            messages.append(Message(text, "warning"))
        if relinked:
            project.relink_video(video, info)
            messages.append(Message(f"The project now uses {video}."))
        elif problem := project.video_matches(info):
            messages.append(Message(f"The labels may not fit this video. {problem}", "warning"))
        times = np.array([index.time(i) for i in range(len(index))], np.float64)
        times = np.maximum.accumulate(times - times[0])
        return Opened(project, info, video, index, times, int(project.get_meta("frame", 0) or 0), path, tuple(messages))
    except BaseException:
        if project is not None:
            project.close()
        raise

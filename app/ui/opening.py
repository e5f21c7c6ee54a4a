"""Opening a video or a project in a worker, with progress, the project file and relinking. What was open stays until it works."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.ui.events import Message
from app.ui.settings import data_folder

__all__ = ["PROJECT_SUFFIX", "Opened", "Opener", "project_path_for", "video_of"]

PROJECT_SUFFIX = ".glsproj"


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


def video_of(path: Path) -> Path | None:
    """Path of a project's video as the project says it, looked for beside the project too; None if it can't be read."""
    from app.labels.project import Project

    try:
        project = Project.open(path)
    except (OSError, RuntimeError, ValueError):
        return None
    try:
        return _find_video(path, Path(project.video.path))
    finally:
        project.close()


def _find_video(project: Path, video: Path) -> Path:
    """Where the video is now: where the project says, else a file of that name beside the project."""
    beside = project.parent / video.name
    return beside if not video.exists() and beside.exists() else video


def project_path_for(video: Path) -> Path:
    """``clip.glsproj`` beside ``clip.mp4``, or in the user's data folder when that folder can't be written."""
    beside = video.parent / (video.stem + PROJECT_SUFFIX if video.is_file() else video.name + PROJECT_SUFFIX)
    if os.access(beside, os.W_OK) or (not beside.exists() and os.access(video.parent, os.W_OK)):
        return beside
    mark = hashlib.sha256(str(video).encode()).hexdigest()[:8]
    return data_folder() / "projects" / f"{video.stem}-{mark}{PROJECT_SUFFIX}"


class _Cancelled(Exception):
    pass


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

    def open(self, path: Path, video: Path | None) -> None:
        """Begin. Exactly one of ``opened``, ``failed``, ``video_missing`` follows unless cancelled; then ``finished``."""
        self._ticket += 1
        self._thread = threading.Thread(target=self._run, args=(self._ticket, path, video), name="opening", daemon=True)
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

    def _run(self, ticket: int, path: Path, video: Path | None) -> None:
        def cancelled() -> bool:
            return ticket != self._ticket

        def progress(fraction: float) -> None:
            if not cancelled():
                self._done.emit(ticket, "progress", fraction)

        def preview(picture: np.ndarray) -> None:
            self._done.emit(ticket, "preview", picture)

        try:
            opened = _open(path, video, progress, cancelled, preview)
        except _Cancelled:
            return
        except _Missing as missing:
            self._done.emit(ticket, "missing", missing)
        except Exception as error:
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
    from app.labels.project import Project, ProjectError
    from glsmamba.data.video import VideoReader, build_index

    if not path.exists():
        raise ProjectError(f"There is no file {path}: it may have been moved, renamed or deleted.")
    messages: list[Message] = []
    project: Any = None
    relinked = video is not None
    if path.suffix == PROJECT_SUFFIX:
        project_path = path
        project = Project.open(path)
        video = video or _find_video(path, Path(project.video.path))
        if not video.exists():
            project.close()
            raise _Missing(path, video)
    else:
        video = path
        project_path = project_path_for(path)
    try:
        index = build_index(video, progress, cancelled)
        if cancelled():
            raise _Cancelled
        with VideoReader(video, index) as reader:
            info = reader.info
            times = np.array([reader.time(i) for i in range(reader.n_frames)]) if reader.n_frames < 2 else _times(reader)
        if project is None and project_path.exists():
            project = Project.open(project_path)
        if project is None:
            project_path.parent.mkdir(parents=True, exist_ok=True)
            project = Project.create(project_path, info)
            if project_path.parent != video.parent:
                text = f"The folder of {video.name} can't be written, so its project is kept as {project_path}."
                messages.append(Message(text, "warning"))
        elif project.video.digest != info.digest:
            text = f"{video.name} is not the video this project was made with: its frames differ, so labels may be off."
            messages.append(Message(text, "warning"))
        if relinked and not messages:
            messages.append(Message(f"The project now uses {video}."))
        frame = project.get_meta("frame", 0) or 0
    except BaseException:
        if project is not None:
            project.close()
        if cancelled():
            raise _Cancelled from None
        raise
    recent = path if path.suffix != PROJECT_SUFFIX else project_path
    return Opened(project, info, video, index, times, int(frame), recent, tuple(messages))


def _times(reader: Any) -> np.ndarray:
    """(n_frames,) float64 seconds from the first frame, never falling."""
    times = np.array([reader.time(i) for i in range(reader.n_frames)], np.float64)
    return np.maximum.accumulate(times - times[0])

"""Decoding for the window: a :class:`app.video.server.FrameServer` whose pictures arrive as Qt signals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal

__all__ = ["DecodeThread"]


class DecodeThread(QObject):
    """Owns the decoding thread of one video. Signals are emitted there and delivered in the thread of the receiver.

    ``picture(int frame, ndarray (H, W, 3) uint8 RGB)``; ``failed(int frame, str sentence)``.

    Args:
        path: path of the video.
        index: its frame index.
        prepare: called in that thread with each picture before its signal; what it raises is logged, and the picture comes.
    """

    picture = Signal(int, object)
    failed = Signal(int, str)

    def __init__(
        self, path: Path, index: Any, parent: QObject | None = None, prepare: Callable[[np.ndarray], None] | None = None
    ) -> None:
        super().__init__(parent)
        self._prepare = prepare
        from app.video.server import FrameServer
        from glsmamba.data.video import VideoReader

        self._server = FrameServer(lambda: VideoReader(path, index), self._on_picture, self._on_error)

    def request(self, frame: int) -> None:
        """Ask for a picture; a newer request replaces one that has not been served."""
        self._server.request(frame)

    def stop(self) -> None:
        """End the thread and close the file. Waits: call it outside the window's thread."""
        self._server.stop()

    def _on_picture(self, frame: int, picture: np.ndarray) -> None:
        try:
            if self._prepare is not None:
                self._prepare(picture)
        finally:
            self.picture.emit(frame, picture)

    def _on_error(self, frame: int, error: Exception) -> None:
        self.failed.emit(frame, str(error) or f"Frame {frame} can't be decoded.")

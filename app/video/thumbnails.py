"""Small pictures of some frames of a video, made without hurry in a thread of their own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from app.video.cache import FrameCache

if TYPE_CHECKING:
    from glsmamba.data.video import VideoReader

_log = logging.getLogger(__name__)

#: Thumbnails kept, so that scrolling back makes none again: about 2,000 at a height of 54.
_KEPT_BYTES = 32 << 20


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A small picture.

    Attributes:
        wanted: the frame that was asked for.
        frame: the frame that is shown: the same one, or the key frame before it where speed was asked for.
        picture: (height, width, 3) uint8 RGB.
    """

    wanted: int
    frame: int
    picture: np.ndarray


class ThumbnailMaker:
    """Makes thumbnails in its own thread with its own reader, pausing between two so that decoding for the screen goes first.

    Args:
        reader: opens the reader; called once, in the maker's thread.
        on_thumbnail: called in the maker's thread with each thumbnail.
        height: of the thumbnails, in pixels.
        pause: seconds to rest after each picture.
        on_error: called in the maker's thread with an error that ended the work or lost a picture.
    """

    def __init__(
        self,
        reader: Callable[[], VideoReader],
        on_thumbnail: Callable[[Thumbnail], None],
        height: int = 54,
        *,
        pause: float = 0.01,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self._factory, self._on_thumbnail, self._on_error = reader, on_thumbnail, on_error
        self._height, self._pause = height, pause
        self._wake = threading.Condition()
        self._wanted: list[tuple[int, bool]] = []
        self._made: FrameCache[np.ndarray] = FrameCache(_KEPT_BYTES)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="thumbnails", daemon=True)
        self._thread.start()

    def request(self, frames: Iterable[int], *, exact: bool = True) -> None:
        """Make thumbnails of these frames, in this order; whatever was asked for before and is not made yet is dropped.

        With ``exact=False`` the key frame at or before each is shown instead, which is many times faster in long groups of
        pictures; :attr:`Thumbnail.frame` says which one it is.
        """
        with self._wake:
            self._wanted = [(int(i), exact) for i in frames]
            self._wake.notify()

    def cancel(self) -> None:
        """Forget what was asked for and is not made yet."""
        self.request(())

    def stop(self) -> None:
        """End the thread and wait for it. No callback comes after it returns."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _next(self) -> tuple[int, bool] | None:
        with self._wake:
            while not self._wanted and not self._stopping:
                self._wake.wait()
            return None if self._stopping else self._wanted.pop(0)

    def _run(self) -> None:
        try:
            reader = self._factory()
        except Exception as error:  # the thread must tell, whatever it was
            self._tell(error)
            return
        try:
            while (job := self._next()) is not None:
                self._make(reader, *job)
                with self._wake:
                    if not self._stopping:
                        self._wake.wait(self._pause)
        finally:
            reader.close()

    def _make(self, reader: VideoReader, wanted: int, exact: bool) -> None:
        try:
            frame = wanted if exact else reader.key_before(wanted)
            picture = self._made.get(frame)
            if picture is None:
                picture = self._small(reader, frame)
                self._made.put(frame, picture)
        except _Interrupted:
            return
        except Exception as error:
            self._tell(error)
            return
        try:
            self._on_thumbnail(Thumbnail(wanted, frame, picture))
        except Exception:
            _log.exception("The receiver of the thumbnail of frame %d failed", wanted)

    def _small(self, reader: VideoReader, frame: int) -> np.ndarray:
        way = iter(reader.approach(frame))
        decoded = next(way)
        while decoded.index != frame:
            if self._stopping:
                raise _Interrupted
            decoded = next(way)
        picture = reader.to_rgb(decoded)
        width = max(1, round(picture.shape[1] * self._height / picture.shape[0]))
        return cv2.resize(picture, (width, self._height), interpolation=cv2.INTER_AREA)

    def _tell(self, error: Exception) -> None:
        if self._on_error is not None:
            self._on_error(error)
        else:
            _log.warning("Thumbnails: %s", error)


class _Interrupted(Exception):
    """The maker was stopped while it decoded."""

"""Pictures on demand from a thread of their own: the newest wish first, then the next ones in the direction of travel."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from app.video.cache import FrameCache

if TYPE_CHECKING:
    from glsmamba.data.video import Decoded, VideoReader

_log = logging.getLogger(__name__)

#: Seconds for which decoding towards an overtaken wish is finished all the same if nothing was shown for so long:
#: while scrubbing without a pause some pictures must come through.
_PATIENCE = 0.12


class FrameServer:
    """Decodes in one thread of its own and hands pictures to a callback.

    No method but :meth:`stop` waits for anything. Both callbacks run in the server's thread.

    Args:
        reader_factory: opens the reader; called once, in the server's thread.
        on_picture: called with frame number and (H, W, 3) uint8 RGB, once for each wish that was not overtaken.
        on_error: called with frame number (-1 if the video could not be opened) and the error, whose text is one sentence.
        cache: decoded pictures; by default 256 MB.
        ahead: pictures decoded beyond the one shown.
        keep: pictures kept of those decoded before a wanted one that was not in the cache, so that stepping back is quick.
    """

    def __init__(
        self,
        reader_factory: Callable[[], VideoReader],
        on_picture: Callable[[int, np.ndarray], None],
        on_error: Callable[[int, Exception], None],
        *,
        cache: FrameCache[Decoded] | None = None,
        ahead: int = 12,
        keep: int = 40,
    ) -> None:
        self._factory, self._on_picture, self._on_error = reader_factory, on_picture, on_error
        self.cache: FrameCache[Decoded] = cache if cache is not None else FrameCache()
        self._ahead, self._keep = ahead, keep
        #: 1 or -1 decodes ahead or back, 0 not at all; None follows the wishes.
        self.prefetch_direction: int | None = None
        self._wake = threading.Condition()
        self._wanted: int | None = None
        self._pending = False
        self._stopping = False
        self._travel = 1
        self._shown_at = 0.0
        self._bad: set[int] = set()
        self._thread = threading.Thread(target=self._run, name="frame-server", daemon=True)
        self._thread.start()

    def request(self, i: int) -> None:
        """Wish for frame ``i``; an older wish that was not served yet is forgotten."""
        with self._wake:
            if self._wanted is not None and i != self._wanted:
                self._travel = 1 if i > self._wanted else -1
            self._wanted, self._pending = i, True
            self._wake.notify()

    def stop(self) -> None:
        """End the thread, close the file and wait for both. No callback comes after it returns."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # -- the server's thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            reader = self._factory()
        except Exception as error:  # the thread must tell, whatever it was
            self._tell_error(-1, error)
            return
        try:
            self._serve(reader)
        finally:
            reader.close()
            self.cache.clear()

    def _serve(self, reader: VideoReader) -> None:
        while True:
            with self._wake:
                while not self._stopping and not self._pending and self._next_ahead(reader) is None:
                    self._wake.wait()
                if self._stopping:
                    return
                wanted = self._wanted if self._pending else None
                self._pending = False
                target = self._next_ahead(reader) if wanted is None else wanted
            if wanted is not None:
                self._show(reader, wanted)
            elif target is not None:
                self._decode_ahead(reader, target)

    def _next_ahead(self, reader: VideoReader) -> int | None:
        """The nearest frame to decode beyond the one shown, None when all are there."""
        direction = self._travel if self.prefetch_direction is None else self.prefetch_direction
        if self._wanted is None or not direction:
            return None
        sample = self.cache.get(self._wanted)
        count = self._ahead
        if sample is not None:
            count = min(count, self.cache.byte_budget // (3 * max(1, sample.nbytes)))
        for step in range(1, count + 1):
            i = self._wanted + direction * step
            if not 0 <= i < reader.n_frames:
                return None
            if i not in self._bad and not self.cache.has(i):
                return i
        return None

    def _show(self, reader: VideoReader, i: int) -> None:
        try:
            decoded = self.cache.get(i) or self._decode(reader, i, self._overtaken)
            picture = None if decoded is None else reader.to_rgb(decoded)
        except Exception as error:  # a damaged picture, a file that went away, no memory: all are the user's to know
            self._bad.add(i)
            if not self._stopping:
                self._tell_error(i, error)
            return
        if picture is None or self._stopping:
            return
        self._shown_at = time.monotonic()
        try:
            self._on_picture(i, picture)
        except Exception:
            _log.exception("The receiver of frame %d failed", i)

    def _decode_ahead(self, reader: VideoReader, i: int) -> None:
        try:
            self._decode(reader, i, lambda: self._pending)
        except Exception as error:  # told when the frame itself is wished for
            _log.debug("Frame %d could not be decoded ahead: %s", i, error)
            self._bad.add(i)

    def _decode(self, reader: VideoReader, i: int, give_up: Callable[[], bool]) -> Decoded | None:
        """Decode up to frame ``i``, keeping the last pictures passed; None if given up on the way."""
        passed: list[Decoded] = []
        decoded = None
        for decoded in reader.approach(i, self._keep):
            keep = min(self._keep, self.cache.byte_budget // (2 * max(1, decoded.nbytes)))
            if decoded.index != i and decoded.index >= i - keep:
                passed.append(decoded)
            if decoded.index != i and (self._stopping or give_up()):
                decoded = None
                break
        for earlier in passed:
            self.cache.put(earlier.index, earlier)
        if decoded is not None:
            self.cache.put(i, decoded)
        return decoded

    def _overtaken(self) -> bool:
        return self._pending and self._wanted is not None and time.monotonic() - self._shown_at < _PATIENCE

    def _tell_error(self, i: int, error: Exception) -> None:
        try:
            self._on_error(i, error)
        except Exception:
            _log.exception("The receiver of an error of frame %d failed", i)

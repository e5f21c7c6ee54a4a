"""Windows of frames: the key frame with its neighbours, as the model wants them."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from typing import Protocol

import numpy as np

from glsmamba.data.video import VideoError

__all__ = ["Frames", "Reader"]


class Reader(Protocol):
    """The part of :class:`glsmamba.data.video.VideoReader` that inference needs."""

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        ...

    def read(self, i: int) -> np.ndarray:
        """Frame ``i``, (H, W, 3) uint8 RGB."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class Frames:
    """Frames of one video with a small memory, so that each is decoded once while windows slide over them.

    A frame that two windows share is the same array object: the predictor then encodes it once where the boxes agree.

    Args:
        reader: of this thread.
        budget: bytes of pictures kept.
    """

    def __init__(self, reader: Reader, budget: int = 192 << 20) -> None:
        self.reader = reader
        self._budget = budget
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self._bad: dict[int, VideoError] = {}

    def __len__(self) -> int:
        return self.reader.n_frames

    def read(self, i: int, backward: bool = False) -> np.ndarray:
        """Frame ``i`` (H, W, 3) uint8 RGB, read-only.

        ``backward`` tells that earlier frames will be wanted next: decoders only go forward, so a run of them is read at once.

        Raises:
            VideoError: the frame cannot be decoded.
        """
        if i in self._bad:
            raise self._bad[i]
        if i not in self._kept and backward:
            size = next((frame.nbytes for frame in self._kept.values()), 6 << 20)
            for j in range(max(0, i - min(15, self._budget // size - 8)), i):
                if j not in self._kept and j not in self._bad:
                    try:
                        self._keep(j)
                    except VideoError:
                        continue
        if i not in self._kept:
            self._keep(i)
        self._kept.move_to_end(i)
        return self._kept[i]

    def _keep(self, i: int) -> None:
        try:
            frame = self.reader.read(i)
        except VideoError as error:
            self._bad[i] = error
            raise
        frame.setflags(write=False)
        self._kept[i] = frame
        while len(self._kept) > 8 and len(self._kept) * frame.nbytes > self._budget:
            self._kept.popitem(last=False)

    def window(self, key: int, length: int, backward: bool = False) -> tuple[np.ndarray, ...]:
        """``length`` frames around ``key``, in time order.

        Frames beyond an end of the video, or damaged ones, are replaced by the nearest sound frame towards the key frame.

        Raises:
            VideoError: the key frame itself cannot be decoded.
        """
        return self.numbered_window(key, length, backward)[1]

    def numbered_window(self, key: int, length: int, backward: bool = False) -> tuple[tuple[int, ...], tuple[np.ndarray, ...]]:
        """As :meth:`window`, and before the pictures the number of the frame that each one is."""
        last = len(self) - 1
        half = length // 2
        middle = key, self.read(key, backward)

        def side(step: int) -> list[tuple[int, np.ndarray]]:
            frames, latest = [], middle
            for n in range(1, half + 1):
                number = min(max(key + step * n, 0), last)
                with suppress(VideoError):
                    latest = number, self.read(number, backward)
                frames.append(latest)
            return frames

        numbers, pictures = zip(*reversed(side(-1)), middle, *side(1), strict=True)
        return numbers, pictures

    def close(self) -> None:
        """Let go of the file and the pictures."""
        self._kept.clear()
        self.reader.close()

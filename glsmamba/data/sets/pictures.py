"""Where the frames of a labelled sequence come from: picture files, or a video."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from glsmamba.data.picture_folder import SUFFIXES, read_picture
from glsmamba.data.video import VideoReader

__all__ = ["PictureFiles", "Pictures", "VideoFrames", "around", "numbered"]


class Pictures(Protocol):
    """Frames by number."""

    def read(self, frame: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB; :class:`~glsmamba.data.video_errors.VideoError` where it is damaged."""

    def __contains__(self, frame: object) -> bool:
        """Whether there is such a frame."""


class PictureFiles:
    """Picture files, one a frame.

    Args:
        files: frame -> file.
    """

    def __init__(self, files: Mapping[int, Path]) -> None:
        self.files = dict(files)

    def read(self, frame: int) -> np.ndarray:
        """See :class:`Pictures`."""
        return read_picture(self.files[frame])

    def __contains__(self, frame: object) -> bool:
        return frame in self.files


class VideoFrames:
    """Frames of a video, or of a folder of pictures; opened when the first one is read. Not thread-safe.

    Args:
        path: of the video.
        n_frames: how many it has, if that is known: then nothing is opened to answer what it contains.
    """

    def __init__(self, path: Path, n_frames: int | None = None) -> None:
        self.path = path
        self._n_frames = n_frames
        self._reader: VideoReader | None = None

    @property
    def reader(self) -> VideoReader:
        """The open video; raises :class:`~glsmamba.data.video_errors.VideoError`."""
        if self._reader is None:
            self._reader = VideoReader(self.path)
        return self._reader

    def read(self, frame: int) -> np.ndarray:
        """See :class:`Pictures`."""
        return self.reader.read(frame)

    def __contains__(self, frame: object) -> bool:
        count = self._n_frames if self._n_frames is not None else self.reader.n_frames
        return isinstance(frame, int) and 0 <= frame < count


def around(pictures: Pictures, key: int, length: int) -> tuple[int, ...]:
    """Frames of a window of ``length`` (odd) around a key frame: what lies beyond the first or last there is repeats it."""
    before, after = [key], [key]
    for side, step in ((before, -1), (after, 1)):
        for _ in range(length // 2):
            # A missing picture ends the clip: what comes after it is another moment.
            side.append(side[-1] + step if side[-1] + step in pictures else side[-1])
    return (*reversed(before), *after[1:])


def numbered(folder: Path, first: int = 0) -> dict[int, Path]:
    """Pictures of a folder by the number that their name ends with, less ``first``; empty where there is no such folder."""
    out: dict[int, Path] = {}
    if folder.is_dir():
        for path in folder.iterdir():
            digits = path.stem[len(path.stem.rstrip("0123456789")) :]
            if path.suffix.lower() in SUFFIXES and digits and not path.name.startswith("."):
                out[int(digits) - first] = path
    return dict(sorted(out.items()))

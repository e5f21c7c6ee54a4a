"""Reading a video by frame number: frame n is always the same picture, however it is reached.

Frame numbers are those of :class:`glsmamba.data.frame_index.FrameIndex`. A reader belongs to one thread; open one per
thread and hand all of them the same index.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.frame import PictureType

from glsmamba.data.frame_index import FrameIndex, build_index
from glsmamba.data.picture_folder import read_picture
from glsmamba.data.stream_decoder import RGBConverter, StreamDecoder, frame_bytes
from glsmamba.data.video_errors import VideoCancelled, VideoError, check_path

__all__ = ["Decoded", "FrameIndex", "VideoCancelled", "VideoError", "VideoInfo", "VideoReader", "build_index"]

#: Decoded pictures that a reader keeps, so that windows of frames can be read in any order without seeking.
_KEEP_FRAMES = 16
_KEEP_BYTES = 64 << 20
#: Pictures before a wanted one that are decoded in full even if nothing refers to them (see ``StreamDecoder.skip_before``).
_MARGIN = 8
#: Decoders that heed a change of what to skip between two packets (dav1d, for one, does not).
_THRIFTY = {"h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video"}
#: Going on over the next key frame is cheaper than seeking to it up to this many pictures.
_READ_ON = 8


# How decoding towards a picture ended: at it, beyond it without it, with a first picture beyond it already, or on pictures
# that refer to others which were not decoded.
_FOUND, _PASSED, _OVERSHOT, _UNSOUND = "found", "passed", "overshot", "unsound"


@dataclass(frozen=True)
class VideoInfo:
    """The facts of a video that a project keeps. Width and height are pixels after rotation."""

    path: str
    width: int
    height: int
    n_frames: int
    fps: float
    variable_rate: bool
    codec: str
    digest: str


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture as the decoder left it (planar YUV mostly, half the memory of RGB).

    Attributes:
        index: its frame number.
        nbytes: memory it holds.
    """

    index: int
    nbytes: int
    content: object


class FrameSeeker:
    """Decoded pictures of a video file by frame number. Keeps the last few."""

    def __init__(self, path: Path, index: FrameIndex, threads: int = 0) -> None:
        self._index = index
        self._decoder = StreamDecoder(path, threads)
        self._at = -1  # frame decoded last in the present run; the decoder goes on from the one after
        self._keys, self._entries = index.keyframes, index.entries
        self._thrifty = index.codec in _THRIFTY  # until a picture is missed that way
        self._recent: OrderedDict[int, av.VideoFrame] = OrderedDict()
        self._recent_bytes = 0

    def frame(self, i: int) -> av.VideoFrame:
        """Picture ``i``; :class:`VideoError` if it cannot be decoded."""
        return deque(self.approach(i), maxlen=1)[0][1]

    def approach(self, i: int, keep: int = _MARGIN) -> Generator[tuple[int, av.VideoFrame], None, None]:
        """Pictures decoded on the way to ``i`` with their numbers, rising, ``i`` the last; may be left before its end.

        Where decoding starts far before ``i``, pictures earlier than ``i - keep`` that no other needs are left out.

        Raises:
            VideoError: ``i`` cannot be decoded.
        """
        kept = self._recent.get(i)
        if kept is not None:
            self._recent.move_to_end(i)
            yield i, kept
            return
        found = yield from (self._counted(i) if self._index.linear else self._sought(i, keep))
        if not found:
            raise VideoError(f"Frame {i} of {self._decoder.path.name} cannot be decoded: the file is damaged there.")

    def _counted(self, i: int) -> Generator[tuple[int, av.VideoFrame], None, bool]:
        entry = int(np.searchsorted(self._entries[:, 0], i, side="right")) - 1
        start, dts = (int(v) for v in self._entries[entry]) if entry > 0 else (0, None)
        if self._at < 0 or i <= self._at or start > self._at + _READ_ON:
            self._at = start - 1
            if dts is None:
                self._decoder.rewind()
            else:
                self._decoder.seek(dts)
        else:
            dts = None
        while (frame := self._decoder.next_frame()) is not None:
            if dts is not None and self._decoder.first_dts != dts:  # the file does not lead there: count from the start
                self._decoder.rewind()
                self._at, dts = -1, None
                continue
            dts = None
            self._at += 1
            self._remember(self._at, frame)
            yield self._at, frame
            if self._at == i:
                return True
        self._at = -1
        return False

    def _sought(self, i: int, keep: int) -> Generator[tuple[int, av.VideoFrame], None, bool]:
        table = self._index.pts
        target = int(table[i])
        key = int(np.searchsorted(self._keys, target, side="right")) - 1
        before = self._decoder.skip_before
        wanted = self._decoder.skip_before = int(table[max(0, i - max(keep, _MARGIN))]) if self._thrifty else None
        ahead = 0 <= self._at < i and (i - self._at <= _READ_ON or key < 0 or self._keys[key] <= table[self._at])
        if ahead and before is not None and (wanted is None or before > max(wanted, int(table[self._at + 1]))):
            ahead = False  # an approach that was left on its way to a later frame has skipped pictures that are wanted now
        if ahead and (yield from self._advance(target)) == _FOUND:
            return True
        spare = 1  # one more key frame back where decoding passed the target without delivering it
        while True:
            self._at = -1
            if key >= 0:
                self._decoder.seek(int(self._keys[key]))
            else:
                self._decoder.rewind()
            outcome = yield from self._advance(target, sought=key >= 0)
            if outcome == _FOUND:
                return True
            if outcome == _PASSED and self._decoder.skip_before is not None:
                self._decoder.skip_before = None
                self._thrifty = False
                continue
            if outcome == _UNSOUND:
                self._keys = np.delete(self._keys, key)
            if key < 0 or (outcome == _PASSED and not spare):
                return False
            spare -= outcome == _PASSED
            key -= 1

    def _advance(self, target: int, sought: bool = False) -> Generator[tuple[int, av.VideoFrame], None, str]:
        """Decode up to the picture with that very time and say how it went."""
        table = self._index.pts
        first = True
        while (frame := self._decoder.next_frame()) is not None:
            # Pictures shown before the key frame at which decoding started refer to ones that were not decoded.
            floor = self._decoder.floor
            if frame.pts is None or (floor is not None and frame.pts < floor):
                continue
            if first and frame.pts > target:
                self._at = -1
                return _OVERSHOT
            if first and sought and not _clean_start(frame, floor, table):
                return _UNSOUND
            first = False
            at = int(np.searchsorted(table, frame.pts))
            if at < len(table) and table[at] == frame.pts:
                self._at = at
                self._remember(at, frame)
                if frame.pts <= target:
                    yield at, frame
            if frame.pts >= target:
                return _FOUND if frame.pts == target else _PASSED
        self._at = -1
        return _PASSED

    def _remember(self, i: int, frame: av.VideoFrame) -> None:
        if i in self._recent:
            return
        self._recent[i] = frame
        self._recent_bytes += frame_bytes(frame)
        while len(self._recent) > _KEEP_FRAMES or (self._recent_bytes > _KEEP_BYTES and len(self._recent) > 1):
            _, dropped = self._recent.popitem(last=False)
            self._recent_bytes -= frame_bytes(dropped)

    def close(self) -> None:
        """Release the file and the kept pictures."""
        self._recent.clear()
        self._decoder.close()


def _clean_start(frame: av.VideoFrame, floor: int | None, table: np.ndarray) -> bool:
    """Whether decoding began with a whole picture.

    Recovery points of H.264's gradual intra refresh are flagged as key frames, but the pictures after them stay broken for
    a while and the first ones are not delivered at all.
    """
    if floor is None:
        return False
    at = int(np.searchsorted(table, floor))
    shown = at < len(table) and table[at] == floor  # else the key frame is pre-roll that an edit list hides
    return not shown or (frame.pts == floor and (bool(frame.key_frame) or frame.pict_type == PictureType.I))


class VideoReader:
    """Pictures of a video file, or of a folder of pictures, by frame number. One per thread; a context manager.

    Args:
        path: video file or folder.
        index: its frame index, if it is known already; else the file is read once.
        threads: decoding threads, 0 chooses.

    Raises:
        VideoError: one sentence saying what is wrong with the file.
    """

    def __init__(self, path: str | Path, index: FrameIndex | None = None, threads: int = 0) -> None:
        self.path = check_path(path)
        self.index = index if index is not None else build_index(self.path)
        self._seeker: FrameSeeker | None = None
        if not self.index.files:
            turned = self.index.rotation % 180 != 0
            stored = (self.height, self.width) if turned else (self.width, self.height)
            self._convert = RGBConverter(*stored, self.index.rotation)
            self._seeker = FrameSeeker(self.path, self.index, threads)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.index)

    @property
    def width(self) -> int:
        """Pixels, after rotation."""
        return self.index.width

    @property
    def height(self) -> int:
        """Pixels, after rotation."""
        return self.index.height

    @property
    def fps(self) -> float:
        """Average frames per second; for times use :meth:`time`."""
        return self.index.fps

    @property
    def variable_rate(self) -> bool:
        """Whether frames are unevenly spaced in time."""
        return self.index.variable_rate

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec, ``"pictures"`` for a folder."""
        return self.index.codec

    @property
    def info(self) -> VideoInfo:
        """The facts that a project keeps."""
        return VideoInfo(
            str(self.path), self.width, self.height, self.n_frames, self.fps, self.variable_rate, self.codec, self.index.digest
        )

    def __len__(self) -> int:
        return self.n_frames

    def time(self, i: int) -> float:
        """Seconds at which frame ``i`` is shown, from its own timestamp."""
        self._check(i)
        return self.index.time(i)

    def read(self, i: int) -> np.ndarray:
        """Frame ``i`` as (H, W, 3) uint8 RGB, the caller's own array.

        Raises:
            IndexError: there is no such frame.
            VideoError: the file is damaged there, or went away.
        """
        return self.to_rgb(self.decode(i))

    def decode(self, i: int) -> Decoded:
        """Frame ``i`` as the decoder left it, for caches; errors as :meth:`read`."""
        self._check(i)
        if self._seeker is not None:
            frame = self._seeker.frame(i)
            return Decoded(i, frame_bytes(frame), frame)
        return self._from_folder(i)

    def approach(self, i: int, keep: int = 0) -> Iterator[Decoded]:
        """Frames decoded on the way to frame ``i``, rising, ``i`` the last; may be left before its end.

        For caches: the pictures passed on the way from a key frame cost little more. Those from ``i - keep`` on come without
        gaps if decoding starts before them; of earlier ones some are left out. Errors as :meth:`read`.
        """
        self._check(i)
        if self._seeker is None:
            yield self._from_folder(i)
            return
        for n, frame in self._seeker.approach(i, keep):
            yield Decoded(n, frame_bytes(frame), frame)

    def _from_folder(self, i: int) -> Decoded:
        if not self.index.files:
            raise VideoError(f"{self.path.name} was closed.")
        picture = read_picture(self.path / self.index.files[i])
        if picture.shape[:2] != (self.height, self.width):
            raise VideoError(f"{self.index.files[i]} has changed its size since the folder was opened.")
        return Decoded(i, picture.nbytes, picture)

    def to_rgb(self, decoded: Decoded) -> np.ndarray:
        """(H, W, 3) uint8 RGB of a picture from :meth:`decode`, the caller's own array."""
        if isinstance(decoded.content, np.ndarray):
            return decoded.content.copy()
        return self._convert(decoded.content)  # type: ignore[arg-type]

    def key_before(self, i: int) -> int:
        """The frame at which decoding starts to reach frame ``i``."""
        self._check(i)
        return self.index.key_before(i)

    def _check(self, i: int) -> None:
        if not 0 <= i < self.n_frames:
            raise IndexError(f"There is no frame {i}: {self.path.name} has frames 0 to {self.n_frames - 1}.")

    def close(self) -> None:
        """Release the file."""
        if self._seeker is not None:
            self._seeker.close()
            self._seeker = None

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

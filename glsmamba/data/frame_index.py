"""The frame index: which presentation time is frame n, found once by reading all packets.

Frame n is the n-th entry of the sorted table of presentation times, never ``i / fps``: containers with variable rate, a
start offset, edit lists or reordered pictures all break that arithmetic. Where the timestamps cannot be trusted (AVI,
transport streams, damage), the whole file is decoded once and a few seeks are compared with it; if they disagree the file is
read linearly: frame n is then the n-th picture from the start.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from glsmamba.data import picture_folder
from glsmamba.data.stream_decoder import StreamDecoder
from glsmamba.data.video_errors import VideoCancelled, VideoError, check_path

#: Containers whose packet times are those of the pictures. All others are decoded once to be sure.
_TRUSTED = {"mov", "mp4", "matroska", "webm", "nut"}
#: Pictures decoded at the start of a trusted file to see that packet times and picture times agree.
_PREFIX = 24
#: A last group of pictures longer than this is not decoded for its tail unless the file looks damaged.
_TAIL = 96
#: About how many key frames are tried before pictures are counted from them.
_ENTRIES_TRIED = 40

Progress = Callable[[float], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """What picture frame n is.

    Attributes:
        pts: (n,) int64, rising: presentation time of each frame in units of ``time_base``.
        time_base: seconds per unit.
        keyframes: (m,) int64, rising: presentation times of the pictures at which decoding can start. May begin before
            the first frame (pre-roll of an edit list).
        digest: sha256 (hex) over packet times, packet sizes, picture size and codec: the same for a copy or a renamed file,
            another for a re-encoded one.
        width: pixels, after rotation.
        height: pixels, after rotation.
        codec: FFmpeg's name of the codec, ``"pictures"`` for a folder.
        linear: frame n can only be reached by counting pictures, from the start or from an entry.
        rotation: degrees counter-clockwise by which pictures are turned upright.
        entries: (m, 2) int64, used if ``linear``: frame number and decoding time of key frames from which counting was seen to
            give the same pictures as from the start. Empty: only the start will do.
        files: file names of a folder of pictures, empty for a video file.
    """

    pts: np.ndarray
    time_base: Fraction
    keyframes: np.ndarray
    digest: str
    width: int
    height: int
    codec: str
    linear: bool = False
    rotation: int = 0
    nominal_rate: float = 0.0
    entries: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    files: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def fps(self) -> float:
        """Average frames per second."""
        span = float((int(self.pts[-1]) - int(self.pts[0])) * self.time_base)
        return (len(self.pts) - 1) / span if span > 0 else self.nominal_rate

    @property
    def variable_rate(self) -> bool:
        """Whether frames are unevenly spaced by more than the rounding of the file's clock."""
        if len(self.pts) < 3:
            return False
        steps = np.diff(self.pts)
        usual = float(np.median(steps))
        return bool(np.abs(steps - usual).max() > max(1.5, 0.05 * usual))

    def time(self, i: int) -> float:
        """Seconds at which frame ``i`` is shown, as the file says it (the first frame need not be at 0)."""
        return float(int(self.pts[i]) * self.time_base)

    def frame_at(self, seconds: float) -> int:
        """The frame that is on screen at a time, clamped to the video."""
        units = int(np.floor(seconds / float(self.time_base) + 1e-6))
        return int(np.clip(np.searchsorted(self.pts, units, side="right") - 1, 0, len(self.pts) - 1))

    def key_before(self, i: int) -> int:
        """The frame at which decoding must start to reach frame ``i``."""
        if self.linear:
            at = int(np.searchsorted(self.entries[:, 0], i, side="right")) - 1
            return int(self.entries[at, 0]) if at >= 0 else 0
        if not len(self.keyframes):
            return 0
        at = int(np.searchsorted(self.keyframes, self.pts[i], side="right")) - 1
        return int(np.searchsorted(self.pts, self.keyframes[at])) if at >= 0 else 0


@dataclass
class _Packets:
    """The facts of a demultiplexing pass, in file order; a missing time is None."""

    pts: list[int | None] = field(default_factory=list)
    dts: list[int | None] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    keys: list[bool] = field(default_factory=list)
    discarded: list[bool] = field(default_factory=list)
    corrupt: bool = False
    first: bytes = b""


def build_index(path: str | Path, progress: Progress | None = None, cancelled: Cancelled | None = None) -> FrameIndex:
    """Read a video file, or a folder of pictures, once and say which picture frame n is.

    Args:
        path: video file or folder of pictures.
        progress: called with 0..1 now and then, on the calling thread.
        cancelled: asked now and then; when it says True :class:`VideoCancelled` is raised.

    Raises:
        VideoError: missing, unreadable, not a video, no picture in it that can be decoded.
    """
    found = check_path(path)
    pulse = _Pulse(progress, cancelled)
    if found.is_dir():
        return _folder_index(found, pulse)
    decoder = StreamDecoder(found)
    try:
        return _file_index(decoder, pulse)
    finally:
        decoder.close()
        pulse.tell(1.0)


class _Pulse:
    """Reports progress and asks whether to stop."""

    def __init__(self, progress: Progress | None, cancelled: Cancelled | None) -> None:
        self._progress, self._cancelled = progress, cancelled

    def tell(self, fraction: float) -> None:
        if self._progress is not None:
            self._progress(min(1.0, max(0.0, fraction)))

    def __call__(self, fraction: float) -> None:
        if self._cancelled is not None and self._cancelled():
            raise VideoCancelled
        self.tell(fraction)


def _folder_index(folder: Path, pulse: _Pulse) -> FrameIndex:
    facts = picture_folder.scan(folder, pulse)
    n = len(facts.files)
    return FrameIndex(
        pts=np.arange(n, dtype=np.int64),
        time_base=Fraction(1, picture_folder.NOMINAL_RATE),
        keyframes=np.arange(n, dtype=np.int64),
        digest=facts.digest,
        width=facts.width,
        height=facts.height,
        codec="pictures",
        nominal_rate=float(picture_folder.NOMINAL_RATE),
        files=facts.files,
    )


def _file_index(decoder: StreamDecoder, pulse: _Pulse) -> FrameIndex:
    packets = _demux(decoder, pulse)
    decoder.rewind()
    first = decoder.next_frame()
    if first is None:
        raise VideoError(f"{decoder.path.name} holds no picture that can be decoded: the file is damaged.")
    rotation = int(first.rotation or 0)
    size = (first.width, first.height)
    stream = decoder.stream
    rate = stream.average_rate or stream.guessed_rate or Fraction(0)
    template = FrameIndex(
        pts=_table(packets),
        time_base=Fraction(stream.time_base),
        keyframes=_key_table(packets),
        digest=_digest(packets, stream, size),
        width=size[1] if rotation % 180 else size[0],
        height=size[0] if rotation % 180 else size[1],
        codec=stream.codec_context.name,
        rotation=rotation,
        nominal_rate=float(rate),
    )
    if _suspicious(packets, decoder) or not _prefix_agrees(decoder, first, template):
        return _decoded_index(decoder, template, packets, pulse)
    index = _without_tail(decoder, template)
    return _decoded_index(decoder, template, packets, pulse) if decoder.refused else index


def _demux(decoder: StreamDecoder, pulse: _Pulse) -> _Packets:
    packets = _Packets()
    size = decoder.container.size or 0
    for n, packet in enumerate(decoder.packets()):
        if not n:
            packets.first = bytes(packet)
        packets.pts.append(packet.pts)
        packets.dts.append(packet.dts)
        packets.sizes.append(packet.size)
        packets.keys.append(packet.is_keyframe)
        packets.discarded.append(packet.is_discard)
        packets.corrupt |= packet.is_corrupt
        if n % 256 == 0:
            pulse(0.3 * packet.pos / size if size and packet.pos else 0.0)
    if not packets.sizes:
        raise VideoError(f"{decoder.path.name} holds no pictures: the file is damaged or was cut short.")
    return packets


def _table(packets: _Packets) -> np.ndarray:
    """Sorted times of the pictures to be shown: without edit-list discards and pictures that precede the first key frame."""
    start = next((p for p, key in zip(packets.pts, packets.keys, strict=True) if key and p is not None), None)
    shown = [
        p
        for p, discarded in zip(packets.pts, packets.discarded, strict=True)
        if p is not None and not discarded and (start is None or p >= start)
    ]
    return np.array(sorted(shown), dtype=np.int64)


def _key_table(packets: _Packets) -> np.ndarray:
    keys = {p for p, key in zip(packets.pts, packets.keys, strict=True) if key and p is not None}
    return np.array(sorted(keys), dtype=np.int64)


def _digest(packets: _Packets, stream: av.VideoStream, size: tuple[int, int]) -> str:
    missing = np.iinfo(np.int64).min
    digest = hashlib.sha256()
    digest.update(f"{stream.codec_context.name} {size[0]}x{size[1]} {stream.time_base} {len(packets.sizes)}".encode())
    for times in (packets.pts, packets.dts):
        digest.update(np.array([missing if t is None else t for t in times], dtype="<i8").tobytes())
    digest.update(np.array(packets.sizes, dtype="<i8").tobytes())
    digest.update(packets.first)
    return digest.hexdigest()


def _suspicious(packets: _Packets, decoder: StreamDecoder) -> bool:
    """Whether the packet times may not be those of the pictures, so that the file must be decoded once."""
    times = [p for p in packets.pts if p is not None]
    return (
        not _TRUSTED & set(decoder.format.split(","))
        # VP8 has packets without a picture (hidden alternate reference frames)
        or decoder.stream.codec_context.name in ("vp8", "libvpx")
        or packets.corrupt
        or decoder.broken_off
        or len(times) < len(packets.pts)
        or len(set(times)) < len(times)
        or not any(packets.keys)
        or decoder.stream.frames > len(packets.sizes)
    )


def _prefix_agrees(decoder: StreamDecoder, first: av.VideoFrame, index: FrameIndex) -> bool:
    """Whether the first pictures come out with the times that the table has for them."""
    frame: av.VideoFrame | None = first
    for expected in index.pts[:_PREFIX]:
        if frame is None or frame.pts != expected:
            return False
        frame = decoder.next_frame()
    return len(index) > 0


def _without_tail(decoder: StreamDecoder, index: FrameIndex) -> FrameIndex:
    """Drop frames at the very end that the decoder does not deliver (a last packet cut in the middle)."""
    start = index.key_before(len(index) - 1)
    if len(index) - start > _TAIL:
        return index
    decoder.seek(int(index.pts[start]))
    last = -1
    while (frame := decoder.next_frame()) is not None:
        if frame.pts is not None:
            last = max(last, int(np.searchsorted(index.pts, frame.pts, side="right")) - 1)
    if last < start or last == len(index) - 1:
        return index
    return replace(index, pts=index.pts[: last + 1])


def _decoded_index(decoder: StreamDecoder, template: FrameIndex, packets: _Packets, pulse: _Pulse) -> FrameIndex:
    """The index from decoding the whole file once; seeking is allowed only if a few seeks find the very same pictures."""
    decoder.rewind()
    times: list[int | None] = []
    marks: list[int] = []
    keys: list[int] = []
    while (frame := decoder.next_frame()) is not None:
        times.append(frame.pts)
        marks.append(checksum(frame))
        if frame.key_frame:
            keys.append(len(times) - 1)
        if len(times) % 8 == 0:
            pulse(0.3 + 0.7 * len(times) / max(len(times), len(packets.sizes)))
    if not times:
        raise VideoError(f"{decoder.path.name} holds no picture that can be decoded: the file is damaged.")
    known = [t for t in times if t is not None]
    pts = np.array(known, dtype=np.int64)
    if len(known) == len(times) and (np.diff(pts) > 0).all():
        index = replace(template, pts=pts)
        if len(index.keyframes) and _seeks_agree(decoder.path, index, marks, pulse):
            return index
        return _with_entries(decoder, replace(index, linear=True), packets, keys, marks, pulse)
    step = 1 / (template.nominal_rate or 25.0) / float(template.time_base)
    origin = known[0] if known else 0
    even = origin + np.round(np.arange(len(times)) * step).astype(np.int64)
    return _with_entries(decoder, replace(template, pts=even, linear=True), packets, keys, marks, pulse)


def _with_entries(
    decoder: StreamDecoder, index: FrameIndex, packets: _Packets, keys: list[int], marks: list[int], pulse: _Pulse
) -> FrameIndex:
    """Add the key frames from which pictures can be counted, if counting from them finds the very same pictures.

    AVI has no presentation times, but its key frames can be found by decoding time; packed B-frames and open groups are
    what the comparison is for.
    """
    dts = [t for t, key in zip(packets.dts, packets.keys, strict=True) if key and t is not None]
    rising = all(a < b for a, b in pairwise(dts))
    if len(dts) != len(keys) or len(dts) < 2 or not rising or keys[0] != 0:
        return index
    entries = np.array([keys, dts], dtype=np.int64).T
    for k in range(1, len(dts), max(1, len(dts) // _ENTRIES_TRIED)):
        pulse(1.0)
        decoder.seek(dts[k])
        for mark in marks[keys[k] : keys[k] + 4]:
            frame = decoder.next_frame()
            if decoder.first_dts != dts[k] or frame is None or checksum(frame) != mark:
                return index
    return replace(index, entries=entries)


def _seeks_agree(path: Path, index: FrameIndex, marks: list[int], pulse: _Pulse) -> bool:
    from glsmamba.data.video import FrameSeeker

    n = len(index)
    keys = [index.key_before(i) for i in range(0, n, max(1, n // 5))]
    probes = {0, n - 1, n // 2, n // 3, (n * 5) // 7} | {max(0, k - 1) for k in keys[1:4]} | set(keys[1:4])
    seeker = FrameSeeker(path, index)
    try:
        for i in sorted(probes, key=lambda i: (i * 7919) % 101):
            pulse(1.0)
            try:
                if checksum(seeker.frame(i)) != marks[i]:
                    return False
            except VideoError:
                return False
    finally:
        seeker.close()
    return True


def checksum(frame: av.VideoFrame) -> int:
    """CRC of the first plane's picture area, every fourth row (rows are padded with bytes that are not the picture's)."""
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8)
    rows = rows[: plane.line_size * plane.height].reshape(plane.height, plane.line_size)
    return zlib.crc32(rows[::4, : plane.width].tobytes())

"""One open video stream: demultiplexing, seeking and decoding, with damage passed over rather than raised.

Nothing here knows frame numbers; :mod:`glsmamba.data.video` puts them on top.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from glsmamba.data.video_errors import VideoError, explain

#: Demultiplexers that take text or a single picture for a video.
_NOT_VIDEO = {"tty", "image2", "image2pipe", "bin", "xbin", "idf", "adf"}


def default_threads() -> int:
    """Decoding threads that leave room for the model on the same machine."""
    return max(1, min(4, os.cpu_count() or 1))


class StreamDecoder:
    """Sequential decoding from the start of a file or from a key frame. Use from one thread at a time.

    Args:
        path: an existing file.
        threads: decoding threads (frame threading); 0 chooses.

    Raises:
        VideoError: the file is not a video or has no video stream.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        self.path = path
        self._threads = threads or default_threads()
        #: Presentation time of the first key frame packet since the last seek; pictures before it may be broken.
        self.floor: int | None = None
        #: Decoding time of the first packet since the last seek.
        self.first_dts: int | None = None
        #: Pictures before this time that no other picture refers to are not decoded: on the way to a far picture they only
        #: cost time. None decodes all.
        self.skip_before: int | None = None
        #: Whether the demultiplexer stopped with an error instead of at the end of the file.
        self.broken_off = False
        #: Packets that the decoder refused since opening.
        self.refused = 0
        self._open()

    def _open(self) -> None:
        try:
            self.container = av.open(str(self.path), metadata_errors="replace")
        except av.error.InvalidDataError as error:
            raise VideoError(f"{self.path.name} is not a video that can be read: it may be damaged or cut short.") from error
        except OSError as error:
            raise explain(error, self.path) from error
        try:
            self.stream = self._choose_stream()
        except VideoError:
            self.container.close()
            raise
        self.stream.thread_type = "FRAME"
        self.stream.codec_context.thread_count = self._threads
        self._frames: Iterator[av.VideoFrame] | None = None
        self._at_start = True

    def _choose_stream(self) -> av.VideoStream:
        names = set(self.container.format.name.split(","))
        if names & _NOT_VIDEO or self.container.format.name.endswith("_pipe"):
            raise VideoError(f"{self.path.name} is not a video: open a video file, or a folder of pictures.")
        streams = [s for s in self.container.streams.video if not int(s.disposition) & int(av.stream.Disposition.attached_pic)]
        if not streams:
            raise VideoError(f"{self.path.name} has no video stream: open a file that has pictures in it.")
        stream = max(streams, key=lambda s: bool(int(s.disposition) & int(av.stream.Disposition.default)))
        if stream.codec_context is None:
            raise VideoError(f"{self.path.name} is in a video format that this installation has no decoder for.")
        return stream

    @property
    def format(self) -> str:
        """FFmpeg's name of the container format."""
        return self.container.format.name

    def packets(self) -> Iterator[av.Packet]:
        """All packets of the stream from here on, none of them empty; a read error ends the iteration."""
        self._at_start = False
        try:
            for packet in self.container.demux(self.stream):
                if packet.size:
                    yield packet
        except (av.error.FFmpegError, OSError):
            self.broken_off = True

    def next_frame(self) -> av.VideoFrame | None:
        """The next picture in order of presentation, None at the end."""
        if self._frames is None:
            self._frames = self._decode()
        return next(self._frames, None)

    def _decode(self) -> Iterator[av.VideoFrame]:
        context = self.stream.codec_context
        context.skip_frame = "DEFAULT"
        skipping = False
        for n, packet in enumerate(self.packets()):
            if n == 0:
                self.first_dts = packet.dts
            if self.floor is None and packet.is_keyframe and packet.pts is not None:
                self.floor = packet.pts
            skip = self.skip_before is not None and packet.pts is not None and packet.pts < self.skip_before
            if skip != skipping:
                context.skip_frame = "NONREF" if skip else "DEFAULT"
                skipping = skip
            try:
                yield from packet.decode()
            except (av.error.FFmpegError, OSError):
                self.refused += 1
        try:
            yield from context.decode(None)
        except (av.error.FFmpegError, OSError):
            self.refused += 1

    def seek(self, pts: int) -> bool:
        """Go to the key frame at or before a time in the stream's time base; False if the file cannot seek there."""
        if self._at_start and self.stream.codec_context.name == "mpeg4":
            self.next_frame()  # only the first packet says whether B-pictures are packed
        self._frames = None
        self.floor = self.first_dts = None
        self._at_start = False
        try:
            self.container.seek(pts, stream=self.stream, backward=True, any_frame=False)
        except (av.error.FFmpegError, OSError):
            self.rewind()
            return False
        return True

    def rewind(self) -> None:
        """Go back to the very first packet, by opening the file anew: the only seek that every format honours."""
        if self._at_start:
            return
        self.container.close()
        self.floor = self.first_dts = None
        self._open()

    def close(self) -> None:
        """Release the file."""
        self._frames = None
        self.container.close()


class RGBConverter:
    """Turns decoded pictures into upright RGB with one kept scaler (a new one per picture costs six times as much).

    Args:
        width: of the picture before rotation.
        height: of the picture before rotation.
        rotation: degrees counter-clockwise, a multiple of 90, as FFmpeg's display matrix says.
    """

    def __init__(self, width: int, height: int, rotation: int = 0) -> None:
        self._reformatter = VideoReformatter()
        self._size = width, height
        self._turns = round(rotation / 90) % 4

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """(H, W, 3) uint8 RGB, contiguous, the caller's own."""
        picture = self._reformatter.reformat(frame, *self._size, format="rgb24").to_ndarray()
        return np.ascontiguousarray(np.rot90(picture, self._turns)) if self._turns else picture


def frame_bytes(frame: av.VideoFrame) -> int:
    """Memory that a decoded picture holds."""
    return sum(plane.buffer_size for plane in frame.planes)

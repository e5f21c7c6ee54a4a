"""Small clips made at test time in many codecs and containers; every picture carries its number as black and white cells."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, N = 160, 96, 90
CELL = 20


def numbered_picture(n: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A moving texture with ``n`` as eight cells along the top and its complement below."""
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([(x + 3 * n) % 160 + 40, (2 * y + n) % 160 + 40, (x + y) % 160 + 40], axis=-1).astype(np.uint8)
    for bit in range(8):
        on = (n >> bit) & 1
        picture[0:24, bit * CELL : (bit + 1) * CELL] = 235 if on else 16
        picture[24:48, bit * CELL : (bit + 1) * CELL] = 16 if on else 235
    return picture


def number_of(picture: np.ndarray) -> int:
    """The number in a picture; -1 if the two rows of cells disagree (a damaged picture)."""

    def row(top: int) -> int:
        return sum(
            1 << bit for bit in range(8) if picture[top + 4 : top + 20, bit * CELL + 4 : (bit + 1) * CELL - 4].mean() > 125
        )

    n, complement = row(0), row(24)
    return n if n ^ complement == 255 else -1


def encode(
    path: Path,
    codec: str,
    *,
    n: int = N,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    pix_fmt: str = "yuv420p",
    gop: int = 30,
    options: dict[str, str] | None = None,
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    container: str | None = None,
    muxing: dict[str, str] | None = None,
) -> Path:
    """Write pictures 0..n-1 at the given times (in ``time_base``)."""
    with av.open(str(path), "w", format=container, options=muxing or {}) as output:
        stream = output.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.codec_context.gop_size = gop
        stream.codec_context.time_base = time_base
        stream.codec_context.thread_count = 1
        for k in range(n):
            frame = av.VideoFrame.from_ndarray(numbered_picture(k, *size), format="rgb24").reformat(format=pix_fmt)
            frame.pts = times[k] if times is not None else k
            frame.time_base = time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


X264 = {"preset": "veryfast", "bf": "3"}


def h264(folder: Path, name: str, **changes: object) -> Path:
    return encode(folder / name, "libx264", **{"options": X264, **changes})  # type: ignore[arg-type]


def cut_start(path: Path, target: Path, bytes_off: int) -> Path:
    target.write_bytes(path.read_bytes()[bytes_off:])
    return target


def cut_end(path: Path, target: Path, part: float) -> Path:
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * part)])
    return target


def rotated(path: Path, target: Path, matrix: Sequence[int]) -> Path:
    """Write a display matrix (16.16 fixed point: a b c d) into the track header of an mp4 (ISO 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4
    at += 4 + (8 + 8 + 4 + 4 + 8 if data[at] == 1 else 4 + 4 + 4 + 4 + 4) + 8 + 2 + 2 + 2 + 2
    a, b, c, d = (v << 16 for v in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    target.write_bytes(data)
    return target


def edit_list(path: Path, target: Path, first: int) -> Path:
    """Copy an mp4 so that it starts at picture ``first`` of a group: the ones before are pre-roll, hidden by an edit list."""
    with av.open(str(path)) as source, av.open(str(target), "w") as output:
        video = source.streams.video[0]
        copy = output.add_stream_from_template(video)
        shift = int(first * Fraction(1, 25) / video.time_base)
        for packet in source.demux(video):
            if packet.size:
                packet.pts -= shift
                packet.dts -= shift
                packet.stream = copy
                output.mux(packet)
    return target


def packed(path: Path, target: Path) -> Path:
    """Rewrite an MPEG-4 avi with B-frames as DivX's "packed bitstream": a P- and its B-picture share one chunk, an empty
    picture follows, and a line of user data says so."""
    not_coded = b"\x00\x00\x01\xb6\x57\x50\x7f"
    with av.open(str(path)) as source:
        video = source.streams.video[0]
        chunks = [bytes(p) for p in source.demux(video) if p.size]
    kinds = [chunk[chunk.index(b"\x00\x00\x01\xb6") + 4] >> 6 for chunk in chunks]  # 0 I, 1 P, 2 B
    packed_chunks, keys, k = [], [], 0
    while k < len(chunks):
        keys.append(kinds[k] == 0)
        run = k + 1
        while run < len(chunks) and kinds[run] == 2:
            run += 1
        packed_chunks.append(b"".join(chunks[k:run][:2]))
        for spare in chunks[k:run][2:]:
            packed_chunks.append(spare)
            keys.append(False)
        if run > k + 1:
            packed_chunks.append(not_coded)
            keys.append(False)
        k = run
    at = packed_chunks[0].index(b"\x00\x00\x01\xb6")
    packed_chunks[0] = packed_chunks[0][:at] + b"\x00\x00\x01\xb2DivX503b1393p" + packed_chunks[0][at:]
    with av.open(str(path)) as source, av.open(str(target), "w") as output:
        copy = output.add_stream_from_template(source.streams.video[0])
        for n, (chunk, key) in enumerate(zip(packed_chunks, keys, strict=True)):
            packet = av.Packet(chunk)
            packet.pts = packet.dts = n
            packet.time_base, packet.is_keyframe, packet.stream = Fraction(1, 25), key, copy
            output.mux(packet)
    return target


VFR_TIMES = tuple(np.cumsum([0] + [40 + 40 * (k % 7 == 3) + 17 * (k % 3) for k in range(N - 1)]).tolist())

#: name -> (maker, numbers expected in order, whether random access without counting is expected; None: not stated)
CLIPS: dict[str, tuple[Callable[[Path], Path], range, bool | None]] = {
    "h264_b_frames": (lambda d: h264(d, "a.mp4", gop=60), range(N), True),
    "h264_one_group": (lambda d: h264(d, "a.mp4", gop=600), range(N), True),
    "h264_open_groups": (
        lambda d: h264(d, "a.mkv", gop=12, options={**X264, "x264-params": "open-gop=1:scenecut=0"}),
        range(N),
        True,
    ),
    "h264_intra_refresh": (
        lambda d: h264(d, "a.mkv", options={"preset": "veryfast", "bf": "0", "x264-params": "intra-refresh=1"}),
        range(N),
        True,
    ),
    "h264_intra_refresh_ts": (
        lambda d: h264(d, "a.ts", options={"preset": "veryfast", "bf": "0", "x264-params": "intra-refresh=1"}),
        range(N),
        None,
    ),
    "h264_variable_rate": (lambda d: h264(d, "a.mp4", times=VFR_TIMES, time_base=Fraction(1, 1000)), range(N), True),
    "h264_late_start": (lambda d: h264(d, "a.mkv", times=range(250, 250 + N)), range(N), True),
    "h264_flv": (lambda d: h264(d, "a.flv"), range(N), None),
    "h264_avi": (lambda d: h264(d, "a.avi"), range(N), None),
    "h264_ts": (lambda d: h264(d, "a.ts"), range(N), None),
    "h264_ts_cut": (lambda d: cut_start(h264(d, "full.ts"), d / "a.ts", 188 * 120), range(60, N), None),
    "h264_raw": (lambda d: h264(d, "a.h264"), range(N), None),
    "h264_edit_list": (lambda d: edit_list(h264(d, "full.mp4"), d / "a.mp4", 17), range(17, N), True),
    "h264_10_bit_odd": (
        lambda d: h264(d, "a.mkv", size=(161, 97), pix_fmt="yuv444p10le"),
        range(N),
        True,
    ),
    "h264_fragmented": (
        lambda d: h264(d, "a.mp4", muxing={"movflags": "frag_keyframe+empty_moov"}),
        range(N),
        True,
    ),
    "hevc": (
        lambda d: encode(
            d / "a.mp4",
            "libx265",
            options={"preset": "ultrafast", "x265-params": "log-level=none:bframes=3:open-gop=1:keyint=20"},
        ),
        range(N),
        True,
    ),
    "vp9": (lambda d: encode(d / "a.webm", "libvpx-vp9", options={"cpu-used": "8", "deadline": "realtime"}), range(N), True),
    "vp8_hidden": (
        lambda d: encode(d / "a.webm", "libvpx", options={"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "4"}),
        range(N),
        None,
    ),
    "av1": (lambda d: encode(d / "a.mp4", "libsvtav1", options={"preset": "12", "svtav1-params": "lp=1"}), range(N), True),
    "mpeg4_avi": (lambda d: encode(d / "a.avi", "mpeg4", options={"bf": "2", "qscale": "3"}), range(N), None),
    "mpeg4_packed": (
        lambda d: packed(encode(d / "plain.avi", "mpeg4", options={"bf": "1", "qscale": "3"}), d / "a.avi"),
        range(N),
        None,
    ),
    "mpeg2_ps": (lambda d: encode(d / "a.mpg", "mpeg2video", gop=15, options={"bf": "2", "qscale": "3"}), range(N), None),
    "mjpeg_avi": (lambda d: encode(d / "a.avi", "mjpeg", pix_fmt="yuvj420p"), range(N), None),
    "ffv1": (lambda d: encode(d / "a.mkv", "ffv1"), range(N), True),
    "prores": (lambda d: encode(d / "a.mov", "prores_ks", pix_fmt="yuv422p10le"), range(N), True),
    "gif": (lambda d: encode(d / "a.gif", "gif", pix_fmt="rgb8"), range(N), None),
}

"""Seek latency of the video reader against OpenCV, on the same clips in the same run.

Ends with a line per goal, ``name measured goal ok|SHORT``, and exit status 1 if any falls short. Clips are made at run time:
960x540 H.264 with B-frames and 250 pictures a group, and the same with a variable rate.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from app.video.server import FrameServer
from glsmamba.data.video import VideoReader, build_index

WIDTH, HEIGHT = 960, 540


def numbered(path: Path, n: int, times: list[int]) -> Path:
    """A clip with camera noise and its frame numbers as twelve cells along the top."""
    rng = np.random.default_rng(0)
    scene = cv2.GaussianBlur(rng.integers(0, 255, (HEIGHT, WIDTH * 2, 3), np.uint8), (0, 0), 3)
    scene = cv2.normalize(scene, None, 0, 255, cv2.NORM_MINMAX)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30, options={"preset": "veryfast", "bf": "3", "x264-params": "scenecut=0"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 250
        stream.codec_context.time_base = Fraction(1, 1000)
        for k in range(n):
            left = (k * 3) % WIDTH
            picture = scene[:, left : left + WIDTH].copy()
            for bit in range(12):
                picture[:40, bit * 80 : bit * 80 + 80] = 235 if (k >> bit) & 1 else 16
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = times[k], Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def number_in(picture: np.ndarray) -> int:
    return sum(1 << bit for bit in range(12) if picture[10:30, bit * 80 + 20 : bit * 80 + 60].mean() > 125)


Getter = Callable[[int], np.ndarray]


def compared(getters: list[Getter], wanted: list[int]) -> list[tuple[float, int]]:
    """For each reader the median milliseconds per picture and how many were another one than wanted.

    They take turns at every picture, so that all meet the same load of the machine.
    """
    took: list[list[float]] = [[] for _ in getters]
    wrong = [0] * len(getters)
    for i in wanted:
        for k, get in enumerate(getters):
            start = time.perf_counter()
            picture = get(i)
            took[k].append(time.perf_counter() - start)
            wrong[k] += number_in(picture) != i
    return [(1000 * statistics.median(t), w) for t, w in zip(took, wrong, strict=True)]


class Served:
    """Pictures from a frame server, as the window gets them."""

    def __init__(self, path: Path) -> None:
        self._came = threading.Event()
        self._picture: tuple[int, np.ndarray] = (-1, np.zeros(0))
        index = build_index(path)
        self._server = FrameServer(lambda: VideoReader(path, index), self._take, self._fail)

    def _take(self, i: int, picture: np.ndarray) -> None:
        self._picture = i, picture
        self._came.set()

    def _fail(self, i: int, error: Exception) -> None:
        print(f"frame {i}: {error}", file=sys.stderr)

    def get(self, i: int) -> np.ndarray:
        self._came.clear()
        self._server.request(i)
        while not (self._came.wait(30) and self._picture[0] == i):
            self._came.clear()
        return self._picture[1]

    def stop(self) -> None:
        self._server.stop()


def opencv(path: Path) -> Callable[[int], np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    position = 0

    def get(i: int) -> np.ndarray:
        nonlocal position
        if i != position:
            capture.set(cv2.CAP_PROP_POS_FRAMES, i)
        ok, picture = capture.read()
        position = i + 1
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) if ok else np.zeros((HEIGHT, WIDTH, 3), np.uint8)

    return get


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=600, help="length of the clips")
    parser.add_argument("--seeks", type=int, default=40, help="random seeks per reader")
    options = parser.parse_args()
    n = options.frames
    rng = random.Random(1)
    wanted = [rng.randrange(n) for _ in range(options.seeks)]
    ahead = list(range(100, 160))
    back = list(range(400 if n > 400 else n - 1, 340 if n > 400 else n // 2, -1))
    goals: list[tuple[str, float, str, bool]] = []

    def goal(name: str, measured: float, limit: float, unit: str) -> None:
        goals.append((name, measured, f"<={limit:.1f}{unit}", measured <= limit))

    with tempfile.TemporaryDirectory() as folder:
        steady = numbered(Path(folder) / "steady.mp4", n, [round(k * 1000 / 30) for k in range(n)])
        uneven = numbered(Path(folder) / "uneven.mp4", n, [k * 33 + 40 * (k // 7) for k in range(n)])
        start = time.perf_counter()
        reader = VideoReader(steady)
        opened = 1000 * (time.perf_counter() - start)
        theirs = opencv(steady)
        (cv_seek, cv_wrong), (our_seek, our_wrong) = compared([theirs, reader.read], wanted)
        (cv_ahead, _), (our_ahead, _) = compared([theirs, reader.read], ahead)
        served = Served(steady)
        ((server_seek, server_wrong),) = compared([served.get], wanted)
        served.get(back[0] + 1)
        ((cv_back, _),) = compared([theirs], back[:20])
        ((server_back, back_wrong),) = compared([served.get], back)
        served.stop()
        reader.close()
        with VideoReader(uneven) as other:
            (_, cv_uneven), (_, our_uneven) = compared([opencv(uneven), other.read], wanted)
    print(f"{WIDTH}x{HEIGHT}, {n} frames, groups of 250; medians in ms; wrong pictures of {len(wanted)} each")
    print(f"{'':14}{'random seek':>14}{'step +1':>10}{'step -1':>10}{'wrong':>8}{'wrong, uneven':>16}")
    print(f"{'OpenCV':14}{cv_seek:14.1f}{cv_ahead:10.2f}{cv_back:10.2f}{cv_wrong:8d}{cv_uneven:16d}")
    print(f"{'VideoReader':14}{our_seek:14.1f}{our_ahead:10.2f}{'':10}{our_wrong:8d}{our_uneven:16d}")
    print(f"{'FrameServer':14}{server_seek:14.1f}{'':10}{server_back:10.2f}{server_wrong + back_wrong:8d}")
    print(f"opening with frame index: {opened:.0f} ms")
    goal("seek_wrong_frames", our_wrong + our_uneven + server_wrong + back_wrong, 0, "")
    goal("seek_random_vs_opencv", our_seek / cv_seek, 1.0, "x")
    goal("seek_random_ms", our_seek, 200, "ms")
    goal("seek_step_ahead_ms", our_ahead, 16.7, "ms")
    goal("seek_step_back_ms", server_back, 16.7, "ms")
    goal("seek_open_ms", opened, 1000, "ms")
    for name, measured, limit, ok in goals:
        print(f"{name} {measured:.2f} {limit} {'ok' if ok else 'SHORT'}")
    return 0 if all(ok for *_, ok in goals) else 1


if __name__ == "__main__":
    sys.exit(main())

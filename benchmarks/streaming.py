"""Streaming against window-by-window inference on the sample video with the shipped model.

    python benchmarks/streaming.py [--threads N] [--frames N] [--video FILE] [--check-every N]

The person detector's boxes are predicted frame after frame, once by a window for each person in each frame (the rival, exact
mode) and once streamed as the program does, in alternation frame by frame, so that whatever else runs disturbs both alike. The
pictures are decoded and the people found beforehand. The trials by which streaming finds out how many frames of a window it may
read are in its time.

Two differences of the keypoints that the program would show: to windows in the very crops that streaming held, which is what
sharing costs; and to the rival's, in crops of each frame's own box. The second one contains what the model answers differently
when a crop moves a little; for scale the same is printed for the rival's own boxes moved by one part in a hundred.

Prints one line per goal, ``name  measured  goal  ok|SHORT``; exits 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _timing import Goal, machine, report

from app.inference.detector import Detector
from app.inference.people import ABSENT_BELOW
from app.inference.tracker import TrackerSettings
from app.inference.windows import Frames
from app.video.sample import sample_video
from glsmamba.data.video import VideoReader, build_index
from glsmamba.heatmaps import crop_affine, rescaled_affine
from glsmamba.kept_memory import keep_memory
from glsmamba.predictor import PosePrediction, PoseWindow, Predictor
from glsmamba.streaming import Stream


class Clock:
    """Seconds and processor seconds of many pieces of work."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._start[0]
        self.cpu += time.process_time() - self._start[1]


def apart(a: PosePrediction, b: PosePrediction) -> np.ndarray:
    """Distances in pixels of the joints that both show."""
    shown = (a.scores >= ABSENT_BELOW) & (b.scores >= ABSENT_BELOW)
    return np.linalg.norm(a.keypoints - b.keypoints, axis=1)[shown]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--frames", type=int, help="so many frames from the first; all by default")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--video", type=Path, help="another video than the sample")
    parser.add_argument("--check-every", type=int, default=1, metavar="N", help="the same crops are tried in every Nth frame")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_memory()  # as the program does
    print(machine())

    path = options.video or sample_video()
    reader = VideoReader(path, build_index(path))
    frames = Frames(reader, budget=2 << 30)
    last = len(frames) if options.frames is None else min(options.first + options.frames, len(frames))
    chosen = range(options.first, last)
    detector, least = Detector(), TrackerSettings().high
    boxes = {f: [found.box for found in detector.detect(frames.read(f)) if found.score >= least] for f in chosen}

    predictor = Predictor.from_checkpoint(threads=options.threads)
    length = predictor.config.frames
    stream = Stream(predictor, frames)
    predictor.predict([PoseWindow(frames.window(chosen[0], length), (0.0, 0.0, 100.0, 200.0))])  # compile, touch memory

    rival, streamed = Clock(), Clock()
    same_crops: list[np.ndarray] = []
    own_crops: list[np.ndarray] = []
    nudged: list[np.ndarray] = []
    kept = 0
    for f in chosen:
        pictures = frames.window(f, length)
        frames.window(min(f + length // 2, len(frames) - 1), length)
        if not boxes[f]:
            continue
        with rival:
            exact = predictor.predict([PoseWindow(pictures, box) for box in boxes[f]])
        with streamed:
            poses = stream.predict(f, boxes[f])
        kept = max(kept, stream.features.nbytes)
        own_crops += [apart(a, b) for a, b in zip(poses, exact, strict=True)]
        if (f - options.first) % options.check_every == 0:
            c = predictor.config
            held = {rescaled_affine(crop_affine(b, c.input_size), c.input_size, c.grid).tobytes(): b for b in stream.boxes}
            same = predictor.predict([PoseWindow(pictures, held[pose.crop.tobytes()]) for pose in poses])
            same_crops += [apart(a, b) for a, b in zip(poses, same, strict=True)]
            x, y, w, h = boxes[f][0]
            (moved,) = predictor.predict([PoseWindow(pictures, (x + 0.01 * h, y, w, h))])
            nudged.append(apart(moved, exact[0]))
    reader.close()

    count = sum(map(len, boxes.values()))
    tall = np.median([box[3] for found in boxes.values() for box in found])
    print(f"{predictor.name} on {path.name}: {len(chosen)} frames, {count} windows, people {tall:.0f} px tall")
    for name, clock in (("window by window", rival), ("streaming", streamed)):
        print(f"   {name:20}{count / clock.seconds:6.1f} windows/s, {clock.cpu / count * 1e3:.0f} ms of processor a window")
    print(f"   poses are read up to {stream.reach} frames off a window's key frame; features took {kept / 1e6:.0f} MB at most")
    for name, found in (("the same crops", same_crops), ("own crops", own_crops), ("own crops moved by 1 %", nudged)):
        off = np.concatenate(found)
        print(f"   to {name:24} mean {off.mean():.3f} px, median {np.median(off):.3f}, 95 % below {np.quantile(off, 0.95):.2f}")
    to_same, to_own = (float(np.concatenate(found).mean()) for found in (same_crops, own_crops))
    return report([
        Goal("streaming against window by window", rival.seconds / streamed.seconds, 2, "x"),
        Goal("T streaming", count / streamed.seconds, 10, "windows/s"),
        Goal("mean difference to windows in the same crops", to_same, 0.5, "px", at_least=False),
        Goal("mean difference to windows in own crops", to_own, 0.5, "px", at_least=False),
    ])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

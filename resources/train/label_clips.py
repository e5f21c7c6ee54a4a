"""Cut people out of videos and label them by two teachers (MoveNet Thunder and BlazePose), for training.

Needs onnxruntime, which the program itself does not::

    python resources/train/label_clips.py OUT --models ../shared/data/models VIDEO...
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.inference.detector import Detector
from glsmamba.data.video import VideoReader
from glsmamba.training.clips import save_clip_people, teachers_agree

_CUT = 1.7  # side of a cut, in the longer side of the person's box
_SIDE = 264


class Teachers:
    """Both teachers on one square of a frame; they answer in frame pixels."""

    def __init__(self, folder: Path, threads: int):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self.movenet = ort.InferenceSession(folder / "movenet-thunder.onnx", options)
        self.blazepose = ort.InferenceSession(folder / "pose_landmark_full.onnx", options)

    def ask(self, frame: np.ndarray, box: tuple[float, float, float, float]) -> tuple[np.ndarray, np.ndarray]:
        """(17, 3) and (33, 3): x, y in frame pixels, confidence."""
        square, affine = cut(frame, box, 1.3, 256)
        scale, shift = affine[0, 0], affine[:, 2]
        answer = self.movenet.run(None, {self.movenet.get_inputs()[0].name: square[None].astype(np.int32)})[0][0, 0]
        movenet = np.column_stack([(answer[:, [1, 0]] * 256 - shift) / scale, answer[:, 2]])
        pixels = square[None].astype(np.float32) / 255
        outputs = self.blazepose.run(None, {self.blazepose.get_inputs()[0].name: pixels})
        landmarks = next(o for o in outputs if o.size == 195).reshape(39, 5)[:33]
        confidence = 1 / (1 + np.exp(-np.minimum(landmarks[:, 3], landmarks[:, 4])))
        return movenet, np.column_stack([(landmarks[:, :2] - shift) / scale, confidence])


def cut(frame: np.ndarray, box: tuple[float, float, float, float], factor: float, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Square of ``factor`` x the longer side around a box, and the affine from frame pixels to its pixels."""
    x, y, w, h = box
    side = factor * max(w, h)
    pixels = limit if factor < 1.5 else min(limit, int(np.ceil(side)))
    scale = pixels / side
    affine = np.array([[scale, 0, pixels / 2 - scale * (x + w / 2)], [0, scale, pixels / 2 - scale * (y + h / 2)]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.warpAffine(frame, affine, (pixels, pixels), flags=flags), affine


def label(video: Path, out: Path, teachers: Teachers, detector: Detector, keys: int, frames: int) -> tuple[int, int]:
    """Label about ``keys`` key frames of a video. Returns (windows kept, people looked at)."""
    windows, points, known, seen = [], [], [], 0
    with VideoReader(video) as reader:
        last = reader.n_frames - 1
        for key in np.unique(np.linspace(0, last, min(keys, last + 1)).astype(int)):
            frame = reader.read(int(key))
            for found in detector.detect(frame):
                if found.score < 0.35 or found.box[3] < 48:
                    continue
                seen += 1
                xy, ok = teachers_agree(*teachers.ask(frame, found.box))
                x, y, w, h = found.box
                if ok.sum() < 6:
                    continue
                low, high = xy[ok].min(0), xy[ok].max(0)
                # Both may agree on a neighbour: what they found must fill this person's box.
                overlap = np.clip(np.minimum(high, [x + w, y + h]) - np.maximum(low, [x, y]), 0, None).prod()
                if overlap < 0.6 * np.prod(high - low) or overlap < 0.2 * w * h:
                    continue
                own = [reader.read(int(np.clip(key + d, 0, last))) for d in range(-(frames // 2), frames // 2 + 1)]
                cuts = [cut(picture, found.box, _CUT, _SIDE) for picture in own]
                affine = cuts[0][1]
                windows.append([picture for picture, _ in cuts])
                points.append(np.where(ok[:, None], xy * affine[0, 0] + affine[:, 2], 0))
                known.append(ok)
    if windows:
        save_clip_people(out / video.stem, windows, np.stack(points), np.stack(known))
    return len(windows), seen


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--models", type=Path, default=Path("../shared/data/models"))
    parser.add_argument("--keys", type=int, default=60, help="key frames a video")
    parser.add_argument("--frames", type=int, default=5)
    options = parser.parse_args()
    teachers, detector = Teachers(options.models, 1), Detector()
    for video in options.videos:
        kept, seen = label(video, options.out, teachers, detector, options.keys, options.frames)
        print(f"{video.name}: {kept} windows of {seen} people", flush=True)


if __name__ == "__main__":
    main()

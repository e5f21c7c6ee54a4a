"""Finds people in one frame: CenterNet (MobileNetV3) run by OpenCV's ``dnn``, so that no further runtime is needed.

The network (``weights/person-detector.onnx``, origin and figures in ``weights/person-detector.md``) takes one 512x512 RGB
picture of values 0..255 and answers with 100 boxes of COCO's 80 classes. The frame is scaled to fit and put at the top left:
on labelled pictures that finds more people than stretching it to a square.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from glsmamba.data.records import Box

__all__ = ["DETECTOR_WEIGHTS", "Detection", "Detector", "DetectorError", "iou_matrix", "suppress"]

#: The shipped detector.
DETECTOR_WEIGHTS = Path(__file__).resolve().parents[2] / "weights" / "person-detector.onnx"

_SIZE = 512
_OUTPUT = "tower_0/detections"
_PERSON = 0


class DetectorError(OSError):
    """The detector's file is missing or is not the network this program expects."""


@dataclass(frozen=True)
class Detection:
    """One person found: ``box`` (x, y, w, h) in pixels of the frame, within it; ``score`` in [0, 1]."""

    box: Box
    score: float


class Detector:
    """People in a frame. Not thread-safe: one per thread.

    Args:
        path: an ONNX file with the inputs and outputs of ``weights/person-detector.md``.
        threshold: boxes scored lower are dropped. 0.15 keeps the doubtful ones, which the tracker uses only where a
            person it already follows is expected; 0.3 is where a detection is right five times in six.
        overlap: of two boxes whose intersection over union exceeds this, the lower scored is dropped.

    Raises:
        DetectorError: the file is missing or cannot be read.
    """

    def __init__(self, path: str | Path | None = None, threshold: float = 0.15, overlap: float = 0.65) -> None:
        self.path = Path(path) if path is not None else DETECTOR_WEIGHTS
        self.threshold = threshold
        self.overlap = overlap
        if not self.path.is_file():
            raise DetectorError(f"The person detector is missing: {self.path} does not exist; restore it from the repository.")
        try:
            self._net = cv2.dnn.readNetFromONNX(str(self.path))
        except cv2.error as error:
            raise DetectorError(f"{self.path} is not a person detector this program can read ({error.err}).") from error
        outputs = [name for name in self._net.getUnconnectedOutLayersNames() if name.split(":")[0] == _OUTPUT]
        if not outputs:
            raise DetectorError(f"{self.path} has no output named {_OUTPUT!r}, so it is not the person detector.")
        self._output = outputs[0]
        self._input = np.zeros((1, _SIZE, _SIZE, 3), np.float32)

    def detect(self, frame: np.ndarray) -> list[Detection]:
        """People in ``frame`` (H, W, 3) uint8 RGB, best first."""
        if frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(f"The detector takes an RGB picture (H, W, 3), not an array of shape {frame.shape}.")
        height, width = frame.shape[:2]
        scale = _SIZE / max(height, width)
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        self._input[:] = 0
        self._input[0, :h, :w] = cv2.resize(frame, (w, h), interpolation=cv2.INTER_LINEAR)
        self._net.setInput(self._input)
        found = self._net.forward(self._output)[0]
        # A row without an object can carry a class that is not a number.
        found = found[(found[:, 5] == _PERSON) & (found[:, 4] >= self.threshold) & np.isfinite(found).all(axis=1)]
        corners = found[:, :4].astype(np.float64) * [width / w, height / h, width / w, height / h]
        corners[:, 0::2] = corners[:, 0::2].clip(0, width)
        corners[:, 1::2] = corners[:, 1::2].clip(0, height)
        boxes = np.column_stack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
        big = (boxes[:, 2] >= 2) & (boxes[:, 3] >= 2)
        boxes, scores = boxes[big], found[big, 4]
        return [Detection(_as_box(boxes[i]), float(scores[i])) for i in suppress(boxes, scores, self.overlap)]


def _as_box(row: np.ndarray) -> Box:
    x, y, w, h = (float(v) for v in row)
    return x, y, w, h


def iou_matrix(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, M) intersection over union of boxes ``a`` (N, 4) and ``b`` (M, 4), each x, y, w, h."""
    a = np.asarray(a, np.float64).reshape(-1, 4)
    b = np.asarray(b, np.float64).reshape(-1, 4)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    inside = np.prod(np.clip(high - low, 0, None), axis=2)
    union = np.prod(a[:, 2:], axis=1)[:, None] + np.prod(b[:, 2:], axis=1)[None] - inside
    return inside / np.maximum(union, 1e-9)


def suppress(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> list[int]:
    """Indices of ``boxes`` (N, 4) kept by non-maximum suppression, best score first."""
    overlaps = iou_matrix(boxes, boxes)
    kept: list[int] = []
    for i in np.argsort(-np.asarray(scores), kind="stable"):
        if all(overlaps[i, j] <= overlap for j in kept):
            kept.append(int(i))
    return kept

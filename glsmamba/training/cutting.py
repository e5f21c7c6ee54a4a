"""People cut out of the frames of a video, so that hundreds fit into memory."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from glsmamba.heatmaps import Box, crop_region
from glsmamba.training.labels import TrainingDataError
from glsmamba.training.samples import Person

__all__ = ["cut_person"]

#: How much of a frame is kept around a person, in the crop's size.
_AROUND = 1.5


def cut_person(
    frames: Sequence[np.ndarray], box: Box, points: np.ndarray, known: np.ndarray, trust: np.ndarray, size: tuple[int, int]
) -> Person:
    """A person cut out of whole frames, with as much around as augmentation wants, so that hundreds fit into memory.

    Args:
        frames: a window of frames (H, W, 3) uint8 RGB.
        box: of the person in the key frame.
        points, known, trust: (15, 2), (15,) bool and (15,): joints in pixels of the frame, and how much each counts.
        size: (height, width) of the model's crops; cuts have at most one and a half times that resolution.
    """
    cx, cy, w, h = crop_region(box, size)
    height, width = frames[0].shape[:2]
    x0, y0 = (max(int(c - _AROUND * side / 2), 0) for c, side in ((cx, w), (cy, h)))
    x1, y1 = (min(int(c + _AROUND * side / 2) + 1, end) for c, side, end in ((cx, w, width), (cy, h, height)))
    if x1 - x0 < 2 or y1 - y0 < 2:
        raise TrainingDataError("A person's box lies outside of the picture.")
    scale = min(1.0, 1.5 * size[0] / h)
    shape = max(round((x1 - x0) * scale), 2), max(round((y1 - y0) * scale), 2)
    factor = np.array([shape[0] / (x1 - x0), shape[1] / (y1 - y0)])

    def cut(frame: np.ndarray) -> np.ndarray:
        part = frame[y0:y1, x0:x1]
        return part.copy() if scale == 1 else cv2.resize(part, shape, interpolation=cv2.INTER_AREA)

    # pixel centres at integers: the outer edge, not the first centre, stays where it is
    there = (np.asarray(points, np.float64) - (x0, y0) + 0.5) * factor - 0.5
    bx, by = (np.array(box[:2]) - (x0, y0) + 0.5) * factor - 0.5
    own = (float(bx), float(by), float(box[2] * factor[0]), float(box[3] * factor[1]))
    kept: dict[int, np.ndarray] = {}  # a frame that a window repeats stays one array
    cuts = tuple(kept.setdefault(id(frame), cut(frame)) for frame in frames)
    return Person(cuts, np.where(known[:, None], there, 0.0), known, trust=trust.astype(np.float32), box=own)

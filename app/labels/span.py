"""Poses of one person over many frames as arrays, read at once: for what looks along time."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from glsmamba.data.records import Visibility

__all__ = ["Span"]


@dataclass(frozen=True)
class Span:
    """The poses of one person in n frames, ascending; frames without the person are left out. Fields as in ``Pose``.

    Attributes:
        frames: (n,) int64.
        keypoints: (n, K, 2) float64 x, y in pixels of the frame.
        visibility: (n, K) uint8.
        scores: (n, K) float32.
        provenance: (n, K) uint8.
        probability: (n, K) float32, NaN where unknown.
        spread: (n, K) float32 pixels, NaN where unknown.
        disagreement: (n, K) float32 pixels, NaN where unknown.
        box: (n, 4) float64 x, y, w, h, NaN where there is none.
        head_box: (n, 4) float64 likewise.
        accepted: (n,) bool.
        reviewed: (n,) bool.
    """

    frames: np.ndarray
    keypoints: np.ndarray
    visibility: np.ndarray
    scores: np.ndarray
    provenance: np.ndarray
    probability: np.ndarray
    spread: np.ndarray
    disagreement: np.ndarray
    box: np.ndarray
    head_box: np.ndarray
    accepted: np.ndarray
    reviewed: np.ndarray

    def __len__(self) -> int:
        return len(self.frames)

    def rows(self, which: slice | np.ndarray) -> Span:
        """Some of the frames."""
        return Span(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    def size(self) -> np.ndarray:
        """(n,) the person's size in pixels: the longer side of the box, else of what the joints span; 0 for nothing."""
        extent = np.zeros(len(self))
        present = self.visibility != Visibility.ABSENT
        some = present.any(1)
        points = np.where(present[some][..., None], self.keypoints[some], np.nan)
        if some.any():
            extent[some] = (np.nanmax(points, axis=1) - np.nanmin(points, axis=1)).max(1)
        box = np.nan_to_num(self.box[:, 2:].max(1, initial=0)) if len(self) else np.zeros(0)
        return np.where(box > 0, box, extent)

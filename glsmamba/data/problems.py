"""What can be wrong with labels: one record a finding, and the rules that need no file and no project.

All rules work on plain arrays; frames are 0-based, coordinates full-frame pixels with pixel centres at integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from glsmamba.data.records import Box
from glsmamba.data.skeletons import Skeleton

__all__ = ["Problem", "Severity", "bone_lengths", "box_size", "finite", "head_segment", "odd_bones", "outside"]

#: An ``error`` makes an evaluator fail or count wrongly; a ``warning`` deserves a look.
Severity = Literal["error", "warning"]

#: A bone this many times longer or shorter than its usual length in the same track, measured in its person's size, is odd.
ODD_BONE = 2.2


@dataclass(frozen=True, order=True)
class Problem:
    """One finding.

    Attributes:
        severity: ``error`` or ``warning``.
        rule: short name of the rule, the same for all findings of a kind.
        message: one sentence: what is wrong.
        frame: where, or None when it concerns all.
        track: whom, or None.
        joint: which joint (index in the skeleton of the labels), or None.
    """

    severity: Severity
    rule: str
    message: str
    frame: int | None = None
    track: int | None = None
    joint: int | None = None


def outside(keypoints: np.ndarray, present: np.ndarray, width: int, height: int) -> np.ndarray:
    """(K,) bool: present joints beyond the picture's border (half a pixel outside the outermost pixel centres).

    Args:
        keypoints: (K, 2) x, y.
        present: (K,) bool.
        width, height: of the picture in pixels.
    """
    x, y = keypoints[:, 0], keypoints[:, 1]
    with np.errstate(invalid="ignore"):
        inside = (x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5)
    return np.asarray(present, bool) & ~inside


def finite(keypoints: np.ndarray) -> np.ndarray:
    """(K,) bool: both coordinates are numbers."""
    return np.isfinite(keypoints).all(-1)


def head_segment(keypoints: np.ndarray, present: np.ndarray, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray] | None:
    """(head_top, head_bottom), each (2,), where both are present and apart; else None."""
    try:
        top, bottom = skeleton.index("head_top"), skeleton.index("head_bottom")
    except ValueError:
        return None
    if not (present[top] and present[bottom]) or np.linalg.norm(keypoints[top] - keypoints[bottom]) < 1e-6:
        return None
    return keypoints[top], keypoints[bottom]


def bone_lengths(keypoints: np.ndarray, present: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(..., K, 2), (..., K) -> (..., E) lengths of the skeleton's edges in pixels; NaN where an end is not present."""
    edges = np.array(skeleton.edges, dtype=np.int64).reshape(-1, 2)
    length = np.linalg.norm(keypoints[..., edges[:, 0], :] - keypoints[..., edges[:, 1], :], axis=-1)
    return np.where(present[..., edges[:, 0]] & present[..., edges[:, 1]], length, np.nan)


def odd_bones(lengths: np.ndarray, sizes: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Bones much longer than usual in their own track. Short ones are no finding: they point towards the camera.

    Args:
        lengths: (F, E) of one track over its frames, NaN where unknown.
        sizes: (F,) the person's size in each frame in pixels.

    Yields:
        (row, edge, times longer than the median of the track).
    """
    if len(lengths) < 5:
        return  # too few to say what is usual
    relative = lengths / np.where(sizes > 0, sizes, np.nan)[:, None]
    counts = np.isfinite(relative).sum(0)
    usual = np.full(relative.shape[1], np.nan)
    usual[counts >= 5] = np.nanmedian(relative[:, counts >= 5], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        times = relative / usual
        rows, edges = np.nonzero(times > ODD_BONE)
    for row, edge in zip(rows.tolist(), edges.tolist(), strict=True):
        yield row, edge, float(times[row, edge])


def box_size(box: Box | None) -> float:
    """Longer side of a box in pixels; 0 without one."""
    return 0.0 if box is None else max(float(box[2]), float(box[3]))

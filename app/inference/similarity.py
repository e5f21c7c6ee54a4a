"""How alike two sightings of people are: by the pose, by the colours of the upper body; and the box that belongs to a pose.

Poses here are those of the model: ``POSETRACK15``.
"""

from __future__ import annotations

import cv2
import numpy as np

from glsmamba.data.records import Box
from glsmamba.data.skeletons import POSETRACK15

__all__ = ["appearance", "appearance_similarity", "box_of_pose", "carried_box", "pose_similarity", "share_inside"]

#: COCO's spread of human labels a joint; PoseTrack's head joints take the shoulder's, as its evaluators do.
_SPREAD = {"nose": 0.026, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062, "hip": 0.107, "knee": 0.087, "ankle": 0.089}
_SIGMAS = np.array([_SPREAD.get(name.split("_")[-1], 0.079) for name in POSETRACK15.joints])
_SHOULDERS_AND_HIPS = [
    POSETRACK15.index(name) for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
]  # fmt: skip
#: Joints scored lower say nothing about where a person is.
_SURE = 0.2


def pose_similarity(
    a: np.ndarray, a_scores: np.ndarray, b: np.ndarray, b_scores: np.ndarray, area: float, slack: float = 1.0
) -> float | None:
    """Object keypoint similarity in [0, 1] of two poses; None when fewer than four joints are sure in both.

    Args:
        a: (15, 2) keypoints in pixels.
        a_scores: (15,) their scores.
        b: (15, 2) keypoints in pixels.
        b_scores: (15,) their scores.
        area: of the person's box, square pixels.
        slack: widens the tolerance, for a pose that was carried on from another frame.
    """
    sure = (a_scores >= _SURE) & (b_scores >= _SURE)
    if np.count_nonzero(sure) < 4:
        return None
    # A box is about twice the person's own area, which is what the measure is defined on.
    distance = np.sum((a - b) ** 2, axis=1)[sure]
    reach = 2 * max(area * 0.53, 1.0) * (2 * slack * _SIGMAS[sure]) ** 2
    return float(np.exp(-distance / reach).mean())


def appearance(
    frame: np.ndarray, box: Box, keypoints: np.ndarray | None = None, scores: np.ndarray | None = None
) -> np.ndarray | None:
    """(128,) float32 square root of the colour histogram of the upper body; None if it lies outside the frame.

    Args:
        frame: (H, W, 3) uint8 RGB.
        box: of the person.
        keypoints: (15, 2): when shoulders and hips are sure, the histogram is taken between them.
        scores: (15,).
    """
    x, y, w, h = box
    left, top, right, bottom = x + 0.2 * w, y + 0.15 * h, x + 0.8 * w, y + 0.55 * h
    if keypoints is not None and scores is not None and (scores[_SHOULDERS_AND_HIPS] >= _SURE).all():
        corners = keypoints[_SHOULDERS_AND_HIPS]
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        pad = 0.08 * h
        left, right = left - pad, right + pad
    height, width = frame.shape[:2]
    x0, x1 = int(np.clip(left, 0, width)), int(np.clip(right, 0, width))
    y0, y1 = int(np.clip(top, 0, height)), int(np.clip(bottom, 0, height))
    if x1 - x0 < 3 or y1 - y0 < 3:
        return None
    patch = cv2.resize(frame[y0:y1, x0:x1], (24, 32), interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(patch, cv2.COLOR_RGB2HSV)
    histogram = cv2.calcHist([hsv], [0, 1, 2], None, [8, 4, 4], [0, 180, 0, 256, 0, 256]).ravel()
    return np.sqrt(histogram / histogram.sum()).astype(np.float32)


def appearance_similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Bhattacharyya coefficient in [0, 1] of two results of :func:`appearance`."""
    return float(np.clip(a @ b, 0, 1))


def box_of_pose(keypoints: np.ndarray, scores: np.ndarray, sure: float = 0.25) -> Box | None:
    """The person's box around the sure joints, padded as annotators pad; None with fewer than six of them."""
    points = keypoints[scores >= sure]
    if len(points) < 6:
        return None
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    w, h = right - left, bottom - top
    pad = 0.06 * max(w, h)
    return float(left - pad), float(top - pad), float(w + 2 * pad), float(h + 2 * pad)


def share_inside(keypoints: np.ndarray, scores: np.ndarray, box: Box, pad: float = 0.1) -> float | None:
    """Share in [0, 1] of the sure joints that lie in ``box``, padded by ``pad`` of its height; None with fewer than four.

    Args:
        keypoints: (15, 2) in pixels.
        scores: (15,).
        box: x, y, w, h in pixels.
        pad: how far joints may reach out, since boxes often cut hands and feet off.
    """
    sure = keypoints[scores >= _SURE]
    if len(sure) < 4:
        return None
    x, y, w, h = box
    low, high = np.array([x, y]) - pad * h, np.array([x + w, y + h]) + pad * h
    return float(((sure >= low) & (sure <= high)).all(axis=1).mean())


def carried_box(box: Box, before: np.ndarray, after: np.ndarray, scores: np.ndarray) -> Box:
    """``box`` moved and resized as the pose in it moved from ``before`` to ``after`` (each (15, 2)); scores (15,).

    The shift is the joints' median, so that a waving arm doesn't drag the box along; the box of the pose, where it can be
    had, pulls it back so that errors do not add up.
    """
    x, y, w, h = box
    sure = scores >= _SURE
    if np.count_nonzero(sure) >= 4:
        a, b = before[sure], after[sure]
        shift = np.median(b - a, axis=0)
        spread = np.linalg.norm(b - b.mean(axis=0)) / max(float(np.linalg.norm(a - a.mean(axis=0))), 1e-6)
        scale = float(np.clip(np.sqrt(spread), 0.95, 1.05))
        cx, cy = x + w / 2 + shift[0], y + h / 2 + shift[1]
        w, h = w * scale, h * scale
        x, y = cx - w / 2, cy - h / 2
    around = box_of_pose(after, scores)
    if around is not None and np.count_nonzero(scores >= 0.25) >= 11:
        x, y, w, h = (float(0.7 * own + 0.3 * pose) for own, pose in zip((x, y, w, h), around, strict=True))
    return float(x), float(y), float(w), float(h)

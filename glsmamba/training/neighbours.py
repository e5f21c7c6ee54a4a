"""Somebody else in the crop: a person of another sample set beside the one to be learnt, before or behind them.

Pictures of one person each do not teach whose joints are wanted where people overlap. Here another person is cut out along the
hull of their joints and walks through the window; the labels stay those of the person in the middle.
"""

from __future__ import annotations

import cv2
import numpy as np

from glsmamba.data.skeletons import POSETRACK15
from glsmamba.heatmaps import region_affine
from glsmamba.training.augment import joints_box

#: Times another place is tried when the neighbour would hide too much.
_TRIES = 4


def with_neighbour(
    rng: np.random.Generator,
    crops: list[np.ndarray],
    points: np.ndarray,
    known: np.ndarray,
    picture: np.ndarray,
    other_points: np.ndarray,
    other_known: np.ndarray,
) -> list[np.ndarray]:
    """Set a person of another picture into a window, at most half of the wanted one's joints behind them.

    Args:
        rng: the sample's generator.
        crops: the window's (H, W, 3) uint8 crops; not changed.
        points: (15, 2) joints of the wanted person in the key crop's pixels.
        known: (15,) bool.
        picture: (H', W', 3) uint8 RGB that shows the other person.
        other_points: (15, 2) their joints there.
        other_known: (15,) bool; fewer than six known joints leave the crops as they are.
    """
    if known.sum() < 3 or other_known.sum() < 6:
        return crops
    height, width = crops[0].shape[:2]
    x, y, w, h = joints_box(other_points, other_known)
    side = max(w, h)
    own = joints_box(points, known)
    behind = bool(rng.random() < 0.5)
    shelter = limbs_mask(points, known, (height, width), 0.09 * max(own[2:])) if behind else None
    for _ in range(_TRIES):
        size = max(own[2:]) * float(np.exp(rng.normal(0.0, 0.25)))
        turn, flipped = float(rng.normal(0, 15)), bool(rng.random() < 0.5)
        # A region of the crop's shape around the other person, in which their longer side is ``size`` crop pixels.
        scale = side / size
        cx = own[0] + own[2] / 2 + rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 0.9) * max(own[2], 0.4 * own[3])
        cy = own[1] + own[3] / 2 + rng.normal(0, 0.15) * own[3]
        region = (
            x + w / 2 + (width / 2 - cx) * scale * (-1 if flipped else 1), y + h / 2 + (height / 2 - cy) * scale,
            width * scale, height * scale,
        )  # fmt: skip
        affine = region_affine(region, (height, width), turn, flipped)
        there = other_points[other_known] @ affine[:, :2].T + affine[:, 2]
        hull = cv2.convexHull(np.rint(there).astype(np.int32))
        mask = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(mask, hull, 255)
        reach = max(int(0.06 * size), 1)
        mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
        at = np.rint(points[known]).astype(int)
        inside = (at >= 0).all(1) & (at < (width, height)).all(1)
        if behind or mask[at[inside, 1], at[inside, 0]].astype(bool).sum() <= 0.5 * known.sum():
            break
    else:
        return crops
    seen = cv2.warpAffine(picture, affine, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.GaussianBlur(mask, (0, 0), max(reach / 4, 0.7))
    velocity = rng.normal(0, 0.03, 2) * (width, height)
    key, out = len(crops) // 2, []
    for index, crop in enumerate(crops):
        person, alpha = seen, mask
        if index != key:
            shift = np.array([[1, 0, velocity[0] * (index - key)], [0, 1, velocity[1] * (index - key)]])
            person = cv2.warpAffine(seen, shift, (width, height), flags=cv2.INTER_LINEAR)
            alpha = cv2.warpAffine(mask, shift, (width, height), flags=cv2.INTER_LINEAR)
        if shelter is not None:
            alpha = np.minimum(alpha, 255 - shelter)
        share = alpha[..., None].astype(np.float32) / 255
        out.append(np.rint(crop + share * (person.astype(np.float32) - crop)).astype(np.uint8))
    return out


def limbs_mask(points: np.ndarray, known: np.ndarray, size: tuple[int, int], thickness: float) -> np.ndarray:
    """(H, W) uint8, 255 where a body of such limbs probably is: thick lines between joints, a filled trunk, soft edges."""
    mask = np.zeros(size, np.uint8)
    wide = max(round(thickness), 1)
    at = np.rint(points).astype(int)
    for first, second in POSETRACK15.edges:
        if known[first] and known[second]:
            cv2.line(mask, tuple(map(int, at[first])), tuple(map(int, at[second])), 255, wide)
    trunk = [POSETRACK15.index(name) for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")]
    if known[trunk].all():
        cv2.fillConvexPoly(mask, cv2.convexHull(at[trunk].astype(np.int32)), 255)
    return cv2.GaussianBlur(mask, (0, 0), max(wide / 4, 0.7))

"""Labels of single pictures of people, mapped by name to PoseTrack's 15 joints, and which rows may be trained on.

Leeds Sports Pose Extended carries crowd-sourced labels of 14 joints; two public models' answers ("teachers") on the same
pictures fill what is missing, where they agree, and point out rows that are labelled wrongly throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from glsmamba.data.sets.stills import lspet_split as split_of
from glsmamba.data.skeletons import COCO17, LSP14, POSETRACK15, Skeleton, joint_map

Split = Literal["train", "validation", "held-out"]
#: Two teachers that are closer than this share of the person's size are believed.
AGREE = 0.06
#: Within this share of the person's size a human's label and MoveNet's answer mean the same place.
SAME_PLACE = 0.1
_CONFIDENT = 0.3
#: BlazePose's 33 landmarks; the unnamed ones have no counterpart in PoseTrack.
BLAZEPOSE33 = Skeleton(
    "blazepose33",
    tuple(
        {
            0: "nose", 11: "left_shoulder", 12: "right_shoulder", 13: "left_elbow", 14: "right_elbow", 15: "left_wrist",
            16: "right_wrist", 23: "left_hip", 24: "right_hip", 25: "left_knee", 26: "right_knee", 27: "left_ankle",
            28: "right_ankle",
        }.get(i, f"landmark_{i}")
        for i in range(33)
    ),
)  # fmt: skip


class TrainingDataError(ValueError):
    """The training data cannot be used, in one sentence: what is wrong and what to do."""


@dataclass(frozen=True)
class PictureLabels:
    """Labels of N pictures of one person each.

    Attributes:
        images: N picture files.
        points: (N, 15, 2) float64 picture pixels, x and y, centres at integers; 0 where not known.
        known: (N, 15) bool: may be learnt from.
        human: (N, 15) bool: a human labelled it (only these are evaluated on).
        size: (N,) person size in pixels: the longer side of the tight box around the known joints.
        rows: (N,) row numbers in the data set.
    """

    images: tuple[Path, ...]
    points: np.ndarray
    known: np.ndarray
    human: np.ndarray
    size: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def chosen(self, keep: np.ndarray) -> PictureLabels:
        """The pictures where ``keep`` (N,) bool holds."""
        images = tuple(image for image, wanted in zip(self.images, keep, strict=True) if wanted)
        return PictureLabels(images, self.points[keep], self.known[keep], self.human[keep], self.size[keep], self.rows[keep])


def person_size(points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(..., K, 2) points and (..., K) known -> (...) longer side of the tight box around the known joints, NaN where none."""
    visible = np.asarray(known, dtype=bool)[..., None]
    low = np.where(visible, points, np.inf).min(-2)
    high = np.where(visible, points, -np.inf).max(-2)
    extent = (high - low).max(-1)
    return np.where(np.isfinite(extent), extent, np.nan)


def torso_size(points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(N, 15, 2), (N, 15) -> (N,) mean length of left shoulder to right hip and right shoulder to left hip; NaN if unknown."""
    ls, rs, lh, rh = (POSETRACK15.index(name) for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip"))
    one = np.linalg.norm(points[:, ls] - points[:, rh], axis=-1)
    other = np.linalg.norm(points[:, rs] - points[:, lh], axis=-1)
    return np.where(known[:, [ls, rs, lh, rh]].all(-1), (one + other) / 2, np.nan)


def load_lspet(folder: str | Path, split: Split, teacher_share: float = 0.0) -> PictureLabels:
    """Labels of one split of Leeds Sports Pose Extended.

    Training rows lose what labels and teachers contradict throughout; the other splits keep every row, as labelled.

    Args:
        folder: holds ``images/``, ``joints.npz`` and ``teachers.npz``.
        split: see :func:`split_of`.
        teacher_share: of training rows, see :func:`merged_labels`; the other splits keep the human's labels to the pixel.

    Raises:
        TrainingDataError: a file is missing.
    """
    folder = Path(folder)
    for name in ("joints.npz", "teachers.npz"):
        if not (folder / name).is_file():
            raise TrainingDataError(f"{name} is missing from {folder}; training needs the labelled pictures there.")
    with np.load(folder / "joints.npz") as data:
        keypoints = data["keypoints"].astype(np.float64)
    with np.load(folder / "teachers.npz") as data:
        movenet, blazepose = data["movenet_thunder"].astype(np.float64), data["blazepose_full"].astype(np.float64)
    rows = np.flatnonzero(split_of(np.arange(len(keypoints))) == split)
    labels = merged_labels(keypoints[rows], movenet[rows], blazepose[rows], teacher_share if split == "train" else 0.0)
    images = tuple(folder / "images" / f"im{row + 1:05d}.jpg" for row in rows)
    points, known, human, contradicted = labels
    result = PictureLabels(images, points, known, human, person_size(points, known), rows)
    return result.chosen(~contradicted & (known.sum(1) >= 6)) if split == "train" else result


def merged_labels(
    keypoints: np.ndarray, movenet: np.ndarray, blazepose: np.ndarray, teacher_share: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One set of labels from a human's and two teachers'.

    Args:
        keypoints: (N, 14, 3) LSP order: x, y, labelled.
        movenet: (N, 17, 3) COCO order: x, y, confidence.
        blazepose: (N, 33, 3) BlazePose order: x, y, confidence.
        teacher_share: how far a human's label moves to MoveNet's confident answer where both mean the same place. Crowds
            label with a hand that trembles by 3 to 4 % of the person's size, and put hips 2 % further in than COCO does.

    Returns:
        (N, 15, 2) points, (N, 15) known, (N, 15) human, (N,) bool: labels and both teachers disagree throughout, or the labels
        have left and right confused.
    """
    human_xy, human = _mapped(keypoints, LSP14)
    human &= _mapped_flag(keypoints[..., 2] > 0, LSP14)
    m_xy, m_has = _mapped(movenet, COCO17)
    b_xy, b_has = _mapped(blazepose, BLAZEPOSE33)
    size = person_size(human_xy, human)[:, None]
    both = m_has & b_has
    apart = np.linalg.norm(m_xy - b_xy, axis=-1) / size
    agree = both & (apart < AGREE)
    error_m = np.where(human & m_has, np.linalg.norm(m_xy - human_xy, axis=-1) / size, np.nan)
    error_b = np.where(human & b_has, np.linalg.norm(b_xy - human_xy, axis=-1) / size, np.nan)
    swapped = np.where(human & m_has, np.linalg.norm(m_xy[:, POSETRACK15.flip] - human_xy, axis=-1) / size, np.nan)
    best = np.nanmedian(np.fmin(error_m, error_b), axis=1)
    confused = (np.nanmedian(swapped, axis=1) < 0.08) & (np.nanmedian(error_m, axis=1) > 0.15)
    contradicted = (best > 0.35) | confused
    # A single label that both teachers contradict together is dropped, not replaced: it may still be the human who is right.
    doubtful = human & agree & (np.fmin(error_m, error_b) > 0.2)
    fill = ~human & agree
    same = human & (error_m < SAME_PLACE) & (_mapped_flag(movenet[..., 2] > _CONFIDENT, COCO17))
    human_xy = human_xy + np.where(same[..., None], teacher_share * (m_xy - human_xy), 0.0)
    points = np.where(human[..., None], human_xy, np.where(fill[..., None], (m_xy + b_xy) / 2, 0.0))
    return points, (human & ~doubtful) | fill, human, contradicted


def _mapped(values: np.ndarray, source: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    index = joint_map(source, POSETRACK15)
    has = np.broadcast_to(index >= 0, (len(values), len(index)))
    return np.where(has[..., None], values[:, index, :2], 0.0), has.copy()


def _mapped_flag(flags: np.ndarray, source: Skeleton) -> np.ndarray:
    index = joint_map(source, POSETRACK15)
    return flags[:, index] & (index >= 0)

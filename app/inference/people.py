"""Between what labels hold and what the tracker and the model speak of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.inference.similarity import box_of_pose
from app.inference.tracker import Candidate
from app.labels.pose import Pose, Provenance, Visibility
from glsmamba.data.records import Box

__all__ = ["as_candidate", "box_of", "is_human", "keeps_joints", "new_pose", "placed_by_human"]

#: Joints scored lower are given as absent: the model saw nothing there.
ABSENT_BELOW = 0.05


def keeps_joints(pose: Pose) -> bool:
    """True when the model's answer may not replace the joints: a human's, imported, interpolated or refined ones."""
    others = (Provenance.IMPORTED, Provenance.INTERPOLATED, Provenance.REFINED)
    return pose.touched or bool(np.isin(pose.provenance, others).any())


def is_human(pose: Pose) -> bool:
    """True when somebody placed this person here: their id and their box hold, whatever the detector thinks."""
    return pose.box_by_human or keeps_joints(pose)


def placed_by_human(poses: Mapping[int, Pose]) -> dict[int, Candidate]:
    """The people of a frame who were placed by a human, by track id; with keypoints where the model may not replace them."""
    people = {}
    for track, pose in poses.items():
        candidate = as_candidate(pose) if is_human(pose) else None
        if candidate is not None:
            people[track] = candidate if keeps_joints(pose) else Candidate(candidate.box, 1.0)
    return people


def box_of(pose: Pose) -> Box | None:
    """The person's box: the one that is drawn, else the one around the joints; None when there is neither."""
    if pose.box is not None:
        return pose.box
    present = np.where(pose.visibility > Visibility.ABSENT, 1.0, 0.0)
    box = box_of_pose(pose.keypoints, present)
    if box is not None or not present.any():
        return box
    points = pose.keypoints[present > 0]
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    size = max(right - left, bottom - top, 16.0)
    return float(left - size / 4), float(top - size / 4), float(right - left + size / 2), float(bottom - top + size / 2)


def as_candidate(pose: Pose) -> Candidate | None:
    """A person of the project as the tracker sees them; None without a box and joints."""
    box = box_of(pose)
    if box is None or box[2] <= 0 or box[3] <= 0:
        return None
    present = pose.visibility > Visibility.ABSENT
    if not present.any():
        return Candidate(box, max(pose.score, 1e-3))
    scores = np.where(present, np.maximum(pose.scores, 1e-3), 0.0)
    return Candidate(box, max(pose.score, 1e-3)).with_pose(pose.keypoints, scores)


def new_pose(
    keypoints: np.ndarray, scores: np.ndarray, box: Box, score: float, size: tuple[int, int], model: str,
    by_human: bool = False, *, estimated: np.ndarray | None = None, probability: np.ndarray | None = None,
    spread: np.ndarray | None = None, disagreement: np.ndarray | None = None,
) -> Pose:  # fmt: skip
    """The model's answer as a pose: joints outside of the frame or hardly seen at all are absent.

    Args:
        keypoints: (K, 2) pixels of the frame.
        scores: (K,).
        box: x, y, w, h.
        score: that a person is there.
        size: (width, height) of the frame.
        model: name of the checkpoint.
        by_human: the box was drawn by a human.
        estimated: (K,) bool, joints that the model does not see and estimated from others; none by default.
        probability, spread, disagreement: (K,) as in :class:`Pose`; None where unknown.
    """
    width, height = size
    x, y = keypoints[:, 0], keypoints[:, 1]
    inside = (x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5)
    seen = inside & (scores >= ABSENT_BELOW)
    provenance = np.full(len(scores), Provenance.MODEL)
    if estimated is not None:
        provenance[estimated] = Provenance.ESTIMATED
    return Pose(
        keypoints=keypoints,
        visibility=np.where(seen, Visibility.VISIBLE, Visibility.ABSENT),
        scores=np.clip(scores, 0, 1),
        provenance=provenance,
        box=box,
        box_by_human=by_human,
        score=float(np.clip(score, 0, 1)),
        model=model,
        probability=probability,  # type: ignore[arg-type]
        spread=spread,  # type: ignore[arg-type]
        disagreement=disagreement,  # type: ignore[arg-type]
    )

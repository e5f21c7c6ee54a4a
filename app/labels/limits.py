"""What a project can hold: which frames, ids and numbers."""

from __future__ import annotations

import numpy as np

from app.labels.changes import ProjectError
from app.labels.pose import Pose

__all__ = ["check_place", "check_pose"]

_MAX_TRACK = 2**32 - 1


def check_place(frame: int, track: int, n_frames: int) -> None:
    """Refuse a frame outside a video of ``n_frames``, and an impossible id.

    Raises:
        ProjectError: with what is wrong.
    """
    if not 0 <= frame < n_frames:
        raise ProjectError(f"There is no frame {frame}: the video has frames 0 to {n_frames - 1}.")
    if not 0 <= track <= _MAX_TRACK:
        raise ProjectError(f"{track} cannot be a person's id; use a number from 0 up.")


def check_pose(pose: Pose, n_joints: int) -> None:
    """Refuse a pose of another number of joints, or with numbers that mean nothing.

    Raises:
        ProjectError: with what is wrong.
    """
    if pose.keypoints.shape != (n_joints, 2):
        raise ProjectError(f"A pose here has {n_joints} joints; this one has {len(pose.keypoints)}.")
    boxes = [value for box in (pose.box, pose.head_box) if box is not None for value in box]
    if not all(np.isfinite(values).all() for values in (pose.keypoints, pose.scores, [pose.score, *boxes])):
        raise ProjectError("A pose has a coordinate or score that is not a number; it was not stored.")
    impossible = (pose.probability < 0) | (pose.probability > 1)
    for pixels in (pose.spread, pose.disagreement):
        impossible |= np.isinf(pixels) | (pixels < 0)
    if impossible.any():
        raise ProjectError("A pose has a probability outside 0 to 1 or an impossible spread; it was not stored.")

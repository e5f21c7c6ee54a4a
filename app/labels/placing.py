"""A person placed by hand, joint by joint in an order that the hand can learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.labels.changes import Edit, ProjectError
from app.labels.making import checked_joint, one, present, the_pose, with_human_joints
from app.labels.pose import Pose, Visibility
from app.labels.project import Project
from glsmamba.data.records import Box
from glsmamba.data.skeletons import Skeleton

__all__ = ["BOX_MARGIN", "fit_box", "fitted_box", "guided_order", "place_joint"]

#: PoseTrack's person box is the extent of the joints, so many times as large about its centre.
BOX_MARGIN = 1.3

#: From the head down, one limb after the other, so that the hand travels short ways.
_ORDER = (
    "head_top", "nose", "head_bottom", "left_eye", "right_eye", "left_ear", "right_ear",
    "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
    "left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle",
)  # fmt: skip


def guided_order(skeleton: Skeleton) -> tuple[int, ...]:
    """Every joint of a skeleton once, in the order in which it is placed by hand; unknown joints come last."""
    known = [skeleton.index(name) for name in _ORDER if name in skeleton.joints]
    return (*known, *(j for j in range(len(skeleton)) if j not in known))


def fitted_box(pose: Pose) -> Box | None:
    """PoseTrack's box round the joints that are there; None where there are fewer than two places."""
    points = pose.keypoints[present(pose)]
    if not len(points):
        return None
    low, high = points.min(axis=0), points.max(axis=0)
    size = (high - low) * BOX_MARGIN
    if size.max() <= 0:
        return None
    size = np.maximum(size, 1.0)
    corner = (low + high) / 2 - size / 2
    return (float(corner[0]), float(corner[1]), float(size[0]), float(size[1]))


def place_joint(project: Project, frame: int, track: int, joint: int, xy: Sequence[float], state: Visibility) -> Edit:
    """Put a joint of a person, who is made by it if they are not in the frame yet. The box grows with the joints.

    A box that a human drew stays.
    """
    name = checked_joint(project, joint)
    if not np.isfinite(xy).all() or state == Visibility.ABSENT:
        raise ProjectError(f"The place for the {name} is not a number.")
    before = project.poses(frame).get(track)
    pose = before or Pose.empty(len(project.skeleton))
    keypoints = pose.keypoints.copy()
    keypoints[joint] = xy
    which = np.arange(len(keypoints)) == joint
    after = with_human_joints(pose, which, keypoints, np.full(len(keypoints), int(state)))
    if not after.box_by_human:
        after = after.with_(box=fitted_box(after) or after.box)
    verb = f"Place {name} of" if before is not None else f"Add, with the {name},"
    return one(f"{verb} {project.track_name(track)}", frame, track, before, after)


def fit_box(project: Project, frame: int, track: int) -> Edit:
    """Make a person's box PoseTrack's: the extent of the joints, 1.3 times as large. It is no human's any more."""
    pose = the_pose(project, frame, track)
    box = fitted_box(pose)
    if box is None:
        raise ProjectError(f"{project.track_name(track)} has too few joints in frame {frame} to fit a box to.")
    return one(f"Fit box of {project.track_name(track)}", frame, track, pose, pose.with_(box=box, box_by_human=False))

"""What the makers of edits share: asking a project for a pose, saying what cannot be done, giving joints to a human."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from app.labels.changes import Change, Edit, ProjectError
from app.labels.pose import Pose, Provenance, Visibility
from app.labels.project import Project
from glsmamba.data.records import Box
from glsmamba.data.skeletons import joint_words

__all__ = [
    "checked_box", "checked_joint", "frames_words", "one", "people_words", "present", "the_pose", "with_human_joints",
]  # fmt: skip


def the_pose(project: Project, frame: int, track: int) -> Pose:
    """The pose of a person in a frame, or a :class:`ProjectError` that says they are not there."""
    pose = project.poses(frame).get(track)
    if pose is None:
        raise ProjectError(f"{project.track_name(track)} is not in frame {frame}.")
    return pose


def checked_joint(project: Project, joint: int) -> str:
    """The name of a joint in words, or a :class:`ProjectError` if the skeleton has no such joint."""
    if not 0 <= joint < len(project.skeleton):
        raise ProjectError(f"There is no joint {joint}; the skeleton has {len(project.skeleton)}.")
    return joint_words(project.skeleton.joints[joint])


def checked_box(box: Sequence[float]) -> Box:
    """A box as plain numbers, or a :class:`ProjectError` if it has no area."""
    x, y, w, h = (float(value) for value in box)
    if not np.isfinite([x, y, w, h]).all() or w <= 0 or h <= 0:
        raise ProjectError("A box needs a width and a height above zero.")
    return (x, y, w, h)


def one(title: str, frame: int, track: int, before: Pose | None, after: Pose | None) -> Edit:
    """An edit of one person in one frame."""
    return Edit(title, (Change(frame, track, before, after),))


def with_human_joints(pose: Pose, which: np.ndarray, keypoints: np.ndarray, visibility: np.ndarray) -> Pose:
    """``pose`` with the joints of the boolean mask ``which`` set by a human."""
    return pose.with_(
        keypoints=np.where(which[:, None], keypoints, pose.keypoints),
        visibility=np.where(which, visibility, pose.visibility),
        scores=np.where(which, 1.0, pose.scores),
        provenance=np.where(which, Provenance.HUMAN, pose.provenance),
    )


def present(pose: Pose) -> np.ndarray:
    """(K,) bool: joints that are not absent."""
    return pose.visibility != Visibility.ABSENT


def people_words(project: Project, tracks: Iterable[int]) -> str:
    """ "Person 2", or "3 people"."""
    tracks = list(tracks)
    return project.track_name(tracks[0]) if len(tracks) == 1 else f"{len(tracks)} people"


def frames_words(frames: Sequence[int]) -> str:
    """ "in frame 3", "in frames 3 to 9"; ``frames`` ascends."""
    return f"in frame {frames[0]}" if len(frames) == 1 else f"in frames {frames[0]} to {frames[-1]}"

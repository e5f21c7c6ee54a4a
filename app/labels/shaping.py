"""Moving, scaling and turning: several joints, whole people, one affine map for all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from app.labels.changes import Change, Edit, ProjectError
from app.labels.making import checked_joint, people_words, present, the_pose, with_human_joints
from app.labels.pose import Pose
from app.labels.project import Project
from glsmamba.data.records import Box

__all__ = ["chosen_points", "scaling", "shift", "transform", "turning"]

#: Track id -> joints that are meant; None means the whole person, boxes included.
Chosen = Mapping[int, Collection[int] | None]


def shift(dx: float, dy: float) -> np.ndarray:
    """(2, 3) affine that moves by so many pixels."""
    return np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])


def turning(degrees: float, centre: np.ndarray) -> np.ndarray:
    """(2, 3) affine that turns about ``centre`` (x, y), clockwise on the screen."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return _about(np.array([[cos, -sin], [sin, cos]]), centre)


def scaling(x: float, y: float, centre: np.ndarray) -> np.ndarray:
    """(2, 3) affine that makes things ``x`` times as wide and ``y`` times as high; ``centre`` (x, y) stays."""
    return _about(np.array([[x, 0.0], [0.0, y]]), centre)


def _about(linear: np.ndarray, centre: np.ndarray) -> np.ndarray:
    centre = np.asarray(centre, np.float64)
    return np.concatenate([linear, (centre - linear @ centre)[:, None]], axis=1)


def _mask(project: Project, pose: Pose, joints: Collection[int] | None) -> tuple[np.ndarray, bool]:
    """Which joints are meant, of those that are there; and whether that is the whole person."""
    there = present(pose)
    if joints is None:
        return there, True
    for joint in joints:
        checked_joint(project, joint)
    which = np.isin(np.arange(len(there)), list(joints)) & there
    return which, bool(there.sum() > 1 and (which == there).all())


def chosen_points(project: Project, frame: int, chosen: Chosen) -> np.ndarray:
    """(N, 2) places of all joints that are meant and there; the corners of the box of a person without joints."""
    points = []
    for track, joints in chosen.items():
        pose = project.poses(frame).get(track)
        if pose is None:
            continue
        which, whole = _mask(project, pose, joints)
        points.append(pose.keypoints[which])
        if whole and not which.any() and pose.box is not None:
            x, y, w, h = pose.box
            points.append(np.array([[x, y], [x + w, y + h]]))
    return np.concatenate(points) if points else np.zeros((0, 2))


def transform(project: Project, frame: int, chosen: Chosen, affine: np.ndarray, verb: str = "Move") -> Edit:
    """Put joints through an affine map. Those that are there become the human's; absent ones stay as they are.

    Where the whole person is meant, by None or by naming all of several joints that are there, box and head box go along.

    Args:
        project: what to read.
        frame: frame index.
        chosen: track id -> joint indices, or None for the whole person.
        affine: (2, 3) from frame pixels to frame pixels, such as :func:`turning` gives.
        verb: first word of the title: Move, Scale, Turn.
    """
    affine = np.asarray(affine, np.float64)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:, :2])) < 1e-9:
        raise ProjectError(f"That would leave nothing to see; {verb.lower()} by less.")
    changes, n_joints, whole_people = [], 0, []
    last = 0
    for track, joints in chosen.items():
        pose = the_pose(project, frame, track)
        which, whole = _mask(project, pose, joints)
        after = with_human_joints(pose, which, pose.keypoints @ affine[:, :2].T + affine[:, 2], pose.visibility)
        if whole:
            whole_people.append(track)
            if pose.box is not None:
                after = after.with_(box=_moved_box(pose, after, pose.box, affine), box_by_human=True)
            if pose.head_box is not None:
                after = after.with_(head_box=_moved_head(pose.head_box, affine))
        elif not which.any():
            continue
        else:
            n_joints += int(which.sum())
            last = int(np.flatnonzero(which)[0])
        changes.append(Change(frame, track, pose, after))
    if not changes:
        raise ProjectError("There is nothing to change: the chosen joints are absent here.")
    who = people_words(project, [change.track for change in changes])
    if len(whole_people) == len(changes):
        what = who
    else:
        what = f"{checked_joint(project, last)} of {who}" if n_joints == 1 else f"{n_joints} joints of {who}"
    return Edit(f"{verb} {what}", tuple(changes))


def _moved_box(before: Pose, after: Pose, box: Box, affine: np.ndarray) -> Box:
    """An upright box again: the margins round the joints stay what they were, as a share of the size."""
    x, y, w, h = box
    (a, b), (c, d) = affine[:, :2]
    if abs(b) < 1e-12 and abs(c) < 1e-12 and a > 0 and d > 0:
        left, top = affine[:, :2] @ np.array([x, y]) + affine[:, 2]
        return (float(left), float(top), float(w * a), float(h * d))
    there = present(before)
    if not there.any():
        return _moved_head(box, affine)
    scale = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    old, new = before.keypoints[there], after.keypoints[there]
    low = new.min(axis=0) + (np.array([x, y]) - old.min(axis=0)) * scale
    high = new.max(axis=0) + (np.array([x + w, y + h]) - old.max(axis=0)) * scale
    size = np.maximum(high - low, 1.0)
    return (float(low[0]), float(low[1]), float(size[0]), float(size[1]))


def _moved_head(box: Box, affine: np.ndarray) -> Box:
    """Its middle moves, its size grows; a head box stays upright."""
    x, y, w, h = box
    cx, cy = affine[:, :2] @ np.array([x + w / 2, y + h / 2]) + affine[:, 2]
    (a, b), (c, d) = affine[:, :2]
    w, h = w * float(np.hypot(a, c)), h * float(np.hypot(b, d))
    return (float(cx - w / 2), float(cy - h / 2), w, h)

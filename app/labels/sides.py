"""Left and right: exchanging a person's sides, whole or limb by limb, in one frame or in many."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from app.labels.changes import Change, Edit, ProjectError
from app.labels.making import frames_words, present, the_pose, with_human_joints
from app.labels.project import Project
from glsmamba.data.skeletons import Skeleton, joint_words

__all__ = ["LIMBS", "limb_joints", "swap_sides"]

#: Limb -> endings of the joint names that belong to it; "all" is every joint that has a mirror image.
LIMBS: dict[str, tuple[str, ...]] = {
    "all": ("",),
    "arms": ("_shoulder", "_elbow", "_wrist"),
    "legs": ("_hip", "_knee", "_ankle"),
    "head": ("_ear", "_eye"),
}


def limb_joints(skeleton: Skeleton, limb: str) -> tuple[int, ...]:
    """Joints of a limb that have a mirror image, both sides; empty where the skeleton has no such limb."""
    flip = skeleton.flip
    return tuple(j for j, name in enumerate(skeleton.joints) if flip[j] != j and name.endswith(LIMBS[limb]))


def swap_sides(
    project: Project, frames: int | Iterable[int], track: int, limb: str = "all", joints: Collection[int] | None = None
) -> Edit:
    """Exchange left and right of a person. The exchanged joints become the human's.

    A pair of which neither side is there stays as it is: nobody said anything about it.

    Args:
        project: what to read.
        frames: one frame, or several; those without the person are passed over.
        track: the person.
        limb: key of :data:`LIMBS`.
        joints: these joints and their mirror images instead of a limb.
    """
    skeleton = project.skeleton
    flip = skeleton.flip
    if joints is None:
        named, what = limb_joints(skeleton, limb), "left and right" if limb == "all" else limb
    else:
        named = tuple(sorted({int(k) for j in joints for k in (j, flip[j]) if flip[j] != j}))
        words = [joint_words(skeleton.joints[j]).removeprefix("left ") for j in named if skeleton.sides[j] == "left"]
        what = " and ".join(f"{word}s" if word != "foot" else "feet" for word in words)
    if not named:
        raise ProjectError("There is no left and right to swap: choose joints of an arm, a leg or a side of the head.")
    pairs = np.isin(np.arange(len(flip)), named)
    if isinstance(frames, int):
        chosen = [frames]
    else:
        wanted = frames if isinstance(frames, range) else set(frames)
        chosen = [int(f) for f in project.track_frames(track) if int(f) in wanted]
        if not chosen:
            raise ProjectError(f"{project.track_name(track)} is in none of these frames.")
    changes = []
    for frame in chosen:
        pose = the_pose(project, frame, track)
        there = present(pose)
        which = pairs & (there | there[flip])
        if which.any():
            after = with_human_joints(pose, which, pose.keypoints[flip], pose.visibility[flip])
            changes.append(Change(frame, track, pose, after))
    where = f" {frames_words(chosen)}" if len(chosen) > 1 else ""
    return Edit(f"Swap {what} of {project.track_name(track)}{where}", tuple(changes))

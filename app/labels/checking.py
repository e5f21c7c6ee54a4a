"""What an annotator should look at in a project, found without writing a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from app.labels.pose import Pose
from app.labels.project import Project
from glsmamba.data.problems import Problem, bone_lengths, box_size, head_segment, odd_bones, outside
from glsmamba.data.records import Visibility
from glsmamba.data.skeletons import joint_words, side_of

__all__ = ["find_problems"]

#: A person who is away for at most so many frames was probably lost, not gone.
GAP = 30
#: More findings than anyone reads; the search stops there.
MOST = 5000


def find_problems(
    project: Project, progress: Callable[[float], None] | None = None, stop: Callable[[], bool] | None = None
) -> list[Problem]:
    """Problems of all people in all frames, by frame.

    Safe to call beside the thread that edits: it reads poses one frame at a time.

    Args:
        project: what to look through.
        progress: told 0..1 now and then.
        stop: asked now and then; True ends the search with what was found.
    """
    found: list[Problem] = []
    tracks: dict[int, list[tuple[int, Pose]]] = defaultdict(list)
    for frame in range(project.n_frames):
        if frame % 256 == 0:
            if stop is not None and stop():
                return sorted(found, key=_place)
            if progress is not None:
                progress(frame / project.n_frames)
        for track, pose in project.poses(frame).items():
            tracks[track].append((frame, pose))
            found += _of_pose(project, frame, track, pose)
        if len(found) >= MOST:
            break
    for track, seen in tracks.items():
        if stop is not None and stop():
            break
        found += _gaps(project, track, [frame for frame, _ in seen])
        found += _bones(project, track, seen)
        if len(found) >= MOST:
            break
    return sorted(found[:MOST], key=_place)


def _place(problem: Problem) -> tuple[int, int, int]:
    return (problem.frame or 0, problem.track or 0, -1 if problem.joint is None else problem.joint)


def _of_pose(project: Project, frame: int, track: int, pose: Pose) -> Iterator[Problem]:
    present = pose.visibility != Visibility.ABSENT
    names = project.skeleton.joints
    video = project.video
    for joint in np.flatnonzero(outside(pose.keypoints, present, video.width, video.height)).tolist():
        yield Problem(
            "warning",
            "outside",
            f"{joint_words(names[joint]).capitalize()} lies outside the picture; an export leaves it out.",
            frame,
            track,
            joint,
        )
    if not present.any():
        yield Problem("warning", "empty", "This person has no joints here.", frame, track)
    elif pose.head_box is None and head_segment(pose.keypoints, present, project.skeleton) is None:
        yield Problem(
            "warning", "head box", "No head box, and the neck or the top of the head is absent: an export must guess its size.",
            frame, track,
        )  # fmt: skip


def _gaps(project: Project, track: int, frames: list[int]) -> Iterator[Problem]:
    for before, after in pairwise(frames):
        away = after - before - 1
        if not 0 < away <= GAP or all(track in project.deleted(frame) for frame in range(before + 1, after)):
            continue  # a human who deleted the person there meant it
        lasting = "is missing" if away == 1 else f"is missing for {away} frames"
        yield Problem("warning", "gap", f"This person {lasting} and comes back in frame {after}.", before + 1, track)


def _bones(project: Project, track: int, seen: list[tuple[int, Pose]]) -> Iterator[Problem]:
    points = np.stack([pose.keypoints for _, pose in seen])
    present = np.stack([pose.visibility != Visibility.ABSENT for _, pose in seen])
    sizes = np.array([box_size(pose.box) or _extent(pose) for _, pose in seen])
    names = project.skeleton.joints
    for row, edge, times in odd_bones(bone_lengths(points, present, project.skeleton), sizes):
        a, b = project.skeleton.edges[edge]
        frame, pose = seen[row]
        joint = a if pose.scores[a] < pose.scores[b] else b
        yield Problem(
            "warning", "bone",
            f"{_bone(names[a], names[b])} is {times:.1f} times its usual length.",
            frame, track, joint,
        )  # fmt: skip


def _extent(pose: Pose) -> float:
    there = pose.keypoints[pose.visibility != Visibility.ABSENT]
    return float((there.max(0) - there.min(0)).max()) if len(there) else 0.0


def _bone(a: str, b: str) -> str:
    """A bone in words: Left elbow–wrist, Neck–left shoulder."""
    side = side_of(a)
    if side == side_of(b) != "middle":
        b = b.removeprefix(f"{side}_")
    return f"{joint_words(a).capitalize()}–{joint_words(b)}"

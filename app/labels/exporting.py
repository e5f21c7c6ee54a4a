"""From a project to plain records, and from there to files that evaluators accept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from app.labels.pose import Pose
from app.labels.project import Project
from glsmamba.data.records import FrameRecord, PersonRecord, SequenceRecord

__all__ = ["Include", "to_record", "told_scores", "wanted"]

#: Which poses go out: everything, what a human touched (accepted or placed a joint of), or only what was accepted.
Include = Literal["all", "touched", "accepted"]


def to_record(
    project: Project, include: Include = "all", name: str | None = None, progress: Callable[[float], None] | None = None
) -> SequenceRecord:
    """All frames of a project, labelled or not, in time order. Track ids stay those of the project.

    Scores are calibrated probabilities where there are any (:func:`told_scores`). ``name`` is the sequence's name; by default
    the project file's.
    """
    regions = list(project.ignore_regions().values())
    frames = []
    for index in range(project.n_frames):
        if progress is not None and index % 256 == 0:
            progress(index / project.n_frames)
        people = tuple(_person(track, pose) for track, pose in project.poses(index).items() if wanted(pose, include))
        polygons = tuple(polygon for polygon in (region.polygon_at(index) for region in regions) if polygon is not None)
        frames.append(FrameRecord(index, people, polygons, labeled=bool(people)))
    return SequenceRecord(name or project.path.stem, tuple(frames), project.video.width, project.video.height, project.skeleton)


def wanted(pose: Pose, include: Include) -> bool:
    """Whether a pose goes out."""
    return include == "all" or pose.accepted or (include == "touched" and pose.touched)


def _person(track: int, pose: Pose) -> PersonRecord:
    return PersonRecord(track, pose.keypoints, pose.visibility, told_scores(pose), pose.box, pose.head_box, pose.score)


def told_scores(pose: Pose) -> np.ndarray:
    """(K,) float32 in [0, 1]: what a file of predictions says of each joint in its ``scores``.

    The calibrated probability that it is within 0.2 head sizes of the truth; from a checkpoint without calibration the heat
    map's peak; 1 for a human's.
    """
    return np.where(np.isnan(pose.probability), pose.scores, pose.probability)

"""Data sets for training and evaluation: those of the model's floor, and the program's own projects."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.inference.people import box_of
from app.labels.pose import Pose, Visibility
from app.labels.project import Project
from app.learning.examples import trusted
from glsmamba.data.records import FrameRecord, PersonRecord, SequenceRecord
from glsmamba.data.sets import DataSet, DataSetError, from_record, open_set

__all__ = ["open_data", "open_project"]


def open_data(path: str | Path, split: str = "", kind: str = "", video: Path | None = None) -> DataSet:
    """Open a data set, see :func:`glsmamba.data.sets.open_set`, or a project.

    Raises:
        DataSetError, ProjectError, OSError: one sentence each.
    """
    path = Path(path)
    if kind == "project" or (not kind and path.suffix == ".glsproj"):
        return open_project(path, video)
    return open_set(path, split, kind, video)


def open_project(path: Path, video: Path | None = None) -> DataSet:
    """What a human said in a project, with its video: joints that were placed, and all of poses that were reviewed or accepted.

    What only the model said is no truth to learn from or to be measured by.

    Args:
        path: the project.
        video: where the video is now; by default where the project says, or a file of that name beside the project.

    Raises:
        DataSetError: nothing in it is a human's, or the video is not there.
        ProjectError: it is no project.
    """
    if not path.is_file():
        raise DataSetError(f"There is no project {path}: check the path.")
    with Project.open(path) as project:
        if project.skeleton.joints != SequenceRecord(path.stem, ()).skeleton.joints:
            raise DataSetError(f"{path.name} has other joints than PoseTrack's 15; nothing can be learnt from it.")
        frames = []
        for index in range(project.n_frames):
            people = tuple(_person(track, pose) for track, pose in project.poses(index).items() if (trusted(pose) > 0).any())
            regions = [region.polygon_at(index) for region in project.ignore_regions().values()]
            polygons = tuple(polygon for polygon in regions if polygon is not None)
            frames.append(FrameRecord(index, people, polygons, labeled=bool(people)))
        told = Path(project.video.path)
        record = SequenceRecord(path.stem, tuple(frames), project.video.width, project.video.height, project.skeleton)
    if not any(frame.people for frame in frames):
        raise DataSetError(f"Nobody in {path.name} was corrected, accepted or reviewed; label some frames first.")
    here = path.with_name(told.name)
    return from_record(record, video or (told if told.exists() or not here.exists() else here), "project", path)


def _person(track: int, pose: Pose) -> PersonRecord:
    told = trusted(pose) > 0
    seen = np.where(told, pose.visibility, Visibility.ABSENT).astype(np.uint8)
    return PersonRecord(track, np.where(told[:, None], pose.keypoints, 0.0), seen, None, box_of(pose), pose.head_box)

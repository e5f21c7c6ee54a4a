"""``export`` and ``check``: PoseTrack files out of projects, and whether such files are sound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from app.labels.exporting import Include, to_record
from app.labels.origins import write_provenance
from app.labels.project import Project
from glsmamba.data import posetrack18
from glsmamba.data.problems import Problem

__all__ = ["check", "export", "told"]


def export(place: Path, out: Path, kind: Literal["annotations", "predictions"], include: Include) -> posetrack18.Written:
    """Write a project as PoseTrack 2018 and return the files and what was found wrong with them.

    Beside the folder goes a table of where each keypoint came from, see :mod:`app.labels.origins`.

    Args:
        place: the project.
        out: folder; made if need be. The file is called as the project.
        kind: ``annotations`` as ground truth, ``predictions`` with scores, as evaluators take results.
        include: which poses.
    """
    if not place.exists():
        raise FileNotFoundError(f"{place} does not exist: check the path.")
    with Project.open(place) as project:
        record = to_record(project, include)
        path = out / f"{place.stem}.json"
        written = posetrack18.write(record, path, kind="gt" if kind == "annotations" else "prediction")
        write_provenance(project, path, include)
    return written


def check(files: Sequence[Path]) -> int:
    """Print the problems of PoseTrack files; returns the number of files with errors."""
    bad = 0
    for file in files:
        problems = posetrack18.check(file)
        errors = sum(problem.severity == "error" for problem in problems)
        bad += errors > 0
        for problem in problems:
            print(f"{file}: {told(problem)}")
        if not problems:
            print(f"{file}: sound")
        else:
            print(f"{file}: {errors} errors, {len(problems) - errors} warnings")
    return bad


def told(problem: Problem) -> str:
    """A problem as a line of text, without the file's name."""
    places = []
    if problem.frame is not None:
        places.append(f"frame {problem.frame}")
    if problem.track is not None:
        places.append(f"person {problem.track}")
    place = f" {', '.join(places)}:" if places else ""
    return f"{problem.severity} [{problem.rule}]{place} {problem.message}"

"""``export`` and ``check``: PoseTrack files out of projects, and whether such files are sound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from app.labels.exporting import Include, to_record
from app.labels.project import Project

__all__ = ["check", "export"]


def export(place: Path, out: Path, kind: Literal["annotations", "predictions"], include: Include) -> Path:
    """Write a project as a PoseTrack 2018 file and return its path.

    Args:
        place: the project.
        out: folder; made if need be.
        kind: ``annotations`` as ground truth, ``predictions`` with scores, as evaluators take results.
        include: which poses.
    """
    from glsmamba.data import posetrack18

    if not place.exists():
        raise FileNotFoundError(f"{place} does not exist: check the path.")
    with Project.open(place) as project:
        record = to_record(project, include)
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{place.stem}.json"
    posetrack18.write(record, target, kind="gt" if kind == "annotations" else "prediction")
    return target


def check(files: Sequence[Path]) -> int:
    """Print the problems of PoseTrack files; returns the number of files with errors."""
    from glsmamba.data import posetrack18

    bad = 0
    for file in files:
        problems = posetrack18.check(file)
        errors = sum(problem.severity == "error" for problem in problems)
        bad += errors > 0
        for problem in problems:
            places = []
            if problem.frame is not None:
                places.append(f"frame {problem.frame}")
            if problem.track is not None:
                places.append(f"person {problem.track}")
            place = f" {', '.join(places)}:" if places else ""
            print(f"{file}: {problem.severity} [{problem.rule}]{place} {problem.message}")
        if not problems:
            print(f"{file}: sound")
        else:
            print(f"{file}: {errors} errors, {len(problems) - errors} warnings")
    return bad

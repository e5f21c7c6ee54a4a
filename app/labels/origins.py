"""Where each exported keypoint came from, as a table beside a PoseTrack file, which itself has no room for that.

The evaluators read every file of a folder as labels, so the table lies in a folder of its own: for ``posetrack18/NAME.json`` it
is ``posetrack18-provenance/NAME.csv``. Track ids are those of the JSON file; frames are those of the video, also where the
labels of a long one are in several files.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.labels.changes import ProjectError
from app.labels.exporting import Include, wanted
from app.labels.pose import Provenance, Visibility
from app.labels.project import Project
from glsmamba.data.whole_file import whole_file

__all__ = ["COLUMNS", "provenance_path", "write_provenance"]

COLUMNS = (
    "frame", "track_id", "person", "joint", "provenance", "checkpoint", "visibility", "score", "probability", "spread_px",
    "pose",
)  # fmt: skip
_MODEL_MADE = (Provenance.MODEL, Provenance.REFINED, Provenance.ESTIMATED)


def provenance_path(labels: Path) -> Path:
    """The table that belongs to a PoseTrack file."""
    return labels.parent.with_name(f"{labels.parent.name}-provenance") / f"{labels.stem}.csv"


def write_provenance(
    project: Project, labels: str | Path, include: Include = "all", progress: Callable[[float], None] | None = None
) -> Path:
    """Write the table for a PoseTrack file that is written of the same project with the same choice of people.

    Columns are :data:`COLUMNS`: ``provenance`` is model, human, interpolated, refined, imported or estimated; ``checkpoint``
    names the model of predicted, refined and estimated joints; ``score`` is the heat map's peak, ``probability`` the calibrated
    probability, empty where the checkpoint was not calibrated (``scores`` of the JSON file are probabilities where there are
    any, else peaks: :func:`app.labels.exporting.told_scores`); ``spread_px`` is the heat map's spread in pixels; ``pose`` is
    accepted, reviewed or empty. Absent joints have no row, unless a human said that they are absent.

    Raises:
        ProjectError: the table could not be written.
    """
    path = provenance_path(Path(labels).absolute())
    names = project.skeleton.joints
    out = {t for frame in range(project.n_frames) for t, pose in project.poses(frame).items() if wanted(pose, include)}
    numbers = {track: number for number, track in enumerate(sorted(out))}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(COLUMNS)
            for frame in range(project.n_frames):
                if progress is not None and frame % 256 == 0:
                    progress(frame / project.n_frames)
                for track, pose in project.poses(frame).items():
                    if not wanted(pose, include):
                        continue
                    state = "accepted" if pose.accepted else "reviewed" if pose.reviewed else ""
                    said = (pose.visibility != Visibility.ABSENT) | (pose.provenance == Provenance.HUMAN)
                    for joint in np.flatnonzero(said).tolist():
                        origin = Provenance(int(pose.provenance[joint]))
                        rows.writerow((
                            frame, numbers[track], project.track_name(track), names[joint], origin.name.lower(),
                            pose.model if origin in _MODEL_MADE else "",
                            Visibility(int(pose.visibility[joint])).name.lower(),
                            *(_number(values[joint]) for values in (pose.scores, pose.probability, pose.spread)), state,
                        ))  # fmt: skip
    except OSError as error:
        raise ProjectError(f"The table {path} could not be written ({error.strerror}); choose another folder.") from error
    return path


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{float(value):.4g}"

"""From a path to a data set: which one it is, by what lies there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from glsmamba.data.sets.data_set import DataSet, DataSetError
from glsmamba.data.sets.exports import open_export
from glsmamba.data.sets.jhmdb import open_jhmdb
from glsmamba.data.sets.posetrack import open_posetrack, splits_of
from glsmamba.data.sets.stills import coco_files, open_coco, open_lsp

__all__ = ["KINDS", "open_set", "recognised"]

_READERS: dict[str, Callable[[Path, str], DataSet]] = {
    "posetrack17": open_posetrack,
    "posetrack18": open_posetrack,
    "posetrack21": open_posetrack,
    "coco": open_coco,
    "sub-jhmdb": open_jhmdb,
    "lsp": open_lsp,
    "lspet": open_lsp,
}
#: What each of them has in its folder.
_LAYOUTS = {
    "posetrack17": "annotations/{split}/*.json and images/",
    "posetrack18": "annotations/{split}/*.json and images/",
    "posetrack21": "posetrack_data/{split}/*.json and images/",
    "coco": "annotations/person_keypoints_{split}2017.json and {split}2017/",
    "sub-jhmdb": "sub_splits/, joint_positions/, puppet_mask/ and Rename_Images/",
    "lsp": "joints.mat and images/",
    "lspet": "joints.mat and images/",
}
#: Kinds that :func:`open_set` knows. Projects are opened a floor higher.
KINDS = (*_READERS, "export")


def recognised(path: Path) -> str:
    """The kind of data set that lies at a path.

    Raises:
        DataSetError: there is nothing, or nothing known.
    """
    if not path.exists():
        raise DataSetError(f"There is no data set at {path}: check the path.")
    if path.is_file():
        return "coco" if _is_coco(path) else "export"
    if any((path / name).is_dir() for name in ("sub_splits", "joint_positions")):
        return "sub-jhmdb"
    if (path / "joints.mat").is_file() or (path / "joints.npz").is_file():
        return "lsp"
    if coco_files(path):
        return "coco"
    if not splits_of(path):
        raise DataSetError(
            f"{path} is no data set known here: PoseTrack has annotations/ or posetrack_data/, COCO person_keypoints*.json, "
            "Sub-JHMDB sub_splits/ and joint_positions/, Leeds Sports Pose joints.mat; an export is a JSON file."
        )
    return "posetrack18"


def open_set(path: str | Path, split: str = "", kind: str = "", video: Path | None = None) -> DataSet:
    """Open a data set.

    Args:
        path: its folder as published, or a file of labels.
        split: which part; may be empty where there is only one.
        kind: one of :data:`KINDS`, to be sure that it is that one; found by what lies there if empty.
        video: of an export.

    Raises:
        DataSetError: it is not there, not of that kind, or lacks what it needs; the sentence says what was looked for.
        OSError: a file cannot be read.
    """
    path = Path(path)
    if kind and kind not in KINDS:
        raise DataSetError(f"There is no kind of data set {kind!r}; choose one of {', '.join(KINDS)}.")
    if not path.exists():
        layout = _LAYOUTS.get(kind, "").format(split=split or "SPLIT")
        wanted = f"; {kind}{f' with {layout}' if layout else ''} is expected there" if kind else ": check the path"
        raise DataSetError(f"There is no data set at {path}{wanted}.")
    reader = kind or recognised(path)
    found = open_export(path, video) if reader == "export" else _READERS[reader](path, split)
    if kind and found.kind != kind:
        raise DataSetError(f"{path} holds {found.kind}, not {kind}.")
    return found


def _is_coco(file: Path) -> bool:
    try:
        content = json.loads(file.read_bytes())
        return any("left_eye" in c.get("keypoints", ()) for c in content.get("categories") or [])
    except (ValueError, RecursionError, AttributeError, TypeError):
        return False

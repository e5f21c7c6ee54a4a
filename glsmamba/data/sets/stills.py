"""Data sets of single pictures: COCO keypoints, Leeds Sports Pose and its extension."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from glsmamba.data import coco
from glsmamba.data.records import FrameRecord, PersonRecord, SequenceRecord, Visibility
from glsmamba.data.sets.data_set import DataSet, DataSetError, LabelledSequence, listed
from glsmamba.data.sets.matlab import variable
from glsmamba.data.sets.pictures import PictureFiles
from glsmamba.data.skeletons import LSP14, POSETRACK15, joint_map

__all__ = ["coco_files", "lspet_split", "open_coco", "open_lsp"]


def coco_files(root: Path) -> list[Path]:
    """COCO keypoint label files of a folder."""
    return sorted([*root.glob("annotations/person_keypoints*.json"), *root.glob("person_keypoints*.json")])


def open_coco(root: Path, split: str) -> DataSet:
    """COCO keypoints: ``annotations/person_keypoints_{train,val}2017.json``, pictures in ``train2017`` or ``images/train2017``.

    A file of labels by itself is taken, too, with the pictures in ``images`` beside it.

    Raises:
        DataSetError: there is no such file, or none of its pictures.
        CocoError: the file is damaged.
    """
    files = [root] if root.is_file() else coco_files(root)
    chosen = [file for file in files if split in file.stem.removeprefix("person_keypoints")] if split else files
    if len(chosen) != 1:
        have = ", ".join(file.name for file in files) or "none"
        raise DataSetError(f"{root} must have one label file for the split {split or '(none named)'!r}; it has: {have}.")
    base = root.parent if root.is_file() else root
    name = chosen[0].stem.removeprefix("person_keypoints").strip("_")
    folders = [f for f in (base / name, base / "images" / name, base / "images", base) if f.is_dir()]
    present = [{entry.name for entry in folder.iterdir()} for folder in folders]
    sequences, gone, records = [], [], coco.read(chosen[0])
    for record in records:
        file = record.frames[0].file_name
        place = next((f for f, names in zip(folders, present, strict=True) if Path(file).name in names), None)
        if place is None:
            gone.append(file)
        else:
            sequences.append(LabelledSequence(record, PictureFiles({0: place / Path(file).name})))
    if not sequences:
        raise DataSetError(f"None of the {len(records)} pictures of {chosen[0].name} is in {base / name} or {base / 'images'}.")
    return DataSet("coco", root, split, tuple(sequences), False, tuple(listed(gone, "pictures", len(records))))


def lspet_split(rows: np.ndarray) -> np.ndarray:
    """Our split of each row of Leeds Sports Pose Extended, which has none of its own.

    5 % are held out for the figures we report, 5 % choose among runs, the rest train.
    """
    rows = np.asarray(rows)
    return np.where(rows % 20 == 7, "held-out", np.where(rows % 20 == 3, "validation", "train"))


def open_lsp(root: Path, split: str) -> DataSet:
    """Leeds Sports Pose (``joints.mat`` of 3 x 14 x 2000) or its extension (14 x 3 x 10000), pictures in ``images``.

    Of the first, rows 1 to 1000 train and the rest test, as its authors have it; all joints are labelled and the flag says
    occluded. Of the second, ``train``, ``validation`` and ``held-out`` are :func:`lspet_split`'s, and the flag says labelled.
    MATLAB counts pixels from 1. A ``joints.npz`` with ``keypoints`` (N, 14, 3) counted from 0 is read as the second.

    Raises:
        DataSetError: there is no such file, it has another shape, or there are no pictures.
    """
    kind, labels = _lsp_labels(root)
    rows = np.arange(len(labels))
    if kind == "lsp":
        part = np.where(rows < 1000, "train", "test")
        digits = 4
    else:
        part = lspet_split(rows)
        digits = 5
    if split not in part:
        raise DataSetError(f"{kind} has the splits {', '.join(dict.fromkeys(part.tolist()))}, not {split or 'none'!r}.")
    source = joint_map(LSP14, POSETRACK15)
    sequences, gone = [], []
    chosen = rows[part == split]
    for row in chosen.tolist():
        file = root / "images" / f"im{row + 1:0{digits}d}.jpg"
        if not file.is_file():
            gone.append(file.name)
            continue
        given = labels[row][np.maximum(source, 0)]
        seen = np.where((source >= 0) & np.isfinite(given).all(1), given[:, 2], Visibility.ABSENT).astype(np.uint8)
        points = np.where((seen > 0)[:, None], given[:, :2], 0.0)
        frame = FrameRecord(0, (PersonRecord(None, points, seen),), labeled=True, file_name=f"images/{file.name}")
        sequences.append(LabelledSequence(SequenceRecord(file.stem, (frame,)), PictureFiles({0: file})))
    if not sequences:
        raise DataSetError(f"{root / 'images'} has none of the pictures im{1:0{digits}d}.jpg and so on.")
    return DataSet(kind, root, split, tuple(sequences), False, tuple(listed(gone, "pictures", len(chosen))))


def _lsp_labels(root: Path) -> tuple[str, np.ndarray]:
    """(kind, (N, 14, 3) x, y, visibility of a joint), pixel centres at integers."""
    if (root / "joints.npz").is_file():
        with np.load(root / "joints.npz") as data:
            joints = data["keypoints"].astype(np.float64)
        joints[..., 2] = np.where(joints[..., 2] > 0, Visibility.VISIBLE, Visibility.ABSENT)
        return "lspet", joints
    if not (root / "joints.mat").is_file():
        raise DataSetError(f"{root} has no joints.mat; choose the folder of Leeds Sports Pose or its extension.")
    joints = variable(root / "joints.mat", "joints").astype(np.float64)
    if joints.ndim == 3 and joints.shape[:2] == (3, 14):
        kind, joints = "lsp", joints.transpose(2, 1, 0).copy()
        joints[..., 2] = np.where(joints[..., 2] > 0, Visibility.OCCLUDED, Visibility.VISIBLE)
    elif joints.ndim == 3 and joints.shape[:2] == (14, 3):
        kind, joints = "lspet", joints.transpose(2, 0, 1).copy()
        joints[..., 2] = np.where(joints[..., 2] > 0, Visibility.VISIBLE, Visibility.ABSENT)
    else:
        raise DataSetError(f"joints in {root / 'joints.mat'} has shape {joints.shape}; (3, 14, N) or (14, 3, N) was expected.")
    joints[..., :2] -= 1
    return kind, joints

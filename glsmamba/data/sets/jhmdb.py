"""Sub-JHMDB: 316 short clips of one person each, all of whose joints are inside the picture.

``sub_splits/ACTION_test_splitN.txt`` (lines ``CLIP.avi 1`` for training, ``2`` for testing), ``joint_positions/ACTION/CLIP/
joint_positions.mat`` (``pos_img`` 2 x 15 x F, counted from 1), ``Rename_Images/ACTION/CLIP/00001.png`` and, for boxes,
``puppet_mask/ACTION/CLIP/puppet_mask.mat`` (``part_mask`` H x W x F).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from glsmamba.data.records import Box, FrameRecord, PersonRecord, SequenceRecord, Visibility
from glsmamba.data.sets.data_set import DataSet, DataSetError, LabelledSequence, listed
from glsmamba.data.sets.matlab import variable
from glsmamba.data.sets.pictures import PictureFiles, numbered
from glsmamba.data.skeletons import JHMDB15, POSETRACK15, joint_map

__all__ = ["open_jhmdb"]

_SPLIT = re.compile(r"^(train|test)([123])$")


def open_jhmdb(root: Path, split: str) -> DataSet:
    """One of the three splits: ``train1``, ``test1`` ... ``test3``; figures are the mean over the three.

    JHMDB's neck is PoseTrack's head_bottom. Its ``belly`` and ``face`` have no counterpart: nose and top of head are absent.

    Raises:
        DataSetError: the split is another, or files that are needed are missing.
    """
    named = _SPLIT.match(split)
    if named is None:
        raise DataSetError(f"Sub-JHMDB has the splits train1, test1, train2, test2, train3 and test3, not {split or 'none'!r}.")
    files = sorted(root.glob(f"sub_splits/*_test_split{named[2]}.txt"))
    if not files:
        raise DataSetError(f"{root} has no sub_splits/*_test_split{named[2]}.txt; put Sub-JHMDB's sub_splits there.")
    wanted = "1" if named[1] == "train" else "2"
    clips = [
        (file.name.split("_test_split")[0], line.split()[0].removesuffix(".avi"))
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        if len(line.split()) == 2 and line.split()[1] == wanted
    ]
    sequences, unlabelled, unseen, unboxed = [], [], [], []
    for action, clip in clips:
        joints = root / "joint_positions" / action / clip / "joint_positions.mat"
        pictures = PictureFiles(numbered(root / "Rename_Images" / action / clip, first=1))
        if not joints.is_file():
            unlabelled.append(f"{action}/{clip}")
        elif not pictures.files:
            unseen.append(f"{action}/{clip}")
        else:
            mask = root / "puppet_mask" / action / clip / "puppet_mask.mat"
            if not mask.is_file():
                unboxed.append(f"{action}/{clip}")
            sequences.append(LabelledSequence(_record(f"{action}/{clip}", joints, mask, pictures), pictures))
    if not sequences:
        raise DataSetError(
            f"None of the {len(clips)} clips of {split} has joints and pictures under {root}; "
            "joint_positions/ACTION/CLIP/joint_positions.mat and Rename_Images/ACTION/CLIP/00001.png were looked for."
        )
    missing = [
        *listed(unlabelled, "clips without joint_positions", len(clips)),
        *listed(unseen, "clips without Rename_Images", len(clips)),
        *listed(unboxed, "clips without puppet_mask, whose boxes come from the joints", len(clips)),
    ]
    return DataSet("sub-jhmdb", root, split, tuple(sequences), True, tuple(missing))


def _record(name: str, joints: Path, mask: Path, pictures: PictureFiles) -> SequenceRecord:
    positions = variable(joints, "pos_img").astype(np.float64)
    if positions.ndim != 3 or positions.shape[:2] != (2, 15):
        raise DataSetError(f"pos_img in {joints} has shape {positions.shape}; (2, 15, frames) was expected.")
    points = positions.transpose(2, 1, 0) - 1  # MATLAB counts from 1
    source = joint_map(JHMDB15, POSETRACK15)
    masks = variable(mask, "part_mask") if mask.is_file() else None
    frames = []
    for index in range(len(points)):
        if index not in pictures:
            continue
        has = (source >= 0) & np.isfinite(points[index, source]).all(1)
        person = PersonRecord(
            0,
            np.where(has[:, None], points[index, source], 0.0),
            np.where(has, Visibility.VISIBLE, Visibility.ABSENT).astype(np.uint8),
            box=_box(masks[..., index]) if masks is not None and index < masks.shape[-1] else None,
        )
        frames.append(FrameRecord(index, (person,), labeled=True, file_name=pictures.files[index].name))
    return SequenceRecord(name, tuple(frames))


def _box(mask: np.ndarray) -> Box | None:
    y, x = np.nonzero(mask)
    if not len(x):
        return None
    left, top = float(x.min()), float(y.min())
    return left, top, float(x.max()) - left + 1, float(y.max()) - top + 1

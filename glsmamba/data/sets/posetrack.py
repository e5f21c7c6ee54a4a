"""PoseTrack 2017, 2018 and 21 in the folders they are published in.

============  =====================================================  =========================================
year          labels                                                 pictures (as the labels name them)
============  =====================================================  =========================================
2017          ``annotations/{train,val}/*.json`` (``annolist``)      ``images/bonn/000342_mpii/00000001.jpg``
2018          ``annotations/{train,val}/*.json``                     ``images/val/000342_mpii_test/000000.jpg``
21            ``posetrack_data/{train,val}/*.json``                  ``images/val/000342_mpii_test/000000.jpg``
============  =====================================================  =========================================

The archives put all of it into a folder ``posetrack_data``, which is found, too. In training clips only some frames are
labelled; their neighbours are taken from the pictures, also where the labels do not list them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from glsmamba.data import posetrack17, posetrack18
from glsmamba.data.posetrack18_names import PoseTrackError
from glsmamba.data.posetrack18_write import extent_box
from glsmamba.data.records import FrameRecord, SequenceRecord, Visibility
from glsmamba.data.sets.data_set import DataSet, DataSetError, LabelledSequence, listed
from glsmamba.data.sets.pictures import PictureFiles, numbered

__all__ = ["label_files", "open_posetrack", "read_sequences", "splits_of", "year_of"]

#: Where the labels of a split may lie.
_PLACES = ("posetrack_data/{split}", "annotations/{split}", "posetrack_data/annotations/{split}", "jsons/{split}")
_SPLITS = ("train", "val", "test")


def splits_of(root: Path) -> dict[str, list[Path]]:
    """Label files by split; under "" those of ``annotations``, or of the folder itself, where there are no splits."""
    found = {s: files for s in _SPLITS for place in _PLACES if (files := sorted((root / place.format(split=s)).glob("*.json")))}
    if not found:
        whole = sorted((root / "annotations").glob("*.json")) or sorted(root.glob("*.json"))
        found = {"": whole} if whole else {}
    return found


def label_files(root: Path, split: str) -> list[Path]:
    """The JSON files of a split; all where there are no splits.

    Raises:
        DataSetError: there are none, or a split must be named.
    """
    found = splits_of(root)
    if "" in found or split in found:
        return found.get("") or found[split]
    if found:
        raise DataSetError(f"{root} has the splits {', '.join(sorted(found))}; name one of them, not {split or 'none'!r}.")
    wanted = ", ".join(f"{place.format(split=split or 'val')}/*.json" for place in _PLACES[:2])
    raise DataSetError(f"{root} holds no PoseTrack labels; {wanted} were looked for.")


def year_of(file: Path) -> str:
    """``posetrack17``, ``posetrack18`` or ``posetrack21``, from a label file.

    Raises:
        DataSetError: it is neither.
    """
    try:
        content = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataSetError(f"{file} is not valid JSON ({error}); get it again.") from error
    if isinstance(content, dict) and "annolist" in content:
        return "posetrack17"
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise DataSetError(f'{file} has neither "annolist" nor "images"; choose a PoseTrack folder.')
    first = next((a for a in content.get("annotations") or [] if isinstance(a, dict)), {})
    return "posetrack21" if "person_id" in first else "posetrack18"


def open_posetrack(root: Path, split: str) -> DataSet:
    """Read the labels of a split and find its pictures.

    Raises:
        DataSetError: there are no labels, or none of the pictures.
        PoseTrackError: a label file is damaged.
    """
    files = label_files(root, split)
    kind = year_of(files[0])
    sequences, gone, total = [], [], 0
    for file in files:
        for record in read_sequences(file):
            pictures = _pictures(root, record)
            there = tuple(frame for frame in record.frames if frame.index in pictures)
            total += len(record.frames)
            gone += [frame.file_name for frame in record.frames if frame.index not in pictures]
            if there:
                sequences.append(LabelledSequence(replace(record, frames=there), pictures))
    if not sequences:
        raise DataSetError(
            f"None of the {total} pictures that the labels in {files[0].parent} name is under {root}; "
            f"{gone[0] if gone else 'a picture'} is looked for first: put the folder images there."
        )
    return DataSet(kind, root, split, tuple(sequences), True, tuple(listed(gone, "pictures", total)))


def read_sequences(file: Path) -> list[SequenceRecord]:
    """Sequences of a PoseTrack file of either kind, everybody with a box.

    PoseTrack 2017 has none: people get the one that PoseTrack 2018 gave the same people.
    """
    if year_of(file) != "posetrack17":
        return posetrack18.read(file)
    record = posetrack17.read(file)
    return [replace(record, frames=tuple(_with_boxes(frame) for frame in record.frames))]


def _with_boxes(frame: FrameRecord) -> FrameRecord:
    people = []
    for person in frame.people:
        points = person.keypoints[person.visibility != Visibility.ABSENT]
        people.append(replace(person, box=extent_box(points) if len(points) else None))
    return replace(frame, people=tuple(people))


def _pictures(root: Path, record: SequenceRecord) -> PictureFiles:
    """All pictures of the folder that the labels name: neighbours of labelled frames need not be listed."""
    first = Path(record.frames[0].file_name)
    if first.is_absolute() or ".." in first.parts:
        raise PoseTrackError(f"{record.name} names its pictures by {first}, which lies outside the data set.")
    for base in (root, root / "posetrack_data", root / "images", root.parent):
        found = numbered(base / first.parent, first=1 if len(first.stem) == 8 else 0)
        if found:
            return PictureFiles(found)
    return PictureFiles({})

"""Reading PoseTrack 2018 JSON, and the odd files that go by that name (mmpose's merged sets, test sets, results)."""

from __future__ import annotations

import math
import re
import sys
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from glsmamba.data.posetrack18_names import MAX_FRAMES, PoseTrackError, load_json
from glsmamba.data.records import Box, FrameRecord, PersonRecord, SequenceRecord, Visibility
from glsmamba.data.skeletons import POSETRACK15, POSETRACK18, Skeleton, joint_map

__all__ = ["joint_names", "read"]


def read(path: str | Path) -> list[SequenceRecord]:
    """Sequences of a file, in the order of their first picture; most files hold one.

    Joints come by name, as :data:`~glsmamba.data.skeletons.POSETRACK15`. PoseTrack's files know labelled (v = 1) and not
    labelled; where a file uses v = 2 anywhere it is read as COCO does: 1 occluded, 2 visible. A triplet ``0, 0, v`` is no
    joint, whatever v is. Frames are numbered by their picture's file name, which is 0-based in these files.

    Raises:
        OSError: the file cannot be read.
        PoseTrackError: it is no PoseTrack 2018 JSON; the sentence names the entry that is wrong.
    """
    path = Path(path)
    content = load_json(path)
    names = joint_names(content, path.name)
    source = joint_map(Skeleton("file", names), POSETRACK15)
    images = _images(content["images"], path)
    people: dict[int, list[dict[str, Any]]] = defaultdict(list)
    annotations = content.get("annotations", [])
    if not isinstance(annotations, list):
        raise PoseTrackError(f'"annotations" of {path.name} is no list; choose a PoseTrack 2018 file.')
    for n, annotation in enumerate(annotations):
        key = annotation.get("image_id") if isinstance(annotation, dict) else None
        if not isinstance(key, int) or key not in images:
            raise PoseTrackError(f"Annotation {n} of {path.name} belongs to no picture of the file; check its image_id.")
        people[key].append(annotation)
    coco = any(
        isinstance(a.get("keypoints"), list) and any(v == 2 for v in a["keypoints"][2::3])
        for group in people.values()
        for a in group
    )
    sequences: dict[str, list[FrameRecord]] = {}
    sizes: dict[str, tuple[int | None, int | None]] = {}
    for image_id, (name, index, image) in images.items():
        records = tuple(_person(a, names, source, coco, f"{path.name}, frame {index}") for a in people[image_id])
        regions = _regions(image, f"{path.name}, frame {index}")
        labelled = image.get("is_labeled", bool(records)) is True
        frame = FrameRecord(index, records, regions, labelled, str(image.get("file_name", "")))
        sequences.setdefault(name, []).append(frame)
        size = (_integer(image.get("width")), _integer(image.get("height")))
        sizes[name] = size if None not in size else sizes.get(name, (None, None))
    return [
        SequenceRecord(name, tuple(sorted(frames, key=lambda frame: frame.index)), *sizes[name])
        for name, frames in sequences.items()
    ]


def joint_names(content: dict[str, Any], file: str) -> tuple[str, ...]:
    """Joint names in the order of the file's triplets, from its category; the standard 17 where it has none."""
    categories = content.get("categories") or [{}]
    category = categories[0] if isinstance(categories, list) and isinstance(categories[0], dict) else {}
    names = category.get("keypoints", POSETRACK18.joints)
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise PoseTrackError(f"The joint names in the categories of {file} are no list of words; choose a PoseTrack 2018 file.")
    if len(set(names)) != len(names):
        raise PoseTrackError(f"The categories of {file} name a joint twice; choose a PoseTrack 2018 file.")
    return tuple(names)


def _images(images: list[Any], path: Path) -> dict[int, tuple[str, int, dict[str, Any]]]:
    """id -> (sequence, frame, entry)."""
    found: dict[int, tuple[str, int, dict[str, Any]]] = {}
    counts: dict[str, int] = defaultdict(int)
    taken: set[tuple[str, int]] = set()
    for n, image in enumerate(images):
        key = image.get("id", image.get("frame_id")) if isinstance(image, dict) else None
        if not isinstance(key, int):
            raise PoseTrackError(f"Picture {n} of {path.name} has no whole number as id; choose a PoseTrack 2018 file.")
        if key in found:
            raise PoseTrackError(f"Two pictures of {path.name} have the id {key}; ids must differ.")
        file = PurePosixPath(str(image.get("file_name", "")))
        name = file.parent.name or str(image.get("vid_id", "")) or path.stem
        digits = re.search(r"(\d{1,9})$", file.stem)
        index = int(digits[1]) if digits else counts[name]
        counts[name] += 1
        if (name, index) in taken:
            raise PoseTrackError(f"Two pictures of {path.name} are frame {index} of {name}; frames must differ.")
        if index >= 10 * MAX_FRAMES:
            raise PoseTrackError(f"Picture {n} of {path.name} is called {file.name}, which is no frame number; rename it.")
        taken.add((name, index))
        found[key] = (name, index, image)
    return found


def _person(annotation: dict[str, Any], names: tuple[str, ...], source: np.ndarray, coco: bool, where: str) -> PersonRecord:
    values = annotation.get("keypoints", [0] * 3 * len(names))
    if not isinstance(values, list) or len(values) != 3 * len(names):
        raise PoseTrackError(f"{where}: a person has not {len(names)} keypoint triplets; write the file again.")
    try:
        triplets = np.array(values, dtype=np.float64).reshape(-1, 3)
    except (TypeError, ValueError, OverflowError) as error:
        raise PoseTrackError(f"{where}: a keypoint is no number; write the file again.") from error
    there = (triplets[:, 2] > 0) & np.isfinite(triplets).all(1) & (triplets[:, :2] != 0).any(1)
    seen = np.where(there, np.where(coco & (triplets[:, 2] == 1), Visibility.OCCLUDED, Visibility.VISIBLE), Visibility.ABSENT)
    has = source >= 0
    visibility = np.where(has, seen[source], Visibility.ABSENT).astype(np.uint8)
    points = np.where((visibility > 0)[:, None], triplets[source, :2], 0.0)
    scores = _scores(annotation.get("scores"), len(names), where)
    track = annotation.get("track_id")
    if track is not None and not isinstance(track, int) and not (isinstance(track, float) and track.is_integer()):
        raise PoseTrackError(f"{where}: the track_id {track!r} is no whole number; write the file again.")
    person_score = annotation.get("score")
    return PersonRecord(
        None if track is None else int(track),
        points,
        visibility,
        None if scores is None else np.where(visibility > 0, scores[source], 0.0).astype(np.float32),
        _box(annotation.get("bbox"), where),
        _box(annotation.get("bbox_head"), where),
        float(person_score) if isinstance(person_score, (int, float)) and abs(person_score) <= sys.float_info.max else None,
    )


def _scores(values: Any, n: int, where: str) -> np.ndarray | None:
    if not values:  # absent, null or [] in ground truth
        return None
    try:
        scores = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise PoseTrackError(f"{where}: a score is no number; write the file again.") from error
    if scores.shape != (n,):
        raise PoseTrackError(f"{where}: a person has {scores.size} scores for {n} keypoints; write the file again.")
    return np.nan_to_num(scores, nan=0.0, posinf=1.0, neginf=0.0)


def _box(values: Any, where: str) -> Box | None:
    if values is None or values == []:
        return None
    numbers = isinstance(values, list) and len(values) == 4 and all(isinstance(v, (int, float)) for v in values)
    if not numbers or any(abs(v) > sys.float_info.max for v in values if isinstance(v, int)):
        raise PoseTrackError(f"{where}: a box is not four numbers; write the file again.")
    x, y, w, h = (float(v) for v in values)
    return (x, y, w, h) if all(map(math.isfinite, (x, y, w, h))) and w > 0 and h > 0 else None


def _regions(image: dict[str, Any], where: str) -> tuple[np.ndarray, ...]:
    xs, ys = image.get("ignore_regions_x") or [], image.get("ignore_regions_y") or []
    try:
        polygons = [np.array([x, y], dtype=np.float64).T for x, y in zip(xs, ys, strict=True)]
    except (TypeError, ValueError, OverflowError) as error:
        raise PoseTrackError(
            f"{where}: an ignore region is not two equally long lists of numbers; write the file again."
        ) from error
    return tuple(polygon for polygon in polygons if polygon.ndim == 2 and len(polygon) >= 3)


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None

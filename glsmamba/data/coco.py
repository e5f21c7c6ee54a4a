"""Reading COCO keypoint annotations (``person_keypoints_*.json``) into plain records: one sequence of one frame a picture."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from glsmamba.data.records import Box, FrameRecord, PersonRecord, SequenceRecord, Visibility
from glsmamba.data.skeletons import POSETRACK15, Skeleton, joint_map

__all__ = ["CocoError", "read"]


class CocoError(ValueError):
    """A file that is no COCO keypoint JSON; one sentence says what to do."""


def read(path: str | Path) -> list[SequenceRecord]:
    """The pictures of a file, each a sequence of one frame called after the picture's id.

    Joints come by name, as :data:`~glsmamba.data.skeletons.POSETRACK15`: PoseTrack's neck and top of head are not labelled in
    COCO and so absent. v = 1 is occluded, 2 visible. Everybody is there, also people without joints and crowds: evaluators pass
    over them, but must know where they are.

    Raises:
        OSError: the file cannot be read.
        CocoError: it is no COCO keypoint JSON.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CocoError(f"{path.name} is not valid JSON ({error}); it may be cut short, get it again.") from error
    try:
        category = next(c for c in content["categories"] if c.get("keypoints"))
        names = Skeleton("file", tuple(category["keypoints"]))
        images = {image["id"]: image for image in content["images"]}
        people: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for annotation in content["annotations"]:
            if annotation.get("category_id", category["id"]) == category["id"]:
                people[annotation["image_id"]].append(annotation)
    except (KeyError, TypeError, AttributeError, StopIteration) as error:
        raise CocoError(f"{path.name} is not COCO's keypoint JSON ({error!r}); choose a person_keypoints file.") from error
    source = joint_map(names, POSETRACK15)
    out = []
    for key, image in images.items():
        try:
            records = tuple(_person(annotation, len(names), source) for annotation in people[key])
            frame = FrameRecord(0, records, labeled=bool(records), file_name=str(image["file_name"]))
            out.append(SequenceRecord(str(key), (frame,), image.get("width"), image.get("height")))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise CocoError(f"{path.name}, picture {key}: an entry is wrong ({error}); get the file again.") from error
    return out


def _person(annotation: dict[str, Any], joints: int, source: np.ndarray) -> PersonRecord:
    triplets = np.array(annotation.get("keypoints") or [0] * 3 * joints, np.float64).reshape(joints, 3)
    has = (source >= 0) & (triplets[source, 2] > 0) & np.isfinite(triplets[source]).all(1)
    visibility = np.where(has, triplets[source, 2], Visibility.ABSENT).astype(np.uint8)
    area = annotation.get("area")
    return PersonRecord(
        None,
        np.where(has[:, None], triplets[source, :2], 0.0),
        visibility,
        box=_box(annotation.get("bbox")),
        score=None,
        area=None if area is None else float(area),
        crowd=bool(annotation.get("iscrowd", 0)),
    )


def _box(values: Any) -> Box | None:
    if values is None:
        return None
    x, y, w, h = (float(v) for v in values)
    return (x, y, w, h) if all(map(math.isfinite, (x, y, w, h))) and w > 0 and h > 0 else None

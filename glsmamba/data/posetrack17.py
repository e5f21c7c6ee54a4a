"""Reading PoseTrack 2017 JSON (``annolist``): one file a sequence, each scalar a list of one element, only labelled joints.

Ground truth and results alike; the 2017 challenge's evaluator (poseval) takes both forms.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from glsmamba.data.posetrack18_names import PoseTrackError
from glsmamba.data.records import Box, FrameRecord, PersonRecord, SequenceRecord, Visibility
from glsmamba.data.skeletons import POSETRACK15, POSETRACK17, joint_map

__all__ = ["read"]

#: For each of PoseTrack 2017's ids its place in POSETRACK15: -1 does not occur, both name the same joints.
_PLACE = joint_map(POSETRACK15, POSETRACK17)


def read(path: str | Path) -> SequenceRecord:
    """The sequence of a file, joints by name as :data:`~glsmamba.data.skeletons.POSETRACK15`.

    Frames are numbered by their picture's file name: from 0 where it has six digits, from 1 where it has eight, as PoseTrack
    2018 and 2017 write them; frame n of the record is the n-th from 0 in both. The file has no boxes of people, only of heads.

    Raises:
        OSError: the file cannot be read.
        PoseTrackError: it is no PoseTrack 2017 JSON; the sentence names the entry that is wrong.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise PoseTrackError(f"{path.name} is not valid JSON ({error}); it may be cut short, get it again.") from error
    listed = content.get("annolist") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise PoseTrackError(f'{path.name} has no list "annolist"; choose a PoseTrack 2017 file.')
    frames: dict[int, FrameRecord] = {}
    for n, entry in enumerate(listed):
        where = f"{path.name}, entry {n}"
        try:
            frame = _frame(entry, n)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise PoseTrackError(f"{where}: it is not as PoseTrack 2017 has it ({error!r}); get the file again.") from error
        if frame.index in frames:
            raise PoseTrackError(f"{where}: frame {frame.index} occurs twice; frames must differ.")
        frames[frame.index] = frame
    return SequenceRecord(path.stem, tuple(frames[index] for index in sorted(frames)))


def _frame(entry: dict[str, Any], n: int) -> FrameRecord:
    name = str(_one(entry["image"])["name"])
    stem = PurePosixPath(name).stem
    digits = re.search(r"(\d{1,9})$", stem)
    index = n if digits is None else int(digits[1]) - (len(digits[1]) == 8)
    people = tuple(_person(rect) for rect in entry.get("annorect") or [])
    labelled = entry.get("is_labeled")
    regions = tuple(
        polygon
        for region in entry.get("ignore_regions") or []
        if len(polygon := np.array([[_number(p["x"]), _number(p["y"])] for p in region["point"]]).reshape(-1, 2)) >= 3
    )
    return FrameRecord(index, people, regions, bool(people) if labelled is None else bool(_one(labelled)), name)


def _person(rect: dict[str, Any]) -> PersonRecord:
    points = np.zeros((len(POSETRACK15), 2))
    visibility = np.zeros(len(POSETRACK15), np.uint8)
    scores = np.zeros(len(POSETRACK15), np.float32)
    scored = False
    annotated = rect.get("annopoints") or [{}]
    for point in _one(annotated).get("point") or []:
        identity = int(_number(point["id"]))
        x, y = _number(point["x"]), _number(point["y"])
        if not 0 <= identity < len(_PLACE):
            raise ValueError(f"joint id {identity}")
        if not (math.isfinite(x) and math.isfinite(y)):
            continue
        seen = point.get("is_visible")
        place = _PLACE[identity]
        points[place] = x, y
        hidden = seen is not None and seen != [] and not int(_number(seen))
        visibility[place] = Visibility.OCCLUDED if hidden else Visibility.VISIBLE
        if point.get("score") not in (None, []):
            scores[place], scored = _number(point["score"]), True
    track = rect.get("track_id")
    score = rect.get("score")
    return PersonRecord(
        None if track in (None, []) else int(_number(track)),
        points,
        visibility,
        scores if scored else None,
        None,
        _head_box(rect),
        None if score in (None, []) else _number(score),
    )


def _head_box(rect: dict[str, Any]) -> Box | None:
    if any(rect.get(side) in (None, []) for side in ("x1", "y1", "x2", "y2")):
        return None
    x1, y1, x2, y2 = (_number(rect[side]) for side in ("x1", "y1", "x2", "y2"))
    box = min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1)
    return box if all(map(math.isfinite, box)) and box[2] > 0 and box[3] > 0 else None


def _one(value: Any) -> Any:
    """The only element of a list; openpifpaf writes the element itself."""
    return value[0] if isinstance(value, list) else value


def _number(value: Any) -> float:
    return float(_one(value))

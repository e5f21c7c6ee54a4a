"""Is a PoseTrack 2018 file sound? Each finding is something that one of the two evaluators fails on or misjudges."""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from glsmamba.data.posetrack18_names import MAX_FRAMES, PoseTrackError, load_json, sequence_name
from glsmamba.data.posetrack18_read import joint_names
from glsmamba.data.problems import Problem, Severity
from glsmamba.data.skeletons import POSETRACK18

__all__ = ["check"]

_FILE = re.compile(r"^\d{6}$")
_EARS = ("left_ear", "right_ear")


def check(path: str | Path) -> list[Problem]:
    """Problems of a file, by frame; an empty list means that both evaluators take it as it is meant.

    Frames are numbered by the pictures' place in the file, tracks by their ids in the file, joints by the file's order.

    Raises:
        OSError: it cannot be read.
        PoseTrackError: it is no PoseTrack 2018 JSON at all.
    """
    path = Path(path)
    content = load_json(path)
    found = [*_whole(content, path), *_images(content["images"])]
    annotations = content.get("annotations")
    if isinstance(annotations, list):
        found += _annotations(content, annotations, path)
    return sorted(found, key=lambda p: (p.severity, -1 if p.frame is None else p.frame, p.rule))


def _error(rule: str, message: str, frame: int | None = None, track: Any = None, joint: int | None = None) -> Problem:
    return _problem("error", rule, message, frame, track, joint)


def _warning(rule: str, message: str, frame: int | None = None, track: Any = None, joint: int | None = None) -> Problem:
    return _problem("warning", rule, message, frame, track, joint)


def _problem(severity: Severity, rule: str, message: str, frame: int | None, track: Any, joint: int | None) -> Problem:
    return Problem(severity, rule, message, frame, track if _whole_number(track) else None, joint)


def _whole(content: dict[str, Any], path: Path) -> Iterator[Problem]:
    if not isinstance(content.get("annotations"), list):
        yield _error("annotations", 'The list "annotations" is missing; readers fail without it, also when it is empty.')
    categories = content.get("categories")
    if not isinstance(categories, list) or len(categories) != 1 or not isinstance(categories[0], dict):
        yield _error("categories", 'There must be exactly one entry in "categories", the person with its joint names.')
        return
    try:
        names = joint_names(content, path.name)
    except PoseTrackError as error:
        yield _error("categories", str(error))
        return
    if names != POSETRACK18.joints:
        yield _error("joint names", "The joint names in the categories are not PoseTrack 2018's 17 in their order.")


def _images(images: list[Any]) -> Iterator[Problem]:
    if not images:
        yield _error("images", "The file has no pictures.")
    if len(images) > MAX_FRAMES:
        yield _error("length", f"The file has {len(images)} frames; ids have room for {MAX_FRAMES}. Split it.")
    ids: Counter[Any] = Counter()
    names = set()
    before = -1
    for n, image in enumerate(images):
        if not isinstance(image, dict):
            yield _error("picture", "This picture is not an object.", n)
            continue
        key = image.get("id")
        ids[repr(key)] += 1
        if not _whole_number(key):
            yield _error("id", "The picture's id is no whole number.", n)
        elif image.get("frame_id", key) != key:
            yield _error("id", "The picture's id and frame_id differ.", n)
        if ids[repr(key)] == 2:
            yield _error("id", f"The picture's id {key} is used more than once.", n)
        if not isinstance(image.get("is_labeled"), bool):
            yield _error("is_labeled", "is_labeled must be true or false.", n)
        yield from _regions(image, n)
        file = PurePosixPath(str(image.get("file_name", "")))
        names.add(file.parent.name)
        if not _FILE.match(file.stem):
            yield _error("file name", f"The picture is called {file.name!r}; evaluators read six digits from it.", n)
            continue
        if int(file.stem) <= before:
            yield _error("order", "The pictures are not in time order; poseval then compares wrong frames without a word.", n)
        before = int(file.stem)
    if any(isinstance(image, dict) and image.get("nframes") != len(images) for image in images):
        yield _warning("nframes", f"nframes is not the number of pictures, {len(images)}, everywhere.")
    with_regions = sum("ignore_regions_x" in image for image in images if isinstance(image, dict))
    if 0 < with_regions < len(images):
        yield _warning(
            "regions", "Only some pictures have ignore regions; the PoseTrack21 evaluator wants the lists on all or none."
        )
    if len(names) > 1:
        yield _error("sequence", "The pictures are of more than one sequence; evaluators read only the first.")
    for name in names:
        if sequence_name(name) != name:
            yield _error("sequence", f"The pictures' folder {name!r} is no sequence name such as 900001_mpiinew_test.")


def _regions(image: dict[str, Any], n: int) -> Iterator[Problem]:
    xs, ys = image.get("ignore_regions_x"), image.get("ignore_regions_y")
    if xs is None and ys is None:
        return
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
        yield _error("regions", "ignore_regions_x and ignore_regions_y are not lists of equal length.", n)
        return
    for x, y in zip(xs, ys, strict=True):
        if not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y):
            yield _error("regions", "An ignore region has not as many x as y.", n)
        elif 0 < len(x) < 3:
            yield _error("regions", "An ignore region has fewer than three corners.", n)
        elif not all(map(_number, [*x, *y])):
            yield _error("regions", "A corner of an ignore region is not two finite numbers.", n)


def _annotations(content: dict[str, Any], annotations: list[Any], path: Path) -> Iterator[Problem]:
    images = [image for image in content["images"] if isinstance(image, dict)]
    place = {repr(image.get("id")): n for n, image in enumerate(images)}
    people: dict[int, list[dict[str, Any]]] = defaultdict(list)
    try:
        names = joint_names(content, path.name)
    except PoseTrackError:
        names = POSETRACK18.joints
    ids: Counter[Any] = Counter()
    with_scores = 0
    for n, annotation in enumerate(annotations):
        if not isinstance(annotation, dict):
            yield _error("person", f"Annotation {n} is not an object.")
            continue
        ids[repr(annotation.get("id"))] += 1
        with_scores += bool(annotation.get("scores"))
        frame = place.get(repr(annotation.get("image_id")))
        if frame is None:
            yield _error(
                "image_id", f"Annotation {n} belongs to no picture of the file (image_id {annotation.get('image_id')!r})."
            )
            continue
        people[frame].append(annotation)
        image = images[frame]
        yield from _person(annotation, names, frame, image.get("width"), image.get("height"))
    if repeated := sum(count > 1 for count in ids.values()):
        yield _error("id", f"{repeated} ids of annotations are used more than once.")
    if 0 < with_scores < len(annotations):
        yield _error("scores", f"Only {with_scores} of {len(annotations)} people have scores; results have them for all.")
    for frame, group in people.items():
        tracks = Counter(repr(annotation.get("track_id")) for annotation in group)
        for annotation in group:
            track = annotation.get("track_id")
            if tracks.pop(repr(track), 0) > 1:
                yield _error("track_id", f"The track_id {track} is in this frame more than once.", frame, track)
    for frame, image in enumerate(images):
        if image.get("is_labeled") is True and not people[frame]:
            yield _error(
                "is_labeled", "The frame says it is labelled but has nobody; the PoseTrack21 evaluator fails on it.", frame
            )
        if image.get("is_labeled") is False and people[frame]:
            yield _warning("is_labeled", "The frame has people but says it is not labelled; evaluators pass over it.", frame)


def _person(a: dict[str, Any], names: tuple[str, ...], frame: int, width: Any, height: Any) -> Iterator[Problem]:
    track = a.get("track_id")
    if not isinstance(track, int) or isinstance(track, bool) or track < 0:
        yield _error("track_id", f"The track_id {track!r} is no whole number from 0 on.", frame)
    elif track >= 1000:
        yield _warning("track_id", f"The track_id {track} is above 999; poseval fails from 10,000 on.", frame, track)
    if a.get("category_id") != 1:
        yield _warning("category_id", "category_id is not 1.", frame, track)
    yield from _boxes(a, frame, track)
    scores = a.get("scores")
    if scores and (not isinstance(scores, list) or len(scores) != len(names) or not all(map(_number, scores))):
        yield _error("scores", f"The scores are not {len(names)} numbers.", frame, track)
    values = a.get("keypoints")
    if not isinstance(values, list) or len(values) != 3 * len(names):
        yield _error("keypoints", f"The person has not {len(names)} triplets x, y, v.", frame, track)
        return
    for joint, name in enumerate(names):
        x, y, v = values[3 * joint : 3 * joint + 3]
        words = name.replace("_", " ")
        if not (_number(x) and _number(y) and _number(v)):
            yield _error("number", f"The {words} is not three finite numbers.", frame, track, joint)
        elif v not in (0, 1, 2):
            yield _error("visibility", f"The {words} has v = {v}; it must be 0 or 1.", frame, track, joint)
        elif v == 0 and (x != 0 or y != 0):
            yield _error(
                "visibility", f"The {words} has v = 0 but a position; evaluators count it as labelled.", frame, track, joint
            )
        elif v > 0 and (x <= 0 or y <= 0):
            yield _error(
                "zero", f"The {words} has v = {v} at x <= 0 or y <= 0, which evaluators take for absent.", frame, track, joint
            )
        elif v > 0 and name in _EARS:
            yield _warning("ears", f"The {words} is labelled; PoseTrack 2018 never labels ears.", frame, track, joint)
        elif v > 0 and _number(width) and _number(height) and (x > width or y > height):
            yield _warning("outside", f"The {words} lies outside the picture.", frame, track, joint)


def _boxes(a: dict[str, Any], frame: int, track: Any) -> Iterator[Problem]:
    for key, words in (("bbox", "box"), ("bbox_head", "head box")):
        box = a.get(key)
        if not isinstance(box, list) or len(box) != 4 or not all(map(_number, box)):
            yield _error(words, f"The {words} is missing or not four numbers.", frame, track)
        elif min(box[2:]) <= 0:
            yield _error(words, f"The {words} has no size, so that no distance can be judged.", frame, track)


def _whole_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= sys.float_info.max  # math.isfinite fails on whole numbers beyond it

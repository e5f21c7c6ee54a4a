"""Writing PoseTrack 2018 JSON that both evaluators accept, and saying what the format made us change."""

from __future__ import annotations

import contextlib
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from glsmamba.data.posetrack18_check import check
from glsmamba.data.posetrack18_names import (
    CATEGORY,
    MAX_FRAMES,
    MAX_PEOPLE,
    PoseTrackError,
    PoseTrackWriteError,
    frame_id,
    sequence_name,
    sequence_number,
)
from glsmamba.data.problems import Problem, finite, head_segment, outside
from glsmamba.data.records import Box, FrameRecord, PersonRecord, SequenceRecord, Visibility
from glsmamba.data.skeletons import POSETRACK18, Skeleton, joint_map
from glsmamba.data.whole_file import whole_file

__all__ = ["Kind", "Occluded", "Written", "derived_head_box", "extent_box", "write"]

#: Ground truth, or results with scores.
Kind = Literal["gt", "prediction"]
#: Occluded joints: labelled like visible ones, or left out as PoseTrack's annotators did.
Occluded = Literal["keep", "drop"]

#: distance(head_top, head_bottom) over the diagonal of the head box, in all of PoseTrack's own files.
_HEAD = 0.7
#: The head box's centre lies this part of the diagonal above the middle of the two points.
_HEAD_SHIFT = 0.045
#: A person's box is the extent of the joints times this.
_MARGIN = 1.3
#: Where x or y is 0 the evaluators take a joint for absent.
_NOT_ZERO = 0.005


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        paths: the files, each with at most 10,000 frames.
        problems: what could not be said in the format, and what reading the files back found; frames and tracks are those of
            the record that was written, not those of the file.
    """

    paths: tuple[Path, ...]
    problems: tuple[Problem, ...]


def write(record: SequenceRecord, path: str | Path, kind: Kind = "gt", occluded: Occluded = "keep") -> Written:
    """Write a sequence as PoseTrack 2018 JSON, then read it back and check it.

    The file appears whole or not at all. Clips of more than 10,000 frames become several files, ``NAME-2.json`` and so on.
    Tracks are numbered 0, 1, ... in the order of their ids; people without an id get one each.

    Args:
        record: what to write; its frames must be all frames of the clip, in time order, numbered 0, 1, ....
        path: of the (first) file; folders are made.
        kind: ground truth has no scores; predictions have 17 a person.
        occluded: what becomes of occluded joints.

    Raises:
        PoseTrackError: the labels cannot be written (two people with one id in a frame, more than 100 people in a frame,
            frames that are not all frames of the clip in order).
        PoseTrackWriteError: no room, no permission; an older file of that name is left as it was.
    """
    path = Path(path)
    _refuse_impossible(record)
    name = sequence_name(record.name)
    numbers = _track_numbers(record)
    found: list[Problem] = []
    paths = []
    with _sentence(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    for part, first in enumerate(range(0, max(record.n_frames, 1), MAX_FRAMES)):
        frames = record.frames[first : first + MAX_FRAMES]
        own = name if part == 0 else _next_name(name, part)
        target = path if part == 0 else path.with_name(f"{path.stem}-{part + 1}{path.suffix}")
        writer = _Writer(record, own, frames, first, numbers, kind, occluded)
        with _sentence(target), whole_file(target) as scratch, open(scratch, "w", encoding="utf-8") as file:
            json.dump(writer.content(), file, separators=(",", ":"), allow_nan=False)
        found += writer.problems
        back = {number: track for track, number in numbers.items() if track is not None}
        for problem in check(target):
            frame = None if problem.frame is None else problem.frame + first
            track = None if problem.track is None else back.get(problem.track)
            found.append(replace(problem, frame=frame, track=track))
        paths.append(target)
    found += _flattened(record, occluded)
    if len(paths) > 1:
        found.append(Problem("warning", "length", f"A PoseTrack file holds 10,000 frames: the clip is in {len(paths)} files."))
    return Written(tuple(paths), tuple(found))


def derived_head_box(keypoints: np.ndarray, present: np.ndarray, skeleton: Skeleton) -> Box | None:
    """The head box from head_top and head_bottom, (x, y, w, h): a square whose diagonal is their distance / 0.7.

    None where one of them is missing.
    """
    segment = head_segment(keypoints, present, skeleton)
    if segment is None:
        return None
    top, bottom = segment
    diagonal = float(np.linalg.norm(top - bottom)) / _HEAD
    up = (top - bottom) / np.linalg.norm(top - bottom)
    return _square((top + bottom) / 2 + _HEAD_SHIFT * diagonal * up, diagonal)


def extent_box(points: np.ndarray) -> Box:
    """A person's box from the (N, 2) labelled joints, N > 0: their extent, 1.3 times as large about its centre."""
    low, high = points.min(0), points.max(0)
    size = np.maximum(high - low, 1.0) * _MARGIN
    corner = (low + high) / 2 - size / 2
    return float(corner[0]), float(corner[1]), float(size[0]), float(size[1])


def _square(centre: np.ndarray, diagonal: float) -> Box:
    side = diagonal / math.sqrt(2)
    return float(centre[0]) - side / 2, float(centre[1]) - side / 2, side, side


class _Writer:
    """One file's content."""

    def __init__(
        self,
        record: SequenceRecord,
        name: str,
        frames: tuple[FrameRecord, ...],
        first: int,
        numbers: dict[int | None, int],
        kind: Kind,
        occluded: Occluded,
    ) -> None:
        self.record, self.name, self.frames, self.first = record, name, frames, first
        self.numbers, self.kind, self.occluded = numbers, kind, occluded
        self.problems: list[Problem] = []
        self.map = joint_map(record.skeleton, POSETRACK18)
        self.has_regions = any(frame.ignore_regions for frame in frames)
        self.spare = max(numbers.values(), default=-1) + 1  # next number for people without an id

    def content(self) -> dict[str, Any]:
        images, annotations = [], []
        for n, frame in enumerate(self.frames):
            people = list(self._people(frame, n))
            annotations += people
            images.append(self._image(frame, n, bool(people)))
        return {"images": images, "annotations": annotations, "categories": [CATEGORY]}

    def _image(self, frame: FrameRecord, n: int, labelled: bool) -> dict[str, Any]:
        key = frame_id(self.name, n)
        split = "train" if self.name.endswith("_train") else "val"
        image: dict[str, Any] = {
            "file_name": f"images/{split}/{self.name}/{n:06d}.jpg",
            "id": key,
            "frame_id": key,
            "vid_id": f"{sequence_number(self.name)[1]:06d}",
            "nframes": len(self.frames),
            "is_labeled": labelled,
            "has_no_densepose": True,
        }
        if self.record.width and self.record.height:
            image |= {"width": int(self.record.width), "height": int(self.record.height)}
        if self.has_regions:  # the PoseTrack21 kit wants the lists on every picture or on none
            polygons = [self._polygon(polygon, n) for polygon in frame.ignore_regions]
            kept = [polygon for polygon in polygons if polygon is not None]
            image["ignore_regions_x"] = [polygon[:, 0].tolist() for polygon in kept]
            image["ignore_regions_y"] = [polygon[:, 1].tolist() for polygon in kept]
        return image

    def _polygon(self, polygon: np.ndarray, n: int) -> np.ndarray | None:
        whole = np.rint(polygon).astype(np.int64)
        if len(np.unique(whole, axis=0)) < 3:
            self._tell("region", "An ignore region has fewer than three corners and is left out.", n)
            return None
        return whole

    def _people(self, frame: FrameRecord, n: int) -> Iterator[dict[str, Any]]:
        written = 0
        for person in frame.people:
            annotation = self._person(person, n, written)
            if annotation is None:
                continue
            written += 1
            yield annotation

    def _person(self, person: PersonRecord, n: int, order: int) -> dict[str, Any] | None:
        track = person.track_id
        present = self._present(person, n)
        points = np.zeros((len(self.map), 2))
        there = np.zeros(len(self.map), bool)
        has = self.map >= 0
        there[has] = present[self.map[has]]
        points[there] = self._on_picture(person.keypoints[self.map[there]])
        box = self._box(points[there], person)
        if box is None:
            self._tell("nothing", "This person has neither joints nor a box and is left out.", n, track)
            return None
        head = self._head_box(person, present, box, n)
        key = frame_id(self.name, n)
        flat = np.column_stack([np.round(points, 4), there])
        scores: list[float] = []
        if self.kind == "prediction":
            own = np.ones(len(present)) if person.scores is None else np.nan_to_num(np.asarray(person.scores, np.float64))
            scores = [round(float(own[k]), 5) if ok else 0.0 for k, ok in zip(self.map, there, strict=True)]
        annotation: dict[str, Any] = {
            "keypoints": [int(v) if v == int(v) else v for v in flat.ravel().tolist()],
            "bbox": [round(v, 4) for v in box],
            "bbox_head": head,
            "track_id": self._number(track),
            "image_id": key,
            "id": key * 100 + order,
            "scores": scores,
            "category_id": 1,
            "iscrowd": 0,
            "num_keypoints": int(there.sum()),
        }
        if self.kind == "prediction" and person.score is not None and math.isfinite(person.score):
            annotation["score"] = round(float(person.score), 5)
        return annotation

    def _present(self, person: PersonRecord, n: int) -> np.ndarray:
        """(K,) joints that go out; those that cannot are told."""
        names, track = self.record.skeleton.joints, person.track_id
        present = person.visibility != Visibility.ABSENT
        if self.occluded == "drop":
            present &= person.visibility != Visibility.OCCLUDED
        numbers = finite(person.keypoints)
        for joint in np.flatnonzero(present & ~numbers).tolist():
            self._tell("number", f"The {_words(names[joint])} has no position and is left out.", n, track, joint)
        present = present & numbers
        if self.record.width and self.record.height:
            beyond = outside(person.keypoints, present, self.record.width, self.record.height)
            for joint in np.flatnonzero(beyond).tolist():
                self._tell(
                    "outside", f"The {_words(names[joint])} lies outside the picture and is left out.", n, track, joint
                )  # fmt: skip
            present = present & ~beyond
        return present

    def _on_picture(self, points: np.ndarray) -> np.ndarray:
        """The evaluators take x <= 0 or y <= 0 for no joint: what lies on the border's half pixel moves onto the picture."""
        return np.maximum(points, _NOT_ZERO)

    def _box(self, points: np.ndarray, person: PersonRecord) -> Box | None:
        return extent_box(points) if len(points) else person.box

    def _head_box(self, person: PersonRecord, present: np.ndarray, box: Box, n: int) -> list[int]:
        """Drawn, else from the head's two joints, else estimated from the person's box and told."""
        drawn = person.head_box
        found = drawn if drawn is not None and drawn[2] > 0 and drawn[3] > 0 else None
        found = found or derived_head_box(person.keypoints, present, self.record.skeleton)
        if found is None:
            x, y, w, h = person.box or box
            # A head is about an eighth of a body's height; the evaluators cannot do without a head box.
            side = max(w, h) / 8
            found = (x + w / 2 - side / 2, y, side, side)
            if self.kind == "gt":
                self._tell(
                    "head box", "No head box and no head joints: the head's size is estimated from the person's box.",
                    n, person.track_id,
                )  # fmt: skip
        x, y, w, h = found
        return [round(x), round(y), max(round(w), 1), max(round(h), 1)]

    def _number(self, track: int | None) -> int:
        if track is not None:
            return self.numbers[track]
        self.spare += 1
        return self.spare - 1

    def _tell(self, rule: str, message: str, n: int, track: int | None = None, joint: int | None = None) -> None:
        self.problems.append(Problem("warning", rule, message, n + self.first, track, joint))


def _refuse_impossible(record: SequenceRecord) -> None:
    """Before anything is written, so that a clip of several files is not left half new and half old."""
    for n, frame in enumerate(record.frames):
        if frame.index != n:
            raise PoseTrackError(
                f"{record.name} has frame {frame.index} where frame {n} is due, but a PoseTrack file lists every frame of the "
                "clip in order; add the missing frames without people."
            )
        if len(frame.people) > MAX_PEOPLE:
            raise PoseTrackError(f"Frame {n} has more than {MAX_PEOPLE} people, for which PoseTrack has no ids; delete some.")
        ids = Counter(person.track_id for person in frame.people if person.track_id is not None)
        twice = next((track for track, count in ids.items() if count > 1), None)
        if twice is not None:
            raise PoseTrackError(f"Person {twice} is twice in frame {n}; give one of them another id and try again.")


def _flattened(record: SequenceRecord, occluded: Occluded) -> list[Problem]:
    """What became of occluded joints, for which the format has no state: once, with their number."""
    people = (person for frame in record.frames for person in frame.people)
    count = sum(int(np.count_nonzero(person.visibility == Visibility.OCCLUDED)) for person in people)
    if not count:
        return []
    words = "1 occluded joint" if count == 1 else f"{count} occluded joints"
    verb = "is" if count == 1 else "are"
    what = "labelled like visible ones" if occluded == "keep" else "left out"
    return [Problem("warning", "occluded", f"{words} {verb} {what}: PoseTrack 2018 has no word for occluded.")]


def _track_numbers(record: SequenceRecord) -> dict[int | None, int]:
    tracks = sorted({person.track_id for frame in record.frames for person in frame.people if person.track_id is not None})
    return {track: number for number, track in enumerate(tracks)}


def _next_name(name: str, part: int) -> str:
    _, number = sequence_number(name)
    return name.replace(f"{number:06d}", f"{(number + part) % 1_000_000:06d}", 1)


def _words(joint: str) -> str:
    return joint.replace("_", " ")


@contextlib.contextmanager
def _sentence(path: Path) -> Iterator[None]:
    """Say why ``path`` cannot be written, and what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise PoseTrackWriteError(
            f"{path} could not be written ({reason}); free some space or choose another folder. What was there is unchanged."
        ) from error

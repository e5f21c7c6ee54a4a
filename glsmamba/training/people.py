"""From data sets to people to learn from: windows of real neighbours, read from the disk when a sample is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import cv2
import numpy as np

from glsmamba.data.records import FrameRecord, PersonRecord, Visibility
from glsmamba.data.sets import DataSet, LabelledSequence, Pictures, VideoFrames, around
from glsmamba.training.augment import joints_box
from glsmamba.training.cutting import cut_person
from glsmamba.training.samples import Person

__all__ = ["Packed", "Window", "people_of"]

#: A person with fewer labelled joints teaches little and says nothing of how large they are.
_LEAST_JOINTS = 3


class Window(Sequence[np.ndarray]):
    """Frames of a sequence, each (H, W, 3) uint8 RGB, read anew whenever one is asked for.

    Args:
        pictures: where they come from; may be read by several threads at once.
        frames: their numbers in order of time, the key frame in the middle.
    """

    def __init__(self, pictures: Pictures, frames: tuple[int, ...]) -> None:
        self._pictures, self._frames = pictures, frames

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[np.ndarray]: ...

    def __getitem__(self, index: int | slice) -> np.ndarray | Sequence[np.ndarray]:
        if isinstance(index, int):
            return self._pictures.read(self._frames[index])
        wanted = self._frames[index]
        read = {frame: self._pictures.read(frame) for frame in dict.fromkeys(wanted)}  # a repeated frame is read once
        return tuple(read[frame] for frame in wanted)


class Packed(Sequence[np.ndarray]):
    """Pictures (H, W, 3) uint8 RGB kept in memory as JPEG (quality 95), a tenth of their size."""

    def __init__(self, pictures: Sequence[np.ndarray]) -> None:
        packed: dict[int, np.ndarray] = {}
        for picture in pictures:
            if id(picture) not in packed:
                _, packed[id(picture)] = cv2.imencode(
                    ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95]
                )
        self._packed = tuple(packed[id(picture)] for picture in pictures)

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[np.ndarray]: ...

    def __getitem__(self, index: int | slice) -> np.ndarray | Sequence[np.ndarray]:
        if isinstance(index, int):
            return np.asarray(cv2.imdecode(self._packed[index], cv2.IMREAD_COLOR_RGB))
        return tuple(np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB)) for packed in self._packed[index])


def people_of(data: DataSet, frames: int, size: tuple[int, int], weight: float = 1.0) -> list[Person]:
    """Everybody in a data set with at least three labelled joints.

    A clip gives a window of its own frames, beyond its ends the first or last again; a single picture gives itself, from which
    a moving window is made. Joints that are not labelled are not known: they have no say in the loss. People of a video are cut
    out of it at once, since a video is slow to read here and there.

    Args:
        data: the set.
        frames: of a window, odd.
        size: (height, width) of the model's crops, for how large people are kept.
        weight: of each person, see :class:`~glsmamba.training.samples.Person`.

    Raises:
        VideoError: a video is damaged.
    """
    people = []
    for sequence, frame, person in data.people():
        if (person.visibility != Visibility.ABSENT).sum() >= _LEAST_JOINTS and not person.crowd:
            people.append(_person(sequence, frame, person, frames if data.moving else 1, size, weight))
    return people


def _person(
    sequence: LabelledSequence, frame: FrameRecord, person: PersonRecord, frames: int, size: tuple[int, int], weight: float
) -> Person:
    known = person.visibility != Visibility.ABSENT
    window = Window(sequence.pictures, around(sequence.pictures, frame.index, frames))
    if not isinstance(sequence.pictures, VideoFrames):
        return Person(window, person.keypoints, known, weight, box=person.box)
    box = person.box or joints_box(person.keypoints, known)
    cut = cut_person(window[:], box, person.keypoints, known, np.ones(len(known)), size)
    return Person(Packed(cut.frames), cut.points, cut.known, weight, box=cut.box)

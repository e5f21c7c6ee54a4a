"""Predictions for a data set: by a model on people's boxes or a detector's, or out of PoseTrack files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from glsmamba.data.records import Box, PersonRecord, SequenceRecord, Visibility
from glsmamba.data.sets import DataSet, DataSetError, Pictures, around
from glsmamba.data.sets.posetrack import read_sequences
from glsmamba.data.skeletons import POSETRACK15

if TYPE_CHECKING:
    from glsmamba.predictor import Predictor

__all__ = ["Finder", "Found", "judged_frames", "predict_set", "read_predictions"]

#: People in a frame (H, W, 3) uint8 RGB: boxes with the certainty of each.
Finder = Callable[[np.ndarray], Sequence[tuple[Box, float]]]
#: Windows handed to the predictor at once; it batches them by its own memory.
_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class Found:
    """Predictions beside the truth they belong to.

    Attributes:
        truth: sequences cut down to the frames that are judged.
        predicted: in the same order, with the same frames.
        paired: person n of a predicted frame is the n-th of the truth who has joints, because the box was theirs.
    """

    truth: tuple[SequenceRecord, ...]
    predicted: tuple[SequenceRecord, ...]
    paired: bool


def judged_frames(data: DataSet, limit: int | None = None) -> list[SequenceRecord]:
    """Records of the frames in which somebody is labelled; one a sequence, also empty ones.

    With a limit the first frames of each sequence, as many of one as of the other, and of fewer sequences where they are more.
    """
    left = limit
    each = None if limit is None else max(limit // max(len(data.sequences), 1), 1)
    out = []
    for sequence in data.sequences:
        frames = tuple(frame for frame in sequence.record.frames if frame.people)
        if each is not None and left is not None:
            frames = frames[: min(each, left)]
            left -= len(frames)
        out.append(replace(sequence.record, frames=frames))
    return out


def predict_set(
    predictor: Predictor,
    data: DataSet,
    find: Finder | None = None,
    limit: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Found:
    """Predict everybody in the labelled frames.

    Windows are the frames around each, all cut by the box in the middle one; beyond a clip's ends the first or last repeats.

    Args:
        predictor: the model.
        data: the set.
        find: a detector of people; people's own boxes when None (of the file, else around their labelled joints).
        limit: at most so many frames, see :func:`judged_frames`.
        progress: told of each frame that is done.

    Raises:
        VideoError: a picture is damaged.
    """
    truth = judged_frames(data, limit)
    length = predictor.config.frames
    queue = _Queue(predictor)
    for sequence, record in zip(data.sequences, truth, strict=True):
        recent = _Recent(sequence.pictures, 2 * length)
        for frame in record.frames:
            window = tuple(recent[n] for n in around(sequence.pictures, frame.index, length))
            if find is None:
                wanted = [p for p in frame.people if (p.visibility != Visibility.ABSENT).any()]
                queue.add(window, [(own_box(p), 1.0, p.track_id) for p in wanted])
            else:
                queue.add(window, [(box, certain, n) for n, (box, certain) in enumerate(find(window[length // 2]))])
            if progress is not None:
                progress(1)
    answers = iter(queue.answers())
    predicted = []
    for record in truth:
        frames = tuple(replace(frame, people=tuple(next(answers)), ignore_regions=()) for frame in record.frames)
        predicted.append(SequenceRecord(record.name, frames, record.width, record.height))
    return Found(tuple(truth), tuple(predicted), find is None)


def read_predictions(path: str | Path, data: DataSet) -> Found:
    """Predictions out of PoseTrack files: one file, or a folder of files, whose sequences are called as those of the set.

    Raises:
        DataSetError: a sequence has no predictions, or they lack frames that are labelled.
        PoseTrackError: a file is damaged.
    """
    path = Path(path)
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    given = [record for file in files for record in read_sequences(file)]
    by_name = {record.name: record for record in given}
    truth, predicted = judged_frames(data), []
    for record in truth:
        guess = given[0] if len(given) == len(truth) == 1 else by_name.get(record.name)
        if guess is None:
            raise DataSetError(f"{path} has no predictions of {record.name}; it has {', '.join(list(by_name)[:3]) or 'none'}.")
        frames = {frame.index: frame for frame in guess.frames}
        lacking = [frame.index for frame in record.frames if frame.index not in frames]
        if lacking:
            raise DataSetError(f"The predictions of {record.name} lack frame {lacking[0]}, which is labelled.")
        predicted.append(replace(guess, frames=tuple(frames[frame.index] for frame in record.frames)))
    return Found(tuple(truth), tuple(predicted), False)


def own_box(person: PersonRecord) -> Box:
    """A person's box: the file's, else around the labelled joints."""
    from glsmamba.training.augment import joints_box

    return person.box or joints_box(person.keypoints, person.visibility != Visibility.ABSENT)


class _Recent:
    """The pictures read last: windows of consecutive frames share most of theirs, and one array is encoded once."""

    def __init__(self, pictures: Pictures, keep: int) -> None:
        self._pictures, self._keep = pictures, keep
        self._read: dict[int, np.ndarray] = {}

    def __getitem__(self, frame: int) -> np.ndarray:
        if frame not in self._read:
            while len(self._read) >= self._keep:
                del self._read[next(iter(self._read))]
            self._read[frame] = self._pictures.read(frame)
        return self._read[frame]


class _Queue:
    """Windows on their way to the predictor: several frames' people together, so that it can batch them."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._frames: list[list[PersonRecord]] = []
        self._waiting: list[tuple[list[PersonRecord], tuple[np.ndarray, ...], Box, float, int | None]] = []

    def add(self, window: tuple[np.ndarray, ...], boxes: Sequence[tuple[Box, float, int | None]]) -> None:
        """The people of one frame: boxes with the certainty of each and a track id."""
        people: list[PersonRecord] = []
        self._frames.append(people)
        self._waiting += [(people, window, *person) for person in boxes]
        if len(self._waiting) >= _AT_ONCE:
            self._predict()

    def answers(self) -> list[list[PersonRecord]]:
        """The people of each frame, in the order of :meth:`add`."""
        self._predict()
        return self._frames

    def _predict(self) -> None:
        from glsmamba.predictor import PoseWindow

        if not self._waiting:
            return
        poses = self._predictor.predict([PoseWindow(window, box) for _, window, box, _, _ in self._waiting])
        for (people, _, box, certain, track), pose in zip(self._waiting, poses, strict=True):
            # As in the lineage of the paper: a joint is ranked by its heat map's peak times the certainty of the box.
            scores = (pose.scores * certain).astype(np.float32)
            seen = np.full(len(POSETRACK15), Visibility.VISIBLE, np.uint8)
            people.append(PersonRecord(track, pose.keypoints, seen, scores, box, score=float(scores.mean())))
        self._waiting.clear()

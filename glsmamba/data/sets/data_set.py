"""A data set as the program sees it: labelled sequences with their pictures, and what is missing of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glsmamba.data.records import FrameRecord, PersonRecord, SequenceRecord, Visibility
from glsmamba.data.sets.pictures import Pictures
from glsmamba.data.skeletons import POSETRACK15
from glsmamba.data.words import counted

__all__ = ["DataSet", "DataSetError", "LabelledSequence", "listed"]


class DataSetError(ValueError):
    """A folder or file that is no data set, or lacks what it needs; one sentence says what was looked for."""


@dataclass(frozen=True, eq=False)
class LabelledSequence:
    """A sequence with its pictures. Frames whose picture is missing are not in the record."""

    record: SequenceRecord
    pictures: Pictures


@dataclass(frozen=True, eq=False)
class DataSet:
    """What was found under a path.

    Attributes:
        kind: ``posetrack17``, ``posetrack18``, ``posetrack21``, ``coco``, ``sub-jhmdb``, ``lsp``, ``lspet``, ``export`` or
            ``project``.
        root: folder or file.
        split: which part, "" where it has no parts.
        sequences: those with at least one picture. Joints are PoseTrack's 15; those that the set does not know are absent.
        moving: sequences are clips, so that a window holds real neighbours; else single pictures.
        missing: sentences: what the labels speak of and the folder does not have.
    """

    kind: str
    root: Path
    split: str
    sequences: tuple[LabelledSequence, ...]
    moving: bool
    missing: tuple[str, ...] = ()

    def people(self) -> Iterator[tuple[LabelledSequence, FrameRecord, PersonRecord]]:
        """Everybody with at least one labelled joint."""
        for sequence in self.sequences:
            for frame in sequence.record.frames:
                for person in frame.people:
                    if (person.visibility != Visibility.ABSENT).any():
                        yield sequence, frame, person

    def report(self) -> str:
        """Lines for people: what is there, which joints are labelled how often, what is missing."""
        joints = np.zeros(len(POSETRACK15), np.int64)
        people, frames = 0, set()
        for sequence, frame, person in self.people():
            joints += person.visibility != Visibility.ABSENT
            people += 1
            frames.add((id(sequence), frame.index))
        what = "clip" if self.moving else "picture"
        name = f"{self.kind} {self.split}".strip()
        counts = [counted(len(self.sequences), what), counted(len(frames), "labelled frame")]
        lines = [f"{name} in {self.root}: {', '.join(counts)}, {people} {'person' if people == 1 else 'people'}"]
        never = [name for name, count in zip(POSETRACK15.joints, joints, strict=True) if not count]
        if people and never:
            lines.append(f"  not labelled here, and left out: {', '.join(never)}")
        lines += [f"  missing: {sentence}" for sentence in self.missing]
        return "\n".join(lines)


def listed(names: Sequence[str], what: str, total: int) -> list[str]:
    """A sentence on missing things, none if there are none: how many of how many, and the first three by name."""
    if not names:
        return []
    first = ", ".join(list(Counter(names))[:3])
    return [f"{len(names)} of {total} {what}: {first}{' and more' if len(names) > 3 else ''}"]

"""Plain records of sequences and poses: what every file format is read into and written from.

Coordinates are pixels of the full frame, x to the right and y down, pixel centres at integers: (0, 0) is the centre of the
top-left pixel. Boxes are (x, y, width, height). Frames are 0-based indices into the video's own frame index.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from glsmamba.data.skeletons import POSETRACK15, Skeleton

Box = tuple[float, float, float, float]


class Visibility(IntEnum):
    """State of one keypoint, numbered as COCO numbers it."""

    ABSENT = 0
    OCCLUDED = 1
    VISIBLE = 2


@dataclass(frozen=True, eq=False)
class PersonRecord:
    """One person in one frame, as a file says it.

    Attributes:
        track_id: identity within the sequence; None where the file has none.
        keypoints: (K, 2) float64 x, y; meaningless where ``visibility`` is ABSENT.
        visibility: (K,) uint8 of :class:`Visibility`.
        scores: (K,) float32, or None for ground truth.
        box: person box, or None.
        head_box: head box, or None.
        score: confidence of the person, or None.
        area: of the person's outline in square pixels, or None where the file says nothing of it (COCO does).
        crowd: not one person but a group that nobody told apart, in which evaluators look at nothing (COCO's ``iscrowd``).
    """

    track_id: int | None
    keypoints: np.ndarray
    visibility: np.ndarray
    scores: np.ndarray | None = None
    box: Box | None = None
    head_box: Box | None = None
    score: float | None = None
    area: float | None = None
    crowd: bool = False


@dataclass(frozen=True, eq=False)
class FrameRecord:
    """All that a file says of one frame. ``ignore_regions`` are (N, 2) float64 polygons, not closed."""

    index: int
    people: tuple[PersonRecord, ...] = ()
    ignore_regions: tuple[np.ndarray, ...] = ()
    labeled: bool = False
    file_name: str = ""


@dataclass(frozen=True, eq=False)
class SequenceRecord:
    """One clip: every frame in time order, labelled or not."""

    name: str
    frames: tuple[FrameRecord, ...]
    width: int | None = None
    height: int | None = None
    skeleton: Skeleton = field(default=POSETRACK15)

    @property
    def n_frames(self) -> int:
        """Number of frames in the clip."""
        return len(self.frames)

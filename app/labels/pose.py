"""A person's pose in one frame, as annotators see and change it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from glsmamba.data.records import Box, Visibility

__all__ = ["Pose", "Provenance", "Visibility"]


class Provenance(IntEnum):
    """Where a keypoint's position came from."""

    NONE = 0
    MODEL = 1
    HUMAN = 2
    INTERPOLATED = 3
    IMPORTED = 4
    REFINED = 5
    #: By a model that does not see this joint, from other joints that it does see; a better model may replace it.
    ESTIMATED = 6


@dataclass(frozen=True, eq=False)
class Pose:
    """One person in one frame. Immutable: an edit makes a new one.

    Attributes:
        keypoints: (K, 2) float64 x, y in pixels of the frame, pixel centres at integers.
        visibility: (K,) uint8 of :class:`Visibility`.
        scores: (K,) float32 in [0, 1]: the model's confidence at the time of prediction; 1 for a human's joint.
        provenance: (K,) uint8 of :class:`Provenance`.
        box: person box (x, y, w, h) in pixels, or None.
        box_by_human: True when a person drew or moved the box.
        head_box: head box (x, y, w, h), or None where none was drawn.
        score: confidence that a person is there, in [0, 1].
        accepted: True when a human accepted the whole pose.
        model: name of the checkpoint that made the predicted joints, "" if none.
        probability: (K,) float32 in [0, 1]: calibrated probability that the joint is within 0.2 head sizes of the truth. NaN
            where unknown: the checkpoint was not calibrated, or the joint is not the model's.
        spread: (K,) float32 standard deviation of the heat map around its peak, in pixels of the frame. NaN where unknown.
        disagreement: (K,) float32 how far apart, in pixels of the frame, the model has the joint in two windows that overlap in
            this frame. NaN where unknown: one window only was asked about it.
        predicted: (K, 2) float32 where the model saw the joints that are not the model's any more: kept by itself when an edit
            changes where a joint comes from. NaN where unknown, and for the joints that still are the model's.
        reviewed: True when a human looked at the person here and left the pose as it is. Says nothing of who made it: a model
            may still improve it, and the new pose is then not reviewed.

    ``probability``, ``spread`` and ``disagreement`` may be left out (all unknown); they are dropped for joints that are not the
    model's any more, the last also for refined ones.
    """

    keypoints: np.ndarray
    visibility: np.ndarray
    scores: np.ndarray
    provenance: np.ndarray
    box: Box | None = None
    box_by_human: bool = False
    head_box: Box | None = None
    score: float = 1.0
    accepted: bool = False
    model: str = ""
    probability: np.ndarray = None  # type: ignore[assignment]  # an array from here on, see __post_init__
    spread: np.ndarray = None  # type: ignore[assignment]
    reviewed: bool = False
    predicted: np.ndarray = None  # type: ignore[assignment]
    disagreement: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        kinds = {"keypoints": np.float64, "visibility": np.uint8, "scores": np.float32, "provenance": np.uint8}
        for name, kind in kinds.items():
            self._freeze(name, np.array(getattr(self, name), dtype=kind))
        of_model = (self.provenance == Provenance.MODEL) | (self.provenance == Provenance.REFINED)
        unmoved = self.provenance == Provenance.MODEL
        for name, says in (("probability", of_model), ("spread", of_model), ("disagreement", unmoved)):
            given = getattr(self, name)
            known = np.nan if given is None else np.asarray(given, dtype=np.float32)
            self._freeze(name, np.where(says, known, np.float32(np.nan)).astype(np.float32))
        places = np.full(self.keypoints.shape, np.nan, np.float32)
        if self.predicted is not None:
            not_now = self.provenance != Provenance.MODEL
            places[not_now] = np.asarray(self.predicted)[not_now]
        self._freeze("predicted", places)

    def _freeze(self, name: str, value: np.ndarray) -> None:
        value.setflags(write=False)
        object.__setattr__(self, name, value)

    @property
    def touched(self) -> bool:
        """True when a human accepted the pose or placed any of its joints."""
        return self.accepted or bool((self.provenance == Provenance.HUMAN).any())

    @property
    def looked_at(self) -> bool:
        """True when a human reviewed or accepted the pose: nobody needs to be led here again."""
        return self.reviewed or self.accepted

    @property
    def model_places(self) -> np.ndarray:
        """(K, 2) float64 where the model saw each joint, whatever became of it since; NaN where unknown."""
        own = (self.provenance == Provenance.MODEL) & (self.visibility != Visibility.ABSENT)
        return np.where(own[:, None], self.keypoints, self.predicted)

    def with_(self, **changes: object) -> Pose:
        """A copy with some fields changed. For joints that stop being the model's, ``predicted`` keeps where it saw them."""
        if "provenance" in changes and "predicted" not in changes:
            changes["predicted"] = self.model_places
        return replace(self, **changes)  # type: ignore[arg-type]

    @staticmethod
    def empty(n_joints: int, box: Box | None = None, box_by_human: bool = False, score: float = 1.0) -> Pose:
        """A person known only by a box: every joint absent."""
        return Pose(
            np.zeros((n_joints, 2)), np.zeros(n_joints, np.uint8), np.zeros(n_joints, np.float32), np.zeros(n_joints, np.uint8),
            box=box, box_by_human=box_by_human, score=score,
        )  # fmt: skip

"""How a person's joints move over time: displacement, bone length and score of every frame, and which steps stand out.

A *step* is the change of a figure from one frame to the next; where the person or the joint is missing there is none. A step is
a *jump* when it is beyond a robust bound of all steps of the same figure: their median and six times their spread, which is
1.4826 times their median absolute deviation (the standard deviation, were they normal). Half of the steps may be wrong before
that bound gives way. Numpy only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.labels.pose import Provenance, Visibility
from app.labels.project import Project

__all__ = ["BOUND_WORDS", "MEASURES", "Course", "Measure", "Series", "jumps"]

Measure = Literal["displacement", "length", "score"]
MEASURES: tuple[Measure, ...] = ("displacement", "length", "score")
#: How a jump is told from other steps, for people.
BOUND_WORDS = "median + 6 × 1.4826 × median absolute deviation of all steps"
_TIMES = 6 * 1.4826
#: No step smaller than this is a jump: pixels, and score. A person who stands still has hardly any spread.
_LEAST: dict[Measure, float] = {"displacement": 1.0, "length": 1.0, "score": 0.1}
#: Frames read at a stroke.
_STRIDE = 256
_OF_MODEL = (Provenance.MODEL, Provenance.REFINED, Provenance.ESTIMATED)


@dataclass(frozen=True)
class Series:
    """One figure of one person over all frames.

    Attributes:
        values: (n_frames,) float32: pixels, or a score in [0, 1]; NaN where there is none.
        human: (m,) int64 frames in which a human placed the joint, or one end of the bone; ascending.
        jumps: (j,) int64 frames that a jump leads to; ascending.
        bound: steps greater than this are jumps; NaN where there is no step.
    """

    values: np.ndarray
    human: np.ndarray
    jumps: np.ndarray
    bound: float


def jumps(steps: np.ndarray, least: float = 0.0) -> tuple[np.ndarray, float]:
    """Indices of the jumps among steps (n,), NaN where there is none, and the bound; no step below ``least`` is one."""
    sizes = np.abs(steps)
    known = sizes[np.isfinite(sizes)]
    if not len(known):
        return np.zeros(0, np.int64), float("nan")
    middle = float(np.median(known))
    bound = max(middle + _TIMES * float(np.median(np.abs(known - middle))), least)
    return np.flatnonzero(np.nan_to_num(sizes) > bound), bound


class Course:
    """Where the joints of one person are in every frame, read once and then kept up to date.

    Attributes:
        points: (n_frames, K, 2) float32 x, y in pixels of the frame, NaN where the joint is absent.
        scores: (n_frames, K) float32, NaN where the joint is not the model's.
        human: (n_frames, K) bool: placed by a human.
    """

    def __init__(self, project: Project, track: int) -> None:
        n, k = project.n_frames, len(project.skeleton)
        self._project, self._track = project, track
        self.points = np.full((n, k, 2), np.nan, np.float32)
        self.scores = np.full((n, k), np.nan, np.float32)
        self.human = np.zeros((n, k), bool)

    def read(self, stop: Callable[[], bool] = lambda: False, pause: Callable[[], None] = lambda: None) -> bool:
        """Read all frames, calling ``pause`` now and then; False if ``stop`` said so first."""
        there = self._project.track_frames(self._track)
        for first in np.unique(there // _STRIDE) * _STRIDE:
            if stop():
                return False
            self._take(int(first), int(first) + _STRIDE)
            pause()
        return True

    def update(self, frames: Iterable[int]) -> None:
        """Read some frames anew."""
        n = len(self.points)
        for frame in frames:
            if 0 <= frame < n:
                self._take(frame, frame + 1)

    def _take(self, first: int, stop: int) -> None:
        stop = min(stop, len(self.points))
        self.points[first:stop], self.scores[first:stop], self.human[first:stop] = np.nan, np.nan, False
        span = self._project.spans(first, stop, (self._track,)).get(self._track)
        if span is None:
            return
        present = span.visibility != Visibility.ABSENT
        self.points[span.frames] = np.where(present[..., None], span.keypoints, np.nan)
        self.scores[span.frames] = np.where(present & np.isin(span.provenance, _OF_MODEL), span.scores, np.nan)
        self.human[span.frames] = span.provenance == Provenance.HUMAN

    def series(self, measure: Measure, joint: int | None = None, edge: int | None = None) -> Series:
        """One figure over time.

        Args:
            measure: "displacement", pixels from the frame before; "length", pixels; or "score".
            joint: whose displacement or score; None: the median displacement and the mean score of all joints.
            edge: index of the bone in the skeleton's edges; None: the mean length of all bones.
        """
        if measure == "length":
            edges = self._project.skeleton.edges
            a, b = (np.array(ends) for ends in zip(*(edges if edge is None else (edges[edge],)), strict=True))
            values = _mean(np.linalg.norm(self.points[:, a] - self.points[:, b], axis=-1))
            human = (self.human[:, a] | self.human[:, b]).any(1)
            steps = np.diff(values, prepend=np.float32(np.nan))
        else:
            joints = slice(None) if joint is None else slice(joint, joint + 1)
            human = self.human[:, joints].any(1)
            if measure == "score":
                values = _mean(self.scores[:, joints])
                steps = np.diff(values, prepend=np.float32(np.nan))
            else:
                moves = np.diff(self.points[:, joints], axis=0, prepend=np.full_like(self.points[:1, joints], np.nan))
                values = steps = _median(np.linalg.norm(moves, axis=-1))
        found, bound = jumps(steps, _LEAST[measure])
        return Series(values, np.flatnonzero(human), found, bound)


def _mean(values: np.ndarray) -> np.ndarray:
    """(n,) mean of each row (n, m) of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return (np.where(known, values, 0).sum(1) / known.sum(1)).astype(np.float32)


def _median(values: np.ndarray) -> np.ndarray:
    """(n,) median of each row (n, m) of what is known; NaN where nothing is."""
    ordered = np.sort(values, axis=1)  # NaN goes to the end
    count = np.isfinite(values).sum(1)
    low, high = np.maximum(count - 1, 0) // 2, np.maximum(count - 1, 0) // 2 + (count % 2 == 0)
    rows = np.arange(len(values))
    both = (ordered[rows, low] + ordered[rows, np.minimum(high, values.shape[1] - 1)]) / 2
    return np.where(count > 0, both, np.nan).astype(np.float32)

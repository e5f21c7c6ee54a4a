"""Where a person's pose is probably wrong, from the labels alone: how doubtful each person is in each frame, and why.

Doubt is a figure in [0, 1] per joint, put together from what is cheap to know:

- the model's own word: how far its calibrated probability, or, from a checkpoint that was not calibrated, its score lies below
  what is usual;
- a jump: the joint moves between two frames by more than in the steps before and after (the person's own motion taken out);
- two windows of the model that overlap in the frame have the joint in different places. Known only where predicting a frame
  gave a second reading of it: in about every third frame where windows are streamed (:mod:`glsmamba.streaming`);
- off its path: the joint lies away from where its poses one frame before and after put it;
- a bone that is longer or shorter than in the frames around;
- sides that flip: an arm or a leg goes on better in its left-right mirror.

A person is as doubtful as their most doubtful joint. Joints of a human, and of an accepted pose, are never doubtful; a jump
from them to the model's joint in the next frame is that joint's. Everything but the first is local in time, so that a change
in one frame asks only for the frames around it (``REACH``). Numpy only; all lengths are measured in the person's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from app.labels.pose import Provenance, Visibility
from app.labels.span import Span
from glsmamba.data.problems import bone_lengths
from glsmamba.data.skeletons import Skeleton, bone_words, joint_words

__all__ = ["REACH", "Cause", "Doubts", "doubts_of", "words"]

#: Frames before and after that decide what is usual; a change of a pose changes doubts as far away as this, and one more.
WINDOW = 7
REACH = WINDOW + 2
#: Probability from which on the model is believed: being within 0.2 head sizes is asked a lot, and the shipped checkpoint's
#: joints are that probable on average. (With 1 - probability every frame of every person is doubtful, which helps nobody.)
_LIKELY = 1 / 3
#: Score of a heat map's peak from which on an uncalibrated model is believed.
_SURE = 0.6
#: (no doubt up to here, full doubt from here) in parts of the person's size; a head is about 0.13.
_JUMP, _PATH, _BONE, _FLIP, _APART = (0.04, 0.5), (0.03, 0.35), (0.06, 0.4), (0.02, 0.2), (0.02, 0.25)
#: A bone is odd from so many times its usual length on, or so little.
_ODD = 1.35
#: What comes from the labels' motion is never quite sure: people do jump.
_MOST = 0.95
_LIMBS = (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))


class Cause(IntEnum):
    """Why a joint is doubtful."""

    NONE = 0
    PROBABILITY = 1
    SCORE = 2
    JUMP = 3
    PATH = 4
    BONE = 5
    SIDES = 6
    WINDOWS = 7


@dataclass(frozen=True)
class Doubts:
    """Doubt of one person in n frames.

    Attributes:
        frames: (n,) int64 ascending.
        level: (n,) float32 in [0, 1].
        cause: (n,) uint8 of :class:`Cause`.
        joint: (n,) uint8 index of the joint to look at.
        amount: (n,) float32 what :func:`words` tells: a probability, a score, pixels, times the usual length. For ``BONE`` and
            ``SIDES`` ``part`` says of what.
        part: (n,) uint8 edge of the skeleton, or 0 for arms and 1 for legs.
    """

    frames: np.ndarray
    level: np.ndarray
    cause: np.ndarray
    joint: np.ndarray
    amount: np.ndarray
    part: np.ndarray


def doubts_of(span: Span, skeleton: Skeleton) -> Doubts:
    """Doubt of a person in each frame of a span."""
    n, k = span.keypoints.shape[:2]
    if not n:
        empty = np.zeros(0, np.uint8)
        return Doubts(span.frames, empty.astype(np.float32), empty, empty, empty.astype(np.float32), empty)
    present = span.visibility != Visibility.ABSENT
    settled = span.accepted[:, None] | (span.provenance == Provenance.HUMAN)
    size = _median_around(np.maximum(span.size(), 1.0))
    points = np.where(present[..., None], span.keypoints, np.nan)
    beside = np.diff(span.frames) == 1  # rows i and i + 1 are neighbours in time
    level = np.zeros((6, n, k), np.float32)  # word, jump, path, bone, sides, windows
    amount = np.zeros((6, n, k), np.float32)
    part = np.zeros((6, n, k), np.uint8)
    with np.errstate(invalid="ignore", divide="ignore"):
        uncalibrated = _of_word(span, level[0], amount[0])
        amount[5] = np.nan_to_num(span.disagreement)
        level[5] = _ramp(amount[5] / size[:, None], _APART)
        if n > 1:
            steps = _steps(points, beside)
            _of_jumps(steps, size, level[1], amount[1])
            _of_paths(points, beside, size, level[2], amount[2])
            _of_bones(span, present, skeleton, size, level[3], amount[3], part[3])
            _of_sides(points, beside, steps, skeleton, size, level[4], amount[4], part[4])
    level = np.where(present & ~settled, np.nan_to_num(level), 0)
    # What motion and windows say are views of one mistake: the strongest counts. The model's word is another witness.
    joint_level = 1 - (1 - level[0]) * (1 - level[1:].max(0))
    joint = joint_level.argmax(1)
    rows = np.arange(n)
    kind = level[:, rows, joint].argmax(0)
    causes = np.array([Cause.PROBABILITY, Cause.JUMP, Cause.PATH, Cause.BONE, Cause.SIDES, Cause.WINDOWS], np.uint8)[kind]
    causes[(kind == 0) & uncalibrated[rows, joint]] = Cause.SCORE
    total = joint_level[rows, joint]
    causes[total <= 0] = Cause.NONE
    why = kind, rows, joint
    return Doubts(span.frames, total.astype(np.float32), causes, joint.astype(np.uint8), amount[why], part[why])


def words(cause: int, joint: int, amount: float, part: int, skeleton: Skeleton) -> str:
    """Why, in few words: "left wrist jumps 84 px"."""
    name = joint_words(skeleton.joints[joint])
    if cause == Cause.PROBABILITY:
        return f"{name}: probability {amount:.2f}"
    if cause == Cause.SCORE:
        return f"{name}: score {amount:.2f}"
    if cause == Cause.JUMP:
        return f"{name} jumps {amount:.0f} px"
    if cause == Cause.WINDOWS:
        return f"{name}: two windows have it {amount:.0f} px apart"
    if cause == Cause.PATH:
        return f"{name} is {amount:.0f} px off its path"
    if cause == Cause.BONE:
        longer = amount >= 1
        times = amount if longer else 1 / max(amount, 1e-3)
        return f"{bone_words(skeleton, part)} is {min(times, 99):.1f} times {'longer' if longer else 'shorter'} than around"
    if cause == Cause.SIDES:
        return f"sides flip: {('arms', 'legs')[part]}"
    return ""


def _ramp(values: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    low, high = ends
    return np.sqrt(np.clip((values - low) / (high - low), 0, 1)) * _MOST  # so that a small jump is told from none


def _median_around(values: np.ndarray) -> np.ndarray:
    """(n, ...) median over the rows up to ``WINDOW`` before and after, NaN left out."""
    n = len(values)
    padded = np.full((n + 2 * WINDOW, *values.shape[1:]), np.nan)
    padded[WINDOW : WINDOW + n] = values
    stacked = np.stack([padded[i : i + n] for i in range(2 * WINDOW + 1)])
    known = np.isfinite(stacked)
    stacked.sort(axis=0)  # NaN goes to the end
    count = known.sum(0)
    low, high = np.maximum((count - 1) // 2, 0), count // 2
    picked = [np.take_along_axis(stacked, np.minimum(i, 2 * WINDOW)[None], 0)[0] for i in (low, np.where(count % 2, low, high))]
    return np.where(count > 0, (picked[0] + picked[1]) / 2, np.nan)


def _of_word(span: Span, level: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """The model's own word; (n, K) bool: where there is no calibrated probability."""
    model = (span.provenance == Provenance.MODEL) | (span.provenance == Provenance.REFINED)
    known = np.isfinite(span.probability)
    level[:] = np.clip(1 - np.where(known, span.probability / _LIKELY, span.scores / _SURE), 0, 1) * model
    amount[:] = np.where(known, span.probability, span.scores)
    return ~known


def _steps(points: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """(n - 1, K, 2) motion from each row to the next, the person's own taken out; NaN where unknown."""
    steps = np.where(beside[:, None, None], points[1:] - points[:-1], np.nan)
    return steps - _common(steps)


def _common(motion: np.ndarray) -> np.ndarray:
    """(n, 1, 2) median of the joints' motion; 0 where fewer than five are known."""
    enough = np.isfinite(motion[..., 0]).sum(1) >= 5
    out = np.zeros((len(motion), 1, 2))
    if enough.any():
        out[enough, 0] = np.nanmedian(motion[enough], axis=1)
    return out


def _of_jumps(steps: np.ndarray, size: np.ndarray, level: np.ndarray, amount: np.ndarray) -> None:
    length = np.linalg.norm(steps, axis=-1)
    known = np.nan_to_num(length)
    before, after = np.zeros_like(known), np.zeros_like(known)
    before[1:], after[:-1] = known[:-1], known[1:]
    excess = (known - np.maximum(before, after)) / np.minimum(size[1:], size[:-1])[:, None]
    doubt = _ramp(excess, _JUMP)
    for rows in (slice(None, -1), slice(1, None)):  # which of the two is wrong nobody knows
        better = doubt > level[rows]
        level[rows][better] = doubt[better]
        amount[rows][better] = known[better]


def _of_paths(points: np.ndarray, beside: np.ndarray, size: np.ndarray, level: np.ndarray, amount: np.ndarray) -> None:
    if len(points) < 3:
        return
    between = beside[1:] & beside[:-1]
    off = np.where(between[:, None, None], points[1:-1] - (points[:-2] + points[2:]) / 2, np.nan)
    off = off - _common(off)
    chord = np.linalg.norm(points[2:] - points[:-2], axis=-1)
    length = np.nan_to_num(np.linalg.norm(off, axis=-1))
    level[1:-1] = _ramp(np.nan_to_num(length - 0.3 * chord) / size[1:-1, None], _PATH)  # fast limbs swing in curves
    amount[1:-1] = length


def _of_bones(
    span: Span, present: np.ndarray, skeleton: Skeleton, size: np.ndarray, level: np.ndarray, amount: np.ndarray,
    part: np.ndarray,
) -> None:  # fmt: skip
    if not skeleton.edges:
        return
    lengths = bone_lengths(span.keypoints, present, skeleton) / size[:, None]
    usual = _median_around(lengths)
    times = lengths / usual
    odd = (times > _ODD) | (times < 1 / _ODD)
    doubt = np.nan_to_num(_ramp(np.abs(lengths - usual), _BONE) * odd)
    weak = np.nan_to_num(np.where(np.isfinite(span.probability), span.probability, span.scores))
    for edge, (a, b) in enumerate(skeleton.edges):
        first = weak[:, a] < weak[:, b]  # the end that the model is less sure of
        for joint, here in ((a, first), (b, ~first)):
            better = here & (doubt[:, edge] > level[:, joint])
            level[better, joint] = doubt[better, edge]
            amount[better, joint] = times[better, edge]
            part[better, joint] = edge


def _of_sides(
    points: np.ndarray, beside: np.ndarray, steps: np.ndarray, skeleton: Skeleton, size: np.ndarray, level: np.ndarray,
    amount: np.ndarray, part: np.ndarray,
) -> None:  # fmt: skip
    motion = np.where(beside[:, None, None], points[1:] - points[:-1], np.nan)
    shift = _common(motion)
    for limb, names in enumerate(_LIMBS):
        left = [skeleton.joints.index(f"left_{name}") for name in names if f"left_{name}" in skeleton.joints]
        right = [skeleton.joints.index(f"right_{name}") for name in names if f"right_{name}" in skeleton.joints]
        if len(left) != len(names) or len(right) != len(names):
            continue
        keep = _length(steps[:, left]) + _length(steps[:, right])
        swap = _length(points[1:, left] - points[:-1, right] - shift) + _length(points[1:, right] - points[:-1, left] - shift)
        both = np.isfinite(keep) & np.isfinite(swap) & beside[:, None]
        count = both.sum(1)
        gain = np.where(both, keep - swap, 0).sum(1) / np.maximum(count, 1) / np.minimum(size[1:], size[:-1])
        doubt = np.where(count >= 2, _ramp(gain / 2, _FLIP), 0)
        for joints in (left, right):
            for joint in joints:
                for rows in (slice(None, -1), slice(1, None)):
                    level[rows, joint] = np.maximum(level[rows, joint], doubt)
                part[:, joint] = limb
    amount[:] = 0


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors, axis=-1)

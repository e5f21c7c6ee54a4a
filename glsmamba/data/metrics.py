"""Figures of merit for poses: PCK, PCKh and PoseTrack's average precision per joint. Pure functions of arrays.

PCKh and AP follow PoseTrack's evaluator (Andriluka et al. 2018, poseval): a joint is right within half a head size, and the
head size is 0.6 times the diagonal of the head box. Where poseval counts a joint that nobody has as 0, it is NaN here and left
out of the mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from glsmamba.data.records import FrameRecord, PersonRecord, SequenceRecord, Visibility

__all__ = [
    "COCO_SIGMAS", "HEAD", "AveragePrecision", "area_under", "average_precision", "head_size", "head_sizes", "inside_polygon",
    "jitter", "match_people", "oks", "pck",
]  # fmt: skip

#: Head size over the diagonal of the head box.
HEAD = 0.6
#: How far annotators of COCO disagree on each joint, over the root of the person's area; in the order of ``COCO17``.
COCO_SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000


def pck(predicted: np.ndarray, truth: np.ndarray, labelled: np.ndarray, size: np.ndarray, part: float = 0.5) -> np.ndarray:
    """(K,) share of labelled joints no farther from the truth than ``part`` of the person's ``size``; NaN where none is.

    With sizes of :func:`head_size` this is PCKh.

    Args:
        predicted: (N, K, 2) x, y of the same people in the same order; NaN where nothing was predicted, which counts as wrong.
        truth: (N, K, 2).
        labelled: (N, K) bool: which joints of the truth count.
        size: (N,) length per person in pixels, above 0.
        part: of the size.
    """
    labelled = np.asarray(labelled, bool)
    with np.errstate(invalid="ignore"):
        right = _distance(predicted, truth) <= part * np.asarray(size, np.float64)[:, None]
        return np.divide((right & labelled).sum(0), labelled.sum(0), out=_nans(truth.shape[1]), where=labelled.any(0))


def oks(
    predicted: np.ndarray, truth: np.ndarray, labelled: np.ndarray, area: np.ndarray, sigmas: np.ndarray = COCO_SIGMAS
) -> np.ndarray:
    """(N,) object keypoint similarity of COCO, 0..1, over the labelled joints; NaN for people who have none.

    Args:
        predicted: (N, K, 2) x, y of the same people in the same order.
        truth: (N, K, 2).
        labelled: (N, K) bool.
        area: (N,) of the person's outline in square pixels.
        sigmas: (K,) per-joint deviation over the root of the area.
    """
    scaled = _distance(predicted, truth) ** 2 / (2 * np.asarray(area)[:, None] * (2 * sigmas) ** 2)
    labelled = np.asarray(labelled, bool)
    alike = np.where(labelled, np.exp(-scaled), 0).sum(1)
    return np.divide(alike, labelled.sum(1), out=_nans(len(labelled)), where=labelled.any(1))


def jitter(points: np.ndarray, counted: np.ndarray) -> float:
    """Mean length of the second difference over time, in pixels per frame squared; NaN where nothing counts.

    Args:
        points: (F, K, 2) of one person in consecutive frames.
        counted: (F, K) bool: a joint counts in a frame whose both neighbours count too.
    """
    bend = np.linalg.norm(points[2:] - 2 * points[1:-1] + points[:-2], axis=-1)
    there = counted[2:] & counted[1:-1] & counted[:-2]
    return float(bend[there].mean()) if there.any() else float("nan")


def head_size(box: Sequence[float] | np.ndarray) -> float:
    """Head size in pixels of a head box (x, y, w, h): 0.6 times its diagonal."""
    return HEAD * float(np.hypot(box[2], box[3]))


def head_sizes(people: Sequence[PersonRecord]) -> np.ndarray:
    """(N,) head sizes in pixels.

    Raises:
        ValueError: somebody has no head box, or one without size.
    """
    sizes = np.array([0.0 if person.head_box is None else head_size(person.head_box) for person in people])
    if (sizes <= 0).any():
        raise ValueError("A person of the truth has no head box, so that no distance can be judged; run check on the file.")
    return sizes


@dataclass(frozen=True)
class AveragePrecision:
    """AP per joint, 0..1.

    Attributes:
        per_joint: (K,); NaN where the truth has none.
        labelled: (K,) int64: how many the truth has.
    """

    per_joint: np.ndarray
    labelled: np.ndarray

    @property
    def mean(self) -> float:
        """Over the joints that occur; NaN if none does."""
        known = self.per_joint[self.labelled > 0]
        return float(known.mean()) if known.size else float("nan")


def average_precision(
    predicted: Sequence[SequenceRecord], truth: Sequence[SequenceRecord], part: float = 0.5
) -> AveragePrecision:
    """PoseTrack's AP: people are matched by PCKh, joints ranked by their scores over all frames of all sequences.

    As poseval does it: frames of the truth without people are passed over, with what was predicted there; joints inside ignore
    regions of the truth are taken out of both, and people of whom nothing is left. Predicted joints of people who match nobody,
    and joints that the truth does not label on people who do, are false positives.

    Args:
        predicted: with scores; people without are ranked at 0. In the order of ``truth``.
        truth: everybody with joints has a head box.
        part: of the head size.

    Raises:
        ValueError: other frames or other joints than the truth's, or a person of the truth without a head box.
    """
    joints = len(truth[0].skeleton) if truth else 0
    count = np.zeros(joints, np.int64)
    scores: list[list[float]] = [[] for _ in range(joints)]
    right: list[list[bool]] = [[] for _ in range(joints)]
    for guess, real in _frame_pairs(predicted, truth):
        if not real.people:
            continue
        wanted, there = _judged(real.people, real.ignore_regions, joints)
        guessed, found = _judged(guess.people, real.ignore_regions, joints)
        count += there.sum(0)
        # (P, G, K): predicted joint k of person p is right for person g
        apart = _distance(_points(guessed, joints)[:, None], _points(wanted, joints)[None])
        close = (apart <= part * head_sizes(wanted)[None, :, None]) & found[:, None] & there[None]
        for p, g in enumerate(match_people(close, there).tolist()):
            person = guessed[p]
            for k in np.flatnonzero(found[p]).tolist():
                scores[k].append(0.0 if person.scores is None else float(person.scores[k]))
                right[k].append(g >= 0 and bool(close[p, g, k]))
    areas = [area_under(np.array(s), np.array(r, bool), int(n)) for s, r, n in zip(scores, right, count, strict=True)]
    return AveragePrecision(np.array(areas), count)


def inside_polygon(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """(N, 2) points and an (M, 2) polygon, not closed -> (N,) bool: inside it (even-odd rule)."""
    x, y = points[:, :1], points[:, 1:]
    here, there = polygon, np.roll(polygon, -1, axis=0)
    spans = (here[:, 1] > y) != (there[:, 1] > y)
    rise = np.where(here[:, 1] == there[:, 1], 1.0, there[:, 1] - here[:, 1])
    crossing = here[:, 0] + (y - here[:, 1]) / rise * (there[:, 0] - here[:, 0])
    return np.asarray(((spans & (x < crossing)).sum(1) % 2) == 1)


def match_people(close: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """(P,) whom of the truth each predicted person is, or -1: each takes whom it fits best, then each of them its best fit.

    A person whose best fit is taken by a better prediction matches nobody, also where a second best is free (as in poseval).

    Args:
        close: (P, G, K) bool: joint k of predicted person p is right for person g.
        labelled: (G, K) bool.
    """
    people = close.shape[0]
    matched = np.full(people, -1, np.int64)
    if 0 in close.shape[:2]:
        return matched
    share = close.sum(2) / np.maximum(labelled.sum(1), 1)
    first = share.argmax(1)
    own = np.zeros_like(share)
    own[np.arange(people), first] = share[np.arange(people), first]
    for g, p in enumerate(own.argmax(0).tolist()):
        if own[p, g] > 0:
            matched[p] = g
    return matched


def area_under(scores: np.ndarray, right: np.ndarray, total: int) -> float:
    """Area under precision over recall, precision made to fall (Pascal VOC 2010); NaN where ``total`` is 0.

    Args:
        scores: (D,) of the detections.
        right: (D,) bool.
        total: how many there are to find.
    """
    if total == 0:
        return float("nan")
    hits = right[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(falling[hits].sum() / total)


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(np.asarray(a, np.float64) - np.asarray(b, np.float64), axis=-1))


def _frame_pairs(
    predicted: Sequence[SequenceRecord], truth: Sequence[SequenceRecord]
) -> Iterator[tuple[FrameRecord, FrameRecord]]:
    if len(predicted) != len(truth):
        raise ValueError(f"There are {len(predicted)} predicted sequences for {len(truth)} of the truth.")
    for guess, real in zip(predicted, truth, strict=True):
        if guess.skeleton.joints != real.skeleton.joints:
            raise ValueError("Predictions and truth have different joints; map one to the other by name first.")
        if [frame.index for frame in guess.frames] != [frame.index for frame in real.frames]:
            raise ValueError(
                f"Predictions and truth of {real.name} have different frames; both must list every frame of the clip in order."
            )
        yield from zip(guess.frames, real.frames, strict=True)


def _judged(
    people: Sequence[PersonRecord], regions: Sequence[np.ndarray], joints: int
) -> tuple[list[PersonRecord], np.ndarray]:
    """Those with joints outside the ignore regions, and (N, K) bool which these are."""
    kept, present = [], []
    for person in people:
        seen = person.visibility != Visibility.ABSENT
        for region in regions:
            seen = seen & ~inside_polygon(person.keypoints, region)
        if seen.any():
            kept.append(person)
            present.append(seen)
    return kept, np.stack(present) if present else np.zeros((0, joints), bool)


def _points(people: Sequence[PersonRecord], joints: int) -> np.ndarray:
    return np.stack([person.keypoints for person in people]) if people else np.zeros((0, joints, 2))


def _nans(n: int) -> np.ndarray:
    return np.full(n, np.nan)

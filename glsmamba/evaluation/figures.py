"""Figures of predictions: PCK, PCKh, PoseTrack's AP, OKS-AP and jitter, per joint and over all."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from glsmamba.data.metrics import average_precision, head_size, jitter, match_people, pck
from glsmamba.data.oks_ap import MissingTool, oks_ap
from glsmamba.data.posetrack18_write import derived_head_box
from glsmamba.data.records import FrameRecord, PersonRecord, Visibility
from glsmamba.data.sets import DataSet
from glsmamba.data.skeletons import POSETRACK15
from glsmamba.evaluation.predicting import Found, own_box
from glsmamba.training.labels import person_size, torso_size

__all__ = ["Figures", "judge"]

#: How published tables of PoseTrack's AP put joints together.
_GROUPS = {
    "head": ("nose", "head_bottom", "head_top"),
    **{part: (f"left_{part}", f"right_{part}") for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")},
}
#: A predicted person may be one of the truth if joints lie within this part of the latter's size.
_MATCH = 0.2


@dataclass(frozen=True)
class Figures:
    """What predictions are worth, all but jitter in 0..1.

    Attributes:
        people: of the truth, with joints.
        joints: labelled.
        labelled: joint name -> how many are labelled.
        per_joint: measure -> joint name -> figure, without joints that nobody has.
        overall: measure -> figure. PCK is over all labelled joints, AP the mean over the joints that occur.
        notes: sentences on what could not be measured, and why.
    """

    people: int
    joints: int
    labelled: dict[str, int]
    per_joint: dict[str, dict[str, float]]
    overall: dict[str, float]
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class _Pairs:
    """People of the truth (N) with what was predicted of them: (N, 15, 2), NaN for those who were not found."""

    predicted: np.ndarray
    truth: np.ndarray
    labelled: np.ndarray
    people: list[PersonRecord]
    tracks: list[tuple[int, int, int | None]]  # sequence, frame, track


def judge(data: DataSet, found: Found) -> Figures:
    """Measure predictions.

    PCK@a person: within a times the longer side of the tight box around the labelled joints; torso: of the mean of both
    shoulder to opposite hip distances; box: of the longer side of the person's box, where the set has boxes. PCKh@0.5: within
    half of 0.6 times the head box's diagonal, the head box following from neck and top of head where none is given. Somebody
    who was not found counts with all joints as wrong. With boxes of a detector people are paired as PoseTrack's AP pairs them,
    by the joints within 0.2 of their size.

    AP, where everybody has a head box, is PoseTrack's; OKS-AP, where everybody has an area, COCO's. Jitter, on clips, is the
    mean acceleration of the joints that are labelled in three frames running, in percent of the person's size per frame
    squared.
    """
    pairs = _pairs(found)
    with np.errstate(invalid="ignore"):
        size = person_size(pairs.truth, pairs.labelled) if pairs.people else np.zeros(0)
    torso = torso_size(pairs.truth, pairs.labelled) if pairs.people else np.zeros(0)
    head = np.array([_head(person) for person in pairs.people])
    box = np.array([np.nan if p.box is None else max(own_box(p)[2:]) for p in pairs.people])
    per_joint: dict[str, dict[str, float]] = {}
    overall: dict[str, float] = {}
    for name, length, part in (
        ("PCK@0.2 person", size, 0.2), ("PCK@0.1 person", size, 0.1), ("PCK@0.2 torso", torso, 0.2), ("PCK@0.2 box", box, 0.2),
        ("PCKh@0.5", head, 0.5),
    ):  # fmt: skip
        usable = np.isfinite(length) & (length > 1.0)
        if usable.any():
            chosen = pairs.predicted[usable], pairs.truth[usable], pairs.labelled[usable], length[usable]
            shares, count = pck(*chosen, part), chosen[2].sum(0)
            per_joint[name] = _named(shares)
            overall[name] = float(np.nansum(shares * count) / count.sum())
    notes = _posetrack(found, per_joint, overall) + _coco(found, overall)
    if data.moving:
        _jitter(pairs, size, overall)
    counts = pairs.labelled.sum(0) if pairs.people else np.zeros(len(POSETRACK15), int)
    labelled = {name: int(n) for name, n in zip(POSETRACK15.joints, counts, strict=True) if n}
    return Figures(len(pairs.people), int(counts.sum()), labelled, per_joint, overall, tuple(notes))


def _pairs(found: Found) -> _Pairs:
    predicted, people, tracks = [], [], []
    for number, (guess, real) in enumerate(zip(found.predicted, found.truth, strict=True)):
        for guessed, frame in zip(guess.frames, real.frames, strict=True):
            wanted = [p for p in frame.people if (p.visibility != Visibility.ABSENT).any()]
            predicted += _belonging(guessed, wanted, found.paired)
            people += wanted
            tracks += [(number, frame.index, person.track_id) for person in wanted]
    truth = np.array([p.keypoints for p in people]).reshape(-1, len(POSETRACK15), 2)
    labelled = np.array([p.visibility != Visibility.ABSENT for p in people]).reshape(-1, len(POSETRACK15))
    return _Pairs(np.array(predicted).reshape(truth.shape), truth, labelled, people, tracks)


def _belonging(guessed: FrameRecord, wanted: list[PersonRecord], paired: bool) -> list[np.ndarray]:
    """For each person of the truth the predicted joints (15, 2), NaN where there are none."""
    points = np.array([np.where((p.visibility > 0)[:, None], p.keypoints, np.nan) for p in guessed.people])
    points = points.reshape(-1, len(POSETRACK15), 2)
    if paired:
        return list(points)
    out = [np.full((len(POSETRACK15), 2), np.nan) for _ in wanted]
    if not len(points) or not wanted:
        return out
    truth = np.array([p.keypoints for p in wanted])
    labelled = np.array([p.visibility != Visibility.ABSENT for p in wanted])
    size = person_size(truth, labelled)
    with np.errstate(invalid="ignore"):
        close = np.linalg.norm(points[:, None] - truth[None], axis=-1) <= _MATCH * np.maximum(size, 1.0)[None, :, None]
    for p, g in enumerate(match_people(close & labelled[None], labelled).tolist()):
        if g >= 0:
            out[g] = points[p]
    return out


def _head(person: PersonRecord) -> float:
    box = person.head_box or derived_head_box(person.keypoints, person.visibility != Visibility.ABSENT, POSETRACK15)
    return float("nan") if box is None else head_size(box)


def _posetrack(found: Found, per_joint: dict[str, dict[str, float]], overall: dict[str, float]) -> list[str]:
    judged = [p for s in found.truth for f in s.frames for p in f.people if (p.visibility != Visibility.ABSENT).any()]
    boxed = sum(p.head_box is not None for p in judged)
    if not boxed:
        return []
    if boxed < len(judged):
        return [f"No AP of PoseTrack: {len(judged) - boxed} of {len(judged)} people have no head box."]
    result = average_precision(found.predicted, found.truth)
    named = per_joint["AP"] = _named(result.per_joint)
    overall["AP"] = result.mean
    for group, joints in _GROUPS.items():
        there = [named[joint] for joint in joints if joint in named]
        if there:
            overall[f"AP {group}"] = float(np.mean(there))
    return []


def _coco(found: Found, overall: dict[str, float]) -> list[str]:
    people = [p for s in found.truth for f in s.frames for p in f.people]
    if not people or any(p.area is None or p.box is None for p in people):
        return []
    try:
        overall.update(oks_ap(found.predicted, found.truth))
    except MissingTool as error:
        return [str(error)]
    return []


def _jitter(pairs: _Pairs, size: np.ndarray, overall: dict[str, float]) -> None:
    rows: dict[tuple[int, int | None], dict[int, int]] = defaultdict(dict)
    for n, (sequence, frame, track) in enumerate(pairs.tracks):
        if track is not None:
            rows[sequence, track][frame] = n
    own, true, counted = [], [], []
    for frames in rows.values():
        scale = float(np.nanmedian(size[list(frames.values())])) / 100
        for frame in range(min(frames), max(frames) + 3):  # two empty frames part one track from the next
            row = frames.get(frame, -1)
            found = row >= 0 and scale > 0 and bool(np.isfinite(pairs.predicted[row]).all())
            own.append(pairs.predicted[row] / scale if found else np.zeros((len(POSETRACK15), 2)))
            true.append(pairs.truth[row] / scale if found else np.zeros((len(POSETRACK15), 2)))
            counted.append(pairs.labelled[row] if found else np.zeros(len(POSETRACK15), bool))
    if own:
        value = jitter(np.array(own), np.array(counted))
        if np.isfinite(value):
            overall["jitter"] = value
            overall["jitter of the labels"] = jitter(np.array(true), np.array(counted))


def _named(values: np.ndarray) -> dict[str, float]:
    return {name: float(v) for name, v in zip(POSETRACK15.joints, values, strict=True) if np.isfinite(v)}

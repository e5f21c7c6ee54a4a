"""Calibrate a checkpoint: predict labelled people that nobody trained on, fit, and say how well the probabilities hold.

::

    python main.py calibrate weights/glsmamba-t.safetensors --data FOLDER
    python main.py calibrate weights/glsmamba-t.safetensors --data FOLDER --check

The first fits on the validation people of Leeds Sports Pose Extended and writes the calibration into the checkpoint; how well
it holds is measured across folds of them, each fold told of by a fit on the others. The second writes nothing and measures
the calibration that the checkpoint has on the people held out for reporting, whom neither training nor fit has seen.

Letters: n people, k joints.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from glsmamba.calibration import TOLERANCE, Calibration, Reliability, fit, reliability, table
from glsmamba.checkpoint import CheckpointError, read_info, save_calibration
from glsmamba.data.metrics import head_size
from glsmamba.data.posetrack18_write import derived_head_box
from glsmamba.data.sets.data_set import LabelledSequence
from glsmamba.data.sets.stills import open_lsp
from glsmamba.data.skeletons import POSETRACK15
from glsmamba.heatmaps import spreads, transformed
from glsmamba.predictor import PoseWindow, Predictor
from glsmamba.training.augment import joints_box

__all__ = ["FOLDS", "Answers", "Measured", "answers", "calibrate", "check", "cross_fitted", "measure", "report"]

#: The people are cut into so many runs of rows; each is told of by a fit on the others.
FOLDS = 5
#: A head of fewer pixels is a labelling mistake.
_SMALLEST_HEAD = 2.0
#: People handed to the predictor at once: enough for its batches, few enough for a smooth bar.
_AT_ONCE = 8


@dataclass(frozen=True)
class Answers:
    """What a model said of labelled people, and whether it was right.

    Attributes:
        peaks: (n, k) float32 heat map peaks, not clipped.
        spreads: (n, k) float32 in the sigmas of the model's training; NaN where a map is empty.
        right: (n, k) bool: within 0.2 head sizes of the label.
        known: (n, k) bool: a human labelled the joint.
    """

    peaks: np.ndarray
    spreads: np.ndarray
    right: np.ndarray
    known: np.ndarray

    def __len__(self) -> int:
        return len(self.peaks)

    def chosen(self, keep: np.ndarray) -> Answers:
        """Those of the people where ``keep`` (n,) bool holds."""
        return Answers(*(getattr(self, part.name)[keep] for part in dataclasses.fields(self)))


@dataclass(frozen=True)
class Measured:
    """How well scores (read as if they were probabilities) and probabilities say what comes true."""

    people: int
    scores: Reliability
    probabilities: Reliability

    def facts(self) -> dict[str, Any]:
        """For a checkpoint's metadata."""
        before, after = self.scores, self.probabilities
        return {
            "people": self.people, "joints": after.count, "right": round(after.right, 4),
            "ece": round(after.ece, 4), "ece_of_scores": round(before.ece, 4),
            "brier": round(after.brier, 4), "brier_of_scores": round(before.brier, 4),
        }  # fmt: skip

    def text(self) -> str:
        """Markdown for people."""
        before, after = self.scores, self.probabilities
        return "\n".join([
            f"{self.people} people, {after.count} labelled joints, {after.right:.3f} of them within {TOLERANCE} head sizes", "",
            "| | expected calibration error | Brier score |", "|---|---|---|",
            f"| before: the score, read as a probability | {before.ece:.4f} | {before.brier:.4f} |",
            f"| after: the probability | {after.ece:.4f} | {after.brier:.4f} |", "", table(after),
        ])  # fmt: skip


def answers(predictor: Predictor, people: Sequence[LabelledSequence], *, quiet: bool = True) -> Answers:
    """Ask a model about labelled stills, cut by the box around the joints and shown as a window of equal frames.

    The predictor encodes a picture once that all frames of a window share.

    Args:
        predictor: asked.
        people: one frame with one person each. Those whose head is not labelled are left out: without it nobody knows what 0.2
            head sizes are.
        quiet: show no bar.

    Raises:
        ValueError: nobody has a labelled head.
        VideoError: a picture is damaged.
    """
    points = np.array([person.record.frames[0].people[0].keypoints for person in people]).reshape(-1, len(POSETRACK15), 2)
    known = np.array([person.record.frames[0].people[0].visibility > 0 for person in people]).reshape(points.shape[:2])
    heads = np.array([_head(*labels) for labels in zip(points, known, strict=True)])
    chosen = np.flatnonzero(heads >= _SMALLEST_HEAD)
    if not len(chosen):
        raise ValueError("Nobody in these pictures has head_top and head_bottom labelled, which give the head's size.")
    config = predictor.config
    said: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    with tqdm(total=len(chosen), desc="predicting", unit="person", disable=quiet) as bar:
        for start in range(0, len(chosen), _AT_ONCE):
            chunk = chosen[start : start + _AT_ONCE].tolist()
            boxes = [joints_box(points[n], known[n]) for n in chunk]
            pictures = [people[n].pictures.read(0) for n in chunk]
            windows = [PoseWindow((p,) * config.frames, box) for p, box in zip(pictures, boxes, strict=True)]
            for pose in predictor.predict(windows, keep_heatmaps=True):
                maps = pose.heatmaps
                assert maps is not None
                places = transformed(pose.crop, pose.keypoints)  # back in cells, where the predictor took spread and peak
                said.append((maps.max((1, 2)), spreads(maps, places) / config.sigma, pose.keypoints))
            bar.update(len(chunk))
    peaks, wide, found = (np.stack(part) for part in zip(*said, strict=True))
    error = np.linalg.norm(found - points[chosen], axis=-1)
    return Answers(peaks, wide, error <= TOLERANCE * heads[chosen, None], known[chosen])


def cross_fitted(said: Answers, folds: int = FOLDS) -> np.ndarray:
    """(n, k) probabilities, each by a fit on the other folds' people; folds are runs of rows, so that neighbours stay together.

    Raises:
        ValueError: there are too few people to fit on.
    """
    fold = np.arange(len(said)) * folds // len(said)
    told = np.empty(said.peaks.shape, np.float32)
    for n in range(folds):
        own = fold == n
        told[own] = _fitted(said.chosen(~own)).probability(said.peaks[own], said.spreads[own])
    return told


def measure(said: Answers, probabilities: np.ndarray) -> Measured:
    """Compare (n, k) probabilities, and the scores, with what came true."""
    known = said.known & np.isfinite(probabilities)
    right = said.right[known]
    return Measured(
        len(said), reliability(np.clip(said.peaks, 0, 1)[known], right), reliability(probabilities[known], right)
    )  # fmt: skip


def calibrate(
    checkpoint: str | Path, stills: str | Path, *, people: int | None = None, quiet: bool = True
) -> tuple[Calibration, Measured]:
    """Fit a checkpoint's calibration on validation people and write it into the file; all else in it stays.

    Args:
        checkpoint: of GLSMamba.
        stills: folder of Leeds Sports Pose Extended, as published or with a ``joints.npz``.
        people: so many of them, evenly chosen; all when None.
        quiet: show no bar.

    Returns:
        The calibration as written, and how well it holds on people it was not fitted on.

    Raises:
        CheckpointError: the file is missing, foreign, damaged or of ViTPose.
        ValueError: there are too few people, or no such data set.
        OSError: the checkpoint cannot be written; it is as it was.
    """
    said = _asked(checkpoint, stills, "validation", people, quiet)
    measured = measure(said, cross_fitted(said))
    how = {
        "data": "Leeds Sports Pose Extended, rows with i % 20 = 3, human labels, stills repeated to a window",
        "tolerance": f"{TOLERANCE} head sizes",
        "measured_on": f"the same people in {FOLDS} folds, each by a fit on the others",
        **measured.facts(),
    }
    made = dataclasses.replace(_fitted(said), measured=how)
    save_calibration(checkpoint, made)
    return made, measured


def check(checkpoint: str | Path, stills: str | Path, *, people: int | None = None, quiet: bool = True) -> Measured:
    """How well the calibration in a checkpoint holds on the people held out for reporting. Arguments as :func:`calibrate`.

    Raises:
        CheckpointError: as :func:`calibrate`, or it has no calibration.
    """
    calibration = read_info(checkpoint).calibration
    if calibration is None:
        raise CheckpointError(f"{Path(checkpoint).name} is not calibrated; run calibrate on it without --check first.")
    said = _asked(checkpoint, stills, "held-out", people, quiet)
    return measure(said, calibration.probability(said.peaks, said.spreads))


def report(checkpoint: str | Path, stills: str | Path, *, people: int | None = None, only_check: bool = False) -> str:
    """What the command line says after :func:`calibrate` or :func:`check`, with a bar meanwhile."""
    if only_check:
        return check(checkpoint, stills, people=people, quiet=False).text()
    made, measured = calibrate(checkpoint, stills, people=people, quiet=False)
    fitted = f"peak slope {made.peak_slope:.3f}, spread slope {made.spread_slope:.3f}"
    return f"{measured.text()}\n\nWritten into {checkpoint}: {fitted}, offsets around {np.mean(made.offsets):.2f}."


def _fitted(said: Answers) -> Calibration:
    return fit(said.peaks, said.spreads, said.right, said.known)


def _asked(checkpoint: str | Path, stills: str | Path, split: str, people: int | None, quiet: bool) -> Answers:
    if read_info(checkpoint).single_frame:
        raise CheckpointError(
            f"{Path(checkpoint).name} is the single-frame baseline, which is not calibrated; choose a GLSMamba checkpoint."
        )
    if people is not None and people < 1:
        raise ValueError("--people must be at least 1.")
    data = open_lsp(Path(stills), split)
    if not quiet:
        for sentence in data.missing:
            tqdm.write(sentence, file=sys.stderr)
    labelled = data.sequences
    if people is not None and people < len(labelled):
        labelled = tuple(labelled[n] for n in np.linspace(0, len(labelled) - 1, people).astype(int))
    return answers(Predictor.from_checkpoint(checkpoint), labelled, quiet=quiet)


def _head(points: np.ndarray, human: np.ndarray) -> float:
    """Head size in pixels as PoseTrack measures it; 0 where the head's joints are not labelled."""
    box = derived_head_box(points, human, POSETRACK15)
    return 0.0 if box is None else head_size(box)

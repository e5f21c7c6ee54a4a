"""From scores to probabilities: how likely a predicted joint is within 0.2 head sizes of the truth.

A heat map's peak is no probability. Platt scaling (Platt, 1999) makes one of it: a logistic regression, fitted on people whom
the model was not trained on, on two things that a heat map tells of its own doubt, its peak and its spread, with an offset a
joint. So few numbers can't overfit a few thousand labelled joints, and the probability never falls as the peak rises or the
spread shrinks. NumPy alone; fitting also wants SciPy.

Letters: n people, k joints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from glsmamba.data.skeletons import POSETRACK15, Skeleton, joint_map

#: What "right" means: within this many head sizes of the truth.
TOLERANCE = 0.2
_METHOD = "platt-peak-spread/1"
#: Strength of the pull of a joint's offset towards that of all joints: as much as this many labelled joints weigh.
_PULL = 4.0
#: Peaks and spreads are kept within these bounds: a map without a peak has no spread, and the fit saw nothing outside.
_PEAKS, _SPREADS = (0.01, 1.0), (0.3, 30.0)


@dataclass(frozen=True)
class Calibration:
    """Parameters of p = sigmoid(offset_k + peak_slope log(peak) + spread_slope log(spread)).

    Attributes:
        joints: names of the joints, in the order of ``offsets``.
        offsets: one a joint.
        peak_slope: of the heat map's peak.
        spread_slope: of the heat map's spread, which is measured in the sigmas the model was trained with.
        measured: how it was fitted and how well it held on others; for people to read.
    """

    joints: tuple[str, ...]
    offsets: tuple[float, ...]
    peak_slope: float
    spread_slope: float
    measured: Mapping[str, Any] = field(default_factory=dict)

    def probability(self, peaks: np.ndarray, spreads: np.ndarray, skeleton: Skeleton = POSETRACK15) -> np.ndarray:
        """Probability that each joint is within 0.2 head sizes of the truth.

        Args:
            peaks: (..., k) heat map peaks.
            spreads: (..., k) spreads in sigmas; NaN where a map has no positive value.
            skeleton: names of the k joints.

        Returns:
            (..., k) float32; NaN for joints that were not calibrated.
        """
        source = joint_map(Skeleton("calibration", self.joints), skeleton)
        offsets = np.where(source >= 0, np.asarray(self.offsets)[source], np.nan)
        x = _features(peaks, spreads)
        return _sigmoid(offsets + x[..., 0] * self.peak_slope + x[..., 1] * self.spread_slope).astype(np.float32)

    def to_json(self) -> str:
        """JSON object for a checkpoint's metadata."""
        return json.dumps({"method": _METHOD, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Calibration | None:
        """What :meth:`to_json` wrote; None for a method this version does not know.

        Raises:
            ValueError: the text is something else.
        """
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("the calibration is not an object")
        if values.get("method") != _METHOD:
            return None
        joints = tuple(str(name) for name in values["joints"])
        numbers = [float(value) for value in (*values["offsets"], values["peak_slope"], values["spread_slope"])]
        if len(numbers) != len(joints) + 2 or not np.isfinite(numbers).all():
            raise ValueError("the calibration has impossible parameters")
        return cls(joints, tuple(numbers[:-2]), numbers[-2], numbers[-1], dict(values.get("measured", {})))


def fit(
    peaks: np.ndarray, spreads: np.ndarray, right: np.ndarray, known: np.ndarray, skeleton: Skeleton = POSETRACK15
) -> Calibration:
    """Fit a calibration by maximum likelihood.

    A joint that nobody labelled takes the mean offset of the joints it is connected to.

    Args:
        peaks: (n, k) heat map peaks.
        spreads: (n, k) in sigmas.
        right: (n, k) bool: the joint was within the tolerance.
        known: (n, k) bool: whether that is known.
        skeleton: of the k joints.

    Raises:
        ValueError: too little is known: fewer than 100 joints, or all of them right, or all wrong.
    """
    from scipy.optimize import minimize

    known = np.asarray(known, bool)
    truth = np.asarray(right, bool)[known].astype(np.float64)
    if len(truth) < 100 or not 0 < truth.mean() < 1:
        raise ValueError(
            f"{len(truth)} labelled joints, {int(truth.sum())} of them right, are too few to calibrate on; give more people."
        )
    x = _features(peaks, spreads)[known]
    joint = np.broadcast_to(np.arange(known.shape[1]), known.shape)[known]
    k = known.shape[1]

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        common, slopes, own = parameters[0], parameters[1:3], parameters[3:]
        z = common + own[joint] + x @ slopes
        residual = _sigmoid(z) - truth
        value = float(np.logaddexp(0.0, z).sum() - (truth * z).sum() + _PULL / 8 * (own**2).sum())
        gradient = [[residual.sum()], x.T @ residual, np.bincount(joint, residual, k) + _PULL / 4 * own]
        return value, np.concatenate(gradient)

    bounds = [(None, None), (0.0, None), (None, 0.0)] + [(None, None)] * k
    found = minimize(loss, np.zeros(3 + k), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 1000}).x
    offsets = found[0] + found[3:]
    labelled = known.sum(axis=0) > 0
    for n in np.flatnonzero(~labelled):
        near = [b if a == n else a for a, b in skeleton.edges if n in (a, b)]
        near = [m for m in near if labelled[m]]
        offsets[n] = offsets[near].mean() if near else found[0]
    return Calibration(skeleton.joints, tuple(map(float, offsets)), float(found[1]), float(found[2]))


@dataclass(frozen=True)
class Reliability:
    """How far stated probabilities are from what came true.

    Attributes:
        count: joints looked at.
        right: share of them that were right.
        ece: expected calibration error: mean distance of stated and observed share over bins of equal width, weighed by count.
        brier: mean squared distance of the probability from what came true.
        bins: (low, high, count, mean stated, observed share) of each bin that holds anything.
    """

    count: int
    right: float
    ece: float
    brier: float
    bins: tuple[tuple[float, float, int, float, float], ...]


def reliability(probability: np.ndarray, right: np.ndarray, bins: int = 10) -> Reliability:
    """Compare stated probabilities (any shape) with whether each came true (the same shape)."""
    p, hit = np.asarray(probability, np.float64).ravel(), np.asarray(right, bool).ravel()
    which = np.minimum((p * bins).astype(int), bins - 1)
    rows = []
    for b in range(bins):
        inside = which == b
        if inside.any():
            rows.append((b / bins, (b + 1) / bins, int(inside.sum()), float(p[inside].mean()), float(hit[inside].mean())))
    ece = sum(n * abs(stated - seen) for _, _, n, stated, seen in rows) / max(len(p), 1)
    return Reliability(len(p), float(hit.mean()), float(ece), float(np.mean((p - hit) ** 2)), tuple(rows))


def table(result: Reliability) -> str:
    """A Markdown table of a reliability diagram."""
    lines = ["| probability stated | joints | mean stated | came true |", "|---|---|---|---|"]
    lines += [f"| {low:.1f} to {high:.1f} | {n} | {stated:.3f} | {seen:.3f} |" for low, high, n, stated, seen in result.bins]
    return "\n".join(lines)


def _features(peaks: np.ndarray, spreads: np.ndarray) -> np.ndarray:
    """(..., 2) logarithms of peaks and spreads."""
    p = np.clip(np.asarray(peaks, np.float64), *_PEAKS)
    s = np.asarray(spreads, np.float64)
    return np.log(np.stack([p, np.clip(np.where(np.isnan(s), _SPREADS[1], s), *_SPREADS)], axis=-1))


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(z)))

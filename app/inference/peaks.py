"""The peaks of a person's heat maps, joint by joint, in pixels of the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.labels.spreading import Peaks
from glsmamba.heatmaps import inverted_affine, peaks, transformed

if TYPE_CHECKING:
    from glsmamba.predictor import PosePrediction

__all__ = ["peaks_of"]

#: Peaks below this share of the strongest are noise.
_LEAST = 0.15


def peaks_of(prediction: PosePrediction, sigma: float) -> dict[int, Peaks]:
    """Joint -> places (N, 2) and values (N,) of its peaks, strongest first; empty where heat maps were not kept."""
    if prediction.heatmaps is None:
        return {}
    to_frame = inverted_affine(prediction.crop)
    found = {}
    for joint, heatmap in enumerate(prediction.heatmaps):
        where, values = peaks(heatmap, sigma, least=_LEAST)
        found[joint] = (transformed(to_frame, where), values)
    return found

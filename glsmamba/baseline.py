"""The single-frame baseline: ViTPose predicts each frame by itself, where there is no GLSMamba checkpoint to do better.

Its heat maps are COCO's; PoseTrack's joints are taken from them by name. PoseTrack has two that COCO lacks, the neck and the
top of the head: those are estimated from shoulders and ears, score half of what the least certain of these scores, have no
heat map, and are marked as estimated all the way to the labels. Its scores are not calibrated: there are no probabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch

from glsmamba.data.skeletons import COCO17, POSETRACK15, Skeleton, joint_map
from glsmamba.heatmaps import decode, inverted_affine, rescaled_affine, spreads, transformed
from glsmamba.modeling.vitpose import ViTPose
from glsmamba.predictor import PosePrediction, PoseWindow, Precision, Predictor
from glsmamba.vitpose.importing import load_vitpose

__all__ = ["ESTIMATED", "BaselinePredictor", "to_posetrack"]

#: Joints that are estimated, and where they lie on the line from the middle of the shoulders (0) to the middle of the ears (1).
#: Fitted to 2,881 people of Leeds Sports Pose Extended with MoveNet's shoulders and ears; on 151 others the median error is
#: 10 % (neck) and 11 % (top of head) of the torso's length.
ESTIMATED = {"head_bottom": 0.3, "head_top": 1.7}
#: Their score: this share of the least certain joint they are estimated from.
_SCORE_SHARE = 0.5
_SHOULDERS = COCO17.index("left_shoulder"), COCO17.index("right_shoulder")
_EARS = COCO17.index("left_ear"), COCO17.index("right_ear")
_FROM_COCO = joint_map(COCO17, POSETRACK15)
_MADE = [POSETRACK15.index(joint) for joint in ESTIMATED]
_GIVEN = [n for n in range(len(POSETRACK15)) if n not in _MADE]


def to_posetrack(points: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A pose in COCO's joints as one in PoseTrack's.

    Args:
        points: (17, 2) in the order of ``COCO17``.
        scores: (17,).

    Returns:
        (15, 2) and (15,) in the order of ``POSETRACK15``; the joints of :data:`ESTIMATED` are estimated.
    """
    made, sure = np.empty((len(POSETRACK15), 2)), np.empty(len(POSETRACK15), np.float32)
    made[_GIVEN], sure[_GIVEN] = points[_FROM_COCO[_GIVEN]], scores[_FROM_COCO[_GIVEN]]
    shoulders, ears = points[list(_SHOULDERS)].mean(axis=0), points[list(_EARS)].mean(axis=0)
    made[_MADE] = [shoulders + along * (ears - shoulders) for along in ESTIMATED.values()]
    sure[_MADE] = _SCORE_SHARE * scores[[*_SHOULDERS, *_EARS]].min()
    return made, sure


class BaselinePredictor(Predictor):
    """ViTPose behind the same door: windows of one frame. It has heat maps but no scans, and so no activation maps."""

    def __init__(
        self, model: ViTPose, device: str | torch.device = "cpu", precision: Precision = "auto", threads: int | None = None,
        joints: tuple[str, ...] = COCO17.joints, name: str = "",
    ) -> None:  # fmt: skip
        super().__init__(model, device, precision, threads, name=name or f"{model.config.preset}, single-frame baseline")  # type: ignore[arg-type]
        self._skeleton = Skeleton("file", joints)
        self._coco = joint_map(self._skeleton, COCO17)

    @classmethod
    def from_file(
        cls, path: str | Path, device: str | torch.device = "cpu", precision: Precision = "auto", threads: int | None = None
    ) -> BaselinePredictor:
        """Load an imported ViTPose; as :meth:`Predictor.from_checkpoint`, which comes here by itself."""
        model, info = load_vitpose(path)
        return cls(model, device, precision, threads, info.joints, info.name)

    def backends(self) -> dict[str, str]:
        """As in :class:`Predictor`, and ``estimated``: names of the joints that are no heat map's."""
        facts = super().backends()
        facts.pop("deform", None)
        return {
            **facts,
            "scan": "none (ViTPose has no scans)",
            "estimated": ", ".join(ESTIMATED),
            "notice": f"{self.config.preset} predicts each frame by itself: this is the single-frame baseline, not GLSMamba. "
            "Neck and top of head are estimated from shoulders and ears.",
        }

    def capture(self, window: PoseWindow, *, cancelled: Callable[[], bool] | None = None) -> NoReturn:
        """There is nothing to capture; ``ValueError`` says so."""
        raise ValueError(
            "The single-frame baseline has no activation maps: ViTPose has no scans; choose a GLSMamba checkpoint to see them."
        )

    def _pose(self, maps: np.ndarray, affine: np.ndarray, keep: bool) -> PosePrediction:
        maps = maps[self._coco]
        to_grid = rescaled_affine(affine, self.config.input_size, self.config.grid)
        places, peaks = decode(maps, self.config.sigma, self.decoding)
        keypoints, scores = to_posetrack(transformed(inverted_affine(to_grid), places), np.clip(peaks, 0, 1))
        kept = None
        if keep:
            kept = np.zeros((len(POSETRACK15), *maps.shape[1:]), np.float32)  # nothing where joints are estimated
            kept[_GIVEN] = maps[_FROM_COCO[_GIVEN]]
        to_frame = inverted_affine(to_grid)
        wide = np.full(len(POSETRACK15), np.nan, np.float32)
        wide[_GIVEN] = spreads(maps, places, (to_frame[0, 0], to_frame[1, 1]))[_FROM_COCO[_GIVEN]]
        return PosePrediction(keypoints, scores, kept, to_grid, self.config.grid, wide)

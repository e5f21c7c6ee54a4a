"""PCK of a network on labelled pictures, as a training checks itself with; ``main.py evaluate`` measures all there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from glsmamba.config import ModelConfig
from glsmamba.data.skeletons import POSETRACK15
from glsmamba.heatmaps import crop_affine, decode, inverted_affine, rescaled_affine, transformed
from glsmamba.modeling.pixels import normalised
from glsmamba.training.augment import joints_box
from glsmamba.training.labels import PictureLabels, person_size

Net = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Score:
    """PCK figures, each 0..1 (NaN where nobody has the joint).

    Attributes:
        people: how many people were looked at.
        joints: how many joints were measured.
        body: PCK@0.2 of person size (longer side of the tight box around the labelled joints).
        body_strict: the same @0.1.
        torso: PCK@0.2 of the torso (mean of both shoulder-to-opposite-hip distances), people with that torso labelled.
        per_joint: joint name -> (PCK@0.2 of person size, PCK@0.1, count).
    """

    people: int
    joints: int
    body: float
    body_strict: float
    torso: float
    per_joint: dict[str, tuple[float, float, int]]


def score(predicted: np.ndarray, truth: np.ndarray, labelled: np.ndarray) -> Score:
    """Compare (N, 15, 2) predictions with labels; only joints with ``labelled`` (N, 15) count."""
    labelled = np.asarray(labelled, dtype=bool)
    error = np.linalg.norm(predicted - truth, axis=-1)
    relative = error / person_size(truth, labelled)[:, None]
    torso = torso_size(truth, labelled)
    with_torso = labelled & np.isfinite(torso)[:, None] & (torso > 1.0)[:, None]
    per_joint = {}
    for k, name in enumerate(POSETRACK15.joints):
        own = relative[:, k][labelled[:, k]]
        per_joint[name] = (_share(own < 0.2), _share(own < 0.1), len(own))
    return Score(
        people=len(truth),
        joints=int(labelled.sum()),
        body=_share(relative[labelled] < 0.2),
        body_strict=_share(relative[labelled] < 0.1),
        torso=_share((error / torso[:, None])[with_torso] < 0.2),
        per_joint=per_joint,
    )


def torso_size(points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(N, 15, 2), (N, 15) -> (N,) mean length of left shoulder to right hip and right shoulder to left hip; NaN if unknown."""
    ls, rs, lh, rh = (POSETRACK15.index(name) for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip"))
    one = np.linalg.norm(points[:, ls] - points[:, rh], axis=-1)
    other = np.linalg.norm(points[:, rs] - points[:, lh], axis=-1)
    return np.where(known[:, [ls, rs, lh, rh]].all(-1), (one + other) / 2, np.nan)


def predict_stills(
    net: Net,
    config: ModelConfig,
    pictures: Iterable[np.ndarray],
    boxes: Sequence[tuple[float, float, float, float]],
    batch: int = 25,
) -> tuple[np.ndarray, np.ndarray]:
    """Predict one person in each picture from its box; a window is the still repeated.

    Args:
        net: (B, T, 3, H, W) -> (B, K, h, w).
        config: of the model.
        pictures: (H, W, 3) uint8 RGB.
        boxes: (x, y, w, h) of the person in each, as a detector would give it.
        batch: windows a forward pass.

    Returns:
        (N, K, 2) joints in picture pixels and (N, K) scores.
    """
    joints, scores = [], []
    pending: list[tuple[np.ndarray, np.ndarray]] = []

    def flush() -> None:
        crops = torch.from_numpy(np.stack([crop for crop, _ in pending]))
        with torch.inference_mode():
            windows = normalised(crops)[:, None].expand(-1, config.frames, -1, -1, -1)
            maps = net(windows).float().numpy()
        points, values = decode(maps, config.sigma)
        for n, (_, affine) in enumerate(pending):
            joints.append(transformed(inverted_affine(rescaled_affine(affine, config.input_size, config.grid)), points[n]))
            scores.append(values[n])
        pending.clear()

    for picture, box in zip(pictures, boxes, strict=True):
        affine = crop_affine(box, config.input_size)
        height, width = config.input_size
        pending.append((cv2.warpAffine(picture, affine, (width, height), flags=cv2.INTER_LINEAR), affine))
        if len(pending) == batch:
            flush()
    if pending:
        flush()
    return np.stack(joints), np.stack(scores)


def evaluate(net: Net, config: ModelConfig, labels: PictureLabels, pictures: Sequence[np.ndarray]) -> Score:
    """Score a network on labelled pictures, by human labels only, with boxes around the labelled joints."""
    boxes = [joints_box(labels.points[n], labels.human[n]) for n in range(len(labels))]
    predicted, _ = predict_stills(net, config, pictures, boxes)
    return score(predicted, labels.points, labels.human)


def read_pictures(labels: PictureLabels) -> list[np.ndarray]:
    """The pictures of labels, (H, W, 3) uint8 RGB."""
    return [cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB) for path in labels.images]


def _share(hits: np.ndarray) -> float:
    return float(np.mean(hits)) if hits.size else float("nan")

"""The loss of a heat map."""

from __future__ import annotations

from torch import Tensor


def heatmap_loss(predicted: Tensor, targets: Tensor, weights: Tensor, total: Tensor | None = None) -> Tensor:
    """Squared error summed over a map, averaged over the joints that count.

    Args:
        predicted: (..., K, h, w).
        targets: (..., K, h, w).
        weights: (..., K); 0 leaves a joint out.
        total: sum of all weights, where this is but a part of the batch.
    """
    per_joint = (predicted.float() - targets).square().sum((-2, -1))
    return (per_joint * weights).sum() / (weights.sum() if total is None else total).clamp(min=1.0)

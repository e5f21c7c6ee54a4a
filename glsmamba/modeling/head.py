"""Detection head: one 3x3 convolution from the key frame's tokens to heat maps (the authors' DiffPose has the same head)."""

from __future__ import annotations

from torch import Tensor, nn

from glsmamba.config import ModelConfig


class Head(nn.Conv2d):
    """3x3 convolution D -> K, no final activation."""

    def __init__(self, config: ModelConfig):
        super().__init__(config.width, config.joints, kernel_size=3, padding=1)
        # Targets are nearly all zero: starting near zero keeps the first steps from being about the bias.
        nn.init.normal_(self.weight, std=0.001)
        nn.init.zeros_(self.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(b, h, w, d) tokens of the key frame -> (b, k, h, w) heat maps."""
        return super().forward(x.permute(0, 3, 1, 2))

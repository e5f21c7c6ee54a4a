"""Depthwise convolution of token-major features, inside each frame or across frames.

Letters: b batch, t frames, h and w grid, i channels.
"""

from __future__ import annotations

from torch import Tensor, nn

from glsmamba.config import ModelConfig


class DepthwiseConv(nn.Module):
    """3x3 inside a frame (``2d``, the default) or 3x3x3 across frames (``3d``), one filter a channel."""

    def __init__(self, channels: int, kind: str = "2d", bias: bool = True):
        super().__init__()
        self.kind = kind
        conv = nn.Conv2d if kind == "2d" else nn.Conv3d
        self.conv = conv(channels, channels, kernel_size=3, padding=1, groups=channels, bias=bias)

    @classmethod
    def of(cls, config: ModelConfig) -> DepthwiseConv:
        """The depthwise convolution of a block of this configuration."""
        return cls(config.inner, config.dwconv)

    def forward(self, x: Tensor) -> Tensor:
        """(b, t, h, w, i) -> the same shape. The permutations are views: the convolution runs channels-last."""
        if self.kind == "3d":
            return self.conv(x.permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 4, 1)
        b, t, h, w, i = x.shape
        y = self.conv(x.reshape(b * t, h, w, i).permute(0, 3, 1, 2))
        return y.permute(0, 2, 3, 1).reshape(b, t, h, w, i)

"""STS6D: selective scans along six space-time paths, and the streams they leave.

Letters: b batch, t frames, h and w grid, l = t*h*w tokens, k paths, i channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from glsmamba.config import ModelConfig
from glsmamba.modeling.s6 import S6Paths
from glsmamba.scan.orders import path_names, path_orders


class SixPathScan(nn.Module):
    """S6 along unified, spatial and temporal paths, each in two directions (fewer when ``config.paths`` has fewer)."""

    order: Tensor

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.paths = config.paths
        self.names = path_names(config.paths)
        with torch.device("cpu"):  # orders are cached: they must not be made on the meta device
            order = path_orders(config.paths, config.frames, *config.grid, config.unified_pair).clone()
        self.register_buffer("order", order, persistent=False)
        self.s6 = S6Paths(config, len(self.names))

    def to_tokens(self, x: Tensor) -> Tensor:
        """(b, t, h, w, i) -> (b, l, i) sequences as the scan takes them."""
        return x.flatten(1, 3)

    def from_tokens(self, y: Tensor, shape: torch.Size) -> Tensor:
        """(b, l, i) -> (b, t, h, w, i) of the given ``shape``."""
        return y.reshape(shape)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(b, t, h, w, i) -> {path: (b, t, h, w, i)}: y_u = y_1 + y_4, y_s = y_2 + y_5, y_t = y_3 + y_6."""
        streams = self.s6(self.to_tokens(x), self.order)
        return {path: self.from_tokens(stream, x.shape) for path, stream in zip(self.paths, streams, strict=True)}

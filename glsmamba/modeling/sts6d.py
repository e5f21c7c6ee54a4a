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

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(b, t, h, w, i) -> {path: (b, t, h, w, i)}: y_u = y_1 + y_4, y_s = y_2 + y_5, y_t = y_3 + y_6."""
        b, t, h, w, i = x.shape
        y = self.s6(x.reshape(b, t * h * w, i), self.order)
        p = len(self.paths)
        return {path: (y[:, k] + y[:, k + p]).view(b, t, h, w, i) for k, path in enumerate(self.paths)}

"""From encoder features to tokens: linear projection and the spatial and temporal embeddings.

Letters: b batch, t frames, c encoder channels, h and w grid, d width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from glsmamba.config import ModelConfig


class Embedding(nn.Module):
    """X = F W + E_spa + E_tem.

    E_spa is a fixed 2-D sine-cosine embedding, half of the width for y and half for x; E_tem is learnt, one row a frame. Both
    are the paper's; the split of E_spa and the initialisation N(0, 0.02) are ours.
    """

    spatial: Tensor

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.proj = nn.Linear(config.encoder_channels, config.width)
        self.temporal = nn.Parameter(torch.randn(config.frames, config.width) * 0.02)
        self.register_buffer("spatial", sine_cosine(*config.grid, config.width), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """(b, t, c, h, w) encoder features -> (b, t, h, w, d) tokens."""
        x = self.proj(features.permute(0, 1, 3, 4, 2))
        return x + (self.spatial + self.temporal[:, None, None, :])


def sine_cosine(height: int, width: int, d: int, base: float = 10_000.0) -> Tensor:
    """(h, w, d) float32 2-D sine-cosine embedding: sin y, cos y, sin x, cos x, each of d / 4 frequencies."""
    quarter = d // 4
    frequency = base ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
    y = torch.arange(height, dtype=torch.float64)[:, None, None] * frequency
    x = torch.arange(width, dtype=torch.float64)[None, :, None] * frequency
    y, x = y.expand(height, width, quarter), x.expand(height, width, quarter)
    return torch.cat([y.sin(), y.cos(), x.sin(), x.cos()], dim=-1).float()

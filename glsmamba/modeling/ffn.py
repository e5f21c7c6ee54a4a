"""Feed-forward networks of a block: plain or gated.

Letters: d width, f hidden width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from glsmamba.config import ModelConfig


class FeedForward(nn.Module):
    """fc2(GELU(fc1 x)); gated (``gmlp``): fc2(p * GELU(q)) with p, q = fc1 x.

    fc2 starts at zero, so that a new block is the identity.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        hidden = round(config.width * config.ffn_ratio)
        self.gated = config.ffn == "gmlp"
        self.fc1 = nn.Linear(config.width, hidden * (2 if self.gated else 1))
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, config.width)
        nn.init.zeros_(self.fc2.weight)
        nn.init.zeros_(self.fc2.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., d) -> (..., d)."""
        if not self.gated:
            return self.fc2(self.act(self.fc1(x)))
        p, q = torch.chunk(self.fc1(x), 2, dim=-1)
        return self.fc2(p * self.act(q))

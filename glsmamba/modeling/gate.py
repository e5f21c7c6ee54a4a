"""The gate stream shared by both kinds of block: depthwise convolution, LayerNorm, SiLU.

Letters: b batch, t frames, h and w grid, d width, i inner width.
"""

from __future__ import annotations

from torch import Tensor, nn

from glsmamba.config import ModelConfig
from glsmamba.modeling.dwconv import DepthwiseConv
from glsmamba.modeling.rows import by_rows


class Gate(nn.Module):
    """A = SiLU(LN(DWConv(Linear(z)))); the order convolution, norm, SiLU is the paper's, the linear layer in front is ours."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.linear = nn.Linear(config.width, config.inner, bias=False)
        self.dwconv = DepthwiseConv.of(config)
        self.norm = nn.LayerNorm(config.inner)
        self.act = nn.SiLU()

    def forward(self, z: Tensor, keep: slice = slice(None)) -> Tensor:
        """(b, t, h, w, d) -> (b, t', h, w, i) of the frames in ``keep``."""
        if self.dwconv.kind == "2d":  # frames do not see each other here, so the others need not be computed
            z, keep = z[:, keep], slice(None)
        return by_rows(lambda y: self.act(self.norm(y)), self.dwconv(self.linear(z))[:, keep])

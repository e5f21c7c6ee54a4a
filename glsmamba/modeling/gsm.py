"""Global spatiotemporal Mamba (GSM) block.

Letters: b batch, t frames, h and w grid, d width, i inner width.

    z = LN(X)
    x = SCA(SiLU(DWConv(Linear z)));  y_u, y_s, y_t = STS6D(x);  F = LN(STMM(y_u, y_s, y_t))
    A = SiLU(LN(DWConv(Linear z)))
    X = X + Linear(F * A)
    X = X + FFN(LN(X))
"""

from __future__ import annotations

from torch import Tensor, nn

from glsmamba.config import ModelConfig
from glsmamba.modeling.attention import SequentialChannelAttention
from glsmamba.modeling.dwconv import DepthwiseConv
from glsmamba.modeling.ffn import FeedForward
from glsmamba.modeling.gate import Gate
from glsmamba.modeling.rows import by_rows
from glsmamba.modeling.stmm import ScanMerge
from glsmamba.modeling.sts6d import SixPathScan


class GSMBlock(nn.Module):
    """Main stream SCA, STS6D, STMM; gate stream; FFN. A new block is the identity (its two output layers start at zero)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.linear_in = nn.Linear(config.width, config.inner, bias=False)
        self.dwconv = DepthwiseConv.of(config)
        self.act = nn.SiLU()
        self.sca = SequentialChannelAttention(config)
        self.sts6d = SixPathScan(config)
        self.stmm = ScanMerge(config)
        self.norm_out = nn.LayerNorm(config.inner)
        self.gate = Gate(config)
        self.linear_out = nn.Linear(config.inner, config.width, bias=False)
        self.norm_ffn = nn.LayerNorm(config.width)
        self.ffn = FeedForward(config)
        nn.init.zeros_(self.linear_out.weight)

    def forward(self, x: Tensor, keep: slice = slice(None)) -> Tensor:
        """(b, t, h, w, d) -> (b, t', h, w, d) of the frames in ``keep``; the scan always sees all frames."""
        z = self.norm(x)
        main = self.sca(self.act(self.dwconv(self.linear_in(z))))
        merged = self.stmm(self.sts6d(main))[:, keep]
        return by_rows(self._finish, x[:, keep], merged, self.gate(z, keep))

    def _finish(self, x: Tensor, merged: Tensor, gate: Tensor) -> Tensor:
        """(..., d), (..., i), (..., i) -> (..., d): what follows the scans, token by token."""
        x = x + self.linear_out(self.norm_out(merged) * gate)
        return x + self.ffn(self.norm_ffn(x))

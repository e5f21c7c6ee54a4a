"""Local refinement Mamba (LRM) block with the windowed space-time scan (WSTS).

Letters: b batch, t frames, h and w grid, l tokens, i channels.

    z = LN(X)
    x = SiLU(DWConv(Linear z));  F = LN(y_1 + y_2),  y = WSTS(x)
    A = SiLU(LN(DWConv(Linear z)))
    X = X + Linear(F * A)
    X = X + FFN(LN(X))
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glsmamba.config import ModelConfig
from glsmamba.modeling.dwconv import DepthwiseConv
from glsmamba.modeling.ffn import FeedForward
from glsmamba.modeling.gate import Gate
from glsmamba.modeling.rows import by_rows
from glsmamba.modeling.s6 import S6Paths
from glsmamba.scan.orders import window_orders


class WindowedScan(nn.Module):
    """WSTS: tubes of (window height, window width, T) laid end to end, scanned frame by frame inside each, both ways.

    The state runs on from tube to tube, so that the receptive field is the whole sequence; ``window_state_reset`` makes every
    tube a sequence of its own. A grid that the window does not divide is padded with zeros and cut back.
    """

    order: Tensor
    names = ("windowed", "windowed_reverse")

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.window = a, b = config.window
        self.reset = config.window_state_reset
        h, w = config.grid
        self.padded = -(-h // a) * a, -(-w // b) * b
        # A tube that is a sequence of its own is a grid of a single window.
        grid = config.window if self.reset else self.padded
        with torch.device("cpu"):  # orders are cached: they must not be made on the meta device
            order = window_orders(config.frames, *grid, config.window).clone()
        self.register_buffer("order", order, persistent=False)
        self.s6 = S6Paths(config, 2)

    def to_tokens(self, x: Tensor) -> Tensor:
        """(b, t, h, w, i) -> (b', l, i) sequences as the scan takes them: one a sample, or one a tube when the state resets."""
        height, width = x.shape[2:4]
        if (height, width) != self.padded:
            x = F.pad(x, (0, 0, 0, self.padded[1] - width, 0, self.padded[0] - height))
        if not self.reset:
            return x.flatten(1, 3)
        rows, columns = self.window
        b, t, h, w, i = x.shape
        x = x.view(b, t, h // rows, rows, w // columns, columns, i).permute(0, 2, 4, 1, 3, 5, 6)
        return x.reshape(-1, t * rows * columns, i)

    def from_tokens(self, y: Tensor, shape: torch.Size) -> Tensor:
        """(b', l, i) -> (b, t, h, w, i) of the given ``shape``; undoes :meth:`to_tokens`."""
        (b, t, height, width, i), (h, w) = shape, self.padded
        if self.reset:
            rows, columns = self.window
            y = y.view(b, h // rows, w // columns, t, rows, columns, i).permute(0, 3, 1, 4, 2, 5, 6)
        return y.reshape(b, t, h, w, i)[:, :, :height, :width]

    def forward(self, x: Tensor) -> Tensor:
        """(b, t, h, w, i) -> (b, t, h, w, i), the sum of both directions."""
        (y,) = self.s6(self.to_tokens(x), self.order)
        return self.from_tokens(y, x.shape)


class LRMBlock(nn.Module):
    """A GSM block without SCA whose scan is WSTS. A new block is the identity."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.linear_in = nn.Linear(config.width, config.inner, bias=False)
        self.dwconv = DepthwiseConv.of(config)
        self.act = nn.SiLU()
        self.wsts = WindowedScan(config)
        self.norm_out = nn.LayerNorm(config.inner)
        self.gate = Gate(config)
        self.linear_out = nn.Linear(config.inner, config.width, bias=False)
        self.norm_ffn = nn.LayerNorm(config.width)
        self.ffn = FeedForward(config)
        nn.init.zeros_(self.linear_out.weight)

    def forward(self, x: Tensor, keep: slice = slice(None)) -> Tensor:
        """(b, t, h, w, d) -> (b, t', h, w, d) of the frames in ``keep``; the scan always sees all frames."""
        z = self.norm(x)
        main = self.act(self.dwconv(self.linear_in(z)))
        return by_rows(self._finish, x[:, keep], self.wsts(main)[:, keep], self.gate(z, keep))

    def _finish(self, x: Tensor, merged: Tensor, gate: Tensor) -> Tensor:
        """(..., d), (..., i), (..., i) -> (..., d): what follows the scan, token by token."""
        x = x + self.linear_out(self.norm_out(merged) * gate)
        return x + self.ffn(self.norm_ffn(x))

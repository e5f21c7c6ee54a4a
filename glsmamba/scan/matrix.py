"""The hidden matrices of a scan: rows, sums and norms without any of them ever being formed.

With its step sizes, B and C fixed, a scan is linear in its input: along path k and per channel i a matrix that is lower
triangular in the path's order, y = M u + D u, with

    M[q, j] = dt_j sum_n C_q[n] B_j[n] exp(A[n] (S_q - S_j)),   S = running sum of dt,   j <= q.

* Row of one token: the adjoint of the scan for a single output. Only differences S_q - S_j are ever exponentiated, which are
  not negative, so nothing overflows however strong the decay.
* Row sums: the scan of ones. Column sums: its gradient for a gradient of ones.
* L2 norms: the matrix of squares, M[q, j]^2, is again a scan's, with a state for every pair of states:
  (sum_n C_q B_j e^(A_n ..))^2 = sum_nm (C_n C_m)_q (B_n B_m)_j e^((A_n + A_m) ..). So they are sums of that scan.

Letters: l tokens, k paths, i channels, n states.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from glsmamba.maps import Mode
from glsmamba.scan.orders import inverse_order
from glsmamba.scan.selective import backend_report, selective_scan

_CHUNK = 512  # tokens whose entries are made at once


@dataclass(frozen=True, eq=False)
class ScanMatrices:
    """What fixes the matrices of K paths over one sequence; float32 or float64, by raster token.

    Attributes:
        u: (l, i) the scan's input, for weighing by it.
        dt: (k, l, i) step sizes.
        A: (k, i, n); B, C: (k, l, n).
        order: (k, l) int64, position in the path -> raster token.
    """

    u: Tensor
    dt: Tensor
    A: Tensor
    B: Tensor
    C: Tensor
    order: Tensor

    @cached_property
    def places(self) -> Tensor:
        """(k, l) position of each raster token in each path."""
        return inverse_order(self.order)

    @property
    def lengths(self) -> Tensor:
        """(l,) ||u_j||, the length of each token's vector."""
        return self.u.norm(dim=-1)

    def _factors(self, mode: Mode) -> tuple[Tensor, Tensor, Tensor, bool]:
        """A, B, C and whether to multiply by the step size, with what the mode leaves out put to 0 or 1."""
        decay, states, step = "w" in mode, mode != "ww", "dt" in mode
        A = self.A if decay else torch.zeros_like(self.A)
        return A, *((self.B, self.C) if states else (torch.ones_like(self.B), torch.ones_like(self.C))), step

    def rows(self, token: int, mode: Mode = "CwBdtw") -> Tensor:
        """(k, l, i) row of a raster token in every path and channel; columns are raster tokens. Any device and precision."""
        A, B, C, step = self._factors(mode)
        out = torch.zeros_like(self.dt)
        for k in range(len(self.dt)):
            q = int(self.places[k, token])
            reached = self.order[k, : q + 1]
            dt = self.dt[k, reached]
            elapsed = dt.double().cumsum(0)
            since = (elapsed[-1] - elapsed).to(dt.dtype)  # (tokens, i), not negative
            both = B[k, reached] * C[k, token]
            for start in range(0, q + 1, _CHUNK):
                piece = slice(start, min(start + _CHUNK, q + 1))
                entries = torch.einsum("pin,pn->pi", torch.exp(since[piece, :, None] * A[k]), both[piece])
                out[k, reached[piece]] = entries * dt[piece] if step else entries
        return out

    def row_sums_over_channels(self, token: int, mode: Mode = "CwBdtw") -> Tensor:
        """(k, l, 3) of a row: sum over the channels, sum of magnitudes, sum of squares. Compiled on CPUs."""
        if self.dt.device.type == "cpu" and self.dt.dtype == torch.float32 and backend_report("cpu").name == "numba":
            from glsmamba.scan.numba_rows import rows_cpu

            A, B, C, step = self._factors(mode)
            dt, a, b, c, order, places = (t.detach().numpy() for t in (self.dt, A, B, C, self.order, self.places[:, token]))
            return torch.from_numpy(rows_cpu(dt, a, b, c, order, places, step))
        rows = self.rows(token, mode)
        return torch.stack([rows.sum(-1), rows.abs().sum(-1), rows.square().sum(-1)], -1)

    def row_sums(self, k: int, weights: Tensor | None = None) -> Tensor:
        """(l, i): sum_j M[q, j] w_j of path k for every token q; weights (l,), ones by default."""
        dt = self.dt[k]
        u = torch.ones_like(dt) if weights is None else weights[:, None].expand_as(dt)
        return _gathered(u, dt, self.A[k], self.B[k], self.C[k], self.order[k])

    def column_sums(self, k: int) -> Tensor:
        """(l, i): sum_q M[q, j] of path k for every token j."""
        return _used(self.dt[k], self.A[k], self.B[k], self.C[k], self.order[k])

    def row_norms(self, k: int, weights: Tensor | None = None) -> Tensor:
        """(l, i): sqrt(sum_j (M[q, j] w_j)^2) of path k for every token q."""
        u = self.dt[k] if weights is None else self.dt[k] * weights.square()[:, None]
        return _gathered(u, self.dt[k], *self._pairs(k), self.order[k]).clamp(min=0).sqrt()

    def column_norms(self, k: int) -> Tensor:
        """(l, i): sqrt(sum_q M[q, j]^2) of path k for every token j."""
        return (_used(self.dt[k], *self._pairs(k), self.order[k]) * self.dt[k]).clamp(min=0).sqrt()

    def _pairs(self, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """A (i, p), B and C (l, p) of the scan whose matrix times dt_j is M squared; p pairs n <= m of states."""
        n, m = torch.triu_indices(self.A.shape[2], self.A.shape[2], device=self.A.device)
        twice = 2.0 - (n == m).to(self.C.dtype)
        return self.A[k][:, n] + self.A[k][:, m], self.B[k][:, n] * self.B[k][:, m], self.C[k][:, n] * self.C[k][:, m] * twice


def _gathered(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, order: Tensor) -> Tensor:
    """(l, i) scan of one path over u (l, i)."""
    with torch.no_grad():
        y = selective_scan(u[None], dt[None, None], A[None], B[None, None], C[None, None], None, None, order[None], False)
    return y[0, 0]


def _used(dt: Tensor, A: Tensor, B: Tensor, C: Tensor, order: Tensor) -> Tensor:
    """(l, i) column sums of one path: the gradient of the sum of all outputs with respect to the input."""
    dt, A, B, C = (t.detach() for t in (dt, A, B, C))
    with torch.enable_grad():
        u = torch.ones_like(dt[None]).requires_grad_()
        y = selective_scan(u, dt[None, None], A[None], B[None, None], C[None, None], None, None, order[None], False)
        (gradient,) = torch.autograd.grad(y.sum(), u)
    return gradient[0]

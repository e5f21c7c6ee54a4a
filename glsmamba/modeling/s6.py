"""The S6 (selective scan) of K paths over the same tokens.

Letters: b batch, l tokens, k paths, i channels, n states, r rank of the step size.

    delta = softplus(W_dt (W_x u)_r + bias),  B, C = (W_x u)_n          per path
    h_p = exp(delta_p A) h_{p-1} + delta_p B_p u_p
    y_p = <C_p, h_p> + D u_p                                            along each path
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glsmamba.config import MAMBA_STEPS, ModelConfig
from glsmamba.modeling.kernels import scan_streams


@dataclass(frozen=True, eq=False)
class ScanInputs:
    """Arguments of :func:`glsmamba.scan.selective.selective_scan`, all float32 and in raster order of the tokens."""

    u: Tensor  # (b, l, i)
    delta: Tensor  # (b, k, l, i), before bias and softplus
    A: Tensor  # (k, i, n)
    B: Tensor  # (b, k, l, n)
    C: Tensor  # (b, k, l, n)
    D: Tensor  # (k, i)
    delta_bias: Tensor  # (k, i)


class S6Paths(nn.Module):
    """K selective scans, each along its own order of the tokens; parameters per path, or shared by its two directions.

    Weights are raw parameters over all paths (as in VMamba), so that one GEMM projects for all of them. Initialisation is
    Mamba's: A = -(1..N), D = 1, step sizes log-uniform in [1e-3, 1e-1]; :meth:`begin` draws them from another range.
    """

    def __init__(self, config: ModelConfig, paths: int):
        super().__init__()
        i, n, r = config.inner, config.d_state, config.rank
        self.copies = 2 if config.share_directions == "per-type" else 1
        g = paths // self.copies  # groups of parameters
        self.rank, self.states = r, n
        self.x_proj = nn.Parameter(torch.empty(g, r + 2 * n, i))
        self.dt_proj = nn.Parameter(torch.empty(g, i, r))
        self.dt_bias = nn.Parameter(torch.empty(g, i))
        self.A_log = nn.Parameter(torch.arange(1, n + 1, dtype=torch.float32).log().repeat(g, i, 1))
        self.D = nn.Parameter(torch.ones(g, i))
        self.begin()
        for parameter in (self.A_log, self.D, self.dt_bias):
            parameter._no_weight_decay = True  # type: ignore[attr-defined]

    @torch.no_grad()
    def begin(self, steps: tuple[float, float] = MAMBA_STEPS, gain: float = 1.0) -> None:
        """Draw new projections and step sizes; the defaults are Mamba's.

        Args:
            steps: range of the step sizes, log-uniform. Small ones hold a token over thousands of others and hardly hear any
                single one; with large ones the nearest tokens, of which the temporal path's are the other frames, come through.
            gain: factor on the projection to the low step size, B and C. What a scan brings from other tokens grows with its
                square, what it brings from the token itself (D) does not.
        """
        i, r = self.dt_proj.shape[1:]
        low, high = math.log(steps[0]), math.log(steps[1])
        self.x_proj.uniform_(-gain * i**-0.5, gain * i**-0.5)
        self.dt_proj.uniform_(-(r**-0.5), r**-0.5)
        step = torch.exp(torch.rand_like(self.dt_bias) * (high - low) + low).clamp(min=1e-4)
        self.dt_bias.copy_(step + torch.log(-torch.expm1(-step)))  # inverse of softplus

    def _all(self, parameter: Tensor) -> Tensor:
        """Parameters of the groups, repeated for the second directions when they are shared."""
        return parameter if self.copies == 1 else parameter.repeat(self.copies, *[1] * (parameter.dim() - 1))

    def project(self, u: Tensor) -> ScanInputs:
        """(b, l, i) tokens in raster order -> what the scan needs, all float32."""
        low, weight, B, C = self._project(u)
        delta = torch.matmul(low, weight.transpose(1, 2))
        return ScanInputs(u.float(), delta.float(), self._rates(), B.float(), C.float(), *self._vectors())

    def _project(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """low (b, k, l, r), weight (k, i, r), B and C (b, k, l, n): views, as autocast leaves them; delta = low weight^T."""
        b, length, i = u.shape
        w_x = self._all(self.x_proj)
        k, c, _ = w_x.shape
        projected = F.linear(u, w_x.reshape(k * c, i)).view(b, length, k, c).transpose(1, 2)
        low, B, C = projected.split([self.rank, self.states, self.states], dim=-1)
        return low, self._all(self.dt_proj), B, C

    def _rates(self) -> Tensor:
        return -torch.exp(self._all(self.A_log).float())

    def _vectors(self) -> tuple[Tensor, Tensor]:
        return self._all(self.D).float(), self._all(self.dt_bias).float()

    def forward(self, u: Tensor, order: Tensor) -> list[Tensor]:
        """Scan along K paths, path k and path k + K/2 being the two directions of one traversal.

        Args:
            u: (b, l, i) tokens in raster order, shared by all paths.
            order: (k, l) int64; position in the path -> raster index.

        Returns:
            (b, l, i) float32 in raster order of each traversal, the sum of its two directions.
        """
        low, weight, B, C = self._project(u)
        return scan_streams(u, low, weight, self._rates(), B, C, *self._vectors(), order, len(order) // 2)

"""Activation maps of the scans: for one query token, how much of every other token each path brings to it.

A scan is linear in its input once its step sizes, B and C are fixed: along path k and per channel i it is a lower triangular
matrix in sequence order, y = M u + D u, with

    M[q, j] = delta_j sum_n C_q[n] B_j[n] exp(A[n] (S_q - S_j)),   S = cumulative sum of delta,   j <= q.

The map of a query token q is row q of M, averaged over channels and laid back onto the frames: one row of VMamba's ``CwBdtw``
map, exactly. It comes from the kernel itself: with delta, B, C fixed and D left out, the gradient of sum_i y[q, i] with respect
to u is M[q, :] for every channel at once, since channels do not mix. One forward and one backward scan a path; nothing of size
L x L. (The paper's own procedure was not readable; this follows VMamba, ``docs/model.md``.)

Letters: t frames, h and w grid, l tokens, k paths, i channels, n states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from glsmamba.modeling.kernels import scan_paths
from glsmamba.modeling.lrm import WindowedScan
from glsmamba.modeling.s6 import ScanInputs
from glsmamba.modeling.sts6d import SixPathScan


@dataclass(frozen=True, eq=False)
class ActivationMaps:
    """Maps of one query token.

    Attributes:
        maps: name -> (t, h, w) float32, not normalised. A GSM block has ``unified``, ``unified_reverse``, ``spatial``,
            ``spatial_reverse``, ``temporal``, ``temporal_reverse``, the sums ``pair_unified``, ``pair_spatial``,
            ``pair_temporal`` and ``all``; an LRM block ``windowed``, ``windowed_reverse``, ``pair_windowed`` and ``all``.
        query: (t, h, w) of the query token.
        crop: (2, 3) float64 affine from frame pixels to cells.
        block: kind and index of the block.
    """

    maps: dict[str, np.ndarray]
    query: tuple[int, int, int]
    crop: np.ndarray
    block: tuple[Literal["gsm", "lrm"], int]


def path_row(inputs: ScanInputs, order: Tensor, k: int, sequence: int, token: int) -> Tensor:
    """Row of path k's matrix for one token.

    Args:
        inputs: what the scan was given; u is (b, l, i).
        order: (k, l) orders of the paths.
        k: the path.
        sequence: which sequence of the batch.
        token: raster index of the query in that sequence.

    Returns:
        (l, i) in raster order.
    """
    one = slice(sequence, sequence + 1)
    u = inputs.u[one].detach().clone().requires_grad_()
    fixed = [inputs.delta[one, k : k + 1], inputs.A[k : k + 1], inputs.B[one, k : k + 1], inputs.C[one, k : k + 1]]
    delta, A, B, C = (tensor.detach() for tensor in fixed)
    with torch.enable_grad():
        y = scan_paths(u, delta, A, B, C, None, inputs.delta_bias[k : k + 1].detach(), order[k : k + 1])
        (row,) = torch.autograd.grad(y[0, 0, token].sum(), u)
    return row[0]


def block_rows(
    scan: SixPathScan | WindowedScan,
    x: Tensor,
    query: tuple[int, int, int],
    *,
    absolute: bool = False,
    between: Callable[[], None] | None = None,
) -> dict[str, np.ndarray]:
    """Rows of every path of a block's scan.

    Args:
        scan: the block's ``sts6d`` or ``wsts``.
        x: (1, t, h, w, i), what the scan was given.
        query: (t, h, w) of the query token.
        absolute: average the magnitudes over the channels instead of the signed values.
        between: called before each path; may raise.

    Returns:
        name of the path -> (t, h, w) float32.
    """
    mark = x.new_zeros(1, *x.shape[1:4], 1)
    mark[0, query[0], query[1], query[2], 0] = 1
    places = scan.to_tokens(mark)[..., 0]  # where the query sits among the scan's sequences
    sequence, token = (int(index) for index in torch.nonzero(places)[0])
    with torch.no_grad():
        inputs = scan.s6.project(scan.to_tokens(x))
    rows: dict[str, np.ndarray] = {}
    for k, name in enumerate(scan.names):
        if between is not None:
            between()
        row = path_row(inputs, scan.order, k, sequence, token)
        mean = (row.abs() if absolute else row).mean(-1)
        sequences = mean.new_zeros(*places.shape, 1)
        sequences[sequence, :, 0] = mean
        rows[name] = scan.from_tokens(sequences, mark.shape)[0, ..., 0].float().cpu().numpy()
    return rows


def gathered(rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The rows of a block's paths, the sum of each path's two directions and the sum of all."""
    pairs = {f"pair_{name}": rows[name] + rows[f"{name}_reverse"] for name in rows if not name.endswith("_reverse")}
    return {**rows, **pairs, "all": np.sum(list(rows.values()), axis=0, dtype=np.float32)}

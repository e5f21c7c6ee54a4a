"""Activation maps against the dense matrices, built from the definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from model_cases import TINY, small_model

from glsmamba.activation import block_rows, gathered, path_row
from glsmamba.modeling.s6 import S6Paths, ScanInputs
from glsmamba.modeling.sts6d import SixPathScan


def dense(inputs: ScanInputs, order: torch.Tensor, k: int) -> torch.Tensor:
    """(l, l, i) float64 matrix of path k in raster order: M[q, j] by the formula, lower triangular in path order."""
    p = order[k]
    length = len(p)
    delta = F.softplus(inputs.delta[0, k].double() + inputs.delta_bias[k].double())[p]
    A, B, C = inputs.A[k].double(), inputs.B[0, k].double()[p], inputs.C[0, k].double()[p]
    S = delta.cumsum(0)
    in_order = torch.zeros(length, length, delta.shape[1], dtype=torch.float64)
    for q in range(length):
        for j in range(q + 1):
            in_order[q, j] = delta[j] * (torch.exp(A * (S[q] - S[j])[:, None]) @ (B[j] * C[q]))
    matrix = torch.empty_like(in_order)
    matrix[p[:, None], p[None, :]] = in_order
    return matrix


@pytest.fixture(scope="module")
def small_scan():
    torch.manual_seed(0)
    config = TINY.with_(input_size=(16, 16), frames=3, width=8, d_state=4)
    scan = SixPathScan(config)
    x = torch.randn(1, 3, 4, 4, config.inner)
    with torch.no_grad():
        inputs = scan.s6.project(scan.to_tokens(x))
    return scan, x, inputs


@pytest.mark.parametrize("token", [0, 21, 47])
def test_rows_equal_the_dense_matrix(small_scan, token):
    scan, _, inputs = small_scan
    for k in range(6):
        row = path_row(inputs, scan.order, k, 0, token)
        assert torch.allclose(row.double(), dense(inputs, scan.order, k)[token], atol=1e-5)


def test_the_matrix_is_what_the_scan_does(small_scan):
    scan, x, inputs = small_scan
    y = scan.s6(scan.to_tokens(x), scan.order)
    u = inputs.u[0].double()
    for k in range(6):
        expected = torch.einsum("qji,ji->qi", dense(inputs, scan.order, k), u) + inputs.D[k].double() * u
        assert torch.allclose(y[0, k].double(), expected, atol=1e-4)


def test_maps_are_the_rows_averaged_over_channels(small_scan):
    scan, x, inputs = small_scan
    query = (1, 2, 3)
    token = 1 * 16 + 2 * 4 + 3
    maps = gathered(block_rows(scan, x, query))
    magnitudes = block_rows(scan, x, query, absolute=True)
    total = torch.zeros(3, 4, 4, dtype=torch.float64)
    for k, name in enumerate(scan.names):
        row = dense(inputs, scan.order, k)[token].detach().view(3, 4, 4, -1)
        total += row.mean(-1)
        assert np.abs(maps[name] - row.mean(-1).numpy()).max() < 1e-5
        assert np.abs(magnitudes[name] - row.abs().mean(-1).numpy()).max() < 1e-5
    assert np.abs(maps["all"] - total.numpy()).max() < 1e-5
    assert np.allclose(maps["pair_spatial"], maps["spatial"] + maps["spatial_reverse"])
    assert set(maps) == {
        *("unified", "unified_reverse", "spatial", "spatial_reverse", "temporal", "temporal_reverse"),
        *("pair_unified", "pair_spatial", "pair_temporal", "all"),
    }


def test_a_path_and_its_reverse_divide_the_tokens_between_them(small_scan):
    scan, x, _ = small_scan
    rows = block_rows(scan, x, (1, 2, 3), absolute=True)
    before = np.arange(48).reshape(3, 4, 4) <= 27
    assert (rows["spatial"][~before] == 0).all()
    assert (rows["spatial"][before] > 0).all()
    assert (rows["spatial_reverse"] > 0).sum() == 48 - 27


@pytest.mark.parametrize("changes", [{}, {"window_state_reset": True}, {"window": (5, 7), "window_state_reset": True}])
def test_windowed_scans_have_maps_too(changes):
    model = small_model(TINY.with_(**changes))
    scan = model.lrm[0].wsts
    x = torch.randn(1, 5, 16, 12, 64)
    rows = block_rows(scan, x, (2, 9, 8), absolute=True)
    assert set(rows) == {"windowed", "windowed_reverse"}
    assert all(row.shape == (5, 16, 12) for row in rows.values())
    rows_, columns = scan.window
    window = np.zeros((16, 12), bool)
    window[9 // rows_ * rows_ : 9 // rows_ * rows_ + rows_, 8 // columns * columns : 8 // columns * columns + columns] = True
    seen = sum(rows.values())
    assert (seen[:, window] > 0).all()
    assert (seen[:, ~window] == 0).all() == scan.reset


def test_shared_directions_have_rows():
    torch.manual_seed(0)
    config = TINY.with_(input_size=(16, 16), frames=3, width=8, d_state=4, share_directions="per-type")
    s6 = S6Paths(config, 6)
    assert s6.x_proj.shape[0] == 3
    scan = SixPathScan(config)
    x = torch.randn(1, 3, 4, 4, 8)
    inputs = scan.s6.project(scan.to_tokens(x))
    assert torch.equal(inputs.A[0], inputs.A[3])
    row = path_row(inputs, scan.order, 4, 0, 30)
    assert torch.allclose(row.double(), dense(inputs, scan.order, 4)[30].detach(), atol=1e-5)

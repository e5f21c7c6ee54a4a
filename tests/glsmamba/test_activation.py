"""Activation maps against the dense matrices, built from the definition in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from model_cases import TINY, small_model

from glsmamba.activation import BlockScan
from glsmamba.maps import MapKind, gathered
from glsmamba.modeling.s6 import ScanInputs
from glsmamba.modeling.sts6d import SixPathScan
from glsmamba.scan.matrix import ScanMatrices

MODES = ("CwBdtw", "CwBw", "CBdt", "CB", "ww")


def dense(inputs: ScanInputs, order: torch.Tensor, k: int, mode: str = "CwBdtw", sequence: int = 0) -> torch.Tensor:
    """(l, l, i) float64 matrix of path k in raster order: M[q, j] by the formula, lower triangular in path order."""
    p = order[k]
    length = len(p)
    delta = F.softplus(inputs.delta[sequence, k].double() + inputs.delta_bias[k].double())[p]
    A, B, C = inputs.A[k].double(), inputs.B[sequence, k].double()[p], inputs.C[sequence, k].double()[p]
    S = delta.cumsum(0)
    since = (S[:, None] - S[None]).clamp(min=0)[..., None]
    decay = torch.exp(A * since) if "w" in mode else torch.ones_like(A * since)
    both = torch.ones(length, length, A.shape[1]).double() if mode == "ww" else C[:, None] * B[None]
    in_order = torch.einsum("qjin,qjn->qji", decay, both) * (delta if "dt" in mode else 1.0)
    in_order *= torch.ones(length, length).tril()[..., None]
    matrix = torch.empty_like(in_order)
    matrix[p[:, None], p[None, :]] = in_order
    return matrix


def projected(scan, x) -> ScanInputs:
    with torch.no_grad():
        return scan.s6.project(scan.to_tokens(x))


def doubled(m: ScanMatrices) -> ScanMatrices:
    return ScanMatrices(m.u.double(), m.dt.double(), m.A.double(), m.B.double(), m.C.double(), m.order)


@pytest.fixture(scope="module")
def small():
    """A scan of six paths over 48 tokens whose decays reach from weak to strong; its block and its inputs."""
    torch.manual_seed(0)
    config = TINY.with_(input_size=(16, 16), frames=3, width=8, d_state=4)
    scan = SixPathScan(config)
    with torch.no_grad():
        scan.s6.dt_bias += 2 * torch.randn_like(scan.s6.dt_bias)
    x = 2 * torch.randn(1, 3, 4, 4, config.inner)
    return scan, x, projected(scan, x), BlockScan(scan, x)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("token", [0, 21, 47])
def test_rows_equal_the_dense_matrix(small, token, mode):
    scan, _, inputs, block = small
    exact = torch.stack([dense(inputs, scan.order, k, mode)[token] for k in range(6)]).detach()
    scale = exact.abs().max()
    matrices = block.matrices()
    assert (matrices.rows(token, mode).double() - exact).abs().max() < 1e-6 * scale
    precise = doubled(matrices)
    precise = ScanMatrices(precise.u, F.softplus(inputs.delta[0].double() + inputs.delta_bias[:, None].double()), *(
        getattr(precise, name) for name in ("A", "B", "C", "order")
    ))  # fmt: skip
    assert (precise.rows(token, mode) - exact).abs().max() < 1e-12 * scale
    sums = torch.stack([exact.sum(-1), exact.abs().sum(-1), exact.square().sum(-1)], -1)
    compiled = matrices.row_sums_over_channels(token, mode).double()
    assert ((compiled - sums).abs().amax((0, 1)) < 1e-6 * sums.abs().amax((0, 1))).all()


def test_the_matrix_is_what_the_scan_does(small):
    scan, x, inputs, _ = small
    u = inputs.u[0].double()
    by_path = [torch.einsum("qji,ji->qi", dense(inputs, scan.order, k), u) + inputs.D[k].double() * u for k in range(6)]
    for k, stream in enumerate(scan.s6(scan.to_tokens(x), scan.order)):
        assert torch.allclose(stream[0].double(), by_path[k] + by_path[k + 3], atol=1e-4)


def test_sums_and_norms_of_all_rows_and_columns(small):
    scan, _, inputs, block = small
    for matrices, tolerance in ((block.matrices(), 1e-5), (doubled(block.matrices()), 1e-6)):
        weights = matrices.lengths
        for k in range(6):
            exact = dense(inputs, scan.order, k).detach()
            w = weights.double()[None, :, None]
            for got, wanted in (
                (matrices.row_sums(k), exact.sum(1)),
                (matrices.row_sums(k, weights), (exact * w).sum(1)),
                (matrices.column_sums(k), exact.sum(0)),
                (matrices.row_norms(k), exact.norm(dim=1)),
                (matrices.row_norms(k, weights), (exact * w).norm(dim=1)),
                (matrices.column_norms(k), exact.norm(dim=0)),
            ):
                assert (got.double() - wanted).abs().max() < tolerance * wanted.abs().max()


def test_reductions_over_the_channels(small):
    scan, _, inputs, block = small
    query, token = (1, 2, 3), 1 * 16 + 2 * 4 + 3
    lengths = inputs.u[0].double().norm(dim=-1)
    reduced = {
        "signed": lambda row: row.mean(-1),
        "absolute": lambda row: row.abs().mean(-1),
        "l2": lambda row: row.norm(dim=-1),
        "weighted": lambda row: row.abs().mean(-1) * lengths,
    }
    for reduction, reduce in reduced.items():
        maps = gathered(block.row(query, reduction=reduction))
        rows = {name: dense(inputs, scan.order, k)[token].detach() for k, name in enumerate(scan.names)}
        wanted = {name: reduce(row).view(3, 4, 4).numpy() for name, row in rows.items()}
        scale = max(np.abs(value).max() for value in wanted.values())
        for name, value in wanted.items():
            assert np.abs(maps[name] - value).max() < 1e-6 * scale
        assert np.abs(maps["all"] - sum(wanted.values())).max() < 6e-6 * scale
        assert np.allclose(maps["pair_spatial"], maps["spatial"] + maps["spatial_reverse"])
        shares = [value / np.abs(value).max() for value in wanted.values()]
        assert np.abs(maps["nall"] - np.mean(shares, axis=0)).max() < 1e-5
    assert set(maps) == {
        *("unified", "unified_reverse", "spatial", "spatial_reverse", "temporal", "temporal_reverse"),
        *("pair_unified", "pair_spatial", "pair_temporal", "all", "nall"),
    }
    columns = {name: dense(inputs, scan.order, k).sum(0).detach() for k, name in enumerate(scan.names)}
    for reduction, reduce in reduced.items():
        totals = block.totals("column_sum", reduction)
        for name, column in columns.items():
            wanted_map = reduce(column).view(3, 4, 4).numpy()
            assert np.abs(totals[name] - wanted_map).max() < 1e-4 * np.abs(wanted_map).max()


def test_strong_decay_over_a_long_path_stays_finite_and_exact():
    """VMamba's w and 1/w would have exponents of -80,000 here."""
    torch.manual_seed(1)
    length, order = 20_000, torch.arange(20_000)
    m = ScanMatrices(
        torch.randn(length, 3), torch.rand(1, length, 3) * 0.5, -torch.tensor([[[16.0, 0.001]] * 3]), torch.randn(1, length, 2),
        torch.randn(1, length, 2), order[None],
    )  # fmt: skip
    token = 19_000
    compiled = m.row_sums_over_channels(token).double()
    S = m.dt[0].double().cumsum(0)
    decays = torch.exp((S[token] - S[: token + 1])[..., None] * m.A[0].double())
    row = m.dt[0, : token + 1].double() * (decays @ (m.B[0, : token + 1] * m.C[0, token]).double()[..., None])[..., 0]
    assert torch.isfinite(compiled).all() and (compiled[0, token + 1 :] == 0).all()
    assert (compiled[0, : token + 1, 0] - row.sum(-1)).abs().max() < 1e-5 * row.sum(-1).abs().max()
    assert row[0].abs().max() > 1e-6 * row.abs().max()  # the slow state reaches all the way back


def test_a_path_and_its_reverse_divide_the_tokens_between_them(small):
    *_, block = small
    rows = block.row((1, 2, 3), mode="CB")
    before = np.arange(48).reshape(3, 4, 4) <= 27
    assert (rows["spatial"][~before] == 0).all()
    assert (rows["spatial"][before] > 0).all()
    assert (rows["spatial_reverse"] > 0).sum() == 48 - 27


@pytest.mark.parametrize("changes", [{}, {"window_state_reset": True}, {"window": (5, 7), "window_state_reset": True}])
def test_windowed_scans_have_maps_too(changes):
    model = small_model(TINY.with_(frames=3, **changes))
    scan = model.lrm[0].wsts
    x = torch.randn(1, 3, 16, 12, 64)
    block = BlockScan(scan, x)
    rows = block.row((1, 9, 8), reduction="signed")
    assert set(rows) == {"windowed", "windowed_reverse"}
    assert all(row.shape == (3, 16, 12) for row in rows.values())
    rows_, columns = scan.window
    window = np.zeros((16, 12), bool)
    window[9 // rows_ * rows_ : 9 // rows_ * rows_ + rows_, 8 // columns * columns : 8 // columns * columns + columns] = True
    seen = sum(block.row((1, 9, 8), mode="ww").values())
    assert (seen[:, window] > 0).all()
    assert (seen[:, ~window] == 0).all() == scan.reset
    # Row and column sums agree with rows: over all queries and tokens there is one total.
    gathers, used = block.totals("row_sum", "signed"), block.totals("column_sum", "signed")
    if scan.padded == (16, 12):  # tokens of the padding take part in the scan, but are not on the map
        assert np.isclose(gathers["windowed"].sum(), used["windowed"].sum(), rtol=1e-3)
        assert np.isclose(gathers["windowed"][1, 9, 8], rows["windowed"].sum(), rtol=1e-3, atol=1e-6)


def test_shared_directions_and_transposed_pairs_have_rows():
    torch.manual_seed(0)
    for changes in ({"share_directions": "per-type"}, {"unified_pair": "transpose"}, {"paths": ("unified",)}):
        scan = SixPathScan(TINY.with_(input_size=(16, 16), frames=3, width=8, d_state=4, **changes))
        x = torch.randn(1, 3, 4, 4, 8)
        inputs, block = projected(scan, x), BlockScan(scan, x)
        k = len(scan.names) // 2
        exact = dense(inputs, scan.order, k)[30].detach()
        assert (block.matrices().rows(30)[k].double() - exact).abs().max() < 1e-6 * exact.abs().max()


def test_kinds_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="must be one of row, row_sum"):
        MapKind(quantity="diagonal")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="row of a query"):
        MapKind(quantity="row_sum", mode="ww")

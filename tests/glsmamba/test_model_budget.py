"""Preset B against the paper's table: 9.8 M trainable parameters, 138.9 GFLOPs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from glsmamba.config import PRESETS
from glsmamba.modeling.budget import PAPER_GFLOPS, PAPER_PARAMETERS_M, budget, count_gflops
from glsmamba.modeling.model import GLSMamba


def test_b_is_as_large_as_the_paper_says_within_three_percent():
    counted = budget(PRESETS["B"])
    assert counted.parameters / 1e6 == pytest.approx(PAPER_PARAMETERS_M, rel=0.03)
    assert counted.gflops == pytest.approx(PAPER_GFLOPS, rel=0.03)


def test_ablations_cost_what_the_paper_says():
    # Published: sum 9.1 M and 137.4 G; the three rows of the table differ by the compensation branches only.
    full, plain = budget(PRESETS["B"]), budget(PRESETS["B"].with_(stmm="sum"))
    assert plain.gflops == pytest.approx(137.4, rel=0.03)
    assert 0.5 < full.gflops - plain.gflops < 2.0
    spatial_only = budget(PRESETS["B"].with_(paths=("unified", "spatial")))
    assert plain.gflops < spatial_only.gflops < full.gflops


def test_low_resolution_counts_without_deconvolutions():
    # BLR of the paper: 960 tokens, 85.1 G, nearly all of it the trunk.
    trunk = budget(PRESETS["B"]).gflops_by_part["encoder"]
    assert trunk == pytest.approx(82.10 + 7.05, rel=0.005)


def test_h_fits_the_same_temporal_part():
    b, h = budget(PRESETS["B"]), budget(PRESETS["H"])
    assert b.parameters == h.parameters
    assert h.by_part["encoder"] == pytest.approx(630.8e6 + 6.3e6, rel=0.01)


def test_hooks_agree_with_arithmetic_on_a_small_model():
    config = PRESETS["T"].with_(input_size=(64, 48), gsm_blocks=1, lrm_blocks=0, encoder="mobilenet_v2", encoder_channels=64)

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 64, 4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x)

    counts = count_gflops(GLSMamba(config, encoder=Encoder()))
    tokens, d, i = 5 * 16 * 12, 64, 64
    assert counts["encoder"] * 1e9 == pytest.approx(tokens * 3 * 16 * 64)
    assert counts["embed"] * 1e9 == pytest.approx(tokens * 64 * 64)
    block = 2 * (d * i + 9 * i) + i * d + 2 * d * 2 * d + 2 * (9 * i + 27 * i)
    assert counts["gsm"] * 1e9 == pytest.approx(tokens * block + 2 * 5 * i * i)
    assert counts["head"] * 1e9 == pytest.approx(16 * 12 * 9 * d * 15)

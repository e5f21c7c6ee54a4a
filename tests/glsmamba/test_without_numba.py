"""A machine where numba does not load: the model runs on plain PyTorch, gives the same heat maps, and says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from conftest import ROOT
from model_cases import TINY, small_model

_PROGRAM = """
import sys

sys.modules["numba"] = None  # importing it now raises ImportError
sys.path[:0] = ["tests/glsmamba", "."]
import torch
from model_cases import small_model
from glsmamba.scan.selective import backend_report

report = backend_report("cpu")
assert report.name == "torch" and "numba" in report.reason, report
with torch.no_grad():
    torch.save(small_model()(torch.load(sys.argv[1])), sys.argv[2])
"""


def test_the_model_runs_without_numba_and_gives_the_same(tmp_path: Path) -> None:
    clip = torch.randn(1, TINY.frames, 3, *TINY.input_size, generator=torch.Generator().manual_seed(5))
    given, got = tmp_path / "clip.pt", tmp_path / "maps.pt"
    torch.save(clip, given)
    done = subprocess.run([sys.executable, "-c", _PROGRAM, given, got], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    with torch.no_grad():
        wanted = small_model()(clip)
    assert wanted.std() > 0.01
    torch.testing.assert_close(torch.load(got), wanted, rtol=1e-4, atol=1e-5)

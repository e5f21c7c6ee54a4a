"""torch.compile for real on the CPU: the same keypoints, and a sentence where it does not work and the blocks run as usual."""

from __future__ import annotations

import numpy as np
import torch

from glsmamba.config import PRESETS
from glsmamba.modeling.model import GLSMamba
from glsmamba.predictor import PoseWindow, Predictor


def test_a_compiled_model_gives_the_same_or_says_that_it_is_not_compiled() -> None:
    torch.manual_seed(0)
    model = GLSMamba(PRESETS["T"].with_(input_size=(64, 64), window=(4, 4), gsm_blocks=1, lrm_blocks=1))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)  # a new block is the identity
    frames = tuple(np.random.default_rng(n).integers(0, 256, (120, 160, 3), dtype=np.uint8) for n in range(5))
    window = PoseWindow(frames, (40.0, 20.0, 50.0, 80.0))
    compiled = Predictor(model, accelerate="compile")
    facts = compiled.backends()
    assert (facts["acceleration"] == "compile") != ("without compile" in facts.get("notice", ""))
    got = compiled.predict([window], keep_heatmaps=True)[0].heatmaps
    wanted = Predictor(model).predict([window], keep_heatmaps=True)[0].heatmaps
    assert got is not None and wanted is not None and wanted.std() > 0
    assert np.abs(got - wanted).max() < 1e-4 * np.abs(wanted).max()

"""torch.compile and CUDA graphs as options: where they do not work the model runs as usual, and says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from model_cases import small_model

from glsmamba.predictor import PoseWindow, Predictor, PredictorError

FRAMES = [np.random.default_rng(n).integers(0, 256, (120, 160, 3), dtype=np.uint8) for n in range(5)]
WINDOW = PoseWindow(tuple(FRAMES), (40.0, 20.0, 50.0, 80.0))


def test_cuda_graphs_without_cuda_are_told_of_and_the_model_runs() -> None:
    model = small_model()
    plain, asked = Predictor(model), Predictor(model, accelerate="cuda-graph")
    assert "notice" not in plain.backends() and plain.backends()["acceleration"] == "none"
    facts = asked.backends()
    assert facts["acceleration"] == "none" and "without cuda-graph" in facts["notice"] and "cpu" in facts["notice"]
    assert np.array_equal(asked.predict([WINDOW])[0].keypoints, plain.predict([WINDOW])[0].keypoints)


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_compiler_that_fails_is_told_of_and_the_model_runs(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(function: Any) -> Any:
        calls: list[int] = []

        def run(features: torch.Tensor, read: slice) -> torch.Tensor:
            calls.append(1)
            if when == "at once" or len(calls) > 1:
                raise RuntimeError("no C++ compiler was found\nand a long trace")
            return function(features, read)  # type: ignore[no-any-return]

        return run

    monkeypatch.setattr(torch, "compile", compiled)
    model = small_model()
    predictor = Predictor(model, accelerate="compile")
    assert predictor.backends()["acceleration"] == ("none" if when == "at once" else "compile")
    assert np.array_equal(predictor.predict([WINDOW])[0].keypoints, Predictor(model).predict([WINDOW])[0].keypoints)
    facts = predictor.backends()
    assert facts["acceleration"] == "none"
    assert facts["notice"].startswith("The model runs without compile, which does not work here (RuntimeError: no C++ compiler")
    assert "long trace" not in facts["notice"]


def test_running_out_of_memory_is_not_a_reason_to_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(function: Any) -> Any:
        def run(features: torch.Tensor, read: slice) -> torch.Tensor:
            if len(features) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return function(features, read)  # type: ignore[no-any-return]

        return run

    monkeypatch.setattr(torch, "compile", compiled)
    predictor = Predictor(small_model(), accelerate="compile")
    assert len(predictor.predict([WINDOW] * 3)) == 3
    assert predictor.backends()["acceleration"] == "compile"


def test_an_unknown_acceleration_is_refused() -> None:
    with pytest.raises(PredictorError, match="no acceleration 'warp'"):
        Predictor(small_model(), accelerate="warp")  # type: ignore[arg-type]


def test_a_lost_device_is_one_sentence() -> None:
    model = small_model()

    def lost(*_: Any) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nFor debugging consider this and that.")

    model.encoder.register_forward_pre_hook(lost)
    with pytest.raises(PredictorError, match=r"stopped answering \(CUDA error: an illegal memory access was.*\); restart"):
        Predictor(model).predict([WINDOW])

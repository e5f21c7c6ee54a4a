"""Checkpoints: what goes in comes out, and what is not ours is refused in one sentence."""

from __future__ import annotations

import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from glsmamba.checkpoint import FORMAT, CheckpointError, load_checkpoint, read_info, save_checkpoint
from glsmamba.config import PRESETS
from glsmamba.data.skeletons import LSP14, POSETRACK15
from glsmamba.modeling.model import GLSMamba

CONFIG = PRESETS["T"].with_(input_size=(64, 64), gsm_blocks=1, window=(4, 4), encoder="mobilenet_v2", encoder_channels=64)


@pytest.fixture(scope="module")
def model() -> GLSMamba:
    torch.manual_seed(0)
    return GLSMamba(CONFIG).eval()


@pytest.fixture
def saved(model, tmp_path):
    path = tmp_path / "t.safetensors"
    save_checkpoint(model, path, {"data": "none", "steps": 3})
    return path


def rewritten(path, tensors=None, **metadata):
    """The same file with other tensors or metadata."""
    info = read_info(path)
    import json

    base = {
        "format": FORMAT, "config": info.config.to_json(), "joints": json.dumps(info.joints), "provenance": "{}",
    }  # fmt: skip
    out = path.with_name("changed.safetensors")
    save_file(tensors or load_file(path), out, {**base, **metadata})
    return out


def test_weights_configuration_and_provenance_come_back(model, saved):
    loaded, info = load_checkpoint(saved)
    assert info.config == CONFIG
    assert info.joints == POSETRACK15.joints
    assert info.provenance == {"data": "none", "steps": 3}
    assert not loaded.training
    frames = torch.randn(1, 5, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(loaded(frames), model(frames))
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]  # nothing half-written is left


def test_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        load_checkpoint(tmp_path / "nothing.safetensors")


def test_a_pickle_is_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_checkpoint(path)
    assert not (tmp_path / "sprung").exists()


def test_a_truncated_file(saved):
    saved.write_bytes(saved.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_checkpoint(saved)


def test_a_foreign_safetensors_file(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="not a GLSMamba checkpoint"):
        load_checkpoint(path)


def test_another_skeleton(model, saved, tmp_path):
    path = tmp_path / "lsp.safetensors"
    save_checkpoint(GLSMamba(CONFIG.with_(joints=14)), path, skeleton=LSP14)
    with pytest.raises(CheckpointError, match="does not predict nose;"):
        load_checkpoint(path)
    assert load_checkpoint(saved, skeleton=LSP14)[1].joints == POSETRACK15.joints  # all of LSP's names are among them


def test_tensors_that_do_not_fit(saved):
    tensors = load_file(saved)
    tensors["head.weight"] = tensors["head.weight"][:3]
    with pytest.raises(CheckpointError, match=r"head.weight has shape \(3, 64, 3, 3\) instead of \(15, 64, 3, 3\)"):
        load_checkpoint(rewritten(saved, tensors))
    del tensors["head.weight"]
    with pytest.raises(CheckpointError, match=r"1 tensors are missing, the first is head.weight"):
        load_checkpoint(rewritten(saved, tensors))


@pytest.mark.parametrize("config", ["{", '{"depth": 1}', '{"frames": 4}', '{"width": "wide"}', "[]"])
def test_metadata_of_another_version(saved, config):
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(rewritten(saved, config=config))

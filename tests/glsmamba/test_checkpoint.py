"""Checkpoints: what goes in comes out, and what is not ours is refused in one sentence."""

from __future__ import annotations

import pickle

import pytest
import torch
from model_cases import small_model
from safetensors.torch import load_file, save_file

from glsmamba.checkpoint import FORMAT, CheckpointError, import_vitpose, load_checkpoint, read_info, save_checkpoint
from glsmamba.config import PRESETS
from glsmamba.data.skeletons import LSP14, POSETRACK15
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.vit import ViTPoseEncoder

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


def official_names(encoder: ViTPoseEncoder) -> dict[str, torch.Tensor]:
    """The encoder's tensors under the names of the official checkpoints."""
    return {
        ("keypoint_head." if name.startswith("deconv") else "backbone.") + name: value.clone()
        for name, value in encoder.state_dict().items()
    }


def hugging_face_names(encoder: ViTPoseEncoder) -> dict[str, torch.Tensor]:
    """The encoder's tensors under the names of transformers' VitPoseForPoseEstimation, written out independently."""
    out = {}
    for name, value in encoder.state_dict().items():
        parts = name.split(".")
        leaf = parts[-1]
        if name == "pos_embed":
            out["backbone.embeddings.position_embeddings"] = value
        elif parts[0] == "patch_embed":
            out[f"backbone.embeddings.patch_embeddings.projection.{leaf}"] = value
        elif parts[0] == "last_norm":
            out[f"backbone.layernorm.{leaf}"] = value
        elif parts[0] == "deconv_layers":
            theirs = {"0": "head.deconv1.", "1": "head.batchnorm1.", "3": "head.deconv2.", "4": "head.batchnorm2."}
            out[theirs[parts[1]] + leaf] = value
        else:
            layer = f"backbone.encoder.layer.{parts[1]}."
            if parts[2] == "attn" and parts[3] == "qkv":
                for which, third in zip(("query", "key", "value"), value.chunk(3), strict=True):
                    out[f"{layer}attention.attention.{which}.{leaf}"] = third
            elif parts[2] == "attn":
                out[f"{layer}attention.output.dense.{leaf}"] = value
            elif parts[2] == "mlp":
                out[f"{layer}mlp.{parts[3]}.{leaf}"] = value
            else:
                out[layer + {"norm1": "layernorm_before", "norm2": "layernorm_after"}[parts[2]] + f".{leaf}"] = value
    return out


VIT = PRESETS["B"].with_(encoder="vit_s", gsm_blocks=0, lrm_blocks=0)


@pytest.mark.parametrize("names", [official_names, hugging_face_names])
def test_vitpose_weights_are_imported(tmp_path, names):
    torch.manual_seed(1)
    source = ViTPoseEncoder(VIT, depth=2)
    source.deconv_layers[1].running_mean.uniform_()
    tensors = {name: value.contiguous().clone() for name, value in names(source).items()}
    save_file({**tensors, "keypoint_head.final_layer.weight": torch.zeros(17, 256, 1, 1)}, tmp_path / "vit.safetensors")
    target = GLSMamba(VIT, encoder=ViTPoseEncoder(VIT, depth=2))
    assert import_vitpose(target, tmp_path / "vit.safetensors") == []
    for name, value in source.state_dict().items():
        assert torch.equal(target.encoder.state_dict()[name], value), name


def test_vitpose_oddities(tmp_path):
    source = ViTPoseEncoder(VIT, depth=1)
    model = GLSMamba(VIT, encoder=ViTPoseEncoder(VIT, depth=1))
    simple = {name: value for name, value in official_names(source).items() if "deconv" not in name}
    mlp = "backbone.blocks.0.mlp."
    for leaf in ("weight", "bias"):  # ViTPose+ keeps the last rows apart
        whole = simple[f"{mlp}fc2.{leaf}"]
        simple[f"{mlp}fc2.{leaf}"], simple[f"{mlp}experts.0.{leaf}"] = whole[:300].clone(), whole[300:].clone()
    save_file(simple, tmp_path / "simple.safetensors")
    (warning,) = import_vitpose(model, tmp_path / "simple.safetensors")
    assert "upsampler stays untrained" in warning
    assert torch.equal(model.encoder.blocks[0].mlp.fc2.weight, source.blocks[0].mlp.fc2.weight)
    other = GLSMamba(VIT.with_(encoder="vit_b"), encoder=ViTPoseEncoder(VIT.with_(encoder="vit_b"), depth=1))
    with pytest.raises(CheckpointError, match="same ViT size"):
        import_vitpose(other, tmp_path / "simple.safetensors")
    with pytest.raises(CheckpointError, match="ViT encoders only"):
        import_vitpose(small_model(), tmp_path / "simple.safetensors")

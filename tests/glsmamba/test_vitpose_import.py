"""ViTPose weights as others write them, imported and compared with what they came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from model_cases import small_model
from safetensors.torch import save_file
from test_torch_file import training_checkpoint
from vitpose_files import mmpose, official, vitpose, with_experts

from glsmamba.checkpoint import load_checkpoint, save_checkpoint
from glsmamba.config import PRESETS
from glsmamba.data.skeletons import COCO17
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.vit import ViTPoseEncoder
from glsmamba.vitpose.importing import import_vitpose, load_vitpose, read_vitpose, save_vitpose
from glsmamba.weight_file import CheckpointError, read_info

CROPS = torch.randn(1, 3, 256, 192, generator=torch.Generator().manual_seed(3))


def heat_maps(file: Path, tmp_path: Path) -> torch.Tensor:
    """Import a file, write it, load what was written, and run it."""
    save_vitpose(read_vitpose(file), tmp_path / "kept.safetensors")
    model, _ = load_vitpose(tmp_path / "kept.safetensors")
    with torch.inference_mode():
        return model.encode(CROPS)


@pytest.mark.parametrize(
    ("head", "kind"),
    [("classic", "official"), ("simple", "official"), ("classic", "official experts"), ("simple", "mmpose"),
     ("classic", "mmpose class token"), ("classic", "wrapped")],
)  # fmt: skip
def test_heat_maps_are_those_of_the_file(tmp_path: Path, head: str, kind: str) -> None:
    model = vitpose(head)
    with torch.inference_mode():
        expected = model.encode(CROPS)
    file = tmp_path / "weights.pth"
    if kind == "official":
        torch.save(official(model), file, _use_new_zipfile_serialization=False)
    elif kind == "official experts":
        torch.save({"state_dict": with_experts(official(model)), "meta": {"epoch": 210}}, file)
    elif kind == "wrapped":
        torch.save({"model": {f"module.{name}": value for name, value in official(model).items()}}, file)
    else:
        torch.save(training_checkpoint(mmpose(model, kind.endswith("token"))), file)
    weights = read_vitpose(file)
    assert weights.config.encoder == "vit_s" and weights.facts.head == head and weights.facts.depth == 2
    assert weights.config.preset == ("ViTPose+-S" if "experts" in kind else "ViTPose-S")
    assert weights.joints == COCO17.joints and weights.baseline
    assert any("simple one" in note for note in weights.notes) == (head == "simple")
    assert (heat_maps(file, tmp_path) - expected).abs().max() < 1e-5
    assert read_info(tmp_path / "kept.safetensors").provenance["source"] == "weights.pth"


@pytest.mark.parametrize("encoder", ["vit_b", "vit_l", "vit_h"])
def test_the_size_is_told_by_the_file(tmp_path: Path, encoder: str) -> None:
    model = vitpose(depth=1, encoder=encoder)
    torch.save({"state_dict": {name: value.half() for name, value in official(model).items()}}, tmp_path / "x.pth")
    weights = read_vitpose(tmp_path / "x.pth")
    assert weights.config.encoder == encoder
    assert weights.config.preset == f"ViTPose-{encoder[-1].upper()}"
    assert "1 transformer blocks" in weights.notes[0]
    assert weights.tensors["encoder.pos_embed"].dtype == torch.float32


def test_another_crop_is_told_by_the_position_embeddings(tmp_path: Path) -> None:
    model = vitpose(input_size=(384, 288), depth=1)
    save_file(official(model), tmp_path / "large.safetensors")
    assert read_vitpose(tmp_path / "large.safetensors").config.input_size == (384, 288)
    target = GLSMamba(VIT, encoder=ViTPoseEncoder(VIT, depth=1))  # at 256x192: resized
    import_vitpose(target, tmp_path / "large.safetensors")
    assert torch.equal(target.encoder.pos_embed[:, 0], model.encoder.pos_embed[:, 0])
    assert torch.allclose(target.encoder.pos_embed.mean(), model.encoder.pos_embed.mean(), atol=2e-3)


VIT = PRESETS["B"].with_(encoder="vit_s", gsm_blocks=0, lrm_blocks=0)


@pytest.mark.parametrize("names", [official, mmpose])
def test_a_glsmamba_takes_the_encoder(tmp_path: Path, names) -> None:
    source = vitpose()
    torch.save(training_checkpoint(names(source)), tmp_path / "x.pth")
    target = GLSMamba(VIT, encoder=ViTPoseEncoder(VIT, depth=2)).eval()
    assert import_vitpose(target, tmp_path / "x.pth") == []
    with torch.inference_mode():
        assert (target.encode(CROPS) - source.encoder(CROPS)).abs().max() < 1e-5
    save_vitpose(read_vitpose(tmp_path / "x.pth"), tmp_path / "kept.safetensors")
    again = GLSMamba(VIT, encoder=ViTPoseEncoder(VIT, depth=2)).eval()
    assert import_vitpose(again, tmp_path / "kept.safetensors") == []  # a file of ours is as good
    assert torch.equal(again.encoder.blocks[1].mlp.fc2.weight, target.encoder.blocks[1].mlp.fc2.weight)


def test_what_does_not_fit_a_glsmamba_is_said(tmp_path: Path) -> None:
    torch.save(official(vitpose("simple")), tmp_path / "simple.pth")
    model = GLSMamba(VIT, encoder=ViTPoseEncoder(VIT, depth=2))
    (warning,) = import_vitpose(model, tmp_path / "simple.pth")
    assert "upsampler stays untrained" in warning
    other = GLSMamba(VIT.with_(encoder="vit_b"), encoder=ViTPoseEncoder(VIT.with_(encoder="vit_b"), depth=1))
    with pytest.raises(CheckpointError, match="same ViT size"):
        import_vitpose(other, tmp_path / "simple.pth")
    with pytest.raises(CheckpointError, match="ViT encoders only"):
        import_vitpose(small_model(), tmp_path / "simple.pth")


def test_joints_are_taken_from_the_file_where_it_names_them(tmp_path: Path) -> None:
    names = dict(enumerate(reversed(COCO17.joints)))
    checkpoint = {"state_dict": official(vitpose(depth=1)), "meta": {"dataset_meta": {"keypoint_id2name": names}}}
    torch.save(checkpoint, tmp_path / "x.pth")
    assert read_vitpose(tmp_path / "x.pth").joints == tuple(reversed(COCO17.joints))
    names[0] = "left_hoof"
    torch.save(checkpoint, tmp_path / "x.pth")
    animal = read_vitpose(tmp_path / "x.pth")
    assert not animal.baseline and "encoder only" in animal.notes[-1]
    save_vitpose(animal, tmp_path / "animal.safetensors")
    with pytest.raises(CheckpointError, match="right_ankle"):
        load_vitpose(tmp_path / "animal.safetensors")
    torch.save(official(vitpose(depth=1, joints=133)), tmp_path / "whole.pth")
    assert read_vitpose(tmp_path / "whole.pth").baseline  # COCO-WholeBody begins with COCO's
    torch.save(official(vitpose(depth=1, joints=16)), tmp_path / "mpii.pth")
    assert not read_vitpose(tmp_path / "mpii.pth").baseline


@pytest.fixture(scope="module")
def whole() -> dict[str, torch.Tensor]:
    return official(vitpose(depth=1))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("backbone.blocks.0.attn.proj.bias", None, "proj.bias"),
        ("backbone.patch_embed.proj.weight", None, "lacking"),
        ("keypoint_head.final_layer.weight", None, "without ViTPose's head"),
        ("keypoint_head.deconv_layers.3.weight", None, "deconv_layers.3.weight"),
        ("backbone.pos_embed", torch.zeros(1, 197, 384), "position embeddings"),
        ("backbone.last_norm.weight", torch.zeros(12), "last_norm.weight"),
        ("backbone.last_norm.weight", torch.full((384,), float("nan")), "undefined"),
        ("backbone.blocks.0.mlp.fc1.weight", torch.zeros(1536, 384, dtype=torch.int8), "unquantised"),
        ("backbone.blocks.3.mlp.fc1.weight", torch.zeros(1536, 384), "2 transformer blocks instead of 4"),
        ("backbone.patch_embed.proj.weight", torch.zeros(192, 3, 16, 16), "192 wide"),
    ],
)
def test_what_is_no_whole_vitpose_is_refused_in_a_sentence(
    tmp_path: Path, whole: dict, name: str, value: torch.Tensor | None, said: str
) -> None:
    torch.save({k: v for k, v in {**whole, name: value}.items() if v is not None}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=said) as error:
        read_vitpose(tmp_path / "x.pth")
    assert str(error.value).startswith("x.pth") and str(error.value).count("\n") == 0


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    for content, said in (
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\x00" * 100, "neither"),
        (b"\x10\x00\x00\x00\x00\x00\x00\x00{broken json....", "not a sound safetensors"),
        (b"PK\x03\x04cut", "table of contents"),
    ):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(CheckpointError, match=said):
            read_vitpose(tmp_path / "x")
    for other, said in (({"fc.weight": torch.zeros(2)}, "another network"), ({"epoch": 3}, "no weights")):
        torch.save(other, tmp_path / "x")
        with pytest.raises(CheckpointError, match=said):
            read_vitpose(tmp_path / "x")
    with pytest.raises(CheckpointError, match="no file"):
        read_vitpose(tmp_path / "absent.pth")
    with pytest.raises(CheckpointError, match=r"no model\.safetensors"):
        read_vitpose(tmp_path)
    save_checkpoint(small_model(), tmp_path / "ours.safetensors")
    with pytest.raises(CheckpointError, match="already"):
        read_vitpose(tmp_path / "ours.safetensors")
    torch.save(official(vitpose(depth=1)), tmp_path / "v.pth")
    save_vitpose(read_vitpose(tmp_path / "v.pth"), tmp_path / "v.safetensors")
    with pytest.raises(CheckpointError, match="each frame by itself"):
        load_checkpoint(tmp_path / "v.safetensors")


# ---- against transformers, whose VitPose is an independent one -------------------------------------------------------------


def theirs(head: str, experts: int = 1, **changes: object):
    """A VitPoseForPoseEstimation of ViTPose-S's width with random weights."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed: make test-oracles does it")
    backbone = transformers.VitPoseBackboneConfig(
        hidden_size=384, num_hidden_layers=3, num_attention_heads=12, out_indices=[3], num_experts=experts, part_features=96,
        **changes,
    )  # fmt: skip
    config = transformers.VitPoseConfig(backbone_config=backbone, num_labels=17, use_simple_decoder=head == "simple")
    torch.manual_seed(7)
    model = transformers.VitPoseForPoseEstimation(config).eval()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if "running_var" in name or (("norm" in name) and name.endswith("weight")):
                value.uniform_(0.5, 1.5)
            elif value.is_floating_point():
                value.normal_(std=0.05)
    return model


@pytest.mark.parametrize(
    ("head", "experts", "pieces"), [("classic", 1, False), ("simple", 1, True), ("classic", 6, True), ("simple", 6, False)]
)
def test_features_and_heat_maps_equal_those_of_transformers(tmp_path: Path, head: str, experts: int, pieces: bool) -> None:
    model = theirs(head, experts)
    folder = tmp_path / "vitpose-small"
    model.save_pretrained(folder, max_shard_size="8MB" if pieces else "1GB")
    assert (folder / "model.safetensors.index.json").is_file() == pieces
    which = {"dataset_index": torch.zeros(1, dtype=torch.int64)} if experts > 1 else {}
    with torch.inference_mode():
        expected = model(pixel_values=CROPS, **which).heatmaps
        features = model.backbone(CROPS, **which).feature_maps[-1]
    weights = read_vitpose(folder)
    assert weights.facts.eps == model.config.backbone_config.layer_norm_eps == 1e-12
    assert weights.facts.head == head and weights.joints == COCO17.joints
    save_vitpose(weights, tmp_path / "kept.safetensors")
    ours, _ = load_vitpose(tmp_path / "kept.safetensors")
    with torch.inference_mode():
        trunk = ours.encoder.trunk(CROPS)
        got = ours.encode(CROPS)
    features = features.reshape(1, 16, 12, 384).permute(0, 3, 1, 2) if features.dim() == 3 else features
    assert (trunk - features).abs().max() < 1e-4
    assert expected.abs().max() > 0.1
    assert (got - expected).abs().max() < 1e-4 * max(1.0, float(expected.abs().max()))
    target = GLSMamba(VIT, encoder=ViTPoseEncoder(VIT, depth=3)).eval()
    import_vitpose(target, folder)
    with torch.inference_mode():
        assert (target.encoder.trunk(CROPS) - features).abs().max() < 1e-4


def test_a_hugging_face_folder_that_is_not_whole(tmp_path: Path) -> None:
    folder = tmp_path / "hf"
    theirs("classic").save_pretrained(folder, max_shard_size="8MB")
    index = folder / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    piece = sorted(set(content["weight_map"].values()))[1]
    moved = (folder / piece).rename(tmp_path / piece)
    with pytest.raises(CheckpointError, match=f"lacks {piece}"):
        read_vitpose(folder)
    content["weight_map"] = {name: f"../{piece}" if file == piece else file for name, file in content["weight_map"].items()}
    index.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="outside of its folder"):
        read_vitpose(folder)
    moved.rename(folder / piece)
    index.write_text("{")
    with pytest.raises(CheckpointError, match=r"index\.json"):
        read_vitpose(folder)


def test_config_json_says_what_the_weights_do_not(tmp_path: Path) -> None:
    model = theirs("simple", layer_norm_eps=1e-3)
    folder = tmp_path / "hf"
    model.save_pretrained(folder)
    weights = read_vitpose(folder / "model.safetensors")  # the file in the folder is as good as the folder
    assert weights.facts.eps == 1e-3
    config = json.loads((folder / "config.json").read_text())
    config["backbone_config"]["num_hidden_layers"] = 12
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="3 transformer blocks instead of 12"):
        read_vitpose(folder)
    (folder / "config.json").unlink()
    assert read_vitpose(folder).facts.eps == 1e-6

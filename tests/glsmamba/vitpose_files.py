"""ViTPose files as others write them, with random weights, made by their writers' rules and not by the importer's tables."""

from __future__ import annotations

from typing import Any

import torch

from glsmamba.config import ModelConfig
from glsmamba.modeling.vitpose import ViTPose
from glsmamba.weight_file import ViTPoseFacts

Tensors = dict[str, torch.Tensor]


def vitpose(head: str = "classic", depth: int = 2, joints: int = 17, encoder: str = "vit_s", **config: Any) -> ViTPose:
    """A shallow network with random weights that do something."""
    torch.manual_seed(depth)
    made = ModelConfig(encoder=encoder, frames=1, joints=joints, gsm_blocks=0, lrm_blocks=0, sigma=2.0, **config)  # type: ignore[arg-type]
    model = ViTPose(made, ViTPoseFacts(head, depth, 12))  # type: ignore[arg-type]
    for name, value in model.state_dict().items():
        if "running_mean" in name:
            value.normal_(std=0.1)
        elif "running_var" in name or ("norm" in name and "weight" in name):
            value.uniform_(0.5, 1.5)
        elif name.endswith("bias"):
            value.normal_(std=0.05)
    return model


def official(model: ViTPose) -> Tensors:
    """Names of the official .pth files."""
    out = {"backbone.cls_token": torch.zeros(1, 1, 4)}  # of no use, but there
    for name, value in model.state_dict().items():
        bare = name.removeprefix("encoder.")
        head = bare.startswith(("deconv_layers", "final_layer"))
        out[("keypoint_head." if head else "backbone.") + bare] = value.clone()
    return out


def with_experts(tensors: Tensors, part: int = 96, experts: int = 6) -> Tensors:
    """ViTPose+: the last rows of each fc2 are in experts, the first of which is COCO's; and heads for other data sets."""
    out = dict(tensors)
    for name in [name for name in tensors if ".mlp.fc2." in name]:
        whole = tensors[name]
        out[name] = whole[:-part].clone()
        for n in range(experts):
            out[name.replace("fc2", f"experts.{n}")] = whole[-part:].clone() if n == 0 else torch.randn_like(whole[-part:])
    out["associate_keypoint_heads.0.final_layer.weight"] = torch.randn(14, 256, 1, 1)
    return out


def mmpose(model: ViTPose, class_token: bool = False) -> Tensors:
    """Names of mmpose 1.x, whose backbone is mmpretrain's: 192 positions, or 193 of which the first is the class token's."""
    out = {"data_preprocessor.mean": torch.zeros(3, 1, 1)}
    for name, value in model.state_dict().items():
        bare = name.removeprefix("encoder.")
        if bare == "pos_embed":
            merged = value[:, 1:] + value[:, :1]
            out["backbone.pos_embed"] = torch.cat([torch.randn_like(value[:, :1]), merged], 1) if class_token else merged
        elif bare.startswith("blocks."):
            _, n, *rest = bare.split(".")
            inner = ".".join(rest).replace("norm1", "ln1").replace("norm2", "ln2")
            inner = inner.replace("mlp.fc1", "ffn.layers.0.0").replace("mlp.fc2", "ffn.layers.1")
            out[f"backbone.layers.{n}.{inner}"] = value.clone()
        elif bare.startswith("patch_embed"):
            out["backbone.patch_embed.projection." + bare.rsplit(".", 1)[1]] = value.clone()
        elif bare.startswith("last_norm"):
            out["backbone.ln1." + bare.rsplit(".", 1)[1]] = value.clone()
        else:
            out["head." + bare] = value.clone()
    if class_token:
        out["backbone.cls_token"] = torch.randn(1, 1, 384)
    return out

"""Checkpoints: safetensors files that carry the model's configuration, joint names and where the weights come from.

Nothing is ever unpickled. Metadata keys (strings, as the format has it): ``format`` = ``glsmamba-checkpoint/1``, ``config``
(JSON of :class:`~glsmamba.config.ModelConfig`), ``joints`` (JSON list of names), ``provenance`` (JSON object: data, measures).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from glsmamba.config import ConfigError, ModelConfig
from glsmamba.data.skeletons import POSETRACK15, Skeleton
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.vit import resized_positions

FORMAT = "glsmamba-checkpoint/1"
#: The checkpoint that ships with the project.
SHIPPED = Path(__file__).resolve().parents[1] / "weights" / "glsmamba-t.safetensors"


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be used, in one sentence: what is wrong and what to do."""


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says about itself."""

    path: Path
    config: ModelConfig
    joints: tuple[str, ...]
    provenance: dict[str, Any]


def save_checkpoint(
    model: GLSMamba, path: str | Path, provenance: Mapping[str, Any] | None = None, skeleton: Skeleton = POSETRACK15
) -> None:
    """Write a model's weights with all that is needed to use them. The file appears whole or not at all."""
    path = Path(path)
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    metadata = {
        "format": FORMAT,
        "config": model.config.to_json(),
        "joints": json.dumps(list(skeleton.joints)),
        "provenance": json.dumps(dict(provenance or {}), sort_keys=True),
    }
    partial = path.with_name(path.name + ".part")
    save_file(tensors, partial, metadata)
    partial.replace(path)


def read_info(path: str | Path) -> CheckpointInfo:
    """Read a checkpoint's metadata without its weights; :class:`CheckpointError` if it is not one of ours."""
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint at {path}; check the path or train one.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path.name} is not a safetensors file ({error}); GLSMamba loads no other kind.") from error
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path.name} is a safetensors file but not a GLSMamba checkpoint (no {FORMAT} in its metadata); choose another."
        )
    try:
        config = ModelConfig.from_json(metadata["config"])
        joints = tuple(str(name) for name in json.loads(metadata["joints"]))
        provenance = dict(json.loads(metadata.get("provenance", "{}")))
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise CheckpointError(
            f"The metadata of {path.name} cannot be read ({error}); the file is damaged or of another version."
        ) from error
    return CheckpointInfo(path, config, joints, provenance)


def load_checkpoint(
    path: str | Path | None = None, device: str | torch.device = "cpu", skeleton: Skeleton = POSETRACK15
) -> tuple[GLSMamba, CheckpointInfo]:
    """The model in a checkpoint, in evaluation mode.

    Args:
        path: the file; the shipped ``T`` checkpoint when None.
        device: where the weights go.
        skeleton: the joints the caller needs; the checkpoint may have them in another order and may have more.

    Raises:
        CheckpointError: the file is missing, foreign or damaged, for other joints, or its tensors do not fit its configuration.
    """
    info = read_info(SHIPPED if path is None else path)
    lacking = [joint for joint in skeleton.joints if joint not in info.joints]
    if lacking or len(info.joints) != info.config.joints:
        what = f"does not predict {', '.join(lacking[:3])}" if lacking else f"names {len(info.joints)} joints for its heat maps"
        raise CheckpointError(f"{info.path.name} {what}; choose a checkpoint trained for {skeleton.name}.")
    tensors = load_file(info.path)
    # Not built on the meta device first: torch 2.13 then imports sympy, dynamo and distributed, seconds of it.
    model = GLSMamba(info.config)
    problem = mismatch(model.state_dict(), tensors)
    if problem:
        raise CheckpointError(f"The weights in {info.path.name} do not fit its configuration: {problem}; the file is damaged.")
    model.load_state_dict(tensors)
    return model.to(device).eval(), info


def mismatch(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """One clause naming the first difference between two state dicts, empty if names and shapes agree."""
    missing, extra = sorted(set(expected) - set(given)), sorted(set(given) - set(expected))
    if missing:
        return f"{len(missing)} tensors are missing, the first is {missing[0]}"
    if extra:
        return f"{len(extra)} tensors are unknown, the first is {extra[0]}"
    for name, value in expected.items():
        if tuple(value.shape) != tuple(given[name].shape):
            return f"{name} has shape {tuple(given[name].shape)} instead of {tuple(value.shape)}"
    return ""


def import_vitpose(model: GLSMamba, path: str | Path) -> list[str]:
    """Copy a ViTPose encoder (trunk and classic deconvolutions) from a safetensors file into a model with a ViT encoder.

    Reads the names of the official checkpoints (``backbone.*``, ``keypoint_head.*``, saved as safetensors) and of Hugging
    Face's ``VitPoseForPoseEstimation``. Returns warnings for the user: a file with the simple head has no deconvolutions,
    which then stay untrained (this deviates from the paper).
    """
    path = Path(path)
    if not model.config.encoder.startswith("vit"):
        raise CheckpointError(f"This model's encoder is {model.config.encoder}; ViTPose weights fit ViT encoders only (B, H).")
    try:
        source = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path.name} is not a safetensors file ({error}); convert the weights first.") from error
    hugging_face = any(name.startswith("backbone.encoder.") for name in source)
    renamed = _from_hugging_face(source) if hugging_face else _from_official(source)
    encoder = model.encoder
    own = encoder.state_dict()
    warnings = []
    if "pos_embed" in renamed:
        try:
            renamed["pos_embed"] = resized_positions(renamed["pos_embed"].float(), encoder.grid)  # type: ignore[arg-type]
        except ValueError as error:
            raise CheckpointError(f"{path.name}: {error}") from error
    if not any(name.startswith("deconv_layers.") for name in renamed):
        warnings.append(
            "This file has ViTPose's simple head, so the 4x upsampler stays untrained, unlike in the paper; take a classic one."
        )
        renamed.update({name: value for name, value in own.items() if name.startswith("deconv_layers.")})
    for name, value in own.items():
        if name.endswith("num_batches_tracked"):
            renamed.setdefault(name, value)
    problem = mismatch(own, {name: value for name, value in renamed.items() if name in own})
    if problem:
        raise CheckpointError(
            f"{path.name} does not fit the {model.config.encoder} encoder: {problem}; choose weights of the same ViT size."
        )
    encoder.load_state_dict({name: renamed[name] for name in own})
    return warnings


def _whole_fc2(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """ViTPose+ keeps the last rows of fc2 in experts; expert 0 is COCO's."""
    for name in [name for name in tensors if ".mlp.experts.0." in name]:
        target = name.replace("experts.0", "fc2")
        tensors[target] = torch.cat([tensors[target], tensors[name]], dim=0)
    return tensors


def _from_official(source: Mapping[str, Tensor]) -> dict[str, Tensor]:
    out = {}
    for name, value in source.items():
        if name.startswith("backbone."):
            out[name.removeprefix("backbone.")] = value
        elif name.startswith("keypoint_head.deconv_layers."):
            out[name.removeprefix("keypoint_head.")] = value
    return _whole_fc2(out)


_HF_NAMES = (
    ("backbone.embeddings.patch_embeddings.projection.", "patch_embed.proj."),
    ("backbone.embeddings.position_embeddings", "pos_embed"),
    ("backbone.encoder.layer.", "blocks."),
    ("backbone.layernorm.", "last_norm."),
    ("head.deconv1.", "deconv_layers.0."),
    ("head.batchnorm1.", "deconv_layers.1."),
    ("head.deconv2.", "deconv_layers.3."),
    ("head.batchnorm2.", "deconv_layers.4."),
)
_HF_INNER = (
    (".layernorm_before.", ".norm1."),
    (".layernorm_after.", ".norm2."),
    (".attention.output.dense.", ".attn.proj."),
    (".attention.attention.", ".attn."),
)


def _from_hugging_face(source: Mapping[str, Tensor]) -> dict[str, Tensor]:
    out: dict[str, Tensor] = {}
    for name, value in source.items():
        for theirs, ours in _HF_NAMES:
            if name.startswith(theirs):
                name = ours + name.removeprefix(theirs)
                for inner, replacement in _HF_INNER:
                    name = name.replace(inner, replacement)
                out[name] = value
                break
    for name in [name for name in out if ".attn.query." in name]:
        parts = [out.pop(name.replace(".query.", f".{part}.")) for part in ("query", "key", "value")]
        out[name.replace(".query.", ".qkv.")] = torch.cat(parts, dim=0)
    return _whole_fc2(out)

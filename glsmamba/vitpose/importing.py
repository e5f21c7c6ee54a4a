"""ViTPose weights of any of the usual kinds, as a file of ours or as the encoder of a GLSMamba.

Read are the official ``.pth`` files (S, B, L, H, and the mixtures of experts of ViTPose+ and ++), mmpose 1.x files, Hugging
Face folders and files, and safetensors with any of these names. Size, head and joints are taken from the file itself.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from glsmamba.checkpoint import mismatch
from glsmamba.config import ConfigError, Encoder, ModelConfig
from glsmamba.data.skeletons import COCO17
from glsmamba.data.whole_file import whole_file
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.vit import PATCH, VIT_SIZES, resized_positions
from glsmamba.modeling.vitpose import ViTPose
from glsmamba.vitpose.names import DIALECT_WORDS, Recipe, recipe
from glsmamba.vitpose.sources import Source, opened
from glsmamba.weight_file import (
    FORMAT,
    VITPOSE_FORMAT,
    CheckpointError,
    CheckpointInfo,
    ViTPoseFacts,
    lacking_for_baseline,
    read_info,
)  # fmt: skip

__all__ = ["Imported", "import_vitpose", "load_vitpose", "read_vitpose", "save_vitpose"]

_LETTERS: dict[Encoder, str] = {"vit_s": "S", "vit_b": "B", "vit_l": "L", "vit_h": "H"}
#: COCO-WholeBody begins with COCO's seventeen.
_WHOLE_BODY = 133
#: ViTPose was trained with targets of this width, in heat map cells.
_SIGMA = 2.0


@dataclass
class Imported:
    """ViTPose weights in our names.

    Attributes:
        config, facts: what the network is.
        joints: what its heat maps stand for; names the file gives, else COCO's for 17 heat maps, else numbered.
        tensors: state dict of :class:`~glsmamba.modeling.vitpose.ViTPose`.
        provenance: file, kind, SHA-256 (of a single file).
        notes: sentences for the user.
    """

    config: ModelConfig
    facts: ViTPoseFacts
    joints: tuple[str, ...]
    tensors: dict[str, Tensor]
    provenance: dict[str, Any]
    notes: list[str]

    @property
    def baseline(self) -> bool:
        """True when it predicts all of COCO's joints, so that it can predict by itself."""
        return not lacking_for_baseline(self.joints)


def read_vitpose(path: str | Path) -> Imported:
    """Read ViTPose weights from a file or a Hugging Face folder.

    Raises:
        CheckpointError: one sentence: not there, not ViTPose, damaged, incomplete, or of a size that ViTPose does not come in.
    """
    path = Path(path)
    with opened(path) as source:
        form = source.meta.get("format")
        if form == VITPOSE_FORMAT:
            return _kept(source)
        if form == FORMAT:
            raise CheckpointError(f"{path.name} is a GLSMamba checkpoint already; nothing needs to be imported.")
        plan = recipe(source.shapes)
        if plan is None:
            raise CheckpointError(_not_vitpose(source))
        return _read(source, plan)


def _kept(source: Source) -> Imported:
    """What :func:`save_vitpose` wrote."""
    info = read_info(source.path)
    assert info.vitpose is not None
    tensors = {name: source.tensor(name) for name in source.shapes}
    return Imported(info.config, info.vitpose, info.joints, tensors, info.provenance, [])


def _not_vitpose(source: Source) -> str:
    if not source.shapes:
        return f"{source.path.name} holds no weights; choose the file of a ViTPose model."
    example = next(iter(source.shapes))
    return f"{source.path.name} holds weights of another network than ViTPose (such as {example}); choose a ViTPose file."


def _read(source: Source, plan: Recipe) -> Imported:
    name = source.path.name
    _complete(source, plan)
    encoder, facts, grid = _sizes(source, plan)
    last = source.shapes[plan.parts["final_layer.weight"][0]]
    joints = _joints(source, last[0])
    preset, crop = f"ViTPose{'+' * plan.experts}-{_LETTERS[encoder]}", (grid[0] * PATCH, grid[1] * PATCH)
    try:
        config = ModelConfig(
            preset=preset, encoder=encoder, input_size=crop, frames=1, joints=last[0], gsm_blocks=0, lrm_blocks=0, sigma=_SIGMA
        )
    except ConfigError as error:
        raise CheckpointError(f"{name} is of a form that is not used here: {error}") from error
    tensors = {_ours(ours): _joined(source, ours, parts) for ours, parts in plan.parts.items()}
    positions = tensors["encoder.pos_embed"]
    if positions.shape[1] == grid[0] * grid[1]:
        positions = torch.cat([torch.zeros_like(positions[:, :1]), positions], dim=1)
    elif plan.dialect == "mmpose":
        # mmpretrain's slot 0 belongs to its class token alone, which is dropped before the first block; ViTPose adds it to all.
        positions = torch.cat([torch.zeros_like(positions[:, :1]), positions[:, 1:]], dim=1)
    tensors["encoder.pos_embed"] = positions.contiguous()
    problem = mismatch(_expected(config, facts), tensors)
    if problem:
        raise CheckpointError(f"{name} is not a whole ViTPose of one of the usual kinds: {problem}.")
    if not all(bool(value.isfinite().all()) for value in tensors.values()):
        raise CheckpointError(f"{name} holds numbers that are infinite or undefined; it is damaged, fetch it again.")
    notes = []
    if facts.depth != VIT_SIZES[encoder].depth:
        notes.append(f"It has {facts.depth} transformer blocks; ViTPose-{_LETTERS[encoder]} has {VIT_SIZES[encoder].depth}.")
    if facts.head == "simple":
        notes.append(
            "Its head is the simple one, without deconvolutions: it predicts by itself, but as GLSMamba's encoder it would "
            "leave the upsampler untrained."
        )
    lacking = lacking_for_baseline(joints)
    if lacking:
        notes.append(f"Its heat maps are not COCO's joints ({lacking[0]} is missing), so it serves as an encoder only.")
    provenance = {"kind": DIALECT_WORDS[plan.dialect], "source": name}
    if source.path.is_file():
        with source.path.open("rb") as file:
            provenance["source_sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
    if plan.experts:
        provenance["expert"] = "0, COCO's"
    return Imported(config, facts, joints, tensors, provenance, notes)


def _expected(config: ModelConfig, facts: ViTPoseFacts) -> dict[str, Tensor]:
    """Names and shapes of the weights. From a network of one block: all blocks are alike, and 32 of H's would take seconds."""
    expected = {}
    for key, value in ViTPose(config, replace(facts, depth=1)).state_dict().items():
        if not key.endswith("num_batches_tracked"):
            copies = range(facts.depth) if ".blocks.0." in key else range(1)
            expected.update({key.replace(".blocks.0.", f".blocks.{n}."): value for n in copies})
    return expected


def _complete(source: Source, plan: Recipe) -> None:
    lacking = [f"{ours} ({part})" for ours, parts in plan.parts.items() for part in parts if part not in source.shapes]
    needed = ("patch_embed.proj.weight", "pos_embed", "last_norm.weight", "blocks.0.mlp.fc1.weight", "final_layer.weight")
    lacking += [ours for ours in needed if ours not in plan.parts]
    if lacking:
        what = "a backbone without ViTPose's head" if lacking == ["final_layer.weight"] else f"lacking {lacking[0]}"
        raise CheckpointError(f"{source.path.name} is {what}; choose the file of a whole ViTPose model.")


def _sizes(source: Source, plan: Recipe) -> tuple[Encoder, ViTPoseFacts, tuple[int, int]]:
    name = source.path.name
    shapes = {ours: source.shapes[parts[0]] for ours, parts in plan.parts.items()}
    embed = shapes["patch_embed.proj.weight"][0]
    encoder = next((key for key, size in VIT_SIZES.items() if size.embed == embed), None)
    if encoder is None:
        widths = ", ".join(f"{size.embed} ({_LETTERS[key]})" for key, size in VIT_SIZES.items())  # type: ignore[index]
        raise CheckpointError(f"{name} is {embed} wide, which is none of ViTPose's sizes: {widths}.")
    config: Mapping[str, Any] = source.config.get("backbone_config") or {}
    if not isinstance(config, Mapping):
        config = {}
    usual = VIT_SIZES[encoder]
    numbers = {int(match[1]) for ours in shapes if (match := re.match(r"blocks\.(\d+)\.", ours))}
    depth = len(numbers)
    meant = _whole(config.get("num_hidden_layers"), max(numbers) + 1)
    if numbers != set(range(meant)):
        raise CheckpointError(f"{name} has {depth} transformer blocks instead of {meant}; it is incomplete, fetch it again.")
    heads = _whole(config.get("num_attention_heads"), usual.heads)
    if embed % heads:
        raise CheckpointError(f"config.json of {name} says {heads} attention heads, which do not divide {embed} channels.")
    eps = config.get("layer_norm_eps", 1e-12 if source.config else 1e-6)  # transformers leaves out what is its default
    if not isinstance(eps, int | float) or not 0 <= eps < 0.1:
        raise CheckpointError(f"config.json of {name} says a layer norm's eps is {eps!r}; fetch it again.")
    grid = _grid(config.get("image_size"), shapes["pos_embed"], name)
    classic = any(ours.startswith("deconv_layers.") for ours in shapes)
    return encoder, ViTPoseFacts("classic" if classic else "simple", depth, heads, float(eps)), grid  # type: ignore[return-value]


def _whole(value: Any, usual: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else usual


def _grid(image: Any, positions: tuple[int, ...], name: str) -> tuple[int, int]:
    """(h, w) patches, as config.json says, else of the 4:3 crop that has so many, with or without a slot for a class token."""
    if len(positions) == 3 and positions[0] == 1:
        count = positions[1]
        if isinstance(image, list | tuple) and len(image) == 2 and all(isinstance(side, int) for side in image):
            grid = image[0] // PATCH, image[1] // PATCH
            if grid[0] * grid[1] in (count, count - 1):
                return grid
        for patches in (count - 1, count):
            w = math.isqrt(patches * 3 // 4)
            if w and w * 4 % 3 == 0 and w * (w * 4 // 3) == patches:
                return w * 4 // 3, w
    raise CheckpointError(f"{name} has position embeddings of shape {positions}, which fit no 4:3 crop (256x192 has 193).")


def _ours(name: str) -> str:
    return name if name.startswith("final_layer.") else f"encoder.{name}"


def _joined(source: Source, ours: str, parts: tuple[str, ...]) -> Tensor:
    try:
        tensors = [source.tensor(part) for part in parts]
        joined = torch.cat(tensors, dim=0) if len(tensors) > 1 else tensors[0]
    except RuntimeError as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{source.path.name} holds pieces of {ours} that do not fit together; it is damaged.") from error
    if not joined.is_floating_point():
        raise CheckpointError(f"{source.path.name} holds {parts[0]} in whole numbers; choose unquantised weights.")
    return joined.float().contiguous()


def _joints(source: Source, count: int) -> tuple[str, ...]:
    named = _named(source.config.get("id2label")) or _named(_data_set(source.meta).get("keypoint_id2name"))
    if len(named) == count and not any(re.fullmatch(r"label_\d+", name) for name in named):
        return named
    first = COCO17.joints if count in (len(COCO17), _WHOLE_BODY) else ()
    return (*first, *(f"joint_{n}" for n in range(len(first), count)))


def _data_set(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    facts = meta.get("dataset_meta")
    return facts if isinstance(facts, dict) else {}


def _named(labels: Any) -> tuple[str, ...]:
    """Joint names by index from {"0": "Nose", 1: "L_Eye"}, in our words; empty where it is something else."""
    if not isinstance(labels, dict):
        return ()
    try:
        named = {int(number): str(name) for number, name in labels.items()}
    except (TypeError, ValueError):
        return ()
    if set(named) != set(range(len(named))):
        return ()
    return tuple(_word(named[n]) for n in range(len(named)))


def _word(name: str) -> str:
    name = re.sub(r"[\s\-]+", "_", name.strip().lower())
    return re.sub(r"^l_", "left_", re.sub(r"^r_", "right_", name))


def save_vitpose(weights: Imported, path: str | Path) -> None:
    """Write imported weights as a file that ``Predictor.from_checkpoint`` reads. It appears whole or not at all."""
    path = Path(path)
    metadata = {
        "format": VITPOSE_FORMAT,
        "config": weights.config.to_json(),
        "joints": json.dumps(list(weights.joints)),
        "vitpose": json.dumps(asdict(weights.facts)),
        "provenance": json.dumps(weights.provenance, sort_keys=True),
    }
    with whole_file(path) as part:
        save_file(weights.tensors, part, metadata)


def load_vitpose(path: str | Path, device: str | torch.device = "cpu") -> tuple[ViTPose, CheckpointInfo]:
    """The network in a file of :func:`save_vitpose`, in evaluation mode.

    Raises:
        CheckpointError: another file, a damaged one, or joints other than COCO's.
    """
    info = read_info(path)
    if info.vitpose is None:
        raise CheckpointError(f"{info.path.name} is a GLSMamba checkpoint, not an imported ViTPose.")
    lacking = lacking_for_baseline(info.joints)
    if lacking or len(info.joints) != info.config.joints:
        raise CheckpointError(
            f"{info.path.name} does not predict {', '.join(lacking[:3]) or 'what it names'}, so it cannot predict by itself; "
            "choose weights trained on COCO."
        )
    model = ViTPose(info.config, info.vitpose)
    with opened(info.path) as source:
        tensors = {name: source.tensor(name) for name in source.shapes}
    own = model.state_dict()
    tensors.update({name: value for name, value in own.items() if name.endswith("num_batches_tracked")})
    problem = mismatch(own, tensors)
    if problem:
        raise CheckpointError(f"The weights in {info.path.name} do not fit its configuration: {problem}; the file is damaged.")
    model.load_state_dict(tensors, assign=True)
    return model.requires_grad_(False).to(device).eval(), info


def import_vitpose(model: GLSMamba, path: str | Path) -> list[str]:
    """Copy a ViTPose encoder (trunk and classic deconvolutions) from any file that :func:`read_vitpose` reads into a model.

    Returns warnings for the user: weights with the simple head have no deconvolutions, which then stay untrained (this deviates
    from the paper).

    Raises:
        CheckpointError: as :func:`read_vitpose`; the model's encoder is no ViT, or a ViT of another size.
    """
    path = Path(path)
    if not model.config.encoder.startswith("vit"):
        raise CheckpointError(f"This model's encoder is {model.config.encoder}; ViTPose weights fit ViT encoders only (B, H).")
    weights = read_vitpose(path)
    encoder = model.encoder
    own = encoder.state_dict()
    given = {name.removeprefix("encoder."): value for name, value in weights.tensors.items() if name.startswith("encoder.")}
    here = weights.config.input_size[0] // PATCH, weights.config.input_size[1] // PATCH
    given["pos_embed"] = resized_positions(given["pos_embed"], encoder.grid, here)  # type: ignore[arg-type]
    # At strides 8 and 16 the encoder ends before the file's second or first deconvolution.
    given = {name: value for name, value in given.items() if name in own or not name.startswith("deconv_layers.")}
    warnings = []
    if weights.facts.head == "simple" and len(encoder.deconv_layers):  # type: ignore[arg-type]
        warnings.append(
            "This file has ViTPose's simple head, so the upsampler stays untrained, unlike in the paper; take a classic one."
        )
        given.update({name: value for name, value in own.items() if name.startswith("deconv_layers.")})
    for name, value in own.items():
        if name.endswith("num_batches_tracked"):
            given.setdefault(name, value)
    problem = mismatch(own, given)
    if problem:
        raise CheckpointError(
            f"{path.name} does not fit the {model.config.encoder} encoder: {problem}; choose weights of the same ViT size."
        )
    encoder.load_state_dict(given)
    return warnings

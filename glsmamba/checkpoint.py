"""Checkpoints: safetensors files that carry the model's configuration, joint names and where the weights come from.

Nothing is ever unpickled. Metadata keys (strings, as the format has it): ``format`` = ``glsmamba-checkpoint/1``, ``config``
(JSON of :class:`~glsmamba.config.ModelConfig`), ``joints`` (JSON list of names), ``provenance`` (JSON object: data, measures)
and, where it was calibrated, ``calibration`` (JSON of :class:`~glsmamba.calibration.Calibration`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from glsmamba.calibration import Calibration
from glsmamba.data.skeletons import POSETRACK15, Skeleton
from glsmamba.data.whole_file import whole_file
from glsmamba.modeling.model import GLSMamba
from glsmamba.weight_file import FORMAT, SHIPPED, CheckpointError, CheckpointInfo, read_info

__all__ = [
    "FORMAT", "SHIPPED", "CheckpointError", "CheckpointInfo", "load_checkpoint", "mismatch", "read_info", "save_calibration",
    "save_checkpoint",
]  # fmt: skip


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
    _write_whole(tensors, path, metadata)


def save_calibration(path: str | Path, calibration: Calibration) -> None:
    """Put a calibration into a checkpoint, in the place of an older one; weights and all else it says stay as they are.

    Raises:
        CheckpointError: the file is missing, foreign or damaged.
        OSError: it cannot be written; it is as it was.
    """
    path = read_info(path).path.resolve()  # the file itself, where the path is a link to it
    with safe_open(path, framework="numpy") as file:
        metadata = {**file.metadata(), "calibration": calibration.to_json()}
    _write_whole(load_file(path), path, metadata)


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
    if info.single_frame:
        raise CheckpointError(
            f"{info.path.name} holds ViTPose weights, which predict each frame by itself; choose a GLSMamba checkpoint here."
        )
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


def _write_whole(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    try:
        with whole_file(path) as part:
            save_file(tensors, part, metadata)
    except SafetensorError as error:  # safetensors' way to say that the disk is full
        raise OSError(f"{path} could not be written ({error}); free some space. What was there is unchanged.") from error


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

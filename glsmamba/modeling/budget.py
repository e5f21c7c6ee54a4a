"""Parameters and multiply-adds of a model, counted as the paper's table counts them.

Parameters: every parameter of the trainable part (everything but the frozen encoder), the raw S6 tensors included.
Operations: multiply-adds of the Linear and convolution modules of one window, encoder included, found by module hooks as thop
and ptflops do. Attention products, scans, deformable sampling, norms, activations and raw S6 tensors are not counted: the
paper's 85.1 G of the low-resolution model leaves no room for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from glsmamba.config import ModelConfig
from glsmamba.modeling.model import GLSMamba

PAPER_PARAMETERS_M = 9.8  # GLSMamba-B, trainable
PAPER_GFLOPS = 138.9


@dataclass(frozen=True)
class Budget:
    """Counts of one configuration."""

    parameters: int
    by_part: dict[str, int]
    gflops: float
    gflops_by_part: dict[str, float]


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Parameters by part: ``encoder``, ``embed``, ``gsm``, ``lrm``, ``head``."""
    return {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}


def _macs(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> int:
    x: Tensor = args[0]
    if isinstance(module, nn.Linear):
        return output.numel() * module.in_features
    if isinstance(module, nn.ConvTranspose2d):
        kernel = module.kernel_size[0] * module.kernel_size[1]
        return x.numel() * (module.out_channels // module.groups) * kernel
    weight: Tensor = module.weight  # type: ignore[assignment]
    return output.numel() * weight[0].numel()


def count_gflops(model: GLSMamba) -> dict[str, float]:
    """Multiply-adds of one window in units of 1e9, by part. Runs on the model's own device, ``meta`` included."""
    counts = dict.fromkeys((name for name, _ in model.named_children()), 0)
    handles = []
    for name, part in model.named_children():
        for module in part.modules():
            if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d):

                def hook(module: nn.Module, args: tuple[Any, ...], output: Tensor, name: str = name) -> None:
                    counts[name] += _macs(module, args, output)

                handles.append(module.register_forward_hook(hook))
    device = next(model.parameters()).device
    c = model.config
    try:
        with torch.no_grad():
            features = model.encode(torch.zeros(c.frames, 3, *c.input_size, device=device))
            model.decode_features(features.unflatten(0, (1, c.frames)), full=True)
    finally:
        for handle in handles:
            handle.remove()
    return {name: count / 1e9 for name, count in counts.items()}


def budget(config: ModelConfig) -> Budget:
    """Counts of a configuration, without allocating its weights."""
    with torch.device("meta"):
        model = GLSMamba(config).eval()
    parts = count_parameters(model)
    gflops = count_gflops(model)
    trainable = sum(count for name, count in parts.items() if name != "encoder")
    return Budget(trainable, parts, sum(gflops.values()), gflops)

"""A run's state on disk: written whole or not at all, and without pickles.

A run folder holds ``state-N/`` folders (``model``, ``ema`` and ``optimiser`` as safetensors, ``progress.json``) of which the
newest complete one counts, and ``log.csv``.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor


@dataclass
class Progress:
    """Where a run stands: optimiser steps, samples seen, seconds of training, and the next sample to draw."""

    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    phase: int = 0
    epoch: int = 0
    position: int = 0
    best: float = -1.0


def save_state(
    folder: Path, progress: Progress, model: dict[str, Tensor], ema: dict[str, Tensor], optimiser: torch.optim.Optimizer
) -> Path:
    """Write a new state and drop older ones. Returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"state-{progress.step:08d}"
    partial = folder / f".partial-{progress.step:08d}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    save_file(_plain(model), partial / "model.safetensors")
    save_file(_plain(ema), partial / "ema.safetensors")
    save_file(_optimiser_tensors(optimiser), partial / "optimiser.safetensors")
    (partial / "progress.json").write_text(json.dumps(asdict(progress)), encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    os.replace(partial, target)
    for old in sorted(folder.glob("state-*"))[:-2]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def newest_state(folder: Path) -> Path | None:
    """The newest complete state of a run, or None."""
    states = sorted(path for path in folder.glob("state-*") if (path / "progress.json").is_file())
    return states[-1] if states else None


def load_state(state: Path, optimiser: torch.optim.Optimizer) -> tuple[Progress, dict[str, Tensor], dict[str, Tensor]]:
    """Progress, model weights and EMA weights of a state; the optimiser is put where it was."""
    progress = Progress(**json.loads((state / "progress.json").read_text(encoding="utf-8")))
    saved = load_file(state / "optimiser.safetensors")
    current = optimiser.state_dict()
    parts: dict[int, dict[str, Tensor]] = {}
    for key, value in saved.items():
        index, name = key.split(".", 1)
        parts.setdefault(int(index), {})[name] = value
    current["state"] = parts
    optimiser.load_state_dict(current)
    return progress, load_file(state / "model.safetensors"), load_file(state / "ema.safetensors")


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().contiguous().clone() for name, value in tensors.items()}


def _optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    out: dict[str, Tensor] = {}
    for index, values in optimiser.state_dict()["state"].items():
        for name, value in values.items():
            out[f"{index}.{name}"] = torch.as_tensor(value).detach().contiguous().clone()
    return out

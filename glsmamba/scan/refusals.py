"""Kernels that failed their self-test on a device. Whoever chooses a kernel asks here first and takes the next one."""

from __future__ import annotations

from typing import Literal

import torch

Part = Literal["scan", "deform"]

_refused: dict[tuple[str, Part, str], str] = {}


def refuse(device: str | torch.device, part: Part, backend: str, reason: str) -> None:
    """Do not use ``backend`` for ``part`` on ``device`` in this process any more; ``reason`` is part of a sentence."""
    _refused[_name(device), part, backend] = reason


def refusal(device: str | torch.device, part: Part, backend: str) -> str | None:
    """Why a kernel is not used on a device, or None."""
    return _refused.get((_name(device), part, backend)) if _refused else None


def refusals(device: str | torch.device) -> dict[tuple[Part, str], str]:
    """(part, backend) -> reason for all kernels not used on a device."""
    return {(part, backend): reason for (name, part, backend), reason in _refused.items() if name == _name(device)}


def forget(device: str | torch.device) -> None:
    """Give all kernels of a device another chance."""
    for key in [key for key in _refused if key[0] == _name(device)]:
        del _refused[key]


def _name(device: str | torch.device) -> str:
    device = torch.device(device)
    return f"{device.type}:{device.index or 0}"

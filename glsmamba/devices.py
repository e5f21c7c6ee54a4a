"""Devices that the model can run on. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch

__all__ = ["Device", "available_devices", "best_device"]


@dataclass(frozen=True)
class Device:
    """A device: ``name`` as the predictor takes it (``cpu``, ``cuda:0``), ``title`` for people, ``memory`` in bytes or None."""

    name: str
    title: str
    memory: int | None = None


def available_devices() -> list[Device]:
    """All devices, the CPU first."""
    devices = [Device("cpu", f"CPU, {torch.get_num_threads()} threads")]
    if torch.cuda.is_available():
        for n in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(n)
            devices.append(Device(f"cuda:{n}", facts.name, facts.total_memory))
    return devices


def best_device() -> str:
    """``cuda:0`` if there is one, else ``cpu``."""
    return "cuda:0" if torch.cuda.is_available() else "cpu"

"""What the benchmarks of the kernels and of the model share: the machine, what it can do at best, timing, and goals."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Goal:
    """One goal: what was measured, what it should be, and whether more or less is better."""

    name: str
    measured: float
    goal: float
    unit: str
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.measured >= self.goal if self.at_least else self.measured <= self.goal

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{self.name}  {self.measured:.3g} {self.unit}  {sign}{self.goal:g} {self.unit}  {'ok' if self.met else 'SHORT'}"


def report(goals: Iterable[Goal]) -> int:
    """Print a line per goal; the exit status, 1 if any falls short."""
    goals = list(goals)
    for goal in goals:
        print(goal)
    return 0 if all(goal.met for goal in goals) else 1


def machine() -> str:
    """Processor, cores, threads and load in one line."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    kind = torch.backends.cpu.get_cpu_capability()
    return f"{name} ({kind}), {os.cpu_count()} cores, {torch.get_num_threads()} threads used{load}"


def awake(model: Model) -> Model:
    """Layers that start at zero get weights, so that deformable sampling wanders as it does in a trained network."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("linear_out.weight", "ffn.fc2.weight", "offset.weight")):
                parameter.normal_(std=0.05)
    return model


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def gemm_speed() -> float:
    """Floating point operations per second of a large float32 product."""
    n = 2048
    a, b, out = (torch.randn(n, n) for _ in range(3))
    torch.mm(a, b, out=out)
    return 2 * n**3 / min(timed(lambda: torch.mm(a, b, out=out)) for _ in range(4))


def memory_speed() -> float:
    """Bytes per second, read and written, of a copy that no cache holds."""
    a = torch.zeros(1 << 26)
    b = torch.empty_like(a).copy_(a)
    return 2 * a.nbytes / min(timed(lambda: b.copy_(a)) for _ in range(4))

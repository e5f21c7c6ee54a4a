"""Speed of the two CPU kernels against plain PyTorch in the same run, so that the ratios hold on a busy machine too.

    python benchmarks/scan.py [--quick] [--threads N] [--repeats 3]

The selective scan over six paths against a loop over the tokens, the deformable convolution against nine ``grid_sample``.
All threads for the kernels and for ``grid_sample``; one for the loop, whose tensors are too small for PyTorch to split and
only lose by waking threads on a busy machine. Prints one line per goal, ``name  measured  goal  ok|SHORT``; exits 1 if a goal
is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _timing import Goal, machine, report, timed

from glsmamba.scan.deform import deformable_by_grid_sample, deformable_depthwise
from glsmamba.scan.orders import path_orders
from glsmamba.scan.reference import scan_loop
from glsmamba.scan.selective import selective_scan

PATHS = ("unified", "spatial", "temporal")


def alternate(fast: Callable[[], object], slow: Callable[[], object], repeats: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median ratio of neighbouring runs. Each slow run is followed by three fast ones."""
    fast()  # compile, touch memory
    pairs = []
    start = time.perf_counter()
    while len(pairs) < repeats and (not pairs or time.perf_counter() - start < 40):
        pairs.append((timed(slow), statistics.median(timed(fast) for _ in range(3))))
    slows, fasts = zip(*pairs, strict=True)
    return statistics.median(fasts), statistics.median(slows), statistics.median(s / f for s, f in pairs)


def on_one_thread(work: Callable[[], object]) -> None:
    """Run it with a single PyTorch thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        work()
    finally:
        torch.set_num_threads(before)


def scan_inputs(frames: int, height: int, width: int, inner: int, states: int) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Inputs as at Mamba's initialisation."""
    length, paths = frames * height * width, 6
    rates = -torch.arange(1.0, states + 1).expand(paths, inner, states).contiguous()
    steps = torch.empty(paths, inner).uniform_(-6.9, -2.3).exp()
    return [
        torch.randn(1, length, inner), torch.randn(1, paths, length, inner) * 0.3, rates,
        torch.randn(1, paths, length, states), torch.randn(1, paths, length, states),
        torch.ones(paths, inner), torch.log(torch.expm1(steps)),
    ], path_orders(PATHS, frames, height, width)  # fmt: skip


def train_step(inputs: list[torch.Tensor], order: torch.Tensor) -> float:
    """Seconds of one forward and backward pass with all gradients."""
    leaves = [t.clone().requires_grad_() for t in inputs]
    grad = torch.randn_like(leaves[1])

    def step() -> None:
        selective_scan(*leaves, order).backward(grad)  # type: ignore[call-overload]

    step()
    return statistics.median(timed(step) for _ in range(3))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a quarter of the tokens")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    print(machine())
    grid = (5, 32, 24) if options.quick else (5, 64, 48)
    goals = []

    inputs, order = scan_inputs(*grid, 256, 16)
    with torch.no_grad():
        fast, slow, ratio = alternate(
            lambda: selective_scan(*inputs, order),  # type: ignore[call-overload]
            lambda: on_one_thread(lambda: scan_loop(*inputs, order, dtype=torch.float32)),
            options.repeats,
        )
    print(f"scan, 6 paths x {order.shape[1]} tokens x 256 channels x 16 states: {fast * 1e3:.0f} ms, loop {slow * 1e3:.0f} ms")
    goals.append(Goal("scan against the plain loop", ratio, 25, "x"))
    print(f"   forward and backward: {train_step(inputs, order) * 1e3:.0f} ms")
    for name, shape in (("T", (5, 56, 42, 64, 8)), ("B", (5, 64, 48, 384, 16))):
        if not options.quick or name == "T":
            more, paths = scan_inputs(*shape)
            with torch.no_grad():
                selective_scan(*more, paths)  # type: ignore[call-overload]
                one = statistics.median(timed(lambda m=more, p=paths: selective_scan(*m, p)) for _ in range(5))  # type: ignore[misc]
            both = train_step(more, paths)
            print(f"   preset {name}, one window: {one * 1e3:.0f} ms, forward and backward {both * 1e3:.0f} ms")

    inner = 96 if options.quick else 384
    x, weight = torch.randn(5, 64, 48, inner), torch.randn(inner, 9)
    offset, mask = torch.randn(5, 64, 48, 9, 2), torch.rand(5, 64, 48, 9)
    with torch.no_grad():
        fast, slow, ratio = alternate(
            lambda: deformable_depthwise(x, offset, mask, weight),
            lambda: deformable_by_grid_sample(x, offset, mask, weight),
            max(options.repeats, 5),
        )
    print(f"deformable 3x3, 5 x 64 x 48 x {inner}: {fast * 1e3:.0f} ms, nine grid_sample {slow * 1e3:.0f} ms")
    goals.append(Goal("deformable convolution against grid_sample", ratio, 10, "x"))

    return report(goals)


if __name__ == "__main__":
    sys.exit(main())

"""Speed of the two CPU kernels against plain PyTorch in the same run, so that the ratios hold on a busy machine too.

    python benchmarks/scan.py [--quick] [--threads N] [--repeats 3]

The selective scan over six paths against a loop over the tokens, and, as the model's blocks call it, against its roof: the
larger of the time that its floating point operations take at the speed of a large float32 product and the time that its input
and output take at the speed of a large copy, both measured beside it. Its peak memory, in a process of its own: beyond inputs
and results, per token, at two lengths. The deformable convolution against nine ``grid_sample``. All threads for the kernels
and for ``grid_sample``; one for the loop, whose tensors are too small for PyTorch to split and only lose by waking threads on
a busy machine. Prints one line per goal, ``name  measured  goal  ok|SHORT``; exits 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _timing import Goal, gemm_speed, machine, memory_speed, report, timed

from glsmamba.kept_memory import keep_memory
from glsmamba.scan.deform import deformable_by_grid_sample, deformable_depthwise
from glsmamba.scan.orders import path_orders
from glsmamba.scan.reference import scan_loop
from glsmamba.scan.selective import selective_scan
from glsmamba.scan.streams import selective_streams

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


def scan_inputs(
    frames: int, height: int, width: int, inner: int, states: int, paths: int = 6
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Inputs as at Mamba's initialisation, along the first paths of six."""
    length = frames * height * width
    rates = -torch.arange(1.0, states + 1).expand(paths, inner, states).contiguous()
    steps = torch.empty(paths, inner).uniform_(-6.9, -2.3).exp()
    return [
        torch.randn(1, length, inner), torch.randn(1, paths, length, inner) * 0.3, rates,
        torch.randn(1, paths, length, states), torch.randn(1, paths, length, states),
        torch.ones(paths, inner), torch.log(torch.expm1(steps)),
    ], path_orders(PATHS, frames, height, width)[:paths]  # fmt: skip


def train_step(inputs: list[torch.Tensor], order: torch.Tensor) -> float:
    """Seconds of one forward and backward pass with all gradients."""
    leaves = [t.clone().requires_grad_() for t in inputs]
    grad = torch.randn_like(leaves[1])

    def step() -> None:
        selective_scan(*leaves, order).backward(grad)  # type: ignore[call-overload]

    step()
    return statistics.median(timed(step) for _ in range(3))


# dt A, 2^x (rounded by two sums, the rest by one, five fused steps of a polynomial), dt u B, h = a h + ., y = c h + y
FLOPS_PER_STATE = 1 + 3 + 10 + 1 + 2 + 2
FLOPS_PER_STEP = 35  # softplus (2^x, six fused steps, a quotient and the rest), dt u, D u; besides 2 for each number of rank R


def streams_against_roof(frames: int, height: int, width: int, inner: int, states: int, repeats: int) -> float:
    """Median of seconds over the roof's seconds for the scan without gradients, step sizes of rank 12 and three streams."""
    (u, _, rates, _, _, skip, bias), order = scan_inputs(frames, height, width, inner, states)
    (paths, length), rank = order.shape, 12
    low, bs, cs = torch.randn(1, length, paths, rank + 2 * states).transpose(1, 2).split([rank, states, states], -1)
    weight = torch.randn(paths, inner, rank) * 0.3 / rank**0.5

    def scan() -> object:
        return selective_streams(u, low, weight, rates, bs, cs, skip, bias, order, 3)

    flops = paths * length * inner * (states * FLOPS_PER_STATE + FLOPS_PER_STEP + 2 * rank)
    moved = 4 * (length * inner * (1 + 3) + paths * length * (rank + 2 * states))
    ratios = []
    with torch.no_grad():
        scan()
        for _ in range(max(3, repeats)):
            took = min(timed(scan) for _ in range(4))  # the least disturbed, as of the two limits
            arithmetic, memory = flops / gemm_speed(), moved / memory_speed()
            ratios.append((took / max(arithmetic, memory), took, arithmetic, memory))
    ratio, took, arithmetic, memory = sorted(ratios)[len(ratios) // 2]
    print(
        f"   as blocks call it, {inner} channels: {took * 1e3:.0f} ms; {flops / 1e9:.1f} GFLOP at the speed of a product",
        end=" ",
    )
    print(f"{arithmetic * 1e3:.0f} ms, {moved / 1e6:.0f} MB at the speed of a copy {memory * 1e3:.0f} ms")
    return ratio


def _status(name: str) -> int:
    """Bytes of a line of this process's memory report (Linux)."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def peak_memory(frames: int) -> dict[str, float]:
    """Bytes per token that the scan takes at most beyond inputs and results, one path of 256 channels and 16 states.

    Run in a process of its own, after the kernels have been compiled: what matters is the process's high-water mark.
    """
    long, order = scan_inputs(frames, 64, 48, 256, 16, paths=1)
    short, few = scan_inputs(1, 2, 4, 256, 16, paths=1)

    def most(work: Callable[[], list[torch.Tensor]]) -> float:
        ctypes.CDLL(None).malloc_trim(0)  # nothing may hide in memory that was freed and kept
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
        before = _status("VmRSS")
        results = work()
        return (_status("VmHWM") - before - sum(t.nbytes for t in results)) / order.shape[1]

    def forward(inputs: list[torch.Tensor], path: torch.Tensor) -> list[torch.Tensor]:
        with torch.no_grad():
            return [selective_scan(*inputs, path)]  # type: ignore[call-overload]

    def backward(inputs: list[torch.Tensor], path: torch.Tensor) -> list[torch.Tensor]:
        leaves = [t.detach().requires_grad_() for t in inputs]
        y = selective_scan(*leaves, path)  # type: ignore[call-overload]
        gradients = torch.autograd.grad(y, leaves, torch.ones_like(y))
        return [y.detach(), *gradients, gradients[1]]  # the last stands for the gradient that was given

    found = {}
    for name, run in (("forward", forward), ("forward and backward", backward)):
        run(short, few)
        found[name] = most(lambda r=run: r(long, order))  # type: ignore[misc]
    return found


def measured_memory() -> list[Goal]:
    """Goals of :func:`peak_memory` at two lengths."""
    if not sys.platform.startswith("linux"):
        print("peak memory: measured on Linux only, which tells it")
        return []
    found = []
    for frames in (5, 20):
        command = [sys.executable, __file__, "--peak-memory", str(frames), "--threads", str(torch.get_num_threads())]
        found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    states = 4 * 256 * 16
    goals = []
    for name, few in found[0].items():
        many = found[1][name]
        print(
            f"{name}, memory beyond inputs and results: {few:.0f} bytes a token, {many:.0f} of four times the tokens;", end=" "
        )
        print(f"the states of every token would be {states}")
        goals.append(
            Goal(f"memory of {name} over the states of every token", max(few, many) / states, 0.1, "x", at_least=False)
        )
    linear = found[1]["forward and backward"] / found[0]["forward and backward"]
    return [*goals, Goal("memory per token at four times the tokens", linear, 1.1, "x", at_least=False)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a quarter of the tokens")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peak-memory", type=int, metavar="FRAMES", help="print the peak memory of so many frames, as JSON")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    if options.peak_memory:
        print(json.dumps(peak_memory(options.peak_memory)))
        return 0
    keep_memory()  # as the program does
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
    roof = streams_against_roof(*grid, 256, 16, options.repeats)
    goals.append(Goal("scan against its roof", roof, 2, "x", at_least=False))
    goals += measured_memory()
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

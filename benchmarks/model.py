"""Speed of whole models on this processor: preset T as the program runs it, preset B against its matrix products alone.

    python benchmarks/model.py [--threads N] [--repeats 5] [--skip-b]

T: person-windows per second through the predictor (crops and decoding included) one by one, eight people at a time, and along
one box, where each frame is encoded once; the share of every stage; and the same network on plain PyTorch in place of the two
compiled kernels, in alternation. B: one window against the time that its matrix products (linear layers, convolutions,
attention and the projections of S6) would take at the speed of a large float32 product measured beside it. All weights are
random: they do not matter to the time as long as no layer is the identity and deformable sampling wanders. Rates are those of
the least disturbed run, as other programs may share the machine; ratios are medians over runs in alternation.

Prints one line per goal, ``name  measured  goal  ok|SHORT``; exits 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _timing import Goal, awake, gemm_speed, machine, report, timed

from glsmamba.config import PRESETS
from glsmamba.kept_memory import keep_memory
from glsmamba.modeling import kernels
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.s6 import S6Paths
from glsmamba.predictor import PosePrediction, PoseWindow, Predictor
from glsmamba.scan.deform import added, deformable_by_grid_sample
from glsmamba.scan.reference import scan_loop
from glsmamba.scan.selective import selective_scan
from glsmamba.scan.streams import by_paths

BOX = (230.0, 40.0, 130.0, 290.0)


class Stages:
    """Time spent in each stage of a model, by hooks."""

    def __init__(self, model: GLSMamba):
        self.seconds: dict[str, float] = {}
        for name, module in self._stages(model):
            self.seconds[name] = 0.0
            started: list[float] = []
            module.register_forward_pre_hook(lambda *_, s=started: s.append(time.perf_counter()))
            module.register_forward_hook(lambda *_, s=started, n=name: self._add(n, time.perf_counter() - s.pop()))

    def _add(self, name: str, seconds: float) -> None:
        self.seconds[name] += seconds

    @staticmethod
    def _stages(model: GLSMamba) -> Iterator[tuple[str, nn.Module]]:
        def parts(kind: str, block: nn.Module) -> Iterator[tuple[str, nn.Module]]:
            yield kind + ": linear in and out", block.linear_in  # type: ignore[misc]
            yield kind + ": linear in and out", block.linear_out  # type: ignore[misc]
            yield kind + ": gate", block.gate  # type: ignore[misc]
            yield kind + ": FFN", block.ffn  # type: ignore[misc]

        yield "encoder", model.encoder
        yield "embedding", model.embed
        for block in model.gsm:
            yield "GSM", block
            yield "GSM: scans (STS6D)", block.sts6d  # type: ignore[misc]
            yield "GSM: deformable merge (STMM)", block.stmm  # type: ignore[misc]
            yield from parts("GSM", block)
        for block in model.lrm:
            yield "LRM", block
            yield "LRM: scans (WSTS)", block.wsts  # type: ignore[misc]
            yield from parts("LRM", block)
        yield "head", model.head

    def table(self, total: float) -> list[tuple[str, float]]:
        """(stage, seconds) that add up to ``total``: blocks become what their named parts leave."""
        left = dict(self.seconds)
        for kind in ("GSM", "LRM"):
            left[kind] -= sum(value for name, value in left.items() if name.startswith(kind + ":"))
        left = {name + ": the rest" if name in ("GSM", "LRM") else name: value for name, value in left.items()}
        return [*left.items(), ("crops, decoding, the rest", total - sum(left.values()))]


def people(count: int) -> list[PoseWindow]:
    """Windows that share no frame and no box."""
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (360, 640, 3), np.uint8) for _ in range(5)]
    return [PoseWindow(tuple(f.copy() for f in frames), (BOX[0] + 3 * n, *BOX[1:])) for n in range(count)]


def stroll(count: int) -> list[PoseWindow]:
    """Windows of consecutive key frames of one person in one box: neighbours share four frames."""
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 255, (360, 640, 3), np.uint8) for _ in range(count + 4)]
    return [PoseWindow(tuple(frames[n : n + 5]), BOX) for n in range(count)]


def _chunks(*args: Any, **options: Any) -> Tensor:
    return selective_scan(*args, **options, backend="torch")  # type: ignore[no-any-return]


def _loop(*args: Any, delta_softplus: bool) -> Tensor:
    return scan_loop(*args, delta_softplus, dtype=torch.float32)[0]


@contextmanager
def plain_pytorch(scan: Callable[..., Tensor]) -> Iterator[None]:
    """Run the model on this scan and on ``grid_sample`` instead of the compiled kernels."""
    before = kernels.selective_streams, kernels.deformable_added
    kernels.selective_streams, kernels.deformable_added = partial(by_paths, scan), partial(added, deformable_by_grid_sample)
    try:
        yield
    finally:
        kernels.selective_streams, kernels.deformable_added = before


def apart(a: PosePrediction, b: PosePrediction) -> float:
    """Largest difference of two predictions' heat maps, over their range."""
    assert a.heatmaps is not None and b.heatmaps is not None
    return float(np.abs(a.heatmaps - b.heatmaps).max() / np.ptp(b.heatmaps))


def measure_t(threads: int, repeats: int) -> list[Goal]:
    torch.manual_seed(0)
    predictor = Predictor(awake(GLSMamba(PRESETS["T"])), threads=threads)
    c = predictor.config
    print(f"{predictor.name}: {c.frames} frames of {c.input_size[0]}x{c.input_size[1]}, {c.tokens} tokens")
    several, along = people(8), stroll(24)
    predictor.predict(several[:2])  # compile, touch memory
    singles = [timed(lambda w=w: predictor.predict([w])) for _ in range(repeats) for w in several]  # type: ignore[misc]
    together = [timed(lambda: predictor.predict(several)) / len(several) for _ in range(repeats)]
    streamed = [timed(lambda: predictor.predict(along)) / len(along) for _ in range(max(2, repeats // 2))]
    for name, times in (("one by one", singles), ("eight people", together), ("along one box", streamed)):
        print(f"   {name:30}{min(times) * 1e3:7.1f} ms a window, median {statistics.median(times) * 1e3:.1f}")

    one = several[:1]
    ours = predictor.predict(one, keep_heatmaps=True)[0]
    against: dict[str, float] = {}
    for name, scan, rounds in (("in chunks", _chunks, 3), ("token by token", _loop, 1)):
        ratios, poses = [], [ours]
        for _ in range(rounds):
            with plain_pytorch(scan):
                slow = timed(lambda p=poses: p.extend(predictor.predict(one, keep_heatmaps=True)))  # type: ignore[misc]
            ratios.append(slow / statistics.median(timed(partial(predictor.predict, one)) for _ in range(3)))
        against[name] = statistics.median(ratios)
        print(f"   plain PyTorch, scan {name}: {against[name]:.1f} times as long, {apart(poses[-1], ours):.0e} apart")

    stages = Stages(predictor.model)
    total = sum(timed(lambda w=w: predictor.predict([w])) for w in several)  # type: ignore[misc]
    for name, seconds in stages.table(total):
        print(f"   {name:30}{seconds / len(several) * 1e3:7.1f} ms {seconds / total:6.1%}")
    return [
        Goal("T one by one", 1 / min(singles), 5, "windows/s"),
        Goal("T eight people at a time", 1 / min(together), 5, "windows/s"),
        Goal("T along one box, frames encoded once", 1 / min(streamed), 10, "windows/s"),
        Goal("T against plain PyTorch, scan in chunks", against["in chunks"], 5, "x"),
    ]


def matrix_products(model: GLSMamba, window: Tensor) -> int:
    """Floating point operations of all linear layers, convolutions and products of one forward pass."""
    attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu  # the counter knows those of CUDA only

    def count(q: torch.Size, k: torch.Size, v: torch.Size, *_: object, **__: object) -> int:
        return sdpa_flop_count(q, k, v)

    def count_convolution(_: torch.Size, *others: Any, out_shape: torch.Size, **__: object) -> int:
        weight = others[1] if others[0] == out_shape else others[0]  # after what is added to the result
        return 2 * out_shape.numel() * int(np.prod(weight[1:]))

    fused = torch.ops.mkldnn._convolution_pointwise
    mapping = {attention: count, fused: count_convolution}
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter:
        model(window)
    # the product that makes step sizes is inside the scan's kernel, where the counter does not see it
    steps = [(module.dt_proj.numel(), module.copies) for module in model.modules() if isinstance(module, S6Paths)]
    return counter.get_total_flops() + sum(2 * model.config.tokens * numbers * copies for numbers, copies in steps)


def measure_b(repeats: int) -> list[Goal]:
    torch.manual_seed(0)
    model = awake(GLSMamba(PRESETS["B"])).eval()
    model.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    window = torch.randn(1, model.config.frames, 3, *model.config.input_size)
    with torch.no_grad():
        products = matrix_products(model, window)
        pairs = []
        for _ in range(max(3, repeats // 2)):
            seconds, speed = timed(lambda: model(window)), gemm_speed()
            pairs.append((seconds, products / speed, speed))
        stages = Stages(model)
        total = timed(lambda: model(window))
    seconds, alone, speed = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"preset B: {seconds:.2f} s a window; its matrix products, {products / 1e9:.0f} GFLOP, alone {alone:.2f} s", end=" ")
    print(f"at {speed / 1e9:.0f} GFLOP/s")
    for name, part in stages.table(total):
        print(f"   {name:30}{part * 1e3:7.0f} ms {part / total:6.1%}")
    ratio = statistics.median(took / least for took, least, _ in pairs)
    return [Goal("B against its matrix products alone", ratio, 1.4, "x", at_least=False)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--skip-b", action="store_true", help="leave out preset B, which takes 2 GB and half a minute")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_memory()  # as the program does
    print(machine())
    goals = measure_t(options.threads, options.repeats)
    if not options.skip_b:
        goals += measure_b(options.repeats)
    return report(goals)


if __name__ == "__main__":
    sys.exit(main())

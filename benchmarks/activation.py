"""Time of an activation map on the CPU: can it follow the mouse?

    python benchmarks/activation.py [--threads N] [--repeats 5] [--preset T]

One person's window is captured once; then maps of different query tokens are asked of each block: all paths, reduced and laid
back onto the frames. The rival gives the same map without captured state: the model is run anew for each query and autograd
goes through the scan of every path (the gradient of the query's output with respect to the scan's input). Both in alternation;
their maps are compared. Maps of all tokens (sums and norms) are timed too, without a goal.

Prints one line per goal, ``name  measured  goal  ok|SHORT``; exits 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _timing import Goal, machine, report, timed

from glsmamba.activation import block_scans
from glsmamba.config import PRESETS
from glsmamba.maps import Block, MapKind
from glsmamba.modeling.model import GLSMamba
from glsmamba.predictor import PoseWindow, Predictor
from glsmamba.scan.selective import selective_scan

BOX = (230.0, 40.0, 130.0, 290.0)


def by_autograd(predictor: Predictor, window: PoseWindow, block: Block, query: tuple[int, int, int]) -> np.ndarray:
    """(t, h, w) sum over the paths of the mean magnitude of the query's row: model, scan and gradient anew."""
    scan = block_scans(predictor.model)[block]
    seen: list[torch.Tensor] = []
    handle = scan.register_forward_pre_hook(lambda _module, args: seen.append(args[0].clone()))
    predictor.predict([window])
    handle.remove()
    with torch.no_grad():
        s = scan.s6.project(scan.to_tokens(seen[0]).clone())
    _, h, w = seen[0].shape[1:4]
    token = (query[0] * h + query[1]) * w + query[2]
    total = torch.zeros(s.u.shape[1])
    for k in range(len(scan.names)):
        u = s.u.clone().requires_grad_()
        one = slice(k, k + 1)
        y = selective_scan(u, s.delta[:, one], s.A[one], s.B[:, one], s.C[:, one], None, s.delta_bias[one], scan.order[one])
        (row,) = torch.autograd.grad(y[0, 0, token].sum(), u)
        total += row[0].abs().mean(-1)
    return total.view(seen[0].shape[1:4]).numpy()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="T")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(machine())
    torch.manual_seed(0)
    predictor = Predictor(GLSMamba(PRESETS[arguments.preset]))
    c = predictor.config
    rng = np.random.default_rng(0)
    window = PoseWindow(tuple(rng.integers(0, 255, (360, 640, 3), np.uint8) for _ in range(c.frames)), BOX)
    captured = predictor.capture(window)
    capturing = min(timed(lambda: predictor.capture(window)) for _ in range(3))
    print(f"{predictor.name}: {c.tokens} tokens, {c.inner} channels, {c.d_state} states")
    print(f"   capturing a window: {capturing * 1e3:.0f} ms")

    places = rng.uniform((BOX[0], BOX[1]), (BOX[0] + BOX[2], BOX[1] + BOX[3]), (4 * arguments.repeats, 2))
    slowest = 0.0
    for block in captured.blocks:
        kind = MapKind(block)
        first = timed(lambda kind=kind: captured.maps(0, kind))  # type: ignore[misc]
        times = [timed(lambda p=p, kind=kind: captured.maps(tuple(p), kind)) for p in places]  # type: ignore[misc]
        slowest = max(slowest, statistics.median(times))
        typical, worst = statistics.median(times) * 1e3, max(times) * 1e3
        name = f"{block[0].upper()} {block[1] + 1}"
        print(f"   {name}: {typical:6.1f} ms a map, worst {worst:.1f}, the first {first * 1e3:.0f}")
    for quantity in ("row_sum", "row_norm", "column_sum", "column_norm"):
        seconds = timed(lambda q=quantity: captured.maps(kind=MapKind(quantity=q)))  # type: ignore[misc,arg-type]
        print(f"   all tokens, {quantity.replace('_', ' ')}s: {seconds * 1e3:6.0f} ms")

    block, ratios, apart = ("gsm", 0), [], 0.0
    captured.block(block)
    for p in places[: arguments.repeats]:
        found: list[np.ndarray] = []
        token = captured.token(tuple(p))
        rival = timed(lambda: found.append(by_autograd(predictor, window, block, token)))  # noqa: B023
        ours = statistics.median(timed(lambda: captured.maps(tuple(p), MapKind(block))) for _ in range(3))  # noqa: B023
        ratios.append(rival / ours)
        ours_map = captured.maps(tuple(p), MapKind(block)).maps["all"]
        apart = max(apart, float(np.abs(ours_map - found[0]).max() / found[0].max()))
    name = f"{arguments.preset}, one query's map of one block"
    goals = [
        Goal(name, slowest * 1e3, 150, "ms", at_least=False),
        Goal(f"{name} against model and autograd anew", statistics.median(ratios), 10, "times"),
        Goal("largest difference from the rival's map, of its maximum", apart, 1e-4, "", at_least=False),
    ]
    return report(goals)


if __name__ == "__main__":
    sys.exit(main())

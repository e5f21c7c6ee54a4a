"""Parameters, operations and time of every variant of the model, beside the paper's table.

    python benchmarks/ablation.py [--preset B|T] [--rounds 2] [--threads N] [--skip-time]

Parameters: all that is trained (everything but the frozen encoder), in millions; in brackets without the raw tensors of S6,
which counters that walk over modules do not see. Operations are counted twice:

- ``G``: multiply-adds of the linear and convolution modules of one window in units of 1e9, all frames through all blocks: what
  the paper's "GFLOPs" are (``glsmamba/modeling/budget.py``).
- ``GFLOP``: floating point operations of what runs, by PyTorch's counter (``torch.utils.flop_counter``: every matrix product,
  convolution and attention, two operations a multiply-add), and by formula what it does not see: 9 L I N + L I a scan of L
  tokens, I channels and N states (Mamba's and VMamba's count: the exponential's argument, decay, input, output, skip), 2 L I R
  for its step sizes of rank R, which the scan makes itself, and 12 * 9 L I for each deformable branch (four corners, mask and
  kernel a tap, two operations each).

Time: one window in float32 on this processor, weights random; the encoder once for each stride, everything behind it for each
variant; best of some rounds in alternation, so that ratios hold where times do not. The paper's figures are those that
published digests carry of its tables (PoseTrack2017, mean AP); accuracy of ours is not measured here.

Prints one line per goal, ``name  measured  goal  ok|SHORT``, for every count that the paper gives; exits 1 if one is missed.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _timing import Goal, awake, machine, report, timed

from glsmamba.config import PRESETS, ConfigError, ModelConfig
from glsmamba.kept_memory import keep_memory
from glsmamba.modeling.budget import Budget, budget
from glsmamba.modeling.encoder import build_encoder
from glsmamba.modeling.model import GLSMamba
from glsmamba.variants import VARIANTS

#: How far a count may be from the paper's.
TOLERANCE = 3.0


@dataclass
class Row:
    """One variant: what it is, what it counts and how long it takes."""

    config: ModelConfig
    counted: Budget
    s6: int
    gflop: float
    encoder_s: float = float("nan")
    rest_s: float = float("nan")


def scan_and_sampling(config: ModelConfig) -> float:
    """Operations of scans and deformable sampling in one window, by formula."""
    i, n = config.inner, config.d_state
    padded = config.frames
    for side, cells in zip(config.window, config.grid, strict=True):
        padded *= -(-cells // side) * side
    paths = 2 * len(config.paths) * config.gsm_blocks * config.tokens + 2 * config.lrm_blocks * padded
    branches = (len(config.paths) - 1) * config.gsm_blocks if config.stmm == "deformable" else 0
    return paths * (9 * i * n + i + 2 * i * config.rank) + branches * config.tokens * i * 9 * 12


def counts(config: ModelConfig) -> Row:
    """Counts of a configuration, on the meta device."""
    with torch.device("meta"):
        model = GLSMamba(config).eval()
        frames = torch.zeros(1, config.frames, 3, *config.input_size)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(frames)
    s6 = sum(p.numel() for name, p in model.named_parameters() if ".s6." in name)
    return Row(config, budget(config), s6, (counter.get_total_flops() + scan_and_sampling(config)) / 1e9)


def measure(rows: dict[str, Row], rounds: int) -> None:
    """Fill in the times: the best of ``rounds`` after a first call."""
    torch.manual_seed(0)
    encoders: dict[int, nn.Module] = {}
    models: dict[str, GLSMamba] = {}
    for name, row in rows.items():
        c = row.config
        if c.stride not in encoders:
            encoder = build_encoder(c).eval()
            if encoders and hasattr(encoder, "blocks"):  # one trunk of a ViT serves all strides
                encoder.blocks = next(iter(encoders.values())).blocks
            encoders[c.stride] = encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        models[name] = awake(GLSMamba(c, encoder=nn.Identity())).eval()
    first = next(iter(rows.values())).config
    frames = torch.randn(first.frames, 3, *first.input_size).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        for turn in range(rounds + 1):  # the first is not counted: kernels are compiled, memory is touched
            spent = {stride: timed(lambda e=encoder: e(frames)) for stride, encoder in encoders.items()}  # type: ignore[misc]
            for name, row in rows.items():
                c = row.config
                features = torch.randn(1, c.frames, c.encoder_channels, *c.grid)
                seconds = timed(lambda m=models[name], f=features: m.decode_features(f))  # type: ignore[misc]
                if turn == 1:
                    row.encoder_s, row.rest_s = spent[c.stride], seconds
                elif turn:
                    row.encoder_s, row.rest_s = min(row.encoder_s, spent[c.stride]), min(row.rest_s, seconds)


def table(rows: dict[str, Row], paper: bool) -> list[str]:
    """The table as lines; ``paper``: with the paper's figures beside ours."""
    head = ["variant", "whose", "tokens", "M (no S6)", "G", "GFLOP", "encoder", "the rest", "of full"]
    lines = [[*head, "paper: M", "G", "mAP"] if paper else head]
    full = rows["full"]
    for name, row in rows.items():
        v, c = VARIANTS[name], row.counted
        cells = [
            v.title, v.whose, f"{row.config.tokens:,}", f"{c.parameters / 1e6:.2f} ({(c.parameters - row.s6) / 1e6:.2f})",
            f"{c.gflops:.1f}", f"{row.gflop:.1f}", f"{row.encoder_s * 1e3:.0f} ms", f"{row.rest_s * 1e3:.0f} ms",
            f"{(row.encoder_s + row.rest_s) / (full.encoder_s + full.rest_s):.2f}",
        ]  # fmt: skip
        published = (v.paper.parameters_m, v.paper.gflops, v.paper.map17)
        lines.append(cells + (["-" if value is None else f"{value:g}" for value in published] if paper else []))
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return ["  ".join(cell.ljust(w) if n < 2 else cell.rjust(w) for n, (cell, w) in enumerate(zip(line, widths, strict=True)))
            for line in lines]  # fmt: skip


def goals(rows: dict[str, Row]) -> list[Goal]:
    """A line for every count of the paper."""
    out = []
    for name, row in rows.items():
        paper = VARIANTS[name].paper
        pairs = (("parameters", row.counted.parameters / 1e6, paper.parameters_m), ("GFLOPs", row.counted.gflops, paper.gflops))
        for what, ours, theirs in pairs:
            if theirs is not None:
                apart, told = 100 * abs(ours / theirs - 1), f"{name}: {what}, {ours:.2f} against the paper's {theirs:g}"
                out.append(Goal(told, apart, TOLERANCE, "%", at_least=False))
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=["B", "T"], default="B")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--skip-time", action="store_true", help="count only, which takes seconds")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_memory()  # as the program does
    print(machine())
    rows: dict[str, Row] = {}
    for name, variant in VARIANTS.items():
        try:
            rows[name] = counts(variant.of(PRESETS[options.preset]))
        except ConfigError as error:
            print(f"left out: {variant.title}: {error}")
    if not options.skip_time:
        measure(rows, max(options.rounds, 1))
    of_paper = options.preset == "B"
    print(f"preset {options.preset}, one window; M trained parameters, G and GFLOP as --help explains; best of the rounds")
    print("\n".join(table(rows, of_paper)))
    return report(goals(rows) if of_paper else [])


if __name__ == "__main__":
    sys.exit(main())

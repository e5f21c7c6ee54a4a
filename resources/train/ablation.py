"""Which parts of the model help? Variants of preset T trained alike on a small budget, several seeds each, and a table.

    python resources/train/ablation.py --stills ../shared/data/lspet --clips cache/clips/* --real cache/clips/street_crowd

The encoder is the checkpoint's (the shipped T's), frozen, on a small crop; the features of all windows are computed once and
kept in ``cache/ablation``, so that a step costs only the blocks. Embedding and head are the checkpoint's, too; or with
``--first-steps`` they are trained first for each seed, without blocks, as in stage 1 of T. Every variant starts there, with
blocks that begin as the identity, and sees the same windows in the same order for the same number of steps. ``no-blocks`` goes
on alike: it is the single-frame model.

The windows are easy but for their key frame, which is covered or blurred in most of them, and scans begin with large steps and
strong projections (``t-4-time.toml``): with Mamba's own, blocks do not look at other frames within such a budget, and all parts
seem alike.

Measured on people that nobody trained on: validation pictures of Leeds Sports Pose Extended (human labels) that move past the
crop as training's do, some of them blurred or behind a passing occluder, and with a damaged key frame; and with ``--real``
windows of a clip (joints on which two teachers agree), which is then left out of training, whole and damaged. A difference is
that of a seed's variant and its reference, so what all runs of a seed share cancels.

One run is one line in ``runs/ablation/results.jsonl``; runs that are there are not repeated, so stop and start it as you like.
The first seed of every variant comes before the second.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from glsmamba.checkpoint import SHIPPED, load_checkpoint
from glsmamba.config import ModelConfig
from glsmamba.heatmaps import decode, rescaled_affine, transformed
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.pixels import normalised
from glsmamba.modeling.s6 import S6Paths
from glsmamba.training.augment import Augmentation, place
from glsmamba.training.clips import load_clip_people
from glsmamba.training.labels import load_lspet, person_size
from glsmamba.training.loss import heatmap_loss
from glsmamba.training.samples import Person, Shape, load_people, make_sample
from glsmamba.variants import VARIANTS

ROOT = Path(__file__).resolve().parents[2]
#: What is trained, and what each is compared with: the model that has what the variant lacks, and nothing else.
REFERENCES = {
    "full": None, "no-lrm": "full", "no-gsm": "full", "no-blocks": "full", "sum": "full", "unified-spatial": "full",
    "unified-temporal": "full", "sum-no-unified": "sum", "unified": "full",
}  # fmt: skip
#: What a reference has and a variant lacks, for the table.
PARTS = {
    "no-lrm": "LRM", "no-gsm": "GSM", "no-blocks": "GSM and LRM: five frames over one", "sum": "STMM over the sum",
    "unified-spatial": "temporal scan", "unified-temporal": "spatial scan", "sum-no-unified": "unified scan (both by sum)",
    "unified": "spatial and temporal scan, STMM",
}  # fmt: skip
#: Nothing but movement, scale and a damaged key frame: all else costs steps that this budget does not have.
TRAINING = replace(Augmentation.none(), flip=0.5, scale_sigma=0.1, scale_limit=0.3, motion=1.0, key_damage=0.7)
#: No luck in where the crop lies, but movement, blur and occluders as a video has them.
VALIDATION = Augmentation(
    flip=0.0, rotate=0.0, scale_sigma=0.0, shift=0.0, half_body=0.0, colour=0.0, low_resolution=0.0, jpeg=0.0, noise=0.0,
    cut=0.0, neighbour=0.0, motion=1.0,
)  # fmt: skip
#: The key frame covered or blurred, the others clean; pictures move, a clip moves by itself.
DAMAGED = replace(Augmentation.none(), motion=1.0, key_damage=1.0)
#: How new scans begin: step sizes, and a factor on their projections.
STEPS, GAIN = (0.05, 1.0), 4.0


@dataclass(frozen=True)
class Budget:
    """What every run gets; results of other budgets are not mixed in."""

    size: tuple[int, int]
    steps: int
    batch: int
    first_steps: int
    lr: float
    blocks_lr: float
    windows: int


@dataclass(frozen=True)
class Windows:
    """features (N, T, C, h, w) float16; targets (N, K, h, w) float32; weights (N, K); points (N, K, 2) cells; known (N, K)."""

    features: Tensor
    targets: Tensor
    weights: Tensor
    points: np.ndarray
    known: np.ndarray


def windows_of(
    name: str, people: Sequence[Person], model: GLSMamba, augmentation: Augmentation, cache: Path, count: int
) -> Windows:
    """``count`` windows of people, one after the other and over again, with their features; kept in files of forty."""
    c, parts = model.config, []
    shape = Shape(c.input_size, c.grid, c.sigma, c.frames)
    for start in range(0, count, 40):
        path = cache / f"{name}-{start:05d}.npz"
        if not path.is_file():
            made = []
            for n in range(start, min(start + 40, count)):
                person = people[n % len(people)]
                crops, (targets,), (weights,) = make_sample(person, np.random.default_rng([7, n]), shape, augmentation)
                rng = np.random.default_rng([7, n])  # anew: where make_sample put the crop
                placed = place(rng, person.points, person.known, c.input_size, augmentation, person.box)
                points = transformed(rescaled_affine(placed.affine, c.input_size, c.grid), person.points)
                with torch.inference_mode():
                    features = model.encode(normalised(torch.from_numpy(crops))).half().numpy()
                made.append((features, targets, weights, points, person.known))
            columns = [np.stack(column) for column in zip(*made, strict=True)]
            partial = path.with_suffix(".part.npz")
            np.savez(partial, **dict(zip(("features", "targets", "weights", "points", "known"), columns, strict=True)))
            partial.replace(path)
            print(f"{name}: {min(start + 40, count)} of {count} windows", flush=True)
        with np.load(path) as data:
            parts.append({key: data[key] for key in data.files})
    whole = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    tensors = [torch.from_numpy(whole[key]) for key in ("features", "targets", "weights")]
    return Windows(*tensors, whole["points"], whole["known"])


def fit(model: GLSMamba, data: Windows, seed: int, steps: int, batch: int, lr: float, blocks_lr: float = 0.0) -> float:
    """Train by AdamW with a cosine, blocks at a rate of their own; the mean loss of the last fifth of the steps."""
    count = len(data.features)
    epochs = range(1 + steps * batch // count)
    order = np.concatenate([np.random.default_rng([seed, n]).permutation(count) for n in epochs])
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, p in model.named_parameters():
        decay = 0.0 if p.ndim < 2 or name.endswith(("A_log", "temporal", "D", "dt_bias")) else 0.01
        groups.setdefault((blocks_lr if name.startswith(("gsm.", "lrm.")) else lr, decay), []).append(p)
    optimiser = torch.optim.AdamW([{"params": p, "rate": rate, "weight_decay": d} for (rate, d), p in groups.items()], lr=lr)
    losses = []
    model.train()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = group["rate"] * min((step + 1) / 10, 0.5 * (1 + math.cos(math.pi * step / steps)))
        at = torch.from_numpy(order[step * batch : (step + 1) * batch])
        loss = heatmap_loss(model.decode_features(data.features[at].float()), data.targets[at], data.weights[at])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 20.0)
        optimiser.step()
        losses.append(loss.item())
    return float(np.mean(losses[-max(steps // 5, 1) :]))


def measures(model: GLSMamba, data: Windows) -> dict[str, float]:
    """Loss, and PCK at 0.1 and 0.2 of the person's size."""
    model.eval()
    maps = []
    with torch.inference_mode():
        for at in torch.arange(len(data.features)).split(4):
            maps.append(model.decode_features(data.features[at].float()))
    predicted = torch.cat(maps)
    points, _ = decode(predicted.numpy(), model.config.sigma)
    error = np.linalg.norm(points - data.points, axis=-1) / person_size(data.points, data.known)[:, None]
    loss = float(heatmap_loss(predicted, data.targets, data.weights))
    return {"loss": loss, "pck10": float(np.mean(error[data.known] < 0.1)), "pck20": float(np.mean(error[data.known] < 0.2))}


def blocks_of(config: ModelConfig, seed: int, start: dict[str, Tensor] | None = None) -> GLSMamba:
    """A model without its encoder; embedding and head from ``start``."""
    torch.manual_seed(seed)
    model = GLSMamba(config, encoder=nn.Identity())
    for module in model.modules():
        if isinstance(module, S6Paths):
            module.begin(STEPS, GAIN)
    if start is not None:
        model.load_state_dict(start, strict=False)
    return model


def told(value: Sequence[float], signed: bool = False) -> str:
    """Mean and standard deviation of seeds, in hundredths."""
    spread = f" ± {100 * np.std(value, ddof=1):.1f}" if len(value) > 1 else ""
    return f"{100 * np.mean(value):{'+' if signed else ''}.1f}{spread}"


def verdict(differences: Sequence[float]) -> str:
    """What differences of a measure of which more is better show: all of one sign, and beyond twice their standard error."""
    if len(differences) < 2:
        return "one seed"
    mean, error = np.mean(differences), np.std(differences, ddof=1) / math.sqrt(len(differences))
    if abs(mean) <= 2 * error or len({bool(d > 0) for d in differences}) > 1:
        return "not shown"
    return "helps" if mean > 0 else "hurts"


def table(results: Sequence[dict]) -> str:
    """Markdown tables of all results: the variants, and what each part brings."""
    by: dict[str, dict[int, dict]] = {}
    for row in results:
        by.setdefault(row["variant"], {})[row["seed"]] = row
    names = [name for name in REFERENCES if name in by]
    sets = list(results[0]["measures"]) if results else []
    head = ["variant", "seeds", *(f"{s}: {what}" for s in sets for what in ("PCK@0.1", "PCK@0.2"))]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name in names:
        rows = list(by[name].values())
        cells = [told([row["measures"][s][key] for row in rows]) for s in sets for key in ("pck10", "pck20")]
        lines.append(f"| {VARIANTS[name].title} | {len(rows)} | " + " | ".join(cells) + " |")
    head = ["part", "seeds", *(f"{s}: PCK@0.1, points" for s in sets), *(f"{s}: shown" for s in sets)]
    lines += ["", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name in names:
        reference = REFERENCES[name]
        seeds = sorted(set(by[name]) & set(by.get(reference or "", {})))
        if not seeds or reference is None:
            continue
        gains = [[by[reference][s]["measures"][k]["pck10"] - by[name][s]["measures"][k]["pck10"] for s in seeds] for k in sets]
        cells = [*(told(gain, True) for gain in gains), *(verdict(gain) for gain in gains)]
        lines.append(f"| {PARTS[name]} | {len(seeds)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def kept(path: Path, budget: Budget) -> list[dict]:
    """Results of this budget that are there."""
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    return [row for row in rows if row["budget"] == json.loads(json.dumps(asdict(budget)))]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stills", type=Path, default=ROOT / "../shared/data/lspet", help="Leeds Sports Pose Extended")
    parser.add_argument("--clips", type=Path, nargs="*", default=[], help="folders of label_clips.py to train on, too")
    parser.add_argument("--real", type=Path, help="such a folder to measure on")
    parser.add_argument("--checkpoint", type=Path, help="whose encoder; the shipped T's")
    parser.add_argument("--variants", nargs="*", choices=list(REFERENCES), default=list(REFERENCES))
    parser.add_argument("--size", type=int, nargs=2, default=(128, 96), help="height and width of a crop")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--first-steps", type=int, default=0, help="of embedding and head alone; 0: the checkpoint's own")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--blocks-lr", type=float, default=1e-2)
    parser.add_argument("--windows", type=int, default=480, help="to train on, a third of them from clips where there are any")
    parser.add_argument("--validation", type=int, default=150, help="people, and windows of the clip")
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=ROOT / "runs/ablation")
    parser.add_argument("--cache", type=Path, default=ROOT / "cache/ablation")
    o = parser.parse_args(arguments)
    torch.set_num_threads(o.threads)
    budget = Budget(tuple(o.size), o.steps, o.batch, o.first_steps, o.lr, o.blocks_lr, o.windows)
    o.folder.mkdir(parents=True, exist_ok=True)

    trained, _ = load_checkpoint(o.checkpoint)
    shipped = trained.config
    # An embedding and head that are trained already keep the width of their Gaussians in cells.
    sigma = shipped.sigma * (o.size[0] / shipped.input_size[0] if o.first_steps else 1.0)
    base = shipped.with_(input_size=tuple(o.size), sigma=sigma)
    trained_head = {k: v for k, v in trained.state_dict().items() if k.startswith(("embed.", "head."))}
    encoder = GLSMamba(base.with_(gsm_blocks=0, lrm_blocks=0), encoder=trained.encoder).eval()
    validation = load_lspet(o.stills, "validation")
    validation = validation.chosen((validation.human.sum(1) >= 10) & (np.cumsum(validation.human.sum(1) >= 10) <= o.validation))
    people = [Person(p.frames, p.points, human) for p, human in zip(load_people(validation), validation.human, strict=True)]
    weights = (o.checkpoint or SHIPPED).read_bytes()
    how = TRAINING, VALIDATION, DAMAGED
    made_from = [o.stills, *o.clips, o.real, o.size, o.windows, o.validation, *how, hashlib.sha256(weights).hexdigest()]
    cache = o.cache / hashlib.sha256(repr([str(item) for item in made_from]).encode()).hexdigest()[:12]
    cache.mkdir(parents=True, exist_ok=True)
    sets = {
        "moving pictures": windows_of("stills", people, encoder, VALIDATION, cache, len(people)),
        "damaged pictures": windows_of("damaged-stills", people, encoder, DAMAGED, cache, len(people)),
    }
    if o.real is not None:
        there = load_clip_people(o.real)
        there = [there[n] for n in np.linspace(0, len(there) - 1, min(o.validation, len(there))).astype(int)]
        plain = Augmentation.none()
        sets["clip"] = windows_of("clip", there, encoder, plain, cache, len(there))
        sets["damaged clip"] = windows_of("damaged-clip", there, encoder, DAMAGED, cache, len(there))
    moving = [p for folder in o.clips if folder != o.real for p in load_clip_people(folder)]
    from_clips = o.windows // 3 if moving else 0
    stills = load_people(load_lspet(o.stills, "train"), o.windows - from_clips)
    rng = np.random.default_rng(7)
    drawn = [moving[n] for n in rng.permutation(len(moving))[:from_clips]] if moving else []
    data = windows_of("train", stills + drawn, encoder, TRAINING, cache, o.windows)

    path = o.folder / "results.jsonl"
    for seed in o.seeds:
        start = None if o.first_steps else trained_head
        for name in o.variants:
            if any(row["variant"] == name and row["seed"] == seed for row in kept(path, budget)):
                continue
            if start is None:
                single = blocks_of(VARIANTS["no-blocks"].of(base), seed)
                fit(single, data, seed, o.first_steps, o.batch, 3e-3)
                start = single.state_dict()
            began = time.monotonic()
            model = blocks_of(VARIANTS[name].of(base), seed, start)
            loss = fit(model, data, seed + 100, o.steps, o.batch, o.lr, o.blocks_lr)
            row = {
                "variant": name, "seed": seed, "loss": loss, "seconds": round(time.monotonic() - began, 1),
                "measures": {what: measures(model, windows) for what, windows in sets.items()}, "budget": asdict(budget),
            }  # fmt: skip
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(name, seed, f"{loss:.3f}", row["measures"], f"{row['seconds']} s", flush=True)
            (o.folder / "table.md").write_text(table(kept(path, budget)) + "\n", encoding="utf-8")
    print(table(kept(path, budget)))


if __name__ == "__main__":
    main()

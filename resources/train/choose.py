"""Figures by which checkpoints of a training are chosen: people that nobody learns from, and that no figure is reported of.

Validation rows of Leeds Sports Pose Extended as they are, beside a neighbour, and cut by the picture's border; people of clips
that the run did not see; and windows whose key frame is covered or blurred, where only a model that looks at the other frames
can do well. Every checkpoint sees the same samples::

    python resources/train/choose.py runs/t-4/checkpoint.safetensors --clips cache/clips/basketball

Each line is a set: the share of joints within a tenth and a twentieth of the crop's height, and their median error in
hundredths of it; ``one frame`` is the same network shown the key frame five times.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from glsmamba.checkpoint import load_checkpoint
from glsmamba.heatmaps import decode
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.pixels import normalised
from glsmamba.training.augment import Augmentation
from glsmamba.training.clips import load_clip_people
from glsmamba.training.labels import load_lspet
from glsmamba.training.samples import Person, Shape, load_people, make_sample

_PLAIN = Augmentation.none()
_SEED = 7
_FEWEST = 4  # joints of a sample that says anything
_AT_ONCE = 8

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]


def samples(people: Sequence[Person], shape: Shape, augmentation: Augmentation) -> Iterator[Sample]:
    """Crops (T, H, W, 3), targets (K, h, w) and weights (K,) of the key frame of each person, the same at every call."""
    for n, person in enumerate(people):
        rng = np.random.default_rng([_SEED, n])
        other = people[(n + 1 + int(rng.integers(0, max(len(people) - 1, 1)))) % len(people)]
        crops, (targets,), (weights,) = make_sample(person, rng, shape, augmentation, other)
        if (weights * (targets.max((1, 2)) > 0.5)).sum() >= _FEWEST:
            yield crops, targets, weights


def errors(model: GLSMamba, made: Sequence[Sample], one_frame: bool) -> np.ndarray:
    """Distances of all known joints in shares of the crop's height."""
    config, out = model.config, []
    cell = 1.0 / (config.grid[0] - 1)
    for first in range(0, len(made), _AT_ONCE):
        crops, targets, weights = (np.stack(part) for part in zip(*made[first : first + _AT_ONCE], strict=True))
        if one_frame:
            crops = np.repeat(crops[:, crops.shape[1] // 2, None], crops.shape[1], axis=1)
        with torch.inference_mode():
            pixels = normalised(torch.from_numpy(crops).flatten(0, 1)).unflatten(0, crops.shape[:2])
            maps = model(pixels).float().numpy()
        known = (weights > 0) & (targets.max((2, 3)) > 0.5)
        # the mean of a Gaussian target is where its label is: decoding it loses nothing
        apart = np.linalg.norm(decode(maps, config.sigma)[0] - decode(targets, config.sigma)[0], axis=-1)
        out.append(apart[known] * cell)
    return np.concatenate(out)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--stills", type=Path, default=Path("../shared/data/lspet"))
    parser.add_argument("--clips", type=Path, nargs="*", default=[Path("cache/clips/basketball")])
    parser.add_argument("--limit", type=int, default=250, help="people of each set of stills")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    stills = load_people(load_lspet(options.stills, "validation"), options.limit)
    clips = [person for folder in options.clips for person in load_clip_people(folder)]
    moving = replace(_PLAIN, motion=1.0, key_damage=1.0)
    sets = {
        "stills": (stills, _PLAIN), "beside neighbours": (stills, replace(_PLAIN, neighbour=1.0)),
        "cut": (stills, replace(_PLAIN, cut=1.0)), "clips": (clips, _PLAIN),
        "key frame damaged, stills": (stills, moving), "key frame damaged, clips": (clips, moving),
    }  # fmt: skip
    for path in options.checkpoints:
        model = load_checkpoint(path)[0]
        config = model.config
        shape = Shape(config.input_size, config.grid, config.sigma, config.frames)
        for name, (people, augmentation) in sets.items():
            if augmentation.key_damage and config.frames == 1:
                continue
            made = list(samples(people, shape, augmentation))
            for one_frame in (False, True) if config.frames > 1 and ("clips" in name or augmentation.key_damage) else (False,):
                apart = errors(model, made, one_frame)
                figures = {"@0.1": (apart <= 0.1).mean(), "@0.05": (apart <= 0.05).mean(), "median": 100 * np.median(apart)}
                told = f"{name}, one frame" if one_frame else name
                print(json.dumps({str(path): {told: {k: round(float(v), 4) for k, v in figures.items()}}}), flush=True)


if __name__ == "__main__":
    main()

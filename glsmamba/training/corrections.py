"""Improving a model on what an annotator corrected: a few people of one video, a few minutes, little to forget.

A start checkpoint is trained on windows around corrected key frames and measured, before and after, on others that it is not
trained on. Against forgetting the encoder keeps its weights (96 % of preset T), learning is short, its rate falls to nothing,
and what is kept is the running average of the weights. ``benchmarks/learning_from_corrections.py`` measures gain and loss.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from glsmamba.checkpoint import load_checkpoint, save_checkpoint
from glsmamba.heatmaps import Box
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.pixels import normalised
from glsmamba.predictor import PoseWindow, Predictor
from glsmamba.training.augment import Augmentation
from glsmamba.training.labels import TrainingDataError
from glsmamba.training.loss import heatmap_loss
from glsmamba.training.samples import BatchSource, Person, Shape
from glsmamba.training.state import Progress, load_state, newest_state, save_state
from glsmamba.weight_file import file_digest

#: A joint is off when it is further from its place than this share of the longer side of the person's box.
OFF = 0.05
#: Seconds between two states on the disk: what a killed process loses at most.
_SAVE_EVERY = 60.0
#: The learning rate rises over this share of the way. Gradients are cut to this length.
_WARMUP, _CLIP = 0.05, 20.0


@dataclass(frozen=True)
class ImproveSettings:
    """How to improve.

    Attributes:
        steps: optimiser steps; the learning rate falls to nothing at the last one.
        seconds: the steps are cut short where they would take longer.
        batch: windows a step.
        lr: peak learning rate.
        ema: decay of the averaged weights, which are what is kept.
        measures: how often the held-out people are looked at on the way.
        augmentation: weaker than in a training from pictures: these people are to be known as they are.
    """

    steps: int = 300
    seconds: float = 480.0
    batch: int = 4
    lr: float = 5e-4
    ema: float = 0.95
    measures: int = 6
    seed: int = 1
    augmentation: Augmentation = field(
        default_factory=lambda: Augmentation(
            rotate=0.5, rotation_sigma=12.0, rotation_limit=30.0, scale_sigma=0.1, scale_limit=0.2, shift=0.04, half_body=0.0,
            colour=0.5, blur=0.2, low_resolution=0.2, jpeg=0.2, noise=0.1, occlude=0.2, motion=0.0, cut=0.0, neighbour=0.0,
        )
    )  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """How far a model is from what the annotator said, on people that it was not trained on.

    Joints that were accepted where the old model had put them speak for the old model, joints that were moved speak against
    it: therefore the latter are also told by themselves.

    Attributes:
        people, joints: how many were looked at.
        error: mean distance, as a share of the longer side of the person's box.
        off: share of joints that are further off than :data:`OFF`.
        placed: how many of the joints a human placed.
        placed_error, placed_off: the same of these; NaN where there are none.
    """

    people: int
    joints: int
    error: float
    off: float
    placed: int
    placed_error: float
    placed_off: float


@dataclass(frozen=True)
class Step:
    """Where an improvement stands; ``loss`` is that of the step, ``measured`` is there now and then."""

    step: int
    steps: int
    seconds: float
    seconds_left: float
    loss: float | None = None
    measured: Measured | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of it. ``checkpoint`` is None where it was stopped before the end."""

    checkpoint: Path | None
    before: Measured
    after: Measured | None
    steps: int
    seconds: float


def measure(predictor: Predictor, people: Sequence[Person]) -> Measured:
    """Errors of a model on labelled people with boxes."""
    found = predictor.predict([_window(person, predictor.config.frames) for person in people])
    errors = np.stack([np.linalg.norm(f.keypoints - p.points, axis=-1) for f, p in zip(found, people, strict=True)])
    errors /= np.array([max(_box(person)[2:]) for person in people])[:, None]
    known = np.stack([person.known for person in people])
    placed = known & np.stack([_trust(person) >= 1 for person in people])
    return Measured(
        len(people), int(known.sum()), _mean(errors[known]), _mean(errors[known] > OFF), int(placed.sum()),
        _mean(errors[placed]), _mean(errors[placed] > OFF),
    )  # fmt: skip


class Improvement:
    """One improvement of one checkpoint.

    Args:
        start: the checkpoint to improve; it is only read.
        learn: people to learn from, each with a whole window of frames and a box.
        held_out: people to measure on.
        folder: where the state is kept, so that a stopped improvement goes on; and the new checkpoint.
        settings: how.
        device: ``cpu`` or ``cuda:n``.
        threads: CPU threads; torch's own choice when None.
        provenance: what else the new checkpoint says of where it comes from.

    Raises:
        CheckpointError: ``start`` cannot be used.
        TrainingDataError: nobody to learn from or to measure on.
    """

    def __init__(
        self,
        start: str | Path,
        learn: Sequence[Person],
        held_out: Sequence[Person],
        folder: Path,
        settings: ImproveSettings | None = None,
        device: str = "cpu",
        threads: int | None = None,
        provenance: Mapping[str, Any] | None = None,
    ):
        if not learn or not held_out:
            raise TrainingDataError("There is nobody to learn from or nobody to measure on; correct more frames.")
        self.settings = s = settings or ImproveSettings()
        self.folder, self.held_out, self.threads = folder, held_out, threads
        self.provenance = dict(provenance or {})
        if threads is not None:
            torch.set_num_threads(threads)
        torch.manual_seed(s.seed)
        old, self.info = load_checkpoint(start)
        self.config = self.info.config
        # Frozen here, also where the checkpoint's own training had it otherwise; the new one is written as the old one was.
        self.model = GLSMamba(self.config.with_(freeze_encoder=True)).to(device)
        self.model.load_state_dict(old.state_dict())
        self.trained = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        self.origin = {name: p.detach().clone() for name, p in self.trained.items()}
        self.average = {name: p.detach().clone() for name, p in self.trained.items()}
        self.optimiser = torch.optim.AdamW(self.trained.values(), lr=s.lr, weight_decay=0.0)
        c = self.config
        shape = Shape(c.input_size, c.grid, c.sigma, c.frames)
        self.source = BatchSource(learn, shape, min(s.batch, len(learn)), s.seed, s.augmentation)
        self.device = torch.device(device)
        self.progress = Progress()
        state = newest_state(folder)
        if state is not None:
            self.progress, weights, average = load_state(state, self.optimiser)
            self.model.load_state_dict(weights)
            self.average = {name: average[name].to(device) for name in self.average}

    def run(self, tell: Callable[[Step], None], stopped: Callable[[], bool] = lambda: False) -> Outcome:
        """Train and measure.

        Args:
            tell: told of each step.
            stopped: asked after each step; when true the state is saved and the outcome has no checkpoint.
        """
        s, p = self.settings, self.progress
        before = self.measured(self.origin)
        tell(self._step(measured=before if p.step == 0 else None))
        every = max(s.steps // max(s.measures, 1), 1)
        stepped = saved = time.monotonic()
        for batch, epoch, position in self.source.batches(p.epoch, p.position):
            if self._part() >= 1:
                break
            loss = self._learn(batch.crops, batch.targets, batch.weights)
            if not math.isfinite(loss):
                raise TrainingDataError("Learning went wrong (the loss is not a number); the old model is as it was.")
            p.step, p.epoch, p.position = p.step + 1, epoch, position
            now = time.monotonic()
            # Measuring and saving don't count, nor does the first step: kernels are compiled in it on a new machine.
            p.seconds += now - stepped if p.step > 1 else 0.0
            if stopped():
                self._save()
                return Outcome(None, before, None, p.step, p.seconds)
            done = self._part() >= 1
            tell(self._step(loss, None if done or p.step % every else self.measured(self.average)))
            if time.monotonic() - saved > _SAVE_EVERY and not done:
                self._save()
                saved = time.monotonic()
            stepped = time.monotonic()
        after = self.measured(self.average)
        tell(self._step(measured=after))
        return Outcome(self._checkpoint(before, after), before, after, p.step, p.seconds)

    def measured(self, weights: dict[str, Tensor]) -> Measured:
        """Errors on the held-out people with other weights in the trained part."""
        mine = {name: p.detach().clone() for name, p in self.trained.items()}
        self._put(weights)
        try:
            return measure(Predictor(self.model, self.device, "fp32", self.threads), self.held_out)
        finally:
            self._put(mine)

    def _put(self, weights: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, p in self.trained.items():
                p.copy_(weights[name])

    def _part(self) -> float:
        return max(self.progress.step / self.settings.steps, self.progress.seconds / self.settings.seconds)

    def _step(self, loss: float | None = None, measured: Measured | None = None) -> Step:
        p, s = self.progress, self.settings
        pace = p.seconds / (p.step - 1) if p.step > 1 else s.seconds / s.steps
        left = min((s.steps - p.step) * pace, s.seconds - p.seconds)
        return Step(p.step, s.steps, p.seconds, max(left, 0.0), loss, measured)

    def _learn(self, crops: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
        s = self.settings
        part = min(self._part(), 1.0)
        rate = s.lr * 0.5 * (1 + math.cos(math.pi * part)) * min((part + 1 / s.steps) / _WARMUP, 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.model.train()
        b, t = crops.shape[:2]
        pixels = normalised(torch.from_numpy(crops).to(self.device).flatten(0, 1)).unflatten(0, (b, t))
        maps = self.model(pixels, read=self.source.shape.read)
        loss = heatmap_loss(maps, _tensor(targets, self.device), _tensor(weights, self.device))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained.values(), _CLIP)
        self.optimiser.step()
        decay = min(s.ema, (1 + self.progress.step) / (10 + self.progress.step))
        for name, p in self.trained.items():
            self.average[name].lerp_(p.detach(), 1 - decay)
        return float(loss.detach())

    def _save(self) -> None:
        save_state(self.folder, self.progress, self.model.state_dict(), self.average, self.optimiser)

    def _checkpoint(self, before: Measured, after: Measured) -> Path:
        self._put(self.average)
        new, _ = load_checkpoint(self.info.path)
        new.load_state_dict(self.model.state_dict())
        path = self.folder / "improved.safetensors"
        said: dict[str, Any] = {
            **self.provenance,
            "improved_from": self.info.name, "improved_from_file": self.info.path.name,
            "improved_from_sha256": file_digest(self.info.path),
            "steps": self.progress.step, "settings": asdict(self.settings), "before": asdict(before), "after": asdict(after),
        }  # fmt: skip
        save_checkpoint(new, path, said)
        return path


def _window(person: Person, frames: int) -> PoseWindow:
    first = len(person.frames) // 2 - frames // 2
    return PoseWindow(tuple(person.frames[first : first + frames]), _box(person))


def _box(person: Person) -> Box:
    if person.box is None:
        raise TrainingDataError("A person to measure on has no box.")
    return person.box


def _trust(person: Person) -> np.ndarray:
    return np.ones(len(person.known)) if person.trust is None else person.trust


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if values.size else float("nan")


def _tensor(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(device)

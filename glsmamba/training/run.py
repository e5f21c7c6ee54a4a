"""Train a model from a TOML configuration; cut it whenever you like, start it again and it goes on where it was.

::

    python -m glsmamba.training.run resources/train/t-still.toml
"""

from __future__ import annotations

import argparse
import csv
import math
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from glsmamba.checkpoint import save_checkpoint
from glsmamba.config import ModelConfig
from glsmamba.modeling.mobilenet import MobileNetEncoder
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.movenet import MoveNetEncoder
from glsmamba.modeling.pixels import normalised
from glsmamba.training.encoders import load_public
from glsmamba.training.evaluate import evaluate, read_pictures
from glsmamba.training.labels import PictureLabels, TrainingDataError, load_lspet
from glsmamba.training.samples import BatchSource, Person, Shape, load_people
from glsmamba.training.settings import Phase, Settings, read_settings
from glsmamba.training.state import Progress, load_state, newest_state, save_state

_MEASURES = ("validation_pck20", "validation_pck10", "validation_torso20")
_LOG_FIELDS = ("step", "samples", "seconds", "phase", "lr", "loss", *_MEASURES)
#: A step that took longer was held up (a suspended process or computer): it counts as so many seconds of training.
_LONGEST_STEP = 20.0


class Trainer:
    """One run: network, averaged network, optimiser, progress.

    Args:
        settings: what to do.
        folder: where the run's state and log are kept.
        root: what relative paths of the settings start from.
        resume: go on from the folder's newest state if it has one.
    """

    def __init__(self, settings: Settings, folder: Path, root: Path, resume: bool = True):
        self.settings, self.folder, self.root = settings, folder, root
        torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)
        self.model = GLSMamba(settings.model)
        self._start_weights()
        self.model.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._freeze()
        self.optimiser = torch.optim.AdamW(_groups(self.model, settings), lr=settings.lr, weight_decay=settings.weight_decay)
        self.ema = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.progress = Progress()
        state = newest_state(folder) if resume else None
        if state is not None:
            self.progress, weights, self.ema = load_state(state, self.optimiser)
            self.model.load_state_dict(weights)
        self.stopping = False
        self.losses: list[float] = []

    def run(self) -> Progress:
        """Train to the end of the last phase, or until :attr:`stopping` is set; saves on the way and at the end."""
        people = self._people()
        validation = load_lspet(self.root / self.settings.stills, "validation")
        validation = validation.chosen(np.arange(len(validation)) < self.settings.validation_limit)
        pictures = read_pictures(validation)
        saved = validated = stepped = time.monotonic()
        while not self.stopping and (index := self._phase()) is not None:
            self._enter(index)
            phase = self.settings.phases[index]
            shape = Shape(phase.size, self.config.grid, self.config.sigma, self.config.frames)
            source = BatchSource(people, shape, phase.batch, self.settings.seed, self.settings.augmentation)
            for batch, epoch, position in source.batches(self.progress.epoch, self.progress.position):
                rate = self._set_rate()
                loss = self._step(batch.crops, batch.targets, batch.weights)
                if not math.isfinite(loss):
                    raise TrainingDataError(
                        f"The loss is {loss} at step {self.progress.step}; lower lr in the configuration and start again."
                    )
                self.losses.append(loss)
                self.progress.step += 1
                self.progress.samples += len(batch.crops)
                self.progress.epoch, self.progress.position, self.progress.phase = epoch, position, index
                now = time.monotonic()
                self.progress.seconds += min(now - stepped, _LONGEST_STEP)
                stepped = now
                if self.progress.step % 50 == 0:
                    self._log(rate, float(np.mean(self.losses[-50:])))
                if now - validated > self.settings.validate_every:
                    self._validate(rate, validation, pictures)
                    validated = stepped = time.monotonic()
                if time.monotonic() - saved > self.settings.save_every:
                    self.save()
                    saved = stepped = time.monotonic()
                if self.stopping or self._phase() != index:
                    break
        self.save()
        if not self.stopping and len(validation):
            self._validate(0.0, validation, pictures)
        return self.progress

    def save(self) -> Path:
        """Write the state, and the averaged weights as a checkpoint beside it. Returns the checkpoint."""
        save_state(self.folder, self.progress, self.model.state_dict(), self.ema, self.optimiser)
        path = self.folder / "checkpoint.safetensors"
        save_checkpoint(self.averaged(), path, {"run": self.settings.name, "steps": self.progress.step})
        return path

    def averaged(self) -> GLSMamba:
        """A model with the averaged weights, at the size of the last phase."""
        model = GLSMamba(_sized(self.settings.model, self.settings.phases[-1]))
        model.load_state_dict(self.ema)
        return model.eval()

    def _people(self) -> list[Person]:
        people = load_people(load_lspet(self.root / self.settings.stills, "train"), self.settings.train_limit)
        for folder in self.settings.clips:
            from glsmamba.training.clips import load_clip_people

            people += load_clip_people(self.root / folder, self.settings.clip_weight)
        return people

    def _start_weights(self) -> None:
        if self.settings.encoder is not None:
            load_public(self.model.encoder, self.root / self.settings.encoder)
        if self.settings.start is not None:
            path = self.root / self.settings.start
            if not path.is_file():
                raise TrainingDataError(f"There is no checkpoint {path} to start from; train that one first.")
            own = self.model.state_dict()
            given = {k: v for k, v in load_file(path).items() if k in own and own[k].shape == v.shape}
            if not any(name.startswith("encoder.") for name in given):
                raise TrainingDataError(f"Nothing in {path.name} fits this model's encoder; choose one of the same preset.")
            self.model.load_state_dict(given, strict=False)

    def _freeze(self) -> None:
        encoder = self.model.encoder
        if self.settings.frozen_layers and isinstance(encoder, MobileNetEncoder | MoveNetEncoder):
            encoder.features[: self.settings.frozen_layers].requires_grad_(False)

    def _done(self) -> float:
        return float(self.progress.step) if self.settings.unit == "steps" else self.progress.seconds

    def _phase(self) -> int | None:
        end = 0.0
        for index, phase in enumerate(self.settings.phases):
            end += phase.length
            if self._done() < end:
                return index
        return None

    def _enter(self, index: int) -> None:
        """Rebuild what depends on the crop's size (scan orders, spatial embedding); weights and optimiser stay."""
        self.config = _sized(self.settings.model, self.settings.phases[index])
        sized = GLSMamba(self.config)
        sized.load_state_dict(self.model.state_dict())
        for name, parameter in self.model.named_parameters():
            owner, _, leaf = name.rpartition(".")
            setattr(sized.get_submodule(owner), leaf, parameter)  # the optimiser holds these very tensors
        self.model = sized

    def _set_rate(self) -> float:
        s = self.settings
        part = min(self._done() / sum(phase.length for phase in s.phases), 1.0)
        rate = s.lr * (s.final_lr + (1 - s.final_lr) * 0.5 * (1 + math.cos(math.pi * part)))
        rate *= min((self.progress.step + 1) / max(s.warmup, 1), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        return rate

    def _step(self, crops: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
        self.model.train()
        b, t = crops.shape[:2]
        pixels = normalised(torch.from_numpy(crops).flatten(0, 1)).unflatten(0, (b, t))
        loss = heatmap_loss(self.model(pixels), torch.from_numpy(targets), torch.from_numpy(weights))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if self.settings.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        self.optimiser.step()
        decay = min(self.settings.ema, (1 + self.progress.step) / (10 + self.progress.step))
        for name, value in self.model.state_dict().items():
            if value.dtype.is_floating_point:
                self.ema[name].lerp_(value.detach(), 1 - decay)
            else:
                self.ema[name].copy_(value)
        return float(loss.detach())

    def _validate(self, rate: float, labels: PictureLabels, pictures: list[np.ndarray]) -> None:
        model = GLSMamba(self.config)
        model.load_state_dict(self.ema)
        result = evaluate(model.eval(), self.config, labels, pictures)
        recent = float(np.mean(self.losses[-50:])) if self.losses else float("nan")
        self._log(rate, recent, (result.body, result.body_strict, result.torso))
        self.progress.best = max(self.progress.best, result.body_strict)

    def _log(self, rate: float, loss: float, validation: tuple[float, float, float] | None = None) -> None:
        p = self.progress
        row = [p.step, p.samples, f"{p.seconds:.0f}", p.phase, f"{rate:.2e}", f"{loss:.5f}"]
        row += [f"{value:.4f}" for value in validation] if validation else ["", "", ""]
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "log.csv"
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(_LOG_FIELDS)
            writer.writerow(row)
        print(" ".join(f"{k}={v}" for k, v in zip(_LOG_FIELDS, row, strict=True) if v != ""), flush=True)


def heatmap_loss(predicted: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Squared error summed over a map, averaged over the joints that count.

    Args:
        predicted: (B, K, h, w).
        targets: (B, K, h, w).
        weights: (B, K); 0 leaves a joint out.
    """
    per_joint = (predicted.float() - targets).square().sum((2, 3))
    return (per_joint * weights).sum() / weights.sum().clamp(min=1.0)


def train(config_path: str | Path, resume: bool = True, root: str | Path | None = None) -> Progress:
    """Run a configuration to its end; SIGINT and SIGTERM save and stop.

    Args:
        config_path: TOML file, see ``resources/train``.
        resume: go on from the run's newest state.
        root: folder that relative paths start from; the project's by default. State goes to ``runs/NAME`` in it.

    Returns:
        Where the run stands.
    """
    settings = read_settings(config_path)
    base = Path(root) if root is not None else Path(__file__).resolve().parents[2]
    trainer = Trainer(settings, base / "runs" / settings.name, base, resume)

    def stop(number: int, frame: FrameType | None) -> None:
        trainer.stopping = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return trainer.run()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _sized(config: ModelConfig, phase: Phase) -> ModelConfig:
    """The model at a phase's crop size; the Gaussians keep their size relative to the body."""
    return config.with_(input_size=phase.size, sigma=config.sigma * phase.size[0] / config.input_size[0])


def _groups(model: GLSMamba, settings: Settings) -> list[dict]:
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    pretrained = "encoder." if isinstance(model.encoder, MoveNetEncoder) else "encoder.features."
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        factor = settings.encoder_lr if name.startswith(pretrained) else 1.0
        undecayed = parameter.ndim < 2 or name.endswith(("A_log", "A_logs", "temporal", "D"))
        groups.setdefault((factor, 0.0 if undecayed else settings.weight_decay), []).append(parameter)
    return [{"params": p, "factor": f, "weight_decay": w} for (f, w), p in groups.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("config", help="TOML file of the run")
    parser.add_argument("--fresh", action="store_true", help="do not resume")
    options = parser.parse_args(arguments)
    progress = train(options.config, resume=not options.fresh)
    print(f"stopped at step {progress.step}, {progress.seconds / 60:.1f} minutes of training")


if __name__ == "__main__":
    main()

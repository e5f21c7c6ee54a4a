"""Train a model from a TOML configuration; cut it whenever you like, start it again and it goes on where it was.

::

    python main.py train resources/train/t-still.toml
    torchrun --nproc-per-node 4 main.py train resources/train/posetrack-b.toml

One process or several, on CPUs or GPUs, are ``lightning.fabric``'s affair. A batch of the configuration is the batch of all
processes together, and several processes take the steps that one would.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import load_file

from glsmamba.checkpoint import save_checkpoint
from glsmamba.config import MAMBA_STEPS, ModelConfig
from glsmamba.data.sets import DataSet, DataSetError, open_set
from glsmamba.evaluation import judge, predict_set
from glsmamba.kept_memory import keep_memory
from glsmamba.modeling.mobilenet import MobileNetEncoder
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.movenet import MoveNetEncoder
from glsmamba.modeling.pixels import normalised
from glsmamba.modeling.s6 import S6Paths
from glsmamba.predictor import Predictor
from glsmamba.training.clips import load_clip_people
from glsmamba.training.encoders import load_public
from glsmamba.training.journal import Journal, sample_sheet
from glsmamba.training.labels import TrainingDataError, load_lspet
from glsmamba.training.loss import heatmap_loss
from glsmamba.training.people import people_of
from glsmamba.training.samples import Batch, BatchSource, Person, Shape, load_people
from glsmamba.training.settings import DataSource, Phase, Settings, read_settings
from glsmamba.training.state import Progress, load_state, newest_state, save_state
from glsmamba.vitpose.importing import import_vitpose

if TYPE_CHECKING:
    from lightning_fabric import Fabric

#: A step that took longer was held up (a suspended process or computer): it counts as so many seconds of training.
_LONGEST_STEP = 20.0
#: The other processes wait so long while the first one validates.
_PATIENCE = timedelta(hours=2)
#: Samples of a picture of samples.
_SHOWN = 6
#: Where relative paths of the settings start unless told otherwise: the project's folder.
_ROOT = Path(__file__).resolve().parents[2]

#: Opens a data set: (path, split, kind, video or None).
Opener = Callable[[Path, str, str, "Path | None"], DataSet]


class Trainer:
    """One run: network, averaged network, optimiser, progress.

    Args:
        settings: what to do.
        folder: where the run's state and log are kept.
        root: what relative paths of the settings start from.
        resume: go on from the folder's newest state if it has one.
        fabric: launched; the CPU and this process alone if None.
        opener: opens data sets; those of :mod:`glsmamba.data.sets` if none is given.
        find_weights: the file that a name of weights means, where ``encoder`` is no path.

    Raises:
        TrainingDataError, CheckpointError: weights to start from are missing or do not fit.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        root: Path,
        resume: bool = True,
        fabric: Fabric | None = None,
        opener: Opener = open_set,
        find_weights: Callable[[str], Path] | None = None,
    ):
        self.settings, self.folder, self.root = settings, folder, root
        self.fabric = fabric or launched(settings, 1, "cpu")
        self._open, self._find_weights = opener, find_weights
        torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)
        self.model = GLSMamba(settings.model)
        self._start_weights()
        self.model.to(self.fabric.device)
        self.model.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._freeze()
        self.optimiser = torch.optim.AdamW(_groups(self.model, settings), lr=settings.lr, weight_decay=settings.weight_decay)
        self.ema = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.progress = Progress()
        state = newest_state(folder) if resume else None
        if state is not None:
            self.progress, weights, ema = load_state(state, self.optimiser)
            self.model.load_state_dict(weights)
            self.ema = {name: value.to(self.fabric.device) for name, value in ema.items()}
        self._stepper = self.fabric.setup_optimizers(self.optimiser)
        self.stopping = False
        self.losses: list[float] = []
        self._stopped = False

    def run(self) -> Progress:
        """Train to the end of the last phase, or until :attr:`stopping` is set; saves on the way and at the end.

        Raises:
            TrainingDataError, DataSetError: there is nobody to train on, a data set is missing, or the loss is no number.
        """
        people, validation = self._people(), self._validation()
        self._epochs = self._place(people)
        self.journal = Journal(self.folder, self.progress.step) if self.fabric.is_global_zero else None
        saved = validated = stepped = time.monotonic()
        rate, batch = 0.0, None
        while not self._stopped and (index := self._phase()) is not None:
            self._enter(index)
            s, phase = self.settings, self.settings.phases[index]
            source = self._source(people, phase)
            for batch, epoch, position in source.batches(self.progress.epoch, self.progress.position):
                rate = self._set_rate()
                loss = self._step(batch.crops, batch.targets, batch.weights)
                if not math.isfinite(loss):
                    raise TrainingDataError(
                        f"The loss is {loss} at step {self.progress.step}; lower lr in the configuration and start again."
                    )
                self.losses.append(loss)
                self.progress.step += 1
                self.progress.samples += min(phase.batch, source.epoch_length(epoch))
                self.progress.epoch, self.progress.position, self.progress.phase = epoch, position, index
                self._epochs = epoch + position / max(source.epoch_length(epoch), 1)
                now = time.monotonic()
                self._agree(min(now - stepped, _LONGEST_STEP))
                stepped = now
                if self.progress.step % 50 == 0:
                    self._log(rate)
                if self._first_says(now - validated > s.validate_every):
                    self._validate(rate, validation, batch)
                    validated = stepped = time.monotonic()
                if self._first_says(time.monotonic() - saved > s.save_every):
                    self.save()
                    saved = stepped = time.monotonic()
                if self._stopped or self._phase() != index:
                    break
        self.save()
        if not self._stopped and batch is not None:
            self._validate(rate, validation, batch)
        if self.journal is not None:
            self.journal.close()
        return self.progress

    def save(self) -> Path:
        """Write the state, and the averaged weights as a checkpoint beside it. Returns the checkpoint."""
        path = self.folder / "checkpoint.safetensors"
        if self.fabric.is_global_zero:
            save_state(self.folder, self.progress, self.model.state_dict(), self.ema, self.optimiser)
            save_checkpoint(self.averaged(), path, {"run": self.settings.name, "steps": self.progress.step})
        self.fabric.barrier()
        return path

    def averaged(self) -> GLSMamba:
        """A model with the averaged weights, at the size of the last phase."""
        model = GLSMamba(_sized(self.settings.model, self.settings.phases[-1]))
        model.load_state_dict(self.ema)
        return model.eval()

    def _people(self) -> list[Person]:
        s, people = self.settings, []
        if s.stills:
            people += load_people(load_lspet(self.root / s.stills, "train", s.teacher_share), s.train_limit)
        for folder in s.clips:
            people += load_clip_people(self.root / folder, s.clip_weight)
        for source, data in zip(s.data, opened_sets(s.data, self.root, self._open), strict=True):
            self.fabric.print(data.report())
            people += people_of(data, s.model.frames, s.model.input_size, source.weight)
        return people

    def _validation(self) -> dict[str, DataSet]:
        """Sets to watch the training with, by the name under which their figures are told."""
        s = self.settings
        if not s.validation_limit:
            return {}
        own = (DataSource(s.stills, "lspet", "validation"),) if s.stills else ()
        sets = opened_sets((*own, *s.validation), self.root, self._open)
        names = [f"{data.kind}-{data.split}".strip("-") for data in sets]
        unique = [name if names.count(name) == 1 else f"{name}-{n}" for n, name in enumerate(names)]
        return dict(zip(unique, sets, strict=True))

    def _source(self, people: list[Person], phase: Phase) -> BatchSource:
        s = self.settings
        shape = self._shape(_sized(s.model, phase))
        share = self.fabric.global_rank, self.fabric.world_size
        return BatchSource(people, shape, phase.batch, s.seed, s.augmentation, share, s.workers)

    def _shape(self, config: ModelConfig) -> Shape:
        return Shape(config.input_size, config.grid, config.sigma, config.frames, self.settings.answers)

    def _place(self, people: list[Person]) -> float:
        """Epochs done."""
        p, phases = self.progress, self.settings.phases
        length = self._source(people, phases[min(p.phase, len(phases) - 1)]).epoch_length(p.epoch)
        return p.epoch + p.position / max(length, 1)

    def _start_weights(self) -> None:
        s = self.settings
        if (s.scan_steps, s.scan_gain) != (MAMBA_STEPS, 1.0):  # scans were made with these already
            for module in self.model.modules():
                if isinstance(module, S6Paths):
                    module.begin(s.scan_steps, s.scan_gain)
        file = encoder_file(s, self.root, self._find_weights)
        if file is not None and s.model.encoder.startswith("vit"):
            for note in import_vitpose(self.model, file):
                self.fabric.print(note)
        elif file is not None:
            load_public(self.model.encoder, file)
        public = {k: v.clone() for k, v in self.model.encoder.state_dict().items()} if s.encoder_share < 1 else {}
        for name in s.start:
            path = self.root / name
            if not path.is_file():
                raise TrainingDataError(f"There is no checkpoint {path} to start from; train that one first.")
            own = self.model.state_dict()
            given = {k: v for k, v in load_file(path).items() if k in own and own[k].shape == v.shape}
            if not any(name.startswith("encoder.") for name in given):
                raise TrainingDataError(f"Nothing in {path.name} fits this model's encoder; choose one of the same preset.")
            self.model.load_state_dict(given, strict=False)
        own = self.model.encoder.state_dict()
        for name, value in public.items():
            if value.dtype.is_floating_point:
                own[name].lerp_(value, 1 - s.encoder_share)

    def _freeze(self) -> None:
        encoder = self.model.encoder
        if self.settings.frozen_layers and isinstance(encoder, MobileNetEncoder | MoveNetEncoder):
            encoder.features[: self.settings.frozen_layers].requires_grad_(False)

    def _done(self) -> float:
        match self.settings.unit:
            case "steps":
                return float(self.progress.step)
            case "epochs":
                return self._epochs
            case _:
                return self.progress.seconds

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
        sized = GLSMamba(self.config).to(self.fabric.device)
        sized.load_state_dict(self.model.state_dict())
        for name, parameter in self.model.named_parameters():
            owner, _, leaf = name.rpartition(".")
            setattr(sized.get_submodule(owner), leaf, parameter)  # the optimiser holds these very tensors
        self.model = sized
        self._wrapped = None  # an old wrapper of several processes would go on collecting gradients
        self._wrapped = self.fabric.setup_module(self.model, move_to_device=False)

    def _set_rate(self) -> float:
        s = self.settings
        done = self._done()
        if s.rate_steps:
            part = next((factor for place, factor in reversed(s.rate_steps) if done >= place), 1.0)
        else:
            through = min(done / sum(phase.length for phase in s.phases), 1.0)
            part = s.final_lr + (1 - s.final_lr) * 0.5 * (1 + math.cos(math.pi * through))
        rate = s.lr * part * min((self.progress.step + 1) / max(s.warmup, 1), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        return rate

    def _step(self, crops: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
        assert self._wrapped is not None
        self._wrapped.train()
        device = self.fabric.device
        b, t = crops.shape[:2]
        pixels = normalised(torch.from_numpy(crops).to(device).flatten(0, 1)).unflatten(0, (b, t))
        weighing = torch.from_numpy(weights).to(device)
        total = self.fabric.all_reduce(weighing.sum(), reduce_op="sum")
        # Gradients are averaged over the processes, and what is wanted is their sum.
        maps = self._wrapped(pixels, read=self._shape(self.config).read)
        loss = heatmap_loss(maps, torch.from_numpy(targets).to(device), weighing, total)
        loss = loss * self.fabric.world_size
        self._stepper.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        if self.settings.clip_norm:
            self.fabric.clip_gradients(self._wrapped, self._stepper, max_norm=self.settings.clip_norm)
        self._stepper.step()
        decay = min(self.settings.ema, (1 + self.progress.step) / (10 + self.progress.step))
        for name, value in self.model.state_dict().items():
            if value.dtype.is_floating_point:
                self.ema[name].lerp_(value.detach(), 1 - decay)
            else:
                self.ema[name].copy_(value)
        return float(self.fabric.all_reduce(loss.detach(), reduce_op="mean"))

    def _agree(self, seconds: float) -> None:
        """Time counts as the first process has it; a signal to any of them stops all, after the same step."""
        told = torch.tensor([seconds if self.fabric.is_global_zero else 0.0, float(self.stopping)], dtype=torch.float64)
        told = self.fabric.all_reduce(told.to(self.fabric.device, torch.float32), reduce_op="sum")
        self.progress.seconds += seconds if self.fabric.world_size == 1 else float(told[0])
        self._stopped = bool(told[1] > 0)

    def _first_says(self, answer: bool) -> bool:
        """The first process's answer to a question of time, for all."""
        return answer if self.fabric.world_size == 1 else bool(self.fabric.broadcast(answer))

    def _validate(self, rate: float, validation: dict[str, DataSet], batch: Batch) -> None:
        if self.journal is not None:
            model = GLSMamba(self.config)
            model.load_state_dict(self.ema)
            predictor = Predictor(model, self.fabric.device, threads=self.settings.threads)
            limit = self.settings.validation_limit
            figures = {name: judge(d, predict_set(predictor, d, limit=limit)).overall for name, d in validation.items()}
            self._log(rate, figures)
            first = next(iter(figures.values()), {})
            self.progress.best = max(self.progress.best, first.get("PCK@0.1 person", -1.0))
            self._show(predictor, batch)
        self.fabric.barrier()

    def _show(self, predictor: Predictor, batch: Batch) -> None:
        assert self.journal is not None
        crops = batch.crops[:_SHOWN]
        with torch.inference_mode():
            pixels = normalised(torch.from_numpy(crops).to(self.fabric.device).flatten(0, 1)).unflatten(0, crops.shape[:2])
            maps = predictor.model(pixels).float().cpu().numpy()
        targets, weights = (part[:_SHOWN, part.shape[1] // 2] for part in (batch.targets, batch.weights))
        self.journal.picture(self.progress.step, sample_sheet(crops, targets, weights, maps))

    def _log(self, rate: float, figures: dict[str, dict[str, float]] | None = None) -> None:
        if self.journal is not None:
            recent = float(np.mean(self.losses[-50:])) if self.losses else float("nan")
            self.journal.line(asdict(self.progress), rate, recent, figures)


def opened_sets(sources: Sequence[DataSource], root: Path, opener: Opener = open_set) -> list[DataSet]:
    """Data sets of a configuration.

    Raises:
        DataSetError: some are missing; one sentence for each, so that they can be fetched in one go.
    """
    sets, wanting = [], []
    for source in sources:
        try:
            video = root / source.video if source.video else None
            sets.append(opener(Path(os.path.normpath(root / source.path)), source.split, source.kind, video))
        except (DataSetError, OSError) as error:
            wanting.append(str(error))
    if wanting:
        raise DataSetError(" ".join(dict.fromkeys(wanting)))
    return sets


def encoder_file(settings: Settings, root: Path, find_weights: Callable[[str], Path] | None) -> Path | None:
    """The file with the encoder's first weights: a path, or for ViTPose a name that ``find_weights`` knows or refuses."""
    if settings.encoder is None:
        return None
    path = root / settings.encoder
    if settings.model.encoder.startswith("vit") and not path.exists() and find_weights is not None:
        return find_weights(settings.encoder)
    return path


def told_data(
    config_path: str | Path,
    root: str | Path | None = None,
    opener: Opener = open_set,
    find_weights: Callable[[str], Path] | None = None,
) -> str:
    """What the data sets of a configuration hold, without training; arguments as :func:`train`.

    Raises:
        DataSetError: some are missing, or the encoder's first weights are; the sentences name each.
    """
    settings = read_settings(config_path)
    base = Path(root) if root is not None else _ROOT
    lines, wanting = [], []
    try:
        lines += [data.report() for data in opened_sets((*settings.data, *settings.validation), base, opener)]
    except DataSetError as error:
        wanting.append(str(error))
    try:
        file = encoder_file(settings, base, find_weights)
        if file is not None and not file.exists():
            wanting.append(f"The encoder's weights {file} are missing.")
    except (OSError, ValueError, RuntimeError) as error:
        wanting.append(str(error))
    if wanting:
        raise DataSetError(" ".join(wanting))
    return "\n".join(lines)


def launched(settings: Settings, devices: int | None = None, accelerator: str = "auto") -> Fabric:
    """Fabric for a run, its processes started.

    Args:
        settings: of the run.
        devices: processes on this machine, each with a device of its own; what torchrun says, or one, if None.
        accelerator: ``cpu``, ``cuda``, or ``auto``: CUDA where there is any.

    Raises:
        TrainingDataError: lightning-fabric is not installed.
    """
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.strategies import DDPStrategy
    except ImportError as error:
        raise TrainingDataError("Training needs lightning-fabric; install it with: pip install lightning-fabric") from error
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    nodes = int(os.environ.get("WORLD_SIZE", "1")) // local if "LOCAL_WORLD_SIZE" in os.environ else 1
    devices = devices or local
    fabric = Fabric(
        accelerator=accelerator, devices=devices, num_nodes=nodes, precision=settings.precision,
        strategy="auto" if devices * nodes == 1 else DDPStrategy(timeout=_PATIENCE),
    )  # fmt: skip
    fabric.launch()
    return fabric


def train(
    config_path: str | Path,
    resume: bool = True,
    root: str | Path | None = None,
    devices: int | None = None,
    accelerator: str = "auto",
    opener: Opener = open_set,
    find_weights: Callable[[str], Path] | None = None,
) -> Progress:
    """Run a configuration to its end; SIGINT and SIGTERM save and stop.

    Args:
        config_path: TOML file, see ``resources/train``.
        resume: go on from the run's newest state.
        root: folder that relative paths start from; the project's by default. State goes to ``runs/NAME`` in it.
        devices, accelerator: see :func:`launched`.
        opener, find_weights: see :class:`Trainer`.

    Returns:
        Where the run stands.
    """
    settings = read_settings(config_path)
    base = Path(root) if root is not None else _ROOT
    fabric = launched(settings, devices, accelerator)
    trainer = Trainer(settings, base / "runs" / settings.name, base, resume, fabric, opener, find_weights)

    def stop(number: int, frame: FrameType | None) -> None:
        trainer.stopping = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        progress = trainer.run()
        fabric.print(f"stopped at step {progress.step}, {progress.seconds / 60:.1f} minutes of training")
        return progress
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
        factor = settings.blocks_lr if name.startswith(("gsm.", "lrm.")) else factor
        undecayed = parameter.ndim < 2 or name.endswith(("A_log", "A_logs", "temporal", "D"))
        groups.setdefault((factor, 0.0 if undecayed else settings.weight_decay), []).append(parameter)
    return [{"params": p, "factor": f, "weight_decay": w} for (f, w), p in groups.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the training by itself; ``main.py train`` opens projects and finds weights by name, too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("config", help="TOML file of the run")
    parser.add_argument("--fresh", action="store_true", help="do not resume")
    parser.add_argument("--root", help="folder that relative paths start from")
    parser.add_argument("--devices", type=int, help="processes on this machine")
    parser.add_argument("--accelerator", default="auto", choices=["auto", "cpu", "cuda"])
    options = parser.parse_args(arguments)
    keep_memory()
    train(options.config, not options.fresh, options.root, options.devices, options.accelerator)


if __name__ == "__main__":
    main()

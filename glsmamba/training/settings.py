"""Settings of a training run, read from a TOML file (``resources/train``)."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from glsmamba.config import MAMBA_STEPS, PRESETS, ModelConfig
from glsmamba.training.augment import Augmentation
from glsmamba.variants import VARIANTS


class SettingsError(ValueError):
    """A training configuration that cannot be used, in one sentence."""


@dataclass(frozen=True)
class Phase:
    """A stretch of the run: crop (height, width), samples a batch, and how long (in the run's unit)."""

    size: tuple[int, int]
    batch: int
    length: float


@dataclass(frozen=True)
class DataSource:
    """A data set, see :mod:`glsmamba.data.sets`: ``[[data]]`` to train on, ``[[validation]]`` to watch the training with.

    Attributes:
        path: folder or file, relative to the project's root.
        kind: what must lie there; whatever does if empty.
        split: which part.
        weight: how often each person is drawn an epoch.
        video: of an export or project, if it is not beside it.
    """

    path: str
    kind: str = ""
    split: str = ""
    weight: float = 1.0
    video: str = ""


@dataclass(frozen=True)
class Settings:
    """One training run.

    Attributes:
        name: names the run's folder.
        model: shape of the network; in the file a preset, changed by the name of a ``variant`` (``glsmamba/variants.py``), by a
            ``stride`` (which takes the target's sigma along) and by any other field of ``ModelConfig``.
        phases: one after the other.
        stills: folder of Leeds Sports Pose Extended with its teachers' answers, relative to the project's root; or "".
        teacher_share: how far the labels of ``stills`` move to a teacher's answer where both mean the same place (0 to 1), see
            :func:`~glsmamba.training.labels.merged_labels`.
        clips: folders made by ``glsmamba.training.clips`` with labels of the teachers; may be empty.
        data: data sets to train on, by the labels of their authors.
        validation: data sets to watch the training with, beside the validation rows of ``stills``.
        encoder: public weights to start the encoder from: MobileNetV2's state dict (``.pt``), MoveNet's TensorFlow.js file
            (``.json``), or ViTPose's: a file, or a name of ``weights list``; or None.
        start: checkpoints to start from: tensors that fit by name and shape, later files over earlier ones. In TOML a path or
            a list of paths.
        encoder_share: how much of ``start`` the encoder begins with, where ``encoder`` is given too; the rest are the public
            weights. A mean of fine-tuned and first weights keeps what fine-tuning forgets (Wortsman et al., "Robust
            fine-tuning of zero-shot models", CVPR 2022).
        unit: phases are counted in ``steps`` or ``epochs`` (exactly repeatable), or in ``seconds`` of training.
        lr: peak learning rate; it rises over ``warmup`` steps and falls as a cosine to ``final_lr`` of it at the end.
        rate_steps: instead of the cosine: pairs of a place in the run (in its unit) and the factor on ``lr`` from there on.
        blocks_lr: factor on it for the GSM and LRM blocks, which start as the identity where all else may be trained already.
        scan_steps: range of the step sizes that new scans start with, see :meth:`~glsmamba.modeling.s6.S6Paths.begin`.
        scan_gain: factor on the projections that new scans start with.
        answers: how many frames around the key frame are learnt, where their labels are known: 1, or an odd number up to those
            of a window. With 3 the poses of the frames beside the key frame can be read from its window, too, which is what
            makes streaming fast (:mod:`glsmamba.streaming`).
        encoder_lr: factor on it for those parts of the encoder that start pretrained.
        frozen_layers: the first layers of the encoder's trunk that keep their weights.
        precision: ``32-true``, or ``bf16-mixed`` or ``16-mixed`` (scans stay in 32 bits).
        workers: threads that make samples; 0 makes them in the training thread, which is faster on two cores.
    """

    name: str
    model: ModelConfig
    phases: tuple[Phase, ...]
    stills: str = ""
    teacher_share: float = 0.0
    clips: tuple[str, ...] = ()
    data: tuple[DataSource, ...] = ()
    validation: tuple[DataSource, ...] = ()
    clip_weight: float = 1.0
    encoder: str | None = None
    start: tuple[str, ...] = ()
    encoder_share: float = 1.0
    unit: Literal["steps", "epochs", "seconds"] = "steps"
    seed: int = 1
    threads: int = 2
    lr: float = 1e-3
    blocks_lr: float = 1.0
    scan_steps: tuple[float, float] = MAMBA_STEPS
    scan_gain: float = 1.0
    answers: int = 1
    encoder_lr: float = 0.5
    final_lr: float = 0.01
    rate_steps: tuple[tuple[float, float], ...] = ()
    warmup: int = 200
    weight_decay: float = 0.01
    clip_norm: float = 0.0
    ema: float = 0.998
    frozen_layers: int = 0
    save_every: float = 180.0
    validate_every: float = 300.0
    validation_limit: int = 300
    train_limit: int | None = None
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    workers: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)


def read_settings(path: str | Path) -> Settings:
    """Read a run's TOML file.

    Raises:
        SettingsError: it is missing, no TOML, or names a setting that does not exist.
    """
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"There is no training configuration at {path}; see resources/train for examples.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path.name} is not valid TOML: {error}.") from error
    return settings_from(raw, path.stem)


def settings_from(raw: dict[str, Any], name: str) -> Settings:
    """Settings from the parsed TOML; ``name`` is used unless the file gives one."""
    raw = dict(raw)
    model = dict(raw.pop("model", {}))
    preset = model.pop("preset", "T")
    if preset not in PRESETS:
        raise SettingsError(f"There is no preset {preset!r}; choose one of {', '.join(PRESETS)}.")
    variant = model.pop("variant", "full")
    if variant not in VARIANTS:
        raise SettingsError(f"There is no variant {variant!r}; choose one of {', '.join(VARIANTS)}.")
    phases = raw.pop("phase", [])
    if not phases:
        raise SettingsError("The configuration has no [[phase]]; give at least one with size, batch and length.")
    try:
        model = {key: tuple(value) if isinstance(value, list) else value for key, value in model.items()}
        config = VARIANTS[variant].of(PRESETS[preset])
        config = config.at_stride(model.pop("stride", config.stride)).with_(**model)
        stretch = tuple(Phase(_pair(p["size"]), int(p["batch"]), float(p["length"])) for p in phases)
        for phase in stretch:
            config.with_(input_size=phase.size)  # refused here, not when the run gets there
        augmentation = Augmentation(**raw.pop("augmentation", {}))
        known = {f.name for f in dataclasses.fields(Settings)}
        unknown = sorted(set(raw) - known)
        if unknown:
            raise SettingsError(f"The configuration has unknown settings: {', '.join(unknown)}.")
        raw["clips"] = tuple(raw.get("clips", ()))
        start = raw.get("start", ())
        raw["start"] = (start,) if isinstance(start, str) else tuple(start)
        raw["rate_steps"] = tuple((float(place), float(factor)) for place, factor in raw.get("rate_steps", ()))
        if "scan_steps" in raw:
            low, high = raw["scan_steps"]
            raw["scan_steps"] = float(low), float(high)
        for key in ("data", "validation"):
            raw[key] = tuple(DataSource(**source) for source in raw.get(key, ()))
        raw.setdefault("name", name)
        settings = Settings(model=config, phases=stretch, augmentation=augmentation, **raw)
    except (TypeError, KeyError, ValueError) as error:
        if isinstance(error, SettingsError):
            raise
        raise SettingsError(f"The configuration cannot be used: {str(error).rstrip('.')}.") from error
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    if not (settings.stills or settings.clips or settings.data):
        raise SettingsError("The configuration names nothing to train on; give [[data]] with a path, stills or clips.")
    for name, value in (("unit", settings.unit), ("precision", settings.precision)):
        choices = get_args(get_type_hints(Settings)[name])
        if value not in choices:
            raise SettingsError(f"{name} is {value!r}; it must be one of {', '.join(choices)}.")
    for name, share in (("encoder_share", settings.encoder_share), ("teacher_share", settings.teacher_share)):
        if not 0 <= share <= 1:
            raise SettingsError(f"{name} is {share}; it is a share, from 0 to 1.")
    if settings.answers % 2 == 0 or not 1 <= settings.answers <= settings.model.frames:
        most = settings.model.frames
        raise SettingsError(f"answers is {settings.answers}; it is an odd number of frames, up to the {most} of a window.")
    if not 0 < settings.scan_steps[0] <= settings.scan_steps[1]:
        raise SettingsError(f"scan_steps is {list(settings.scan_steps)}; it is a least and a greatest step size above 0.")
    if settings.encoder_share < 1 and (settings.encoder is None or not settings.start):
        raise SettingsError("encoder_share mixes the encoder of start with public weights; name both start and encoder.")
    if settings.model.freeze_encoder and settings.encoder is None and not settings.start:
        raise SettingsError(
            "The encoder is frozen and would stay at random numbers; name weights as encoder (`weights list`) or a "
            "checkpoint as start, or set freeze_encoder = false."
        )


def _pair(value: Any) -> tuple[int, int]:
    height, width = value
    return int(height), int(width)

"""Settings of a training run, read from a TOML file (``resources/train``)."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from glsmamba.config import PRESETS, ModelConfig
from glsmamba.training.augment import Augmentation


class SettingsError(ValueError):
    """A training configuration that cannot be used, in one sentence."""


@dataclass(frozen=True)
class Phase:
    """A stretch of the run: crop (height, width), samples a batch, and how long (in the run's unit)."""

    size: tuple[int, int]
    batch: int
    length: float


@dataclass(frozen=True)
class Settings:
    """One training run.

    Attributes:
        name: names the run's folder.
        model: shape of the network.
        stills: folder of Leeds Sports Pose Extended, relative to the project's root.
        clips: folders made by ``glsmamba.training.clips`` with labels of the teachers; may be empty.
        encoder: public weights to start the encoder from: MobileNetV2's state dict (``.pt``) or MoveNet's TensorFlow.js file
            (``.json``); or None.
        start: checkpoint to start from (tensors that fit by name and shape), or None.
        unit: phases are counted in ``steps`` (exactly repeatable) or in ``seconds`` of training.
        phases: one after the other.
        lr: peak learning rate; it rises over ``warmup`` steps and falls as a cosine to ``final_lr`` of it at the end.
        encoder_lr: factor on it for those parts of the encoder that start pretrained.
        frozen_layers: the first layers of the encoder's trunk that keep their weights.
    """

    name: str
    model: ModelConfig
    stills: str
    phases: tuple[Phase, ...]
    clips: tuple[str, ...] = ()
    clip_weight: float = 1.0
    encoder: str | None = None
    start: str | None = None
    unit: Literal["steps", "seconds"] = "steps"
    seed: int = 1
    threads: int = 2
    lr: float = 1e-3
    encoder_lr: float = 0.5
    final_lr: float = 0.01
    warmup: int = 200
    weight_decay: float = 0.01
    clip_norm: float = 0.0
    ema: float = 0.998
    frozen_layers: int = 0
    save_every: float = 180.0
    validate_every: float = 300.0
    validation_limit: int = 300
    train_limit: int | None = None
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
    phases = raw.pop("phase", [])
    if not phases:
        raise SettingsError("The configuration has no [[phase]]; give at least one with size, batch and length.")
    try:
        model = {key: tuple(value) if isinstance(value, list) else value for key, value in model.items()}
        config = PRESETS[preset].with_(**model)
        stretch = tuple(Phase(_pair(p["size"]), int(p["batch"]), float(p["length"])) for p in phases)
        augmentation = Augmentation(**raw.pop("augmentation", {}))
        known = {f.name for f in dataclasses.fields(Settings)}
        unknown = sorted(set(raw) - known)
        if unknown:
            raise SettingsError(f"The configuration has unknown settings: {', '.join(unknown)}.")
        raw["clips"] = tuple(raw.get("clips", ()))
        raw.setdefault("name", name)
        return Settings(model=config, phases=stretch, augmentation=augmentation, **raw)
    except (TypeError, KeyError) as error:
        raise SettingsError(f"The configuration cannot be used: {error}.") from error


def _pair(value: Any) -> tuple[int, int]:
    height, width = value
    return int(height), int(width)

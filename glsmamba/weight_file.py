"""What a file of weights says about itself: a GLSMamba checkpoint or an imported ViTPose. Imports no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

from glsmamba.calibration import Calibration
from glsmamba.config import ConfigError, ModelConfig
from glsmamba.data.skeletons import COCO17

__all__ = [
    "FORMAT", "SHIPPED", "VITPOSE_FORMAT", "CheckpointError", "CheckpointInfo", "ViTPoseFacts", "file_digest", "read_info",
]  # fmt: skip

FORMAT = "glsmamba-checkpoint/1"
VITPOSE_FORMAT = "glsmamba-vitpose/1"
#: The checkpoint that ships with the project.
SHIPPED = Path(__file__).resolve().parents[1] / "weights" / "glsmamba-t.safetensors"

Head = Literal["classic", "simple"]


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be used, in one sentence: what is wrong and what to do."""


@dataclass(frozen=True)
class ViTPoseFacts:
    """What an imported ViTPose is beside its :class:`ModelConfig`.

    Attributes:
        head: ``classic`` (two deconvolutions, 1x1 convolution) or ``simple`` (bilinear x4, 3x3 convolution).
        depth, heads: transformer blocks and attention heads.
        eps: of its layer norms.
    """

    head: Head
    depth: int
    heads: int
    eps: float = 1e-6


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says about itself.

    Attributes:
        path: the file.
        config: sizes; of a ViTPose one frame, no GSM and LRM blocks.
        joints: what its heat maps stand for, in order.
        provenance: data, measures, where it comes from.
        vitpose: set where the file holds a ViTPose, which predicts each frame by itself.
        calibration: None where its scores were not made probabilities.
    """

    path: Path
    config: ModelConfig
    joints: tuple[str, ...]
    provenance: dict[str, Any] = field(default_factory=dict)
    vitpose: ViTPoseFacts | None = None
    calibration: Calibration | None = None

    @property
    def single_frame(self) -> bool:
        """True for the single-frame baseline."""
        return self.vitpose is not None

    @property
    def name(self) -> str:
        """For people: ``GLSMamba-T (shipped)``, ``ViTPose-B, single-frame baseline (mine.safetensors)``."""
        where = "shipped" if self.path == SHIPPED else self.path.name
        if self.vitpose is not None:
            return f"{self.config.preset}, single-frame baseline ({where})"
        return f"GLSMamba-{self.config.preset} ({where})"


def read_info(path: str | Path) -> CheckpointInfo:
    """Read a checkpoint's metadata without its weights; :class:`CheckpointError` if it is not one of ours."""
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint at {path}; check the path or train one.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path.name} is not a safetensors file ({error}), and no other kind is loaded; ViTPose weights of other kinds are "
            "converted by `weights import FILE`."
        ) from error
    form = metadata.get("format")
    if form not in (FORMAT, VITPOSE_FORMAT):
        raise CheckpointError(
            f"{path.name} is a safetensors file but not a GLSMamba checkpoint (no {FORMAT} in its metadata); choose another, "
            "or convert ViTPose weights by `weights import FILE`."
        )
    try:
        config = ModelConfig.from_json(metadata["config"])
        joints = tuple(str(name) for name in json.loads(metadata["joints"]))
        provenance = dict(json.loads(metadata.get("provenance", "{}")))
        stored = metadata.get("calibration")
        calibration = None if stored is None else Calibration.from_json(stored)
        vitpose = _vitpose(json.loads(metadata["vitpose"])) if form == VITPOSE_FORMAT else None
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise CheckpointError(
            f"The metadata of {path.name} cannot be read ({error}); the file is damaged or of another version."
        ) from error
    return CheckpointInfo(path, config, joints, provenance, vitpose, calibration)


def _vitpose(values: Mapping[str, Any]) -> ViTPoseFacts:
    facts = ViTPoseFacts(values["head"], int(values["depth"]), int(values["heads"]), float(values["eps"]))
    if facts.head not in ("classic", "simple") or facts.depth < 1 or facts.heads < 1 or not 0 <= facts.eps < 1:
        raise ValueError(f"impossible values {dict(values)}")
    return facts


def lacking_for_baseline(joints: tuple[str, ...]) -> list[str]:
    """COCO joints that a ViTPose must predict to stand in for GLSMamba and does not."""
    return [joint for joint in COCO17.joints if joint not in joints]


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Variants of the model: the paper's ablations and the readings of it that we did not take, each a working model.

A variant is a change of a configuration, so each can be trained, saved, loaded, asked for activation maps and used by the
program like the model itself: ``variant = "no-lrm"`` under ``[model]`` in a training's TOML file, or
``VARIANTS["no-lrm"].of(PRESETS["B"])``. ``docs/model.md`` says of each whose it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from glsmamba.config import ModelConfig

__all__ = ["VARIANTS", "Published", "Variant"]


@dataclass(frozen=True)
class Published:
    """What the paper's tables say of GLSMamba-B (as digests of it carry them); None where nothing is known.

    Attributes:
        parameters_m: trainable parameters in millions.
        gflops: multiply-adds of a window in units of 1e9.
        map17: mean AP on PoseTrack2017's validation part.
    """

    parameters_m: float | None = None
    gflops: float | None = None
    map17: float | None = None


@dataclass(frozen=True)
class Variant:
    """A change of a configuration.

    Attributes:
        title: what is different, for people.
        changes: fields of :class:`~glsmamba.config.ModelConfig`.
        stride: of features and heat maps.
        paper: the paper's figures; all None where the variant is ours.
        whose: ``paper``: one of its ablations. ``reading``: what the paper may also mean. ``ours``.
    """

    title: str
    changes: Mapping[str, object] = field(default_factory=dict)
    stride: int = 4
    paper: Published = field(default_factory=Published)
    whose: str = "paper"

    def of(self, config: ModelConfig) -> ModelConfig:
        """The configuration, changed.

        Raises:
            ConfigError: its encoder or crop does not go with the variant.
        """
        changed = config if self.stride == 4 else config.at_stride(self.stride)
        return changed.with_(**self.changes)


VARIANTS: dict[str, Variant] = {
    "full": Variant("all parts", paper=Published(9.8, 138.9, 86.9)),
    "unified": Variant("unified scan only", {"paths": ("unified",)}, paper=Published(9.1, 137.4, 85.8)),
    "unified-spatial": Variant(
        "unified and spatial scans", {"paths": ("unified", "spatial")}, paper=Published(9.4, 138.1, 86.5)
    ),
    "unified-temporal": Variant("unified and temporal scans", {"paths": ("unified", "temporal")}, whose="ours"),
    "sum": Variant("sum instead of STMM", {"stmm": "sum"}, paper=Published(9.1, 137.4, 86.2)),
    "sum-no-unified": Variant("sum, without the unified scan", {"stmm": "sum", "paths": ("spatial", "temporal")}, whose="ours"),
    "no-lrm": Variant("no LRM", {"lrm_blocks": 0}, paper=Published(map17=86.0)),
    "no-gsm": Variant("no GSM", {"gsm_blocks": 0}, whose="ours"),
    "no-blocks": Variant("encoder and head only", {"gsm_blocks": 0, "lrm_blocks": 0}, paper=Published(map17=74.2)),
    "stride-8": Variant("resolution 1/8", stride=8),
    "stride-16": Variant("resolution 1/16 (BLR)", stride=16, paper=Published(9.8, 85.1, 85.7)),
    "state-reset": Variant("state starts anew in each tube", {"window_state_reset": True}, whose="reading"),
    "transpose": Variant("unified pair transposed", {"unified_pair": "transpose"}, whose="reading"),
}

"""Configuration of the model: frozen dataclasses and the named presets.

Where a value is not stated in anything readable of the paper (Feng et al., ICCV 2025, arXiv 2510.11017) it is our decision;
``docs/model.md`` says which is which.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Encoder = Literal["vit_s", "vit_b", "vit_l", "vit_h", "mobilenet_v2"]


@dataclass(frozen=True)
class ModelConfig:
    """Everything that fixes the network's shape. Saved in each checkpoint.

    Sizes are (height, width) in pixels of the crop; ``grid`` is the heat map's size, 1/4 of the input.
    """

    preset: str = "B"
    encoder: Encoder = "vit_b"
    input_size: tuple[int, int] = (256, 192)
    frames: int = 5
    joints: int = 15
    encoder_channels: int = 256
    width: int = 192
    expand: int = 2
    d_state: int = 16
    dt_rank: int | None = None
    gsm_blocks: int = 4
    lrm_blocks: int = 2
    ffn_ratio: float = 4.0
    window: tuple[int, int] = (8, 6)
    window_state_reset: bool = False
    paths: tuple[str, ...] = ("unified", "spatial", "temporal")
    unified_pair: Literal["reverse", "transpose"] = "reverse"
    share_directions: Literal["none", "per-type"] = "none"
    stmm: Literal["deformable", "sum"] = "deformable"
    dwconv: Literal["2d", "3d"] = "2d"
    ffn: Literal["mlp", "gmlp"] = "mlp"
    sigma: float = 3.0

    @property
    def inner(self) -> int:
        """Width I inside a block."""
        return self.width * self.expand

    @property
    def rank(self) -> int:
        """Rank R of the step-size projection; ceil(D / 16) unless set."""
        return self.dt_rank if self.dt_rank is not None else -(-self.width // 16)

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w) of features and heat maps."""
        return self.input_size[0] // 4, self.input_size[1] // 4

    @property
    def key(self) -> int:
        """Index of the key frame in the window."""
        return self.frames // 2

    def with_(self, **changes: object) -> ModelConfig:
        """A copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


PRESETS: dict[str, ModelConfig] = {
    "B": ModelConfig(),
    "H": ModelConfig(preset="H", encoder="vit_h"),
    # Ours, for CPUs: the same blocks with fewer channels behind a light encoder; 192 x 144 keeps both windows whole.
    "T": ModelConfig(
        preset="T",
        encoder="mobilenet_v2",
        input_size=(192, 144),
        encoder_channels=64,
        width=64,
        expand=1,
        d_state=8,
        gsm_blocks=2,
        lrm_blocks=1,
        ffn_ratio=2.0,
        sigma=2.0,
    ),
}

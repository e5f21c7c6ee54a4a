"""Configuration of the model: frozen dataclasses and the named presets.

Where a value is not stated in anything readable of the paper (Feng et al., ICCV 2025, arXiv 2510.11017) it is our decision;
``docs/model.md`` says which is which.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

Encoder = Literal["vit_s", "vit_b", "vit_l", "vit_h", "movenet_thunder", "movenet_lightning", "mobilenet_v2"]
Path = Literal["unified", "spatial", "temporal"]

#: The pixel statistics every encoder was trained with (ImageNet, RGB, of values 0..1).
PIXEL_MEAN = (0.485, 0.456, 0.406)
PIXEL_STD = (0.229, 0.224, 0.225)


#: Strides of features and heat maps: cells are so many pixels of the crop apart. The paper's is 4.
STRIDES = (4, 8, 16)
#: Range of the step sizes that Mamba's scans start with.
MAMBA_STEPS = (0.001, 0.1)
#: Width of each ViT, and so of its features at stride 16, before any deconvolution.
VIT_WIDTHS: dict[str, int] = {"vit_s": 384, "vit_b": 768, "vit_l": 1024, "vit_h": 1280}
#: Filters of ViTPose's deconvolutions: what a ViT encoder gives at strides 4 and 8.
DECONVOLUTION_FILTERS = 256
#: Channels of MoveNet's features by stride: its hidden layer, and the two coarser levels of its pyramid.
MOVENET_CHANNELS = {4: 96, 8: 24, 16: 32}


class ConfigError(ValueError):
    """A configuration that no model can be built from, in one sentence."""


@dataclass(frozen=True)
class ModelConfig:
    """Everything that fixes the network's shape. Saved in each checkpoint.

    Sizes are (height, width) in pixels of the crop; ``grid`` is the heat map's size, 1/stride of the input.

    Attributes:
        preset: name of the preset this configuration started from.
        encoder: which encoder gives the features.
        stride: pixels of the crop from cell to cell of features and heat maps: 4 (the paper's), 8 or 16 (its ablation). Change
            it by :meth:`at_stride`, which takes ``sigma`` and ``encoder_channels`` along.
        freeze_encoder: the encoder stays in evaluation mode and gets no gradient (the paper freezes ViTPose).
        input_size: (height, width) of a crop in pixels.
        frames: T, frames in a window; odd, the key frame is the middle one.
        joints: number of heat maps, in the order of ``POSETRACK15``.
        encoder_channels: C, channels of the encoder's features.
        width: D, channels of the residual stream; a multiple of 4.
        expand: I = expand * D, channels inside a block.
        d_state: N, states per channel of an S6.
        dt_rank: R; ``ceil(D / 16)`` unless set.
        gsm_blocks, lrm_blocks: how many of each; 0 leaves them out.
        ffn: ``mlp`` or ``gmlp`` (gated); ``ffn_ratio`` is its hidden width over D.
        window: (height, width) in cells of LRM's space-time tubes.
        window_state_reset: start each tube from an empty state instead of carrying it over.
        paths: which scans a GSM block runs, each in both directions; ``unified`` must be among them unless ``stmm`` is ``sum``.
        unified_pair: second direction of the unified scan: the first reversed, or column-major (``transpose``).
        share_directions: one S6 per direction (``none``) or one for both directions of a path (``per-type``).
        stmm: how GSM merges its scans: deformable compensation, or their plain sum.
        dwconv: depthwise convolutions inside a frame (``2d``, 3x3) or across frames too (``3d``, 3x3x3).
        sigma: width of the target Gaussian, in heat map cells.
    """

    preset: str = "B"
    encoder: Encoder = "vit_b"
    stride: int = 4
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
    paths: tuple[Path, ...] = ("unified", "spatial", "temporal")
    unified_pair: Literal["reverse", "transpose"] = "reverse"
    share_directions: Literal["none", "per-type"] = "none"
    stmm: Literal["deformable", "sum"] = "deformable"
    dwconv: Literal["2d", "3d"] = "2d"
    ffn: Literal["mlp", "gmlp"] = "mlp"
    sigma: float = 3.0
    freeze_encoder: bool = True

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(choices)}.")
        known = len(set(self.paths)) == len(self.paths) and set(self.paths) <= set(get_args(Path))
        if not self.paths or not known:
            raise ConfigError(f"paths is {self.paths!r}; name some of 'unified', 'spatial' and 'temporal', each once.")
        if "unified" not in self.paths and self.stmm != "sum":
            raise ConfigError(
                f"paths is {self.paths!r}; STMM compensates the unified scan: add 'unified' or set stmm to 'sum'."
            )
        if "unified" not in self.paths and self.unified_pair != "reverse":
            raise ConfigError(
                "unified_pair is 'transpose' but there is no unified scan; add 'unified' to paths or leave this out."
            )
        if self.frames < 1 or self.frames % 2 == 0:
            raise ConfigError(f"frames is {self.frames}; a window needs an odd number of frames so that one is in the middle.")
        self._check_sizes()
        if self.width % 4 or self.width <= 0:
            raise ConfigError(f"width is {self.width}; the sine-cosine embedding needs a positive multiple of 4.")
        for name in ("joints", "encoder_channels", "expand", "d_state"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.dt_rank is not None and self.dt_rank < 1:
            raise ConfigError(f"dt_rank is {self.dt_rank}; it must be at least 1, or left out for ceil(width / 16).")
        if self.gsm_blocks < 0 or self.lrm_blocks < 0 or min(self.window) < 1 or self.sigma <= 0 or self.ffn_ratio <= 0:
            raise ConfigError("gsm_blocks and lrm_blocks must not be negative; window, sigma and ffn_ratio must be positive.")

    def _check_sizes(self) -> None:
        """What crop, stride and encoder demand of each other."""
        for name in ("input_size", "window"):
            if len(getattr(self, name)) != 2:
                raise ConfigError(f"{name} is {getattr(self, name)}; it is a height and a width.")
        if self.stride not in STRIDES:
            raise ConfigError(f"stride is {self.stride}; it must be one of {', '.join(map(str, STRIDES))}.")
        if self.encoder == "mobilenet_v2" and self.stride != 4:
            raise ConfigError(
                f"stride is {self.stride}; mobilenet_v2 has features at stride 4 only; take that or another encoder."
            )
        if any(side < 4 * self.stride or side % self.stride for side in self.input_size):
            raise ConfigError(
                f"input_size is {self.input_size}; at stride {self.stride} both sides must be multiples of {self.stride}, at "
                f"least {4 * self.stride} pixels."
            )
        if self.encoder in VIT_WIDTHS and any(side % 16 for side in self.input_size):
            raise ConfigError(f"input_size is {self.input_size}; a ViT encoder needs multiples of its patch size, 16.")
        fixed = _fixed_channels(self.encoder, self.stride)
        if fixed not in (None, self.encoder_channels):
            raise ConfigError(
                f"encoder_channels is {self.encoder_channels}; {self.encoder} has {fixed} at stride {self.stride}."
            )

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
        return self.input_size[0] // self.stride, self.input_size[1] // self.stride

    @property
    def tokens(self) -> int:
        """L, tokens of one window: T * h * w."""
        return self.frames * self.grid[0] * self.grid[1]

    @property
    def key(self) -> int:
        """Index of the key frame in the window."""
        return self.frames // 2

    def with_(self, **changes: object) -> ModelConfig:
        """A copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def at_stride(self, stride: int) -> ModelConfig:
        """The same model with features and heat maps at another stride.

        The target Gaussian stays as wide on the person, so ``sigma`` changes in cells; ``encoder_channels`` become what the
        encoder has at that stride.
        """
        if stride == self.stride:
            return self
        channels = _fixed_channels(self.encoder, stride)
        if channels is None:  # a ViT's deconvolutions can have any number of filters: these, or ViTPose's
            free = _fixed_channels(self.encoder, self.stride) is None
            channels = self.encoder_channels if free else DECONVOLUTION_FILTERS
        return self.with_(stride=stride, sigma=self.sigma * self.stride / max(stride, 1), encoder_channels=channels)

    def to_json(self) -> str:
        """JSON object of all fields, for a checkpoint's metadata."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """The configuration that :meth:`to_json` wrote; :class:`ConfigError` if the text is something else."""
        try:
            values: Any = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"The model configuration is not JSON ({error}).") from error
        known = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or not set(values) <= known:
            unknown = sorted(set(values) - known) if isinstance(values, dict) else type(values).__name__
            raise ConfigError(f"The model configuration has fields this version does not know ({unknown}).")
        made: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**made)


def _fixed_channels(encoder: str, stride: int) -> int | None:
    """Channels of an encoder's features where they are not ours to choose."""
    if encoder.startswith("movenet"):
        return MOVENET_CHANNELS.get(stride)
    return VIT_WIDTHS.get(encoder) if stride == 16 else None


_CHOICES: dict[str, tuple[str, ...]] = {
    "encoder": get_args(Encoder),
    "unified_pair": ("reverse", "transpose"),
    "share_directions": ("none", "per-type"),
    "stmm": ("deformable", "sum"),
    "dwconv": ("2d", "3d"),
    "ffn": ("mlp", "gmlp"),
}

PRESETS: dict[str, ModelConfig] = {
    "B": ModelConfig(),
    "H": ModelConfig(preset="H", encoder="vit_h"),
    "T": ModelConfig(
        preset="T",
        encoder="movenet_thunder",
        freeze_encoder=True,
        input_size=(224, 168),
        encoder_channels=96,
        width=64,
        expand=1,
        d_state=8,
        gsm_blocks=2,
        lrm_blocks=1,
        ffn_ratio=2.0,
        sigma=2.0,
    ),
}

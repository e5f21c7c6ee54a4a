"""The pose-pretrained encoder of preset T: the network of MoveNet up to the layer before its heat maps.

MoveNet (Google, 2021, Apache-2.0) is MobileNetV2 with a feature pyramid whose finest level, at 1/4 of the input, feeds a small
heat map head. Its features before that head's last layer are to T what ViTPose's features before its last layer are to B and H:
what a public network that was trained on COCO knows of joints. Batch norms are folded into the convolutions in the published
weights and stay so. :func:`movenet_state` reads those weights (TensorFlow.js layout, float16); the program never needs them.

Strided convolutions pad below and to the right only (TensorFlow's "same" at even sizes). Sides that are no multiple of 32 get
a row or column of zeros at the coarse levels, so that all levels stay aligned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from glsmamba.config import MOVENET_CHANNELS, PIXEL_MEAN, PIXEL_STD
from glsmamba.modeling.fused import convolved, fuses

#: (channels, repeats, first stride) of MobileNetV2's stages at width 1; all but the first expand six times.
_STAGES = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))
#: Blocks whose output goes to the pyramid: strides 4, 8 and 16. Stride 32 is the last layer.
_TAPS = (2, 5, 9)
#: Channels that the pyramid has at strides 32 and 16, 8, and 4 before its levels are merged.
_PYRAMID = (64, MOVENET_CHANNELS[16], MOVENET_CHANNELS[8])


class Strided(nn.Conv2d):
    """3x3 convolution of stride 2 that pads below and to the right: (N, C, H, W) -> (N, D, ceil(H/2), ceil(W/2))."""

    def __init__(self, inputs: int, outputs: int, groups: int = 1):
        super().__init__(inputs, outputs, 3, 2, groups=groups)

    def placed(self, x: Tensor) -> tuple[Tensor, int]:
        """What to convolve and how many zeros to put around it; with two, :meth:`cut` the result."""
        if self.groups > 1:
            # Without a copy of the input, whose channels are many: two rows and columns of zeros on all sides, from which the
            # convolution makes one row and column too many above and to the left.
            return x, 2
        h, w = x.shape[-2:]
        return F.pad(x, (0, 1 + w % 2, 0, 1 + h % 2)), 0

    @staticmethod
    def cut(y: Tensor, padding: int) -> Tensor:
        """(N, D, H, W) -> without the first row and column, where they are too many."""
        return y[..., 1:, 1:] if padding else y

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, D, ceil(H/2), ceil(W/2))."""
        x, padding = self.placed(x)
        return self.cut(F.conv2d(x, self.weight, self.bias, self.stride, padding, groups=self.groups), padding)


class Chain(nn.Sequential):
    """Convolutions without dilation, each followed by ReLU6 or by nothing: in one pass each where that can be done."""

    def forward(self, x: Tensor, plus: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """(N, C, H, W) -> (N, D, H', W'), to which ``plus`` is added unless it is None."""
        if not fuses(x):
            x = super().forward(x)
            return x if plus is None else plus + x
        layers: list[nn.Module | None] = [*self, None]
        for layer, following in pairwise(layers):
            if isinstance(layer, Strided):
                x, padding = layer.placed(x)
                x = layer.cut(convolved(layer, x, padding, relu6=isinstance(following, nn.ReLU6)), padding)
            elif isinstance(layer, nn.Conv2d):
                last = plus if following is None else None
                x = convolved(layer, x, int(layer.padding[0]), relu6=isinstance(following, nn.ReLU6), plus=last)
        return x


class Inverted(nn.Module):
    """Inverted residual: expand (1x1), filter each channel (3x3), project (1x1)."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int):
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [nn.Conv2d(inputs, hidden, 1), nn.ReLU6(inplace=True)]
        filtered = Strided(hidden, hidden, hidden) if stride == 2 else nn.Conv2d(hidden, hidden, 3, 1, 1, groups=hidden)
        layers += [filtered, nn.ReLU6(inplace=True), nn.Conv2d(hidden, outputs, 1)]
        self.conv = Chain(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H/stride, W/stride)."""
        return self.conv(x, x if self.residual else None)


class Separable(nn.Sequential):
    """3x3 depthwise, 1x1 convolution, ReLU: (N, inputs, H, W) -> (N, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(
            nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False), nn.Conv2d(inputs, outputs, 1),
            nn.ReLU(inplace=True),
        )  # fmt: skip


class MoveNetEncoder(nn.Module):
    """(N, 3, H, W) RGB normalised by ImageNet's mean and deviation -> (N, C, H/stride, W/stride).

    C is ``MOVENET_CHANNELS[stride]``: at stride 4 the 96 channels of the hidden layer; at 8 and 16 the pyramid ends one or two
    levels earlier, with what it would send up to the next.

    Args:
        width: 1.0 is MoveNet Lightning, 1.75 Thunder.
        stride: 4, 8 or 16.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, width: float = 1.75, stride: int = 4):
        super().__init__()
        self.stride = stride
        inputs = _rounded(32 * width)
        features: list[nn.Module] = [Chain(Strided(3, inputs), nn.ReLU6(inplace=True))]
        taps: list[int] = []
        for stage, (channels, repeats, first) in enumerate(_STAGES):
            outputs = _rounded(channels * width)
            for i in range(repeats):
                features.append(Inverted(inputs, outputs, first if i == 0 else 1, 6 if stage else 1))
                inputs = outputs
                if len(features) - 2 in _TAPS:
                    taps.append(outputs)
        features.append(Chain(nn.Conv2d(inputs, 1280, 1), nn.ReLU6(inplace=True)))
        self.features = nn.Sequential(*features)
        c16, c8, c4 = _PYRAMID
        self.lateral32 = nn.Conv2d(1280, c16, 1)
        self.lateral16 = nn.Conv2d(taps[2], c16, 1)
        self.merge16 = Separable(c16, c8)
        if stride <= 8:
            self.lateral8 = nn.Conv2d(taps[1], c8, 1)
            self.merge8 = Separable(c8, c4)
        if stride == 4:
            self.lateral4 = nn.Conv2d(taps[0], c4, 1)
            self.merge4 = Separable(c4, c4)
            self.hidden = Separable(c4, MOVENET_CHANNELS[4])
        # From ImageNet's normalisation to MoveNet's -1 .. 1.
        mean, std = torch.tensor(PIXEL_MEAN), torch.tensor(PIXEL_STD)
        self.register_buffer("scale", (2 * std).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", (2 * mean - 1).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C, H/stride, W/stride); H and W multiples of the stride."""
        x = (x * self.scale + self.shift).contiguous(memory_format=torch.channels_last)
        to4, to8, to16 = (tap + 2 for tap in _TAPS)
        finest = self.features[:to4]
        if x.device.type == "cpu" and not torch.is_grad_enabled():
            # Frame by frame: what all have here is more than malloc keeps, and would be fetched from the system each time.
            s4 = torch.cat([finest(frame) for frame in x.split(1)])
        else:
            s4 = finest(x)
        s8 = self.features[to4:to8](s4)
        s16 = self.features[to8:to16](s8)
        x = self.features[to16:](s16)
        x = self.merge16(_up(self.lateral32(x), s16) + self.lateral16(s16))
        if self.stride == 16:
            return x
        x = self.merge8(_up(x, s8) + self.lateral8(s8))
        if self.stride == 8:
            return x
        x = self.merge4(_up(x, s4) + self.lateral4(s4))
        return self.hidden(x)


def movenet_state(model_json: str | Path) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Read a MoveNet of TensorFlow.js (``movenet-thunder.json`` with its ``.bin`` beside it).

    Args:
        model_json: the file with the weights' names; the numbers lie beside it.

    Returns:
        state dict of :class:`MoveNetEncoder`, and weight (17, 96) and bias (17,) of the heat maps' last layer, COCO order; it
        gives the logits of the heat maps.

    Raises:
        ValueError: the file is not a single-person MoveNet in float16.
    """
    raw = _tfjs_weights(Path(model_json))
    found: dict[str, np.ndarray] = {}
    for name, value in raw.items():
        for ours, theirs in _names().items():
            if name.endswith(theirs):
                found[ours] = value
    missing = sorted(set(_names()) - set(found))
    if missing:
        raise ValueError(f"{Path(model_json).name} is not a single-person MoveNet: {missing[0]} is missing.")
    state: dict[str, Tensor] = {}
    for name, value in found.items():
        if value.ndim == 4:  # height, width, inputs, outputs; depthwise: height, width, channels, 1
            depthwise = value.shape[0] == 3 and value.shape[3] == 1
            value = value.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        state[name] = torch.from_numpy(np.ascontiguousarray(value, np.float32))
    weight, bias = state.pop("head.weight"), state.pop("head.bias")
    return state, weight.flatten(1), bias


def _names() -> dict[str, str]:
    """Our tensor names and the ends of MoveNet's."""
    names: dict[str, str] = {}

    def conv(ours: str, theirs: str) -> None:
        names[ours + ".weight"], names[ours + ".bias"] = theirs + "_weights", theirs + "_bn_offset"

    conv("features.0.0", "/Conv1/Conv2D")
    for block in range(17):
        prefix = f"/block_{block}_" if block else "/expanded_conv_"
        layers = ("expand/Conv2D", "depthwise/depthwise", "project/Conv2D")[0 if block else 1 :]
        for at, layer in enumerate(layers):
            conv(f"features.{block + 1}.conv.{2 * at}", prefix + layer)
    conv("features.18.0", "/Conv_1/Conv2D")
    laterals = {"lateral32": "conv2d", "lateral16": "conv2d_1", "lateral8": "conv2d_2", "lateral4": "conv2d_3"}
    for ours, theirs in laterals.items():
        names[ours + ".weight"] = f"/model_1/{theirs}/Conv2D/ReadVariableOp"
        names[ours + ".bias"] = f"/model_1/{theirs}/BiasAdd/ReadVariableOp"
    for ours, theirs in (("merge16", ""), ("merge8", "_1"), ("merge4", "_2")):
        names[ours + ".0.weight"] = f"/model_1/separable_conv2d{theirs}/separable_conv2d/ReadVariableOp"
        conv(ours + ".1", f"/model_1/separable_conv2d{theirs}/separable_conv2d")
    head = "/kpt_heatmap_0/separable_conv2d_4"
    names["hidden.0.weight"] = head + "/separable_conv2d/ReadVariableOp"
    names["hidden.1.weight"] = head + "/separable_conv2d/ReadVariableOp_1"
    names["hidden.1.bias"] = head + "/BiasAdd/ReadVariableOp"
    names["head.weight"] = "/kpt_heatmap_0/conv2d_5/Conv2D/ReadVariableOp"
    names["head.bias"] = "/kpt_heatmap_0/conv2d_5/BiasAdd/ReadVariableOp"
    return names


def _tfjs_weights(path: Path) -> Mapping[str, np.ndarray]:
    manifest = json.loads(path.read_text(encoding="utf-8"))["weightsManifest"]
    out: dict[str, np.ndarray] = {}
    for group in manifest:
        data = b"".join((path.parent / name).read_bytes() for name in group["paths"])
        at = 0
        for entry in group["weights"]:
            kind = entry.get("quantization", {}).get("dtype", entry["dtype"])
            if kind not in ("float16", "float32", "int32"):
                raise ValueError(f"{path.name} holds {kind} numbers; only float16 and float32 weights are read.")
            count = int(np.prod(entry["shape"]))
            dtype = np.dtype(kind).newbyteorder("<")
            values = np.frombuffer(data, dtype, count, at)
            at += values.nbytes
            if kind != "int32":
                out[entry["name"]] = values.astype(np.float32).reshape(entry["shape"])
    return out


def _up(x: Tensor, like: Tensor) -> Tensor:
    """Twice the size, bilinear, cut to the size of ``like`` where that is odd."""
    h, w = like.shape[-2:]
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)[..., :h, :w]


def _rounded(channels: float) -> int:
    """MobileNet's rule: to the nearest multiple of 8, never more than 10 % down."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest

"""The light encoder of preset T: MobileNetV2 and a top-down decoder that gives features at 1/4 of the input.

The trunk is MobileNetV2 (Sandler et al., CVPR 2018) up to its last inverted residual (``features[0:18]``, 1.8 M parameters),
with its batch norms folded into the convolutions: on a CPU batch norm takes half of a training step, and the folded trunk
is also what runs fastest. :meth:`MobileNetEncoder.load_imagenet` folds a public ImageNet checkpoint when a training starts.
The decoder sends the coarse context back up to stride 4 with laterals and depthwise-separable convolutions; it takes the
place of ViTPose's two deconvolutions.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: (expansion, channels, repeats, first stride) of each stage of MobileNetV2.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
#: Index of the last layer at strides 4, 8, 16 and 32, and its channels.
_TAPS = {3: 24, 6: 32, 13: 96, 17: 320}
_BN_EPS = 1e-5


class InvertedResidual(nn.Module):
    """Expand (1x1), filter each channel (3x3), project (1x1); residual where the shape allows it."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int):
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [nn.Conv2d(inputs, hidden, 1), nn.ReLU6(inplace=True)]
        layers += [nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden), nn.ReLU6(inplace=True)]
        layers += [nn.Conv2d(hidden, outputs, 1)]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H/stride, W/stride)."""
        return x + self.conv(x) if self.residual else self.conv(x)


class Refine(nn.Sequential):
    """5x5 depthwise, 1x1 convolution, batch norm, ReLU: (N, inputs, H, W) -> (N, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(
            nn.Conv2d(inputs, inputs, 5, padding=2, groups=inputs, bias=False), nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
        )  # fmt: skip


class MobileNetEncoder(nn.Module):
    """(N, 3, H, W) RGB normalised by ImageNet's mean and deviation -> (N, channels, H/4, W/4).

    Args:
        channels: channels of the features that come out.
        widths: channels of the decoder at strides 16 and 8.
    """

    def __init__(self, channels: int = 64, widths: tuple[int, int] = (128, 96)):
        super().__init__()
        features: list[nn.Module] = [nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU6(inplace=True))]
        inputs = 32
        for expansion, outputs, repeats, stride in _STAGES:
            for i in range(repeats):
                features.append(InvertedResidual(inputs, outputs, stride if i == 0 else 1, expansion))
                inputs = outputs
        self.features = nn.Sequential(*features)
        w16, w8 = widths
        self.lateral32 = nn.Conv2d(_TAPS[17], w16, 1)
        self.lateral16 = nn.Conv2d(_TAPS[13], w16, 1)
        self.lateral8 = nn.Conv2d(_TAPS[6], w8, 1)
        self.lateral4 = nn.Conv2d(_TAPS[3], channels, 1)
        self.refine16 = nn.Sequential(Refine(w16, w16), Refine(w16, w8))
        self.refine8 = nn.Sequential(Refine(w8, w8), Refine(w8, channels))
        self.refine4 = Refine(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, channels, ceil(H/4), ceil(W/4))."""
        x = x.contiguous(memory_format=torch.channels_last)
        taps: list[Tensor] = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in _TAPS:
                taps.append(x)
        s4, s8, s16, s32 = taps
        x = self.refine16(_up(self.lateral32(s32), s16) + self.lateral16(s16))
        x = self.refine8(_up(x, s8) + self.lateral8(s8))
        return self.refine4(_up(x, s4) + self.lateral4(s4))

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Take the trunk from a public MobileNetV2 state dict (``features.N...``), folding its batch norms; the decoder stays.

        Raises:
            ValueError: if the state dict is not a MobileNetV2 of width 1.
        """
        convs = [m for m in self.features.modules() if isinstance(m, nn.Conv2d)]
        keys = [key for key, value in state.items() if key.endswith(".weight") and value.ndim == 4]
        norms = [key for key in state if key.endswith(".running_mean")]
        for i, conv in enumerate(convs):
            if i >= len(keys) or i >= len(norms) or state[keys[i]].shape != conv.weight.shape:
                raise ValueError(f"These are not MobileNetV2 weights of width 1: convolution {i} does not fit.")
            norm = norms[i].removesuffix(".running_mean")
            scale = state[norm + ".weight"] / torch.sqrt(state[norm + ".running_var"] + _BN_EPS)
            with torch.no_grad():
                conv.weight.copy_(state[keys[i]] * scale[:, None, None, None])
                conv.bias.copy_(state[norm + ".bias"] - state[norm + ".running_mean"] * scale)  # type: ignore[union-attr]


def _up(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="nearest")

"""The encoder protocol and the factory: (N, 3, H, W) normalised RGB -> (N, C, H/stride, W/stride)."""

from __future__ import annotations

from torch import nn

from glsmamba.config import ModelConfig

_MOVENET_WIDTHS = {"movenet_thunder": 1.75, "movenet_lightning": 1.0}


def build_encoder(config: ModelConfig) -> nn.Module:
    """The encoder that ``config.encoder`` names, with untrained weights."""
    if config.encoder == "mobilenet_v2":
        from glsmamba.modeling.mobilenet import MobileNetEncoder

        return MobileNetEncoder(channels=config.encoder_channels)
    if config.encoder in _MOVENET_WIDTHS:
        from glsmamba.modeling.movenet import MoveNetEncoder

        return MoveNetEncoder(_MOVENET_WIDTHS[config.encoder], config.stride)
    from glsmamba.modeling.vit import ViTPoseEncoder

    return ViTPoseEncoder(config)

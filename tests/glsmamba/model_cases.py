"""Small models for the tests of the model."""

from __future__ import annotations

import torch
from torch import nn

from glsmamba.config import PRESETS, ModelConfig
from glsmamba.modeling.model import GLSMamba

# Small tensors on a busy machine: a second thread only waits for the first.
torch.set_num_threads(1)

#: Preset T on a tiny crop, with a light encoder that is trained too: the same blocks in a fraction of the time.
TINY = PRESETS["T"].with_(input_size=(64, 48), window=(4, 6), encoder="mobilenet_v2", encoder_channels=64, freeze_encoder=False)


class AverageEncoder(nn.Module):
    """Fast stand-in for an encoder: four-pixel averages of the crop, projected. A real (N, 3, H, W) -> (N, C, H/4, W/4)."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(3, channels, kernel_size=4, stride=4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


def awake(model: GLSMamba, seed: int = 0) -> GLSMamba:
    """A new model's blocks are identities; give the layers that start at zero weights, so that everything takes part."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("linear_out.weight", "ffn.fc2.weight", "offset.weight", "head.weight")):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model


def small_model(config: ModelConfig = TINY, seed: int = 0) -> GLSMamba:
    """An awake model with the fast encoder."""
    torch.manual_seed(seed)
    return awake(GLSMamba(config, encoder=AverageEncoder(config.encoder_channels)), seed)

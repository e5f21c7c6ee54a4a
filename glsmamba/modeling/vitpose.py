"""ViTPose with its own head: crop in, heat maps of COCO's joints out, one frame at a time. The single-frame baseline.

It has the outside of :class:`~glsmamba.modeling.model.GLSMamba` (``encode``, ``decode_frames``, no blocks), so that what
drives one drives the other.

Letters: b batch, n frames, k joints, c and e channels, h and w grid; H and W are the crop's size in pixels.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from glsmamba.config import ModelConfig
from glsmamba.modeling.model import BetweenBlocks
from glsmamba.modeling.vit import VIT_SIZES, Block, ViTPoseEncoder
from glsmamba.weight_file import ViTPoseFacts

__all__ = ["ViTPose"]


class ViTPose(nn.Module):
    """A ViTPose for prediction.

    State-dict names: ``encoder.*`` as in GLSMamba's B and H (without deconvolutions for the simple head), ``final_layer.*``.
    """

    def __init__(self, config: ModelConfig, facts: ViTPoseFacts):
        super().__init__()
        self.config, self.facts = config, facts
        self.encoder = ViTPoseEncoder(config, facts.depth)
        self.gsm, self.lrm = nn.ModuleList(), nn.ModuleList()
        if facts.head == "classic":
            self.final_layer = nn.Conv2d(config.encoder_channels, config.joints, kernel_size=1)
        else:
            self.encoder.deconv_layers = nn.Sequential()
            self.final_layer = nn.Conv2d(VIT_SIZES[config.encoder].embed, config.joints, kernel_size=3, padding=1)
        for module in self.encoder.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = facts.eps
            elif isinstance(module, Block):
                module.attn.heads = facts.heads
        self.requires_grad_(False)
        self.eval()

    def encode(self, frames: Tensor) -> Tensor:
        """(n, 3, H, W) normalised crops -> (n, k, h, w) heat maps: all there is to compute depends on one frame alone."""
        if tuple(frames.shape[-2:]) != self.config.input_size:
            given, wanted = tuple(frames.shape[-2:]), self.config.input_size
            raise ValueError(f"Crops are {given} pixels (height, width); this model takes {wanted}.")
        if self.facts.head == "classic":
            return self.final_layer(self.encoder(frames))
        x = F.relu(self.encoder.trunk(frames))
        x = F.interpolate(x, scale_factor=4.0, mode="bilinear", align_corners=False)
        return self.final_layer(x)

    def decode_frames(self, features: Tensor, read: slice, between: BetweenBlocks | None = None) -> Tensor:
        """(b, 1, k, h, w) of :meth:`encode`, and the same again: there is one frame to read."""
        if features.shape[1] != 1:
            raise ValueError(f"The window has {features.shape[1]} frames; this model takes 1.")
        if between is not None:
            between()
        return features[:, read]

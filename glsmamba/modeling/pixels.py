"""From pixels to the network's input."""

from __future__ import annotations

import torch
from torch import Tensor

from glsmamba.config import PIXEL_MEAN, PIXEL_STD


def normalised(crops: Tensor) -> Tensor:
    """(n, H, W, 3) uint8 RGB crops -> (n, 3, H, W) float32, ImageNet mean and deviation, channels-last in memory."""
    mean = torch.tensor(PIXEL_MEAN, device=crops.device) * 255.0
    scale = 1.0 / (torch.tensor(PIXEL_STD, device=crops.device) * 255.0)
    return ((crops.float() - mean) * scale).permute(0, 3, 1, 2)

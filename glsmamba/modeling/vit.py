"""ViTPose encoder: a plain ViT on 16-pixel patches and the classic head's deconvolutions as upsampler, two for stride 4.

Module and parameter names are those of the official ViTPose checkpoints (``backbone.*`` and ``keypoint_head.deconv_layers.*``),
so that importing one is a change of prefixes. Source: ViTAE-Transformer/ViTPose, classic head without its last convolution.

Letters: n frames, c channels, p = (H/16)*(W/16) patches, e embedding width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glsmamba.config import VIT_WIDTHS, ModelConfig

PATCH = 16
PRETRAINED_GRID = (16, 12)  # patches of the 256x192 input that ViTPose was trained at


@dataclass(frozen=True)
class ViTSize:
    """Width, depth and heads of one ViT."""

    embed: int
    depth: int
    heads: int


VIT_SIZES = {
    "vit_s": ViTSize(VIT_WIDTHS["vit_s"], 12, 12),
    "vit_b": ViTSize(VIT_WIDTHS["vit_b"], 12, 12),
    "vit_l": ViTSize(VIT_WIDTHS["vit_l"], 24, 16),
    "vit_h": ViTSize(VIT_WIDTHS["vit_h"], 32, 16),
}


class Attention(nn.Module):
    """Multi-head self-attention with one qkv projection."""

    def __init__(self, embed: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(embed, 3 * embed)
        self.proj = nn.Linear(embed, embed)

    def forward(self, x: Tensor) -> Tensor:
        """(n, p, e) -> (n, p, e)."""
        n, p, e = x.shape
        q, k, v = self.qkv(x).view(n, p, 3, self.heads, e // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.proj(y.transpose(1, 2).reshape(n, p, e))


class Mlp(nn.Module):
    """fc2(GELU(fc1 x)), hidden width 4e."""

    def __init__(self, embed: int):
        super().__init__()
        self.fc1 = nn.Linear(embed, 4 * embed)
        self.fc2 = nn.Linear(4 * embed, embed)

    def forward(self, x: Tensor) -> Tensor:
        """(n, p, e) -> (n, p, e)."""
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, size: ViTSize):
        super().__init__()
        self.norm1 = nn.LayerNorm(size.embed, eps=1e-6)
        self.attn = Attention(size.embed, size.heads)
        self.norm2 = nn.LayerNorm(size.embed, eps=1e-6)
        self.mlp = Mlp(size.embed)

    def forward(self, x: Tensor) -> Tensor:
        """(n, p, e) -> (n, p, e)."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    """16x16 patches at stride 16 with padding 2, as ViTPose has it."""

    def __init__(self, embed: int):
        super().__init__()
        self.proj = nn.Conv2d(3, embed, kernel_size=PATCH, stride=PATCH, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, H, W) -> (n, e, H/16, W/16)."""
        return self.proj(x)


class ViTPoseEncoder(nn.Module):
    """ViT trunk and stride-2 deconvolutions of ``encoder_channels`` filters (ViTPose: 256): features at the config's stride.

    At stride 4 these are ViTPose's two deconvolutions, at stride 8 the first of them; at stride 16 there is none, and the
    features are the trunk's own, as wide as it is.

    ``depth`` overrides the preset's number of transformer blocks (tests on small machines).
    """

    def __init__(self, config: ModelConfig, depth: int | None = None):
        super().__init__()
        size = VIT_SIZES[config.encoder]
        self.grid = config.input_size[0] // PATCH, config.input_size[1] // PATCH
        self.patch_embed = PatchEmbed(size.embed)
        # Slot 0 belonged to the class token of pretraining; ViTPose adds it to every token.
        self.pos_embed = nn.Parameter(torch.randn(1, 1 + self.grid[0] * self.grid[1], size.embed) * 0.02)
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.depth if depth is None else depth))
        self.last_norm = nn.LayerNorm(size.embed, eps=1e-6)
        layers: list[nn.Module] = []
        inputs, c = size.embed, config.encoder_channels
        for _ in range({4: 2, 8: 1, 16: 0}[config.stride]):
            layers += [nn.ConvTranspose2d(inputs, c, kernel_size=4, stride=2, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(c), nn.ReLU()]
            inputs = c
        self.deconv_layers = nn.Sequential(*layers)

    def trunk(self, x: Tensor) -> Tensor:
        """(n, 3, H, W) normalised pixels -> (n, e, H/16, W/16)."""
        x = self.patch_embed(x)
        n, e, h, w = x.shape
        x = x.flatten(2).transpose(1, 2) + self.pos_embed[:, 1:] + self.pos_embed[:, :1]
        for block in self.blocks:
            x = block(x)
        return self.last_norm(x).transpose(1, 2).reshape(n, e, h, w)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, H, W) normalised pixels -> (n, c, H/stride, W/stride)."""
        return self.deconv_layers(self.trunk(x))


def resized_positions(positions: Tensor, grid: tuple[int, int], source: tuple[int, int] = PRETRAINED_GRID) -> Tensor:
    """(1, 193, e) or (1, 192, e) positions of a 256x192 ViTPose -> (1, 1 + p, e) for another grid of patches.

    Slot 0 is kept (zero where the file has none); the others are resized bicubically from ``source``, 16x12 patches by default.
    """
    p = source[0] * source[1]
    if positions.dim() != 3 or positions.shape[1] not in (p, p + 1):
        given, crop = tuple(positions.shape), f"{source[0] * PATCH}x{source[1] * PATCH}"
        raise ValueError(f"Position embeddings of shape {given} are not those of a {crop} ViTPose, (1, {p + 1}, e).")
    slot, rest = (positions[:, :1], positions[:, 1:]) if positions.shape[1] == p + 1 else (positions[:, :1] * 0, positions)
    if grid != source:
        picture = rest.transpose(1, 2).reshape(1, -1, *source)
        rest = F.interpolate(picture, size=grid, mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)
    return torch.cat([slot, rest], dim=1)

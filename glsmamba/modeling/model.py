"""GLSMamba: encoder, embedding, GSM blocks, LRM blocks, head.

Letters: b batch, t frames, c encoder channels, k joints, h and w grid, d width; H and W are the crop's size in pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from glsmamba.config import ModelConfig
from glsmamba.modeling.embedding import Embedding
from glsmamba.modeling.encoder import build_encoder
from glsmamba.modeling.gsm import GSMBlock
from glsmamba.modeling.head import Head
from glsmamba.modeling.lrm import LRMBlock

#: Called between the model's blocks; may raise to stop a forward pass half way.
BetweenBlocks = Callable[[], None]


class GLSMamba(nn.Module):
    """Video pose model: a window of T crops of one person in, heat maps of the key frame out.

    State-dict names: ``encoder.*``, ``embed.*``, ``gsm.{i}.*``, ``lrm.{i}.*``, ``head.*``. All blocks start as the identity, so
    a model whose encoder, embedding and head come from a trained single-frame model (``frames=1, gsm_blocks=0,
    lrm_blocks=0``) starts with that model's predictions.
    """

    def __init__(self, config: ModelConfig, encoder: nn.Module | None = None):
        super().__init__()
        self.config = config
        self.encoder = build_encoder(config) if encoder is None else encoder
        self.embed = Embedding(config)
        self.gsm = nn.ModuleList(GSMBlock(config) for _ in range(config.gsm_blocks))
        self.lrm = nn.ModuleList(LRMBlock(config) for _ in range(config.lrm_blocks))
        self.head = Head(config)
        if config.freeze_encoder:
            self.encoder.requires_grad_(False)
            self.encoder.eval()

    def train(self, mode: bool = True) -> GLSMamba:
        """As in torch, but a frozen encoder stays in evaluation mode: its batch norms must not move."""
        super().train(mode)
        if self.config.freeze_encoder:
            self.encoder.eval()
        return self

    def encode(self, frames: Tensor) -> Tensor:
        """(n, 3, H, W) normalised crops -> (n, c, h, w) features. No gradient when the encoder is frozen."""
        if tuple(frames.shape[-2:]) != self.config.input_size:
            given, wanted = tuple(frames.shape[-2:]), self.config.input_size
            raise ValueError(f"Crops are {given} pixels (height, width); this model takes {wanted}.")
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.freeze_encoder):
            return self.encoder(frames)

    def decode_features(self, features: Tensor, between: BetweenBlocks | None = None, *, full: bool = False) -> Tensor:
        """(b, t, c, h, w) features -> (b, k, h, w) heat maps of the key frame.

        Only the key frame is read from the last block, so that block computes what follows its scan for the key frame alone;
        the result is the same. ``full`` computes all of it (for counting operations as the paper does).
        """
        key = self.config.key
        return self.decode_frames(features, slice(key, key + 1), between, full=full)[:, 0]

    def decode_frames(
        self, features: Tensor, read: slice, between: BetweenBlocks | None = None, *, full: bool = False
    ) -> Tensor:
        """(b, t, c, h, w) features -> (b, t', k, h, w) heat maps of the frames of the window in ``read``.

        What it says of frames beside the key frame is as good only as far as the model has learnt them (a training's
        ``answers``).
        """
        if features.shape[1] != self.config.frames:
            raise ValueError(f"The window has {features.shape[1]} frames; this model takes {self.config.frames}.")
        x = self.embed(features)
        blocks = [*self.gsm, *self.lrm]
        for index, block in enumerate(blocks):
            if between is not None:
                between()
            x = block(x, read) if index == len(blocks) - 1 and not full else block(x)
        if between is not None:
            between()
        if full or not blocks:
            x = x[:, read]
        return self.head(x.flatten(0, 1)).unflatten(0, x.shape[:2])

    def forward(
        self, frames: Tensor, between: BetweenBlocks | None = None, *, full: bool = False, read: slice | None = None
    ) -> Tensor:
        """(b, t, 3, H, W) normalised crops of a window -> (b, k, h, w) heat maps of the key frame.

        With ``read`` (b, t', k, h, w): those of the frames in it.
        """
        if frames.dim() != 5:
            raise ValueError(f"Windows have shape {tuple(frames.shape)}; the model takes (batch, frames, 3, height, width).")
        b, t = frames.shape[:2]
        features = self.encode(frames.flatten(0, 1))
        if read is not None:
            return self.decode_frames(features.unflatten(0, (b, t)), read, between, full=full)
        return self.decode_features(features.unflatten(0, (b, t)), between, full=full)

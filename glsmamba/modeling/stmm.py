"""Spatial- and temporal-modulated scan merging (STMM): three streams of scans become one.

Letters: b batch, t frames, h and w grid, i channels.

    F = y_u + DCN_s(y_s; dp_s, m_s) + DCN_t(y_t; dp_t, m_t)
    dp, m = offsets(y - y_u)            per branch: 18 offsets and 9 masks a cell

The paper merges each path's two directions and compensates by deformable convolution; its equations were not readable. Ours
are the ones above: the unified scan is the base (as in the ablation), each branch samples its own stream by a depthwise
modulated deformable 3x3 convolution inside the frame, at places found from what that stream has and the base lacks. Offsets
come from a depthwise 3x3 and a pointwise convolution (the paper's +0.3 M parameters and +0.7 GFLOPs a branch leave room for no
more). All offsets start at 0, masks at 1 and the kernels at the centre tap: an untrained STMM is the plain sum.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from glsmamba.config import ModelConfig
from glsmamba.modeling.dwconv import DepthwiseConv
from glsmamba.modeling.kernels import sample_deformed

TAPS = 9


class Compensation(nn.Module):
    """One branch: sample a stream where its difference from the base says."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        i = config.inner
        self.dwconv = DepthwiseConv(i, "2d", bias=False)
        self.offset = nn.Linear(i, 3 * TAPS)
        nn.init.zeros_(self.offset.weight)
        nn.init.zeros_(self.offset.bias)
        weight = torch.zeros(i, TAPS)
        weight[:, TAPS // 2] = 1.0
        self.weight = nn.Parameter(weight)

    def forward(self, stream: Tensor, base: Tensor, merged: Tensor) -> Tensor:
        """(b, t, h, w, i) stream, base and what is merged so far -> (b, t, h, w, i) with the compensation added."""
        where = self.offset(self.dwconv(stream - base))
        found = sample_deformed(merged.flatten(0, 1), stream.flatten(0, 1), where.flatten(0, 1), self.weight)
        return found.view(stream.shape)


class ScanMerge(nn.Module):
    """STMM over the merged streams of a GSM block, or their sum (``stmm="sum"``, the paper's ablation)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.paths = config.paths
        others = [path for path in config.paths if path != "unified"] if config.stmm == "deformable" else []
        self.branches = nn.ModuleDict({path: Compensation(config) for path in others})

    def forward(self, streams: dict[str, Tensor]) -> Tensor:
        """Streams by path name, each (b, t, h, w, i), both directions already added -> (b, t, h, w, i)."""
        base = streams[self.paths[0] if "unified" not in streams else "unified"]
        merged = base
        for path, stream in streams.items():
            if stream is not base:
                merged = self.branches[path](stream, base, merged) if path in self.branches else merged + stream
        return merged

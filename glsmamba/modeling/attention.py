"""Sequential channel attention (SCA): every frame's channels are weighed from the pooled features of all frames.

Letters: b batch, t frames, h and w grid, i inner width.
"""

from __future__ import annotations

from torch import Tensor, nn

from glsmamba.config import ModelConfig


class SequentialChannelAttention(nn.Module):
    """w = sigmoid(MLP(GAP(concat_t X_t))), X_t <- w_t * X_t.

    Pooling, MLP and sigmoid over the concatenated frames are the paper's; the MLP's sizes T*I -> I -> T*I and ReLU are ours.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        channels = config.frames * config.inner
        self.fc1 = nn.Linear(channels, config.inner)
        self.act = nn.ReLU()
        self.fc2 = nn.Linear(config.inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(b, t, h, w, i) -> the same shape."""
        b, t, _, _, i = x.shape
        pooled = x.mean(dim=(2, 3)).reshape(b, t * i)
        weights = self.fc2(self.act(self.fc1(pooled))).sigmoid()
        return x * weights.view(b, t, 1, 1, i)

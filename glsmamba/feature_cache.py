"""Encoded crops that later windows will want again, within a budget of memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

from torch import Tensor

from glsmamba.data.records import Box

__all__ = ["CropKey", "FeatureCache"]

#: Number of the frame, and the box that its crop was made for.
CropKey = tuple[int, Box]


class FeatureCache:
    """The encoder's features of crops, the least recently used let go first.

    Only features are shared between windows without any loss: whatever follows the encoder mixes the frames of one window.

    Args:
        budget: bytes that are kept at most, wherever the features lie.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.nbytes = 0
        self._kept: OrderedDict[CropKey, Tensor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: CropKey) -> bool:
        return key in self._kept

    def get(self, key: CropKey) -> Tensor | None:
        """Features, or None where they are not kept; they count as just used."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: CropKey, features: Tensor) -> None:
        """Keep a copy of the features of a crop: a part of a batch would hold on to all of it."""
        self._drop(key)
        size = features.numel() * features.element_size()
        while self._kept and self.nbytes + size > self.budget:
            self._drop(next(iter(self._kept)))
        if size <= self.budget:
            self._kept[key] = features.clone()
            self.nbytes += size

    def keep_boxes(self, boxes: Collection[Box]) -> None:
        """Let go of the crops of all other boxes."""
        for key in [key for key in self._kept if key[1] not in boxes]:
            self._drop(key)

    def clear(self) -> None:
        """Let go of everything."""
        self._kept.clear()
        self.nbytes = 0

    def _drop(self, key: CropKey) -> None:
        features = self._kept.pop(key, None)
        if features is not None:
            self.nbytes -= features.numel() * features.element_size()

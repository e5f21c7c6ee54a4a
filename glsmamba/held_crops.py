"""Crops that stand still while a person hardly moves, so that consecutive windows of that person share their crops."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from glsmamba.data.records import Box
from glsmamba.heatmaps import ENLARGE, crop_region

__all__ = ["HeldCrops"]

#: From this margin on a box could reach the edge of a held crop.
_LIMIT = (ENLARGE - 1) / 2 / ENLARGE


@dataclass(eq=False)
class _Held:
    box: Box
    edges: np.ndarray
    frame: int  # where it was used last, and for which box
    serves: Box


class HeldCrops:
    """The held crops of the people in view, told apart by place alone: no id is needed, and a change of ids changes nothing.

    A held crop is named by the box it was derived from. A person's box takes over the held crop that its own crop agrees with
    best: each of the four edges must be within ``margin`` of the crop's sides from the held one's, or within 0.1 where that
    crop's answer for the frame is known already. Who has moved, grown or shrunk beyond that gets a crop of their own box. In
    one frame each held crop serves one person.

    Args:
        size: (height, width) of the model's crops.
        margin: share of the crop's sides, from 0 (only equal boxes share a crop) to below 0.1, where a box would reach the
            edge of the held crop.
        memory: a held crop that was not used for more frames than this is forgotten.

    Raises:
        ValueError: a margin outside of that range.
    """

    def __init__(self, size: tuple[int, int], margin: float, memory: int) -> None:
        if not 0 <= margin < _LIMIT:
            raise ValueError(f"The margin of held crops is {margin}; it must be at least 0 and below {_LIMIT:g}.")
        self._size, self._margin, self._memory = size, margin, memory
        self._held: list[_Held] = []

    @property
    def boxes(self) -> list[Box]:
        """The boxes of the crops that are held now."""
        return [held.box for held in self._held]

    def boxes_for(self, frame: int, boxes: Sequence[Box], answered: Collection[Box] = ()) -> list[Box]:
        """For each box of a frame the box whose crop is to be used; its own where no held crop fits.

        Args:
            frame: its number.
            boxes: (x, y, width, height) of the people in it, in pixels.
            answered: boxes of held crops in which the frame was predicted.

        Raises:
            ValueError: a box without area.
        """
        wanted = [_edges(box, self._size) for box in boxes]
        self._held = [held for held in self._held if abs(frame - held.frame) <= self._memory]
        pairs = [
            (_apart(edges, held.edges), i, n)
            for i, edges in enumerate(wanted)
            for n, held in enumerate(self._held)
            if held.frame != frame or held.serves == boxes[i]  # a frame's people may come in several calls
        ]
        found: dict[int, _Held] = {}
        taken: set[int] = set()
        for distance, i, n in sorted(pairs):
            fits = distance <= self._margin or (distance < _LIMIT and self._held[n].box in answered)
            if fits and i not in found and n not in taken:
                found[i] = self._held[n]
                taken.add(n)
        for i, box in enumerate(boxes):
            if i not in found:
                found[i] = _Held(box, wanted[i], frame, box)
                self._held.append(found[i])
            found[i].frame, found[i].serves = frame, box
        return [found[i].box for i in range(len(boxes))]


def _edges(box: Box, size: tuple[int, int]) -> np.ndarray:
    """(4,) left, top, right, bottom of a box's crop in pixels of the frame."""
    x, y, w, h = crop_region(box, size)
    return np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])


def _apart(own: np.ndarray, held: np.ndarray) -> float:
    """The greatest distance of two crops' edges, as a share of the held one's sides."""
    return float((np.abs(own - held) / np.tile(held[2:] - held[:2], 2)).max())

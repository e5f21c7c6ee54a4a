"""How a video is streamed (:mod:`glsmamba.streaming`); apart from it because that one needs torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["StreamSettings"]


@dataclass(frozen=True)
class StreamSettings:
    """How a video is streamed.

    Attributes:
        margin: how far the edges of a person's own crop may be from those of the held one, as a share of its sides; 0 to below
            0.1 (see :class:`glsmamba.held_crops.HeldCrops`).
        tolerance: distance, in heat map cells, within which nine of ten joints read from a neighbour's window must be of where
            the frame's own window has them. 0 reads the key frame only.
        budget: bytes of features that are kept at most.
    """

    margin: float = 0.08
    tolerance: float = 0.15
    budget: int = 256 << 20

"""What a request by hand is answered with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glsmamba.maps import ActivationMaps, Block

if TYPE_CHECKING:  # the model floor is imported by the worker only
    from glsmamba.predictor import PosePrediction

__all__ = ["EngineError", "PersonActivation", "PersonHeatmaps"]


class EngineError(RuntimeError):
    """A request could not be met; the message is one sentence for the user."""


@dataclass(frozen=True, eq=False)
class PersonHeatmaps:
    """Heat maps of one person: ``prediction.heatmaps`` (15, h, w), ``prediction.crop`` (2, 3) from frame pixels to cells."""

    frame: int
    track: int
    prediction: PosePrediction


@dataclass(frozen=True, eq=False)
class PersonActivation:
    """Activation maps of one person.

    Attributes:
        frame, track: whose; ``frame`` is the key frame.
        joint: the query's joint, or None where a point or all tokens were asked about.
        maps: the maps, (t, h, w) each, and what was asked.
        frames: (t,) numbers of the window's frames; at the ends of a video the outermost one is repeated.
        pictures: (t, 2h, 2w, 3) uint8 RGB, the frames as the model was shown them, two pixels a cell.
        blocks: kind and index of every block that can be asked about.
        transposed: whether the second unified scan runs down the columns instead of backwards.
    """

    frame: int
    track: int
    joint: int | None
    maps: ActivationMaps
    frames: tuple[int, ...]
    pictures: np.ndarray
    blocks: tuple[Block, ...]
    transposed: bool = False

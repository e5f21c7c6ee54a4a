"""What an activation map can be of, and what comes back: plain data without torch, for the window and for files alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Block = tuple[Literal["gsm", "lrm"], int]
#: What of a path's matrix is shown: the query's row, or over all tokens the sums or L2 norms of rows and columns.
Quantity = Literal["row", "row_sum", "row_norm", "column_sum", "column_norm"]
#: Which factors of an entry a row keeps, as VMamba names them; ``CwBdtw`` is what the scan does.
Mode = Literal["CwBdtw", "CwBw", "CBdt", "CB", "ww"]
#: How the channels' values become one.
Reduction = Literal["signed", "absolute", "l2", "weighted"]


@dataclass(frozen=True)
class MapKind:
    """What is asked of a block's scan. Letters as in :mod:`glsmamba.activation`: M[q, j] is what token j brings to token q.

    Attributes:
        block: kind and index of the block.
        quantity: ``row``: the row of the query token. Over all tokens: ``row_sum`` and ``row_norm``, how much each gathers;
            ``column_sum`` and ``column_norm``, how much each is used.
        mode: factors of an entry (rows of a query only): ``CwBdtw`` all, ``CwBw`` without the step size, ``CBdt`` without the
            decay, ``CB`` with neither, ``ww`` the decay alone.
        reduction: over the channels: ``signed`` mean, ``absolute`` mean of magnitudes, ``l2`` norm, ``weighted``: magnitudes
            times the length of the source token's vector, |M[q, j]| ||u_j||.
    """

    block: Block = ("gsm", 0)
    quantity: Quantity = "row"
    mode: Mode = "CwBdtw"
    reduction: Reduction = "absolute"

    def __post_init__(self) -> None:
        for name, choices in (("quantity", Quantity), ("mode", Mode), ("reduction", Reduction)):
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(get_args(choices))}.")
        if self.quantity != "row" and self.mode != "CwBdtw":
            raise ValueError(f"Mode {self.mode} is for the row of a query; {self.quantity} is of the exact matrix, CwBdtw.")

    @property
    def has_signs(self) -> bool:
        """Whether values may be negative."""
        return self.reduction == "signed" and self.quantity not in ("row_norm", "column_norm")


@dataclass(frozen=True, eq=False)
class ActivationMaps:
    """Maps of one block.

    Attributes:
        maps: name -> (t, h, w) float32, not normalised. A GSM block has its paths (``unified``, ``unified_reverse``,
            ``spatial``, ...), the sums ``pair_unified``, ``pair_spatial``, ``pair_temporal`` of two, the sum ``all``, and
            ``nall``, the mean of the paths' maps after each was divided by its largest magnitude; an LRM block ``windowed``,
            ``windowed_reverse``, ``pair_windowed``, ``all`` and ``nall``.
        query: (t, h, w) of the query token; None where the maps are of all tokens.
        crop: (2, 3) float64 affine from frame pixels to cells.
        kind: what was asked.
    """

    maps: dict[str, np.ndarray]
    query: tuple[int, int, int] | None
    crop: np.ndarray
    kind: MapKind

    @property
    def block(self) -> Block:
        """Kind and index of the block."""
        return self.kind.block


def gathered(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The maps of a block's paths with those that join them: ``pair_...``, ``all`` and ``nall``."""
    pairs = {f"pair_{name}": rows[name] + rows[f"{name}_reverse"] for name in rows if not name.endswith("_reverse")}
    every = np.stack(list(rows.values()))
    largest = np.abs(every).max(axis=(1, 2, 3), keepdims=True)
    normalised = every / np.where(largest > 0, largest, 1)
    joined = {"all": every.sum(0, dtype=np.float32), "nall": normalised.mean(0, dtype=np.float32)}
    return {**rows, **pairs, **joined}

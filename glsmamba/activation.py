"""Activation maps of the scans: how much of every token each path of a block brings to every other.

A scan is linear in its input once its step sizes, B and C are fixed (:mod:`glsmamba.scan.matrix`). The map of a query token is
its row of that matrix, reduced over the channels and laid back onto the frames: one row of VMamba's maps, exactly. Maps of all
tokens show the sums or norms of the rows (how much each token gathers) or of the columns (how much it is used). (The paper's
own procedure was not readable; this follows VMamba, ``docs/model.md``.)

What the scans of a window were given is captured once (:class:`CapturedWindow`, made by ``Predictor.capture``); each question
after that costs one run of the adjoint recursion, so that a map can follow the mouse.

Letters: t frames, h and w grid, l tokens, k paths, i channels.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from glsmamba.maps import ActivationMaps, Block, MapKind, Mode, Quantity, Reduction, gathered
from glsmamba.modeling.lrm import WindowedScan
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.s6 import ScanInputs
from glsmamba.modeling.sts6d import SixPathScan
from glsmamba.scan.matrix import ScanMatrices

__all__ = ["ActivationMaps", "BlockScan", "CapturedWindow", "MapKind", "block_scans"]

Scan = SixPathScan | WindowedScan


class BlockScan:
    """The scan of one block over one window, ready to be asked.

    Args:
        scan: the block's ``sts6d`` or ``wsts``.
        x: (1, t, h, w, i), what the scan was given.
    """

    def __init__(self, scan: Scan, x: Tensor) -> None:
        self.scan, self.shape = scan, x.shape
        with torch.no_grad():
            inputs: ScanInputs = scan.s6.project(scan.to_tokens(x))
            self._dt = F.softplus(inputs.delta.add_(inputs.delta_bias[:, None, :]))
        self._inputs = inputs
        # Where each place of the grid went: sequence and raster token in it. Tubes that start anew are sequences of their own.
        sequences, length = inputs.u.shape[:2]
        numbers = torch.arange(sequences * length, device=x.device).view(sequences, length, 1)
        self._numbers = scan.from_tokens(numbers, torch.Size((*x.shape[:4], 1)))[0, ..., 0]

    def matrices(self, sequence: int = 0) -> ScanMatrices:
        """The matrices of one of the scan's sequences; there is one, unless LRM's tubes start anew."""
        s = self._inputs
        return ScanMatrices(s.u[sequence], self._dt[sequence], s.A, s.B[sequence], s.C[sequence], self.scan.order)

    def row(
        self, query: tuple[int, int, int], mode: Mode = "CwBdtw", reduction: Reduction = "absolute"
    ) -> dict[str, np.ndarray]:
        """Name of each path -> (t, h, w) float32 row of the query token (t, h, w)."""
        sequences, length = self._inputs.u.shape[:2]
        sequence, token = divmod(int(self._numbers[query]), length)
        matrices = self.matrices(sequence)
        signed, absolute, squares = matrices.row_sums_over_channels(token, mode).unbind(-1)  # (k, l) each
        channels = matrices.dt.shape[-1]
        values = {
            "signed": lambda: signed / channels,
            "absolute": lambda: absolute / channels,
            "l2": lambda: squares.sqrt(),
            "weighted": lambda: absolute / channels * matrices.lengths,
        }[reduction]()
        every = values.new_zeros(len(values), sequences, length)
        every[:, sequence] = values
        return self._laid_back(every)

    def totals(
        self, quantity: Quantity, reduction: Reduction = "absolute", between: Callable[[], None] | None = None
    ) -> dict[str, np.ndarray]:
        """Name of each path -> (t, h, w) float32 sums or L2 norms of every token's row or column.

        ``between`` is called before each path and may raise.
        """
        sequences, length = self._inputs.u.shape[:2]
        every = self._dt.new_empty(len(self.scan.names), sequences, length)
        for sequence in range(sequences):
            matrices = self.matrices(sequence)
            weights = matrices.lengths if reduction == "weighted" else None
            for k in range(len(every)):
                if between is not None:
                    between()
                if quantity == "row_sum":
                    values = matrices.row_sums(k, weights)
                elif quantity == "row_norm":
                    values = matrices.row_norms(k, weights)
                else:
                    values = matrices.column_sums(k) if quantity == "column_sum" else matrices.column_norms(k)
                    values = values if weights is None else values * weights[:, None]
                if reduction == "l2":
                    every[k, sequence] = values.norm(dim=-1)
                else:
                    every[k, sequence] = (values if reduction == "signed" else values.abs()).mean(-1)
        return self._laid_back(every)

    def _laid_back(self, every: Tensor) -> dict[str, np.ndarray]:
        """(k, sequences, l) -> maps by name."""
        grid = torch.Size((*self.shape[:4], 1))
        return {
            name: self.scan.from_tokens(values[..., None], grid)[0, ..., 0].float().cpu().numpy()
            for name, values in zip(self.scan.names, every, strict=True)
        }


class CapturedWindow:
    """One window's scans, captured: asks the blocks for maps without running the model again.

    Not thread-safe, like the predictor that made it. The projections of the block last asked about are kept.

    Attributes:
        heatmaps: (k, h, w) float32 heat maps of the window, in the order of ``POSETRACK15``.
        crop: (2, 3) float64 affine from frame pixels to cells.
        key: index of the key frame, that of every query.
    """

    def __init__(
        self,
        inputs: dict[Block, tuple[Scan, Tensor]],
        heatmaps: np.ndarray,
        crop: np.ndarray,
        key: int,
        autocast: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._inputs, self._autocast = inputs, autocast
        self.heatmaps, self.crop, self.key = heatmaps, crop, key
        self._last: tuple[Block, BlockScan] | None = None

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Kind and index of every block that can be asked."""
        return tuple(self._inputs)

    def block(self, block: Block) -> BlockScan:
        """The scan of a block; ValueError if there is none such."""
        if not self._inputs:
            raise ValueError("This model has neither GSM nor LRM blocks: nothing is scanned, and there is no activation map.")
        if block not in self._inputs:
            counts = ", ".join(f"{sum(kind == name for kind, _ in self.blocks)} {name}" for name in ("gsm", "lrm"))
            raise ValueError(f"There is no block {block[0]} {block[1]}; this model has {counts} blocks, numbered from 0.")
        if self._last is None or self._last[0] != block:
            self._last = None  # one block's step sizes at a time: those of B are 142 MB
            with self._autocast():
                self._last = block, BlockScan(*self._inputs[block])
        return self._last[1]

    def token(self, query: int | tuple[float, float]) -> tuple[int, int, int]:
        """(t, h, w) of a query: of a joint, where its heat map is highest, or of a point in pixels of the key frame.

        Raises:
            ValueError: no such joint, or the point is outside the crop.
        """
        h, w = self.heatmaps.shape[1:]
        if isinstance(query, int | np.integer):
            if not 0 <= query < len(self.heatmaps):
                raise ValueError(f"There is no joint {query}; joints are numbered 0 to {len(self.heatmaps) - 1}.")
            row, column = divmod(int(self.heatmaps[int(query)].argmax()), w)
        else:
            place = self.crop[:, :2] @ np.asarray(query, dtype=np.float64) + self.crop[:, 2]
            if not np.isfinite(place).all():
                raise ValueError("The point has no finite place; give x and y in pixels of the frame.")
            column, row = (round(float(value)) for value in place)
        if not (0 <= row < h and 0 <= column < w):
            raise ValueError("The point lies outside this person's crop; choose one inside it.")
        return self.key, row, column

    def maps(
        self,
        query: int | tuple[float, float] | None = None,
        kind: MapKind | None = None,
        between: Callable[[], None] | None = None,
    ) -> ActivationMaps:
        """Maps of one block.

        Args:
            query: a joint's index, or (x, y) in pixels of the key frame; only where ``kind.quantity`` is ``row``.
            kind: block, quantity, mode and reduction; the row of the query in the model's first block by default.
            between: called before each path where all tokens are asked about; may raise.

        Raises:
            ValueError: no such joint or block, no query where one is needed, or the point is outside the crop.
        """
        kind = kind or MapKind(next(iter(self._inputs), ("gsm", 0)))
        scan = self.block(kind.block)
        if kind.quantity != "row":
            return ActivationMaps(gathered(scan.totals(kind.quantity, kind.reduction, between)), None, self.crop, kind)
        if query is None:
            raise ValueError("A row is that of a query: give a joint's number or a point in pixels of the frame.")
        token = self.token(query)
        return ActivationMaps(gathered(scan.row(token, kind.mode, kind.reduction)), token, self.crop, kind)


def block_scans(model: GLSMamba) -> dict[Block, Scan]:
    """The scan of every block of a model, by kind and index."""
    scans: dict[Block, Scan] = {("gsm", n): block.sts6d for n, block in enumerate(model.gsm)}  # type: ignore[misc]
    scans.update({("lrm", n): block.wsts for n, block in enumerate(model.lrm)})  # type: ignore[misc]
    return scans

"""Running the model's blocks through ``torch.compile`` or as a CUDA graph, with a way back that says why it was taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from glsmamba.modeling.model import BetweenBlocks, GLSMamba

Acceleration = Literal["none", "compile", "cuda-graph"]
ACCELERATIONS: tuple[Acceleration, ...] = ("none", "compile", "cuda-graph")
_GRAPHS = 4  # shapes whose graphs are kept: each holds on to the memory of one run


class Decoder:
    """``GLSMamba.decode_frames`` for inference, accelerated if that works.

    It is tried out at once, with one window. When it fails, then or later, the blocks run as they are and ``problem`` is one
    sentence that says so. Accelerated, all blocks are one call: a cancel is asked for before it only.
    """

    def __init__(self, model: GLSMamba, kind: Acceleration, device: torch.device):
        self.problem = ""
        self.kind = kind
        self._model = model
        self._fast: Callable[[Tensor, slice], Tensor] | None = None
        if kind == "none":
            return
        if kind == "cuda-graph" and device.type != "cuda":
            self._give_up(f"a {device.type} device has no CUDA graphs")
            return
        self._fast = torch.compile(model.decode_frames) if kind == "compile" else _graphed(model)
        c = model.config
        with torch.inference_mode():
            self(torch.zeros(1, c.frames, model.embed.proj.in_features, *c.grid, device=device), slice(c.key, c.key + 1))

    def __call__(self, features: Tensor, read: slice, between: BetweenBlocks | None = None) -> Tensor:
        """(b, t, c, h, w) -> (b, t', k, h, w), as ``decode_frames``."""
        if self._fast is not None:
            if between is not None:
                between()
            try:
                return self._fast(features, read)
            except torch.OutOfMemoryError:
                raise  # the caller takes fewer windows
            except Exception as error:  # compilers and capture fail in every way there is
                text = str(error).strip().splitlines()
                self._give_up(f"{type(error).__name__}{': ' + text[0][:160] if text else ''}")
        return self._model.decode_frames(features, read, between)

    def _give_up(self, why: str) -> None:
        self._fast = None
        self.problem = f"The model runs without {self.kind}, which does not work here ({why.rstrip('.')})."


def _graphed(model: GLSMamba) -> Callable[[Tensor, slice], Tensor]:
    """Record the launches once per shape and replay them."""
    graphs: dict[tuple[object, ...], tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}

    def run(features: Tensor, read: slice) -> Tensor:
        key = features.shape, features.dtype, read.start, read.stop
        if key not in graphs:
            while len(graphs) >= _GRAPHS:
                del graphs[next(iter(graphs))]
            graphs[key] = _captured(model, features.clone(), read)
        graph, given, out = graphs[key]
        given.copy_(features)
        graph.replay()
        return out.clone()

    return run


def _captured(model: GLSMamba, given: Tensor, read: slice) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
    # Autocast's cache of converted weights is emptied when the caller's context ends; a graph must not point into it.
    kind = given.device.type
    with torch.cuda.device(given.device), torch.autocast(
        kind, dtype=torch.get_autocast_dtype(kind), enabled=torch.is_autocast_enabled(kind), cache_enabled=False
    ):  # fmt: skip
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):  # kernels are compiled and libraries set up outside of the recording
                model.decode_frames(given, read)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            out = model.decode_frames(given, read)
    return graph, given, out

"""Loads the model that predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the model floor is imported by the worker only
    from glsmamba.predictor import Predictor

__all__ = ["load_predictor"]


def load_predictor(device: str = "cpu", checkpoint: str | None = None) -> Predictor:
    """The model on a device; imports torch, so call it in the worker. ``auto`` takes the first CUDA device if there is one.

    A device that is new here has its kernels tested first; those that fail are not used, and ``backends`` says so.
    """
    from app.inference.self_test import settle_kernels
    from app.weights.folder import resolved
    from glsmamba.devices import best_device
    from glsmamba.predictor import Predictor

    predictor = Predictor.from_checkpoint(resolved(checkpoint), device=best_device() if device == "auto" else device)
    settle_kernels(str(predictor.device))
    return predictor

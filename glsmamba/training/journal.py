"""What a run tells: ``log.csv``, TensorBoard's event files and pictures of samples in its folder; and lines on the screen."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from glsmamba.data.skeletons import POSETRACK15

__all__ = ["Journal", "sample_sheet"]

_LOG_FIELDS = (
    "step", "samples", "seconds", "phase", "lr", "loss", "validation_pck20", "validation_pck10", "validation_torso20",
)  # fmt: skip
#: The last three of them.
_MEASURES = ("PCK@0.2 person", "PCK@0.1 person", "PCK@0.2 torso")


class Journal:
    """Writes into a run's folder.

    ``log.csv`` gets a line at each call of :meth:`line`. ``events/`` holds the same for ``tensorboard --logdir``, and more; it
    is left out, and that is said once, where the package tensorboard is not installed.

    Args:
        folder: of the run.
        step: where it goes on: what an earlier process told of later steps is dropped from the curves.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._events: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(folder / "events"), purge_step=step + 1)
        except ImportError:
            print("No curves for TensorBoard are written; pip install tensorboard, if you want them.", file=sys.stderr)

    def line(
        self,
        where: Mapping[str, int | float],
        rate: float,
        loss: float,
        figures: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        """Tell where the run stands.

        Args:
            where: ``step``, ``samples``, ``seconds`` and ``phase``.
            rate: learning rate.
            loss: mean of the last steps; not a number before the first.
            figures: for each validation set what :func:`glsmamba.evaluation.judge` found overall, the first one for the log.
        """
        step = int(where["step"])
        row = [step, where["samples"], f"{where['seconds']:.0f}", where["phase"], f"{rate:.2e}", f"{loss:.5f}"]
        first = next(iter(figures.values()), {}) if figures else {}
        row += [f"{first[name]:.4f}" if name in first else "" for name in _MEASURES]
        path = self.folder / "log.csv"
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(_LOG_FIELDS)
            writer.writerow(row)
        print(" ".join(f"{k}={v}" for k, v in zip(_LOG_FIELDS, row, strict=True) if v != ""), flush=True)
        if self._events is None:
            return
        told = {"training/loss": loss, "training/rate": rate, "training/samples": where["samples"]}
        told |= {f"{name}/{measure}": value for name, found in (figures or {}).items() for measure, value in found.items()}
        for name, value in told.items():
            if math.isfinite(value):
                self._events.add_scalar(name.replace(" ", "_").replace("@", "_"), value, step)
        self._events.flush()

    def picture(self, step: int, sheet: np.ndarray) -> None:
        """Keep a picture (H, W, 3) uint8 RGB of samples: ``samples/step-N.jpg``, and in TensorBoard."""
        target = self.folder / "samples" / f"step-{step:08d}.jpg"
        target.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(target), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
        if self._events is not None:
            self._events.add_image("samples", sheet, step, dataformats="HWC")
            self._events.flush()

    def close(self) -> None:
        """Finish the files."""
        if self._events is not None:
            self._events.close()


def sample_sheet(crops: np.ndarray, targets: np.ndarray, weights: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """What was learnt beside what is predicted: one row a sample, its frames, then joints as taught and as predicted.

    Args:
        crops: (B, T, H, W, 3) uint8 RGB.
        targets, predicted: (B, K, h, w) heat maps.
        weights: (B, K); joints of weight 0 are not drawn in the first of the two.

    Returns:
        (B * H, (T + 2) * W, 3) uint8 RGB.
    """
    rows = []
    key = crops.shape[1] // 2
    for window, taught, weight, guess in zip(crops, targets, weights, predicted, strict=True):
        known = (weight > 0) & (taught.reshape(len(taught), -1).max(1) > 0.1)
        first = _drawn(window[key], taught, known)
        second = _drawn(window[key], guess, guess.reshape(len(guess), -1).max(1) > 0.1)
        rows.append(np.concatenate([*window, first, second], axis=1))
    return np.concatenate(rows)


def _drawn(crop: np.ndarray, maps: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    _, h, w = maps.shape
    out = np.ascontiguousarray(crop).copy()
    factor = (crop.shape[1] - 1) / (w - 1), (crop.shape[0] - 1) / (h - 1)
    best = maps.reshape(len(maps), -1).argmax(1)
    places = [(round(int(b % w) * factor[0]), round(int(b // w) * factor[1])) for b in best]
    for a, b in POSETRACK15.edges:
        if wanted[a] and wanted[b]:
            cv2.line(out, places[a], places[b], (255, 255, 255), 1, cv2.LINE_AA)
    for place, side, drawn in zip(places, POSETRACK15.sides, wanted, strict=True):
        if drawn:
            colour = {"left": (255, 140, 0), "right": (0, 160, 255), "middle": (255, 255, 0)}[side]
            cv2.circle(out, place, max(crop.shape[0] // 80, 2), colour, -1, cv2.LINE_AA)
    return out

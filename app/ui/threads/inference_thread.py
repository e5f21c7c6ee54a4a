"""The inference thread: drives the engine step by step. The only place of the window where the model floor is imported."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from app.ui.events import Message

__all__ = ["InferenceThread"]


class InferenceThread(QThread):
    """Owns the engine. Verbs are called from the window and only leave a note; results come back as signals."""

    status = Signal(object)
    message = Signal(object)
    devices = Signal(object)
    heatmaps = Signal(object)
    activation = Signal(object)

    def __init__(self, project: Any, video: Path, index: Any, frame: int, device: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inference")
        self._project, self._video, self._index = project, video, index
        self._frame, self._device = frame, device
        self._wake = threading.Event()
        self._orders: queue.SimpleQueue[Callable[[Any], None]] = queue.SimpleQueue()
        self._paused = False
        self._stopping = False

    def want(self, frame: int) -> None:
        """Tell which frame is on screen."""

    def set_paused(self, paused: bool) -> None:
        """Pause or go on."""

    def cancel(self) -> None:
        """Stop predicting until asked again."""

    def set_device(self, device: str) -> None:
        """Move to another device."""

    def predict_now(self, frame: int, track: int | None) -> None:
        """Predict this frame next."""

    def heatmaps_now(self, frame: int, track: int) -> None:
        """Heat maps of a person."""

    def activation_now(self, frame: int, track: int, joint: int) -> None:
        """Activation maps of a person."""

    def finish(self) -> None:
        """End as soon as the present step allows; returns at once."""
        self._stopping = True
        self._wake.set()

    def run(self) -> None:
        """Body of the thread."""
        while not self._stopping:
            self._wake.wait()

    def _say(self, text: str, level: str = "info") -> None:
        self.message.emit(Message(text, level))  # type: ignore[arg-type]

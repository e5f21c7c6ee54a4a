"""The model that the engine predicts with: loaded when first needed, run on boxes, exchanged, let go."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

import numpy as np

from app.inference.answers import EngineError
from app.inference.reporting import Reporter, sentence
from app.inference.windows import Frames
from app.inference.wishes import OpenPredictor, Wishes
from glsmamba.data.records import Box
from glsmamba.stream_settings import StreamSettings

if TYPE_CHECKING:  # the model floor is imported by the worker only
    from glsmamba.predictor import PosePrediction, Predictor
    from glsmamba.streaming import Stream

__all__ = ["ModelAtWork"]


class ModelAtWork:
    """One model at a time. For the worker only.

    Args:
        open_predictor: device name -> model.
        video: the frames of the video, opened when first asked for.
        wishes: name the device, how to predict, and when to stop.
        reporter: is told of the model and of its speed.
        joints: the skeleton's, in the order of the keypoints.
        streaming: how much consecutive frames share.
    """

    def __init__(
        self,
        open_predictor: OpenPredictor,
        video: Callable[[], Frames],
        wishes: Wishes,
        reporter: Reporter,
        joints: Sequence[str],
        streaming: StreamSettings,
    ) -> None:
        self._open_predictor, self._video = open_predictor, video
        self._wishes, self._reporter = wishes, reporter
        self._joints, self._settings = joints, streaming
        self._predictor: Predictor | None = None
        self._device = ""
        self._stream: Stream | None = None
        self._estimated: np.ndarray | None = None

    @property
    def estimated(self) -> np.ndarray | None:
        """(K,) bool, joints that the model does not see and estimates from others; None before the first model."""
        return self._estimated

    def predictor(self) -> Predictor:
        """The model, loaded on the device wanted where there is none. May take seconds and raise whatever loading raises."""
        if self._predictor is None:
            device = self._wishes.device
            self._reporter.tell(state="starting")
            self._take(self._open_predictor(device), device)
        assert self._predictor is not None
        return self._predictor

    def is_elsewhere(self, device: str) -> bool:
        """Whether a model is loaded, but not on this device."""
        return self._predictor is not None and self._device != device

    def predict(
        self, frame: int, boxes: list[Box], backward: bool = False, *, in_order: bool = False
    ) -> list[PosePrediction] | None:
        """Predictions for boxes (x, y, w, h in pixels) of a frame; None when something more urgent came up.

        Args:
            frame, boxes: where.
            backward: the frame before comes next, not the one after.
            in_order: the next frame follows, so that both may share what they have in common.

        Raises:
            VideoError: the frame cannot be decoded.
        """
        return self._run(frame, boxes, backward, in_order=in_order, cancelled=lambda: self._wishes.interrupt(self._device))

    def predict_now(self, frame: int, boxes: list[Box], *, keep_heatmaps: bool = False) -> list[PosePrediction]:
        """Predictions for boxes of a frame, each in a window of its own, whatever else is wanted.

        Raises:
            EngineError: the engine was closed meanwhile.
            VideoError: the frame cannot be decoded.
        """
        found = self._run(frame, boxes, keep_heatmaps=keep_heatmaps, cancelled=lambda: self._wishes.closed)
        if found is None:
            raise EngineError("The engine was closed.")
        return found

    def exchange(self, open_predictor: OpenPredictor, future: Future[str]) -> bool:
        """Take another model; the old one is let go only when the new one is there. True when it was taken.

        One that cannot be loaded changes nothing; ``future`` then says why.
        """
        if not future.set_running_or_notify_cancel():
            return False
        device = self._wishes.device
        before = self._reporter.status
        self._reporter.tell(state="starting")
        try:
            predictor = open_predictor(device)
        except Exception as error:
            self._reporter.tell(state=before.state, message=before.message)
            future.set_exception(EngineError(sentence(error)))
            return False
        self.forget()
        self._open_predictor = open_predictor
        try:
            self._take(predictor, device)
        except Exception as error:
            future.set_exception(EngineError(sentence(error)))
            raise
        future.set_result(predictor.name)
        return True

    def forget(self) -> None:
        """Let go of the model; the next one who needs it loads it again."""
        self._predictor = None
        self._stream = None
        self._reporter.forget_speed()

    def _take(self, predictor: Predictor, device: str) -> None:
        self._predictor, self._device = predictor, device
        facts = predictor.backends()
        self._reporter.tell(device=facts.get("device", device), backend=facts.get("scan", ""), model=predictor.name)
        self._estimated = np.isin(self._joints, facts.get("estimated", "").split(", "))
        if notice := facts.get("notice"):
            self._reporter.say_once(notice)

    def _run(
        self, frame: int, boxes: list[Box], backward: bool = False, *, cancelled: Callable[[], bool],
        keep_heatmaps: bool = False, in_order: bool = False,
    ) -> list[PosePrediction] | None:  # fmt: skip
        predictor = self.predictor()
        from glsmamba.predictor import Cancelled, PoseWindow

        flip_test = self._wishes.flip_test
        if predictor.flip_test != flip_test:
            predictor.flip_test, self._stream = flip_test, None
        stream = self._streaming(predictor) if in_order else None
        started = time.perf_counter()
        try:
            if stream is not None:
                found = stream.predict(frame, boxes, backward=backward, cancelled=cancelled)
            else:
                pictures = self._video().window(frame, predictor.config.frames, backward)
                windows = [PoseWindow(pictures, box) for box in boxes]
                found = predictor.predict(windows, cancelled=cancelled, keep_heatmaps=keep_heatmaps)
        except Cancelled:
            return None
        self._reporter.people_predicted(len(boxes), time.perf_counter() - started)
        return found

    def _streaming(self, predictor: Predictor) -> Stream | None:
        """What consecutive frames share; None in exact mode, and for a model that takes single frames."""
        if self._wishes.exact or predictor.config.frames == 1:
            self._stream = None
        elif self._stream is None:
            from glsmamba.streaming import Stream

            self._stream = Stream(predictor, self._video(), self._settings)
        return self._stream

"""The inference thread: runs the engine. The only place of the window that leads to the model floor, and so to torch."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QThread, Signal

from app.ui.events import Message
from app.ui.threads.priority import share_lock, stand_back
from app.ui.threads.warm_up import collector_off, load_torch_libraries
from glsmamba.map_pictures import colour_table
from glsmamba.maps import MapKind

if TYPE_CHECKING:
    from app.inference.engine import Engine
    from glsmamba.data.records import Box

__all__ = ["InferenceThread"]


def _opener(weights: str) -> Callable[[str], Any]:
    """Opens the model on a device; called in the thread, where torch may be imported."""

    def open_predictor(device: str) -> Any:
        from app.inference.loading import load_predictor

        return load_predictor(device, weights or None)

    return open_predictor


class InferenceThread(QThread):
    """Owns the engine of one project. Verbs come from the window's thread, leave a note and return; answers are signals.

    ``status(EngineStatus)``, ``message(Message)``, ``devices(tuple of (name, title))``, ``heatmaps(PersonHeatmaps)``,
    ``activation(PersonActivation)``, ``peaks(ticket, frame, joint -> peaks)``.

    Args:
        project: where predictions are stored.
        video: path of the video; the thread opens a reader of its own.
        index: its frame index.
        frame: frame on screen.
        device: "auto", "cpu" or "cuda:n".
        weights: file or name of the model's weights; "" for what there is.
        run: False only answers requests until :meth:`resume`.
        prepare_activation: called in this thread with what ``activation`` will bring.
    """

    status = Signal(object)
    message = Signal(object)
    devices = Signal(object)
    heatmaps = Signal(object)
    activation = Signal(object)
    weights_taken = Signal(str, str)
    peaks = Signal(int, int, object)

    def __init__(
        self, project: Any, video: Path, index: Any, frame: int, device: str, weights: str = "", run: bool = True,
        parent: QObject | None = None, prepare_activation: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("inference")
        self._prepare = prepare_activation
        self._project, self._video, self._index, self._device = project, video, index, device
        self._weights = weights
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._notes: list[Callable[[Engine], object]] = []
        self._peaks: list[Future[Any]] = []
        self._ending = False
        self._loaded = False
        if not run:
            self._tell(lambda engine: engine.cancel())
        self.want(frame)

    # ---- from the window's thread --------------------------------------------------------------------------------------

    def want(self, frame: int) -> None:
        """Tell which frame is on screen."""
        self._tell(lambda engine: engine.want(frame))

    def pause(self) -> None:
        """Stop for now."""
        self._tell(lambda engine: engine.pause())

    def resume(self) -> None:
        """Go on, after a pause, a cancel or a failure."""
        self._tell(lambda engine: engine.resume())

    def cancel(self) -> None:
        """Stop predicting until :meth:`resume`; requests are still answered."""
        self._tell(lambda engine: engine.cancel())

    def set_device(self, device: str) -> None:
        """Move to another device."""
        self._tell(lambda engine: engine.set_device(device))

    def set_exact(self, exact: bool) -> None:
        """Predict as the paper does, or share between consecutive frames."""
        self._tell(lambda engine: engine.set_exact(exact))

    def set_flip_test(self, flip_test: bool) -> None:
        """Predict in the mirror as well, or not."""
        self._tell(lambda engine: engine.set_flip_test(flip_test))

    def set_weights(self, weights: str) -> None:
        """Go on with another model; ``weights_taken(weights, name)`` follows, or a message says why not."""

        def ask(engine: Engine) -> None:
            future = engine.use_model(_opener(weights))
            self._watch(future, None)
            future.add_done_callback(taken)

        def taken(future: Future[Any]) -> None:
            if not future.cancelled() and future.exception() is None:
                self.weights_taken.emit(weights, future.result())

        self._tell(ask)

    def predict_now(self, frame: int, track: int | None) -> None:
        """Predict a frame, or one person of it, before anything else."""
        self._tell(lambda engine: self._watch(engine.request(frame, track), None))

    def heatmaps_now(self, frame: int, track: int) -> None:
        """Heat maps of a person; ``heatmaps`` follows."""
        self._tell(lambda engine: self._watch(engine.heatmaps(frame, track), self.heatmaps))

    def activation_now(self, frame: int, track: int, query: int | tuple[float, float] | None, kind: MapKind) -> None:
        """Activation maps of a person for a joint, a point in pixels of the frame, or all tokens; ``activation`` follows."""
        self._tell(lambda engine: self._watch(engine.activation(frame, track, query, kind), self.activation, self._prepare))

    def peaks_now(self, ticket: int, boxes: Mapping[int, Box]) -> None:
        """Peaks of a person's heat maps in several frames (frame -> box); ``peaks`` follows for each. One ticket at a time."""

        def ask(engine: Engine) -> None:
            self._stop_peaks()
            for frame, box in boxes.items():
                future = engine.peaks(frame, box)
                with self._lock:
                    self._peaks.append(future)
                future.add_done_callback(lambda future, frame=frame: self._peaks_found(ticket, frame, future))  # type: ignore[misc]

        self._tell(ask)

    def cancel_peaks(self) -> None:
        """What was asked of :meth:`peaks_now` and is not there yet is not wanted any more."""
        self._tell(lambda _engine: self._stop_peaks())

    def _stop_peaks(self) -> None:
        with self._lock:
            waiting, self._peaks = self._peaks, []
        for future in waiting:
            future.cancel()

    def _peaks_found(self, ticket: int, frame: int, future: Future[Any]) -> None:
        """None stands for peaks that could not be had: the frame can't be decoded, or the model fails."""
        if not future.cancelled():
            self.peaks.emit(ticket, frame, None if future.exception() is not None else future.result())

    def finish(self) -> None:
        """End as soon as the present block of the model is through; returns at once. No signal of use comes after it."""
        self._ending = True
        self._tell(lambda engine: engine.close())

    def _tell(self, note: Callable[[Engine], object]) -> None:
        with self._lock:
            if self._engine is None:
                self._notes.append(note)
                return
        note(self._engine)

    # ---- the thread ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Body of the thread."""
        share_lock()
        try:
            self._run()
        except Exception as error:  # the window must hear of it, whatever it was
            self.message.emit(Message(f"Predicting could not start: {error or type(error).__name__}", "error"))

    def _run(self) -> None:
        with collector_off():
            from app.inference.engine import Engine
            from glsmamba.data.video import VideoReader

        engine = Engine(
            self._project,
            lambda: VideoReader(self._video, self._index),
            _opener(self._weights),
            device=self._device,
            on_status=self._status,
            on_message=lambda text, level: self.message.emit(Message(text, level)),
        )
        with self._lock:
            self._engine, notes = engine, self._notes
        for note in notes:
            note(engine)
        if self._ending:
            return
        with collector_off():
            self._find_devices()
            colour_table("viridis")  # reads the catalogue of all colour maps, for which the window would wait at the first map
        stand_back()
        engine.run()

    def _status(self, status: Any) -> None:
        if status.model and not self._loaded:
            self._loaded = True
            gc.freeze()  # see collector_off: what the model brought is here to stay
        self.status.emit(status)

    def _find_devices(self) -> None:
        load_torch_libraries()
        from glsmamba.devices import available_devices

        self.devices.emit(tuple((device.name, device.title) for device in available_devices()))

    def _watch(self, future: Future[Any], answer: Any, prepare: Callable[[Any], None] | None = None) -> None:
        """Emit the result, once ``prepare`` has seen it, or say in a message why there is none."""

        def settled(future: Future[Any]) -> None:
            try:
                result = future.result()
            except CancelledError:
                return
            except Exception as error:
                self.message.emit(Message(str(error), "warning"))
                return
            if prepare is not None:
                prepare(result)
            if answer is not None:
                answer.emit(result)

        future.add_done_callback(settled)

"""The model at work for a session: what is chosen of it, what it is doing, and what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.ui.settings import settings
from app.ui.threads.inference_thread import InferenceThread
from glsmamba.data.records import Box
from glsmamba.maps import MapKind

if TYPE_CHECKING:
    from app.ui.session import Session

__all__ = ["Predicting"]


class Predicting(QObject):
    """Runs the inference thread of what is open. Verbs return at once; answers are signals in the window's thread.

    Attributes:
        status: ``app.inference.status.EngineStatus``, or None while there is no inference thread.
        devices: (name, title) of the devices there are, once the model was loaded.
    """

    changed = Signal(object)
    """The new :attr:`status`."""
    weights_changed = Signal(str)
    """The chosen weights, as :attr:`weights`."""
    devices_changed = Signal(object)
    """tuple of (name, title): ("cpu", "CPU, 8 threads"), ("cuda:0", "NVIDIA ..."); known once the model was loaded."""
    heatmap_ready = Signal(object)
    activation_ready = Signal(object)
    peaks_ready = Signal(int, int, object)
    """(ticket, frame, joint -> ``app.labels.spreading.Peaks``, or None where there are none to be had)."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.status: Any = None
        self.devices: tuple[tuple[str, str], ...] = ()
        self._failed_before = False
        self._starts_soon = False
        self._peaks_ticket = 0
        self._thread: InferenceThread | None = None
        #: Called in the inference thread with what ``activation_ready`` will bring, to make pictures of it there.
        self.prepare_activation: Callable[[Any], None] | None = None

    # ---- what is chosen ------------------------------------------------------------------------------------------------

    @property
    def while_working(self) -> bool:
        """Setting: inference starts by itself once the first picture is on screen."""
        return settings().value("model/predict_while_working", True, bool)  # type: ignore[return-value]

    def set_while_working(self, on: bool) -> None:
        """Change that setting; takes effect at once."""
        settings().setValue("model/predict_while_working", on)
        if on:
            self.start()
        else:
            self.stop()

    @property
    def exact(self) -> bool:
        """Setting: each person in each frame is predicted by a window of its own, cropped by that frame's own box."""
        return settings().value("model/exact", False, bool)  # type: ignore[return-value]

    def set_exact(self, exact: bool) -> None:
        """Change that setting, for what is predicted from now on."""
        settings().setValue("model/exact", exact)
        if self._thread is not None:
            self._thread.set_exact(exact)

    @property
    def flip_test(self) -> bool:
        """Setting: each window is predicted a second time in the mirror, and the mean is taken."""
        return settings().value("model/flip_test", False, bool)  # type: ignore[return-value]

    def set_flip_test(self, flip_test: bool) -> None:
        """Change that setting, for what is predicted from now on."""
        settings().setValue("model/flip_test", flip_test)
        if self._thread is not None:
            self._thread.set_flip_test(flip_test)

    @property
    def device(self) -> str:
        """Chosen device: "auto", "cpu" or "cuda:n"."""
        return str(settings().value("model/device", "auto"))

    def set_device(self, device: str) -> None:
        """Predict on another device; a running inference starts again there."""
        settings().setValue("model/device", device)
        if self._thread is not None:
            self._thread.set_device(device)

    @property
    def weights(self) -> str:
        """Chosen weights: a file, or "" for what there is (the shipped model, else what was imported)."""
        return str(settings().value("model/weights", ""))

    def set_weights(self, weights: str) -> None:
        """Predict with another model from now on. Where it cannot be loaded, a message says why and the old one stays."""
        if self._thread is not None:
            # Perhaps because the model could not be loaded: then the new one goes on by itself.
            self._failed_before = self.status is not None and self.status.state == "failed"
            self._thread.set_weights(weights)
        else:
            self._keep_weights(weights)

    def _weights_taken(self, weights: str, name: str) -> None:
        self._keep_weights(weights)
        if self.sender() is self._thread:
            self._session.tell(f"{name} predicts from now on. What was predicted stays as it is until you ask for it again.")
            if self.status is not None and self._failed_before:
                self.start()

    def _keep_weights(self, weights: str) -> None:
        settings().setValue("model/weights", weights)
        self.weights_changed.emit(weights)

    # ---- predicting onward ---------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """True while frames are being predicted, or would be but for a pause."""
        return self.status is not None and self.status.state in ("starting", "running", "paused")

    @property
    def paused(self) -> bool:
        """True while paused."""
        return self.status is not None and self.status.state == "paused"

    def start(self) -> None:
        """Predict from the frame on screen onward, in the inference thread; also goes on after a pause or a cancel."""
        self._starts_soon = False
        if self._thread is None:
            self._need(run=True)
        else:
            self._thread.want(self._session.frame)
            self._thread.resume()

    def start_soon(self) -> None:
        """Start by itself, where that is chosen, a moment after the first picture: loading the model makes the machine busy."""
        if self.while_working:
            self._starts_soon = True
            QTimer.singleShot(50, self, self._start_by_itself)

    def _start_by_itself(self) -> None:
        # There may be a thread by now that only answers a request, as of a map under the pointer: it goes on as well.
        if self._starts_soon and self.while_working:
            self.start()

    def pause(self, paused: bool = True) -> None:
        """Pause or go on."""
        self._starts_soon = False
        if self._thread is not None:
            if paused:
                self._thread.pause()
            else:
                self._thread.resume()

    def stop(self) -> None:
        """Cancel: what was predicted stays; the rest is left until it is asked for."""
        self._starts_soon = False
        if self._thread is not None:
            self._thread.cancel()

    def want(self, frame: int) -> None:
        """Tell which frame is on screen: it is predicted first."""
        if self._thread is not None:
            self._thread.want(frame)

    # ---- what is asked -------------------------------------------------------------------------------------------------

    def request_prediction(self, frame: int | None = None, track: int | None = None) -> None:
        """Predict a frame (default: the one on screen) now, also where it was predicted before; only ``track`` if given."""
        if (thread := self._need()) is not None:
            thread.predict_now(self._session.shown_frame if frame is None else frame, track)

    def request_heatmaps(self, frame: int, track: int) -> None:
        """Ask for the heat maps of a person; ``heatmap_ready`` follows."""
        if (thread := self._need()) is not None:
            thread.heatmaps_now(frame, track)

    def request_activation(
        self, track: int, query: int | tuple[float, float] | None, frame: int | None = None, kind: MapKind | None = None
    ) -> None:
        """Ask for the activation maps of a person: for a joint, a point (frame pixels), or all tokens (None).

        ``activation_ready`` follows. The newest request wins.
        """
        if (thread := self._need()) is not None:
            thread.activation_now(self._session.shown_frame if frame is None else frame, track, query, kind or MapKind())

    def request_peaks(self, boxes: Mapping[int, Box]) -> int:
        """Ask for the peaks of a person's heat maps in several frames; ``peaks_ready`` follows for each, with this ticket.

        A newer request takes the place of an older one; none at all, with no boxes, ends it.
        """
        self._peaks_ticket += 1
        if boxes:
            if (thread := self._need()) is not None:
                thread.peaks_now(self._peaks_ticket, boxes)
        elif self._thread is not None:
            self._thread.cancel_peaks()
        return self._peaks_ticket

    # ---- the thread ----------------------------------------------------------------------------------------------------

    def let_go(self) -> InferenceThread | None:
        """Begin to end the thread, which is returned to be waited for; another one is made when there is need."""
        thread, self._thread = self._thread, None
        self.status, self._starts_soon = None, False
        if thread is not None:
            thread.finish()
        return thread

    def _need(self, run: bool = False) -> InferenceThread | None:
        """The inference thread, started when it wasn't; without ``run`` it then only answers requests."""
        session = self._session
        if session.project is None or session.video_path is None:
            return None
        if self._thread is None:
            thread = InferenceThread(
                session.project, session.video_path, session.index, session.frame, self.device, self.weights, run, session,
                self._prepare_activation,
            )
            thread.weights_taken.connect(self._weights_taken)
            thread.status.connect(self._status_told)
            thread.message.connect(session.message)
            thread.devices.connect(self._devices_told)
            thread.heatmaps.connect(self._heatmaps)
            thread.activation.connect(self._activation)
            thread.peaks.connect(self._peaks)
            thread.set_exact(self.exact)
            thread.set_flip_test(self.flip_test)
            self._thread = thread
            thread.start()
        return self._thread

    def _status_told(self, status: Any) -> None:
        if self.sender() is self._thread:
            self.status = status
            self.changed.emit(status)

    def _devices_told(self, devices: tuple[tuple[str, str], ...]) -> None:
        self.devices = devices
        self.devices_changed.emit(devices)

    def _heatmaps(self, result: Any) -> None:
        if self.sender() is self._thread:  # not of a video that was closed meanwhile
            self.heatmap_ready.emit(result)

    def _prepare_activation(self, result: Any) -> None:
        if (prepare := self.prepare_activation) is not None:
            prepare(result)

    def _activation(self, result: Any) -> None:
        if self.sender() is self._thread:
            self.activation_ready.emit(result)

    def _peaks(self, ticket: int, frame: int, found: Any) -> None:
        if self.sender() is self._thread:
            self.peaks_ready.emit(ticket, frame, found)

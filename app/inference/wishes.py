"""What other threads want of the engine: notes under one lock, which the worker takes between its steps."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from glsmamba.data.records import Box
from glsmamba.maps import MapKind

if TYPE_CHECKING:  # the model floor is imported by the worker only
    from glsmamba.predictor import Predictor

__all__ = ["Mode", "Notes", "OpenPredictor", "Order", "Wishes"]

#: Predict; only meet requests until told to go on; the same after a cancel or a failure.
Mode = Literal["run", "paused", "off"]
#: Device name -> model.
OpenPredictor = Callable[[str], "Predictor"]


@dataclass(eq=False)
class Order:
    """Something asked for by hand, done before anything else.

    Attributes:
        what: the kind of answer.
        frame: the frame it is about; nobody has checked that there is one.
        track: the person; None for a whole frame, and for peaks, which are about whoever is in ``box``.
        future: settled by the worker.
        query, kind: what activation maps are asked for, see :meth:`Engine.activation`.
        box: x, y, w, h in pixels of the frame, for peaks.
    """

    what: Literal["predict", "heatmaps", "activation", "peaks"]
    frame: int
    track: int | None
    future: Future[Any]
    query: int | tuple[float, float] | None = None
    kind: MapKind = field(default_factory=MapKind)
    box: Box | None = None


class Notes(NamedTuple):
    """What the worker finds when it looks: ``exchange``, ``order`` and ``edited`` (frames) are its own from then on."""

    mode: Mode
    device: str
    exchange: tuple[OpenPredictor, Future[str]] | None
    order: Order | None
    edited: set[int]


class Wishes:
    """Notes of what is wanted. Every method may be called from any thread, but for :meth:`take` and :meth:`wait`.

    Args:
        frame: the frame wanted first.
        device: ``cpu``, ``cuda:n`` or ``auto``.
        exact, flip_test: see :class:`EngineSettings`.
    """

    def __init__(self, frame: int, device: str, exact: bool, flip_test: bool) -> None:
        self._lock = threading.Condition()  # can be entered twice: Ctrl-C cancels in the thread that may hold it
        self._mode: Mode = "run"
        self._closed = False
        self._news = False  # since the last step began
        self._device = device
        self._exact, self._flip_test = exact, flip_test
        self._wanted, self._wanted_at = frame, 0.0
        self._orders: deque[Order] = deque()
        self._edited: set[int] = set()
        self._exchange: tuple[OpenPredictor, Future[str]] | None = None

    # --- wanting -----------------------------------------------------------------------------------------------------------

    def want(self, frame: int) -> None:
        """A frame is on screen."""
        with self._lock:
            if frame != self._wanted:
                self._wanted, self._wanted_at = frame, time.monotonic()
                self._wake()

    def set_mode(self, mode: Mode) -> None:
        """Go on or stop."""
        with self._lock:
            self._mode = mode
            self._wake()

    def set_device(self, device: str) -> None:
        """Go on with another device."""
        with self._lock:
            self._device = device
            self._wake()

    def set_exact(self, exact: bool) -> None:
        """Predict exactly or stream."""
        with self._lock:
            self._exact = exact
            self._wake()

    def set_flip_test(self, flip_test: bool) -> None:
        """Predict in the mirror as well, or not."""
        with self._lock:
            self._flip_test = flip_test
            self._wake()

    def exchange_model(self, open_predictor: OpenPredictor) -> Future[str]:
        """Go on with another model; the result is its name. A newer call cancels one that waits, :meth:`close` all of them."""
        future: Future[str] = Future()
        with self._lock:
            if self._closed:
                future.cancel()
                return future
            replaced, self._exchange = self._exchange, (open_predictor, future)
            self._wake()
        if replaced is not None:
            replaced[1].cancel()
        return future

    def put(self, order: Order) -> Future[Any]:
        """Ask for something; the order's future, cancelled at once after :meth:`close`.

        Of maps only the newest order waits, of predictions one for each frame or person, of peaks any number.
        """
        replaced: list[Order] = []
        with self._lock:
            if self._closed:
                order.future.cancel()
                return order.future
            if order.what in ("heatmaps", "activation"):
                replaced = [o for o in self._orders if o.what == order.what]
            elif order.what == "predict":
                replaced = [o for o in self._orders if (o.what, o.frame, o.track) == ("predict", order.frame, order.track)]
            for old in replaced:
                self._orders.remove(old)
            self._orders.append(order)
            self._wake()
        for old in replaced:
            old.future.cancel()
        return order.future

    def labels_edited(self, frames: Iterable[int]) -> None:
        """Labels of frames were changed by somebody else than the engine."""
        with self._lock:
            self._edited.update(frames)
            self._wake()

    def stop(self) -> None:
        """Turn the mode ``off`` after a failure. Unlike :meth:`set_mode` it is no news to the worker, who does it."""
        with self._lock:
            self._mode = "off"

    def close(self) -> None:
        """Want nothing more, and cancel what waits."""
        with self._lock:
            self._closed = True
            waiting = [order.future for order in self._orders]
            if self._exchange is not None:
                waiting.append(self._exchange[1])
            self._orders.clear()
            self._exchange = None
            self._wake()
        for future in waiting:
            future.cancel()

    def _wake(self) -> None:
        """There is news for the worker; the lock is held."""
        self._news = True
        self._lock.notify_all()

    # --- asking what is wanted ---------------------------------------------------------------------------------------------

    @property
    def mode(self) -> Mode:
        """Whether to predict."""
        with self._lock:
            return self._mode

    @property
    def device(self) -> str:
        """The device wanted."""
        with self._lock:
            return self._device

    @property
    def exact(self) -> bool:
        """Whether each person in each frame gets a window of its own."""
        with self._lock:
            return self._exact

    @property
    def flip_test(self) -> bool:
        """Whether each window is predicted in the mirror as well."""
        with self._lock:
            return self._flip_test

    @property
    def closed(self) -> bool:
        """Whether it ends."""
        with self._lock:
            return self._closed

    @property
    def orders_wait(self) -> bool:
        """Whether something asked for by hand waits."""
        with self._lock:
            return bool(self._orders)

    def wanted(self) -> tuple[int, float]:
        """The frame on screen, and for how many seconds it has been wanted."""
        with self._lock:
            return self._wanted, time.monotonic() - self._wanted_at

    def interrupt(self, device: str) -> bool:
        """Whether predicting on ``device`` should stop between two blocks of the model for something more urgent."""
        with self._lock:
            urgent = bool(self._orders) or self._exchange is not None
            return self._closed or urgent or self._mode != "run" or self._device != device

    def outdated(self, order: Order, of_kind: bool = False) -> bool:
        """Whether nobody waits for maps any more: those of somebody else are asked for now, or it ends.

        With ``of_kind`` those of another kind count, too.
        """
        with self._lock:
            newer = [other for other in self._orders if other.what == order.what]
            person = order.frame, order.track
            elsewhere = any((o.frame, o.track) != person or (of_kind and o.kind != order.kind) for o in newer)
            return self._closed or elsewhere

    # --- the worker ----------------------------------------------------------------------------------------------------------

    def take(self) -> Notes | None:
        """What there is to do; None after :meth:`close`. Peaks come after every other order."""
        with self._lock:
            self._news = False
            if self._closed:
                return None
            exchange, self._exchange = self._exchange, None
            order = next((o for o in self._orders if o.what != "peaks"), self._orders[0] if self._orders else None)
            if order is not None:
                self._orders.remove(order)
            edited, self._edited = self._edited, set()
            return Notes(self._mode, self._device, exchange, order, edited)

    def quiet(self, seconds: float) -> bool:
        """Sleep so long; False as soon as there is news since the last :meth:`take`, or after :meth:`close`."""
        with self._lock:
            return not self._lock.wait_for(lambda: self._news or self._closed, seconds)

    def wait(self) -> bool:
        """Sleep until there is news since the last :meth:`take`; False after :meth:`close`."""
        with self._lock:
            while not self._news and not self._closed:
                self._lock.wait()
            return not self._closed

"""One call in a thread of its own, with progress and cancel: exports, imports and the like."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

__all__ = ["Cancelled", "Worker"]


class Cancelled(Exception):
    """Raised by the progress callback of a cancelled worker."""


class Worker(QObject):
    """Runs ``call(progress)`` in a thread. ``progress(fraction)`` also is where a cancel takes effect.

    Exactly one of ``done(result)``, ``failed(sentence)`` and ``cancelled`` follows, in the window's thread.
    """

    progress = Signal(float)
    done = Signal(object)
    failed = Signal(str)
    cancelled = Signal()

    def __init__(self, call: Callable[[Callable[[float], None]], Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._call = call
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        # Not now: a quick call would end before its maker has connected to the signals, which then nobody would hear.
        QTimer.singleShot(0, self, self._thread.start)

    def cancel(self) -> None:
        """Stop at the next progress report."""
        self._stop.set()

    def _tell(self, fraction: float) -> None:
        if self._stop.is_set():
            raise Cancelled
        self.progress.emit(fraction)

    def _run(self) -> None:
        try:
            result = self._call(self._tell)
        except Cancelled:
            self._emit(self.cancelled)
        except Exception as error:
            self._emit(self.failed, str(error) or f"That did not work ({type(error).__name__}).")
        else:
            self._emit(self.done, result)

    @staticmethod
    def _emit(signal: Any, *values: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the dialog that asked was closed and deleted meanwhile
            signal.emit(*values)

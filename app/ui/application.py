"""Starting the window, and what happens to errors nobody expected: one sentence on screen, and work goes on."""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication

from app.ui import theme
from app.ui.events import Message
from app.ui.main_window import MainWindow
from app.ui.session import Session
from app.ui.settings import settings

__all__ = ["ErrorCatcher", "make_application", "make_window", "run"]

_log = logging.getLogger(__name__)

#: The same error from the same line is told once in so many seconds.
_QUIET_SECONDS = 30.0
_ICON = Path(__file__).resolve().parents[2] / "resources" / "icons" / "glsmamba-studio.svg"


class ErrorCatcher(QObject):
    """Turns exceptions that reach no one into messages, from whatever thread they come."""

    caught = Signal(object)

    def __init__(self, tell: Callable[[Message], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._told: dict[tuple[str, str, int], float] = {}
        self.caught.connect(tell)

    def install(self) -> None:
        """Take over ``sys.excepthook`` and ``threading.excepthook``."""
        sys.excepthook = self._hook
        threading.excepthook = lambda args: self._hook(args.exc_type, args.exc_value, args.exc_traceback)

    def _told_lately(self, kind: type[BaseException], trace: TracebackType | None) -> bool:
        """Whether this error, from this line, was told within the last seconds."""
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = ("", 0) if trace is None else (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        now, key = time.monotonic(), (kind.__name__, *where)
        lately = trace is not None and now - self._told.get(key, -_QUIET_SECONDS) < _QUIET_SECONDS
        if not lately:
            self._told[key] = now
        return lately

    def _hook(self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QTimer.singleShot(0, QApplication.quit)
            return
        if self._told_lately(kind, trace):
            return  # an error while painting comes back with each picture, and its message would cause the next one
        details = "".join(traceback.format_exception(kind, error, trace))
        _log.error("Nobody expected this:\n%s", details)
        sys.stderr.write(details)
        text = f"Something went wrong inside the program ({kind.__name__}: {error}). Your labels are safe; you can go on."

        def copy() -> None:
            QApplication.clipboard().setText(details)

        with contextlib.suppress(RuntimeError):  # the window has gone already; the details are on stderr
            self.caught.emit(Message(text, "error", "Copy details", copy))


def make_application(arguments: list[str] | None = None) -> QApplication:
    """The one QApplication, styled."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        app = existing
    else:
        # Sharp lines and text at 125 % and 150 % too.
        QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
        app = QApplication(arguments if arguments is not None else sys.argv[:1])
    app.setApplicationName("glsmamba-studio")
    app.setApplicationDisplayName("GLSMamba Studio")
    app.setDesktopFileName("glsmamba-studio")
    app.setWindowIcon(QIcon(str(_ICON)))
    theme.theme().set_palette(str(settings().value("view/colours", "")))
    chosen: Any = settings().value("view/theme", "system")
    theme.apply(chosen if chosen in ("system", "light", "dark") else "system")
    return app


def make_window(path: str | Path | None = None) -> MainWindow:
    """A window on a new session, shown; ``path`` is opened as soon as the window is up."""
    session = Session()
    window = MainWindow(session)
    session.setParent(window)
    window.show()
    if not gc.get_freeze_count():
        # What is there now stays until the end: a full collection that walks through all of it is a stall of some 40 ms.
        gc.freeze()
    if path is not None:
        QTimer.singleShot(0, window, lambda: session.open_path(path))
    return window


def run(path: str | Path | None = None) -> int:
    """Open the window, on a video, a folder of pictures or a project if one is given; returns when it is closed.

    Returns the exit code of the program.
    """
    app = make_application()
    window = make_window(path)
    catcher = ErrorCatcher(window.session.message.emit, window)
    catcher.install()
    # Python runs signal handlers only between bytecodes: a slow timer lets Ctrl-C and the end of the session end the program.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.close())
    pulse = QTimer()
    pulse.timeout.connect(lambda: None)
    pulse.start(300)
    return app.exec()

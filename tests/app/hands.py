"""A person's hands on the real window: mouse and keys as Qt gets them from a real screen, no shortcut into the program."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.ui.main_window import MainWindow

LEFT, RIGHT, NOTHING = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.NoButton
CTRL, SHIFT, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier
PLAIN = Qt.KeyboardModifier.NoModifier


def wait_until(true: Callable[[], Any], what: str, seconds: float = 120.0) -> None:
    """Let the window live until something is so.

    Raises:
        TimeoutError: it did not become so; the message says what was waited for.
    """
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for: {what}")
        QApplication.processEvents()
        time.sleep(0.005)


def key(window: MainWindow, code: Qt.Key, modifiers: Qt.KeyboardModifier = PLAIN) -> None:
    """Press and let go of a key where the focus is."""
    QTest.keyClick(QApplication.focusWidget() or window, code, modifiers)
    QApplication.processEvents()


def _mouse(
    window: MainWindow,
    kind: QEvent.Type,
    at: np.ndarray,
    button: Qt.MouseButton,
    held: Qt.MouseButton,
    keys: Qt.KeyboardModifier = PLAIN,
) -> None:
    viewport = window.canvas.view.viewport()
    point = QPointF(float(at[0]), float(at[1]))
    QApplication.sendEvent(viewport, QMouseEvent(kind, point, QPointF(viewport.mapToGlobal(point)), button, held, keys))
    QApplication.processEvents()


def press_and_move(
    window: MainWindow, start: ArrayLike, end: ArrayLike, steps: int = 8, keys: Qt.KeyboardModifier = PLAIN
) -> None:
    """Press the left button on the canvas and move, both places in frame pixels; the button stays down."""
    a, b = window.canvas.to_screen(np.asarray(start, float)), window.canvas.to_screen(np.asarray(end, float))
    _mouse(window, QEvent.Type.MouseMove, a, NOTHING, NOTHING, keys)
    _mouse(window, QEvent.Type.MouseButtonPress, a, LEFT, LEFT, keys)
    for n in range(1, steps + 1):
        _mouse(window, QEvent.Type.MouseMove, a + (b - a) * n / steps, NOTHING, LEFT, keys)


def drag(window: MainWindow, start: ArrayLike, end: ArrayLike, steps: int = 8, keys: Qt.KeyboardModifier = PLAIN) -> None:
    """Drag with the left button on the canvas, from and to a place in frame pixels."""
    press_and_move(window, start, end, steps, keys)
    _mouse(window, QEvent.Type.MouseButtonRelease, window.canvas.to_screen(np.asarray(end, float)), LEFT, NOTHING, keys)


def click(
    window: MainWindow, at: ArrayLike, button: Qt.MouseButton = LEFT, keys: Qt.KeyboardModifier = PLAIN, twice: bool = False
) -> None:
    """Click, or double-click, a place in frame pixels."""
    place = window.canvas.to_screen(np.asarray(at, float))
    _mouse(window, QEvent.Type.MouseMove, place, NOTHING, NOTHING, keys)
    for kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick)[: 2 if twice else 1]:
        _mouse(window, kind, place, button, button, keys)
        _mouse(window, QEvent.Type.MouseButtonRelease, place, button, NOTHING, keys)


def wheel(window: MainWindow, at: ArrayLike, notches: float, keys: Qt.KeyboardModifier = PLAIN) -> None:
    """Turn the wheel over a place in frame pixels."""
    viewport = window.canvas.view.viewport()
    x, y = window.canvas.to_screen(np.asarray(at, float))
    point = QPointF(float(x), float(y))
    turned = QPoint(0, int(120 * notches))
    event = QWheelEvent(
        point, QPointF(viewport.mapToGlobal(point)), QPoint(), turned, NOTHING, keys, Qt.ScrollPhase.NoScrollPhase, False
    )
    QApplication.sendEvent(viewport, event)
    QApplication.processEvents()

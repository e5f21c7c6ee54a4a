"""Keeping a window on the screen it is shown on."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

__all__ = ["OnScreen"]

#: When to look whether window and frame fit the screen: X11 tells of the frame some time after the window is shown.
_FRAME_KNOWN_MS = (100, 500, 1500)


class OnScreen:
    """Shrinks a window that, with the frame and title that the desktop gave it, is larger than the screen.

    Args:
        window: the window.
        shrunk: called after each time it was made smaller.
    """

    def __init__(self, window: QWidget, shrunk: Callable[[], None]) -> None:
        self._window, self._shrunk = window, shrunk

    def watch(self) -> None:
        """Look now, when the window is being shown, and again when its frame is known."""
        self.fit()
        first = self._window.size()

        def look_again() -> None:
            if self._window.size() == first:  # nobody has given it another size since
                self.fit()

        for wait in _FRAME_KNOWN_MS:
            QTimer.singleShot(wait, self._window, look_again)

    def fit(self) -> None:
        """Have the window lie within the room of its screen; one that is hidden, maximised or full screen is left alone."""
        window, screen = self._window, self._window.screen()
        if screen is None or window.isMaximized() or window.isFullScreen() or not window.isVisible():
            return
        room, frame = screen.availableGeometry(), window.frameGeometry()
        wide, high = frame.width() - room.width(), frame.height() - room.height()
        if wide > 0 or high > 0:
            window.resize(window.width() - max(wide, 0), window.height() - max(high, 0))
            window.move(room.topLeft())
            self._shrunk()

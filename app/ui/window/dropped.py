"""Files and folders that are dropped on a window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QWidget

__all__ = ["Dropped"]


class Dropped(QObject):
    """Takes the first local file or folder of what is dropped anywhere on a window; all else is refused.

    Args:
        window: takes drops from now on.
        light: called with True while something that can be dropped is over the window, then with False.
        take: called with the path of what was dropped.
    """

    def __init__(self, window: QWidget, light: Callable[[bool], None], take: Callable[[Path], None]) -> None:
        super().__init__(window)
        self._light, self._take = light, take
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Drags that come, go and are dropped."""
        kind = event.type()
        if kind == QEvent.Type.DragEnter and isinstance(event, QDragEnterEvent):
            if _path(event) is not None:
                event.acceptProposedAction()
                self._light(True)
        elif kind == QEvent.Type.DragLeave:
            self._light(False)
        elif kind == QEvent.Type.Drop and isinstance(event, QDropEvent):
            self._light(False)
            path = _path(event)
            if path is not None:
                event.acceptProposedAction()
                self._take(path)
        else:
            return False
        return True


def _path(event: QDropEvent) -> Path | None:
    """The first local file or folder of a drop, or None."""
    for url in event.mimeData().urls():
        if url.isLocalFile():
            return Path(url.toLocalFile())
    return None

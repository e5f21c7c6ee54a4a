"""The tab bars of docks: Qt makes them as it needs them, and would cut their titles."""

from __future__ import annotations

from PySide6.QtCore import QChildEvent, QEvent, QObject, Qt
from PySide6.QtWidgets import QMainWindow, QTabBar

__all__ = ["DockTabs"]


class DockTabs(QObject):
    """Has each tab bar of a window's docks keep its titles whole, scroll where there is no room, and take the keyboard."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        window.installEventFilter(self)

    def bars(self) -> list[QTabBar]:
        """The bars there are now; Qt keeps some without tabs."""
        return self._window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Dress a bar that has just been made."""
        if event.type() == QEvent.Type.ChildPolished and isinstance(event, QChildEvent):
            bar = event.child()
            if isinstance(bar, QTabBar):
                bar.setElideMode(Qt.TextElideMode.ElideNone)
                bar.setUsesScrollButtons(True)
                bar.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return False

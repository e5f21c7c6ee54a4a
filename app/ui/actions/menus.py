"""Menus drawn from the table of actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.ui import theme
from app.ui.actions.in_force import in_force, with_key
from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["MENUS", "Menus"]

#: Menus of the bar, in order.
MENUS = ("File", "Edit", "View", "Go", "People", "Review", "Model", "Help")


class Menus(QObject):
    """The menu bar. Entries refresh when their menu opens: nothing is recomputed while people work."""

    def __init__(self, window: MainWindow, actions: Iterable[Action]) -> None:
        super().__init__(window)
        self._window = window
        self.menus: dict[str, QMenu] = {}
        self.entries: dict[str, tuple[Action, QAction]] = {}
        self._last_group: dict[str, int] = {}
        for name in MENUS:
            self._menu(name)
        for action in actions:
            if action.menu:
                self._add(action)
        in_force().changed.connect(self._keys_changed)
        self._keys_changed()
        theme.theme().changed.connect(self._icons)
        self._icons()

    def menu(self, path: str) -> QMenu:
        """A menu by its path; made when it isn't there."""
        return self._menu(path)

    def _keys_changed(self) -> None:
        """Show other keys; a key that an action has now opens no menu."""
        taken = {name for names in in_force().keys.values() for name in names}
        for path, menu in self.menus.items():
            if "/" not in path:
                menu.setTitle(path if f"Alt+{path[0]}" in taken else f"&{path}")
        for action, entry in self.entries.values():
            self._refresh(action, entry)

    def _menu(self, path: str) -> QMenu:
        if path not in self.menus:
            above, _, name = path.rpartition("/")
            menu = QMenu("&" + name if not above else name, self._window)
            menu.setToolTipsVisible(True)
            if above:
                self._menu(above).addMenu(menu)
            else:
                self._window.menuBar().addMenu(menu)
            menu.aboutToShow.connect(lambda path=path: self.refresh(path))
            self.menus[path] = menu
        return self.menus[path]

    def _add(self, action: Action) -> None:
        parts = action.menu.split("/")
        menu = self._menu(parts[0])
        if self._last_group.get(parts[0], action.group) != action.group:
            menu.addSeparator()
        self._last_group[parts[0]] = action.group
        menu = self._menu(action.menu)
        entry = QAction(action.title, self._window)
        entry.setObjectName(action.id)
        entry.setMenuRole(QAction.MenuRole.NoRole)
        entry.setCheckable(action.checked is not None)
        entry.triggered.connect(lambda _checked=False, action=action: action.run(self._window))
        menu.addAction(entry)
        self.entries[action.id] = (action, entry)
        self._refresh(action, entry)

    def refresh(self, path: str) -> None:
        """Bring the entries of one menu up to date."""
        for action, entry in self.entries.values():
            if action.menu == path:
                self._refresh(action, entry)

    def _refresh(self, action: Action, entry: QAction) -> None:
        title = action.dynamic_title(self._window) if action.dynamic_title else action.title
        entry.setText(title + with_key("\t", action.id))
        reason = action.why_not(self._window)
        entry.setEnabled(not reason)
        tip = reason or action.tip
        entry.setToolTip(tip or title)
        if action.checked is not None:
            entry.setChecked(action.checked(self._window))

    def _icons(self) -> None:
        for action, entry in self.entries.values():
            if action.icon:
                entry.setIcon(theme.icon(action.icon))

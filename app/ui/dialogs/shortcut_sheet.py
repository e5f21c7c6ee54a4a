"""The shortcut sheet: every action with its keys, drawn from the table, filtered as one types."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.ui import theme
from app.ui.actions.in_force import in_force, keys_text
from app.ui.actions.spec import Action
from app.ui.dialogs.action_tree import ActionTree

__all__ = ["ShortcutSheet", "group_of"]

#: What hands do with the mouse: belongs on the same sheet.
MOUSE = (
    ("Zoom to the pointer", "Wheel"),
    ("Move the picture", "Middle button drag, or drag beside people"),
    ("Select a person or a joint", "Click"),
    ("Move a joint", "Drag it"),
    ("Move a whole person", "Alt + drag, or Ctrl + drag"),
    ("Change a joint's visibility", "Right-click it"),
)
#: The same on the timeline.
TIMELINE_MOUSE = (
    ("Zoom to the pointer", "Wheel"),
    ("Move through the frames", "Shift + wheel, or middle button drag"),
    ("Choose a range of frames", "Shift + drag, or Shift + click from the current frame"),
    ("Show everything, or one person's frames", "Double-click"),
)


def group_of(action: Action) -> str:
    """The heading under which an action stands: its menu, or what it belongs to."""
    return action.menu.replace("/", " ▸ ") or ("While a tool is in use" if action.scope == "tool" else "Elsewhere")


class ShortcutSheet(QDialog):
    """All actions and the keys in force, grouped as the menus are; follows while keys are changed."""

    def __init__(self, actions: Iterable[Action], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = tuple(actions)
        self.setWindowTitle("Shortcut sheet")
        self.resize(640, 640)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(theme.GRID)
        self.tree = ActionTree(("Action", "Keys"), self)
        self.search = self.tree.search
        column.addWidget(self.search)
        self.tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        column.addWidget(self.tree, 1)
        self.map = QLabel(self)
        theme.set_role(self.map, "muted")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        self.change = QPushButton("Change keys…", self)
        self.change.setAutoDefault(False)
        buttons.addButton(self.change, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        row = QHBoxLayout()
        row.addWidget(self.map, 1)
        row.addWidget(buttons)
        column.addLayout(row)
        in_force().changed.connect(self._fill)
        self._fill()

    def _fill(self) -> None:
        """Read all keys anew."""
        self.map.setText(f"Key map: {in_force().name}")
        self.tree.clear()
        for action in self._actions:
            keys = keys_text(action.id, ",  ")
            if keys or action.menu:
                self._row(group_of(action), action.title.rstrip("…"), keys, action.tip)
        for title, keys in MOUSE:
            self._row("Mouse, on the picture", title, keys, "")
        for title, keys in TIMELINE_MOUSE:
            self._row("Mouse, on the timeline", title, keys, "")
        self.tree.expandAll()
        self.tree.refilter()

    def _row(self, group: str, title: str, keys: str, tip: str) -> None:
        self.tree.add_row(group, [title, keys], tip or title)

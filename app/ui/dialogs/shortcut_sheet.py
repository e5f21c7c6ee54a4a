"""The shortcut sheet: every action with its keys, drawn from the table, filtered as one types."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.ui import theme
from app.ui.actions.in_force import in_force, keys_text
from app.ui.actions.spec import Action

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
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Find an action, a menu or a key")
        self.search.setAccessibleName("Find")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        column.addWidget(self.search)
        self.tree = QTreeWidget(self)
        self.tree.setColumnCount(2)
        self.tree.setHeaderLabels(["Action", "Keys"])
        self.tree.setAccessibleName("Actions and keys")
        self.tree.setRootIsDecorated(False)
        self.tree.setIndentation(16)
        self.tree.setAlternatingRowColors(True)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.header().setStretchLastSection(False)
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
        groups: dict[str, QTreeWidgetItem] = {}
        for action in self._actions:
            keys = keys_text(action.id, ",  ")
            if keys or action.menu:
                self._row(groups, group_of(action), action.title.rstrip("…"), keys, action.tip)
        for title, keys in MOUSE:
            self._row(groups, "Mouse, on the picture", title, keys, "")
        for title, keys in TIMELINE_MOUSE:
            self._row(groups, "Mouse, on the timeline", title, keys, "")
        self.tree.expandAll()
        self._filter(self.search.text())

    def _row(self, groups: dict[str, QTreeWidgetItem], group: str, title: str, keys: str, tip: str) -> None:
        if group not in groups:
            head = QTreeWidgetItem(self.tree, [group])
            font = head.font(0)
            font.setBold(True)
            head.setFont(0, font)
            head.setFlags(Qt.ItemFlag.ItemIsEnabled)
            head.setFirstColumnSpanned(True)
            groups[group] = head
        row = QTreeWidgetItem(groups[group], [title, keys])
        row.setToolTip(0, tip or title)

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        for i in range(self.tree.topLevelItemCount()):
            head = self.tree.topLevelItem(i)
            assert head is not None
            shown = 0
            for j in range(head.childCount()):
                row = head.child(j)
                assert row is not None
                hay = f"{head.text(0)} {row.text(0)} {row.text(1)}".lower()
                row.setHidden(not all(word in hay for word in words))
                shown += not row.isHidden()
            head.setHidden(not shown)

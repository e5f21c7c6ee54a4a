"""Actions and their keys under the headings of the menus, with a line that filters them as one types."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHeaderView, QLineEdit, QTreeWidget, QTreeWidgetItem, QWidget

__all__ = ["ActionTree"]


class ActionTree(QTreeWidget):
    """Rows under bold headings; the first two columns are the action and its keys.

    Args:
        columns: their headings.
        parent: the dialog it is in.

    Attributes:
        search: the line; put it where it belongs. Rows and headings that lack a word of it are hidden.
    """

    def __init__(self, columns: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setHeaderLabels(list(columns))
        self.setAccessibleName("Actions and keys")
        self.setRootIsDecorated(False)
        self.setIndentation(16)
        self.setAlternatingRowColors(True)
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._groups: dict[str, tuple[QTreeWidgetItem, list[QTreeWidgetItem]]] = {}
        self.search = QLineEdit(parent)
        self.search.setPlaceholderText("Find an action, a menu or a key")
        self.search.setAccessibleName("Find")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda _text: self.refilter())

    def clear(self) -> None:
        """Take out all rows and headings."""
        super().clear()
        self._groups = {}

    def add_row(self, heading: str, texts: Sequence[str], tip: str) -> QTreeWidgetItem:
        """A row at the end of a heading, which is made when it isn't there."""
        if heading not in self._groups:
            head = QTreeWidgetItem(self, [heading])
            font = head.font(0)
            font.setBold(True)
            head.setFont(0, font)
            head.setFlags(Qt.ItemFlag.ItemIsEnabled)
            head.setFirstColumnSpanned(True)
            self._groups[heading] = head, []
        head, rows = self._groups[heading]
        row = QTreeWidgetItem(head, list(texts))
        row.setToolTip(0, tip)
        rows.append(row)
        return row

    def refilter(self) -> None:
        """Show the rows whose heading, action or keys hold every word of the search line."""
        words = self.search.text().lower().split()
        for heading, (head, rows) in self._groups.items():
            for row in rows:
                hay = f"{heading} {row.text(0)} {row.text(1)}".lower()
                row.setHidden(not all(word in hay for word in words))
            head.setHidden(all(row.isHidden() for row in rows))

"""Every edit of the project, newest first; a click goes back or forth to it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QFont, QIcon
from PySide6.QtWidgets import QAbstractItemView, QListView, QVBoxLayout, QWidget

from app.labels.changes import HistoryItem, LabelChange
from app.ui import theme
from app.ui.panels.page import Page
from app.ui.session import Session

__all__ = ["HistoryModel", "HistoryPanel"]

_Index = QModelIndex | QPersistentModelIndex


class HistoryModel(QAbstractListModel):
    """Edits, newest first, and the beginning as the last row."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.items: list[HistoryItem] = []
        #: Row of the last edit that is done; the last row when all are undone.
        self.current = 0

    def refresh(self) -> None:
        """Read the history anew."""
        project = self._session.project
        items = [] if project is None else project.history()[::-1]
        self.beginResetModel()
        self.items = items
        self.current = next((row for row, item in enumerate(items) if item.done), len(items))
        self.endResetModel()

    def step(self, row: int) -> int:
        """What ``Project.go_to_history`` calls a row."""
        return self.items[row].id if row < len(self.items) else 0

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.isValid() or not self.items else len(self.items) + 1

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        row = index.row()
        item = self.items[row] if row < len(self.items) else None
        if role == Qt.ItemDataRole.DisplayRole:
            return "As the model left it" if item is None else item.title
        if role == Qt.ItemDataRole.ToolTipRole:
            if item is None:
                return "Before the first edit"
            return f"{item.title}\n{item.when:%Y-%m-%d %H:%M:%S}" + ("" if item.done else "\nundone; click to do it again")
        if role == Qt.ItemDataRole.ForegroundRole and item is not None and not item.done:
            return QColor(theme.colors().muted)
        if role == Qt.ItemDataRole.FontRole:
            font = QFont()
            font.setBold(row == self.current)
            font.setItalic(item is not None and not item.done)
            return font
        if role == Qt.ItemDataRole.DecorationRole:
            return self._mark(row)
        return None

    def _mark(self, row: int) -> QIcon:
        c = theme.colors()
        return theme.icon("chevron-right", c.accent) if row == self.current else theme.icon("circle-small", c.line)


class HistoryPanel(Page):
    """Undone edits are grey and slanted, the present one is marked."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        content = QWidget()
        super().__init__(content, parent)
        self._session = session
        self.model = HistoryModel(session, self)
        self.list = QListView(content)
        self.list.setAccessibleName("History of edits")
        self.list.setUniformItemSizes(True)
        self.list.setAlternatingRowColors(True)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.list.setModel(self.model)
        self.list.clicked.connect(self._go)
        self.list.activated.connect(self._go)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.list)
        session.video_opened.connect(lambda _video: self.refresh())
        session.labels_changed.connect(self._labels_changed)
        theme.theme().changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Read the history anew."""
        if not self.on_screen:
            return
        self.model.refresh()
        if self._session.video is None:
            self.show_words("Open a video first.")
        elif not self.model.items:
            self.show_words("Nothing was edited yet. Each edit is listed here and can be undone, also after closing.")
        else:
            self.show_content()
            self.list.scrollTo(self.model.index(self.model.current))

    def catch_up(self) -> None:
        """It came on screen."""
        self.refresh()

    def _labels_changed(self, change: LabelChange) -> None:
        if change.reason != "prediction":
            self.refresh()

    def _go(self, index: QModelIndex) -> None:
        step = self.model.step(index.row())
        self._session.write(lambda project: project.go_to_history(step))

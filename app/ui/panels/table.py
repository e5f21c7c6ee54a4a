"""The table that all panels have: rows selected whole, cells typed in by mouse or by keyboard alone."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.ui import theme

__all__ = ["make_table"]

_Action = QAbstractItemView.CursorAction
_Index = QModelIndex | QPersistentModelIndex
_Trigger = QAbstractItemView.EditTrigger


class _Table(QTableView):
    """Left and Right belong to the frames, so no cell of a row can be walked to: F2 opens the first that can be typed in, and
    Tab goes on to the next."""

    def edit(self, index: _Index, trigger: _Trigger | None = None, event: QEvent | None = None) -> bool:  # type: ignore[override]
        """Open a cell; by key, where the row's current one cannot be changed, the first that can."""
        if trigger is None:
            super().edit(index)
            return True
        if trigger == _Trigger.EditKeyPressed and not index.flags() & Qt.ItemFlag.ItemIsEditable:
            cells = self._cells(index.row())
            if not cells:
                return False
            index = cells[0]
            self.selectionModel().setCurrentIndex(index, self.selectionCommand(index))
        return super().edit(index, trigger, event)  # type: ignore[arg-type]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """F2 without a current row means the first one: else the letters that follow would be taken for keys of actions."""
        if event.key() == Qt.Key.Key_F2 and not self.currentIndex().isValid() and self.model().rowCount():
            self.setCurrentIndex(self.model().index(0, 0))
        super().keyPressEvent(event)

    def moveCursor(self, action: _Action, keys: Qt.KeyboardModifier) -> QModelIndex:
        """Tab and Shift+Tab leave the cell one types in for the next such cell, over the end of a row to the next row."""
        if action not in (_Action.MoveNext, _Action.MovePrevious):
            return super().moveCursor(action, keys)
        cells = [cell for row in range(self.model().rowCount()) for cell in self._cells(row)]
        now = self.currentIndex()
        place = (now.row(), now.column())
        if action == _Action.MoveNext:
            return next((cell for cell in cells if (cell.row(), cell.column()) > place), QModelIndex())
        return next((cell for cell in reversed(cells) if (cell.row(), cell.column()) < place), QModelIndex())

    def _cells(self, row: int) -> list[QModelIndex]:
        """What can be typed in, of what is shown in a row."""
        model = self.model()
        cells = [model.index(row, column) for column in range(model.columnCount()) if not self.isColumnHidden(column)]
        return [cell for cell in cells if cell.flags() & Qt.ItemFlag.ItemIsEditable]


def make_table(parent: QWidget, name: str) -> QTableView:
    """A table of rows that are selected whole, one at a time, as all panels have it."""
    table = _Table(parent)
    table.setAccessibleName(name)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setAlternatingRowColors(True)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTextElideMode(Qt.TextElideMode.ElideRight)
    table.setTabKeyNavigation(False)  # Tab leaves the table; arrows walk in it
    table.verticalHeader().hide()
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + theme.GRID)
    table.horizontalHeader().setHighlightSections(False)
    table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return table

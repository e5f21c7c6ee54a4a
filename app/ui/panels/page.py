"""What all panels share: a page with content, and a page with one sentence where there is nothing to show."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QStackedWidget, QTableView, QVBoxLayout, QWidget

from app.ui import theme

__all__ = ["Page", "make_table"]


class Page(QStackedWidget):
    """Content, or a sentence in its place that says what to do."""

    def __init__(self, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = content
        self._empty = QWidget(self)
        column = QVBoxLayout(self._empty)
        column.setContentsMargins(2 * theme.GRID, 2 * theme.GRID, 2 * theme.GRID, 2 * theme.GRID)
        self._words = QLabel("", self._empty)
        self._words.setWordWrap(True)
        self._words.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        theme.set_role(self._words, "muted")
        column.addWidget(self._words)
        column.addStretch(1)
        self.addWidget(content)
        self.addWidget(self._empty)

    def show_content(self) -> None:
        """Show what there is."""
        self.setCurrentWidget(self.content)

    def show_words(self, text: str) -> None:
        """Show a sentence in its place."""
        if self._words.text() != text:
            self._words.setText(text)
        self.setCurrentWidget(self._empty)

    @property
    def words(self) -> str:
        """The sentence on screen, "" while there is content."""
        return "" if self.currentWidget() is self.content else self._words.text()


def make_table(parent: QWidget, name: str) -> QTableView:
    """A table of rows that are selected whole, one at a time, as all panels have it."""
    table = QTableView(parent)
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

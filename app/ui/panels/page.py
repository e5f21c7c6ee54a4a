"""What all panels share: a page with content, and a page with one sentence where there is nothing to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QFontMetrics, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QHeaderView,
    QLabel,
    QStackedWidget,
    QStyle,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.ui import theme

__all__ = ["PACE_MS", "Pace", "Page"]

#: Width of a panel on a first run in logical pixels.
_WIDTH = 45 * theme.GRID
#: Milliseconds between two looks at numbers that change with each frame.
PACE_MS = 100
#: Left and right of a cell's and of a heading's text, as the style sheet has it.
_CELL_PADDING, _HEADING_PADDING = 4, 4


class Pace(QObject):
    """Calls at once, then at most once in ``interval`` milliseconds; the last call asked for always comes.

    For numbers that change with each frame: while the video plays nobody reads them thirty times a second, and drawing them
    that often takes time from the picture.
    """

    def __init__(self, call: Callable[[], None], interval: int, parent: QObject) -> None:
        super().__init__(parent)
        self._call = call
        self._again = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(interval)
        self._rest.timeout.connect(self._rested)

    def ask(self, *_: object) -> None:
        """Call now or soon."""
        if self._rest.isActive():
            self._again = True
        else:
            self._rest.start()
            self._call()

    def _rested(self) -> None:
        if self._again:
            self._again = False
            self.ask()


class Page(QStackedWidget):
    """Content, or a sentence in its place that says what to do."""

    def __init__(self, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = content
        self._spared: list[tuple[QTableView, int]] = []
        self._useless: set[tuple[QTableView, int]] = set()
        self._widths: dict[tuple[QTableView, int], int] = {}
        self._widest: dict[QTableView, Mapping[int, Sequence[str]]] = {}
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
    def on_screen(self) -> bool:
        """True while people can see it; a dock behind another tab counts as visible for Qt, but lies outside the window."""
        place = QRect(self.mapTo(self.window(), QPoint()), self.size())
        return self.isVisible() and place.intersects(self.window().rect())

    def sizeHint(self) -> QSize:
        """Room for the tables' columns; the picture gets the rest."""
        return QSize(_WIDTH, 36 * theme.GRID)

    def minimumSizeHint(self) -> QSize:
        """Narrow enough for a window of 1024 x 700 pixels."""
        return QSize(30 * theme.GRID, 10 * theme.GRID)

    def catch_up(self) -> None:
        """It came on screen: show what happened meanwhile. The window calls this when a tab is raised."""

    def let_go(self) -> None:
        """The window is being closed: end what runs beside it."""

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up on what happened while hidden."""
        super().showEvent(event)
        self.catch_up()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out columns that can be spared where there is no room for them."""
        super().resizeEvent(event)
        self._leave_out()

    def _leave_out(self) -> None:
        """Hide what can be spared until the first columns are whole."""
        for table in {table for table, _ in self._spared}:
            names = self._widest.get(table, {}).get(0, ())
            metrics, icon = table.fontMetrics(), table.style().pixelMetric(QStyle.PixelMetric.PM_SmallIconSize, None, table)
            need = max((metrics.horizontalAdvance(name) for name in names), default=0) + icon + 4 * _CELL_PADDING + 4
            useless = {column for other, column in self._useless if other is table}
            spared = [column for other, column in self._spared if other is table and column not in useless]
            fixed = sum(width for (other, column), width in self._widths.items() if other is table and column not in useless)
            bar = table.verticalScrollBar().sizeHint().width() if table.verticalScrollBar().isVisible() else 0
            room = self.width() - bar - fixed - need
            out = set(useless)
            for column in spared:
                if room < 0:
                    out.add(column)
                    room += self._widths.get((table, column), 0)
            # Where that is not enough the names stay whole all the same, and the table scrolls sideways.
            scrolls = room < 0 and need > 0 and bool(spared)
            mode, header = QHeaderView.ResizeMode.Fixed if scrolls else QHeaderView.ResizeMode.Stretch, table.horizontalHeader()
            if header.sectionResizeMode(0) != mode:
                header.setSectionResizeMode(0, mode)
            if scrolls:
                header.resizeSection(0, need)
            for column in (*useless, *spared):  # last: a column hidden before would keep its room
                table.setColumnHidden(column, column in out)

    def spare(self, table: QTableView, column: int) -> None:
        """Hide a column where there is no room for it and the whole first one; of several the one named first goes first."""
        self._spared.append((table, column))

    def set_useful(self, table: QTableView, column: int, useful: bool) -> None:
        """Hide a column that can be spared while there is nothing to show in it, however much room there is."""
        useless = self._useless - {(table, column)} if useful else self._useless | {(table, column)}
        if useless != self._useless:
            self._useless = useless
            self._leave_out()

    def fit_columns(self, table: QTableView, widest: Mapping[int, Sequence[str]]) -> None:
        """Give columns the width of the widest text they will ever show, and the rest of the room to the first.

        Texts of column 0 say how much of that room it must have (:meth:`spare`).

        A header that fits its columns to their contents measures every cell again whenever one of them changes.
        """
        self._widest[table] = widest
        header, model = table.horizontalHeader(), table.model()
        metrics = QFontMetrics(theme.numbers_font(table.font()))
        margin = 2 * (table.style().pixelMetric(QStyle.PixelMetric.PM_FocusFrameHMargin, None, table) + 2)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, texts in widest.items():
            if column == 0:
                continue
            cells = max(metrics.horizontalAdvance(text) for text in texts) + 2 * _CELL_PADDING + margin
            title = str(model.headerData(column, Qt.Orientation.Horizontal))
            heading = header.fontMetrics().horizontalAdvance(title) + 2 * _HEADING_PADDING + margin
            self._widths[table, column] = max(cells, heading, header.minimumSectionSize())
            header.resizeSection(column, self._widths[table, column])
        self._leave_out()

    def changeEvent(self, event: QEvent) -> None:
        """Another font: other widths."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            for table, widest in getattr(self, "_widest", {}).items():  # Qt sends the event while the page is being made
                self.fit_columns(table, widest)

    @property
    def words(self) -> str:
        """The sentence on screen, "" while there is content."""
        return "" if self.currentWidget() is self.content else self._words.text()

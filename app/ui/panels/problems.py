"""What an evaluator would stumble over, found beside the work and listed; a click goes there."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QHeaderView, QLabel, QVBoxLayout, QWidget

from app.labels.checking import MOST
from app.ui import theme
from app.ui.panels.page import Page
from app.ui.panels.swatch import swatch
from app.ui.panels.table import make_table
from app.ui.session import Session
from glsmamba.data.problems import Problem

__all__ = ["ProblemsModel", "ProblemsPanel"]

_Index = QModelIndex | QPersistentModelIndex
_COLUMNS = ("Frame", "Who", "Problem")


class ProblemsModel(QAbstractTableModel):
    """One row a problem, by frame."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.problems: list[Problem] = []

    def show_problems(self, problems: list[Problem]) -> None:
        """Show other problems."""
        if problems != self.problems:
            self.beginResetModel()
            self.problems = problems
            self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.isValid() else len(self.problems)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return _COLUMNS[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        problem, column = self.problems[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            if column == 0:
                return "" if problem.frame is None else str(problem.frame)
            if column == 1:
                return "" if problem.track is None else str(problem.track)
            return problem.message
        if role == Qt.ItemDataRole.DecorationRole and column == 2:
            c = theme.colors()
            if problem.severity == "error":
                return theme.icon("alert-circle-outline", c.error)
            return theme.icon("alert-outline", c.warning)
        if role == Qt.ItemDataRole.DecorationRole and column == 1 and problem.track is not None:
            return swatch(theme.person_colour(problem.track).name())
        if role == Qt.ItemDataRole.ToolTipRole:
            who = "" if problem.track is None else f"{self._session.track_name(problem.track)}: "
            return f"{who}{problem.message}\n({problem.severity}, {problem.rule})"
        if role == Qt.ItemDataRole.FontRole and column == 0:
            return theme.numbers_font()
        return None


class ProblemsPanel(Page):
    """Shows what the session's lookout finds, as it finds it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        content = QWidget()
        super().__init__(content, parent)
        self._session = session
        self.model = ProblemsModel(session, self)
        self.summary = QLabel("", content)
        self.summary.setContentsMargins(theme.GRID, theme.GRID, theme.GRID, theme.GRID // 2)
        theme.set_role(self.summary, "muted")
        self.table = make_table(content, "Problems")
        self.table.setModel(self.model)
        header = self.table.horizontalHeader()
        header.setMinimumSectionSize(40)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.table.clicked.connect(self._go)
        self.table.activated.connect(self._go)
        self.table.selectionModel().currentRowChanged.connect(lambda index, _old: self._go(index))
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.summary)
        column.addWidget(self.table, 1)
        self._following = False
        session.video_opened.connect(self._show)
        session.lookout_changed.connect(self._show)
        self._show()

    def catch_up(self) -> None:
        """It came on screen."""
        self._show()

    def _show(self, *_: Any) -> None:
        """What the lookout has found so far; the row one was at stays where it is."""
        lookout = self._session.lookout
        if self._session.video is None or lookout is None:
            self.model.show_problems([])
            self.show_words("Open a video first." if self._session.video is None else "Looking…")
            return
        if not self.on_screen:
            return
        problems = lookout.problems
        current, scrolled = self.table.currentIndex().row(), self.table.verticalScrollBar().value()
        chosen = self.model.problems[current] if 0 <= current < len(self.model.problems) else None
        self._following = True  # rows that come and go are nobody's choice
        self.model.show_problems(problems)
        if chosen is not None and self.table.currentIndex().row() < 0 and chosen in problems:
            self.table.selectRow(problems.index(chosen))
        self._following = False
        self.table.verticalScrollBar().setValue(scrolled)
        if problems:
            n = len(problems)
            more = "the first " if n == MOST else ""
            self.summary.setText(f"{more}{n:,} thing{'s' if n > 1 else ''} to look at")
            self.show_content()
        else:
            self.show_words("No problems found." if lookout.looked else "Looking…")

    def _go(self, index: QModelIndex) -> None:
        if not index.isValid() or self._following:
            return
        problem = self.model.problems[index.row()]
        self._session.show_problem(problem.frame, problem.track, problem.joint)

"""What an annotator should look at, found beside the work and listed; a click goes there."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer
from PySide6.QtWidgets import QHeaderView, QLabel, QVBoxLayout, QWidget

from app.labels.changes import LabelChange
from app.ui import theme
from app.ui.panels.page import Page, make_table
from app.ui.panels.swatch import swatch
from app.ui.session import Session
from app.ui.threads.worker import Worker
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
    """Looks through the project in a worker, a moment after each edit, while it can be seen."""

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
        self._worker: Worker | None = None
        self._stale = True
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._look)
        session.video_opened.connect(self._video_opened)
        session.labels_changed.connect(self._labels_changed)
        self._video_opened(session.video)

    def catch_up(self) -> None:
        """It came on screen."""
        if self._stale:
            self._look()

    def _video_opened(self, video: Any) -> None:
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
        self._stale = True
        self.model.show_problems([])
        self.show_words("Open a video first." if video is None else "Looking…")
        if video is not None and self.on_screen:
            self._later.start(0)

    def _labels_changed(self, change: LabelChange) -> None:
        self._stale = True
        if self.on_screen and not self._later.isActive():
            # The model writes many times a second; a human's edit is looked at soon.
            self._later.start(3000 if change.reason == "prediction" else 500)

    def _look(self) -> None:
        project = self._session.project
        if project is None or not self.on_screen:
            return
        if self._worker is not None:
            self._later.start(500)
            return
        self._stale = False
        self._worker = worker = Worker(lambda progress: _search(project, progress), self)
        worker.done.connect(self._found)
        worker.failed.connect(self._failed)

    def _found(self, problems: list[Problem]) -> None:
        if self.sender() is not self._worker:
            return
        self._worker = None
        self.model.show_problems(problems)
        if problems:
            n = len(problems)
            self.summary.setText(f"{n:,} thing{'s' if n > 1 else ''} to look at")
            self.show_content()
        else:
            self.show_words("No problems found.")
        if self._stale:
            self._later.start(500)

    def _failed(self, sentence: str) -> None:
        if self.sender() is self._worker:
            self._worker = None
            self.show_words(sentence)

    def _go(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        problem = self.model.problems[index.row()]
        self._session.show_problem(problem.frame, problem.track, problem.joint)


def _search(project: Any, progress: Any) -> list[Problem]:
    from app.labels.checking import find_problems

    return find_problems(project, progress)

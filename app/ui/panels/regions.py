"""Ignore regions: what they are called and in which frames they are valid; every cell but the last can be typed."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.labels import edits
from app.labels.changes import Edit, LabelChange
from app.labels.regions import IgnoreRegion
from app.ui import theme
from app.ui.actions.in_force import in_force, with_way
from app.ui.canvas.regions import region_name
from app.ui.panels.page import Page
from app.ui.panels.table import make_table
from app.ui.session import Session

__all__ = ["RegionsModel", "RegionsPanel"]

_Index = QModelIndex | QPersistentModelIndex
_COLUMNS = ("Name", "First", "Last", "Keys")


class RegionsModel(QStandardItemModel):
    """One row a region, by id."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_COLUMNS), parent)
        self.setHorizontalHeaderLabels(list(_COLUMNS))
        self._session = session
        self.regions: dict[int, IgnoreRegion] = {}

    @property
    def numbers(self) -> list[int]:
        """Region ids by row."""
        return list(self.regions)

    def refresh(self) -> None:
        """Read them anew."""
        project = self._session.project
        self.regions = {} if project is None else project.ignore_regions()
        self.setRowCount(len(self.regions))
        for row, (number, region) in enumerate(self.regions.items()):
            keys = ", ".join(str(frame) for frame in region.keys)
            texts = (region_name(number, region), str(region.first), str(region.last), str(len(region.keys)))
            for column, text in enumerate(texts):
                item = self.item(row, column) or QStandardItem()
                item.setText(text)
                item.setEditable(column < 3)
                item.setToolTip(f"Key frames: {keys}" if column == 3 else "Double-click or press F2 to change it.")
                if column:
                    item.setFont(theme.numbers_font())
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(row, column, item)

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """What a person typed."""
        if role != Qt.ItemDataRole.EditRole:
            return super().setData(index, value, role)
        number, column, text = self.numbers[index.row()], index.column(), str(value).strip()
        region, session = self.regions[number], self._session
        if column == 0:
            name = "" if text == f"ignore region {number}" else text
            if name == region.name:
                return False
            title = f"Rename {region_name(number, region)} to {name}" if name else f"Take the name of {region.name} away"
            changes: dict[str, Any] = {"name": name}
        else:
            last = session.n_frames - 1
            if not text.isdigit() or int(text) > last:
                session.tell(f"{text!r} is no frame; this video has frames 0 to {last}.", "warning")
                return False
            field, title = ("first", "Set the beginning of ") if column == 1 else ("last", "Set the end of ")
            title += region_name(number, region)
            changes = {field: int(text)}
            first, end = changes.get("first", region.first), changes.get("last", region.last)
            if first > end:
                session.tell("A region must not end before it begins.", "warning")
                return False
            if (first, end) == (region.first, region.last):
                return False

        def make(project: Any) -> Edit:
            made, _ = edits.set_ignore_region(project, project.ignore_regions()[number].with_(**changes), number)
            return Edit(title, facts=made.facts)

        session.apply(make)
        return True


class RegionsPanel(Page):
    """Click a region to select it, and to go to the nearest frame with it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        content = QWidget()
        super().__init__(content, parent)
        self._session = session
        self.model = RegionsModel(session, self)
        self.table = make_table(content, "Ignore regions")
        self.table.setModel(self.model)
        self.table.horizontalHeader().setMinimumSectionSize(40)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        self._following = False
        self.table.selectionModel().currentRowChanged.connect(self._chosen)
        self.table.clicked.connect(lambda index: session.show_region(self.model.numbers[index.row()]))
        session.video_opened.connect(self._video_opened)
        session.labels_changed.connect(self._labels_changed)
        session.selection_changed.connect(self._follow)
        in_force().changed.connect(self.refresh)
        self._video_opened(session.video)

    def _video_opened(self, _video: Any) -> None:
        longest = str(max(self._session.n_frames - 1, 0))
        self.fit_columns(self.table, {1: (longest,), 2: (longest,), 3: ("99",)})
        self.refresh()

    def refresh(self) -> None:
        """Read everything anew."""
        self._following = True
        self.model.refresh()
        self._following = False
        if self._session.video is None:
            self.show_words("Open a video first.")
        elif not self.model.regions:
            how = f"{with_way('regions.draw')} and click the corners of a place where nobody is to be judged"
            self.show_words(f"No ignore regions. To draw one {how}.")
        else:
            self.show_content()
        self._follow()

    def catch_up(self) -> None:
        """It came on screen."""
        self.refresh()

    def _labels_changed(self, change: LabelChange) -> None:
        if change.reason != "prediction":
            self.refresh()

    def _follow(self) -> None:
        self._following = True
        number, numbers = self._session.selection.region, self.model.numbers
        if number in numbers:
            if self.table.currentIndex().row() != numbers.index(number):
                self.table.selectRow(numbers.index(number))
        else:
            self.table.clearSelection()
            self.table.setCurrentIndex(QModelIndex())
        self._following = False

    def _chosen(self, index: QModelIndex) -> None:
        if index.isValid() and not self._following:
            self._session.show_region(self.model.numbers[index.row()])

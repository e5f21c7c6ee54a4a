"""Everybody in the video: who they are, where they are seen, what a human did to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QHeaderView, QMenu, QVBoxLayout, QWidget

from app.labels import edits
from app.labels.changes import LabelChange
from app.ui import theme
from app.ui.panels.page import Page, make_table
from app.ui.panels.swatch import swatch
from app.ui.session import Session

__all__ = ["PeopleModel", "PeoplePanel", "nearest_frame"]

_Index = QModelIndex | QPersistentModelIndex
_COLUMNS = ("Name", "Here", "Frames", "By hand")
#: By figure of ``Project.frame_states``.
_STATES = ("", "predicted", "edited", "accepted", "filled in")


def nearest_frame(frames: np.ndarray, frame: int) -> int | None:
    """The frame of an ascending array that is nearest to ``frame``; None if it is empty."""
    if not len(frames):
        return None
    return int(frames[np.abs(frames - frame).argmin()])


class PeopleModel(QAbstractTableModel):
    """One row a person, by id."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.tracks: tuple[int, ...] = ()
        self._names: dict[int, str] = {}
        self._counts: dict[int, tuple[int, int]] = {}
        self._here: dict[int, int] = {}

    def refresh(self) -> None:
        """Read everything anew; rows stay where they are unless people came or went."""
        project = self._session.project
        tracks = () if project is None else project.tracks()
        names = {track: project.track_name(track) for track in tracks}
        counts = {}
        for track in tracks:
            summary = project.track_summary(track)
            counts[track] = int(np.count_nonzero(summary)), int(np.count_nonzero((summary == 2) | (summary == 3)))
        if tracks != self.tracks:
            self.beginResetModel()
            self.tracks, self._names, self._counts = tracks, names, counts
            self._read_here()
            self.endResetModel()
        else:
            self._names, self._counts = names, counts
            self._read_here()
            self._changed()

    def moved(self) -> None:
        """Another frame is on screen."""
        self._read_here()
        self._changed()

    def _read_here(self) -> None:
        project = self._session.project
        self._here = {} if project is None else project.frame_states(self._session.shown_frame)

    def _changed(self) -> None:
        if self.tracks:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.tracks) - 1, len(_COLUMNS) - 1))

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.isValid() else len(self.tracks)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return _COLUMNS[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        track, column = self.tracks[index.row()], index.column()
        here = self._here.get(track, 0)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            frames, by_hand = self._counts[track]
            values: tuple[Any, ...] = (self._names[track], _STATES[here], f"{frames:,}", f"{by_hand:,}" if by_hand else "")
            return values[column]
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            return swatch(theme.person_colour(track).name())
        if role == Qt.ItemDataRole.ForegroundRole and not here:
            return QColor(theme.colors().muted)
        if role == Qt.ItemDataRole.FontRole and column > 0:
            return theme.numbers_font()
        if role == Qt.ItemDataRole.FontRole and here == 3:
            font = QFont()
            font.setBold(True)
            return font
        if role == Qt.ItemDataRole.TextAlignmentRole and column >= 2:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            frames, by_hand = self._counts[track]
            where = _STATES[here] if here else "not in this frame"
            return f"{self._names[track]} (id {track}), {where}\nin {frames:,} frames, {by_hand:,} edited or accepted by hand"
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:  # noqa: D102
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == 0 else flags

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: D102
        track, name = self.tracks[index.row()], str(value).strip()
        if role != Qt.ItemDataRole.EditRole or name == self._names[track]:
            return False
        self._session.apply(lambda project: edits.rename_track(project, track, name))
        return True


class PeoplePanel(Page):
    """Click a person to select them, and to go to the nearest frame with them; double-click or F2 renames."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        content = QWidget()
        super().__init__(content, parent)
        self._session = session
        self.model = PeopleModel(session, self)
        self.table = make_table(content, "People")
        self.table.setModel(self.model)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._menu)
        self.table.selectionModel().currentRowChanged.connect(self._chosen)
        self.table.clicked.connect(lambda index: self._go(index.row()))
        self.table.activated.connect(lambda index: self._go(index.row()))
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(48)
        self.spare(self.table, 3, 46)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        self._following = False
        # Predictions come many times a second; counting frames of everybody each time would only warm the room.
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(150)
        self._later.timeout.connect(self.refresh)
        session.video_opened.connect(lambda _video: self.refresh())
        session.labels_changed.connect(self._labels_changed)
        session.picture_ready.connect(lambda *_: self._moved())
        session.selection_changed.connect(self._follow)
        self.refresh()

    def refresh(self) -> None:
        """Read everything anew."""
        self.model.refresh()
        if self._session.video is None:
            self.show_words("Open a video to see who is in it.")
        elif not self.model.tracks:
            self.show_words(
                "Nobody yet. The model looks for people while you work; press B and draw a box to add one yourself."
            )
        else:
            self.show_content()
        self._follow()

    def catch_up(self) -> None:
        """It came on screen."""
        self.refresh()

    def _labels_changed(self, change: LabelChange) -> None:
        if not self.on_screen:
            return
        if change.reason == "prediction":
            if not self._later.isActive():
                self._later.start()
        else:
            self.refresh()

    def _moved(self) -> None:
        if self.on_screen:
            self.model.moved()

    def _follow(self) -> None:
        track = self._session.selected_track
        self._following = True
        try:
            if track in self.model.tracks:
                row = self.model.tracks.index(track)
                if self.table.currentIndex().row() != row:
                    self.table.selectRow(row)
                    self.table.scrollTo(self.model.index(row, 0))
            else:
                self.table.clearSelection()
                self.table.setCurrentIndex(QModelIndex())
        finally:
            self._following = False

    def _chosen(self, index: QModelIndex) -> None:
        if index.isValid() and not self._following:
            self._session.select(self.model.tracks[index.row()])

    def _go(self, row: int) -> None:
        """To the nearest frame with this person."""
        session, track = self._session, self.model.tracks[row]
        session.select(track)
        if track not in session.poses(session.shown_frame):
            frame = nearest_frame(session.project.track_frames(track), session.shown_frame)
            if frame is not None:
                session.scrub(frame)

    def _menu(self, at: Any) -> None:
        index = self.table.indexAt(at)
        if not index.isValid():
            return
        session, track = self._session, self.model.tracks[index.row()]
        name, frame = session.track_name(track), session.shown_frame
        here = track in session.poses(frame)
        menu = QMenu(self)
        menu.addAction("Rename", lambda: self.table.edit(self.model.index(index.row(), 0)))
        accept = menu.addAction("Accept in this frame", lambda: session.apply(lambda p: edits.accept_pose(p, frame, track)))
        delete = menu.addAction("Delete in this frame", lambda: session.apply(lambda p: edits.delete_pose(p, frame, track)))
        for action in (accept, delete):
            action.setEnabled(here)

        def delete_all() -> None:
            session.apply(
                lambda p: edits.delete_track(p, track),
                lambda: session.tell(f"{name} was deleted in all frames.", "info", "Undo", session.undo),
            )

        menu.addAction("Delete in all frames", delete_all)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.table.viewport().mapToGlobal(at))

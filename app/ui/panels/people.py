"""Everybody in the video: who they are, where they are seen, what a human did to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, QTimer
from PySide6.QtGui import QBrush, QColor, QFont, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from app.labels import edits
from app.labels.changes import LabelChange
from app.ui import theme
from app.ui.actions.in_force import in_force, with_way
from app.ui.panels.page import PACE_MS, Pace, Page
from app.ui.panels.swatch import swatch
from app.ui.panels.table import make_table
from app.ui.session import Session

__all__ = ["PeopleModel", "PeoplePanel", "nearest_frame"]

_Index = QModelIndex | QPersistentModelIndex
_COLUMNS = ("Name", "Here", "Frames", "By hand")
#: By figure of ``Project.frame_states``.
_STATES = ("", "predicted", "edited", "accepted", "imported")
#: As wide as the sign of somebody who is locked or hidden, which stands before the words.
_ROOM_OF_SIGN = " " * 6


def nearest_frame(frames: np.ndarray, frame: int) -> int | None:
    """The frame of an ascending array that is nearest to ``frame``; None if it is empty."""
    if not len(frames):
        return None
    return int(frames[np.abs(frames - frame).argmin()])


class PeopleModel(QStandardItemModel):
    """One row a person, by id.

    A model of Qt's own that is written to when something changed: what is painted is then not asked for in Python, cell by
    cell and role by role, each time waiting for the lock that a computing thread holds.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_COLUMNS), parent)
        self.setHorizontalHeaderLabels(list(_COLUMNS))
        for column in (2, 3):
            self.horizontalHeaderItem(column).setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._session = session
        self.tracks: tuple[int, ...] = ()
        self._names: dict[int, str] = {}
        self._counts: dict[int, tuple[int, int]] = {}
        self._here: dict[int, int] = {}
        self._written: dict[int, tuple[object, ...]] = {}

    def refresh(self) -> None:
        """Read everything anew; rows stay where they are unless people came or went."""
        project = self._session.project
        tracks = () if project is None else project.tracks()
        self._names = {track: project.track_name(track) for track in tracks}
        self._counts = {}
        for track in tracks:
            summary = project.track_summary(track)
            by_hand = int(np.count_nonzero((summary == 2) | (summary == 3)))
            self._counts[track] = int(np.count_nonzero(summary)), by_hand
        if tracks != self.tracks:
            self.tracks = ()  # nobody may look one up by a row that is on its way out
            self.setRowCount(0)
            self._written.clear()
            self.tracks = tracks
            for track in tracks:
                self.appendRow(self._row(track))
        self.moved()

    def moved(self) -> None:
        """Another frame is on screen."""
        project = self._session.project
        self._here = {} if project is None else project.frame_states(self._session.shown_frame)
        for row, track in enumerate(self.tracks):
            self._write(row, track)

    def recolour(self) -> None:
        """The theme changed."""
        self._written.clear()
        for row, track in enumerate(self.tracks):
            self.item(row, 0).setData(swatch(theme.person_colour(track).name()), Qt.ItemDataRole.DecorationRole)
        self.moved()

    def _row(self, track: int) -> list[QStandardItem]:
        items = [QStandardItem() for _ in _COLUMNS]
        items[0].setData(swatch(theme.person_colour(track).name()), Qt.ItemDataRole.DecorationRole)
        for column, item in enumerate(items):
            item.setEditable(column == 0)
            if column > 0:
                item.setFont(theme.numbers_font())
            if column >= 2:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return items

    def _write(self, row: int, track: int) -> None:
        """Bring a row up to date; nothing is touched, and so nothing painted, that is as it was."""
        name, counts, here = self._names[track], self._counts[track], self._here.get(track, 0)
        locked, hidden = self._session.is_locked(track), track in self._session.display.hidden
        written = (name, counts, here, locked, hidden)
        if self._written.get(track) == written:
            return
        self._written[track] = written
        frames, by_hand = counts
        where = _STATES[here] if here else "not in this frame"
        where += ", locked" * locked + ", hidden" * hidden
        tip = f"{name} (id {track}), {where}\nin {frames:,} frames, {by_hand:,} edited or accepted by hand"
        ground = None if here else QBrush(QColor(theme.colors().muted))
        bold = QFont()
        bold.setBold(True)
        for column, text in enumerate((name, _STATES[here], f"{frames:,}", f"{by_hand:,}" if by_hand else "")):
            item = self.item(row, column)
            item.setText(text)
            item.setToolTip(tip)
            item.setData(ground, Qt.ItemDataRole.ForegroundRole)
            if column == 1:
                sign = "eye-off-outline" if hidden else "lock-outline" if locked else ""
                item.setData(theme.icon(sign, theme.colors().muted) if sign else None, Qt.ItemDataRole.DecorationRole)
            if column == 0:
                item.setData(bold if here == 3 else None, Qt.ItemDataRole.FontRole)

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """What a person typed: a name."""
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
        self.table.horizontalHeader().setMinimumSectionSize(48)
        self._fit()
        self.spare(self.table, 3)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        self._following = False
        # Predictions come many times a second; counting frames of everybody each time would only warm the room.
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(150)
        self._later.timeout.connect(self.refresh)
        self._pace = Pace(self._moved, PACE_MS, self)
        session.video_opened.connect(self._video_opened)
        session.labels_changed.connect(self._labels_changed)
        session.picture_ready.connect(self._pace.ask)
        session.display_changed.connect(self._pace.ask)  # somebody was hidden, perhaps
        session.selection_changed.connect(self._follow)
        theme.theme().changed.connect(self.model.recolour)
        in_force().changed.connect(self.refresh)
        self.refresh()

    def _video_opened(self, _video: Any) -> None:
        self._fit()
        self.refresh()

    def _fit(self) -> None:
        count = f"{self._session.n_frames:,}"
        signed = tuple(f"{state}{_ROOM_OF_SIGN}" for state in _STATES)
        self.fit_columns(self.table, {0: ("Person 100",), 1: signed, 2: (count,), 3: (count,)})

    def refresh(self) -> None:
        """Read everything anew."""
        self._following = True  # rows that come and go are nobody's choice
        self.model.refresh()
        self._following = False
        if self._session.video is None:
            self.show_words("Open a video to see who is in it.")
        elif not self.model.tracks:
            how = f"to add one yourself {with_way('people.add')} and draw a box"
            self.show_words(f"Nobody yet. The model looks for people while you work; {how}.")
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
        locked = session.is_locked(track)
        for action in (accept, delete):
            action.setEnabled(here and not locked)

        def delete_all() -> None:
            session.apply(
                lambda p: edits.delete_track(p, track),
                lambda: session.tell(f"{name} was deleted in all frames.", "info", "Undo", session.undo_just_this()),
            )

        menu.addAction("Delete in all frames", delete_all).setEnabled(not locked)
        menu.addAction(
            "Unlock" if locked else "Lock", lambda: session.apply(lambda p: edits.set_locked(p, [track], not locked))
        )
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.table.viewport().mapToGlobal(at))

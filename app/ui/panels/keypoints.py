"""The joints of the selected person in numbers; every number can be typed."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractItemModel, QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.labels import edits
from app.labels.changes import LabelChange
from app.labels.pose import Pose, Provenance, Visibility
from app.ui import theme
from app.ui.canvas.colours import joint_colours, qcolor
from app.ui.canvas.words import PROVENANCE_WORDS, VISIBILITY_WORDS, joint_words, score_words
from app.ui.panels.page import Page, make_table
from app.ui.panels.swatch import swatch
from app.ui.session import Session

__all__ = ["KeypointsModel", "KeypointsPanel"]

_Index = QModelIndex | QPersistentModelIndex
_COLUMNS = ("Joint", "x", "y", "Score", "State", "From")
_X, _Y, _STATE = 1, 2, 4


class KeypointsModel(QAbstractTableModel):
    """One row a joint of one pose."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.pose: Pose | None = None
        self.place = (0, 0)

    def show_pose(self, frame: int, track: int | None) -> None:
        """Show a person of a frame, or nobody."""
        pose = None if track is None else self._session.poses(frame).get(track)
        if pose is self.pose and self.place == (frame, track):
            return
        same = (pose is None) == (self.pose is None)
        if not same:
            self.beginResetModel()
        self.pose, self.place = pose, (frame, track or 0)
        if not same:
            self.endResetModel()
        elif pose is not None:
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, len(_COLUMNS) - 1))

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if self.pose is None or parent.isValid() else len(self._session.skeleton)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return _COLUMNS[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        pose = self.pose
        if pose is None:
            return None
        joint, column = index.row(), index.column()
        absent = pose.visibility[joint] == Visibility.ABSENT
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(pose, joint, column, absent)
        if role == Qt.ItemDataRole.EditRole:
            if column in (_X, _Y):
                return f"{pose.keypoints[joint, column - _X]:.2f}"
            return int(pose.visibility[joint]) if column == _STATE else None
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            skeleton = self._session.skeleton
            mode = self._session.display.colour_mode
            return swatch(qcolor(joint_colours(pose, skeleton, self.place[1], mode)[joint]).name())
        if role == Qt.ItemDataRole.ForegroundRole and absent:
            return QColor(theme.colors().muted)
        if role == Qt.ItemDataRole.FontRole and 0 < column < _STATE:
            return theme.numbers_font()
        if role == Qt.ItemDataRole.TextAlignmentRole and 0 < column < _STATE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            name, state, source = (self._text(pose, joint, n, absent) for n in (0, 4, 5))
            words = f"{name}: {state}, {source}"
            return words + "\nDouble-click or press F2 to change it." if column in (_X, _Y, _STATE) else words
        return None

    def _text(self, pose: Pose, joint: int, column: int, absent: bool) -> str:
        provenance = Provenance(int(pose.provenance[joint]))
        match column:
            case 0:
                return joint_words(self._session.skeleton.joints[joint])
            case 1 | 2:
                return "–" if absent else f"{pose.keypoints[joint, column - _X]:.1f}"
            case 3:
                return score_words(float(pose.scores[joint])) if provenance == Provenance.MODEL else ""
            case 4:
                return VISIBILITY_WORDS[Visibility(int(pose.visibility[joint]))]
        return PROVENANCE_WORDS.get(provenance, "")

    def flags(self, index: _Index) -> Qt.ItemFlag:  # noqa: D102
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() in (_X, _Y, _STATE) else flags

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: D102
        if role != Qt.ItemDataRole.EditRole or self.pose is None:
            return False
        (frame, track), joint, column = self.place, index.row(), index.column()
        session = self._session
        if column == _STATE:
            state = Visibility(int(value))
            if state == self.pose.visibility[joint]:
                return False
            session.apply(lambda project: edits.set_visibility(project, frame, track, joint, state))
            return True
        try:
            number = float(str(value).strip().replace(",", "."))
        except ValueError:
            session.tell(f"{value!r} is no number; type pixels such as 412.5.", "warning")
            return False
        if f"{number:.2f}" == self.data(index, Qt.ItemDataRole.EditRole):
            return False

        def move(project: Any) -> Any:
            xy = list(project.poses(frame)[track].keypoints[joint])
            xy[column - _X] = number
            return edits.move_joint(project, frame, track, joint, xy)

        session.apply(move)
        return True


class _Editors(QStyledItemDelegate):
    """A line to type pixels in; a list of the three states."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: _Index) -> QWidget:
        if index.column() != _STATE:
            line = QLineEdit(parent)
            line.setFrame(False)
            line.setStyleSheet("padding: 0;")
            return line
        combo = QComboBox(parent)
        for state, words in VISIBILITY_WORDS.items():
            combo.addItem(words, int(state))

        def chosen(_row: int) -> None:
            self.commitData.emit(combo)
            self.closeEditor.emit(combo)

        combo.activated.connect(chosen)
        return combo

    def setEditorData(self, editor: QWidget, index: _Index) -> None:
        value = index.data(Qt.ItemDataRole.EditRole)
        if isinstance(editor, QComboBox):
            editor.setCurrentIndex(editor.findData(value))
        elif isinstance(editor, QLineEdit):
            editor.setText(value)
            editor.selectAll()

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: _Index) -> None:
        value = editor.currentData() if isinstance(editor, QComboBox) else editor.text()  # type: ignore[attr-defined]
        model.setData(index, value, Qt.ItemDataRole.EditRole)  # type: ignore[arg-type]


class KeypointsPanel(Page):
    """Selecting a row selects the joint on the canvas, and the other way round."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        content = QWidget()
        super().__init__(content, parent)
        self._session = session
        self.model = KeypointsModel(session, self)
        self.title = QLabel("", content)
        self.title.setContentsMargins(theme.GRID, theme.GRID, theme.GRID, theme.GRID // 2)
        self.table = make_table(content, "Keypoints of the selected person")
        self.table.setModel(self.model)
        self.table.setItemDelegate(_Editors(self.table))
        header = self.table.horizontalHeader()
        header.setMinimumSectionSize(36)
        self.spare(self.table, 5, 66)
        self.spare(self.table, 3, 44)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.selectionModel().currentRowChanged.connect(self._chosen)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.title)
        column.addWidget(self.table, 1)
        self._following = False
        session.video_opened.connect(lambda _video: self.refresh())
        session.labels_changed.connect(self._labels_changed)
        session.picture_ready.connect(lambda *_: self.refresh())
        session.selection_changed.connect(self.refresh)
        session.display_changed.connect(self._recolour)
        self.refresh()

    def refresh(self) -> None:
        """Show the selected person of the frame on screen."""
        if not self.on_screen:
            return
        session = self._session
        frame, track = session.shown_frame, session.selected_track
        self.model.show_pose(frame, track)
        pose = self.model.pose
        if session.video is None:
            self.show_words("Open a video first.")
        elif track is None:
            self.show_words("Select a person to see their joints: click one, or press 1 to 9.")
        elif pose is None:
            self.show_words(f"{session.track_name(track)} is not in this frame.")
        else:
            state = "accepted" if pose.accepted else f"score {score_words(pose.score)}"
            self.title.setText(f"{session.track_name(track)} in frame {frame} · {state}")
            self.show_content()
            self._follow()

    def catch_up(self) -> None:
        """It came on screen."""
        self.refresh()

    def _labels_changed(self, change: LabelChange) -> None:
        if change.frames is None or self._session.shown_frame in change.frames:
            self.refresh()

    def _recolour(self) -> None:
        if self.on_screen and self.model.pose is not None:
            self.table.viewport().update()

    def _follow(self) -> None:
        joint = self._session.selected_joint
        self._following = True
        try:
            if joint is None:
                self.table.clearSelection()
                self.table.setCurrentIndex(QModelIndex())
            elif self.table.currentIndex().row() != joint:
                self.table.selectRow(joint)
                self.table.scrollTo(self.model.index(joint, 0))
        finally:
            self._following = False

    def _chosen(self, index: QModelIndex) -> None:
        if index.isValid() and not self._following and self.model.pose is not None:
            self._session.select(self._session.selected_track, index.row())

"""The joints of the selected person in numbers; every number can be typed."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, Qt, QTimer
from PySide6.QtGui import QBrush, QColor, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
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
from app.ui.actions.in_force import in_force, select_somebody
from app.ui.canvas.colours import joint_colours, qcolor
from app.ui.canvas.words import (
    NOT_CALIBRATED,
    PROVENANCE_WORDS,
    VISIBILITY_WORDS,
    doubt_words,
    probability_words,
    score_words,
    spread_words,
    windows_words,
)
from app.ui.cut_label import CutLabel
from app.ui.panels.page import PACE_MS, Pace, Page
from app.ui.panels.swatch import swatch
from app.ui.panels.table import make_table
from app.ui.session import Session
from glsmamba.data.skeletons import Skeleton, joint_words

__all__ = ["KeypointsModel", "KeypointsPanel"]

_Index = QModelIndex | QPersistentModelIndex
_COLUMNS = ("Joint", "x", "y", "Prob.", "Spread", "Score", "State", "From")
_X, _Y, _PROBABILITY, _SPREAD, _SCORE, _STATE, _FROM = range(1, 8)
_HEADINGS = {
    _PROBABILITY: "Probability that the joint is within 0.2 head sizes of the truth, by the model's calibration",
    _SPREAD: "How far the heat map spreads around its peak, in pixels",
    _SCORE: "Peak of the heat map: how sure it looks, 0 to 1; no probability",
}


class KeypointsModel(QStandardItemModel):
    """One row a joint of one pose.

    A model of Qt's own that is written to when another pose is shown: what is painted is then not asked for in Python, some
    six hundred times a repaint, each time waiting for the lock that a computing thread holds.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_COLUMNS), parent)
        self.setHorizontalHeaderLabels(list(_COLUMNS))
        for column in range(_X, _STATE):
            self.horizontalHeaderItem(column).setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for column, words in _HEADINGS.items():
            self.horizontalHeaderItem(column).setToolTip(words)
        self._session = session
        self.pose: Pose | None = None
        self.place = (0, 0)
        self._written: list[tuple[object, ...]] = []

    def show_pose(self, frame: int, track: int | None) -> None:
        """Show a person of a frame, or nobody."""
        pose = None if track is None else self._session.poses(frame).get(track)
        if pose is self.pose and self.place == (frame, track):
            return
        self.pose, self.place = pose, (frame, track or 0)
        rows = 0 if pose is None else len(self._session.skeleton)
        if rows != self.rowCount():
            self.setRowCount(0)
            self._written = [()] * rows
            for _ in range(rows):
                self.appendRow(_row())
        self._write()

    def recolour(self) -> None:
        """The theme or what colours mean changed."""
        self._written = [()] * len(self._written)
        self._write()

    def _write(self) -> None:
        """Bring the rows up to date and tell the view once."""
        pose = self.pose
        if pose is None:
            return
        skeleton, mode = self._session.skeleton, self._session.display.colour_mode
        colours = [qcolor(rgb).name() for rgb in joint_colours(pose, skeleton, self.place[1], mode)]
        changed = [
            joint for joint, colour in enumerate(colours) if (*_texts(pose, skeleton, joint), colour) != self._written[joint]
        ]
        if not changed:
            return
        self.blockSignals(True)
        for joint in changed:
            texts = _texts(pose, skeleton, joint)
            self._write_row(pose, joint, texts, colours[joint])
            self._written[joint] = (*texts, colours[joint])
        self.blockSignals(False)
        self.dataChanged.emit(self.index(changed[0], 0), self.index(changed[-1], len(_COLUMNS) - 1))

    def _write_row(self, pose: Pose, joint: int, texts: tuple[str, ...], colour: str) -> None:
        before = self._written[joint]
        items = [self.item(joint, column) for column in range(len(_COLUMNS))]
        for column, text in enumerate(texts):
            if not before or before[column] != text:
                items[column].setText(text)
        if not before or before[-1] != colour:
            disc = self._session.skeleton.sides[joint] != "right"  # as on the picture
            items[0].setData(swatch(colour, disc), Qt.ItemDataRole.DecorationRole)
        if not before or before[_PROBABILITY:-1] != texts[_PROBABILITY:]:
            said = doubt_words(pose, joint), windows_words(pose, joint)
            words = "\n".join(filter(None, (f"{texts[0]}: {texts[_STATE]}, {texts[_FROM]}", *said)))
            absent = pose.visibility[joint] == Visibility.ABSENT
            ground = QBrush(QColor(theme.colors().muted)) if absent else None
            for column, item in enumerate(items):
                hint = "\nDouble-click or press F2 to change it." if column in (_X, _Y, _STATE) else ""
                item.setToolTip(words + hint)
                item.setData(ground, Qt.ItemDataRole.ForegroundRole)

    def to_edit(self, index: _Index) -> str | int:
        """What an editor starts with: pixels to two decimals, or the number of a state."""
        pose, joint, column = self.pose, index.row(), index.column()
        if pose is None:
            return ""
        return int(pose.visibility[joint]) if column == _STATE else f"{pose.keypoints[joint, column - _X]:.2f}"

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """What a person typed or chose."""
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
        if f"{number:.2f}" == self.to_edit(index):
            return False

        def move(project: Any) -> Any:
            xy = list(project.poses(frame)[track].keypoints[joint])
            xy[column - _X] = number
            return edits.move_joint(project, frame, track, joint, xy)

        session.apply(move)
        return True


def _row() -> list[QStandardItem]:
    items = [QStandardItem() for _ in _COLUMNS]
    for column, item in enumerate(items):
        item.setEditable(column in (_X, _Y, _STATE))
        if 0 < column < _STATE:
            item.setFont(theme.numbers_font())
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return items


def _texts(pose: Pose, skeleton: Skeleton, joint: int) -> tuple[str, ...]:
    """A joint's texts by column."""
    provenance = Provenance(int(pose.provenance[joint]))
    visibility = Visibility(int(pose.visibility[joint]))
    absent = visibility == Visibility.ABSENT
    x, y = pose.keypoints[joint].tolist()
    told = probability_words(pose, joint)
    return (
        joint_words(skeleton.joints[joint]),
        "–" if absent else f"{x:.1f}",
        "–" if absent else f"{y:.1f}",
        "–" if told == NOT_CALIBRATED else told,
        spread_words(pose, joint),
        score_words(float(pose.scores[joint])) if told else "",
        VISIBILITY_WORDS[visibility],
        PROVENANCE_WORDS.get(provenance, ""),
    )


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
        QTimer.singleShot(0, combo, combo.showPopup)  # one click less; and Up and Down look through it before Return chooses
        return combo

    def setEditorData(self, editor: QWidget, index: _Index) -> None:
        model = index.model()
        value = model.to_edit(index) if isinstance(model, KeypointsModel) else index.data()
        if isinstance(editor, QComboBox):
            editor.setCurrentIndex(editor.findData(value))
        elif isinstance(editor, QLineEdit):
            editor.setText(str(value))
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
        self.title = CutLabel(content)
        self.title.setContentsMargins(theme.GRID, theme.GRID, theme.GRID, theme.GRID // 2)
        self.table = make_table(content, "Keypoints of the selected person")
        self.table.setModel(self.model)
        self.table.setItemDelegate(_Editors(self.table))
        self.table.horizontalHeader().setMinimumSectionSize(36)
        for part in (_FROM, _SPREAD, _SCORE, _PROBABILITY):  # the first goes first where there is no room
            self.spare(self.table, part)
        self._fit()
        self.table.selectionModel().currentRowChanged.connect(self._chosen)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.title)
        column.addWidget(self.table, 1)
        self._following = False
        self._pace = Pace(self.refresh, PACE_MS, self)
        session.video_opened.connect(self._video_opened)
        session.labels_changed.connect(self._labels_changed)
        session.picture_ready.connect(self._pace.ask)
        session.selection_changed.connect(self.refresh)
        session.display_changed.connect(self._recolour)
        theme.theme().changed.connect(self.model.recolour)
        in_force().changed.connect(self.refresh)
        self.refresh()

    def _video_opened(self, _video: Any) -> None:
        self._fit()
        self.refresh()

    def _fit(self) -> None:
        video = self._session.video
        longest = f"{max(video.width, video.height) if video is not None else 0:.1f}"
        states = tuple(VISIBILITY_WORDS.values())
        # The rarest and longest words are cut, and whole in the tip: at its width no room would be left for the joints' names.
        rare = (Provenance.REFINED, Provenance.ESTIMATED)
        sources = tuple(words for source, words in PROVENANCE_WORDS.items() if source not in rare)
        names = tuple(joint_words(joint) for joint in self._session.skeleton.joints)
        numbers = {_X: (longest,), _Y: (longest,), _PROBABILITY: ("1.0",), _SPREAD: (longest,), _SCORE: ("1.0",)}
        self.fit_columns(self.table, {0: names, **numbers, _STATE: states, _FROM: sources})

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
            self.show_words(select_somebody("Select a person to see their joints"))
        elif pose is None:
            self.show_words(f"{session.track_name(track)} is not in this frame.")
        else:
            state = "accepted" if pose.accepted else f"score {score_words(pose.score)}"
            told = {probability_words(pose, joint) for joint in range(len(session.skeleton))} - {""}
            plain = told == {NOT_CALIBRATED}
            # Said once: in each row the words would take the room of the joints' names.
            said = f" · {NOT_CALIBRATED}" if plain else ""
            name, rest = session.track_name(track), f" in frame {frame} · {state}{said}"
            self.title.say(name, rest)
            self.title.setToolTip(name + rest)
            if told:  # else all joints are a human's, and the columns stay as they are
                self.set_useful(self.table, _PROBABILITY, not plain)
            self.show_content()
            self._follow()

    def catch_up(self) -> None:
        """It came on screen."""
        self.refresh()

    def _labels_changed(self, change: LabelChange) -> None:
        if change.frames is None or self._session.shown_frame in change.frames:
            self.refresh()

    def _recolour(self) -> None:
        self.model.recolour()

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

"""Activation maps of the scans: what the paths of a block carried to a joint, over the frames of its window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QSlider, QVBoxLayout, QWidget

from app.labels.changes import LabelChange
from app.labels.pose import Pose, Provenance, Visibility
from app.ui import theme
from app.ui.map_words import FACTORS, PATHS, QUANTITIES, REDUCTIONS, block_words, path_words, sentence, title
from app.ui.panels.map_tiles import MapTiles, chosen_path, make_tiles
from app.ui.panels.page import Pace, Page
from app.ui.panels.scrolled import Scrolled
from app.ui.panels.tiles import Tiles
from app.ui.session import Session
from glsmamba.data.skeletons import joint_words
from glsmamba.map_files import save_maps
from glsmamba.maps import MapKind

__all__ = ["ActivationPanel"]

_COLORMAPS = (("magma", "bids:magma"), ("viridis", "bids:viridis"), ("inferno", "bids:inferno"), ("cividis", "cividis"))
_DELAY_MS = 150
#: Milliseconds between two questions while the pointer moves.
_FOLLOW_MS = 40


class ActivationPanel(Page):
    """Follows the frame, the person and the joint; asks the inference thread only while it can be seen."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        scroll = Scrolled()
        super().__init__(scroll, parent)
        self._session = session
        self.result: Any = None
        self._asked: tuple | None = None
        self._asked_joint: int | None = None
        #: Written by the inference thread, always as a whole, or here when the display options have changed since.
        self._made: MapTiles | None = None
        body = QWidget(scroll)
        scroll.setWidget(body)
        column = QVBoxLayout(body)
        column.setContentsMargins(theme.GRID, theme.GRID, theme.GRID, theme.GRID)
        column.setSpacing(theme.GRID)

        self.sentence = QLabel("", body)
        self.sentence.setWordWrap(True)
        theme.set_role(self.sentence, "muted")
        self.frames = Tiles("Map over the frames of the window", 56, body)
        self.paths = Tiles("Map of each path in the key frame", 72, body)
        self.paths.set_choosable()
        self.paths.chosen.connect(lambda key: session.set_display(activation_path=key))
        self.shown = QCheckBox("Show on the picture", body)
        self.shown.setChecked(session.display.show_activation)
        self.shown.toggled.connect(lambda on: session.set_display(show_activation=on))
        self.follow = QCheckBox("Follow the pointer", body)
        self.follow.setChecked(session.display.activation_follow)
        self.follow.toggled.connect(lambda on: session.set_display(activation_follow=on))
        self.compare = QCheckBox("Every path over all frames", body)
        self.compare.setChecked(session.display.activation_compare)
        self.compare.toggled.connect(lambda on: session.set_display(activation_compare=on))
        self.opacity = QSlider(Qt.Orientation.Horizontal, body)
        self.opacity.setRange(5, 100)
        self.opacity.setValue(round(100 * session.display.activation_opacity))
        self.opacity.setAccessibleName("Opacity")
        self.opacity.valueChanged.connect(lambda value: session.set_display(activation_opacity=value / 100))
        self.colormap = QComboBox(body)
        for words, name in _COLORMAPS:
            self.colormap.addItem(words, name)
        self.colormap.currentIndexChanged.connect(lambda _row: session.set_display(colormap=self.colormap.currentData()))
        self.path = QComboBox(body)
        self.path.setMinimumContentsLength(10)
        self.path.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.path.activated.connect(lambda _row: session.set_display(activation_path=self.path.currentData()))
        self.block = QComboBox(body)
        self.block.addItem("GSM 1", ("gsm", 0))
        self.block.activated.connect(lambda _row: self._ask_soon())
        self.quantity, self.reduction, self.factors = (self._choice(words) for words in (QUANTITIES, REDUCTIONS, FACTORS))

        column.addWidget(self.shown)
        column.addWidget(self.follow)
        column.addWidget(self.sentence)
        column.addWidget(self.frames)
        column.addWidget(self.compare)
        column.addWidget(self.paths)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setHorizontalSpacing(theme.GRID)
        form.setVerticalSpacing(theme.GRID)
        rows = (
            ("Map", self.path), ("Block", self.block), ("Shows", self.quantity), ("Values", self.reduction),
            ("Factors", self.factors), ("Opacity", self.opacity), ("Colours", self.colormap),
        )  # fmt: skip
        for name, widget in rows:
            form.addRow(name, widget)
        column.addLayout(form)
        column.addStretch(1)

        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_DELAY_MS)
        self._soon.timeout.connect(self._ask)
        self._drawing = QTimer(self)
        self._drawing.setSingleShot(True)
        self._drawing.timeout.connect(self._draw)
        self._pace = Pace(self._ask, _FOLLOW_MS, self)
        session.pointed_changed.connect(self._pointed)
        session.video_opened.connect(self._video_opened)
        session.picture_ready.connect(lambda *_: self._ask_soon())
        session.selection_changed.connect(self._ask_soon)
        session.labels_changed.connect(self._labels_changed)
        session.playing_changed.connect(lambda _playing: self._ask_soon())
        session.model.prepare_activation = self.prepare
        session.model.activation_ready.connect(self._ready)
        session.display_changed.connect(self._display_changed)
        theme.theme().changed.connect(self._draw)
        self._ask_soon()

    def _choice(self, words: dict[str, str]) -> QComboBox:
        box = QComboBox(self)
        box.setMinimumContentsLength(10)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        for name, text in words.items():
            box.addItem(text, name)
        box.activated.connect(lambda _row: self._ask_soon())
        return box

    def kind(self) -> MapKind:
        """What is chosen."""
        quantity = self.quantity.currentData()
        self.factors.setEnabled(quantity == "row")
        factors: Any = self.factors.currentData() if quantity == "row" else "CwBdtw"
        return MapKind(self.block.currentData(), quantity, factors, self.reduction.currentData())

    # ---- asking --------------------------------------------------------------------------------------------------------

    def _video_opened(self, _video: Any) -> None:
        self.result = self._asked = None
        self._ask_soon()

    def _labels_changed(self, change: LabelChange) -> None:
        if change.frames is None or self._session.shown_frame in change.frames:
            self._ask_soon()

    def catch_up(self) -> None:
        """It came on screen."""
        self._ask_soon()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nothing is asked for while hidden."""
        super().hideEvent(event)
        self._soon.stop()

    def _ask_soon(self) -> None:
        if self.on_screen:
            self._tell_state()
            self._soon.start()

    def _pointed(self) -> None:
        """The pointer moved on a person, or left them."""
        if self.on_screen and self._session.display.activation_follow and self.quantity.currentData() == "row":
            asked, known = self.query(), self.result
            if asked is not None and known is not None and (known.frame, known.track) == (self._session.shown_frame, asked[0]):
                self._pace.ask()
            elif asked is None or asked[0] != self._session.selected_track or not self._soon.isActive():
                # Somebody else: the model has to run, so not for whom the pointer only crosses. For whom is selected it runs
                # also while the pointer never rests.
                self._ask_soon()

    def query(self) -> tuple[int, Pose, int | tuple[float, float], int | None] | None:
        """(track, pose, query, joint) of what is under the pointer, if it is followed, else of what is selected.

        A joint of the model is asked about by its index, a human's, and any other point of a person, by its place. Without a
        selected joint the one that the model is surest of is asked about; None where nobody is selected here.
        """
        session = self._session
        poses = session.poses(session.shown_frame)
        at, hovered = session.pointed, session.hovered
        if session.display.activation_follow and at is not None and hovered is not None and hovered[0] in poses:
            track, joint = hovered
            pose = poses[track]
            if joint is not None:
                return (track, pose, *self._joint_query(pose, joint))
            if _inside(pose, *at):
                return track, pose, at, None
        if session.selected_track is None or session.selected_track not in poses:
            return None
        pose, joint = poses[session.selected_track], session.selected_joint
        if joint is None:
            joint = int(np.where(pose.visibility > Visibility.ABSENT, pose.scores, -1).argmax())
        return (session.selected_track, pose, *self._joint_query(pose, joint))

    def _joint_query(self, pose: Pose, joint: int) -> tuple[int | tuple[float, float], int]:
        x, y = (float(value) for value in pose.keypoints[joint])
        by_place = _inside(pose, x, y) and pose.provenance[joint] not in (Provenance.MODEL, Provenance.NONE)
        return ((x, y) if by_place else joint), joint

    def _ask(self) -> None:
        session = self._session
        asked = self.query()
        if asked is None or session.playing or not self.on_screen:
            return
        track, pose, query, joint = asked
        frame, kind = session.shown_frame, self.kind()
        wanted = (frame, track, query if kind.quantity == "row" else None, kind, pose.box)
        if wanted != self._asked:
            self._asked, self._asked_joint = wanted, joint
            session.model.request_activation(track, query, frame, kind)

    def _tell_state(self) -> None:
        session = self._session
        if session.video is None:
            self.show_words("Open a video first.")
        elif session.selected_track is None and self.query() is None:
            self.show_words("Select a person, and a joint, or point at them, to see what the model looked at for it.")
        elif self.query() is None and session.selected_track is not None:
            self.show_words(f"{session.track_name(session.selected_track)} is not in this frame.")
        elif self.result is None:
            self.show_words("The model is computing the map…")
        else:
            self.show_content()

    # ---- showing -------------------------------------------------------------------------------------------------------

    def prepare(self, result: Any) -> None:
        """Make the tiles of what is about to be shown. Called in the inference thread."""
        self._made = make_tiles(result, self._session.display)

    def _ready(self, result: Any) -> None:
        session = self._session
        if result.frame != session.shown_frame or (self._asked is not None and result.track != self._asked[1]):
            return
        self.result = result
        self._fill_choices()
        self._tell_state()
        self._drawing.start()  # after the picture, which shows the map as well: what the eye follows comes first

    def _fill_choices(self) -> None:
        names = list(self.result.maps.maps)
        order = [name for name in PATHS if name in names]
        if [self.path.itemData(row) for row in range(self.path.count())] != order:
            self.path.clear()
            for name in order:
                self.path.addItem(path_words(name)[1].removeprefix("the ").split(":")[0].capitalize(), name)
        blocks = list(self.result.blocks)
        if [tuple(self.block.itemData(row)) for row in range(self.block.count())] != blocks:
            self.block.clear()
            for kind, number in blocks:
                self.block.addItem(block_words((kind, number)), (kind, number))
        self.block.setCurrentIndex(blocks.index(self.result.maps.block))
        if self._session.display.activation_path not in names:
            self._session.set_display(activation_path="all")

    def _display_changed(self) -> None:
        display = self._session.display
        self.shown.setChecked(display.show_activation)
        self.follow.setChecked(display.activation_follow)
        self.compare.setChecked(display.activation_compare)
        self.opacity.setValue(round(100 * display.activation_opacity))
        at = self.colormap.findData(display.colormap)
        if at >= 0:
            self.colormap.setCurrentIndex(at)
        self._draw()

    def _draw(self) -> None:
        result, display = self.result, self._session.display
        if result is None or not self.on_screen:
            return
        made = self._made
        if made is None or not made.suits(result, display):
            made = self._made = make_tiles(result, display)
        path = chosen_path(result, display)
        self.path.setCurrentIndex(self.path.findData(path))
        self.frames.show_tiles(made.strip, str(len(result.frames) // 2))
        self.paths.show_tiles(made.paths, path, made.headings)
        self.sentence.setText(sentence(result.maps, path, f"{self.whose()} (+)", made.logarithmic, result.transposed))

    def whose(self) -> str:
        """The query in words."""
        result = self.result
        joint = result.joint if result.joint is not None else self._asked_joint
        if joint is None:
            return "this point"
        words = f"the {joint_words(self._session.skeleton.joints[joint])}"
        return words if result.joint is not None else f"{words}, where you placed it"

    # ---- files -----------------------------------------------------------------------------------------------------------

    def map_title(self) -> str:
        """What is shown, for above a picture."""
        result = self.result
        what = title(result.maps, self._shown_path(), self.whose(), result.transposed)
        return f"{self._session.track_name(result.track)}, frame {result.frame}: {what}"

    def _shown_path(self) -> str:
        return chosen_path(self.result, self._session.display)

    def save(self, path: Path) -> None:
        """Write what is shown as a picture or all maps as numbers, behind the window's back; a message tells of it."""
        result, display, words = self.result, self._session.display, self.map_title()
        shown = self._shown_path()

        def write(_project: Any) -> None:
            save_maps(
                path, result.maps, shown, frames=result.frames, pictures=result.pictures, title=words,
                colormap=display.colormap, opacity=display.activation_opacity,
            )  # fmt: skip

        self._session.write(write, lambda _result: self._session.tell(f"The activation map is in {path}."))


def _inside(pose: Pose, x: float, y: float) -> bool:
    """Whether a point lies in the person's box, so that it has a token."""
    box = pose.box
    return box is not None and box[0] <= x <= box[0] + box[2] and box[1] <= y <= box[1] + box[3]

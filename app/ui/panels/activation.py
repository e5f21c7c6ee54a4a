"""Activation maps of the scans: what the paths of a block carried to a joint, over the frames of its window."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QFrame, QLabel, QScrollArea, QSlider, QVBoxLayout, QWidget

from app.labels.changes import LabelChange
from app.labels.pose import Pose, Provenance, Visibility
from app.ui import theme
from app.ui.canvas.overlays import activation_scale
from app.ui.panels.page import Page
from app.ui.panels.tiles import Tile, Tiles, laid_over
from app.ui.session import Session
from glsmamba.data.skeletons import joint_words
from glsmamba.maps import MapKind

__all__ = ["ActivationPanel"]

#: Names of maps as people read them: (short, long).
_MAPS = {
    "all": ("all paths", "the sum of all paths"),
    "nall": ("all, evenly", "the mean of all paths, each divided by its largest value first"),
    "unified": ("unified", "the unified scan: the frames side by side, row by row"),
    "unified_reverse": ("unified ←", "the unified scan, backwards"),
    "spatial": ("spatial", "the spatial scan: frame after frame"),
    "spatial_reverse": ("spatial ←", "the spatial scan, backwards"),
    "temporal": ("temporal", "the temporal scan: place after place, each through time"),
    "temporal_reverse": ("temporal ←", "the temporal scan, backwards"),
    "windowed": ("windowed", "the windowed scan: tube after tube"),
    "windowed_reverse": ("windowed ←", "the windowed scan, backwards"),
    "pair_unified": ("unified ↔", "the unified scan, both ways"),
    "pair_spatial": ("spatial ↔", "the spatial scan, both ways"),
    "pair_temporal": ("temporal ↔", "the temporal scan, both ways"),
    "pair_windowed": ("windowed ↔", "the windowed scan, both ways"),
}
_COLORMAPS = (("magma", "bids:magma"), ("viridis", "bids:viridis"), ("inferno", "bids:inferno"), ("cividis", "cividis"))
_KINDS = {"gsm": "GSM", "lrm": "LRM"}
_DELAY_MS = 150


class ActivationPanel(Page):
    """Follows the frame, the person and the joint; asks the inference thread only while it can be seen."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        super().__init__(scroll, parent)
        self._session = session
        self.result: Any = None
        self._asked: tuple | None = None
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
        self.opacity = QSlider(Qt.Orientation.Horizontal, body)
        self.opacity.setRange(5, 100)
        self.opacity.setValue(round(100 * session.display.activation_opacity))
        self.opacity.setAccessibleName("Opacity")
        self.opacity.valueChanged.connect(lambda value: session.set_display(activation_opacity=value / 100))
        self.colormap = QComboBox(body)
        for title, name in _COLORMAPS:
            self.colormap.addItem(title, name)
        self.colormap.currentIndexChanged.connect(lambda _row: session.set_display(colormap=self.colormap.currentData()))
        self.path = QComboBox(body)
        self.path.setMinimumContentsLength(10)
        self.path.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.path.activated.connect(lambda _row: session.set_display(activation_path=self.path.currentData()))
        self.block = QComboBox(body)
        self.block.addItem("GSM 1", ("gsm", 0))
        self.block.activated.connect(lambda _row: self._ask_soon())

        column.addWidget(self.shown)
        column.addWidget(self.sentence)
        column.addWidget(self.frames)
        column.addWidget(self.paths)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setHorizontalSpacing(theme.GRID)
        form.setVerticalSpacing(theme.GRID)
        for title, widget in (("Map", self.path), ("Block", self.block), ("Opacity", self.opacity), ("Colours", self.colormap)):
            form.addRow(title, widget)
        column.addLayout(form)
        column.addStretch(1)

        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_DELAY_MS)
        self._soon.timeout.connect(self._ask)
        session.video_opened.connect(self._video_opened)
        session.picture_ready.connect(lambda *_: self._ask_soon())
        session.selection_changed.connect(self._ask_soon)
        session.labels_changed.connect(self._labels_changed)
        session.playing_changed.connect(lambda _playing: self._ask_soon())
        session.activation_ready.connect(self._ready)
        session.display_changed.connect(self._display_changed)
        theme.theme().changed.connect(self._draw)
        self._ask_soon()

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

    def query(self) -> tuple[int, Pose, int | tuple[float, float], int] | None:
        """(track, pose, query, joint) of what is selected: a joint of the model by its index, a human's by its place.

        Without a selected joint the one that the model is surest of is asked about; None where nobody is selected here.
        """
        session = self._session
        track = session.selected_track
        pose = None if track is None else session.poses(session.shown_frame).get(track)
        if track is None or pose is None:
            return None
        joint = session.selected_joint
        if joint is None:
            joint = int(np.where(pose.visibility > Visibility.ABSENT, pose.scores, -1).argmax())
        x, y = pose.keypoints[joint].tolist()
        inside = (
            pose.box is not None
            and pose.box[0] <= x <= pose.box[0] + pose.box[2]
            and pose.box[1] <= y <= pose.box[1] + pose.box[3]
        )
        by_place = inside and pose.provenance[joint] not in (Provenance.MODEL, Provenance.NONE)
        return track, pose, (x, y) if by_place else joint, joint

    def _ask(self) -> None:
        session = self._session
        asked = self.query()
        if asked is None or session.playing or not self.on_screen:
            return
        track, pose, query, _ = asked
        frame, kind = session.shown_frame, MapKind(self.block.currentData())
        wanted = (frame, track, query, kind, pose.box)
        if wanted != self._asked:
            self._asked = wanted
            session.request_activation(track, query, frame, kind)

    def _tell_state(self) -> None:
        session = self._session
        if session.video is None:
            self.show_words("Open a video first.")
        elif session.selected_track is None:
            self.show_words("Select a person, and a joint, to see what the model looked at for it.")
        elif self.query() is None:
            self.show_words(f"{session.track_name(session.selected_track)} is not in this frame.")
        elif self.result is None:
            self.show_words("The model is computing the map…")
        else:
            self.show_content()

    # ---- showing -------------------------------------------------------------------------------------------------------

    def _ready(self, result: Any) -> None:
        session = self._session
        if (result.frame, result.track) != (session.shown_frame, session.selected_track):
            return
        self.result = result
        self._fill_choices()
        self._tell_state()
        self._draw()

    def _fill_choices(self) -> None:
        names = list(self.result.maps.maps)
        order = [name for name in _MAPS if name in names]
        if [self.path.itemData(row) for row in range(self.path.count())] != order:
            self.path.clear()
            for name in order:
                self.path.addItem(_MAPS[name][1].removeprefix("the ").split(":")[0].capitalize(), name)
        blocks = list(self.result.blocks)
        if [tuple(self.block.itemData(row)) for row in range(self.block.count())] != blocks:
            self.block.clear()
            for kind, number in blocks:
                self.block.addItem(f"{_KINDS[kind]} {number + 1}", (kind, number))
        self.block.setCurrentIndex(blocks.index(self.result.maps.block))
        if self._session.display.activation_path not in names:
            self._session.set_display(activation_path="all")

    def _display_changed(self) -> None:
        display = self._session.display
        self.shown.setChecked(display.show_activation)
        self.opacity.setValue(round(100 * display.activation_opacity))
        at = self.colormap.findData(display.colormap)
        if at >= 0:
            self.colormap.setCurrentIndex(at)
        self._draw()

    def _draw(self) -> None:
        result, display = self.result, self._session.display
        if result is None or not self.on_screen:
            return
        maps, pictures = result.maps.maps, result.pictures
        path = display.activation_path if display.activation_path in maps else "all"
        self.path.setCurrentIndex(self.path.findData(path))
        scaled = {name: activation_scale(stack) for name, stack in maps.items() if name == path or not name.startswith("pair_")}
        _, h, w = maps[path].shape
        key = len(result.frames) // 2
        t, row, cell = result.maps.query
        mark = ((cell + 0.5) / w, (row + 0.5) / h)

        def tile(name: str, n: int, caption: str, tip: str, key: str, marked: bool) -> Tile:
            stack, low, high = scaled[name]
            image = laid_over(pictures[n], stack[n], low, high, display.colormap, display.activation_opacity)
            return Tile(key, image, caption, tip, mark if marked else None)

        self.frames.show_tiles(
            tuple(
                tile(path, n, f"{frame}", f"frame {frame}" + (", the key frame" if n == key else ""), str(n), n == t)
                for n, frame in enumerate(result.frames)
            ),
            str(key),
        )
        order = [name for name in _MAPS if name in maps and not name.startswith("pair_") and name != "nall"]
        self.paths.show_tiles(
            tuple(tile(name, key, _MAPS[name][0], _MAPS[name][1].capitalize(), name, key == t) for name in order), path
        )
        kind, number = result.maps.block
        whose = "this point" if result.joint is None else f"the {joint_words(self._session.skeleton.joints[result.joint])}"
        if result.joint is None and self._asked is not None and self._session.selected_joint is not None:
            whose = f"the {joint_words(self._session.skeleton.joints[self._session.selected_joint])}, where you placed it"
        self.sentence.setText(
            f"How much each cell of each frame brought to {whose} (+) in block {_KINDS[kind]} {number + 1}: {_MAPS[path][1]}. "
            "Bright is most, dark a thousandth of it; each map has its own scale, the same in all frames."
        )

"""The timeline's layers as they were drawn last: each is drawn anew only when what it shows has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QPointF
from PySide6.QtGui import QFont, QImage, QPainter

from app.ui.session import Session
from app.ui.timeline.axis import Axis
from app.ui.timeline.content import Content
from app.ui.timeline.layers import Geometry, head_layer, names_layer, rows_layer, ruler_layer
from app.ui.timeline.ruler import RULER_HEIGHT
from app.ui.timeline.thumbnails import Thumbnails

__all__ = ["KeptLayers", "LayerName"]

#: The ruler with its marks; lanes of the video, doubt and thumbnails; frames of the people; their names.
LayerName = Literal["ruler", "head", "rows", "names"]


class KeptLayers:
    """Pictures of the timeline's parts, which a moving playhead leaves as they are.

    Args:
        session: times of frames, and who is selected.
        content: what is drawn.
        axis: which frames.
        thumbnails: the strip of pictures.
    """

    def __init__(self, session: Session, content: Content, axis: Axis, thumbnails: Thumbnails) -> None:
        self._session, self._content, self._axis, self._thumbnails = session, content, axis, thumbnails
        self._kept: dict[LayerName, QImage] = {}

    def drop(self, *names: LayerName) -> None:
        """Have these layers drawn anew when they are next painted."""
        for name in names:
            self._kept.pop(name, None)

    def paint(self, painter: QPainter, geometry: Geometry, scrolled: int, font: QFont) -> None:
        """Draw all layers.

        Args:
            painter: draws in logical pixels of the timeline.
            geometry: sizes now; another number of device pixels per logical one draws all layers anew.
            scrolled: logical pixels the people are scrolled down.
            font: that of the interface.
        """
        axis, content, selected, ratio = self._axis, self._content, self._session.selected_track, geometry.ratio
        doubt = content.doubt, content.doubt_of_selected
        ruler = self._layer("ruler", ratio, lambda: ruler_layer(geometry, axis, self._session.time, content.marks, font))
        head = self._layer("head", ratio, lambda: head_layer(geometry, axis, content.frames, doubt, self._thumbnails, font))
        rows = self._layer(
            "rows", ratio, lambda: rows_layer(geometry, axis, content.tracks, content.people, scrolled, selected)
        )
        names = self._layer(
            "names", ratio, lambda: names_layer(geometry, content.tracks, content.people, scrolled, selected, font)
        )
        painter.drawImage(QPointF(0, 0), ruler)
        painter.drawImage(QPointF(0, RULER_HEIGHT), head)
        painter.drawImage(QPointF(0, geometry.head), names)
        painter.drawImage(QPointF(round(geometry.names * ratio) / ratio, geometry.head), rows)

    def _layer(self, name: LayerName, ratio: float, draw: Callable[[], QImage]) -> QImage:
        kept = self._kept.get(name)
        if kept is None or kept.devicePixelRatio() != ratio:
            kept = self._kept[name] = draw()
        return kept

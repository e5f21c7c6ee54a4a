"""The maps that lie over the frame, with their legend: kept as they come, asked for where they are wanted and not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer

from app.ui.canvas.legend import Legend
from app.ui.canvas.overlay_item import OverlayItem
from app.ui.canvas.overlays import Overlays

if TYPE_CHECKING:
    from app.ui.canvas.canvas import Canvas

__all__ = ["OverlayLayer"]

#: A heat map that comes up under a drag is fainter than this, so that the picture can be seen.
_DRAG_HEATMAP = 0.35
#: Milliseconds after which a selection counts as made, and its heat maps are asked for.
_REST_MS = 120


class OverlayLayer(QObject):
    """Heat maps and activation maps of a canvas.

    Attributes:
        items: what is drawn, the lower one first.
        legend: what the colours mean.
    """

    def __init__(self, canvas: Canvas, maps: Overlays) -> None:
        super().__init__(canvas)
        self._canvas, self._session, self._maps = canvas, canvas.session, maps
        self._activation_item, self._heatmap_item = OverlayItem(), OverlayItem()
        self.items = (self._activation_item, self._heatmap_item)
        self.legend: Legend = Legend(canvas)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._request_heatmaps)
        self._session.model.heatmap_ready.connect(self._heatmap_ready)
        self._session.model.activation_ready.connect(self._activation_ready)

    def clear(self) -> None:
        """Another video: forget what came."""
        self._maps.clear()

    def wish(self, dragging: bool = False) -> None:
        """Ask for heat maps once the hand rests; while dragging only if the model is at work anyway."""
        session = self._session
        wanted = session.display.heatmap_mode != "off" or (dragging and session.model.status is not None)
        known = self._maps.has_heatmaps(self._canvas.shown_frame, session.selected_track)
        if wanted and not known and session.selected_track is not None and not session.playing:
            self._rest.start()

    def _request_heatmaps(self) -> None:
        session = self._session
        if session.selected_track is not None and session.selected_track in self._canvas.poses() and not session.playing:
            session.model.request_heatmaps(self._canvas.shown_frame, session.selected_track)

    def update(self) -> None:
        """Draw what the display options ask for, as far as it is known."""
        session = self._session
        display, skeleton = session.display, session.skeleton
        frame, track, joint = self._canvas.shown_frame, session.selected_track, session.selected_joint
        mode, opacity = display.heatmap_mode, display.heatmap_opacity
        hand = self._canvas.hand
        if (dragged := hand.moved_joint) is not None:
            mode, joint = "joint", dragged
            opacity = min(opacity, _DRAG_HEATMAP)
        heatmap = self._maps.heatmap(frame, track, joint, mode, skeleton)
        hovered = None if session.hovered is None else session.hovered[0]
        activation = self._maps.activation(frame, {track, hovered}, display, skeleton)
        self._heatmap_item.set_map(heatmap, display.colormap, opacity)
        self._activation_item.set_map(activation, display.colormap, display.activation_opacity)
        legend = activation if activation is not None else heatmap if hand.gesture is None else None
        self.legend.show_map(legend, display.colormap)
        self.place_legend()
        if heatmap is None and hand.gesture is None:
            self.wish()

    def place_legend(self) -> None:
        """The canvas has another size, or the legend another text."""
        self.legend.move(12, self._canvas.height() - self.legend.height() - 12)

    def _heatmap_ready(self, result: Any) -> None:
        self._maps.take_heatmaps(result)
        self._canvas.candidates.heatmaps_came()
        self.update()
        self._canvas.changed()

    def _activation_ready(self, result: Any) -> None:
        self._maps.take_activation(result)
        self.update()

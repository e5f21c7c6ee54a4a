"""What lies below the picture, the transport bar and the timeline: shown or hidden, and how high."""

from __future__ import annotations

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from app.ui.timeline.timeline import Timeline
from app.ui.timeline.transport import TransportBar

__all__ = ["Below"]

#: Height on a first run in logical pixels.
_HEIGHT = 240
#: Qt's own "no maximum height".
_NO_LIMIT = 2**24 - 1


class Below(QWidget):
    """The lower part of a splitter: the transport bar over the timeline, which can be hidden alone.

    Args:
        splitter: has the picture already and gets this below it.
        transport: stays while a video is open.
        timeline: has the rest of the height.
    """

    def __init__(self, splitter: QSplitter, transport: TransportBar, timeline: Timeline) -> None:
        super().__init__()
        self._splitter, self._transport, self._timeline = splitter, transport, timeline
        self._height = _HEIGHT
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(transport)
        column.addWidget(timeline, 1)
        splitter.addWidget(self)

    def set_shown(self, shown: bool) -> None:
        """Show both, as high as they were last, or neither."""
        self._keep_height()
        was = not self.isHidden()
        self.setVisible(shown)
        if shown and not was:
            self._set_height(self._low if self._timeline.isHidden() else self._height)

    def toggle_timeline(self) -> None:
        """Hide the timeline for a larger picture, and show it again; the transport bar stays."""
        self._show_timeline(self._timeline.isHidden())

    def remember(self, store: QSettings) -> None:
        """Write the height, and whether the timeline is shown."""
        self._keep_height()
        store.setValue("window/height_below", self._height)
        store.setValue("window/timeline_shown", not self._timeline.isHidden())

    def restore(self, store: QSettings) -> None:
        """As high as it was, with the timeline if it was shown."""
        self._height = int(store.value("window/height_below", _HEIGHT, int))  # type: ignore[call-overload]
        self._show_timeline(store.value("window/timeline_shown", True, bool))  # type: ignore[arg-type]

    @property
    def _low(self) -> int:
        """Height without the timeline."""
        return self._transport.sizeHint().height()

    def _show_timeline(self, shown: bool) -> None:
        self._keep_height()
        self._timeline.setVisible(shown)
        self.setMaximumHeight(_NO_LIMIT if shown else self._low)
        self._set_height(self._height if shown else self._low)

    def _keep_height(self) -> None:
        if self.isVisible() and not self._timeline.isHidden():
            self._height = self._splitter.sizes()[1]

    def _set_height(self, height: int) -> None:
        """Now, and once more when a window that is just being shown has its size."""

        def apply() -> None:
            self._splitter.setSizes([max(self._splitter.height() - height, 1), height])

        apply()
        QTimer.singleShot(0, self, apply)

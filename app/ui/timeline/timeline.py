"""The timeline: the painted view with a scroll bar for the frames and one for the people."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QGridLayout, QScrollBar, QWidget

from app.ui.session import Session
from app.ui.timeline.bars import ROW_HEIGHT
from app.ui.timeline.view import TimelineView

__all__ = ["Timeline"]

#: Steps of the horizontal scroll bar per frame: it moves smoothly when frames are wide.
_FINE = 16
_MOST = 2**31 - 1


class Timeline(QWidget):
    """Where one is in the video, who is in which frames, and what a human did there.

    Attributes:
        view: the painted part, which takes mouse and keys.
    """

    view: TimelineView

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("timeline")
        self.view = TimelineView(session, self)
        self._across = QScrollBar(Qt.Orientation.Horizontal, self)
        self._down = QScrollBar(Qt.Orientation.Vertical, self)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        grid.addWidget(self.view, 0, 0)
        grid.addWidget(self._down, 0, 1)
        grid.addWidget(self._across, 1, 0)
        for bar, name in ((self._across, "Frames on screen"), (self._down, "People on screen")):
            bar.setAccessibleName(name)
            policy = bar.sizePolicy()
            policy.setRetainSizeWhenHidden(True)  # the rows must not jump while one zooms
            bar.setSizePolicy(policy)
            (bar.setFixedHeight if bar is self._across else bar.setFixedWidth)(12)
        self._down.setSingleStep(ROW_HEIGHT)
        self._across.valueChanged.connect(lambda value: self.view.go_first(value / _FINE))
        self._down.valueChanged.connect(self.view.set_scroll)
        self.view.axis_changed.connect(self._set_across)
        self.view.rows_changed.connect(self._set_down)
        self._set_across()
        self._set_down()

    def sizeHint(self) -> QSize:
        """Room for the head and four people."""
        return QSize(800, 200)

    def let_go(self) -> None:
        """End the thread of the thumbnails; call it before the session shuts down."""
        self.view.thumbnails.close()

    def _set_across(self) -> None:
        axis, bar = self.view.axis, self._across
        bar.blockSignals(True)
        bar.setPageStep(max(round(min(axis.shown, axis.count) * _FINE), 1))
        bar.setRange(0, min(round(max(axis.count - axis.shown, 0) * _FINE), _MOST))
        bar.setSingleStep(max(round(axis.shown * _FINE / 20), 1))
        bar.setValue(round(axis.first * _FINE))
        bar.blockSignals(False)
        bar.setVisible(not axis.fitted)

    def _set_down(self) -> None:
        view, bar = self.view, self._down
        rows = view.geometry_now.rows
        bar.blockSignals(True)
        bar.setPageStep(max(rows, 1))
        bar.setRange(0, max(view.rows_height - rows, 0))
        bar.setValue(view.scrolled)
        bar.blockSignals(False)
        bar.setVisible(view.rows_height > rows)

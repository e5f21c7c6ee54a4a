"""An area that scrolls a panel's content where the panel is lower than that."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.ui import theme

__all__ = ["Scrolled"]


class Scrolled(QScrollArea):
    """Scrolls upwards and downwards only. Tab leads to it while there is something to scroll, and Up and Down are its own then:
    no mouse is needed to see what lies below, as at 300 %."""

    def __init__(self, content: QWidget | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme.set_role(self, "panel")
        self.verticalScrollBar().rangeChanged.connect(self._range_changed)
        if content is not None:
            self.setWidget(content)

    def _range_changed(self, least: int, most: int) -> None:
        policy = Qt.FocusPolicy.TabFocus if most > least else Qt.FocusPolicy.NoFocus
        if policy != self.focusPolicy() and not self.hasFocus():
            self.setFocusPolicy(policy)

"""A line of words that is cut where it does not fit, the name in it first."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

__all__ = ["CutLabel"]


class CutLabel(QLabel):
    """A name in front of facts: a long name pushes nothing out of sight, but is cut in its middle, down to half the line."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._name = self._rest = ""
        self.setMinimumWidth(0)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def say(self, name: str, rest: str) -> None:
        """Show a name and the facts after it."""
        self._name, self._rest = name, rest
        self._cut()

    def _cut(self) -> None:
        metrics, margins = self.fontMetrics(), self.contentsMargins()
        width = self.width() - margins.left() - margins.right()
        room = max(width - metrics.horizontalAdvance(self._rest), width // 2)
        whole = metrics.elidedText(self._name, Qt.TextElideMode.ElideMiddle, room) + self._rest
        self.setText(metrics.elidedText(whole, Qt.TextElideMode.ElideRight, width))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut for the new width."""
        super().resizeEvent(event)
        self._cut()

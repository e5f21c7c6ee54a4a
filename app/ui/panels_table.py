"""The docks of the window, one line each: what they are called, where they start, what makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.ui.panels.activation import ActivationPanel
from app.ui.panels.history import HistoryPanel
from app.ui.panels.keypoints import KeypointsPanel
from app.ui.panels.people import PeoplePanel
from app.ui.panels.problems import ProblemsPanel
from app.ui.panels.regions import RegionsPanel
from app.ui.panels.statistics import StatisticsPanel
from app.ui.session import Session

__all__ = ["PANELS", "Panel"]

RIGHT = Qt.DockWidgetArea.RightDockWidgetArea


@dataclass(frozen=True)
class Panel:
    """A dock: ``id`` names it in the remembered layout; panels of one ``group`` start as tabs of one place.

    One group at most may have several panels: with two Qt leaves empty tab bars of the second lying about.
    """

    id: str
    title: str
    area: Qt.DockWidgetArea
    group: str
    make: Callable[[Session], QWidget]


PANELS: tuple[Panel, ...] = (
    Panel("people", "People", RIGHT, "people", PeoplePanel),
    Panel("keypoints", "Keypoints", RIGHT, "details", KeypointsPanel),
    Panel("activation", "Activation", RIGHT, "details", ActivationPanel),
    Panel("problems", "Problems", RIGHT, "details", ProblemsPanel),
    Panel("history", "History", RIGHT, "details", HistoryPanel),
    Panel("statistics", "Statistics", RIGHT, "details", StatisticsPanel),
    Panel("regions", "Regions", RIGHT, "details", RegionsPanel),
)

"""The docks around the picture: where they lie, what is remembered of that, and the way into them by key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from PySide6.QtCore import QByteArray, QSettings, Qt, QTimer
from PySide6.QtWidgets import QAbstractItemView, QApplication, QDockWidget, QMainWindow, QWidget

from app.ui.panels.page import Page
from app.ui.panels_table import PANELS
from app.ui.session import Session
from app.ui.window.dock_tabs import DockTabs

__all__ = ["Docks"]

#: Raised when the set of docks changes so that an old layout no longer fits.
_LAYOUT_VERSION = 3
#: First width of the docks, unless their tabs need more, and height of the people in logical pixels.
_DOCK_WIDTH, _PEOPLE_HEIGHT = 456, 190
#: The docks begin with no more than this share of the window, but not narrower than this.
_DOCK_SHARE, _DOCK_LEAST = 0.33, 376
#: In a small window neither this: the picture has the larger part.
_DOCK_MOST = 0.42


class Docks(Mapping[str, QDockWidget]):
    """A window's docks by the id of :data:`app.ui.panels_table.PANELS`; those of one group become tabs of one place.

    Args:
        window: gets the docks.
        session: what the panels show.
        picture: gets the keyboard back from a panel.
        say: shows a sentence for a few seconds.

    Attributes:
        tabs: the tab bars of the docks.
        remembered: False on a first run, when no layout could be restored.
    """

    def __init__(self, window: QMainWindow, session: Session, picture: QWidget, say: Callable[[str], None]) -> None:
        self._window, self._picture, self._say = window, picture, say
        self._docks: dict[str, QDockWidget] = {}
        self.tabs = DockTabs(window)
        self.remembered = False
        self._add(session)
        self.arrange()
        self._first_layout = window.saveState(_LAYOUT_VERSION)

    def __getitem__(self, name: str) -> QDockWidget:
        return self._docks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._docks)

    def __len__(self) -> int:
        return len(self._docks)

    def _add(self, session: Session) -> None:
        groups: dict[str, QDockWidget] = {}
        for panel in PANELS:
            dock = QDockWidget(panel.title, self._window)
            dock.setObjectName("dock_" + panel.id)
            page = panel.make(session)
            dock.setWidget(page)
            if isinstance(page, Page):
                dock.visibilityChanged.connect(lambda on, page=page: QTimer.singleShot(0, page, page.catch_up) if on else None)
            self._docks[panel.id] = dock
            self._window.addDockWidget(panel.area, dock)
            if panel.group in groups:
                self._window.tabifyDockWidget(groups[panel.group], dock)
            else:
                groups[panel.group] = dock
        for first in groups.values():
            first.raise_()

    # ---- where they lie ------------------------------------------------------------------------------------------------

    def arrange(self) -> None:
        """Give the docks their first sizes: people as much as a handful needs, the details below the rest."""
        window, right = self._window, Qt.DockWidgetArea.RightDockWidgetArea
        first = [dock for dock in self.values() if window.dockWidgetArea(dock) == right]
        if first:
            tabs = max((bar.sizeHint().width() for bar in self.tabs.bars() if bar.count()), default=0)
            least = min(_DOCK_LEAST, round(window.width() * _DOCK_MOST))
            width = min(max(_DOCK_WIDTH, tabs), max(round(window.width() * _DOCK_SHARE), least))
            window.resizeDocks(first[:1], [width], Qt.Orientation.Horizontal)
        shown = [self[name] for name in ("people", "keypoints") if name in self]
        window.resizeDocks(shown, [_PEOPLE_HEIGHT, 3 * _PEOPLE_HEIGHT], Qt.Orientation.Vertical)

    def reset(self) -> None:
        """Docks as they are on a first run."""
        self._window.restoreState(self._first_layout, _LAYOUT_VERSION)
        self.arrange()

    def remember(self, store: QSettings) -> None:
        """Write where the docks lie."""
        store.setValue("window/state", self._window.saveState(_LAYOUT_VERSION))

    def restore(self, store: QSettings) -> None:
        """Put the docks where they were; where nothing is remembered they stay."""
        state = store.value("window/state")
        self.remembered = isinstance(state, QByteArray)
        if isinstance(state, QByteArray):
            self._window.restoreState(state, _LAYOUT_VERSION)

    # ---- with and without a video --------------------------------------------------------------------------------------

    def set_alive(self, alive: bool) -> None:
        """Whether there is something to do in the panels."""
        for dock in self.values():
            dock.setEnabled(alive)

    def let_go(self) -> None:
        """End what panels have at work; call it before the session shuts down."""
        for dock in self.values():
            if isinstance(page := dock.widget(), Page):
                page.let_go()

    # ---- by key --------------------------------------------------------------------------------------------------------

    def visit(self, name: str) -> None:
        """Show a panel and give it the keyboard; where it has it already, give it back to the picture."""
        dock = self[name]
        page = dock.widget()
        holder = QApplication.focusWidget()
        if holder is not None and page.isAncestorOf(holder):
            self._picture.setFocus()
            return
        dock.show()
        dock.raise_()
        if dock.isFloating():
            dock.activateWindow()
        if isinstance(page, Page):
            page.catch_up()
        fields = [w for w in page.findChildren(QWidget) if w.focusPolicy() & Qt.FocusPolicy.TabFocus and w.isVisibleTo(page)]
        fields.sort(key=lambda w: not isinstance(w, QAbstractItemView))  # the list of a panel is what it is about
        if fields:
            fields[0].setFocus(Qt.FocusReason.ShortcutFocusReason)
        elif isinstance(page, Page):
            self._say(page.words)

    def walk(self, onward: bool) -> None:
        """Give the keyboard to the window's next field or button, or to the one before."""
        (self._window.focusNextChild if onward else self._window.focusPreviousChild)()

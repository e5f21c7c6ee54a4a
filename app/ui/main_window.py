"""The window: puts canvas, docks, menus and keys together, and shows what the session tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import QMainWindow, QSizePolicy, QSplitter, QStackedWidget

from app.ui import theme
from app.ui.actions.chosen_map import ChosenMap
from app.ui.actions.keys import KeyBindings
from app.ui.actions.menus import Menus
from app.ui.actions.spec import Action
from app.ui.actions.table import actions
from app.ui.canvas.canvas import Canvas
from app.ui.doubtful import Doubtful
from app.ui.events import Message
from app.ui.files import Files
from app.ui.hints import Hints
from app.ui.improving import Improver
from app.ui.messages import Toasts
from app.ui.proposals.proposals import Proposals
from app.ui.session import Session
from app.ui.settings import settings
from app.ui.status import StatusBar, WorkWidget
from app.ui.timeline.timeline import Timeline
from app.ui.timeline.transport import TransportBar
from app.ui.welcome import Welcome, keep_thumbnail
from app.ui.why import WhyLabel
from app.ui.window.below import Below
from app.ui.window.dialogs import Dialogs
from app.ui.window.docks import Docks
from app.ui.window.dropped import Dropped
from app.ui.window.on_screen import OnScreen

__all__ = ["MainWindow"]

#: The smallest window: a screen of 1920 x 1080 has 640 x 360 logical pixels at 300 %, less a frame and a title.
_LEAST = (480, 300)


class MainWindow(QMainWindow):
    """Everything a person sees of one session.

    Attributes:
        session: what is shown.
        canvas: the picture.
        timeline: frames and people over time.
        files: verbs of the File menu.
        improver: the improvement of the model on the corrections.
        proposals: changes over many frames that are shown before they are made.
        docks: dock widgets by id, where they lie, and the way into them.
        below: transport bar and timeline, shown or hidden.
        dialogs: those that are open, and what shows them.
    """

    session: Session
    canvas: Canvas
    timeline: Timeline
    files: Files
    proposals: Proposals
    docks: Docks
    below: Below
    dialogs: Dialogs

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.setObjectName("main_window")
        self.setWindowTitle("GLSMamba Studio")
        self.setMinimumSize(*_LEAST)
        self.resize(1440, 900)
        self.setDockNestingEnabled(True)
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, theme.tab_position())
        self.files = Files(self, session)
        self.dialogs = Dialogs(self)

        self.canvas = Canvas(session)
        for widget in (self.canvas, self.canvas.view, self.canvas.view.viewport()):
            widget.setAcceptDrops(False)  # what is dropped on the picture is the window's to open
        self.welcome = Welcome()
        self.pages = QStackedWidget()
        self.pages.addWidget(self.welcome)
        self.pages.addWidget(self.canvas)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(self.pages)
        self.transport = TransportBar(session)
        self.timeline = Timeline(session)
        self.below = Below(self.splitter, self.transport, self.timeline)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setChildrenCollapsible(False)
        self.setCentralWidget(self.splitter)
        self.toasts = Toasts(self.pages)
        self.hints = Hints(self.canvas)
        self.improver = Improver(session)
        self.proposals = Proposals(session, self.canvas, self.timeline.view, self.toasts.keep_clear)
        self.doubtful = Doubtful(session)
        self.why = WhyLabel(session, self.canvas)

        self.status = StatusBar(session, self)
        self.setStatusBar(self.status)
        self.work = WorkWidget(session, self.improver, self.menuBar())

        self.actions_table = actions()
        self.keys = KeyBindings(self)
        self.keymap = ChosenMap(self.keys, self.actions_table, session.in_background, self._key_trouble, self)
        if self.keymap.problem:
            QTimer.singleShot(0, self, lambda: self._key_trouble(self.keymap.problem))
        self.menus = Menus(self, self.actions_table)
        self._recent_menu()
        self.canvas.space_tapped.connect(lambda: self.keys.press("Space"))
        self.docks = Docks(self, session, self.canvas, self.hint)
        for dock in self.docks.values():
            self.menus.menu("View/Panels").addAction(dock.toggleViewAction())
        self.on_screen = OnScreen(self, self._shrunk)
        self.dropped = Dropped(self, self.welcome.light, self.files.open)

        self.welcome.open_wanted.connect(self.files.ask_open)
        self.welcome.folder_wanted.connect(self.files.ask_folder)
        self.welcome.sample_wanted.connect(self.files.open_sample)
        self.welcome.path_wanted.connect(self.files.open)
        self.canvas.pointer_changed.connect(self.status.show_pointer)
        self.canvas.zoom_changed.connect(self.status.show_zoom)
        self.canvas.said.connect(self.hint)
        session.message.connect(self.toasts.show_message)
        self.improver.finished.connect(self._improved)
        session.video_opened.connect(self._video_opened)
        session.preview_ready.connect(self._preview)
        session.picture_ready.connect(self._picture)
        self._thumbnail_wanted = False
        self._restore()
        self._video_opened(session.video)

    # ---- what the session tells ----------------------------------------------------------------------------------------

    def _video_opened(self, video: Any) -> None:
        # The docks come alive, and all is drawn, once everybody has been told and laid out: all at a stretch would be a stall.
        self.setUpdatesEnabled(False)
        QTimer.singleShot(0, self, self._wake_docks)
        self.pages.setCurrentWidget(self.welcome if video is None else self.canvas)
        # A stack is as tall as its tallest page, hidden or not: the empty page must not push the timeline together.
        policy = QSizePolicy.Policy.Preferred if video is None else QSizePolicy.Policy.Ignored
        self.welcome.setSizePolicy(policy, policy)
        self.below.set_shown(video is not None)
        if video is None:
            self.setWindowTitle("GLSMamba Studio")
            self.setWindowFilePath("")
            return
        self.setWindowTitle(f"{Path(video.path).name} — GLSMamba Studio")
        self._thumbnail_wanted = True
        self.status.show_zoom(self.canvas.view.camera_scale)
        self.canvas.setFocus()
        self.hints.offer()

    def _wake_docks(self) -> None:
        self.docks.set_alive(self.session.video is not None)
        self.setUpdatesEnabled(True)

    def _preview(self, _picture: Any) -> None:
        if self.session.video is None:
            self.pages.setCurrentWidget(self.canvas)

    def _picture(self, frame: int, picture: Any) -> None:
        path = self.session.recent_path
        if self._thumbnail_wanted and path is not None:
            self._thumbnail_wanted = False
            self.session.in_background(lambda: keep_thumbnail(path, picture))

    def _improved(self) -> None:
        sentence = "The model has learnt from your corrections: look and decide."
        self.session.tell(sentence, "info", "Show", self.dialogs.ask_improve)

    def hint(self, text: str) -> None:
        """Say something in the status bar for a few seconds."""
        self.status.hint(text)

    # ---- verbs of the menus --------------------------------------------------------------------------------------------

    def escape(self) -> None:
        """End a drag, leave a tool, take a proposal away; else let go of the range, then of the joint, then of the person."""
        session = self.session
        if self.timeline.view.cancel() or self.canvas.cancel() or self.proposals.cancel():
            return
        if session.frame_range is not None:
            session.set_frame_range(None)
            return
        if session.selected_joint is not None:
            session.select(session.selected_track)
        else:
            session.select(None)

    def run_action(self, action: Action) -> None:
        """Do what was chosen by name."""
        self.keys.run(action)

    def _key_trouble(self, sentence: str) -> None:
        self.session.message.emit(Message(sentence, "warning"))

    def set_scheme(self, scheme: theme.Scheme) -> None:
        """Follow the system's light or dark, or stay with one."""
        settings().setValue("view/theme", scheme)
        theme.theme().set_scheme(scheme)

    def set_palette(self, name: str) -> None:
        """Colour sides, people and provenance by another palette of :mod:`app.ui.palettes`."""
        settings().setValue("view/colours", name)
        theme.theme().set_palette(name)

    def toggle_full_screen(self) -> None:
        """Full screen and back."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _recent_menu(self) -> None:
        menu = self.menus.menu("File/Open recent")
        self.files.fill_recent(menu)
        menu.aboutToShow.connect(lambda: self.files.fill_recent(menu))
        bar = self.menus.menus["File"]
        bar.insertMenu(self.menus.entries["file.sample"][1], menu)

    # ---- remembered ----------------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        store = settings()
        geometry = store.value("window/geometry")
        if isinstance(geometry, QByteArray):
            self.restoreGeometry(geometry)
        self.docks.restore(store)
        self.below.restore(store)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the layout; write what is queued; end the threads."""
        store = settings()
        store.setValue("window/geometry", self.saveGeometry())
        self.docks.remember(store)
        self.below.remember(store)
        store.sync()
        self.dialogs.close()
        event.accept()
        self.hide()
        self.improver.leave()
        self.timeline.let_go()
        self.docks.let_go()
        self.session.shut_down()

    def showEvent(self, event: QShowEvent) -> None:
        """Keep the window on the screen it is shown on."""
        super().showEvent(event)
        self.on_screen.watch()

    def _shrunk(self) -> None:
        if not self.docks.remembered:
            QTimer.singleShot(0, self, self.docks.arrange)

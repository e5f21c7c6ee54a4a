"""The window: canvas in the middle, docks around it, menus, keys and what is remembered between runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QMainWindow, QSizePolicy, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.actions.chosen_map import ChosenMap
from app.ui.actions.keys import KeyBindings
from app.ui.actions.menus import Menus
from app.ui.actions.spec import Action
from app.ui.actions.table import actions
from app.ui.canvas.canvas import Canvas
from app.ui.dialogs.room import fit_on_screen
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
from app.ui.window.docks import Docks

__all__ = ["MainWindow"]

#: The smallest window: a screen of 1920 x 1080 has 640 x 360 logical pixels at 300 %, less a frame and a title.
_LEAST = (480, 300)
#: When to look whether window and frame fit the screen: X11 tells of the frame some time after the window is shown.
_FRAME_KNOWN_MS = (100, 500, 1500)
#: Qt's own "no maximum height".
_NO_LIMIT = 2**24 - 1


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
    """

    session: Session
    canvas: Canvas
    timeline: Timeline
    files: Files
    proposals: Proposals
    docks: Docks

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.setObjectName("main_window")
        self.setWindowTitle("GLSMamba Studio")
        self.setMinimumSize(*_LEAST)
        self.resize(1440, 900)
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, theme.tab_position())
        self.files = Files(self, session)
        self.dialogs: list[QDialog] = []

        self.canvas = Canvas(session)
        for widget in (self.canvas, self.canvas.view, self.canvas.view.viewport()):
            widget.setAcceptDrops(False)  # what is dropped on the picture is the window's to open
        self.welcome = Welcome()
        self.pages = QStackedWidget()
        self.pages.addWidget(self.welcome)
        self.pages.addWidget(self.canvas)
        self.transport = TransportBar(session)
        self.timeline = Timeline(session)
        self._below = QWidget()
        column = QVBoxLayout(self._below)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.transport)
        column.addWidget(self.timeline, 1)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(self.pages)
        self.splitter.addWidget(self._below)
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
        self._show_below(video is not None)
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
        self.session.tell("The model has learnt from your corrections: look and decide.", "info", "Show", self.ask_improve)

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

    def ask_frame(self) -> None:
        """Show the dialog that goes to a frame."""
        from app.ui.dialogs.go_to_frame import GoToFrame

        self.show_dialog(GoToFrame(self.session, self))

    def ask_weights(self) -> None:
        """Show the choice of models."""
        from app.ui.dialogs.model_picker import ModelPicker

        self.show_dialog(ModelPicker(self.session, self))

    def ask_improve(self) -> None:
        """Show the improvement of the model on this project's corrections."""
        from app.ui.dialogs.improve import ImproveDialog

        self.show_dialog(ImproveDialog(self.improver, self))

    def ask_device(self) -> None:
        """Show the choice of devices."""
        from app.ui.dialogs.device_picker import DevicePicker

        self.show_dialog(DevicePicker(self.session, self))

    def ask_swap(self) -> None:
        """Show the choice of what to swap, and over which frames."""
        from app.ui.dialogs.swap_sides import SwapSides

        self.show_dialog(SwapSides(self.session, self))

    def show_keys(self) -> None:
        """Show the shortcut sheet."""
        from app.ui.dialogs.shortcut_sheet import ShortcutSheet

        sheet = ShortcutSheet(self.actions_table, self)
        sheet.change.clicked.connect(self.change_keys)
        self.show_dialog(sheet)

    def change_keys(self) -> None:
        """Show the dialog that changes keys."""
        from app.ui.dialogs.keys import KeysDialog

        self.show_dialog(KeysDialog(self, self.actions_table))

    def show_palette(self) -> None:
        """Show the command palette."""
        from app.ui.dialogs.palette import Palette

        self.show_dialog(Palette(self, self.actions_table))

    def run_action(self, action: Action) -> None:
        """Do what was chosen by name."""
        self.keys.run(action)

    def _key_trouble(self, sentence: str) -> None:
        self.session.message.emit(Message(sentence, "warning"))

    def show_about(self) -> None:
        """Show what this is."""
        from app.ui.dialogs.about import About

        self.show_dialog(About(self))

    def show_dialog(self, dialog: QDialog) -> QDialog:
        """Show a dialog beside the work, never in its way; one of a kind at a time."""
        for other in list(self.dialogs):
            if type(other) is type(dialog):
                other.close()
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialogs.append(dialog)
        fit_on_screen(dialog)
        dialog.finished.connect(lambda _code: self.dialogs.remove(dialog) if dialog in self.dialogs else None)
        dialog.show()
        return dialog

    def set_scheme(self, scheme: theme.Scheme) -> None:
        """Follow the system's light or dark, or stay with one."""
        settings().setValue("view/theme", scheme)
        theme.theme().set_scheme(scheme)

    def set_palette(self, name: str) -> None:
        """Colour sides, people and provenance by another palette of :mod:`app.ui.palettes`."""
        settings().setValue("view/colours", name)
        theme.theme().set_palette(name)

    def toggle_timeline(self) -> None:
        """Hide the timeline for a larger picture, and show it again; the transport bar stays."""
        self._show_timeline(self.timeline.isHidden())

    def _show_below(self, shown: bool) -> None:
        """Transport and timeline, as high as they were last."""
        self._remember_below()
        was = not self._below.isHidden()
        self._below.setVisible(shown)
        if shown and not was:
            self._set_below(self._transport_height if self.timeline.isHidden() else self._height_below)

    def _set_below(self, height: int) -> None:
        """Now, and once more when a window that is just being shown has its size."""

        def apply() -> None:
            self.splitter.setSizes([max(self.splitter.height() - height, 1), height])

        apply()
        QTimer.singleShot(0, self, apply)

    def _remember_below(self) -> None:
        if self._below.isVisible() and not self.timeline.isHidden():
            self._height_below = self.splitter.sizes()[1]

    @property
    def _transport_height(self) -> int:
        return self.transport.sizeHint().height()

    def _show_timeline(self, shown: bool) -> None:
        self._remember_below()
        self.timeline.setVisible(shown)
        self._below.setMaximumHeight(_NO_LIMIT if shown else self._transport_height)
        self._set_below(self._height_below if shown else self._transport_height)

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
        self._height_below = int(store.value("window/height_below", 240, int))  # type: ignore[call-overload]
        self._show_timeline(store.value("window/timeline_shown", True, bool))  # type: ignore[arg-type]

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the layout; write what is queued; end the threads."""
        store = settings()
        store.setValue("window/geometry", self.saveGeometry())
        self.docks.remember(store)
        self._remember_below()
        store.setValue("window/height_below", self._height_below)
        store.setValue("window/timeline_shown", not self.timeline.isHidden())
        store.sync()
        for dialog in list(self.dialogs):
            dialog.close()
        event.accept()
        self.hide()
        self.improver.leave()
        self.timeline.let_go()
        self.docks.let_go()
        self.session.shut_down()

    def showEvent(self, event: QShowEvent) -> None:
        """Keep the window on the screen it is shown on."""
        super().showEvent(event)
        self._keep_on_screen()
        first = self.size()

        def look_again() -> None:
            if self.size() == first:  # nobody has given it another size since
                self._keep_on_screen()

        for wait in _FRAME_KNOWN_MS:
            QTimer.singleShot(wait, self, look_again)

    def _keep_on_screen(self) -> None:
        """Shrink a window that, with the frame and title that the desktop gave it, is larger than the screen."""
        screen = self.screen()
        if screen is None or self.isMaximized() or self.isFullScreen() or not self.isVisible():
            return
        room, frame = screen.availableGeometry(), self.frameGeometry()
        wide, high = frame.width() - room.width(), frame.height() - room.height()
        if wide > 0 or high > 0:
            self.resize(self.width() - max(wide, 0), self.height() - max(high, 0))
            self.move(room.topLeft())
            if not self.docks.remembered:
                QTimer.singleShot(0, self, self.docks.arrange)

    # ---- drag and drop -------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept one local file or folder."""
        if _dropped_path(event) is not None:
            event.acceptProposedAction()
            self.welcome.light(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """It went away again."""
        self.welcome.light(False)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        self.welcome.light(False)
        path = _dropped_path(event)
        if path is not None:
            event.acceptProposedAction()
            self.files.open(path)


def _dropped_path(event: QDropEvent) -> Path | None:
    """The first local file or folder of a drop, or None."""
    for url in event.mimeData().urls():
        if url.isLocalFile():
            return Path(url.toLocalFile())
    return None

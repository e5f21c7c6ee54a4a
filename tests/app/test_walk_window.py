"""What a walk through the real window on a real desktop found, kept from coming back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox
from shiboken6 import isValid

from app.labels import edits
from app.ui.application import ErrorCatcher, make_application, make_window
from app.ui.dialogs.about import About
from app.ui.files import Files
from app.ui.main_window import MainWindow
from app.ui.panels.swatch import swatch
from app.ui.settings import add_recent, settings


@pytest.fixture
def program(isolated_settings) -> None:
    settings().setValue("model/predict_while_working", False)
    settings().setValue("hints/dismissed", True)
    make_application()


@pytest.fixture
def window(qtbot, program) -> Iterator[MainWindow]:
    made = make_window()
    qtbot.addWidget(made)
    qtbot.waitExposed(made)
    yield made
    made.close()


def open_video(qtbot, window: MainWindow, path: Path) -> None:
    with qtbot.waitSignal(window.session.picture_ready, timeout=10_000):
        window.session.open_path(path)


def test_a_long_file_name_leaves_the_rest_of_the_status_bar_in_sight(qtbot, window, small_video, tmp_path):
    long = tmp_path / ("a name that goes on and on " * 7 + ".mp4")
    shutil.copy(small_video, long)
    window.resize(1024, 700)
    open_video(qtbot, window, long)
    QApplication.processEvents()
    saved = window.status.saved
    assert saved.text() == "all changes saved"
    assert saved.geometry().right() <= window.status.width()
    facts = window.status.findChild(type(saved), "status_facts").text()
    assert facts.startswith("a name") and "…" in facts and facts.endswith("h264")
    assert window.width() == 1024


def test_many_recent_files_do_not_push_the_docks_together(qtbot, program, tmp_path):
    for n in range(8):
        path = tmp_path / f"clip {n}.mp4"
        path.touch()
        add_recent(path)
    window = make_window()
    qtbot.addWidget(window)
    qtbot.waitExposed(window)
    window.resize(1024, 700)
    window.docks.arrange()
    QApplication.processEvents()
    assert window.width() == 1024
    assert window.docks["people"].width() >= 340
    window.close()


def test_a_window_larger_than_the_screen_comes_to_lie_in_it_with_its_docks(qtbot, window):
    room = window.screen().availableGeometry()
    window.resize(room.width() + 300, room.height() + 200)
    window.on_screen.fit()
    QApplication.processEvents()
    assert room.contains(window.frameGeometry())
    qtbot.waitUntil(lambda: window.docks["people"].width() >= 200, timeout=2000)


def test_dialogs_start_beside_the_open_video(qtbot, window, small_video):
    settings().setValue("folder", "/somewhere/else")
    files: Files = window.files
    assert files._folder() == "/somewhere/else"
    open_video(qtbot, window, small_video)
    assert files._folder() == str(small_video.parent)


def test_buttons_of_dialogs_have_no_icons_of_another_family(qtbot, program):
    box = QDialogButtonBox(
        QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, Qt.Orientation.Horizontal
    )
    qtbot.addWidget(box)
    box.show()
    assert box.style().styleHint(box.style().StyleHint.SH_DialogButtonBox_ButtonsHaveIcons, None, box) == 0


def test_a_swatch_keeps_its_colour_in_a_selected_row(qtbot, program):
    made = swatch("#E69F00")
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        assert made.pixmap(QSize(16, 16), mode).toImage().pixelColor(8, 8).name() == "#e69f00"


def test_about_is_closed_by_return(qtbot, program):
    about = About()
    qtbot.addWidget(about)
    about.show()
    QTest.keyClick(about, Qt.Key.Key_Return)
    assert not about.isVisible()


def test_a_long_name_is_cut_on_the_picture(qtbot, window, small_video):
    open_video(qtbot, window, small_video)
    session = window.session
    edit, track = edits.add_person(session.project, 0, (40, 40, 100, 160))
    session.apply(edit)
    name = "The gentleman with the very long name who walks on the balance board"
    session.apply(lambda p: edits.rename_track(p, track, name))
    qtbot.waitUntil(lambda: session.save_state.pending == 0)
    label, _ = window.canvas.label(window.canvas.people()[0])
    assert "The gentleman" in label and "…" in label and len(label) < 40
    assert session.track_name(track) == name


def test_undo_beside_a_message_never_takes_back_a_later_edit(qtbot, window, small_video):
    open_video(qtbot, window, small_video)
    session = window.session
    first, one = edits.add_person(session.project, 0, (40, 40, 100, 160))
    session.apply(first)
    qtbot.waitUntil(lambda: session.save_state.pending == 0)
    undo = session.undo_just_this()
    second, two = edits.add_person(session.project, 0, (200, 40, 60, 100))
    session.apply(second)
    qtbot.waitUntil(lambda: session.save_state.pending == 0)
    undo()
    qtbot.waitUntil(lambda: session.save_state.pending == 0)
    assert set(session.poses(0)) == {one, two}
    assert "history panel" in window.toasts.toasts[-1].text.text()
    session.undo()
    qtbot.waitUntil(lambda: session.save_state.pending == 0)
    undo()
    qtbot.waitUntil(lambda: session.save_state.pending == 0)
    assert not session.poses(0)


def test_an_error_that_comes_back_with_each_picture_is_told_once(qtbot, window, capsys):
    told: list[object] = []
    catcher = ErrorCatcher(told.append, window)
    for n in range(5):
        try:
            raise ZeroDivisionError(f"picture {n}")
        except ZeroDivisionError as error:
            catcher._hook(ZeroDivisionError, error, error.__traceback__)
    try:
        raise ZeroDivisionError("another place")
    except ZeroDivisionError as error:
        catcher._hook(ZeroDivisionError, error, error.__traceback__)
    qtbot.waitUntil(lambda: len(told) == 2)
    assert capsys.readouterr().err.count("Traceback") == 2


def test_hiding_the_timeline_gives_its_room_to_the_picture(qtbot, window, small_video):
    open_video(qtbot, window, small_video)
    QApplication.processEvents()
    before, below = window.canvas.height(), window.timeline.height()
    window.below.toggle_timeline()
    qtbot.waitUntil(lambda: window.canvas.height() >= before + below - 8, timeout=2000)
    assert window.transport.isVisible()
    window.session.close_project()
    open_video(qtbot, window, small_video)  # it stays hidden for the next video
    qtbot.waitUntil(lambda: window.canvas.height() >= before + below - 8, timeout=2000)
    window.below.toggle_timeline()
    qtbot.waitUntil(lambda: abs(window.canvas.height() - before) <= 8, timeout=2000)


def test_a_closed_dialog_hears_nothing_more(qtbot, window, small_video, capsys):
    open_video(qtbot, window, small_video)
    for show in (window.dialogs.ask_weights, window.files.ask_import, window.dialogs.ask_device, window.files.ask_export):
        show()
        dialog = window.dialogs[-1]
        dialog.close()
        qtbot.waitUntil(lambda dialog=dialog: not isValid(dialog))
    window.session.tell("Something.")
    window.session.model.weights_changed.emit("")
    window.session.close_project()
    QApplication.processEvents()
    assert "Error" not in capsys.readouterr().err

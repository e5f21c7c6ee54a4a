"""The window as a person uses it: keys, menus, drops, messages, dialogs, with a real Qt offscreen."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT, read_number
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.labels import edits
from app.ui import theme
from app.ui.actions.keymap import DEFAULT_KEYMAP, KeymapError, load_keymap, resolve
from app.ui.actions.keys import HeldKey
from app.ui.actions.spec import Action
from app.ui.actions.table import actions
from app.ui.application import ErrorCatcher, make_application, make_window
from app.ui.dialogs.go_to_frame import GoToFrame, parse_place
from app.ui.dialogs.shortcut_sheet import ShortcutSheet
from app.ui.main_window import MainWindow
from app.ui.settings import recent_files, settings
from app.ui.timeline.transport import FrameSlider, time_text
from app.ui.welcome import thumbnail_of

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def window(qtbot, isolated_settings) -> Iterator[MainWindow]:
    settings().setValue("model/predict_while_working", False)
    settings().setValue("hints/dismissed", True)
    make_application()
    made = make_window()
    qtbot.addWidget(made)
    qtbot.waitExposed(made)
    made.activateWindow()
    yield made
    made.close()


@pytest.fixture
def opened(qtbot, window, small_video) -> MainWindow:
    with qtbot.waitSignal(window.session.picture_ready, timeout=10_000):
        window.session.open_path(small_video)
    return window


def settle(qtbot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.session.save_state.pending == 0, timeout=10_000)


def press(window: MainWindow, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(window.focusWidget() or window, key, modifiers)


def add_person(qtbot, window: MainWindow) -> int:
    edit, track = edits.add_person(window.session.project, 0, (40, 40, 100, 160))
    window.session.apply(edit)
    window.session.apply(lambda p: edits.move_joint(p, 0, track, 9, (80.0, 90.0)))
    settle(qtbot, window)
    window.session.select(track, 9)
    return track


# ---- the table of actions --------------------------------------------------------------------------------------------


def test_the_default_key_map_fits_the_table_and_has_no_clash():
    meanings = resolve(actions(), load_keymap(DEFAULT_KEYMAP))
    assert [action.id for action in meanings["Left"]] == ["people.nudge_left", "go.previous"]


def test_every_action_names_a_menu_or_a_key():
    keymap = load_keymap(DEFAULT_KEYMAP)
    assert all(action.menu or keymap.get(action.id) for action in actions())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[keys]\n"go.next" = ["Right"]\n"go.previous" = ["Right"]', "given to both"),
        ('[keys]\n"go.nowhere" = ["Right"]', "go.nowhere"),
        ('[keys]\n"go.next" = ["Ctrl+Wurst"]', "no key"),
        ('[keys]\n"go.next" = "Right"', "list of keys"),
        ("keys = 3", r"\[keys\]"),
        ("[keys", "not valid TOML"),
    ],
)
def test_a_key_map_that_cannot_work_is_refused_with_the_reason(tmp_path, text, reason):
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(KeymapError, match=reason):
        resolve(actions(), load_keymap(path))


def test_the_shortcut_sheet_lists_all_and_finds_by_word(qtbot):
    sheet = ShortcutSheet(actions())
    qtbot.addWidget(sheet)

    def rows() -> list[str]:
        heads = [sheet.tree.topLevelItem(i) for i in range(sheet.tree.topLevelItemCount())]
        return [head.child(j).text(0) for head in heads for j in range(head.childCount()) if not head.child(j).isHidden()]

    assert len(rows()) > len([action for action in actions() if action.menu]) - 1
    sheet.search.setText("redo ctrl+y")
    assert rows() == ["Redo"]


# ---- opening ----------------------------------------------------------------------------------------------------------


def test_the_empty_window_offers_to_open(window):
    assert window.pages.currentWidget() is window.welcome
    assert window.welcome.open_button.isVisible() and not window.transport.isVisible()


def test_opening_shows_picture_facts_and_title(opened, small_video):
    assert opened.pages.currentWidget() is opened.canvas
    assert opened.windowTitle().startswith(small_video.name)
    facts = opened.status.findChild(type(opened.status.saved), "status_facts").text()
    assert "320×240" in facts and "25 fps" in facts and "40 frames" in facts


def test_a_file_dropped_anywhere_opens(qtbot, window, small_video):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(small_video))])
    where = QPoint(300, 300)
    enter = QDragEnterEvent(where, Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    with qtbot.waitSignal(window.session.picture_ready, timeout=10_000):
        drop = QDropEvent(
            QPointF(where), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(window, drop)
    assert window.session.n_frames == 40


def test_recent_files_come_with_a_thumbnail_and_open_again(qtbot, opened):
    qtbot.waitUntil(lambda: recent_files() and thumbnail_of(recent_files()[0]) is not None, timeout=5000)
    opened.session.close_project()
    assert opened.pages.currentWidget() is opened.welcome
    button = opened.welcome._buttons[0]
    assert button.path.name == "numbered.mp4"
    picture = button.icon().pixmap(192, 108).toImage()
    cells = [QColor(picture.pixel(x, 20)).lightness() for x in (60, 100)]
    assert max(cells) < 200, "the picture of frame 0 (all cells dark), not an empty icon"
    with qtbot.waitSignal(opened.session.picture_ready, timeout=10_000):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_failed_open_says_so_in_a_message_with_copy(qtbot, opened, tmp_path):
    opened.session.open_path(tmp_path / "nothing.mp4")
    qtbot.waitUntil(lambda: len(opened.toasts.toasts) == 1, timeout=5000)
    toast = opened.toasts.toasts[0]
    assert "nothing.mp4" in toast.text.text() and toast.isVisible()
    assert toast.button is not None
    qtbot.mouseClick(toast.button, Qt.MouseButton.LeftButton)
    assert "nothing.mp4" in QApplication.clipboard().text()
    assert opened.toasts.toasts == [] and opened.session.video is not None


# ---- moving -----------------------------------------------------------------------------------------------------------


def test_keys_move_by_what_they_say(qtbot, opened):
    session = opened.session
    for key, modifiers, frame in (
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, 1), (Qt.Key.Key_D, Qt.KeyboardModifier.NoModifier, 2),
        (Qt.Key.Key_Right, CTRL, 12), (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, 11),
        (Qt.Key.Key_End, Qt.KeyboardModifier.NoModifier, 39), (Qt.Key.Key_Home, Qt.KeyboardModifier.NoModifier, 0),
        (Qt.Key.Key_PageDown, Qt.KeyboardModifier.NoModifier, 39), (Qt.Key.Key_A, Qt.KeyboardModifier.NoModifier, 38),
    ):  # fmt: skip
        press(opened, key, modifiers)
        assert session.frame == frame
    qtbot.waitUntil(lambda: session.picture[0] == 38, timeout=5000)
    assert read_number(session.picture[1]) == 38


def test_a_tap_is_one_frame_and_a_held_key_goes_on_until_it_is_let_go(qtbot, opened):
    session = opened.session
    target = opened.focusWidget() or opened
    QTest.keyClick(target, Qt.Key.Key_Right)
    QTest.qWait(HeldKey.FIRST_MS + 150)
    assert session.frame == 1
    QTest.keyPress(target, Qt.Key.Key_Right)
    assert session.frame == 2, "at once, not after a delay"
    qtbot.waitUntil(lambda: session.frame >= 5, timeout=10_000)
    QTest.keyRelease(target, Qt.Key.Key_Right)
    stopped = session.frame
    QTest.qWait(HeldKey.SLOW_MS + 150)
    assert session.frame == stopped


def test_a_held_key_repeats_ever_faster(qtbot, opened, monkeypatch):
    held = opened.keys.findChild(HeldKey)
    waits: list[int] = []
    monkeypatch.setattr(held._timer, "start", waits.append)
    calls: list[int] = []
    held.begin(int(Qt.Key.Key_Right), lambda: calls.append(1))
    for _ in range(20):
        held._again()
    assert waits[0] == 400 and waits[1] == 180 and waits[6] == 100 and waits[-1] == 40
    assert all(b <= a for a, b in pairwise(waits)) and len(calls) == 21
    held.end()


def test_losing_the_keyboard_ends_a_held_key(qtbot, opened):
    held = opened.keys.findChild(HeldKey)
    calls: list[int] = []
    held.begin(int(Qt.Key.Key_Right), lambda: calls.append(1))
    QApplication.sendEvent(opened, QEvent(QEvent.Type.WindowDeactivate))
    QTest.qWait(500)
    assert calls == [1]


def test_space_plays_and_pauses(qtbot, opened):
    opened.canvas.setFocus()
    press(opened, Qt.Key.Key_Space)
    assert opened.session.playing
    qtbot.waitUntil(lambda: opened.session.frame > 3, timeout=5000)
    press(opened, Qt.Key.Key_Space)
    assert not opened.session.playing


def test_the_transport_bar_follows_and_leads(qtbot, opened):
    session, bar = opened.session, opened.transport
    session.go_to(10)
    assert bar.frame_box.value() == 10
    qtbot.mouseClick(bar.findChild(type(bar._buttons["on"]), "transport_on"), Qt.MouseButton.LeftButton)
    assert session.frame == 11
    bar.frame_box.setFocus()
    bar.frame_box.setValue(33)
    QTest.keyClick(bar.frame_box, Qt.Key.Key_Return)
    assert session.frame == 33
    slider = bar.findChild(FrameSlider)
    for frame in (0, 7, 20, 39):
        qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(round(slider.x_of(frame)), slider.height() // 2))
        assert session.frame == frame


def test_go_to_frame_takes_numbers_and_times(qtbot, opened):
    session = opened.session
    for text, frame in (("17", 17), ("0:00.4", 10), ("0:99", 39)):
        press(opened, Qt.Key.Key_G, CTRL)
        dialog = next(d for d in opened.dialogs if isinstance(d, GoToFrame))
        dialog.line.setText(text)
        QTest.keyClick(dialog.line, Qt.Key.Key_Return)
        assert session.frame == frame
    assert parse_place("40", session.times) == "This video has frames 0 to 39."
    assert "frame number" in str(parse_place("soon", session.times))


def test_times_are_written_as_people_read_them():
    assert time_text(4.266) == "00:04.266"
    assert time_text(59.9999) == "01:00.000"
    assert time_text(3723.5) == "1:02:03.500"


# ---- editing by key ---------------------------------------------------------------------------------------------------


def test_arrows_move_a_selected_joint_and_undo_takes_it_back(qtbot, opened):
    track = add_person(qtbot, opened)

    def x() -> float:
        return float(opened.session.poses(0)[track].keypoints[9][0])

    press(opened, Qt.Key.Key_Right)
    press(opened, Qt.Key.Key_Right, SHIFT)
    settle(qtbot, opened)
    assert x() == 91.0 and opened.session.frame == 0
    press(opened, Qt.Key.Key_Z, CTRL)
    settle(qtbot, opened)
    assert x() == 81.0
    press(opened, Qt.Key.Key_Y, CTRL)
    press(opened, Qt.Key.Key_Z, CTRL)
    press(opened, Qt.Key.Key_Z, CTRL | SHIFT)
    settle(qtbot, opened)
    assert x() == 91.0
    press(opened, Qt.Key.Key_Escape)
    assert opened.session.selected_joint is None and opened.session.selected_track == track
    press(opened, Qt.Key.Key_Right)
    assert opened.session.frame == 1, "without a joint the arrows go through the frames"


def test_keys_say_visibility_accept_and_delete(qtbot, opened):
    track = add_person(qtbot, opened)
    session = opened.session
    press(opened, Qt.Key.Key_O)
    settle(qtbot, opened)
    assert session.poses(0)[track].visibility[9] == 1
    press(opened, Qt.Key.Key_Return)
    settle(qtbot, opened)
    assert session.poses(0)[track].accepted
    press(opened, Qt.Key.Key_Delete)
    settle(qtbot, opened)
    assert track not in session.poses(0)
    press(opened, Qt.Key.Key_Z, CTRL)
    settle(qtbot, opened)
    assert session.poses(0)[track].accepted


def test_a_key_that_cannot_act_says_why(opened):
    press(opened, Qt.Key.Key_Delete)
    assert "Select a person" in opened.status.currentMessage()


def test_digits_and_tab_select(qtbot, opened):
    track = add_person(qtbot, opened)
    opened.session.select(None)
    press(opened, Qt.Key.Key_1)
    assert opened.session.selected_track == track and opened.session.selected_joint is None
    press(opened, Qt.Key.Key_Tab)
    assert opened.session.selected_joint == 0
    press(opened, Qt.Key.Key_Backtab, SHIFT)
    assert opened.session.selected_joint == 14


def test_the_edit_menu_names_what_it_would_undo(qtbot, opened):
    add_person(qtbot, opened)
    opened.menus.refresh("Edit")
    _, entry = opened.menus.entries["edit.undo"]
    assert entry.text().startswith("Undo move ") and entry.isEnabled()
    _, redo = opened.menus.entries["edit.redo"]
    assert not redo.isEnabled() and redo.toolTip() == "There is nothing to redo."


def test_ctrl_s_says_where_everything_is(opened):
    press(opened, Qt.Key.Key_S, CTRL)
    toast = opened.toasts.toasts[-1]
    assert "All changes are saved in" in toast.text.text() and str(opened.session.project.path) in toast.text.text()
    assert toast.button is not None and toast.button.text() == "Save a copy as…"


def test_a_copy_of_an_open_project_is_whole(qtbot, opened, tmp_path):
    from app.labels.project import Project

    track = add_person(qtbot, opened)
    opened.files.copy_to(tmp_path / "copy")
    settle(qtbot, opened)
    with Project.open(tmp_path / "copy.glsproj") as copy:
        assert tuple(copy.poses(0)[track].keypoints[9]) == (80.0, 90.0) and copy.can_undo


# ---- errors, theme, layout --------------------------------------------------------------------------------------------


def test_an_error_nobody_expected_becomes_a_message_and_work_goes_on(qtbot, opened, monkeypatch, capsys):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    catcher = ErrorCatcher(opened.session.message.emit, opened)
    catcher.install()

    def fail() -> None:
        raise ZeroDivisionError("a test")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: bool(opened.toasts.toasts), timeout=5000)
    toast = opened.toasts.toasts[-1]
    assert "ZeroDivisionError" in toast.text.text() and toast.button.text() == "Copy details"
    press(opened, Qt.Key.Key_Right)
    assert opened.session.frame == 1
    assert "Traceback" in capsys.readouterr().err


def test_at_most_three_messages_and_none_twice(opened):
    for text in ("a", "b", "a", "c", "d", "e"):
        opened.session.tell(text)
    assert [toast.message.text for toast in opened.toasts.toasts] == ["c", "d", "e"]


def luminance(colour: str) -> float:
    def linear(v: float) -> float:
        return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4

    c = QColor(colour)
    return 0.2126 * linear(c.redF()) + 0.7152 * linear(c.greenF()) + 0.0722 * linear(c.blueF())


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_has_a_contrast_of_at_least_four_and_a_half(name):
    c = theme.COLORS[name]
    pairs = [(text, ground) for text in (c.text, c.muted) for ground in (c.window, c.surface, c.raised, c.hover)]
    pairs += [(c.on_accent, c.accent), (c.canvas_text, c.canvas)]
    pairs += [(mark, ground) for mark in (c.accent, c.warning, c.error, c.ok) for ground in (c.window, c.surface, c.raised)]
    for text, ground in pairs:
        high, low = sorted((luminance(text), luminance(ground)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)


def test_the_theme_switches_live(qtbot, opened, monkeypatch):
    opened.set_scheme("dark")
    assert theme.is_dark() and opened.palette().window().color() == QColor(theme.DARK.window)
    opened.set_scheme("light")
    assert opened.palette().window().color() == QColor(theme.LIGHT.window)
    opened.set_scheme("system")
    hints = QGuiApplication.styleHints()
    try:
        # The platform of the tests has no light or dark; what it would say is said in its place.
        for scheme, colours in ((Qt.ColorScheme.Dark, theme.DARK), (Qt.ColorScheme.Light, theme.LIGHT)):
            says = SimpleNamespace(colorScheme=lambda scheme=scheme: scheme)
            monkeypatch.setattr(theme, "QGuiApplication", SimpleNamespace(styleHints=lambda says=says: says))
            hints.colorSchemeChanged.emit(scheme)  # the system changes while the window is open
            assert opened.palette().window().color() == QColor(colours.window)
    finally:
        monkeypatch.undo()
        theme.theme().refresh()


def test_the_layout_is_remembered(qtbot, window):
    window.resize(760, 560)
    window.close()
    again = make_window()
    qtbot.addWidget(again)
    assert (again.width(), again.height()) == (760, 560)
    again.close()


def test_torch_is_not_imported_before_the_first_picture_is_on_screen(small_video, tmp_path):
    code = """
import sys
from PySide6.QtCore import QTimer
from app.ui.application import make_application, make_window
app = make_application([])
window = make_window(sys.argv[1])
def shown(frame, picture):
    print("torch" in sys.modules, "app.inference.engine" in sys.modules)
    window.session.model.set_while_working(False)
    window.close()
    app.quit()
window.session.picture_ready.connect(shown)
QTimer.singleShot(20000, lambda: (print("late"), app.quit()))
app.exec()
"""
    out = subprocess.run(
        [sys.executable, "-c", code, str(small_video)], capture_output=True, text=True, cwd=ROOT, timeout=60,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert out.stdout.split() == ["False", "False"], out.stderr


def test_closing_writes_what_is_queued(qtbot, opened, small_video):
    from app.labels.project import Project

    track = add_person(qtbot, opened)
    for _ in range(20):
        press(opened, Qt.Key.Key_Right)
    opened.close()
    with Project.open(small_video.with_suffix(".glsproj")) as project:
        assert project.poses(0)[track].keypoints[9][0] == 100.0


def test_actions_can_carry_their_reason():
    action = Action("x", "X", "File", lambda w: None, why_not=lambda w: "No.")
    assert action.why_not(None) == "No."  # type: ignore[arg-type]
    assert Path(DEFAULT_KEYMAP).is_file()


def test_the_picture_stays_where_it_is_when_work_starts(qtbot, opened):
    """A bar that grows when the model starts would move the picture under a hand that drags a joint."""
    from app.inference.status import EngineStatus

    before = opened.canvas.size()
    status = EngineStatus(state="running", model="GLSMamba-T", device="CPU", done=3, total=40, windows_per_s=4.2, eta_s=200.0)
    opened.session.model.status = status
    opened.session.model.changed.emit(status)
    qtbot.waitUntil(lambda: opened.work.text.isVisible())
    qtbot.wait(50)
    assert opened.canvas.size() == before
    right = opened.work.mapTo(opened, opened.work.rect().topRight())
    assert opened.width() - 3 <= right.x() <= opened.width()
    assert opened.work.width() >= opened.work.sizeHint().width()

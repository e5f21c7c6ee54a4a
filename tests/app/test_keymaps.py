"""Key maps as files, finding actions by a few letters, and the command palette, the sheet and the keys on the real window."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QToolButton, QWidget

from app.ui.actions.fuzzy import Match, Wanted, best_match, match, ranked
from app.ui.actions.in_force import in_force
from app.ui.actions.keymap import KeymapError, resolve
from app.ui.actions.keymaps import SHIPPED, changed_keys, find_map, free_path, own_folder, read_map, write_map
from app.ui.actions.keys import belongs_to_widget
from app.ui.actions.table import actions
from app.ui.application import make_application, make_window
from app.ui.dialogs.palette import _ENTRY
from app.ui.main_window import MainWindow
from app.ui.settings import settings as app_settings

ACTIONS = actions()
IDS = [action.id for action in ACTIONS]
NO_LIMIT = settings(deadline=None, max_examples=60)


# ---- finding ---------------------------------------------------------------------------------------------------------


def _slow_score(places: tuple[int, ...], text: str) -> int:
    """Points of one way to lay letters, straight from the rules."""
    points = 0
    for k, i in enumerate(places):
        begins = i == 0 or not text[i - 1].isalnum() or (text[i].isupper() and not text[i - 1].isupper())
        points += 1 + 8 * begins + 2 * (i == 0) + 6 * (k > 0 and places[k - 1] == i - 1)
    return points


@NO_LIMIT
@given(st.text("abC .", max_size=4), st.text("aBc d.", max_size=9))
def test_letters_are_found_in_the_best_of_all_ways(typed: str, text: str) -> None:
    ways = [
        places
        for places in itertools.combinations(range(len(text)), len(typed))
        if all(text[i].lower() == letter.lower() for i, letter in zip(places, typed, strict=True))
    ]
    found = match(typed, text)
    if not ways:
        assert found is None
    else:
        assert found is not None and found.places in ways
        assert found.score == _slow_score(found.places, text) == max(_slow_score(places, text) for places in ways)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("gtf", "Go to frame…"), ("swp leg", "Swap legs"), ("frame next", "Next frame"), ("undo", "Undo"),
        ("ctrl+g", "Go to frame…"), ("heat map all", "All joints"), ("spread", "Spread the correction"),
    ],
)  # fmt: skip
def test_a_few_letters_lead_to_the_action(typed: str, first: str) -> None:
    keys = find_map("default", ACTIONS).keys
    among = [Wanted(action.title, (action.menu, *keys.get(action.id, ()), action.tip)) for action in ACTIONS]
    assert among[ranked(typed, among)[0][0]].title == first


def test_scattered_letters_are_chance() -> None:
    assert match("xz", "x" + "." * 40 + "z") is not None and best_match("xz", "x" + "." * 40 + "z") is None
    assert best_match("", "Undo") == Match(0, ())


# ---- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("id", SHIPPED)
def test_shipped_maps_take_no_key_away_unsaid(id: str) -> None:
    keymap, default = find_map(id, ACTIONS), find_map("default", ACTIONS)
    resolve(ACTIONS, keymap.keys)
    assert keymap.lost == () and set(keymap.keys) == set(default.keys)
    assert all(keymap.keys[action] for action, keys in default.keys.items() if keys)
    assert keymap.keys["edit.escape"][0] == "Esc"


def test_shipped_maps_have_the_keys_of_those_programs() -> None:
    def meanings(id: str, key: str) -> list[str]:
        return [action.id for action in resolve(ACTIONS, find_map(id, ACTIONS).keys)[key]]

    assert meanings("sleap", "Ctrl+Backspace") == ["people.delete"] and meanings("sleap", "Ctrl+T") == ["people.exchange"]
    assert meanings("sleap", "Space") == ["review.next"] and meanings("sleap", "Ctrl+Alt+Left") == ["go.previous_100"]
    assert meanings("cvat", "F") == ["go.next"] and meanings("cvat", "D") == ["go.previous"]
    assert meanings("cvat", "N") == ["people.add"] and meanings("cvat", "Alt+M") == ["people.split"]
    assert meanings("labelme", "D") == ["go.next"] and meanings("labelme", "A") == ["go.previous"]
    assert meanings("labelme", "Ctrl+N") == ["regions.draw"] and meanings("labelme", "Ctrl+F") == ["view.fit"]


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "map.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[keys]\n"go.next" = ["J"]\n"go.previous" = ["J"]', 'J is given to both "Next frame" and "Previous frame"'),
        ('[keys]\n"go.next" = ["Shift"]', "alone is no key"),
        ('[keys]\n"go.next" = ["Esc"]', "Esc always puts back"),
        ('[keys]\n"go.next" = ["Meta+N"]', "belong to the desktop"),
        ('[keys]\n"go.nowhere" = []', "go.nowhere"),
        ('base = "vim"\n[keys]', 'based on "vim"'),
        ("name = 3\n[keys]", "name"),
        ("[keys\n", "not valid TOML"),
        ("a = " + "[" * 5000, "not valid TOML"),
    ],
)
def test_a_map_that_cannot_work_says_why_in_one_sentence(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(KeymapError) as caught:
        read_map(_file(tmp_path, text), ACTIONS)
    assert reason in str(caught.value) and "map.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_no_text_at_all_is_refused_as_well(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_bytes(b"\xff\xfe\x00[keys]")
    with pytest.raises(KeymapError, match="UTF-8"):
        read_map(path, ACTIONS)
    with pytest.raises(KeymapError, match="can't be read"):
        read_map(tmp_path / "none.toml", ACTIONS)


def test_what_a_file_says_wins_over_its_base_and_says_so(tmp_path: Path) -> None:
    keymap = read_map(_file(tmp_path, 'name = "Mine"\nbase = "cvat"\n[keys]\n"go.last" = ["S", "F"]'), ACTIONS)
    assert keymap.name == "Mine" and keymap.base is not None and keymap.base.id == "cvat"
    assert keymap.keys["go.last"] == ("S", "F") and keymap.keys["go.next"] == ("Right",)
    assert keymap.lost == ('"Next frame" lost the key F to "Last frame".',)
    assert keymap.keys["people.split"] == ("Alt+M",)  # a person's S would be another scope anyhow


_KEYS = st.sampled_from(["J", "Ctrl+J", "\\", '"', "'", "Ctrl+[", "Shift+F5", "Ä", "Alt+#", "Ctrl+Alt+End"])


@settings(deadline=None, max_examples=12)
@given(st.dictionaries(st.sampled_from(IDS), st.lists(_KEYS, max_size=3, unique=True), max_size=5), st.text(max_size=20))
def test_a_written_map_is_read_back_the_same(tmp_path_factory: pytest.TempPathFactory, changes: dict, name: str) -> None:
    path = tmp_path_factory.mktemp("maps") / "mine.toml"
    base = find_map("sleap", ACTIONS)
    start = read_map(_file(path.parent, 'name = "Mine"\nbase = "sleap"\n[keys]'), ACTIONS)
    try:
        keymap = changed_keys(start, {action: tuple(keys) for action, keys in changes.items()}, ACTIONS)
        keymap = replace(keymap, name=name.strip() or "Mine")
    except KeymapError:
        return
    write_map(keymap, path)
    again = read_map(path, ACTIONS)
    assert again.given == keymap.given and again.keys == keymap.keys and again.base == base and again.name == keymap.name
    write_map(keymap, path, ACTIONS)  # for somebody else: every action is named
    again = read_map(path, ACTIONS)
    assert {a: k for a, k in again.keys.items() if k} == {a: k for a, k in keymap.keys.items() if k}
    assert set(again.given) == set(IDS)


def test_a_file_keeps_its_comments_and_is_whole_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _file(tmp_path, '# mine since 2024\nname = "Mine"\n[keys]\n"go.next" = ["J"]  # like in vi\n"go.last" = ["S"]\n')
    keymap = changed_keys(read_map(path, ACTIONS), {"go.last": None, "go.first": ("Ctrl+F7",)}, ACTIONS)
    write_map(keymap, path)
    text = path.read_text("utf-8")
    assert "# mine since 2024" in text and "# like in vi" in text
    assert tomllib.loads(text)["keys"] == {"go.next": ["J"], "go.first": ["Ctrl+F7"]}

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_map(changed_keys(keymap, {"go.next": ("Q",)}, ACTIONS), path)
    assert path.read_text("utf-8") == text and sorted(p.name for p in tmp_path.iterdir()) == ["map.toml"]


def test_own_maps_get_names_that_are_free() -> None:
    first = free_path("My SLEAP")
    assert first == own_folder() / "my-sleap.toml"
    first.parent.mkdir(parents=True)
    first.write_text("[keys]")
    assert free_path("My SLEAP").name == "my-sleap-2.toml" and free_path("//..//").name == "keys.toml"
    with pytest.raises(KeymapError):
        find_map("own/../../evil", ACTIONS)


# ---- on the real window ----------------------------------------------------------------------------------------------

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def program(isolated_settings) -> Iterator[None]:
    app_settings().setValue("model/predict_while_working", False)
    app_settings().setValue("hints/dismissed", True)
    make_application()
    default = find_map("default", ACTIONS).keys
    yield
    in_force().use(default)


@pytest.fixture
def window(qtbot, program, small_video) -> Iterator[MainWindow]:
    made = make_window()
    qtbot.addWidget(made)
    qtbot.waitExposed(made)
    made.activateWindow()
    with qtbot.waitSignal(made.session.picture_ready, timeout=10_000):
        made.session.open_path(small_video)
    yield made
    made.close()


def press(window: MainWindow, key: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    window.activateWindow()
    QApplication.processEvents()
    QTest.keyClick(window.focusWidget() or window, key, held)


def test_the_palette_finds_does_greys_and_remembers(qtbot, window) -> None:
    press(window, Qt.Key.Key_P, CTRL | SHIFT)
    palette = window.dialogs[-1]
    QTest.keyClicks(palette.line, "go fr")
    first = palette.list.currentIndex().data(_ENTRY)
    assert (first.title, first.menu, first.keys, first.reason) == ("Go to frame…", "Go", "Ctrl+G", "")
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    assert not palette.isVisible() and type(window.dialogs[-1]).__name__ == "GoToFrame"
    window.dialogs[-1].close()

    press(window, Qt.Key.Key_P, CTRL | SHIFT)
    palette = window.dialogs[-1]
    recent = palette.list.currentIndex().data(_ENTRY)
    assert recent.action.id == "go.frame" and recent.recent and not palette.line.text()
    QTest.keyClicks(palette.line, "swap legs")
    grey = palette.list.currentIndex().data(_ENTRY)
    assert grey.action.id == "people.swap_legs" and grey.reason.startswith("Select a person first")
    QTest.keyClick(palette.line, Qt.Key.Key_Return)  # stays, and says why
    assert palette.isVisible() and window.status.currentMessage().startswith("Select a person first")
    palette.line.setText("zzzz")
    assert palette.nothing.isVisible() and "zzzz" in palette.nothing.text() and not palette.list.isVisible()
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    palette.line.clear()
    QTest.keyClick(palette.line, Qt.Key.Key_Down)
    QTest.keyClick(palette.line, Qt.Key.Key_Up)
    QTest.keyClick(palette.line, Qt.Key.Key_Up)  # round to the last
    assert palette.list.currentIndex().row() == palette.model.rowCount() - 1
    QTest.keyClick(palette.line, Qt.Key.Key_Escape)
    assert not palette.isVisible() and window.session.frame == 0


def test_another_map_is_in_force_everywhere_at_once(qtbot, window) -> None:
    press(window, Qt.Key.Key_F1)
    sheet = window.dialogs[-1]
    QTest.mouseClick(sheet.change, Qt.MouseButton.LeftButton)
    dialog = window.dialogs[-1]
    assert [dialog.maps.itemText(i) for i in range(4)] == ["Default", "SLEAP", "CVAT", "labelme"]
    dialog.maps.setCurrentIndex(2)
    dialog.maps.activated.emit(2)
    qtbot.waitUntil(lambda: window.keymap.current.id == "cvat", timeout=10_000)
    press(window, Qt.Key.Key_F)
    assert window.session.frame == 1
    press(window, Qt.Key.Key_V)
    assert window.session.frame == 11
    press(window, Qt.Key.Key_D)
    assert window.session.frame == 10
    assert window.menus.entries["go.next"][1].text() == "Next frame\tF"
    assert window.menus.menus["Model"].title() == "Model" and window.menus.menus["File"].title() == "&File"
    assert "(F or Right)" in window.transport.findChild(QToolButton, "transport_on").toolTip()
    sheet.search.setText("next frame")
    rows = [sheet.tree.topLevelItem(i) for i in range(sheet.tree.topLevelItemCount())]
    shown = [row.child(j) for row in rows for j in range(row.childCount()) if not row.child(j).isHidden()]
    assert ("Next frame", "F,  Right") in [(row.text(0), row.text(1)) for row in shown]
    assert any("press N and draw a box" in label.text() for label in window.docks["people"].findChildren(QLabel))
    assert any("F1" in label.text() and "Ctrl+Z" in label.text() for label in window.hints.findChildren(QLabel))
    assert any("D and F" in label.text() for label in window.hints.findChildren(QLabel))

    in_force().use({})  # no action has a key: no text may name one
    texts = [widget.toolTip() for widget in window.findChildren(QWidget)]
    texts += [label.text() for label in window.findChildren(QLabel) if label.window() is window]
    texts += [entry.text() + "\n" + entry.toolTip() for _action, entry in window.menus.entries.values()]
    texts += [action.why_not(window) for action in ACTIONS] + [window.session.locked_words(0)]
    named = re.compile(r"(?!Esc|F2)(\b(Ctrl|Shift|Alt)\+\S|\bF\d|\b[Pp]ress(es)? (the )?[A-Z0-9]|\([A-Z]\)|\t)")
    assert [text for text in texts if named.search(text.replace("press F2", ""))] == []
    window.close()

    again = make_window()
    qtbot.addWidget(again)
    assert again.menus.menus["Model"].title() == "Model"  # Alt+M divides there
    assert again.keymap.current.id == "cvat" and in_force().keys["go.next"] == ("F", "Right")
    again.close()


def test_keys_are_changed_refused_taken_reset_and_taken_back(qtbot, window) -> None:
    window.menus.entries["help.remap"][1].trigger()
    dialog = window.dialogs[-1]
    qtbot.waitExposed(dialog)
    field = dialog.field
    dialog.choose_action("go.last")

    def saved() -> dict:
        paths = list(own_folder().glob("*.toml")) if own_folder().is_dir() else []
        return tomllib.loads(paths[0].read_text("utf-8")) if len(paths) == 1 else {}

    for code, held, words in (
        (Qt.Key.Key_Shift, Qt.KeyboardModifier.NoModifier, "Shift alone is no key"),
        (Qt.Key.Key_F2, Qt.KeyboardModifier.NoModifier, "F2 renames"),
        (Qt.Key.Key_G, CTRL, "Ctrl+G belongs to “Go to frame” (Go)"),
    ):
        QTest.keyClick(field, code, held)
        assert dialog.note.text().startswith(words) and window.keymap.current.id == "default"
    assert dialog.take.isVisible()
    QTest.mouseClick(dialog.take, Qt.MouseButton.LeftButton)
    assert window.keymap.current.name == "My keys" and window.keymap.current.keys["go.frame"] == ()
    press(window, Qt.Key.Key_G, CTRL)
    assert window.session.frame == 39
    qtbot.waitUntil(lambda: saved().get("keys") == {"go.last": ["Ctrl+G", "End"], "go.frame": []}, timeout=10_000)

    QTest.keyClick(field, Qt.Key.Key_Question, SHIFT)  # as a keyboard tells of ?: that is help
    assert "? belongs to" in dialog.note.text()
    QTest.keyClick(field, Qt.Key.Key_Tab, CTRL | Qt.KeyboardModifier.AltModifier)
    assert window.keymap.current.keys["go.last"][0] == "Ctrl+Alt+Tab"
    chip = next(button for button in dialog.findChildren(QToolButton) if button.text() == "End" and button.isVisible())
    QTest.mouseClick(chip, Qt.MouseButton.LeftButton)
    assert window.keymap.current.keys["go.last"] == ("Ctrl+Alt+Tab", "Ctrl+G")
    dialog.choose_action("go.frame")
    QTest.mouseClick(dialog.reset, Qt.MouseButton.LeftButton)  # its key is another's now
    assert "Ctrl+G belongs to “Last frame”" in dialog.note.text()
    QTest.mouseClick(dialog.take, Qt.MouseButton.LeftButton)
    assert window.keymap.current.keys["go.frame"] == ("Ctrl+G",)
    QTest.mouseClick(dialog.reset_all, Qt.MouseButton.LeftButton)
    assert window.keymap.current.keys == window.keymap.default.keys and not dialog.reset_all.isEnabled()
    QTest.mouseClick(dialog.undo, Qt.MouseButton.LeftButton)
    assert window.keymap.current.keys["go.last"] == ("Ctrl+Alt+Tab",)
    qtbot.waitUntil(lambda: saved().get("keys") == {"go.last": ["Ctrl+Alt+Tab"]}, timeout=10_000)

    # A joint's key and the window's may be the same: the dialog says which counts when.
    dialog.choose_action("go.first")
    QTest.keyClick(field, Qt.Key.Key_V)
    assert "first that is possible counts: “Joint is visible”, else “First frame”" in dialog.note.text()

    out = own_folder().parent / "shared.toml"
    dialog.export_to(out)
    qtbot.waitUntil(lambda: dialog.note.text() == f"Written to {out}.", timeout=10_000)
    mine = window.keymap.current.path
    mine.write_text("# by me\n" + mine.read_text("utf-8"), "utf-8")
    QTest.mouseClick(dialog.remove, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not list(own_folder().glob("*.toml")), timeout=10_000)
    assert window.keymap.current.id == "default"
    QTest.mouseClick(dialog.undo, Qt.MouseButton.LeftButton)  # even a file that was removed comes back
    qtbot.waitUntil(lambda: saved().get("name") == "My keys" and "# by me" in mine.read_text("utf-8"), timeout=10_000)
    QTest.mouseClick(dialog.remove, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not mine.exists(), timeout=10_000)
    out.write_text(out.read_text("utf-8") + '"go.nowhere" = ["J"]\n', "utf-8")
    dialog.import_from(out)
    qtbot.waitUntil(lambda: "go.nowhere" in dialog.note.text(), timeout=10_000)
    assert window.keymap.current.id == "default"
    out.write_text(out.read_text("utf-8").replace('"go.nowhere" = ["J"]\n', ""), "utf-8")
    dialog.import_from(out)
    qtbot.waitUntil(lambda: window.keymap.current.own, timeout=10_000)
    assert window.keymap.current.keys["go.first"] == ("V", "Home")


def test_a_map_edited_by_hand_while_the_program_runs_is_taken_over_and_never_overwritten(qtbot, window) -> None:
    keymap, said = window.keymap, []
    window.session.message.connect(lambda message: said.append(message.text))
    keymap.change({"go.last": ("Ctrl+Alt+L",)})
    path = keymap.current.path
    qtbot.waitUntil(path.exists, timeout=10_000)
    qtbot.waitUntil(lambda: not keymap._writing, timeout=10_000)
    text = path.read_text("utf-8")
    by_hand = text.replace("Ctrl+Alt+L", "Ctrl+Alt+M") + "# mine\n"
    path.write_text(by_hand, "utf-8")
    qtbot.waitUntil(lambda: keymap.current.keys["go.last"] == ("Ctrl+Alt+M",), timeout=10_000)
    press(window, Qt.Key.Key_M, CTRL | Qt.KeyboardModifier.AltModifier)
    assert window.session.frame == 39
    assert any("changed by another program" in text for text in said)
    keymap.change({"go.first": ("Ctrl+Alt+H",)})
    qtbot.waitUntil(lambda: "Ctrl+Alt+H" in path.read_text("utf-8"), timeout=10_000)
    assert "# mine" in path.read_text("utf-8") and "Ctrl+Alt+M" in path.read_text("utf-8")
    qtbot.waitUntil(lambda: not keymap._writing, timeout=10_000)

    # Saved as editors do, by a file that takes its place; and broken: one sentence, the keys stay, the text is kept.
    other = path.with_name("other")
    other.write_text("keys = [broken", "utf-8")
    other.replace(path)
    qtbot.waitUntil(lambda: any("not valid TOML" in text and "stay as they were" in text for text in said), timeout=10_000)
    assert keymap.current.keys["go.last"] == ("Ctrl+Alt+M",)
    keymap.change({"go.first": ("Ctrl+Alt+G",)})
    qtbot.waitUntil(lambda: "Ctrl+Alt+G" in path.read_text("utf-8"), timeout=10_000)
    assert path.with_name(path.name + "~").read_text("utf-8") == "keys = [broken"


def test_a_broken_map_at_the_start_is_one_sentence_and_the_default_keys(qtbot, program, tmp_path) -> None:
    own_folder().mkdir(parents=True)
    (own_folder() / "mine.toml").write_text("[keys\n")
    app_settings().setValue("keys/map", "own/mine")
    made = make_window()
    qtbot.addWidget(made)
    said = []
    made.session.message.connect(said.append)
    qtbot.waitUntil(lambda: bool(said), timeout=10_000)
    assert len(said) == 1 and "not valid TOML" in said[0].text and said[0].text.endswith("The default keys are used.")
    assert in_force().keys["go.next"] == ("Right", "D")
    assert (own_folder() / "mine.toml").read_text() == "[keys\n" and app_settings().value("keys/map") == "own/mine"
    made.close()


def test_a_field_one_types_in_keeps_its_keys(qtbot, window) -> None:
    window.keymap.change({"go.last": ("Q", "Ctrl+Alt+Q"), "go.frame": ("1",)})
    box = window.transport.frame_box
    box.setFocus()
    line = box.findChild(QLineEdit)
    line.selectAll()
    QTest.keyClicks(line, "1q2")
    assert box.text() == "12" and window.session.frame == 0 and not window.dialogs
    at = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Q, CTRL | Qt.KeyboardModifier.AltModifier, "@")
    assert belongs_to_widget(line, at)  # AltGr, as Windows tells of it: it writes a sign
    assert not belongs_to_widget(line, QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Q, CTRL, ""))

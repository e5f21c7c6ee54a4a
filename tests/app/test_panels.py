"""The docks beside the picture, clicked and typed in on the real window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hands import CTRL, LEFT, PLAIN, key, wait_until
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QTableView

from app.inference.answers import PersonActivation
from app.labels import edits
from app.labels.pose import Pose, Provenance, Visibility
from app.ui import theme
from app.ui.application import make_application, make_window
from app.ui.main_window import MainWindow
from app.ui.palettes import PALETTES
from app.ui.panels.envelope import Envelope, thinned
from app.ui.panels.people import nearest_frame
from app.ui.panels.scrolled import Scrolled
from app.ui.panels.tiles import Tile, Tiles, tile_image
from app.ui.panels_table import PANELS
from app.ui.settings import settings
from glsmamba.data.skeletons import POSETRACK15
from glsmamba.map_pictures import laid_over, scale_of
from glsmamba.maps import ActivationMaps, MapKind

WRIST = POSETRACK15.index("left_wrist")
SHAPE = np.array(
    [[0, -62], [0, -50], [0, -80], [13, -45], [-13, -45], [20, -22], [-20, -22], [22, 0], [-22, 0], [9, 0], [-9, 0], [10, 35],
     [-10, 35], [11, 70], [-11, 70]], float,
)  # fmt: skip


def standing(x: float) -> Pose:
    return Pose(
        SHAPE + np.array([x, 130.0]), np.full(15, 2), np.linspace(0.4, 0.9, 15), np.full(15, Provenance.MODEL),
        box=(x - 30, 40, 60, 170), score=0.9, model="T",
    )  # fmt: skip


@pytest.fixture
def window(qtbot, small_video: Path) -> Iterator[MainWindow]:
    settings().setValue("model/predict_while_working", False)
    settings().setValue("hints/dismissed", True)
    make_application()
    made = make_window()
    qtbot.addWidget(made)
    made.resize(1200, 800)
    with qtbot.waitSignal(made.session.picture_ready, timeout=10_000):
        made.session.open_path(small_video)
    project = made.session.project
    for frame in range(40):
        people = {1: standing(90.0)}
        if 10 <= frame < 20:
            people[2] = standing(220.0)
        project.store_predictions(frame, people)
    qtbot.waitUntil(lambda: len(made.session.poses(0)) == 1)
    yield made
    made.close()


def panel(window: MainWindow, name: str):
    dock = window.docks[name]
    dock.show()
    dock.raise_()
    wait_until(lambda: dock.widget().on_screen, f"{name} on screen", 10)
    for _ in range(3):
        QApplication.processEvents()
    return dock.widget()


def click(table: QTableView, row: int, column: int = 0, double: bool = False) -> None:
    at: QPoint = table.visualRect(table.model().index(row, column)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    if double:
        QTest.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)


def column(table: QTableView, n: int) -> list[str]:
    model = table.model()
    return [model.index(row, n).data() for row in range(model.rowCount())]


def test_every_panel_says_what_to_do_while_there_is_nothing(qtbot) -> None:
    settings().setValue("hints/dismissed", True)
    make_application()
    empty = make_window()
    qtbot.addWidget(empty)
    for spec in PANELS:
        page = panel(empty, spec.id)
        wait_until(lambda page=page: len(page.words) > 15, f"words of {spec.id}", 10)
    empty.close()


# ---- people ----------------------------------------------------------------------------------------------------------------


def test_a_click_on_a_person_selects_and_goes_to_the_nearest_frame_with_them(qtbot, window) -> None:
    people = panel(window, "people")
    qtbot.waitUntil(lambda: people.model.rowCount() == 2)
    assert column(people.table, 0) == ["Person 1", "Person 2"]
    assert column(people.table, 1) == ["predicted", ""]
    assert column(people.table, 2) == ["40", "10"]
    click(people.table, 1)
    assert window.session.selected_track == 2 and window.session.frame == 10
    qtbot.waitUntil(lambda: column(people.table, 1)[1] == "predicted")
    window.session.select(1)
    assert people.table.currentIndex().row() == 0


def test_a_person_is_renamed_in_the_table_and_the_name_is_undone(qtbot, window) -> None:
    people = panel(window, "people")
    qtbot.waitUntil(lambda: people.model.rowCount() == 2)
    click(people.table, 0, double=True)
    line = people.table.findChild(QLineEdit)
    QTest.keyClicks(line, "Ana with a name that is much longer than the column")
    QTest.keyClick(line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: column(people.table, 0)[0].startswith("Ana"))
    window.session.undo()
    qtbot.waitUntil(lambda: column(people.table, 0)[0] == "Person 1")


@pytest.mark.parametrize(("frame", "nearest"), [(0, 3), (3, 3), (5, 3), (7, 9), (50, 9)])
def test_nearest_frame(frame: int, nearest: int) -> None:
    assert nearest_frame(np.array([3, 9]), frame) == nearest
    assert nearest_frame(np.array([], int), frame) is None


# ---- keypoints -------------------------------------------------------------------------------------------------------------


def test_joints_are_selected_both_ways(qtbot, window) -> None:
    keypoints = panel(window, "keypoints")
    assert "Select a person" in keypoints.words
    window.session.select(1, WRIST)
    assert keypoints.words == "" and keypoints.table.currentIndex().row() == WRIST
    click(keypoints.table, 3)
    assert (window.session.selected_track, window.session.selected_joint) == (1, 3)
    window.session.select(2)
    assert "not in this frame" in keypoints.words


def test_a_typed_coordinate_is_an_edit(qtbot, window) -> None:
    keypoints = panel(window, "keypoints")
    window.session.select(1, WRIST)
    click(keypoints.table, WRIST, 1, double=True)
    line = keypoints.table.findChild(QLineEdit)
    QTest.keyClick(line, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(line, "77.25")
    QTest.keyClick(line, Qt.Key.Key_Return)
    project = window.session.project
    qtbot.waitUntil(lambda: project.poses(0)[1].keypoints[WRIST, 0] == 77.25)
    pose = project.poses(0)[1]
    assert pose.provenance[WRIST] == Provenance.HUMAN and pose.keypoints[WRIST, 1] == 130.0
    qtbot.waitUntil(lambda: column(keypoints.table, 7)[WRIST] == "by hand")
    assert column(keypoints.table, 1)[WRIST] == "77.2" or column(keypoints.table, 1)[WRIST] == "77.3"


def test_what_the_model_says_of_its_own_doubt_is_shown_or_that_it_says_nothing(qtbot, window) -> None:
    keypoints, session = panel(window, "keypoints"), window.session
    session.select(1, WRIST)
    assert keypoints.title.text().endswith("not calibrated")
    tip = keypoints.model.index(WRIST, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "score .65, not calibrated" in tip
    assert keypoints.table.isColumnHidden(3) and not keypoints.table.isColumnHidden(5)  # the score is all there is

    sure, wide = np.linspace(0.1, 0.8, 15), np.linspace(2, 9, 15)
    apart = np.where(np.arange(15) == WRIST, 3.2, np.nan)
    said = standing(90.0).with_(probability=sure, spread=wide, disagreement=apart)
    session.project.store_predictions(0, {1: said})
    session.apply(lambda p: edits.move_joint(p, 0, 1, WRIST + 1, (60.0, 120.0)))
    qtbot.waitUntil(lambda: column(keypoints.table, 3)[WRIST] == f"{sure[WRIST]:.2f}"[1:])
    assert column(keypoints.table, 4)[WRIST] == f"{wide[WRIST]:.1f}" and column(keypoints.table, 5)[WRIST] == ".65"
    qtbot.waitUntil(lambda: [column(keypoints.table, n)[WRIST + 1] for n in (3, 4, 5)] == ["", "", ""])  # a human's
    assert "not calibrated" not in keypoints.title.text() and not keypoints.table.isColumnHidden(3)
    tip = keypoints.model.index(WRIST, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert f"probability {sure[WRIST]:.2f}".replace("0.", ".") in tip and "px" in tip
    assert tip.endswith("\ntwo windows have it 3.2 px apart")
    assert "windows" not in keypoints.model.index(WRIST - 1, 0).data(Qt.ItemDataRole.ToolTipRole)


def test_a_name_is_typed_by_keyboard_alone(qtbot, window) -> None:
    window.activateWindow()
    window.canvas.setFocus()
    key(window, Qt.Key.Key_F3)
    key(window, Qt.Key.Key_F2)  # nobody is selected yet
    line = QApplication.focusWidget()
    assert isinstance(line, QLineEdit) and window.session.selected_track == 1
    QTest.keyClicks(line, "Anna")
    QTest.keyClick(line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.session.track_name(1) == "Anna")
    assert [step.title for step in window.session.project.history()] == ["Rename Person 1 to Anna"]
    assert window.session.frame == 0  # no letter went to an action


def test_every_column_that_can_be_changed_is_typed_by_keyboard_alone(qtbot, window) -> None:
    session, joint = window.session, WRIST - 1
    session.select(1, joint)
    window.activateWindow()
    window.canvas.setFocus()
    key(window, Qt.Key.Key_F4)
    table = window.docks["keypoints"].widget().table
    assert QApplication.focusWidget() is table
    key(window, Qt.Key.Key_Down)
    assert session.selected_joint == WRIST
    key(window, Qt.Key.Key_F2)  # x, then y by Tab
    for typed in ("61.5", "88,25"):
        line = QApplication.focusWidget()
        assert isinstance(line, QLineEdit)
        QTest.keyClicks(line, typed)
        QTest.keyClick(line, Qt.Key.Key_Tab)
    project = session.project
    qtbot.waitUntil(lambda: project.poses(0)[1].keypoints[WRIST].tolist() == [61.5, 88.25])
    assert [step.title for step in project.history()] == ["Move left wrist of Person 1"] * 2
    box = table.findChild(QComboBox)  # and on to the state
    qtbot.waitUntil(lambda: QApplication.focusWidget() is box.view())
    assert box.currentText() == "visible"
    for code in (Qt.Key.Key_O, Qt.Key.Key_Return):  # by its first letter
        QTest.keyClick(box.view(), code)
    qtbot.waitUntil(lambda: project.poses(0)[1].visibility[WRIST] == Visibility.OCCLUDED)
    assert project.poses(0)[1].provenance[WRIST] == Provenance.HUMAN and session.frame == 0
    qtbot.waitUntil(lambda: [column(table, n)[WRIST] for n in (1, 2, 6)] == ["61.5", "88.2", "occluded"])
    for _ in range(3):
        key(window, Qt.Key.Key_Z, CTRL)
    qtbot.waitUntil(lambda: [column(table, n)[WRIST] for n in (1, 2, 6)] == ["112.0", "130.0", "visible"])


def test_what_is_no_number_is_refused_with_a_sentence(qtbot, window) -> None:
    keypoints = panel(window, "keypoints")
    window.session.select(1, WRIST)
    click(keypoints.table, WRIST, 2, double=True)
    line = keypoints.table.findChild(QLineEdit)
    QTest.keyClicks(line, "wide")
    with qtbot.waitSignal(window.session.message) as said:
        QTest.keyClick(line, Qt.Key.Key_Return)
    assert "no number" in said.args[0].text
    assert not window.session.project.can_undo


def test_the_state_is_chosen_from_a_list(qtbot, window) -> None:
    keypoints = panel(window, "keypoints")
    window.session.select(1, WRIST)
    click(keypoints.table, WRIST, 6, double=True)
    box = keypoints.table.findChild(QComboBox)
    qtbot.waitUntil(lambda: box.view().isVisible())
    absent = box.model().index(box.findText("absent"), 0)
    QTest.mouseClick(box.view().viewport(), LEFT, PLAIN, box.view().visualRect(absent).center())
    qtbot.waitUntil(lambda: window.session.poses(0)[1].visibility[WRIST] == Visibility.ABSENT)
    qtbot.waitUntil(lambda: [column(keypoints.table, n)[WRIST] for n in (1, 2, 6)] == ["–", "–", "absent"])


# ---- history ---------------------------------------------------------------------------------------------------------------


def test_history_goes_back_and_forth(qtbot, window) -> None:
    history = panel(window, "history")
    assert "Nothing was edited" in history.words
    session = window.session
    for x in (50.0, 60.0, 70.0):
        session.apply(lambda p, x=x: edits.move_joint(p, 0, 1, WRIST, (x, 100.0)))
    qtbot.waitUntil(lambda: history.model.rowCount() == 4)
    wait_until(lambda: history.words == "" and history.model.current == 0, "the newest edit", 10)
    at = history.list.visualRect(history.model.index(2)).center()
    QTest.mouseClick(history.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    qtbot.waitUntil(lambda: session.poses(0)[1].keypoints[WRIST, 0] == 50.0)
    qtbot.waitUntil(lambda: history.model.current == 2)
    at = history.list.visualRect(history.model.index(3)).center()
    QTest.mouseClick(history.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    qtbot.waitUntil(lambda: session.poses(0)[1].keypoints[WRIST, 0] == standing(90.0).keypoints[WRIST, 0])
    wait_until(lambda: history.model.current == 3, "the beginning", 10)


# ---- problems --------------------------------------------------------------------------------------------------------------


def test_a_problem_leads_to_its_joint_and_goes_away_when_it_is_mended(qtbot, window) -> None:
    problems = panel(window, "problems")
    qtbot.waitUntil(lambda: problems.words == "No problems found.", timeout=10_000)
    window.session.apply(lambda p: edits.move_joint(p, 15, 2, WRIST, (400.0, 130.0)))
    qtbot.waitUntil(lambda: problems.model.rowCount() > 0, timeout=10_000)
    row = next(n for n, problem in enumerate(problems.model.problems) if problem.rule == "outside")
    click(problems.table, row)
    session = window.session
    assert (session.frame, session.selected_track, session.selected_joint) == (15, 2, WRIST)
    session.undo()
    wait_until(lambda: problems.words == "No problems found.", f"no problems; said {problems.words!r}", 20)


# ---- activation ------------------------------------------------------------------------------------------------------------


def test_activation_follows_the_hand_and_shows_what_the_model_answers(qtbot, window, monkeypatch) -> None:
    session, asked = window.session, []
    monkeypatch.setattr(session.model, "request_activation", lambda *words: asked.append(words))
    activation = panel(window, "activation")
    wait_until(lambda: "Select a person" in activation.words, "what to do", 10)
    session.select(1, WRIST)
    qtbot.waitUntil(lambda: bool(asked))
    assert asked == [(1, WRIST, 0, MapKind())] and "computing" in activation.words

    rng = np.random.default_rng(0)
    names = ("unified", "unified_reverse", "spatial", "spatial_reverse", "temporal", "temporal_reverse", "pair_unified",
             "pair_spatial", "pair_temporal", "all")  # fmt: skip
    maps = ActivationMaps(
        {n: rng.random((5, 12, 9), np.float32) for n in names}, (2, 6, 4), np.array([[0.1, 0, -6], [0, 0.1, -4]]), MapKind()
    )
    pictures = rng.integers(0, 255, (5, 24, 18, 3), np.uint8)
    blocks = (("gsm", 0), ("gsm", 1), ("lrm", 0))
    session.model.activation_ready.emit(PersonActivation(0, 1, WRIST, maps, (0, 0, 0, 1, 2), pictures, blocks))
    assert activation.words == ""
    qtbot.waitUntil(lambda: "left wrist" in activation.sentence.text())
    assert "GSM 1" in activation.sentence.text()
    assert [tile.caption for tile in activation.frames.tiles] == ["0", "0", "0", "1", "2"]
    assert len(activation.paths.tiles) == 7 and activation.block.count() == 3 and activation.path.count() == 10

    QTest.mouseClick(
        activation.paths, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, activation.paths._place(3).center()
    )
    assert session.display.activation_path == activation.paths.tiles[3].key == activation.path.currentData()
    QTest.mouseClick(activation.shown, Qt.MouseButton.LeftButton, pos=QPoint(8, activation.shown.height() // 2))
    assert session.display.show_activation
    activation.opacity.setValue(35)
    assert session.display.activation_opacity == 0.35

    session.apply(lambda p: edits.move_joint(p, 0, 1, WRIST, (95.0, 120.0)))
    qtbot.waitUntil(lambda: len(asked) == 2)
    assert asked[1] == (1, (95.0, 120.0), 0, MapKind())  # a human's joint is asked about where the human put it
    session.go_to(5)
    qtbot.waitUntil(lambda: len(asked) == 3)
    assert asked[2][2] == 5


def test_the_selected_person_gets_a_map_though_the_pointer_never_rests(qtbot, window, monkeypatch) -> None:
    session, asked = window.session, []
    monkeypatch.setattr(session.model, "request_activation", lambda *words: asked.append(words))
    panel(window, "activation")
    session.select(1)
    box = session.poses(0)[1].box
    for step in range(40):  # well over the delay, never still for as long as it
        session.hover(1, None, (box[0] + box[2] / 2, box[1] + 5 + step))
        qtbot.wait(16)
        if asked:
            break
    assert asked and asked[0][0] == 1


def test_activation_follows_the_pointer_and_is_saved(qtbot, window, monkeypatch, tmp_path) -> None:
    session, asked = window.session, []
    monkeypatch.setattr(session.model, "request_activation", lambda *words: asked.append(words))
    activation = panel(window, "activation")
    box = session.poses(0)[1].box
    at = (box[0] + box[2] / 2, box[1] + box[3] / 2)
    session.hover(1, None, at)  # nobody is selected
    qtbot.waitUntil(lambda: bool(asked))
    assert asked == [(1, at, 0, MapKind())]
    maps = ActivationMaps(
        {n: np.ones((5, 12, 9), np.float32) for n in ("unified", "unified_reverse", "pair_unified", "all", "nall")},
        (2, 6, 4), np.array([[0.1, 0, -6], [0, 0.1, -4]]), MapKind(),
    )  # fmt: skip
    pictures = np.zeros((5, 24, 18, 3), np.uint8)
    session.model.activation_ready.emit(PersonActivation(0, 1, None, maps, (0, 0, 0, 1, 2), pictures, (("gsm", 0),)))
    qtbot.waitUntil(lambda: "brought to this point" in activation.sentence.text())
    session.hover(1, WRIST, at)
    qtbot.waitUntil(lambda: len(asked) == 2, timeout=2000)
    assert asked[1] == (1, WRIST, 0, MapKind())
    session.set_display(activation_compare=True)
    assert len(activation.paths.tiles) == 3 * 5 and activation.paths.headings == ("all paths", "unified", "unified ←")
    for name in ("map.png", "map.npz"):
        activation.save(tmp_path / name)
        qtbot.waitUntil(lambda name=name: (tmp_path / name).is_file(), timeout=5000)
    assert np.load(tmp_path / "map.npz")["all"].shape == (5, 12, 9)


def test_nothing_is_asked_of_the_model_while_the_panel_is_hidden(qtbot, window, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(window.session.model, "request_activation", lambda *words: asked.append(words))
    panel(window, "history")
    window.session.select(1, WRIST)
    qtbot.wait(400)
    assert asked == []


def test_a_map_is_clear_where_it_is_low_and_coloured_where_it_is_high() -> None:
    picture = np.full((40, 30, 3), 128, np.uint8)
    values = np.zeros((20, 15), np.float32)
    values[:, 10:] = 1
    over = laid_over(picture, values, 0.0, 1.0, "viridis", 1.0)
    assert (over[:, :15] == 128).all()
    assert np.abs(over[:, 25:].astype(int) - 128).max() > 60
    assert (laid_over(picture, values, 0.0, 1.0, "viridis", 0.0) == 128).all()


def test_activations_are_coloured_by_powers_of_ten() -> None:
    stack = np.array([[[1e-3, 0, 0, 0, 1e-4]], [[1e-9, 0, 0, 0, 0.0]]], np.float32)
    scale = scale_of(stack, MapKind())
    assert (scale.low, scale.high) == pytest.approx((-6, -3), abs=1e-5)
    # a cell is drawn three wide, or it would be lost in a small picture
    np.testing.assert_allclose(scale.values, [[[-3, -3, -6, -4, -4]], [[-6] * 5]], atol=1e-5)


def test_a_wide_cell_keeps_its_sign_and_maps_without_decay_keep_their_cells() -> None:
    stack = np.zeros((1, 1, 5), np.float32)
    stack[0, 0] = (0, 0.1, 0, -1, 0)
    signed = scale_of(stack, MapKind(reduction="signed"))
    np.testing.assert_allclose(signed.values, [[[2 / 3, 2 / 3, -1, -1, -1]]], atol=1e-6)
    for kind in (MapKind(mode="CB"), MapKind(quantity="column_norm")):
        np.testing.assert_allclose(scale_of(np.abs(stack), kind).values, np.abs(stack))


def test_tiles_wrap_and_are_chosen_by_keys(qtbot) -> None:
    tiles = Tiles("Maps", 50)
    qtbot.addWidget(tiles)
    tiles.set_choosable()
    tiles.show_tiles(tuple(Tile(str(n), tile_image(np.zeros((40, 30, 3), np.uint8)), str(n)) for n in range(7)), "0")
    narrow, wide = tiles.heightForWidth(120), tiles.heightForWidth(600)
    assert narrow > 2 * wide
    with qtbot.waitSignal(tiles.chosen) as chosen:
        QTest.keyClick(tiles, Qt.Key.Key_Left)
    assert chosen.args == ["6"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_panels_follow_the_theme(qtbot, window, scheme) -> None:
    window.session.select(1, WRIST)
    for spec in PANELS:
        panel(window, spec.id)
        theme.theme().set_scheme(scheme)
        QApplication.processEvents()
        shown = window.docks[spec.id].widget().grab().toImage()
        ground = shown.pixelColor(shown.width() - 3, shown.height() - 3).lightness()
        assert (ground > 150) == (scheme == "light"), spec.id
    theme.theme().set_scheme("light")


# ---- from one doubtful place to the next -----------------------------------------------------------------------------------


def test_n_leads_to_what_is_most_doubtful_says_why_and_goes_on_once_it_is_reviewed(qtbot, window) -> None:
    session = window.session
    for frame, joint, far in ((5, WRIST, 60.0), (30, 13, 45.0)):
        poses = dict(session.poses(frame))
        points = poses[1].keypoints.copy()
        points[joint, 0] += far
        session.project.store_predictions(frame, {**poses, 1: poses[1].with_(keypoints=points)})

    def press(key: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(window.canvas, key, held)

    qtbot.waitUntil(lambda: session.lookout_settled and session.lookout.progress.people == 50, timeout=10_000)
    assert session.lookout.curve[5] > 150 and session.lookout.curve[30] > 100
    qtbot.waitUntil(lambda: window.status.review.text() == "0 % reviewed", timeout=10_000)
    window.activateWindow()  # keys go to the window that has the keyboard
    window.canvas.setFocus()
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)
    press(Qt.Key.Key_N)
    assert (session.frame, session.selected_track, session.selected_joint) == (5, 1, WRIST), window.status.currentMessage()
    assert window.why.text() == "Person 1: left wrist is 60 px off its path" and window.why.isVisible()
    qtbot.waitUntil(lambda: session.shown_frame == 5, timeout=5000)
    press(Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: session.frame == 30, timeout=10_000)
    assert session.poses(5)[1].reviewed and not session.poses(5)[1].accepted
    qtbot.waitUntil(lambda: window.status.review.text() == "2.0 % reviewed", timeout=10_000)
    press(Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert session.frame == 5
    session.scrub(12)
    assert not window.why.isVisible()
    press(Qt.Key.Key_N)
    assert session.frame == 30


# ---- statistics --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def statistics(qtbot, window):
    page = panel(window, "statistics")

    def computed(joint: int | None, tracks: tuple[int, ...] = (1,)):
        asked = lambda: page._computed is not None and page._computed.whole and page._computed.asked  # noqa: E731
        qtbot.waitUntil(lambda: (got := asked()) and (got.tracks, got.joint) == (tracks, joint))
        return page._computed.series

    return page, computed


def test_statistics_follow_the_selection_and_the_corrections(qtbot, window, statistics) -> None:
    page, computed = statistics
    session = window.session
    assert "Select a person" in page._inner.words
    session.select(1, WRIST)
    assert np.isnan(computed(WRIST)[1]["displacement"].values[0]) and computed(WRIST)[1]["displacement"].values[5] == 0
    assert page.joints.currentText() == "Selected: left wrist" and page.titles["displacement"].text().endswith("left wrist: –")
    session.go_to(5)
    qtbot.waitUntil(lambda: "left wrist: 0.0 px" in page.titles["displacement"].text())
    assert page.plots["length"].getPlotItem().getAxis("left").labelText == "px"
    session.apply(lambda project: edits.move_joint(project, 7, 1, WRIST, standing(90.0).keypoints[WRIST] + (30.0, 0.0)))
    qtbot.waitUntil(lambda: len(page._computed.series[1]["displacement"].human) == 1)
    moved = page._computed.series[1]["displacement"]
    assert moved.values[7] == moved.values[8] == 30 and moved.jumps.tolist() == [7, 8] and moved.human.tolist() == [7]
    qtbot.mouseClick(page.on, Qt.MouseButton.LeftButton)
    assert session.frame == 7
    qtbot.waitUntil(lambda: "left wrist: 30.0 px" in page.titles["displacement"].text())
    assert np.isnan(page._computed.series[1]["score"].values[7]) and "left wrist: –" in page.titles["score"].text()
    page.joints.setFocus(Qt.FocusReason.TabFocusReason)
    for _ in range(2):
        QTest.keyClick(page.joints, Qt.Key.Key_Down)
    nose = 0
    assert page.joints.currentText() == "nose"
    assert not len(computed(nose)[1]["displacement"].jumps)
    window.session.select(2)
    assert np.isnan(computed(nose, (2,))[2]["displacement"].values).sum() == 31  # all but ten frames, and the first of those


def test_a_click_or_drag_in_a_plot_scrubs_the_wheel_zooms_and_a_double_click_shows_all(qtbot, window, statistics) -> None:
    page, computed = statistics
    session, plot = window.session, page.plots["length"]
    session.select(1, WRIST)
    computed(WRIST)
    view, y = plot.viewport(), plot.height() // 2

    def at(frame: int) -> QPoint:
        return QPoint(round(plot.x_of(frame)), y)

    for frame in (31, 4):
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(frame))
        assert session.frame == frame
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(5))
    QTest.mouseMove(view, at(20))
    assert session.frame == 20
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(20))
    qtbot.waitUntil(lambda: plot._now.value() == 20 == page.plots["score"]._now.value())
    page.zoom.setCurrentIndex(page.zoom.count() - 1)
    for turned in (120, 240):
        where = at(20)
        point = QPointF(where)
        QApplication.sendEvent(view, QWheelEvent(
            point, QPointF(view.mapToGlobal(point)), QPoint(), QPoint(0, turned), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        ))  # fmt: skip
        assert abs(at(20).x() - where.x()) <= 1  # the frame under the pointer stays
    assert page.axis.shown < 25
    session.go_to(39)
    qtbot.waitUntil(lambda: page.axis.first + page.axis.shown >= 39)  # the current frame is brought back into view
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(39))
    assert page.axis.fitted and page.zoom.currentText() == "All frames"


def test_an_envelope_keeps_extremes_and_gaps_and_few_points() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, 100_000).astype(np.float32)
    values[12_345], values[70_000:71_000] = 50, np.nan
    drawn = Envelope(values)
    for first, shown in ((0.0, 100_000.0), (11_000.0, 3000.0)):
        x, y = drawn.points(first, shown, 300)
        assert len(x) == len(y) < 700 and np.nanmax(y) == 50 and abs(x[np.nanargmax(y)] - 12_345) < 2 * shown / 300
        assert (np.diff(x) >= 0).all()
    x, y = drawn.points(0.0, 100_000.0, 300)
    assert np.isnan(y[(x > 70_400) & (x < 70_600)]).all()
    x, y = drawn.points(70_990.4, 20.0, 300)
    np.testing.assert_array_equal(y, values[x.astype(int)])
    assert thinned(np.arange(0, 100_000, 2), 0, 100_000, 50).size <= 51 and thinned(np.array([3, 9]), 5, 10, 50).tolist() == [9]


# ---- by keyboard, and in other colours ---------------------------------------------------------------------------------------


def test_every_panel_is_reached_by_its_key_and_left_by_it(qtbot, window) -> None:
    window.session.select(1, WRIST)
    window.activateWindow()
    window.canvas.setFocus()
    for name, code in zip((panel.id for panel in PANELS), (getattr(Qt.Key, f"Key_F{n}") for n in range(3, 10)), strict=True):
        key(window, code)
        page = window.docks[name].widget()
        qtbot.waitUntil(lambda page=page: page.on_screen)
        if page.words:
            assert window.canvas.isAncestorOf(window.focusWidget())  # a sentence has no use for the keyboard
            continue
        assert page.isAncestorOf(window.focusWidget()), name
        first = window.focusWidget()
        key(window, Qt.Key.Key_Tab, CTRL)
        assert window.focusWidget() is not first
        first.setFocus()
        key(window, code)
        assert window.canvas.isAncestorOf(window.focusWidget())


def test_tab_walks_between_choices_but_from_joint_to_joint_on_the_picture(qtbot, window) -> None:
    window.session.select(1, 3)
    page = panel(window, "statistics")
    key(window, Qt.Key.Key_F8)
    assert window.focusWidget() is page.people
    key(window, Qt.Key.Key_Tab)
    assert window.focusWidget() is page.joints and window.session.selected_joint == 3
    key(window, Qt.Key.Key_F8)
    key(window, Qt.Key.Key_Tab)
    assert window.session.selected_joint == 4


def test_a_panel_lower_than_its_content_is_scrolled_by_keys(qtbot, window) -> None:
    window.session.select(1, 3)
    page = panel(window, "statistics")
    area = page.findChild(Scrolled)
    assert area.verticalScrollBar().maximum() == 0 and area.focusPolicy() == Qt.FocusPolicy.NoFocus
    window.resize(1024, 500)
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0)
    key(window, Qt.Key.Key_F8)
    for _ in range(8):
        if window.focusWidget() is area:
            break
        key(window, Qt.Key.Key_Tab)
    assert window.focusWidget() is area
    for _ in range(3):
        key(window, Qt.Key.Key_Down)
    assert area.verticalScrollBar().value() > 0
    assert window.session.selected_track == 1 and window.session.frame == 0


def test_tabs_of_docks_are_whole_at_the_first_width_and_scroll_where_they_cannot_be(qtbot, window) -> None:
    for width in (1440, 1024):
        window.resize(width, 800)
        window.docks.arrange()
        qtbot.wait(50)
        (bar,) = (bar for bar in window.docks.tabs.bars() if bar.count())
        assert bar.count() == len(PANELS) - 1 and bar.elideMode() == Qt.TextElideMode.ElideNone
        whole = bar.tabRect(bar.count() - 1).right() < bar.width()
        assert whole or (width == 1024 and bar.usesScrollButtons())
        for i in range(bar.count()):
            assert bar.tabRect(i).width() >= bar.fontMetrics().horizontalAdvance(bar.tabText(i)) + 8


def test_another_palette_is_seen_at_once_and_sides_differ_by_form_too(qtbot, window) -> None:
    joint = {side: POSETRACK15.index(f"{side}_hip") for side in ("left", "right")}

    def pixels(side: str) -> np.ndarray:
        x, y = window.canvas.to_screen(window.session.poses(0)[1].keypoints[joint[side]])
        image = window.canvas.view.viewport().grab(QRect(round(x) - 5, round(y) - 5, 11, 11)).toImage()
        return np.array([[image.pixelColor(c, r).getRgb()[:3] for c in range(11)] for r in range(11)], int)

    window.session.apply(lambda project: edits.accept_pose(project, 0, 1))
    qtbot.waitUntil(lambda: window.session.poses(0)[1].accepted)
    qtbot.wait(50)
    left, right = pixels("left"), pixels("right")
    rows = panel(window, "people").model
    swatch = rows.item(0, 0).icon().pixmap(16).toImage()

    def corner(picture: np.ndarray) -> float:
        """How much the colour of the middle reaches into the corners of the mark."""
        return min(np.abs(picture[r, c] - picture[5, 5]).sum() for r, c in ((2, 2), (2, 8), (8, 2), (8, 8)))

    assert corner(right) < 60 < corner(left)
    window.menus.entries["view.colours_tol_vibrant"][1].trigger()
    try:
        qtbot.wait(50)
        for side in joint:
            colour = QColor(PALETTES["tol_vibrant"].sides[side]).getRgb()[:3]
            assert np.abs(pixels(side)[5, 5] - colour).sum() < 40
        assert rows.item(0, 0).icon().pixmap(16).toImage() != swatch
        assert settings().value("view/colours") == "tol_vibrant"
    finally:
        window.menus.entries["view.colours_okabe_ito"][1].trigger()

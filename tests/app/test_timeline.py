"""The timeline in the window: real mouse, real project, real thumbnails."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.labels.changes import Change, Edit, FactChange
from app.labels.pose import Pose, Provenance
from app.ui import theme
from app.ui.application import make_application, make_window
from app.ui.main_window import MainWindow
from app.ui.settings import settings
from app.ui.timeline.bars import ROW_HEIGHT
from app.ui.timeline.layers import LANE_HEIGHT
from app.ui.timeline.ruler import RULER_HEIGHT
from app.ui.timeline.view import TimelineView

SHIFT, NONE = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier
LEFT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton


@pytest.fixture
def window(qtbot, isolated_settings, small_video) -> Iterator[MainWindow]:
    settings().setValue("model/predict_while_working", False)
    settings().setValue("hints/dismissed", True)
    make_application()
    made = make_window()
    qtbot.addWidget(made)
    qtbot.waitExposed(made)
    made.activateWindow()
    with qtbot.waitSignal(made.session.picture_ready, timeout=10_000):
        made.session.open_path(small_video)
    QApplication.processEvents()
    yield made
    made.close()


@pytest.fixture
def view(window) -> TimelineView:
    return window.timeline.view


def pose(accepted: bool = False, human: bool = False) -> Pose:
    kinds = np.full(15, Provenance.MODEL)
    if human:
        kinds[0] = Provenance.HUMAN
    points = np.linspace(20, 100, 30).reshape(15, 2)
    return Pose(points, np.full(15, 2), np.full(15, 0.8), kinds, score=0.8, box=(20, 20, 80, 80), accepted=accepted)


def put(qtbot, window: MainWindow, poses: dict[tuple[int, int], Pose]) -> None:
    """Poses by (frame, track)."""
    edit = Edit("put", tuple(Change(frame, track, None, value) for (frame, track), value in poses.items()))
    with qtbot.waitSignal(window.session.labels_changed, timeout=5000):
        window.session.apply(edit)
    tracks = {track for _, track in poses}
    qtbot.waitUntil(lambda: tracks <= {track for track, _ in window.timeline.view.people}, timeout=5000)


def at(view: TimelineView, frame: int, track: int | None = None) -> QPoint:
    """Where a frame is on the ruler, or in a person's row."""
    y = 10 if track is None else view.row_top(track) + ROW_HEIGHT // 2
    return QPoint(round(view.x_of(frame)), y)


def wheel(view: TimelineView, where: QPoint, notches: float, held: Qt.KeyboardModifier = NONE, sideways: bool = False) -> None:
    turn = QPoint(round(120 * notches), 0) if sideways else QPoint(0, round(120 * notches))
    event = QWheelEvent(
        QPointF(where), QPointF(view.mapToGlobal(where)), QPoint(), turn, Qt.MouseButton.NoButton, held,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view, event)


def drag_to(view: TimelineView, where: QPoint, button: Qt.MouseButton = LEFT) -> None:
    event = QMouseEvent(
        QEvent.Type.MouseMove, QPointF(where), QPointF(view.mapToGlobal(where)), Qt.MouseButton.NoButton, button, NONE
    )
    QApplication.sendEvent(view, event)


def test_a_click_on_the_ruler_goes_to_exactly_that_frame(window, view):
    for frame in (0, 7, 23, 39):
        QTest.mouseClick(view, LEFT, NONE, at(view, frame))
        assert window.session.frame == frame


def test_dragging_scrubs_through_the_frames_and_pauses(qtbot, window, view):
    window.session.play()
    QTest.mousePress(view, LEFT, NONE, at(view, 5))
    assert not window.session.playing
    seen = []
    window.session.frame_changed.connect(seen.append)
    for frame in (6, 9, 14, 30, 21):
        drag_to(view, at(view, frame))
    QTest.mouseRelease(view, LEFT, NONE, at(view, 21))
    assert seen == [6, 9, 14, 30, 21]
    drag_to(view, at(view, 2), Qt.MouseButton.NoButton)
    assert window.session.frame == 21, "the hand has let go"
    qtbot.waitUntil(lambda: window.session.picture[0] == 21, timeout=5000)


def test_a_drag_held_beyond_the_end_goes_on_to_the_last_frame(qtbot, window, view):
    view.zoom(3, view.geometry_now.names)
    assert view.axis.visible.stop < 39
    QTest.mousePress(view, LEFT, NONE, at(view, 10))
    drag_to(view, QPoint(view.width() + 80, 10))
    qtbot.waitUntil(lambda: window.session.frame == 39, timeout=5000)
    QTest.mouseRelease(view, LEFT, NONE, QPoint(view.width() + 80, 10))
    assert not view.hand.pulling


def test_a_click_in_a_row_selects_the_person_and_the_frame(qtbot, window, view):
    put(qtbot, window, {(frame, track): pose() for track in (1, 2, 3) for frame in range(10, 20)})
    QTest.mouseClick(view, LEFT, NONE, at(view, 14, 2))
    assert (window.session.selected_track, window.session.frame) == (2, 14)
    QTest.mouseClick(view, LEFT, NONE, QPoint(40, view.row_top(3) + 9))
    assert (window.session.selected_track, window.session.frame) == (3, 14), "a name selects, and stays in the frame"


def test_states_gaps_and_reviews_are_told(qtbot, window, view):
    put(qtbot, window, {(10, 1): pose(), (11, 1): pose(human=True), (12, 1): pose(accepted=True)})
    window.session.apply(Edit("reviewed", facts=(FactChange("reviewed", 12, None, True),)))
    window.session.write(lambda project: project.mark_predicted(12, "a model"))
    y = view.row_top(1) + 5

    def words(frame: int, y: float) -> str:
        return view.words_at(QPointF(view.x_of(frame), y))

    assert words(9, y).startswith("Person 1: not in this frame\nFrame 9, 00:00.360")
    assert words(10, y).startswith("Person 1: predicted")
    assert words(11, y).startswith("Person 1: edited")
    assert words(12, y).startswith("Person 1: accepted")
    qtbot.waitUntil(lambda: words(12, RULER_HEIGHT + LANE_HEIGHT // 2).endswith(": predicted, reviewed"), timeout=5000)
    assert words(11, RULER_HEIGHT + 3).endswith(": not predicted, not reviewed")
    picture = view.grab().toImage()
    ratio = picture.devicePixelRatio()

    def column(frame: int) -> int:
        """Pixels of the person's bar that are not ground, in the column of a frame."""
        top = view.row_top(1)
        x = round((view.x_of(frame) - 3) * ratio)
        ground = picture.pixel(x, round((top + 1) * ratio))
        return sum(picture.pixel(x, round((top + i) * ratio)) != ground for i in range(1, ROW_HEIGHT - 4))

    assert (column(20), column(10), column(12)) == (0, 4, 12)


def test_an_edit_is_seen_in_its_frame_and_undone_again(qtbot, window, view):
    put(qtbot, window, {(frame, 1): pose() for frame in range(40)})
    lane = view.content.tracks.lane(1)
    view.grab()
    window.session.apply(Edit("accept", (Change(5, 1, window.session.poses(5)[1], pose(accepted=True)),)))
    qtbot.waitUntil(lambda: lane.levels[0][5] == 8, timeout=5000)
    assert view.content.tracks.lane(1) is lane, "only the touched frame was read again"
    assert lane.levels[0].tolist() == [2] * 5 + [8] + [2] * 34
    window.session.undo()
    qtbot.waitUntil(lambda: lane.levels[0][5] == 2, timeout=5000)
    window.session.undo()
    qtbot.waitUntil(lambda: view.people == [], timeout=5000)


def test_a_new_name_appears(qtbot, window, view):
    put(qtbot, window, {(0, 4): pose()})
    window.session.apply(Edit("name", facts=(FactChange("track_name", 4, None, "Ana"),)))
    qtbot.waitUntil(lambda: view.people == [(4, "Ana")], timeout=5000)


def test_the_wheel_zooms_at_the_pointer_pans_with_shift_or_sideways_and_scrolls_names(qtbot, window, view):
    put(qtbot, window, {(0, track): pose() for track in range(30)})
    where = at(view, 20)
    wheel(view, where, 5)
    assert view.axis.shown < 25 and view.frame_at(where.x()) == 20
    first = view.axis.first
    wheel(view, where, -2, SHIFT)
    assert view.axis.first > first
    wheel(view, where, 2, sideways=True)
    assert view.axis.first == pytest.approx(first)
    assert view.scrolled == 0
    wheel(view, QPoint(30, view.height() - 10), -2)
    assert view.scrolled == 120 and window.timeline._down.value() == 120
    wheel(view, where, -50)
    assert view.axis.fitted and not window.timeline._across.isVisible()


def test_a_middle_drag_pans(window, view):
    view.zoom(4, view.geometry_now.names)
    first = view.axis.first
    QTest.mousePress(view, MIDDLE, NONE, QPoint(700, 60))
    drag_to(view, QPoint(600, 60), MIDDLE)
    QTest.mouseRelease(view, MIDDLE, NONE, QPoint(600, 60))
    assert view.axis.first == pytest.approx(first + 100 / view.axis.scale)
    assert window.session.frame == 0


def test_double_clicks_fit(qtbot, window, view):
    put(qtbot, window, {(frame, 1): pose() for frame in range(20, 26)})
    QTest.mouseDClick(view, LEFT, NONE, QPoint(40, view.row_top(1) + 9))
    assert view.axis.visible.start >= 17 and view.axis.visible.stop <= 29
    QTest.mouseDClick(view, LEFT, NONE, at(view, 22))
    assert view.axis.fitted


def test_keys_zoom_fit_and_hide(window, view):
    def press(key: Qt.Key, held: Qt.KeyboardModifier = NONE) -> None:
        QTest.keyClick(window.canvas, key, held)

    press(Qt.Key.Key_Plus)
    press(Qt.Key.Key_Equal)
    assert view.axis.shown == pytest.approx(40 / 1.25**2)
    press(Qt.Key.Key_Minus)
    assert view.axis.shown == pytest.approx(40 / 1.25)
    press(Qt.Key.Key_0)
    assert view.axis.fitted
    press(Qt.Key.Key_T)
    assert not window.timeline.isVisible() and window.transport.isVisible()
    press(Qt.Key.Key_T)
    assert window.timeline.isVisible()


def test_it_follows_while_playing_and_stepping(qtbot, window, view):
    view.zoom(4, view.geometry_now.names)
    assert view.axis.visible.stop < 15
    window.session.set_speed(2)
    window.session.play()
    qtbot.waitUntil(lambda: not window.session.playing, timeout=10_000)
    assert view.axis.visible.stop == 40
    window.session.step(-35)
    assert 4 in view.axis.visible


def test_the_selected_row_is_brought_into_sight(qtbot, window, view):
    put(qtbot, window, {(0, track): pose() for track in range(100)})
    window.session.select(99)
    geometry = view.geometry_now
    assert geometry.head <= view.row_top(99) <= view.height() - ROW_HEIGHT
    window.session.select(0)
    assert view.row_top(0) == geometry.head


def test_thumbnails_show_their_frames_and_their_thread_ends(qtbot, window, view):
    from conftest import read_number

    thumbnails = view.thumbnails

    def exact() -> bool:
        """A codec key frame may stand in only where it is nearer than half a place."""
        off = [slot - thumbnails._pictures.get(slot, (-99,))[0] for slot in thumbnails._slots]
        return all(frames * 2 < thumbnails._step for frames in off)

    qtbot.waitUntil(lambda: len(thumbnails._slots) >= 5 and exact(), timeout=10_000)
    for frame, image in thumbnails._pictures.values():
        assert image.height() == 48 * view.devicePixelRatioF() and image.width() == 64 * view.devicePixelRatioF()
        big = image.scaled(320, 240).convertToFormat(image.Format.Format_RGB888)
        pixels = np.frombuffer(big.constBits(), np.uint8).reshape(240, big.bytesPerLine())[:, :960].reshape(240, 320, 3)
        assert read_number(pixels) == frame
    maker = thumbnails._maker
    window.session.close_project()
    qtbot.waitUntil(lambda: not maker._thread.is_alive(), timeout=5000)
    assert thumbnails._pictures == {}


def test_without_a_video_it_is_hidden_and_paints_without_one(window, view):
    window.session.close_project()
    assert not window.timeline.isVisible()
    assert not view.grab().isNull() and view.words_at(QPointF(300, 90)) == ""
    QTest.mouseClick(view, LEFT, NONE, QPoint(300, 10))
    wheel(view, QPoint(300, 10), 2)
    assert window.session.frame == 0


def test_its_height_is_remembered(qtbot, window, small_video):
    before = window.timeline.height()
    window.splitter.setSizes([300, 400])
    QApplication.processEvents()
    height = window.timeline.height()
    assert height > before + 50
    window.close()
    again = make_window()
    qtbot.addWidget(again)
    with qtbot.waitSignal(again.session.picture_ready, timeout=10_000):
        again.session.open_path(small_video)
    QApplication.processEvents()
    assert abs(again.timeline.height() - height) <= 2
    again.close()


# ---- the range of frames -------------------------------------------------------------------------------------------------


def move_to(view: TimelineView, where: QPoint) -> None:
    drag_to(view, where, LEFT)


def test_shift_and_a_drag_choose_a_range_that_undoes_nothing_else(window, view):
    QTest.mousePress(view, LEFT, SHIFT, at(view, 30))
    move_to(view, at(view, 20))
    move_to(view, at(view, 12))
    QTest.mouseRelease(view, LEFT, SHIFT, at(view, 12))
    assert window.session.frame_range == (12, 30)
    assert window.session.frame == 0, "the frame on screen stays"
    QTest.mouseClick(view, LEFT, NONE, at(view, 5))
    assert (window.session.frame, window.session.frame_range) == (5, (12, 30)), "going somewhere keeps the range"


def test_the_ends_of_a_range_can_be_dragged_and_a_drag_taken_back(window, view):
    window.session.set_frame_range(10, 20)

    def end(x: float) -> QPoint:
        return QPoint(round(view.geometry_now.names + view.axis.x_of(x)), RULER_HEIGHT - 4)

    QTest.mousePress(view, LEFT, NONE, end(21))
    move_to(view, at(view, 27))
    QTest.mouseRelease(view, LEFT, NONE, at(view, 27))
    assert window.session.frame_range == (10, 27)
    QTest.mousePress(view, LEFT, NONE, end(10))
    move_to(view, at(view, 3))
    assert window.session.frame_range == (3, 27)
    QTest.keyClick(window.canvas, Qt.Key.Key_Escape)
    assert window.session.frame_range == (10, 27)
    move_to(view, at(view, 1))
    assert window.session.frame_range == (10, 27), "the drag has ended"


def test_shift_click_takes_the_frames_from_the_current_one(window, view):
    QTest.mouseClick(view, LEFT, NONE, at(view, 8))
    QTest.mouseClick(view, LEFT, SHIFT, at(view, 15))
    assert (window.session.frame, window.session.frame_range) == (8, (8, 15))


def test_keys_set_the_ends_of_a_range_and_escape_drops_it_before_the_person(qtbot, window, view):
    put(qtbot, window, {(frame, 1): pose() for frame in range(40)})
    session = window.session

    def press(key: Qt.Key, held: Qt.KeyboardModifier = NONE) -> None:
        QTest.keyClick(window.canvas, key, held)

    session.select(1)
    session.scrub(10)
    press(Qt.Key.Key_Home, SHIFT)
    assert session.frame_range == (10, 39)
    session.scrub(25)
    press(Qt.Key.Key_End, SHIFT)
    assert session.frame_range == (10, 25)
    session.scrub(30)
    press(Qt.Key.Key_Home, SHIFT)
    assert session.frame_range == (30, 39), "a beginning behind the end starts a new range"
    session.scrub(4)
    press(Qt.Key.Key_End, SHIFT)
    assert session.frame_range == (0, 4)
    press(Qt.Key.Key_Escape)
    assert session.frame_range is None and session.selected_track == 1
    press(Qt.Key.Key_Escape)
    assert session.selected_track is None


def test_a_range_is_seen_and_ends_with_its_video(window, view):
    before = view.grab().toImage()
    window.session.set_frame_range(10, 20)
    shown = view.grab().toImage()
    y = round((RULER_HEIGHT + LANE_HEIGHT // 2) * shown.devicePixelRatio())

    def changed(frame: int) -> bool:
        x = round(view.x_of(frame) * shown.devicePixelRatio())
        return before.pixel(x, y) != shown.pixel(x, y)

    assert [changed(frame) for frame in (8, 12, 18, 23)] == [False, True, True, False]
    window.session.close_project()
    assert window.session.frame_range is None


# ---- marks and reviews ------------------------------------------------------------------------------------------------------


def test_frames_are_marked_found_again_and_unmarked(qtbot, window, view):
    session = window.session

    def press(key: Qt.Key, held: Qt.KeyboardModifier = NONE) -> None:
        QTest.keyClick(window.canvas, key, held)

    def mark(frame: int) -> None:
        with qtbot.waitSignal(session.picture_ready):
            session.scrub(frame)
        with qtbot.waitSignal(session.labels_changed):
            press(Qt.Key.Key_K)

    for frame in (30, 7):
        mark(frame)
    assert session.project.marks() == (7, 30) and view.content.marks == (7, 30)
    assert view.words_at(QPointF(view.x_of(7), 5)).endswith(": marked")
    session.scrub(15)
    press(Qt.Key.Key_Period)
    assert session.frame == 30
    press(Qt.Key.Key_Period)
    assert session.frame == 30
    press(Qt.Key.Key_Comma)
    assert session.frame == 7

    def pennant() -> str:  # drawn a moment after the change, with whatever else changed meanwhile
        picture = view.grab().toImage()
        ratio = picture.devicePixelRatio()
        return picture.pixelColor(round((view.x_of(30) + 3) * ratio), round((RULER_HEIGHT - 9.5) * ratio)).name()

    qtbot.waitUntil(lambda: pennant() == theme.colors().mark.lower())
    qtbot.waitUntil(lambda: session.shown_frame == 7)
    with qtbot.waitSignal(session.labels_changed):
        press(Qt.Key.Key_K)
    assert session.project.marks() == (30,)
    with qtbot.waitSignal(session.labels_changed):
        session.undo()
    assert session.project.marks() == (7, 30)


def test_a_frame_is_reviewed_with_its_people_and_also_empty(qtbot, window, view):
    put(qtbot, window, {(frame, 1): pose() for frame in range(10)})
    session, project = window.session, window.session.project
    held = Qt.KeyboardModifier.ControlModifier
    with qtbot.waitSignal(session.labels_changed):
        QTest.keyClick(window.canvas, Qt.Key.Key_Return, held)
    assert session.frame == 1 and project.is_reviewed(0) and project.pose(0, 1).reviewed and not project.pose(0, 1).accepted
    session.set_frame_range(8, 39)
    with qtbot.waitSignal(session.labels_changed):
        QTest.keyClick(window.canvas, Qt.Key.Key_Return, held)
    assert project.reviewed_frames().tolist() == [True] + [False] * 7 + [True] * 32
    assert project.track_looked_at(1).tolist() == [True] + [False] * 7 + [True, True] + [False] * 30
    assert project.store_predictions(20, {1: pose()}) is False, "a human said that nobody is here"
    there = QPointF(view.x_of(9), view.row_top(1) + 5)
    qtbot.waitUntil(lambda: view.words_at(there).startswith("Person 1: predicted, reviewed"))
    project.store_predictions(9, {1: pose().with_(score=0.5)})
    assert not project.pose(9, 1).reviewed, "what another prediction replaced was not looked at"
    with qtbot.waitSignal(session.labels_changed):
        QTest.keyClick(window.canvas, Qt.Key.Key_Return, held | SHIFT)
    assert project.reviewed_frames().tolist() == [True] + [False] * 39


def test_a_short_absence_is_told_as_a_gap(qtbot, window, view):
    put(qtbot, window, {(frame, 1): pose() for frame in (*range(10), *range(14, 40))})
    assert view.words_at(QPointF(view.x_of(11), view.row_top(1) + 5)).startswith("Person 1: missing for a moment")
    put(qtbot, window, {(frame, 1): pose() for frame in range(10, 14)})
    qtbot.waitUntil(lambda: view.words_at(QPointF(view.x_of(11), view.row_top(1) + 5)).startswith("Person 1: predicted"))

"""The canvas under a real mouse, with a real project behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.labels import edits
from app.labels.changes import Change, Edit
from app.labels.pose import Pose, Provenance, Visibility
from app.labels.project import Project
from app.ui.actions.in_force import in_force
from app.ui.canvas.canvas import Canvas
from app.ui.session import Session
from glsmamba.data.video import VideoInfo

LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
NO_BUTTON = Qt.MouseButton.NoButton
NONE, ALT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.AltModifier
FRAME = 3
WRIST = 7
SHAPE = np.array(
    [[0, -62], [0, -50], [0, -80], [13, -45], [-13, -45], [20, -22], [-20, -22], [22, 0], [-22, 0], [9, 0], [-9, 0], [10, 35],
     [-10, 35], [11, 70], [-11, 70]], float,
)  # fmt: skip


def px(x: float, y: float) -> np.ndarray:
    return np.array([x, y])


def predicted(x: float, y: float, size: float = 1.0) -> Pose:
    points = SHAPE * size + [x, y]
    box = (x - 30 * size, y - 90 * size, 60 * size, 180 * size)
    return Pose(
        points, np.full(15, 2), np.full(15, 0.8), np.full(15, Provenance.MODEL), box=box, score=0.9, model="t"
    )  # fmt: skip


class Rig:
    """A canvas on a session whose video is a made picture, and hands for it."""

    def __init__(self, qtbot, path: Path) -> None:
        self.qtbot = qtbot
        info = VideoInfo("made.mp4", 640, 480, 10, 25.0, False, "h264", "0" * 64)
        self.project = Project.create(path, info)
        self.project.store_predictions(FRAME, {1: predicted(200, 200), 2: predicted(420, 240, 1.2)})
        self.session = Session()
        self.session.project, self.session.video, self.session.frame = self.project, info, FRAME
        self.project.changed.connect(self.session._label_change.emit)
        self.canvas = Canvas(self.session)
        qtbot.addWidget(self.canvas)
        self.canvas.resize(800, 600)
        self.canvas.show()
        picture = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
        self.session.picture = (FRAME, picture)
        self.session.video_opened.emit(info)
        self.session.picture_ready.emit(FRAME, picture)
        QApplication.processEvents()

    def pose(self, track: int = 1) -> Pose:
        return self.project.poses(FRAME)[track]

    def at(self, track: int, joint: int) -> np.ndarray:
        return self.canvas.to_screen(self.canvas.pose(track).keypoints[joint])

    def mouse(self, kind: QEvent.Type, at: np.ndarray, button=NO_BUTTON, held=NO_BUTTON, keys=NONE) -> None:
        viewport = self.canvas.view.viewport()
        point = QPointF(float(at[0]), float(at[1]))
        QApplication.sendEvent(viewport, QMouseEvent(kind, point, viewport.mapToGlobal(point), button, held, keys))

    def hover(self, at: np.ndarray) -> None:
        self.mouse(QEvent.Type.MouseMove, at)

    def press(self, at: np.ndarray, button=LEFT, keys=NONE) -> None:
        self.mouse(QEvent.Type.MouseButtonPress, at, button, button, keys)

    def drag(self, at: np.ndarray, button=LEFT, keys=NONE) -> None:
        self.mouse(QEvent.Type.MouseMove, at, NO_BUTTON, button, keys)

    def release(self, at: np.ndarray, button=LEFT, keys=NONE) -> None:
        self.mouse(QEvent.Type.MouseButtonRelease, at, button, NO_BUTTON, keys)

    def sweep(self, start, end, button=LEFT, keys=NONE) -> None:
        start, end = np.asarray(start, float), np.asarray(end, float)
        self.press(start, button, keys)
        for share in (0.3, 0.7, 1.0):
            self.drag(start + (end - start) * share, button, keys)
        self.release(end, button, keys)

    def click(self, at, button=LEFT) -> None:
        self.press(np.asarray(at, float), button)
        self.release(np.asarray(at, float), button)

    def wheel(self, at: np.ndarray, notches: float) -> None:
        viewport = self.canvas.view.viewport()
        point = QPointF(*at)
        event = QWheelEvent(
            point, viewport.mapToGlobal(point), QPoint(), QPoint(0, int(120 * notches)), NO_BUTTON, NONE,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(viewport, event)

    def written(self, n: int = 1) -> None:
        self.qtbot.waitUntil(lambda: len(self.project.history()) >= n and self.session.save_state.pending == 0, timeout=5000)


@pytest.fixture
def rig(qtbot, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(qtbot, tmp_path / "made.glsproj")
    yield rig
    rig.session.shut_down()


def test_view_and_numbers_agree_on_where_a_pixel_is(rig: Rig) -> None:
    # the oracle is Qt's own mapping through the scene, not the camera's arithmetic
    rig.canvas.view.zoom_at(3.7, np.array([100.0, 400.0]))
    for xy in ([0, 0], [639, 479], [123.25, 77.75]):
        scene = rig.canvas.view.box.mapViewToScene(QPointF(xy[0] + 0.5, xy[1] + 0.5))
        assert np.allclose([scene.x(), scene.y()], rig.canvas.to_screen(np.array(xy, float)), atol=1e-6)
        assert np.allclose(rig.canvas.to_frame(rig.canvas.to_screen(np.array(xy, float))), xy)


def test_a_pixel_is_painted_where_it_belongs(rig: Rig) -> None:
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[300, 500] = (255, 0, 0)
    rig.session.picture_ready.emit(FRAME, picture)
    rig.session.set_display(show_skeletons=False, show_boxes=False, show_names=False)
    rig.canvas.view.zoom_at(12.0, rig.canvas.to_screen(np.array([500.0, 300.0])))
    image = rig.canvas.view.grab().toImage()
    x, y = rig.canvas.to_screen(np.array([500.0, 300.0]))
    edge = rig.canvas.view.camera_scale / 2 - 1
    ratio = image.devicePixelRatio()
    for dx, dy in ((0, 0), (-edge, 0), (edge, 0), (0, -edge), (0, edge)):
        assert image.pixelColor(int((x + dx) * ratio), int((y + dy) * ratio)).red() == 255  # a square: no smoothing when near
    assert image.pixelColor(int((x + edge + 3) * ratio), int(y * ratio)).red() == 0


@pytest.mark.parametrize("zoom", [1.0, 5.3])
def test_dragged_joint_ends_under_the_mouse(rig: Rig, zoom: float) -> None:
    rig.canvas.view.zoom_at(zoom, rig.at(1, WRIST))
    before = rig.pose()
    grab = rig.at(1, WRIST) + px(3.0, -2.0)
    end = grab + px(41.3, -27.6)
    expected = rig.canvas.to_frame(end - [3.0, -2.0])
    rig.sweep(grab, end)
    rig.written()
    after = rig.pose()
    assert np.abs(after.keypoints[WRIST] - expected).max() < 0.01
    assert after.provenance[WRIST] == Provenance.HUMAN and after.scores[WRIST] == 1.0
    others = np.arange(15) != WRIST
    assert np.array_equal(after.keypoints[others], before.keypoints[others])
    assert (rig.session.selected_track, rig.session.selected_joint) == (1, WRIST)

    rig.session.undo()
    rig.qtbot.waitUntil(lambda: np.array_equal(rig.pose().keypoints, before.keypoints))
    assert rig.canvas.pose(1).provenance[WRIST] == Provenance.MODEL
    rig.session.redo()
    rig.qtbot.waitUntil(lambda: np.array_equal(rig.pose().keypoints, after.keypoints))


def test_click_selects_and_changes_nothing(rig: Rig) -> None:
    rig.sweep(rig.at(1, WRIST) + px(4.0, 3.0), rig.at(1, WRIST) + px(4.9, 3.0))
    QTest.qWait(50)
    assert rig.session.selected_joint == WRIST
    assert not rig.project.history()
    assert rig.pose().provenance[WRIST] == Provenance.MODEL


def test_drag_shows_a_preview_and_escape_puts_it_back(rig: Rig) -> None:
    before = rig.pose()
    start = rig.at(1, WRIST)
    rig.press(start)
    rig.drag(start + px(50.0, 30.0))
    assert np.allclose(rig.canvas.pose(1).keypoints[WRIST], rig.canvas.to_frame(start + px(50.0, 30.0)))
    shown = rig.canvas.adornments()
    assert shown.loupe is not None and shown.yardstick is not None
    head = 0.6 * np.hypot(*(before.keypoints[1] - before.keypoints[2])) / 0.7  # head size of PoseTrack, without a drawn box
    assert shown.yardstick[2] == pytest.approx(0.5 * head * rig.canvas.view.camera_scale)
    assert rig.canvas.cancel()
    rig.release(start + px(50.0, 30.0))
    QTest.qWait(50)
    assert not rig.project.history()
    assert np.array_equal(rig.canvas.pose(1).keypoints, before.keypoints)
    assert not rig.canvas.cancel()


def test_preview_stays_until_the_edit_is_on_the_disk(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    held = []
    monkeypatch.setattr(rig.session, "apply", lambda edit, done=None: held.append((edit, done)))
    start = rig.at(1, WRIST)
    target = rig.canvas.to_frame(start + px(20.0, 10.0))
    rig.sweep(start, start + px(20.0, 10.0))
    assert np.allclose(rig.canvas.pose(1).keypoints[WRIST], target)
    assert not np.allclose(rig.pose().keypoints[WRIST], target)
    # a second edit of the same person builds on the first although that isn't written yet
    elbow = rig.at(1, 5)
    rig.sweep(elbow, elbow + px(9.0, 0.0))
    assert np.allclose(rig.canvas.pose(1).keypoints[WRIST], target)
    monkeypatch.undo()
    for edit, done in held:
        rig.session.apply(edit, done)
    rig.written(2)
    assert np.allclose(rig.pose().keypoints[WRIST], target)


def test_failed_write_falls_back_to_the_truth(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rig.pose()

    def fail(_edit) -> None:
        raise RuntimeError("The disk is full.")

    monkeypatch.setattr(rig.project, "apply", fail)
    said = []
    rig.session.message.connect(said.append)
    rig.sweep(rig.at(1, WRIST), rig.at(1, WRIST) + px(30.0, 0.0))
    rig.qtbot.waitUntil(lambda: bool(said))
    assert said[0].text == "The disk is full."
    assert np.array_equal(rig.canvas.pose(1).keypoints, before.keypoints)


@pytest.mark.parametrize("held", [ALT, Qt.KeyboardModifier.ControlModifier])
def test_alt_or_ctrl_drag_moves_the_whole_person(rig: Rig, held: Qt.KeyboardModifier) -> None:
    before = rig.pose()
    start = rig.at(1, WRIST)
    end = start + px(33.0, 21.0)
    shift = rig.canvas.to_frame(end) - rig.canvas.to_frame(start)
    rig.sweep(start, end, keys=held)
    rig.written()
    assert np.allclose(rig.pose().keypoints, before.keypoints + shift)
    assert rig.pose().box == pytest.approx((before.box[0] + shift[0], before.box[1] + shift[1], *before.box[2:]))
    assert len(rig.project.history()) == 1


def test_right_click_cycles_visibility(rig: Rig) -> None:
    seen = []
    for n in (1, 2, 3):
        rig.click(rig.at(1, WRIST), RIGHT)
        rig.written(n)
        seen.append(int(rig.pose().visibility[WRIST]))
    assert seen == [Visibility.OCCLUDED, Visibility.ABSENT, Visibility.VISIBLE]


def test_double_click_accepts_a_prediction(rig: Rig) -> None:
    at = rig.at(2, 4)
    rig.click(at)
    rig.mouse(QEvent.Type.MouseButtonDblClick, at, LEFT, LEFT)
    rig.release(at)
    rig.written()
    assert rig.pose(2).accepted and not rig.pose(1).accepted


@pytest.mark.parametrize("notches", [1, -1, 4.5, -60, 60])
def test_wheel_keeps_the_point_under_the_pointer(rig: Rig, notches: float) -> None:
    at = np.array([517.0, 211.0])
    fixed, scale = rig.canvas.to_frame(at), rig.canvas.view.camera_scale
    rig.wheel(at, notches)
    assert np.allclose(rig.canvas.to_frame(at), fixed, atol=1e-6)
    assert (rig.canvas.view.camera_scale > scale) == (notches > 0)
    assert 0.05 <= rig.canvas.view.camera_scale <= 64


def test_ground_drag_and_middle_drag_pan(rig: Rig) -> None:
    rig.canvas.view.zoom_at(3.0)
    for button, start in ((LEFT, np.array([20.0, 20.0])), (MIDDLE, rig.at(1, WRIST))):
        origin = rig.canvas.view.origin
        rig.sweep(start, start + px(-60.0, 15.0), button)
        moved = (rig.canvas.view.origin - origin) * rig.canvas.view.camera_scale
        assert np.allclose(moved, [60.0, -15.0])
    assert not rig.project.history()


def test_space_drag_pans_and_a_tap_is_told(rig: Rig) -> None:
    played = []
    rig.canvas.space_tapped.connect(lambda: played.append(True))
    rig.canvas.view.zoom_at(3.0)
    QTest.keyPress(rig.canvas.view, Qt.Key.Key_Space)
    origin, before = rig.canvas.view.origin, rig.pose()
    rig.sweep(rig.at(1, WRIST), rig.at(1, WRIST) + px(30.0, 30.0))
    QTest.keyRelease(rig.canvas.view, Qt.Key.Key_Space)
    QTest.keyPress(rig.canvas.view, Qt.Key.Key_Space)  # the keyboard's repeat, as X11 sometimes passes it on
    QTest.keyRelease(rig.canvas.view, Qt.Key.Key_Space)
    assert not np.allclose(rig.canvas.view.origin, origin) and np.array_equal(rig.pose().keypoints, before.keypoints)
    assert not played
    QTest.qWait(80)
    QTest.keyClick(rig.canvas.view, Qt.Key.Key_Space)
    assert played == [True]


def test_picture_cannot_be_lost(rig: Rig) -> None:
    rig.sweep([20.0, 20.0], [20000.0, -9000.0], MIDDLE)
    corner, far = rig.canvas.to_screen(np.array([-0.5, -0.5])), rig.canvas.to_screen(np.array([639.5, 479.5]))
    size = rig.canvas.view.viewport().size()
    assert corner[0] < size.width() and far[1] > 0
    rig.canvas.fit()
    assert rig.canvas.view.fitted


def test_fit_follows_the_window_until_zoomed(rig: Rig) -> None:
    scale = rig.canvas.view.camera_scale
    rig.canvas.resize(400, 300)
    QApplication.processEvents()
    assert rig.canvas.view.camera_scale < scale
    rig.canvas.zoom(2.0)
    scale = rig.canvas.view.camera_scale
    middle = rig.canvas.to_frame(np.array([200.0, 150.0]))
    rig.canvas.resize(600, 500)
    QApplication.processEvents()
    assert rig.canvas.view.camera_scale == scale
    assert np.allclose(rig.canvas.to_frame(np.array([300.0, 250.0])), middle)


def test_nearest_joint_is_announced_before_the_click(rig: Rig) -> None:
    rig.hover(rig.at(1, WRIST) + px(2.0, 2.0))
    assert rig.session.hovered == (1, WRIST)
    assert "left wrist" in rig.canvas.hover_text and ".80" in rig.canvas.hover_text and "predicted" in rig.canvas.hover_text
    assert "not calibrated" in rig.canvas.hover_text
    assert rig.canvas.adornments().ring[:2] == pytest.approx(tuple(rig.at(1, WRIST)))
    rig.hover(np.array([12.0, 12.0]))
    assert rig.session.hovered is None and rig.canvas.hover_text == ""


def test_joint_below_the_threshold_is_found_by_the_pointer(rig: Rig) -> None:
    rig.session.set_display(threshold=0.9)
    assert not rig.canvas.people()[0].drawn.any()
    rig.hover(rig.at(1, WRIST))
    assert "below the threshold" in rig.canvas.hover_text


def test_click_on_the_ground_selects_nobody(rig: Rig) -> None:
    rig.click(rig.at(1, WRIST))
    assert rig.session.selected_track == 1
    rig.click([10.0, 10.0])
    assert rig.session.selected_track is None


def test_box_handle_resizes_and_outline_moves(rig: Rig) -> None:
    rig.session.select(1)
    x, y, w, h = rig.pose().box
    corner = rig.canvas.to_screen(np.array([x + w, y + h]))
    rig.sweep(corner, corner + px(25.0, 40.0))
    rig.written()
    scale = rig.canvas.view.camera_scale
    assert rig.pose().box == pytest.approx((x, y, w + 25 / scale, h + 40 / scale))
    assert rig.pose().box_by_human
    x, y, w, h = rig.pose().box
    side = rig.canvas.to_screen(np.array([x, y + h * 0.2]))
    rig.sweep(side, side + px(-12.0, 6.0))
    rig.written(2)
    assert rig.pose().box == pytest.approx((x - 12 / scale, y + 6 / scale, w, h))
    rig.sweep(rig.canvas.to_screen(np.array(rig.pose().box[:2])), [790.0, 590.0])  # dragged beyond the far corner
    rig.written(3)
    assert min(rig.pose().box[2:]) > 0


def test_new_person_is_drawn_and_then_predicted(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(rig.session.model, "request_prediction", lambda frame=None, track=None: asked.append((frame, track)))
    states = []
    rig.canvas.tool_changed.connect(lambda tool: states.append(tool is not None))
    rig.canvas.start_adding()
    low, high = np.array([500.0, 60.0]), np.array([560.0, 200.0])
    rig.sweep(rig.canvas.to_screen(high), rig.canvas.to_screen(low))  # from the lower right corner
    rig.written()
    track = rig.session.selected_track
    assert track not in (None, 1, 2)
    assert rig.pose(track).box == pytest.approx((500, 60, 60, 140)) and rig.pose(track).box_by_human
    rig.qtbot.waitUntil(lambda: asked == [(FRAME, track)])
    assert states == [True, False]


def test_escape_ends_the_drag_and_leaves_the_tool(rig: Rig) -> None:
    before = rig.pose()
    rig.press(rig.at(1, WRIST))
    rig.drag(rig.at(1, WRIST) + px(40, 0))
    QTest.keyClick(rig.canvas.view, Qt.Key.Key_Escape)
    rig.release(px(500, 300))
    assert not rig.canvas.dragging and np.array_equal(rig.canvas.pose(1).keypoints, before.keypoints)
    rig.canvas.start_adding()
    QTest.keyClick(rig.canvas.view, Qt.Key.Key_Escape)
    assert rig.canvas.tool is None


def test_strip_names_the_keys_in_force(rig: Rig) -> None:
    default = in_force().keys
    in_force().use({"people.accept": ("J",), "people.delete": ("Delete",)})
    try:
        assert "(J)" in rig.canvas.strip.accept_button.toolTip() and "(" not in rig.canvas.strip.swap_button.toolTip()
    finally:
        in_force().use(default)


def test_joint_without_a_place_is_put_with_a_click(rig: Rig) -> None:
    edit, track = edits.add_person(rig.project, FRAME, (500, 60, 60, 140))
    rig.project.apply(edit)
    rig.session.select(track, WRIST)
    at = rig.canvas.to_screen(np.array([520.0, 100.0]))
    rig.hover(at)
    assert "left wrist" in rig.canvas.hover_text
    rig.click(at)
    rig.written(2)
    assert rig.pose(track).keypoints[WRIST] == pytest.approx([520, 100])


@pytest.mark.parametrize(
    "rect",
    [(300, 200, 360, 300), (300, 200, 360, 590), (300, 10, 360, 590), (10, 10, 500, 590), (400, 5, 790, 595)],
    ids=["below", "above", "right", "still right", "left"],
)
def test_strip_covers_nobody_where_there_is_room_beside_them(rig: Rig, rect: tuple[float, float, float, float]) -> None:
    rig.canvas.strip.place(rect)
    strip = rig.canvas.strip.geometry()
    assert rig.canvas.rect().contains(strip)
    left, top, right, bottom = rect
    assert strip.right() < left or strip.left() > right or strip.bottom() < top or strip.top() > bottom


def test_strip_acts_on_the_selected_person(rig: Rig) -> None:
    strip = rig.canvas.strip
    assert not strip.isVisible()
    rig.session.select(2)
    assert strip.isVisible() and strip.accept_button.isEnabled()
    before = rig.pose(2)
    QTest.mouseClick(strip.swap_button, LEFT)
    rig.written(1)
    flip = rig.project.skeleton.flip
    assert np.array_equal(rig.pose(2).keypoints, before.keypoints[flip])
    QTest.mouseClick(strip.accept_button, LEFT)
    rig.written(2)
    assert rig.pose(2).accepted
    rig.qtbot.waitUntil(lambda: not strip.accept_button.isEnabled())
    QTest.mouseClick(strip.delete_button, LEFT)
    rig.written(3)
    assert 2 not in rig.project.poses(FRAME)
    rig.qtbot.waitUntil(lambda: not strip.isVisible())


def test_another_frame_ends_the_drag(rig: Rig) -> None:
    start = rig.at(1, WRIST)
    rig.press(start)
    rig.drag(start + px(30.0, 0.0))
    rig.session.picture_ready.emit(FRAME + 1, np.zeros((480, 640, 3), np.uint8))
    rig.release(start + px(30.0, 0.0))
    QTest.qWait(50)
    assert not rig.canvas.dragging and not rig.project.history()
    assert not rig.canvas.people()


def test_person_that_vanishes_ends_the_drag(rig: Rig) -> None:
    start = rig.at(1, WRIST)
    rig.press(start)
    rig.drag(start + px(30.0, 0.0))
    rig.project.apply(Edit("gone", (Change(FRAME, 1, rig.pose(), None),)))
    QTest.qWait(20)
    rig.release(start + px(30.0, 0.0))
    QTest.qWait(50)
    assert 1 not in rig.project.poses(FRAME) and len(rig.project.history()) == 1


def test_everything_draws_in_every_mode(rig: Rig) -> None:
    human = rig.pose().with_(
        provenance=np.arange(15) % 6, visibility=np.arange(15) % 3, head_box=(190.0, 110.0, 24.0, 30.0)
    )  # fmt: skip
    rig.project.apply(Edit("mixed", (Change(FRAME, 1, rig.pose(), human),)))
    rig.session.select(1, WRIST)
    blank = None
    for mode in ("side", "person", "joint", "confidence", "provenance"):
        rig.session.set_display(colour_mode=mode)
        image = rig.canvas.grab().toImage()
        assert image != blank
        blank = image


def test_label_of_a_person_at_the_upper_edge_stays_in_sight(rig: Rig) -> None:
    rig.canvas.zoom(2.0)
    rig.session.select(1)
    view = rig.canvas.view
    box = rig.pose().box
    top_left = rig.canvas.to_screen(px(box[0], box[1]))
    view.pan(10.0 - top_left[0], 3.0 - top_left[1])  # the box begins just below the upper edge: no room for a label above it
    QApplication.processEvents()
    image = view.grab().toImage()
    ratio = image.devicePixelRatio()
    across = [image.pixelColor(int((14 + dx) * ratio), int(8 * ratio)) for dx in range(60)]
    assert sum(colour.lightness() > 230 for colour in across) > 15  # the light ground of the selected person's label


def test_a_person_of_a_problem_is_brought_into_sight(rig: Rig) -> None:
    rig.canvas.zoom(6.0)
    rig.session.select(None)

    def in_sight(track: int) -> bool:
        x, y, w, h = rig.pose(track).box
        at = rig.canvas.to_screen(px(x + w / 2, y + h / 2))
        return bool((at >= 0).all() and at[0] <= rig.canvas.view.width() and at[1] <= rig.canvas.view.height())

    for track in (1, 2, 1):
        rig.session.show_problem(FRAME, track, WRIST)
        QApplication.processEvents()
        assert in_sight(track)
    assert (rig.session.selected_track, rig.session.selected_joint) == (1, WRIST)
    assert not in_sight(2)  # so the view did move
    at = rig.canvas.to_screen(px(0.0, 0.0))
    rig.session.show_problem(FRAME, 1)
    assert np.allclose(rig.canvas.to_screen(px(0.0, 0.0)), at)  # who is in sight stays where they are

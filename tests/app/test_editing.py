"""Editing on the real window: clicks and keys, one undo step each, with a name that says what happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import write_numbered_video
from hands import ALT, CTRL, LEFT, PLAIN, RIGHT, SHIFT, click, drag, key, press_and_move, wait_until, wheel
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.labels.exporting import to_record
from app.labels.pose import Pose, Provenance, Visibility
from app.labels.sides import limb_joints
from app.ui.application import make_application, make_window
from app.ui.dialogs.swap_sides import SwapSides
from app.ui.main_window import MainWindow
from app.ui.settings import settings
from glsmamba.data.posetrack18_write import write
from glsmamba.data.skeletons import POSETRACK15
from glsmamba.heatmaps import gaussian_targets, heatmap_affine, transformed

SHAPE = np.array(
    [[0, -62], [0, -50], [0, -80], [13, -45], [-13, -45], [20, -22], [-20, -22], [22, 0], [-22, 0], [9, 0], [-9, 0], [10, 35],
     [-10, 35], [11, 70], [-11, 70]], float,
)  # fmt: skip
FRAME = 3
WRIST, ELBOW = POSETRACK15.index("left_wrist"), POSETRACK15.index("left_elbow")


def predicted(x: float, y: float, size: float = 1.0) -> Pose:
    box = (x - 32 * size, y - 92 * size, 64 * size, 172 * size)
    return Pose(
        SHAPE * size + [x, y], np.full(15, 2), np.full(15, 0.8), np.full(15, Provenance.MODEL), box=box, score=0.9, model="t"
    )


class Bench:
    """The window on a made clip with two predicted people in some frames, and what tests ask of it."""

    def __init__(self, qtbot, window: MainWindow) -> None:
        self.qtbot, self.window = qtbot, window
        self.session, self.canvas = window.session, window.canvas
        self.folder = Path(window.session.project.path).parent

    @property
    def project(self):
        return self.session.project

    def pose(self, track: int = 1, frame: int = FRAME) -> Pose | None:
        return self.project.poses(frame).get(track)

    def at(self, joint: int, track: int = 1, by: tuple[float, float] = (0, 0)) -> np.ndarray:
        return np.add(self.canvas.pose(track).keypoints[joint], by)

    def titles(self) -> list[str]:
        self.settle()
        return [item.title for item in self.project.history() if item.done]

    def settle(self) -> None:
        self.qtbot.waitUntil(lambda: self.session.save_state.pending == 0, timeout=10_000)

    def press(self, code: Qt.Key, keys: Qt.KeyboardModifier = PLAIN) -> None:
        key(self.window, code, keys)

    def go(self, frame: int) -> None:
        self.session.scrub(frame)
        self.qtbot.waitUntil(lambda: self.canvas.shown_frame == frame, timeout=5000)

    def listed(self, track: int, words: str, signed: bool) -> None:
        """The people panel says so of a person, with a sign or without."""
        model = self.window.docks["people"].widget().model
        cell = model.index(model.tracks.index(track), 1)
        self.qtbot.waitUntil(lambda: words in cell.data(Qt.ItemDataRole.ToolTipRole))
        assert (cell.data(Qt.ItemDataRole.DecorationRole) is not None) == signed

    def one_step(self, title: str, track: int = 1, frame: int = FRAME) -> tuple[Pose | None, Pose | None]:
        """The pose before and after the last edit, which was one step of that title and is undone and done again by key."""
        assert self.titles()[-1] == title
        after, n = self.pose(track, frame), len(self.project.history())
        self.press(Qt.Key.Key_Z, CTRL)
        self.settle()
        before = self.pose(track, frame)
        self.press(Qt.Key.Key_Y, CTRL)
        self.settle()
        again = self.pose(track, frame)
        assert (after is None) == (again is None) and len(self.project.history()) == n
        if after is not None:
            assert np.array_equal(after.keypoints, again.keypoints) and after.box == again.box
        return before, after


@pytest.fixture(scope="module")
def window(qapp, tmp_path_factory) -> Iterator[MainWindow]:
    """One window for all tests here: making one takes longer than what they do in it."""
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            patch.setenv(f"XDG_{name}_HOME", str(folder / name))
        settings().setValue("model/predict_while_working", False)
        settings().setValue("hints/dismissed", True)
        make_application()
        window = make_window(write_numbered_video(folder / "numbered.mp4"))
        window.activateWindow()
        wait_until(lambda: window.session.picture is not None, "the first picture", 60)
    project = window.session.project
    for frame in (2, 3, 4, 5, 9):
        project.store_predictions(frame, {1: predicted(90 + frame, 120), 2: predicted(210, 110, 0.9)})
    yield window
    window.close()


@pytest.fixture
def bench(qtbot, window: MainWindow) -> Iterator[Bench]:
    bench = Bench(qtbot, window)
    bench.go(FRAME)
    window.activateWindow()
    window.canvas.setFocus()
    qtbot.waitUntil(window.isActiveWindow)
    yield bench
    for dialog in list(window.dialogs):
        dialog.close()
    window.canvas.cancel()
    window.canvas.leave_tool()
    bench.settle()
    window.session.select(None)
    window.session.set_display(hidden=frozenset())
    window.session.clipboard = {}
    window.session.set_frame_range(None)
    bench.project.go_to_history(0)
    window.canvas.fit()
    for toast in list(window.toasts.toasts):
        toast.leave()
    window.hint("")


# ---- selecting ---------------------------------------------------------------------------------------------------------


def test_clicks_with_ctrl_and_shift_select_joints_and_keys_act_on_all(bench: Bench) -> None:
    click(bench.window, bench.at(WRIST))
    click(bench.window, bench.at(ELBOW), keys=CTRL)
    click(bench.window, bench.at(0, 2), keys=SHIFT)
    assert bench.session.selection.joints == {(1, WRIST), (1, ELBOW), (2, 0)}
    click(bench.window, bench.at(0, 2), keys=CTRL)  # once more takes it away
    assert bench.session.selection.joints == {(1, WRIST), (1, ELBOW)} and not bench.titles()
    bench.press(Qt.Key.Key_O)
    before, after = bench.one_step("Mark 2 joints of Person 1 occluded")
    assert (after.visibility[[WRIST, ELBOW]] == Visibility.OCCLUDED).all() and (before.visibility == 2).all()
    bench.press(Qt.Key.Key_Right, SHIFT)
    before, after = bench.one_step("Move 2 joints of Person 1")
    moved = after.keypoints - before.keypoints
    assert np.allclose(moved[[WRIST, ELBOW]], [10, 0]) and not np.delete(moved, [WRIST, ELBOW], axis=0).any()
    click(bench.window, bench.at(WRIST), RIGHT)
    assert bench.titles()[-1] == "Mark 2 joints of Person 1 absent"


def test_a_rubber_band_selects_and_one_joint_drags_all(bench: Bench) -> None:
    places = bench.pose().keypoints
    legs = [POSETRACK15.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("knee", "ankle")]
    low, high = places[legs].min(axis=0) - 4, places[legs].max(axis=0) + 4
    drag(bench.window, low, high, keys=SHIFT)
    assert bench.session.selection.joints == {(1, joint) for joint in legs}
    drag(bench.window, places[legs[0]], places[legs[0]] + [7.0, -3.0])
    before, after = bench.one_step("Move 4 joints of Person 1")
    moved = after.keypoints - before.keypoints
    assert np.allclose(moved[legs], [7, -3], atol=0.01) and not np.delete(moved, legs, axis=0).any()
    bench.press(Qt.Key.Key_Escape)
    drag(bench.window, (1, 1), (5, 5), keys=SHIFT)
    assert "no joint" in bench.window.status.currentMessage()


def test_several_people_move_and_go_as_one_step(bench: Bench) -> None:
    click(bench.window, bench.at(WRIST))
    bench.press(Qt.Key.Key_Escape)
    click(bench.window, bench.pose(2).keypoints[9] + [9, 18], keys=CTRL)  # inside person 2, on no joint
    assert bench.session.selection.tracks == (1, 2) and not bench.session.selection.joints
    drag(bench.window, bench.at(WRIST), bench.at(WRIST, by=(5.0, 4.0)), keys=ALT)
    before, after = bench.one_step("Move 2 people", 2)
    assert np.allclose(after.keypoints - before.keypoints, [5, 4], atol=0.01)
    bench.press(Qt.Key.Key_Delete)
    bench.one_step("Delete 2 people in frame 3")
    assert not bench.project.poses(FRAME)


def test_ctrl_a_takes_all_joints_then_the_frame_scales_and_turns(bench: Bench) -> None:
    click(bench.window, bench.at(WRIST))
    bench.press(Qt.Key.Key_A, CTRL)
    assert len(bench.session.selection.joints) == 15
    handles = bench.canvas.handles()
    corners = bench.canvas.to_frame(handles.frame.reshape(2, 2))
    drag(bench.window, corners[1], corners[0] + (corners[1] - corners[0]) * 0.5)  # lower right corner half way in
    before, after = bench.one_step("Scale Person 1")
    assert np.allclose(np.ptp(after.keypoints, axis=0), np.ptp(before.keypoints, axis=0) / 2, rtol=0.01)
    handles = bench.canvas.handles()
    knob, pivot = bench.canvas.to_frame(handles.knob), handles.pivot
    arm = knob - pivot
    drag(bench.window, knob, np.add(pivot, (-arm[1], arm[0])))  # a quarter turn, clockwise on the screen
    before, after = bench.one_step("Turn Person 1")
    offset = before.keypoints - pivot
    assert np.allclose(after.keypoints - pivot, np.stack([-offset[:, 1], offset[:, 0]], axis=1), atol=0.5)


def test_a_corner_of_the_box_scales_with_ctrl_and_the_wheel_turns_and_scales(bench: Bench) -> None:
    click(bench.window, bench.at(WRIST))
    bench.press(Qt.Key.Key_Escape)
    x, y, w, h = bench.pose().box
    drag(bench.window, (x + w, y + h), (x + w / 2, y + h / 2), keys=CTRL)
    before, after = bench.one_step("Scale Person 1")
    assert after.box == pytest.approx((x, y, w / 2, h / 2), abs=0.5)
    assert np.allclose(after.keypoints - [x, y], (before.keypoints - [x, y]) / 2, atol=0.5)
    for _ in range(3):
        wheel(bench.window, bench.at(0), 1, ALT)
    assert bench.canvas.cancel()  # Esc puts it back while the wheel has not come to rest
    assert np.array_equal(bench.canvas.pose(1).keypoints, after.keypoints)
    for _ in range(3):
        wheel(bench.window, bench.at(0), 1, ALT)
    bench.qtbot.waitUntil(lambda: len(bench.titles()) == 2, timeout=3000)
    before, after = bench.one_step("Turn Person 1")  # three notches, one step
    a, b = (p.keypoints[WRIST] - p.keypoints[0] for p in (before, after))
    turned = np.degrees(np.arctan2(a[0] * b[1] - a[1] * b[0], a @ b))
    assert turned == pytest.approx(9, abs=0.01)
    wheel(bench.window, bench.at(0), 2, CTRL | SHIFT)
    bench.qtbot.waitUntil(lambda: len(bench.titles()) == 3, timeout=3000)
    before, after = bench.one_step("Scale Person 1")
    assert np.allclose(np.ptp(after.keypoints, axis=0), np.ptp(before.keypoints, axis=0) * 1.03**2)
    scale = bench.canvas.view.camera_scale
    wheel(bench.window, bench.at(0), 1)
    assert bench.canvas.view.camera_scale > scale and len(bench.titles()) == 3


def test_keys_turn_and_scale(bench: Bench) -> None:
    bench.press(Qt.Key.Key_1)
    bench.press(Qt.Key.Key_Period, CTRL)
    bench.one_step("Turn Person 1")
    bench.press(Qt.Key.Key_BracketRight, CTRL)
    before, after = bench.one_step("Scale Person 1")
    assert np.allclose(np.ptp(after.keypoints, axis=0), np.ptp(before.keypoints, axis=0) * 1.02)


# ---- copying and deleting ----------------------------------------------------------------------------------------------


def test_a_pose_is_copied_across_frames_and_people(bench: Bench) -> None:
    bench.press(Qt.Key.Key_1)
    bench.press(Qt.Key.Key_C, CTRL)
    source = bench.pose().keypoints
    bench.go(7)
    bench.press(Qt.Key.Key_V, CTRL)
    before, after = bench.one_step("Paste the pose of Person 1", 1, 7)
    assert before is None and np.array_equal(after.keypoints, source) and (after.provenance == Provenance.HUMAN).all()
    bench.press(Qt.Key.Key_V, CTRL)
    assert "just so already" in bench.window.status.currentMessage() and len(bench.titles()) == 1
    bench.go(FRAME)
    bench.press(Qt.Key.Key_2)
    bench.press(Qt.Key.Key_V, CTRL)
    _, after = bench.one_step("Paste the pose of Person 2", 2)
    assert np.array_equal(after.keypoints, source)
    bench.press(Qt.Key.Key_D, CTRL)
    bench.settle()
    new = bench.session.selected_track
    assert new not in (1, 2) and bench.titles()[-1] == f"Add Person {new} as a copy"
    offset = bench.pose(new).keypoints - bench.pose(2).keypoints
    assert np.allclose(offset, offset[0]) and (offset > 0).all()
    bench.press(Qt.Key.Key_V, CTRL | SHIFT)
    bench.settle()
    assert len(bench.project.poses(FRAME)) == 4


def test_the_frame_before_is_copied_for_everybody_or_the_selected(bench: Bench) -> None:
    bench.go(7)
    bench.press(Qt.Key.Key_B, CTRL)
    bench.one_step("Copy 2 people from frame 5", 2, 7)
    assert set(bench.project.poses(7)) == {1, 2}
    bench.go(9)
    bench.press(Qt.Key.Key_1)
    bench.press(Qt.Key.Key_B, CTRL)
    _, after = bench.one_step("Copy the pose of Person 1 from frame 7", 1, 9)
    assert np.array_equal(after.keypoints, bench.pose(1, 7).keypoints)


def test_delete_from_here_on(bench: Bench) -> None:
    bench.go(4)
    bench.press(Qt.Key.Key_1)
    bench.press(Qt.Key.Key_Delete, CTRL)
    bench.one_step("Delete Person 1 in frames 4 to 39", 1, 9)
    assert bench.project.track_frames(1).tolist() == [2, 3]
    assert any("from here on" in toast.text.text() for toast in bench.window.toasts.toasts)


def test_delete_in_all_frames(bench: Bench) -> None:
    bench.press(Qt.Key.Key_2)
    bench.press(Qt.Key.Key_Delete, SHIFT)
    bench.one_step("Delete Person 2 in all frames", 2)
    assert bench.project.tracks() == (1,)
    bench.press(Qt.Key.Key_Z, CTRL)
    bench.settle()
    assert bench.project.track_frames(2).tolist() == [2, 3, 4, 5, 9]


def test_each_state_and_each_step_of_a_nudge_has_its_key(bench: Bench) -> None:
    click(bench.window, bench.at(WRIST))
    start = bench.at(WRIST)
    for code, state in ((Qt.Key.Key_O, 1), (Qt.Key.Key_X, 0), (Qt.Key.Key_V, 2)):
        bench.press(code)
        bench.settle()
        assert bench.pose().visibility[WRIST] == state
    for code, held, step in (
        (Qt.Key.Key_Left, PLAIN, (-1, 0)), (Qt.Key.Key_Down, SHIFT, (0, 10)), (Qt.Key.Key_Up, ALT, (0, -0.1)),
        (Qt.Key.Key_Right, ALT, (0.1, 0)),
    ):  # fmt: skip
        before = bench.at(WRIST)
        bench.press(code, held)
        bench.settle()
        assert np.allclose(bench.at(WRIST) - before, step)
    assert np.allclose(bench.at(WRIST) - start, (-0.9, 9.9)) and bench.window.session.frame == FRAME


# ---- left and right ----------------------------------------------------------------------------------------------------


def test_limbs_are_swapped_by_key_here_from_here_and_over_a_range(bench: Bench) -> None:
    bench.press(Qt.Key.Key_1)
    flip = POSETRACK15.flip
    for code, limb in ((Qt.Key.Key_A, "arms"), (Qt.Key.Key_L, "legs")):
        bench.press(code, ALT)
        before, after = bench.one_step(f"Swap {limb} of Person 1")
        joints = np.array(limb_joints(POSETRACK15, limb))
        assert np.array_equal(after.keypoints[joints], before.keypoints[flip[joints]])
        rest = np.setdiff1d(np.arange(15), joints)
        assert np.array_equal(after.keypoints[rest], before.keypoints[rest])
    click(bench.window, bench.at(WRIST))
    bench.press(Qt.Key.Key_J, ALT)
    bench.one_step("Swap wrists of Person 1")
    bench.press(Qt.Key.Key_S, CTRL | ALT)
    bench.one_step("Swap left and right of Person 1 in frames 3 to 9")
    old = bench.pose(1, 4).keypoints
    bench.press(Qt.Key.Key_S, ALT)
    dialog = next(d for d in bench.window.dialogs if isinstance(d, SwapSides))
    assert "4 poses" in dialog.count.text()
    dialog.limb.setCurrentIndex(dialog.limb.findData("legs"))
    dialog.span.first.setValue(4)
    dialog.span.last.setValue(5)
    assert "2 poses" in dialog.count.text()
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    bench.one_step("Swap legs of Person 1 in frames 4 to 5", 1, 4)
    legs = np.array(limb_joints(POSETRACK15, "legs"))
    assert np.array_equal(bench.pose(1, 4).keypoints[legs], old[flip[legs]])


# ---- locking and hiding ------------------------------------------------------------------------------------------------


def test_a_locked_person_stays_as_they_are_under_mouse_and_keys(bench: Bench) -> None:
    click(bench.window, bench.at(WRIST))
    bench.press(Qt.Key.Key_L)
    bench.settle()
    assert bench.titles() == ["Lock Person 1"] and bench.canvas.people()[0].locked
    bench.listed(1, "predicted, locked", signed=True)
    before = bench.pose()
    drag(bench.window, bench.at(WRIST), bench.at(WRIST, by=(30, 10)))
    assert "locked" in bench.window.status.currentMessage()
    drag(bench.window, bench.at(WRIST), bench.at(WRIST, by=(30, 10)), keys=ALT)
    click(bench.window, bench.at(WRIST), RIGHT)
    for code, keys in (
        (Qt.Key.Key_O, PLAIN), (Qt.Key.Key_Delete, PLAIN), (Qt.Key.Key_Delete, CTRL), (Qt.Key.Key_Delete, SHIFT),
        (Qt.Key.Key_S, SHIFT), (Qt.Key.Key_Period, CTRL), (Qt.Key.Key_Return, PLAIN), (Qt.Key.Key_B, CTRL),
    ):  # fmt: skip
        bench.press(code, keys)
        assert "locked" in bench.window.status.currentMessage(), (code, keys)
        bench.window.hint("")
    assert bench.titles() == ["Lock Person 1"] and np.array_equal(bench.pose().keypoints, before.keypoints)
    drag(bench.window, bench.at(WRIST, 2), bench.at(WRIST, 2, by=(5, 5)))  # others can be changed
    bench.press(Qt.Key.Key_1)
    bench.press(Qt.Key.Key_L)
    assert bench.titles()[-1] == "Unlock Person 1"
    bench.press(Qt.Key.Key_S, SHIFT)
    bench.one_step("Swap left and right of Person 1")


def test_hidden_people_are_neither_drawn_nor_found_and_nothing_is_written(bench: Bench) -> None:
    click(bench.window, bench.at(WRIST))
    place = bench.at(WRIST)
    bench.press(Qt.Key.Key_H)
    assert [p.track for p in bench.canvas.people()] == [2] and bench.session.selected_track is None
    bench.listed(1, "predicted, hidden", signed=True)
    bench.listed(2, "predicted\n", signed=False)
    click(bench.window, place)
    assert bench.session.selected_track is None
    bench.press(Qt.Key.Key_1)  # who is selected on purpose is seen, and keeps their number
    assert [p.track for p in bench.canvas.people()] == [1, 2]
    bench.press(Qt.Key.Key_Escape)
    bench.press(Qt.Key.Key_H, SHIFT)
    assert [p.track for p in bench.canvas.people()] == [1, 2] and not bench.titles()


# ---- placing joint by joint --------------------------------------------------------------------------------------------


def test_a_person_is_placed_joint_by_joint_in_the_order_that_is_shown(bench: Bench) -> None:
    bench.press(Qt.Key.Key_B, SHIFT)
    tool = bench.canvas.tool
    words = [line for line, _ in bench.canvas.adornments().guide]
    assert len(words) == 15 and words[0] == "top of head"
    places = dict(zip(tool.order, np.add(SHAPE[list(tool.order)], (160, 120)).tolist(), strict=True))
    occluded, skipped = tool.order[3], tool.order[5]
    for n, joint in enumerate(tool.order):
        assert tool.current == joint and words[n] in bench.canvas.adornments().guide[n]
        if joint == skipped:
            bench.press(Qt.Key.Key_X)
        else:
            click(bench.window, places[joint], RIGHT if joint == occluded else LEFT)
            bench.settle()
        if n == 7:  # the last one was wrong: back, and once more
            bench.press(Qt.Key.Key_Backspace)
            bench.qtbot.waitUntil(lambda joint=joint: tool.current == joint)
            click(bench.window, places[joint])
            bench.settle()
        if n == 8:  # undo by key steps back in the order too
            bench.press(Qt.Key.Key_Z, CTRL)
            bench.qtbot.waitUntil(lambda joint=joint: tool.current == joint)
            bench.press(Qt.Key.Key_Y, CTRL)
            bench.qtbot.waitUntil(lambda joint=joint: tool.current != joint)
    assert bench.canvas.tool is None
    track = bench.session.selected_track
    pose = bench.pose(track)
    there = np.arange(15) != skipped
    assert np.allclose(pose.keypoints[there], np.add(SHAPE, (160, 120))[there], atol=0.01)
    assert pose.visibility[occluded] == Visibility.OCCLUDED and pose.visibility[skipped] == Visibility.ABSENT
    titles = bench.titles()
    assert len(titles) == 14 and titles[0] == f"Add, with the top of head, Person {track}"
    assert titles[1] == f"Place nose of Person {track}" and pose.box is not None


def test_joints_that_a_selected_person_lacks_are_placed_and_esc_leaves(bench: Bench) -> None:
    click(bench.window, bench.at(WRIST))
    bench.press(Qt.Key.Key_X)
    bench.settle()
    bench.press(Qt.Key.Key_B, SHIFT)
    assert bench.canvas.tool.order == (WRIST,) and bench.canvas.tool.track == 1
    press_and_move(bench.window, (100, 100), (111, 107))
    shown = bench.canvas.adornments()
    assert np.allclose(shown.loupe, (111, 107), atol=0.01)  # the magnifier helps here too
    bench.press(Qt.Key.Key_Escape)
    assert bench.canvas.tool is not None and not bench.canvas.dragging
    drag(bench.window, (100, 100), (111, 107))
    _, after = bench.one_step("Place left wrist of Person 1")
    assert np.allclose(after.keypoints[WRIST], (111, 107), atol=0.01) and after.visibility[WRIST] == Visibility.VISIBLE
    bench.press(Qt.Key.Key_B, SHIFT)
    assert bench.canvas.tool.track != 1  # who has all joints needs none: somebody new
    bench.press(Qt.Key.Key_Escape)
    assert bench.canvas.tool is None and len(bench.titles()) == 2


# ---- peaks of the heat map ---------------------------------------------------------------------------------------------


def heat_maps(bench: Bench, *places: tuple[float, float, float]) -> object:
    """Heat maps of person 1 whose left wrist has peaks at (x, y, height), as the model would bring them."""
    grid = (48, 36)
    crop = heatmap_affine(bench.pose().box, (192, 144), grid)
    points = transformed(crop, np.array([place[:2] for place in places]))
    maps = np.zeros((15, *grid), np.float32)
    bells, _ = gaussian_targets(points, np.ones(len(places), bool), grid, 2.0)
    maps[WRIST] = sum(bell * height for bell, (_, _, height) in zip(bells, places, strict=True))
    return SimpleNamespace(frame=FRAME, track=1, prediction=SimpleNamespace(heatmaps=maps, crop=crop))


def test_a_key_cycles_through_the_peaks_and_a_click_takes_one(bench: Bench, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(bench.session.model, "request_heatmaps", lambda frame, track: asked.append((frame, track)))
    right = bench.at(8)
    wrist = bench.at(WRIST)
    places = [(*wrist, 0.9), (*right, 0.6), (wrist[0] + 4, wrist[1] + 60, 0.4)]
    click(bench.window, wrist)
    bench.press(Qt.Key.Key_C)
    assert asked == [(FRAME, 1)] and not bench.titles()  # the window does not wait
    bench.session.model.heatmap_ready.emit(heat_maps(bench, *places))
    _, after = bench.one_step("Move left wrist of Person 1 to peak 2")
    assert np.hypot(*(after.keypoints[WRIST] - right)) < 0.5 and after.provenance[WRIST] == Provenance.HUMAN
    marks = bench.canvas.adornments().peaks
    assert [n for *_, n in marks] == [1, 2, 3]
    for n in (3, 1, 2):
        bench.press(Qt.Key.Key_C)
        assert bench.titles()[-1] == f"Move left wrist of Person 1 to peak {n}"
        assert np.hypot(*(bench.pose().keypoints[WRIST] - places[n - 1][:2])) < 0.5
    bench.press(Qt.Key.Key_C, SHIFT)
    assert bench.titles()[-1].endswith("peak 1") and len(asked) == 1
    click(bench.window, places[2][:2])
    assert bench.titles()[-1].endswith("peak 3")
    bench.press(Qt.Key.Key_Escape)
    assert not bench.canvas.adornments().peaks


# ---- boxes -------------------------------------------------------------------------------------------------------------


def test_the_head_box_follows_from_the_joints_until_it_is_drawn_or_dragged(bench: Bench) -> None:
    bench.canvas.zoom(3.0)
    bench.press(Qt.Key.Key_1)
    handles = bench.canvas.handles()
    pose = bench.pose()
    x, y, w, h = handles.head_box
    assert not handles.head_drawn and np.hypot(w, h) == pytest.approx(np.hypot(*(pose.keypoints[1] - pose.keypoints[2])) / 0.7)
    drag(bench.window, (x + w, y + h), (x + w + 6, y + h + 3))
    _, after = bench.one_step("Draw head box of Person 1")
    assert after.head_box == pytest.approx((x, y, w + 6, h + 3), abs=0.01)
    drag(bench.window, (x, y + h * 0.6), (x - 4, y + h * 0.6 + 2))  # by its outline
    _, after = bench.one_step("Change head box of Person 1")
    assert after.head_box == pytest.approx((x - 4, y + 2, w + 6, h + 3), abs=0.01)
    bench.press(Qt.Key.Key_H, CTRL | SHIFT)
    _, after = bench.one_step("Reset head box of Person 1")
    assert after.head_box is None and bench.canvas.handles().head_box == pytest.approx((x, y, w, h))
    bench.press(Qt.Key.Key_H, CTRL)
    drag(bench.window, (80, 30), (100, 55))
    _, after = bench.one_step("Draw head box of Person 1")
    assert after.head_box == pytest.approx((80, 30, 20, 25), abs=0.01) and bench.canvas.tool is None
    bench.press(Qt.Key.Key_F, SHIFT)
    _, after = bench.one_step("Fit box of Person 1")
    assert after.box[2] == pytest.approx(1.3 * np.ptp(after.keypoints[:, 0]))


# ---- ignore regions ----------------------------------------------------------------------------------------------------

CORNERS = [(250.0, 180.0), (300.0, 180.0), (300.0, 225.0), (250.0, 225.0)]


def region(bench: Bench):
    bench.settle()
    (found,) = bench.project.ignore_regions().values()
    return found


def test_a_region_is_drawn_bent_moved_over_key_frames_and_exported(bench: Bench) -> None:
    bench.press(Qt.Key.Key_R, CTRL)
    for corner in (CORNERS[0], (310, 150)):
        click(bench.window, corner)
    bench.press(Qt.Key.Key_Backspace)
    for corner in CORNERS[1:]:
        click(bench.window, corner)
    assert len(bench.canvas.adornments().outline) == 5 and not bench.titles()
    bench.press(Qt.Key.Key_Return)
    bench.qtbot.waitUntil(lambda: bench.session.selection.region is not None)
    assert bench.titles() == ["Add ignore region 1"] and bench.canvas.tool is None
    made = region(bench)
    assert np.allclose(made.polygon_at(0), CORNERS, atol=0.01) and (made.first, made.last) == (0, 39)
    drag(bench.window, CORNERS[2], (310, 230))
    assert bench.titles()[-1] == "Move a corner of ignore region 1"
    bench.go(9)
    drag(bench.window, (275, 205), (265, 195))  # inside: all of it, and frame 9 becomes a key frame
    assert bench.titles()[-1] == "Move ignore region 1"
    moved = region(bench)
    assert sorted(moved.keys) == [3, 9] and np.allclose(moved.polygon_at(6)[0], (245, 175), atol=0.01)
    click(bench.window, (265, 170), twice=True)  # on the upper edge
    assert bench.titles()[-1] == "Add a corner to ignore region 1"
    assert [len(p) for p in region(bench).keys.values()] == [5, 5]
    click(bench.window, (265, 170), RIGHT)
    assert bench.titles()[-1] == "Take a corner from ignore region 1"
    back = region(bench)
    assert all(np.allclose(back.keys[f], moved.keys[f]) for f in (3, 9))
    record = to_record(bench.project)
    written = json.loads(write(record, bench.folder / "900001_mpiinew_test.json").paths[0].read_text())
    images = written["images"]
    assert images[6]["ignore_regions_x"][0][0] == 245 and images[6]["ignore_regions_y"][0][0] == 175
    assert all(isinstance(v, int) for image in images for xs in image["ignore_regions_x"] for v in xs)
    n = len(bench.titles())
    bench.press(Qt.Key.Key_Delete)
    assert bench.titles()[-1] == "Delete ignore region 1" and not bench.project.ignore_regions()
    bench.qtbot.waitUntil(lambda: bench.session.selection.region is None)
    bench.press(Qt.Key.Key_Z, CTRL)
    assert len(bench.titles()) == n and len(bench.project.ignore_regions()) == 1


def test_regions_are_listed_renamed_and_given_their_frames(bench: Bench) -> None:
    bench.session.set_frame_range(4, 20)
    bench.press(Qt.Key.Key_R, CTRL)
    for corner in (*CORNERS, CORNERS[0]):  # the first corner again closes
        click(bench.window, corner)
    bench.qtbot.waitUntil(lambda: bench.session.selection.region is not None)
    bench.session.set_frame_range(None)
    assert (region(bench).first, region(bench).last) == (4, 20)
    assert not bench.canvas.regions.shown()  # the frame on screen is 3
    panel = bench.window.docks["regions"].widget()
    bench.window.docks["regions"].raise_()
    bench.session.select(None)
    bench.canvas.setFocus()
    bench.press(Qt.Key.Key_R, SHIFT)
    assert bench.session.frame == 4 and panel.table.currentIndex().row() == 0
    for column, text in ((0, "the crowd"), (1, "2"), (2, "30")):
        assert panel.model.setData(panel.model.index(0, column), text)
        bench.settle()
    said = ["Rename ignore region 1 to the crowd", "Set the beginning of the crowd", "Set the end of the crowd"]
    assert bench.titles()[-3:] == said
    assert (region(bench).name, region(bench).first, region(bench).last) == ("the crowd", 2, 30)
    for column, text in ((1, "31"), (2, "40"), (2, "soon")):
        assert not panel.model.setData(panel.model.index(0, column), text)
    assert panel.model.index(0, 2).data() == "30"
    bench.go(5)
    drag(bench.window, CORNERS[0], (240, 170))
    assert bench.titles()[-1] == "Move a corner of the crowd" and sorted(region(bench).keys) == [3, 5]
    bench.go(2)
    for action, keys in (("regions.set_key", [2, 3, 5]), ("regions.remove_key", [3, 5])):
        entry, _ = bench.window.menus.entries[action]
        assert entry.why_not(bench.window) == ""
        entry.run(bench.window)
        assert sorted(region(bench).keys) == keys
    bench.window.docks["keypoints"].raise_()


# ---- the magnifier -----------------------------------------------------------------------------------------------------


def test_the_magnifier_shows_the_pixels_under_the_joint_four_times_as_large(bench: Bench) -> None:
    end = bench.at(WRIST, by=(6.0, 5.0))
    press_and_move(bench.window, bench.at(WRIST), end)
    shown = bench.canvas.adornments()
    assert np.allclose(shown.loupe, end, atol=0.01)
    head = 0.6 * np.hypot(*(bench.pose().keypoints[1] - bench.pose().keypoints[2])) / 0.7
    assert shown.loupe_yardstick == pytest.approx(0.5 * head)
    bench.press(Qt.Key.Key_Escape)
    assert not bench.canvas.dragging and not bench.titles()
    wait_until(lambda: bench.canvas.adornments().loupe is None, "the magnifier to go", 2)
    QApplication.processEvents()

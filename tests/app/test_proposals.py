"""Changes over many frames on the real window: offered, shown, then done or not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from conftest import write_numbered_video
from hands import CTRL, SHIFT, click, drag, key, wait_until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.labels.changes import Change, Edit
from app.labels.pose import Pose, Provenance
from app.labels.spreading import head_size
from app.ui.application import make_application, make_window
from app.ui.main_window import MainWindow
from app.ui.settings import settings
from glsmamba.data.skeletons import POSETRACK15

SHAPE = np.array(
    [[0, -62], [0, -50], [0, -80], [13, -45], [-13, -45], [20, -22], [-20, -22], [22, 0], [-22, 0], [9, 0], [-9, 0], [10, 35],
     [-10, 35], [11, 70], [-11, 70]], float,
)  # fmt: skip
WRIST = POSETRACK15.index("left_wrist")
WRONG = range(10, 18)
Key = Qt.Key


def place(frame: int, x: float) -> np.ndarray:
    return SHAPE + np.array([x + 0.5 * frame, 120])


def predicted(frame: int, x: float, wrong: bool = False) -> Pose:
    places = place(frame, x)
    if wrong:
        places[WRIST] += (30, 40)
    box = (x + 0.5 * frame - 40, 28.0, 80.0, 172.0)
    return Pose(places, np.full(15, 2), np.full(15, 0.8), np.full(15, Provenance.MODEL), box=box, score=0.9, model="t")


@pytest.fixture(scope="module")
def one_window(qapp, tmp_path_factory) -> Iterator[MainWindow]:
    folder = tmp_path_factory.mktemp("proposals")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            patch.setenv(f"XDG_{name}_HOME", str(folder / name))
        settings().setValue("model/predict_while_working", False)
        settings().setValue("hints/dismissed", True)
        make_application()
        window = make_window(write_numbered_video(folder / "numbered.mp4"))
        window.activateWindow()
        wait_until(lambda: window.session.picture is not None, "the first picture", 60)
    for frame in range(40):
        people = {1: predicted(frame, 80, frame in WRONG)}
        if frame < 20:
            people[2] = predicted(frame, 200)
        else:
            people[3] = predicted(frame, 200)
        window.session.project.store_predictions(frame, people)
    yield window
    window.close()


@pytest.fixture
def window(one_window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """The window, with a model that sees nothing: heat maps are asked for and never come, unless a test sends them."""
    session = one_window.session
    asked: list[dict] = []
    monkeypatch.setattr(session.model, "request_peaks", lambda boxes: asked.append(dict(boxes)) or len(asked))
    one_window.asked = asked  # type: ignore[attr-defined]
    go(one_window, 13)
    one_window.activateWindow()
    one_window.canvas.setFocus()
    yield one_window
    one_window.proposals.ids.dismiss()
    one_window.proposals.spreads.dismiss()
    one_window.proposals.spreads.set_by_itself(False)
    settle(one_window)
    session.select(None)
    session.set_frame_range(None)
    session.project.go_to_history(0)
    for toast in list(one_window.toasts.toasts):
        toast.leave()


def go(window: MainWindow, frame: int) -> None:
    window.session.scrub(frame)
    wait_until(lambda: window.canvas.shown_frame == frame, f"frame {frame}", 10)


def settle(window: MainWindow) -> None:
    wait_until(lambda: window.session.save_state.pending == 0, "the disk", 10)


def correct(window: MainWindow, frame: int = 13) -> None:
    """Drag the wrong wrist to its place."""
    go(window, frame)
    drag(window, window.canvas.pose(1).keypoints[WRIST], place(frame, 80)[WRIST])
    settle(window)


def wrists(window: MainWindow) -> np.ndarray:
    project = window.session.project
    return np.array([np.linalg.norm(project.pose(f, 1).keypoints[WRIST] - place(f, 80)[WRIST]) for f in range(40)])


def test_a_correction_is_offered_shown_and_applied_by_two_keys(window: MainWindow) -> None:
    proposals = window.proposals
    correct(window)
    wait_until(lambda: proposals.spread_bar.isVisible(), "the offer", 10)
    assert not proposals.pictures.isVisible() and "Left wrist of Person 1" in proposals.spread_bar.title.text()
    assert QApplication.focusWidget() is not proposals.spread_bar  # it does not take the keyboard
    key(window, Key.Key_G)
    wait_until(lambda: all(cut.picture for cut in proposals.pictures._cuts.values()), "the pictures", 20)
    assert set(proposals.pictures.frames) <= set(WRONG) - {13} and len(proposals.pictures.frames) > 2
    assert not window.asked  # near enough without heat maps
    go(window, 12)  # the picture shows it meanwhile, the project does not have it yet
    assert np.linalg.norm(window.canvas.pose(1).keypoints[WRIST] - place(12, 80)[WRIST]) < 4 < wrists(window)[12]
    key(window, Key.Key_Return)
    settle(window)
    assert wrists(window).max() < 4 and not proposals.spread_bar.isVisible()
    pose = window.session.project.pose(11, 1)
    assert pose.provenance[WRIST] == Provenance.INTERPOLATED and not pose.accepted
    key(window, Key.Key_Z, CTRL)
    settle(window)
    assert wrists(window)[11] > 40 and wrists(window)[13] < 2  # the correction itself is another step


def test_jumps_are_mended_by_two_keys_and_where_there_are_none_it_says_so(window: MainWindow) -> None:
    proposals = window.proposals
    window.session.select(1)
    key(window, Key.Key_J)
    wait_until(lambda: proposals.pictures.isVisible(), "what would be done", 10)
    assert proposals.spread_bar.title.text().startswith("Jumps of Person 1: mend ")
    assert wrists(window)[WRONG].min() > 40
    key(window, Key.Key_Escape)
    assert not proposals.spread_bar.isVisible() and wrists(window)[WRONG].min() > 40
    key(window, Key.Key_J)
    wait_until(lambda: proposals.pictures.isVisible(), "what would be done", 10)
    key(window, Key.Key_Return)
    settle(window)
    assert wrists(window).max() < 4 and window.session.project.undo_title.startswith("Mend jumps of Person 1")
    assert any("mended in" in toast.text.text() for toast in window.toasts.toasts)
    key(window, Key.Key_J)
    wait_until(lambda: any("nothing to mend" in toast.text.text() for toast in window.toasts.toasts), "why not", 10)


def test_peaks_near_the_way_win_as_they_come_in_a_gap(window: MainWindow) -> None:
    """The person is missing in frames 20 to 23; G in one of them offers to fill the gap."""
    session = window.session
    session.project.apply(Edit("Lose the person", tuple(
        Change(f, 1, session.project.pose(f, 1), None, moved=True) for f in range(20, 24)
    )))  # fmt: skip
    go(window, 21)
    session.select(1)
    key(window, Key.Key_G)
    wait_until(lambda: window.proposals.pictures.isVisible(), "the proposal", 10)
    assert set(window.asked[-1]) == {20, 21, 22, 23}
    ticket = window.proposals.spreads._ticket
    for frame in window.asked[-1]:
        peak = place(frame, 80)[WRIST] + (1.5, 0)
        session.model.peaks_ready.emit(ticket, frame, {WRIST: (peak[None], np.array([0.7]))})
    assert not window.proposals.spreads.waiting and "peaks in 4 of 4" in window.proposals.spread_bar.detail.text()
    window.proposals.spread_bar.apply_button.click()
    settle(window)
    pose = session.project.pose(21, 1)
    assert pose.provenance[WRIST] == Provenance.REFINED and pose.scores[WRIST] == pytest.approx(0.7)
    assert np.allclose(pose.keypoints[WRIST], place(21, 80)[WRIST] + (1.5, 0))
    assert pose.provenance[0] == Provenance.INTERPOLATED and pose.box is not None


def test_esc_takes_the_offer_away_and_nothing_changes(window: MainWindow) -> None:
    correct(window)
    wait_until(lambda: window.proposals.spread_bar.isVisible(), "the offer", 10)
    key(window, Key.Key_G)
    key(window, Key.Key_Escape)
    settle(window)
    assert not window.proposals.spread_bar.isVisible() and wrists(window)[11] > 40
    assert window.session.selected_track == 1 and len([h for h in window.session.project.history() if h.done]) == 1
    nose = window.canvas.pose(1).keypoints[0]
    drag(window, nose, nose + 0.4 * head_size(window.canvas.pose(1), POSETRACK15))
    wait_until(lambda: window.proposals.spread_bar.isVisible(), "the next offer", 10)
    assert window.proposals.spreads.planned.joints == (0,)  # what was sent away is not offered again with it


def test_corrections_spread_by_themselves_where_that_is_chosen(window: MainWindow) -> None:
    key(window, Key.Key_G, CTRL | SHIFT)
    assert window.proposals.spreads.by_itself
    correct(window)
    assert not window.proposals.spread_bar.isVisible()
    wait_until(lambda: wrists(window).max() < 4, "the corrections", 10)
    assert [h.title for h in window.session.project.history()][-1].startswith("Spread left wrist of Person 1")


def test_between_two_corrections_all_is_interpolated_by_shift_g(window: MainWindow) -> None:
    correct(window, 10)
    correct(window, 14)
    key(window, Key.Key_G, SHIFT)
    wait_until(lambda: window.proposals.pictures.isVisible(), "the proposal", 10)
    assert window.proposals.spreads.planned.frames == (11, 12, 13)
    key(window, Key.Key_Return)
    settle(window)
    assert wrists(window)[10:15].max() < 4 and wrists(window)[16] > 40


def labels(window: MainWindow) -> list[tuple[str, str]]:
    return [window.canvas.label(person) for person in window.canvas.people()]


def test_divide_shows_the_new_person_on_the_timeline_first(window: MainWindow) -> None:
    project = window.session.project
    go(window, 25)
    click(window, window.canvas.pose(1).keypoints[0])
    window.session.select(1)
    key(window, Key.Key_S)
    view, change = window.timeline.view, window.proposals.ids.change
    (new,) = change.names
    assert [t for t, _ in view.people] == [1, 2, 3, new] and project.tracks() == (1, 2, 3)
    assert labels(window)[0] == (f"1 · Person 1 → Person {new}", f"1 → Person {new}")
    go(window, 24)
    assert "→" not in str(labels(window))
    go(window, 25)
    tracks = view.content.tracks
    assert (tracks.lane(new).levels[0][25:] == 2).all() and (tracks.lane(1).levels[0][25:] == 1).all()
    key(window, Key.Key_Escape)
    assert [t for t, _ in view.people] == [1, 2, 3] and tracks.changes(1) is None and "→" not in str(labels(window))
    key(window, Key.Key_S)
    key(window, Key.Key_Return)
    settle(window)
    assert project.track_frames(1).tolist() == list(range(25)) and window.session.selected_track in project.poses(25)
    assert project.undo_title.startswith("Divide Person 1")


def test_join_two_people_of_one(window: MainWindow) -> None:
    window.session.select(2)
    key(window, Key.Key_M)
    assert window.proposals.id_bar.isVisible() and window.proposals.ids.asked.other == 1
    assert "both are there" in window.proposals.id_bar.detail.text()
    assert [short for _, short in labels(window)] == ["1 → left out", "2"]
    box = window.proposals.other
    box.setCurrentIndex(box.findData(3))
    box.activated.emit(box.currentIndex())
    assert window.proposals.id_bar.detail.text() == "20 frames would change."
    window.proposals.id_bar.apply_button.click()
    settle(window)
    assert window.session.project.tracks() == (1, 2)
    key(window, Key.Key_Z, CTRL)
    settle(window)
    assert window.session.project.tracks() == (1, 2, 3)


def test_two_people_exchange_their_ids_in_this_frame_alone(window: MainWindow) -> None:
    project, scope = window.session.project, window.proposals.scope
    one, two = project.pose(7, 1), project.pose(7, 2)
    go(window, 7)
    click(window, window.canvas.pose(1).keypoints[0])
    key(window, Key.Key_T, CTRL)
    assert window.proposals.id_bar.isVisible() and len(window.proposals.ids.change.frames) > 1  # from here on, unless one says
    scope.setFocus()
    while scope.currentData() != "here":
        QTest.keyClick(scope, Key.Key_Up if scope.findData("here") < scope.currentIndex() else Key.Key_Down)
    assert tuple(window.proposals.ids.change.frames) == (7,)
    assert [short for _, short in labels(window)] == ["1 → Person 2", "2 → Person 1"]
    assert project.pose(7, 1) is one  # nothing is done yet
    window.proposals.id_bar.apply_button.click()
    settle(window)
    assert np.array_equal(project.pose(7, 1).keypoints, two.keypoints)
    assert np.array_equal(project.pose(7, 2).keypoints, one.keypoints)
    assert project.pose(8, 1).keypoints[0, 0] < 120 < project.pose(8, 2).keypoints[0, 0]


def test_an_id_given_by_ctrl_and_digit_over_the_chosen_range(window: MainWindow) -> None:
    project = window.session.project
    before = project.pose(6, 1)
    window.session.select(1)
    key(window, Key.Key_2, CTRL)
    window.session.set_frame_range(5, 8)  # drawn while it is shown
    assert window.proposals.ids.asked.scope == "range" and len(window.proposals.ids.change.frames) == 4
    key(window, Key.Key_Return)
    settle(window)
    assert np.array_equal(project.pose(6, 2).keypoints, before.keypoints)
    assert project.pose(9, 1) is not None and sorted(project.poses(6)) == [1, 2]


def test_what_cannot_be_done_is_said_in_the_bar(window: MainWindow) -> None:
    window.session.select(1)
    key(window, Key.Key_1, CTRL)
    assert window.proposals.id_bar.detail.text() == "That is Person 1 already."
    assert not window.proposals.id_bar.apply_button.isEnabled()
    key(window, Key.Key_Return)
    assert not [h for h in window.session.project.history() if h.done]

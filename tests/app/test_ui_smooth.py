"""What keeps the window smooth must not change what is seen: resampled pictures, the marks' layer, tables, the panels' pace."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import qtawesome
from PySide6.QtCore import QEvent, QObject, QPointF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QImage, QMouseEvent, QPainter, QTransform
from PySide6.QtWidgets import QApplication

from app.labels.pose import Pose, Provenance
from app.labels.project import Project
from app.ui.canvas.canvas import Canvas
from app.ui.canvas.layer import Layer, translucent
from app.ui.canvas.overlay_item import OverlayItem, ValueMap
from app.ui.canvas.people_item import PeopleItem
from app.ui.canvas.picture_item import Grid, halvings_for
from app.ui.kept_icon import kept
from app.ui.panels.page import Pace
from app.ui.panels.people import PeopleModel
from app.ui.session import Session
from glsmamba.data.video import VideoInfo

SIZE = (320, 240)


def plain(red: int) -> np.ndarray:
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    picture[:, :, 0] = red
    return picture


@pytest.fixture
def canvas(qtbot, tmp_path: Path) -> Canvas:
    info = VideoInfo("made.mp4", *SIZE, 10, 25.0, False, "h264", "0" * 64)
    session = Session()
    session.project, session.video = Project.create(tmp_path / "made.glsproj", info), info
    made = Canvas(session)
    made.session.setParent(made)
    qtbot.addWidget(made)
    made.resize(700, 500)
    made.show()
    session.video_opened.emit(info)
    yield made
    session.shut_down()


def show(canvas: Canvas, frame: int, picture: np.ndarray) -> None:
    canvas.session.picture = (frame, picture)
    canvas.session.picture_ready.emit(frame, picture)
    QApplication.processEvents()


def seen(canvas: Canvas, x: float, y: float) -> QColor:
    at = canvas.to_screen(np.array([x, y]))
    return canvas.view.grab().toImage().pixelColor(int(at[0]), int(at[1]))


def in_a_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


# ---- pictures --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.23, 0.5, 0.83, 1.37, 3.9])
def test_a_resampled_picture_stands_where_the_camera_says(scale: float) -> None:
    """A ramp: the value tells the place. Each device pixel must show the place under its centre."""
    width, height = 256, 64
    ramp = np.broadcast_to(np.arange(width, dtype=np.uint8)[None, :, None], (height, width, 3))
    grid = Grid((width, height), scale, 5.3, 2.6, 6, 4, int(width * scale) - 3, int(height * scale) - 4)
    got = grid.resample(np.ascontiguousarray(ramp))[:, :, 0].astype(float)
    centres = (grid.left + np.arange(grid.width) + 0.5 - grid.dx) / scale - 0.5
    inside = (centres > 4) & (centres < width - 5)
    rounding = 0.5 * (1 + halvings_for(scale))  # half a grey level each time
    assert np.abs(got - centres)[:, inside].max() <= rounding + 1 / 16
    assert inside.sum() > 40


def test_the_picture_on_screen_is_the_one_of_the_frame_whatever_was_prepared(canvas: Canvas) -> None:
    show(canvas, 0, plain(10))
    prepare, pictures = canvas.session.prepare_picture, [plain(50), plain(90), plain(130), plain(170), plain(210)]
    assert prepare is not None
    in_a_thread(lambda: [prepare(picture) for picture in pictures])
    for n in (4, 0, 3, 1, 2):  # also those whose prepared form was dropped, and out of order
        show(canvas, n, pictures[n])
        assert canvas.shown_frame == n
        assert abs(seen(canvas, 160, 120).red() - (50 + 40 * n)) <= 1


def test_a_prepared_picture_is_used_as_it_is(canvas: Canvas) -> None:
    show(canvas, 0, plain(10))
    picture = plain(200)
    in_a_thread(lambda: canvas.session.prepare_picture(picture))  # type: ignore[misc]
    ready = canvas._picture._ready
    assert any(r.rgb is picture for r in ready)
    show(canvas, 1, picture)
    assert canvas._picture._ready == ready  # nothing was made anew in the window's thread


def test_after_zoom_and_pan_the_picture_is_drawn_for_the_new_camera(canvas: Canvas) -> None:
    picture = plain(0)
    picture[60:64, 80:84, 0] = 255
    show(canvas, 0, picture)
    in_a_thread(lambda: canvas.session.prepare_picture(picture))  # type: ignore[misc]
    canvas.view.zoom_at(1.7)
    canvas.view.pan(31.4, -17.2)
    QApplication.processEvents()
    for x, y, bright in (
        (81.5, 61.5, True),
        (78.5, 61.5, False),
        (85.5, 61.5, False),
        (81.5, 58.5, False),
        (81.5, 65.5, False),
    ):
        assert (seen(canvas, x, y).red() > 200) == bright, (x, y)


# ---- marks -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", [QColor(250, 240, 30), QColor(0, 0, 0), QColor(70, 90, 200)])
@pytest.mark.parametrize(("above", "below"), [(0.6, 0.5), (1.0, 0.85), (0.35, 0.25)])
def test_a_colour_that_replaces_looks_as_if_laid_over(qapp, ground: QColor, above: float, below: float) -> None:
    edge, bone = QColor(10, 12, 16), QColor(230, 159, 0)
    image = QImage(2, 1, QImage.Format.Format_RGB32)
    image.fill(ground)
    painter = QPainter(image)
    painter.fillRect(0, 0, 1, 1, translucent(edge, below))
    painter.fillRect(0, 0, 1, 1, translucent(bone, above))
    painter.fillRect(1, 0, 1, 1, translucent(bone, above, translucent(edge, below)))
    painter.end()
    laid, replaced = image.pixelColor(0, 0), image.pixelColor(1, 0)
    assert np.abs(np.subtract(laid.getRgb(), replaced.getRgb())).max() <= 2


def test_people_are_drawn_anew_when_they_change_and_not_when_the_pointer_moves(canvas: Canvas, monkeypatch) -> None:
    session, project = canvas.session, canvas.session.project
    points = np.stack([np.linspace(100, 140, 15), np.linspace(60, 180, 15)], axis=1)
    made = (np.full(15, 2), np.full(15, 0.8), np.full(15, Provenance.MODEL))
    poses = {n: Pose(points + np.array([60, 0]) * n, *made, box=(90.0 + 60 * n, 50, 60, 140)) for n in (1, 2)}
    project.store_predictions(0, poses)
    show(canvas, 0, plain(60))
    drawn: list[object] = []
    draw = PeopleItem._skeletons
    monkeypatch.setattr(PeopleItem, "_skeletons", lambda *words: (drawn.append(words), draw(*words)))
    viewport = canvas.view.viewport()
    no_button = Qt.MouseButton.NoButton

    def picture() -> QImage:
        return viewport.grab().toImage()

    def move(x: float, y: float) -> None:
        at = QPointF(*canvas.to_screen(np.array([x, y])))
        words = at, viewport.mapToGlobal(at), no_button, no_button, Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(viewport, QMouseEvent(QEvent.Type.MouseMove, *words))
        QApplication.processEvents()

    picture()
    drawn.clear()
    for step in range(12):  # over the ground, the boxes, bones and joints
        move(130 + 8 * step, 60 + 9 * step)
        picture()
    assert canvas.hovered is not None and not drawn

    changes: tuple[Callable[[], object], ...] = (
        lambda: session.select(2),
        lambda: session.set_display(colour_mode="person"),
        lambda: session.set_display(show_names=False),
        lambda: session.set_display(show_names=True, mark_scale=1.5),
        lambda: canvas.view.zoom_at(1.3),
        lambda: canvas.view.pan(7.3, -4.8),
        lambda: canvas.resize(650, 480),
        lambda: project.store_predictions(0, {1: Pose(points + np.array([40, 5]), *made, box=(130, 55, 60, 140))}),
    )
    for change in changes:
        before = picture()
        change()
        canvas._labels_changed(None)
        QApplication.processEvents()
        kept = picture()
        assert kept != before
        canvas._people_item._layer = Layer()
        assert picture() == kept


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_a_map_that_is_drawn_in_bands_has_no_seams(qapp, monkeypatch, ratio: float) -> None:
    values = np.random.default_rng(0).random((56, 42)).astype(np.float32)
    item = OverlayItem()
    item.set_map(ValueMap.of(values, np.array([[0.11, 0, -6.3], [0, 0.11, -4.2]]), "made"), "viridis", 0.8)
    drawn = []
    for rows in (64, 10**6):
        monkeypatch.setattr("app.ui.canvas.overlay_item._BAND_ROWS", rows)
        image = QImage(int(500 * ratio), int(400 * ratio), QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(ratio)
        image.fill(QColor(60, 70, 80))
        painter = QPainter(image)
        painter.setWorldTransform(QTransform(0.71, 0, 0, 0.71, 13.3, -20.7))
        item.paint(painter, None)  # type: ignore[arg-type]
        painter.end()
        drawn.append(image)
    assert drawn[0] == drawn[1]
    assert drawn[0].pixelColor(int(150 * ratio), int(150 * ratio)) != QColor(60, 70, 80)


def test_an_icon_that_is_kept_looks_the_same(qapp) -> None:
    plain_icon = qtawesome.icon("mdi6.delete-outline", color="#F2F3F5", color_disabled="#808080")
    icon = kept(plain_icon)
    for size, ratio in ((18, 1.0), (18, 2.0), (24, 1.0)):
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Disabled):
            for _ in range(2):
                made, same = (i.pixmap(QSize(size, size), ratio, mode) for i in (icon, plain_icon))
                assert made.toImage() == same.toImage() and made.devicePixelRatio() == ratio


# ---- panels ----------------------------------------------------------------------------------------------------------------


def test_a_pace_calls_at_once_and_never_loses_the_last_call(qtbot) -> None:
    calls: list[int] = []
    frame = [0]
    owner = QObject()
    pace = Pace(lambda: calls.append(frame[0]), 30, owner)
    for n in range(50):
        frame[0] = n
        pace.ask()
    assert calls == [0]
    qtbot.waitUntil(lambda: calls == [0, 49])
    qtbot.wait(80)
    assert calls == [0, 49]


def test_people_who_are_as_they_were_are_not_painted_again(qtbot, tmp_path: Path) -> None:
    info = VideoInfo("made.mp4", *SIZE, 10, 25.0, False, "h264", "0" * 64)
    session = Session()
    session.project, session.video = Project.create(tmp_path / "made.glsproj", info), info
    points = np.arange(30.0).reshape(15, 2) + 20
    pose = Pose(points, np.full(15, 2), np.full(15, 0.8), np.full(15, Provenance.MODEL), score=0.9)
    for frame in range(4):
        session.project.store_predictions(frame, {1: pose, 2: pose} if frame < 3 else {1: pose})
    model = PeopleModel(session)
    model.refresh()
    changed: list[int] = []
    model.dataChanged.connect(lambda first, _last: changed.append(first.row()))
    for frame in (1, 2):
        session.frame = frame
        model.moved()
    assert changed == []
    session.frame = 3
    model.moved()
    assert set(changed) == {1}
    assert model.index(1, 1).data() == "" and model.index(0, 1).data() == "predicted"
    session.shut_down()

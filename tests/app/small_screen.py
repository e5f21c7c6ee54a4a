"""Opens the real window on a screen of 1920 x 1080 pixels and says what cannot be seen or reached there, one line each.

    QT_SCALE_FACTOR=3 python tests/app/small_screen.py FOLDER

Run in a process of its own, since Qt takes its scaling and its screens from the environment when it starts.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(sys.argv[1])
SCREEN = {"name": "small", "x": 0, "y": 0, "width": 1920, "height": 1080, "logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 1}
(FOLDER / "screen.json").write_text(json.dumps({"screens": [SCREEN]}))
os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={FOLDER / 'screen.json'}"
sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import numpy as np  # noqa: E402
from conftest import write_numbered_video  # noqa: E402
from hands import wait_until  # noqa: E402
from PySide6.QtCore import QPoint, QRect, QSize, Qt  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402
from PySide6.QtWidgets import (  # noqa: E402
    QAbstractScrollArea,
    QApplication,
    QDialogButtonBox,
    QMenu,
    QPushButton,
    QScrollArea,
    QStyle,
    QWidget,
)

from app.inference.status import EngineStatus  # noqa: E402
from app.labels import edits  # noqa: E402
from app.labels.pose import Pose, Provenance  # noqa: E402
from app.ui.application import make_application, make_window  # noqa: E402
from app.ui.main_window import MainWindow  # noqa: E402
from app.ui.panels_table import PANELS  # noqa: E402
from app.ui.settings import settings  # noqa: E402

LONG = "Maria-Magdalena von Hohenzollern-Sigmaringen the younger (goalkeeper, red)"


def rect_in(widget: QWidget, parent: QWidget) -> QRect:
    return QRect(widget.mapTo(parent, QPoint()), widget.size())


def parts(parent: QWidget) -> Iterator[QWidget]:
    """Visible widgets that a person sees as one: fields, buttons, lists, plots."""
    if isinstance(parent, QScrollArea) and parent.widget() is not None:
        yield from parts(parent.widget())
        return
    for child in parent.children():
        if not isinstance(child, QWidget) or not child.isVisible() or child.isWindow():
            continue
        inner = child.widget() if isinstance(child, QScrollArea) else child
        leaf = isinstance(child, QAbstractScrollArea) and not isinstance(child, QScrollArea)
        if leaf or inner is None or inner.layout() is None:
            yield child
        else:
            yield from parts(inner)


def wrong(parent: QWidget, name: str) -> list[str]:
    """What stays wrong once everything has come and was laid out, which takes a loaded machine a while."""
    for _ in range(50):
        QTest.qWait(100)
        if not (found := wrong_now(parent, name)):
            break
    return found


def wrong_now(parent: QWidget, name: str) -> list[str]:
    """Parts that lie over each other, are squeezed, or end outside where no bar scrolls to them."""
    found, all_parts = [], list(parts(parent))
    for i, one in enumerate(all_parts):
        what = f"{name}: {type(one).__name__} {one.accessibleName() or getattr(one, 'text', str)()!r}"
        area = one.parentWidget()
        while area is not None and area is not parent and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        room = area.widget() if isinstance(area, QScrollArea) else parent
        if not room.rect().adjusted(-1, -1, 1, 1).contains(rect_in(one, room)):
            found.append(f"{what} lies outside: {rect_in(one, room)} of {room.rect()}")
        if isinstance(area, QScrollArea) and room.width() > area.viewport().width() + 1:
            found.append(f"{what} is cut at the side")
        if one.height() < min(one.minimumSizeHint().height(), one.maximumHeight()) - 1:
            found.append(f"{what} is {one.height()} high and needs {one.minimumSizeHint().height()}")
        for other in all_parts[i + 1 :]:
            if one.parentWidget() is other.parentWidget() and one.geometry().intersects(other.geometry()):
                found.append(f"{what} lies over {type(other).__name__} {other.accessibleName()}")
    return found


def opened() -> MainWindow:
    settings().setValue("model/predict_while_working", False)
    make_application([])
    window = make_window(write_numbered_video(FOLDER / "numbered.mp4"))
    session = window.session
    wait_until(lambda: session.picture is not None, "the first picture")
    points = np.random.default_rng(0).uniform(60, 200, (15, 2))
    pose = Pose(points, np.full(15, 2), np.full(15, 0.6), np.full(15, Provenance.MODEL), box=(50, 50, 160, 160), score=0.6)
    for frame in range(40):
        session.project.store_predictions(frame, {1: pose, 2: pose.with_(box=(52, 50, 160, 160))})
    session.apply(lambda project: edits.rename_track(project, 1, LONG))
    session.select(1, 7)
    wait_until(lambda: session.save_state.pending == 0 and session.lookout_settled, "the labels")
    QTest.qWait(300)
    return window


def problems(window: MainWindow) -> list[str]:
    room = window.screen().availableGeometry()
    found = [] if room.contains(window.frameGeometry()) else [f"the window lies outside: {window.frameGeometry()} of {room}"]
    canvas, timeline = window.canvas.size(), window.timeline.view.size()
    if canvas.width() < 320 or canvas.height() < 140:
        found.append(f"the picture has only {canvas}")
    if timeline.height() < window.timeline.view.geometry_now.head + 20:  # a person
        found.append(f"the timeline has only {timeline}")
    hints = window.hints
    if not window.canvas.rect().contains(rect_in(hints.button, window.canvas)):
        found.append("the button of the hints is out of sight")
    found += wrong(hints, "hints")
    hints.button.click()
    found += wrong(window.transport, "transport") + wrong(window.status, "status bar")
    for panel in PANELS:
        dock = window.docks[panel.id]
        dock.show()
        dock.raise_()
        wait_until(lambda dock=dock: dock.widget().on_screen, panel.title)
        found += wrong(dock.widget(), panel.title)
    for menu in window.findChildren(QMenu):
        hint, style = menu.sizeHint(), menu.style()
        if hint.width() > room.width():
            found.append(f"menu {menu.title()} is {hint.width()} wide")
        if hint.height() > room.height() and not style.styleHint(QStyle.StyleHint.SH_Menu_Scrollable, None, menu):
            found.append(f"menu {menu.title()} is {hint.height()} high and does not scroll")
    window.session.model.status = EngineStatus(
        state="running", model="GLSMamba-T (a-long-file-name.safetensors)", device="CPU", done=3, total=40,
        windows_per_s=4.2, eta_s=200.0,
    )  # fmt: skip
    window.session.model.changed.emit(window.session.model.status)
    QApplication.processEvents()
    menus = max(window.menuBar().actionGeometry(action).right() for action in window.menuBar().actions())
    if window.work.x() <= menus or not window.work.cancel.isVisible():
        found.append(f"work at {window.work.geometry()} lies over the menus, which end at {menus}")
    ask = window.dialogs
    dialogs = (ask.ask_frame, ask.ask_weights, ask.ask_improve, ask.ask_device, ask.ask_swap, ask.show_keys, ask.change_keys,
               ask.show_palette, ask.show_about, window.files.ask_export, window.files.ask_import)  # fmt: skip
    for show in dialogs:
        show()
        QTest.qWait(150)
        dialog = window.dialogs[-1]
        name = dialog.windowTitle()
        if dialog.width() > room.width() or dialog.height() > room.height():
            found.append(f"{name} is {dialog.size()} and the screen {room.size()}")
        found += wrong(dialog, name)
        for button in dialog.findChildren(QPushButton):
            shown = button.isVisible() and isinstance(button.parentWidget(), QDialogButtonBox)
            if shown and not dialog.rect().contains(rect_in(button, dialog)):
                found.append(f"{name}: {button.text()} is out of sight")
        dialog.close()
        QApplication.processEvents()
    window.session.close_project()
    QTest.qWait(200)
    found += wrong(window.welcome, "the empty window")
    return found


def main() -> None:
    window = opened()
    assert window.devicePixelRatioF() == float(os.environ.get("QT_SCALE_FACTOR", "1")), window.devicePixelRatioF()
    assert window.screen().size() == QSize(1920, 1080) / window.devicePixelRatioF()
    found = problems(window)
    assert window.testAttribute(Qt.WidgetAttribute.WA_WState_Created)
    window.close()
    print("\n".join(["looked at everything", *found]))


if __name__ == "__main__":
    main()

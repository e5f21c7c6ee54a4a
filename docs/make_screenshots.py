"""Make the pictures of ``docs/images`` from the real program on the sample video.

    make screenshots            (or: python docs/make_screenshots.py [--labels FOLDER] [NAME...])

The sample is predicted once without a window, by the shipped checkpoint, or taken from a folder that has demo.mp4 and
demo.glsproj already; then a window is opened for each picture, in a process of its own because Qt takes its scaling from the
environment, and worked as a person would. "panels" and "panels-200" make one picture a panel, light beside dark, "maps" and
"maps-200" that of the one that needs the model. Runs without a screen.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "app")]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from key_pictures import key_pictures  # noqa: E402

#: Frames of the sample that are predicted, and the one that is shown.
FRAMES, SHOWN = 130, 96
#: Pictures without a video in them.
PLAIN = ("export", "welcome", *key_pictures())


def shots() -> dict[str, tuple[str, float, tuple[int, int], Callable[..., object]]]:
    """name -> (theme, scale, window size, what to do before the picture is taken; it returns the widget to picture)."""
    common = (1440, 900)
    return {
        "window-light": ("light", 1, common, _activation),
        "window-dark": ("dark", 1, common, _person),
        "window-200-percent": ("light", 2, (1180, 760), _person),
        "window-300-percent": ("light", 3, (636, 332), _person),
        "activation": ("dark", 1, common, _activation),
        "dragging": ("dark", 1, common, _dragging),
        "panels": ("light", 1, common, _panels("", False)),
        "panels-200": ("light", 2, common, _panels("-200", False)),
        "maps": ("light", 1, common, _panels("", True)),
        "maps-200": ("light", 2, common, _panels("-200", True)),
        "export": ("light", 1, common, _export),
        **key_pictures(),
        "welcome": ("light", 1, (1100, 700), lambda window: window),
    }


def prepare(folder: Path) -> None:
    """Sample video and its predicted project in a folder."""
    from app.cli import main
    from app.video.sample import sample_video

    video = Path(shutil.copy(sample_video(), folder / "demo.mp4"))
    if main(["predict", str(video), "--out", str(folder), "--limit", str(FRAMES)]) != 0:
        raise SystemExit("The sample could not be predicted.")


def picture(name: str, folder: Path) -> None:
    """Take one picture; runs in a process of its own."""
    from hands import wait_until
    from PySide6.QtWidgets import QApplication

    from app.ui.application import make_application, make_window
    from app.ui.settings import settings

    theme, _scale, size, work = shots()[name]
    settings().setValue("view/theme", theme)
    settings().setValue("hints/dismissed", name != "window-light")
    settings().setValue("model/predict_while_working", False)
    make_application([])
    window = make_window(None if name == "welcome" else folder / "demo.glsproj")
    window.resize(*size)
    wait_a_moment(0.3)
    window.docks.arrange()
    if name != "welcome":
        wait_until(lambda: window.session.picture is not None, "the first picture")
        window.session.go_to(SHOWN)
        wait_until(lambda: window.session.picture[0] == SHOWN, "the frame")
    shown = work(window)
    if shown is None:  # it took its pictures itself
        window.close()
        return
    for _ in range(40):
        QApplication.processEvents()
    wait_a_moment(1.5)
    IMAGES.mkdir(parents=True, exist_ok=True)
    # A video's picture is ten times smaller as JPEG; windows of lines and letters alone stay as they are.
    kind = "png" if name in PLAIN else "jpg"
    shown.grab().save(str(IMAGES / f"{name}.{kind}"), None, 92 if kind == "jpg" else -1)
    window.close()


def wait_a_moment(seconds: float) -> None:
    """Let thumbnails and delayed widgets come."""
    import time

    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def _largest(window) -> int:
    """The person with the largest box on screen."""
    poses = window.session.poses(window.session.frame)
    return max(poses, key=lambda track: poses[track].box[2] * poses[track].box[3])


def _person(window):
    session = window.session
    session.select(_largest(window), session.skeleton.index("right_wrist"))
    window.docks["keypoints"].raise_()
    return window


def _activation(window):
    from hands import wait_until

    got = []
    window.session.model.activation_ready.connect(got.append)
    _person(window)
    window.docks["activation"].raise_()
    window.session.set_display(show_activation=True)
    wait_until(lambda: got, "the activation map", 900)
    return window


def _dragging(window):
    import numpy as np
    from hands import press_and_move, wait_until

    _person(window)
    canvas, session = window.canvas, window.session
    pose = session.poses(session.frame)[session.selected_track]
    x, y, w, h = pose.box
    canvas.view.show_rect(x, y, w, h, 0.9)
    wait_a_moment(0.3)
    got = []
    session.model.heatmap_ready.connect(got.append)
    session.model.request_heatmaps(
        session.frame, session.selected_track
    )  # while dragging it is asked for only if the model is loaded
    wait_until(lambda: got, "the heat map")
    wrist = pose.keypoints[session.selected_joint]
    press_and_move(window, wrist, wrist + np.array([14.0, -10.0]))
    return window


def _work(window):
    """What leaves something to see in every panel: corrections, an undone step, an ignore region."""
    from hands import CTRL, click, drag, key
    from PySide6.QtCore import Qt

    _person(window)
    session = window.session
    wrist = session.selected_joint
    at = session.poses(session.frame)[session.selected_track].keypoints[wrist]
    drag(window, at, [at[0] + 9.0, at[1] - 6.0])
    wait_a_moment(0.5)
    key(window, Qt.Key.Key_R, CTRL)
    for x, y in ((60, 60), (330, 60), (330, 200), (60, 200), (60, 60)):
        click(window, (x, y))
    wait_a_moment(0.5)
    key(window, Qt.Key.Key_Escape)
    _person(window)
    key(window, Qt.Key.Key_O)
    wait_a_moment(0.5)
    key(window, Qt.Key.Key_Z, CTRL)


def _panels(suffix: str, with_model: bool):
    def show(window):
        from hands import wait_until
        from PySide6.QtGui import QImage, QPainter

        from app.ui.panels_table import PANELS

        _work(window)
        maps = []
        window.session.model.activation_ready.connect(maps.append)
        for panel in (panel for panel in PANELS if (panel.id == "activation") == with_model):
            dock = window.docks[panel.id]
            dock.show()
            dock.raise_()
            wait_until(lambda dock=dock: dock.widget().on_screen, panel.title)
            if panel.id == "activation":
                wait_until(lambda: maps, "the activation map", 900)
            pictures = []
            for scheme in ("light", "dark"):
                window.set_scheme(scheme)
                wait_a_moment(1.0)
                pictures.append(dock.grab().toImage())
            wide, high, ratio = pictures[0].width(), pictures[0].height(), pictures[0].devicePixelRatio()
            gap = round(8 * ratio)
            sheet = QImage(2 * wide + gap, high, QImage.Format.Format_RGB32)
            sheet.fill(0xFF808080)
            painter = QPainter(sheet)
            for i, one in enumerate(pictures):
                one.setDevicePixelRatio(1)
                painter.drawImage(i * (wide + gap), 0, one)
            painter.end()
            if with_model:  # photographs and colour maps need all their colours
                sheet.save(str(IMAGES / f"panel-{panel.id}{suffix}.jpg"), None, 85)
            else:
                _few_colours(sheet).save(str(IMAGES / f"panel-{panel.id}{suffix}.png"), None, 0)
        return None

    return show


def _few_colours(image):
    """The picture in its 256 commonest colours, others becoming the nearest of these: a third of the bytes."""
    import numpy as np
    from PySide6.QtGui import QImage
    from scipy.spatial import KDTree

    image = image.convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.width())
    colours, which, counts = np.unique(pixels, return_inverse=True, return_counts=True)
    split = colours.view(np.uint8).reshape(-1, 4)[:, :3].astype(int)
    kept = np.argsort(-counts)[:256]
    index = KDTree(split[kept]).query(split)[1].astype(np.uint8)[which].reshape(pixels.shape)
    padded = np.zeros((image.height(), -(-image.width() // 4) * 4), np.uint8)
    padded[:, : image.width()] = index
    out = QImage(padded.data, image.width(), image.height(), padded.shape[1], QImage.Format.Format_Indexed8)
    out.setColorTable([int(colour) | 0xFF000000 for colour in colours[kept]])
    return out.copy()


def _export(window):
    from hands import CTRL, SHIFT, key, wait_until
    from PySide6.QtCore import Qt

    key(window, Qt.Key.Key_E, CTRL | SHIFT)
    wait_until(lambda: window.dialogs, "the export dialog")
    dialog = window.dialogs[-1]
    dialog.export_button.click()
    wait_until(lambda: dialog.outcome.text().startswith("Written"), "the export")
    return dialog


def main() -> None:
    """Prepare once, then a process for each picture."""
    if sys.argv[1:2] == ["--one"]:
        picture(sys.argv[2], Path(sys.argv[3]))
        return
    labels = Path(sys.argv[2]) if sys.argv[1:2] == ["--labels"] else None
    wanted = sys.argv[3 if labels else 1 :] or list(shots())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if labels is None:
            prepare(folder)
        else:
            for suffix in ("mp4", "glsproj"):
                shutil.copy(labels / f"demo.{suffix}", folder)
        for name in wanted:
            home = {f"XDG_{kind}_HOME": str(folder / kind.lower() / name) for kind in ("CONFIG", "DATA", "STATE")}
            project = folder / name
            project.mkdir()
            for suffix in ("mp4", "glsproj"):
                shutil.copy(folder / f"demo.{suffix}", project)
            environment = {**os.environ, **home, "QT_SCALE_FACTOR": str(shots()[name][1])}
            subprocess.run([sys.executable, __file__, "--one", name, str(project)], env=environment, check=True)
            print(name, flush=True)


if __name__ == "__main__":
    main()

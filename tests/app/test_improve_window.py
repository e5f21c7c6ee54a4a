"""Improving the model in the real window: from the menu to the decision, stopped, gone on with, thrown away, refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hands import wait_until as wait_for
from learning_help import corrected, tiny_checkpoint
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from app.learning.examples import gather
from app.learning.improve import Job, begin
from app.learning.places import work_folder
from app.ui.application import make_application, make_window
from app.ui.dialogs.improve import ImproveDialog
from app.ui.main_window import MainWindow
from app.ui.settings import settings
from app.weights.folder import found_weights


def wait_until(true: Callable[[], Any], what: str) -> None:
    """Longer than others do: a process at low priority imports torch, perhaps beside other work on the machine."""
    wait_for(true, what, 400)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make_application([])
    settings().setValue("model/predict_while_working", False)
    settings().setValue("model/device", "cpu")
    settings().setValue("model/weights", str(tiny_checkpoint(tmp_path / "tiny.safetensors")))
    return corrected(tmp_path)


def opened(project: Path) -> MainWindow:
    window = make_window(project)
    wait_until(lambda: window.session.picture is not None, "the first picture")
    window.improver.nicer = 0  # beside other work on the machine a test would wait for minutes
    window.improver.use_settings(steps=6, lr=4e-3, batch=2, measures=2, seconds=1e9)
    return window


@pytest.fixture
def window(project: Path) -> Iterator[MainWindow]:
    shown = opened(project)
    yield shown
    shown.close()


def dialog_of(window: MainWindow) -> ImproveDialog:
    window.menus.menus["Model"].aboutToShow.emit()  # as when it is opened: entries are brought up to date then
    window.menus.entries["model.improve"][1].trigger()
    return next(dialog for dialog in window.dialogs if isinstance(dialog, ImproveDialog))


def click(button: QPushButton) -> None:
    assert button.isVisible() and button.isEnabled(), button.text()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_it_is_stopped_with_the_window_goes_on_and_is_adopted_by_a_click_alone(window: MainWindow, project: Path) -> None:
    old = window.session.model.weights
    dialog = dialog_of(window)
    wait_until(lambda: dialog.start.isEnabled(), "what can be learnt from")
    assert "from 13 on" in dialog.words.text() and "tiny.safetensors" in dialog.words.text()
    click(dialog.start)
    wait_until(lambda: window.improver.step >= 2, "two steps")
    assert "Improving" in window.work.text.text() and dialog.plot.loss_curve.getData()[0].size >= 2
    window.close()  # the process ends by itself and keeps its state

    again = opened(project)
    try:
        dialog = dialog_of(again)
        wait_until(lambda: dialog.start.isEnabled(), "what was begun")
        assert dialog.start.text() == "Go on" and "Stopped at step" in dialog.how_far.text()
        click(dialog.start)
        wait_until(lambda: dialog.adopt.isVisible(), "the end")
        losses = [step for step, _ in again.improver.losses]
        assert losses == sorted(losses) and losses[-1] == 6 and losses[0] == 1
        assert "On the held-out frames (3 poses, 45 joints)" in dialog.sentence.text()
        assert again.session.model.weights == old and len(found_weights()) == 1
        click(dialog.adopt)
        wait_until(lambda: again.session.model.weights != old, "the new model")
        new = Path(again.session.model.weights)
        assert new.name.startswith("person-20") and new.is_file() and Path(old).is_file()
        again.session.model.request_prediction(20, 1)
        wait_until(lambda: again.session.poses(20)[1].model == f"GLSMamba-T ({new.name})", "a prediction of the new model")
        wait_until(lambda: dialog.start.isEnabled() and dialog.start.text() == "Start", "the next one")
        # Going back is a choice in Model > Model….
        again.session.model.set_weights(old)
        wait_until(lambda: again.session.model.weights == old, "the old model")
    finally:
        again.close()


def test_what_was_stopped_is_thrown_away_and_what_is_finished_can_be_declined(window: MainWindow, project: Path) -> None:
    old = window.session.model.weights
    with_job = begun(window)
    dialog = dialog_of(window)
    wait_until(lambda: dialog.throw_away.isVisible(), "what a process that was stopped has left")
    click(dialog.throw_away)
    wait_until(lambda: dialog.start.isEnabled() and dialog.start.text() == "Start", "a fresh start")
    assert not with_job.exists()

    finished = begun(window)
    (finished / "improved.safetensors").write_bytes(Path(old).read_bytes())
    measured = {"people": 30, "joints": 450, "error": 0.04, "off": 0.2, "placed": 0, "placed_error": None, "placed_off": None}
    (finished / "result.json").write_text(json.dumps({"before": measured, "after": {**measured, "error": 0.05}}))
    window.improver.look()
    wait_until(lambda: dialog.keep_old.isVisible(), "the decision")
    assert "better keep the old model" in dialog.sentence.text()
    click(dialog.keep_old)
    wait_until(lambda: dialog.start.isVisible() and dialog.start.isEnabled(), "a fresh start")
    assert window.session.model.weights == old and not finished.exists() and len(found_weights()) == 1
    window.session.model.set_weights(str(project))
    window.improver.look()
    wait_until(lambda: "not a safetensors file" in dialog.sentence.text(), "the reason")
    assert not dialog.start.isVisible()


def begun(window: MainWindow) -> Path:
    """The folder of the project's improvement as it is before the first step."""
    project = window.session.project
    examples, folder = gather(project), work_folder(Path(project.path))
    video, start = str(window.session.video_path), window.session.model.weights
    job = Job("person.glsproj", video, start, "cpu", examples.words, examples.digest, {})
    begin(folder, job, examples)
    return folder


def test_too_few_corrections_are_one_sentence(project: Path, tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    window = opened(corrected(tmp_path / "few", reviewed=3))
    try:
        dialog = dialog_of(window)
        wait_until(lambda: "at least 10 frames" in dialog.sentence.text(), "the sentence")
        assert "this project has 3." in dialog.sentence.text() and not dialog.start.isEnabled()
    finally:
        window.close()

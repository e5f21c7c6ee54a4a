"""Choosing the model, in the real window: shipped, imported, a file of one's own; a wrong one changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hands import wait_until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.ui.application import make_application, make_window
from app.ui.dialogs.model_picker import ModelPicker
from app.ui.main_window import MainWindow
from app.ui.settings import settings

sys.path.append(str(Path(__file__).resolve().parents[1] / "glsmamba"))


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    """A ViTPose with one block in the weights folder."""
    import torch
    from vitpose_files import official, vitpose

    from app.weights.folder import import_weights

    torch.save(official(vitpose(depth=1)), tmp_path / "mine.pth")
    return import_weights(tmp_path / "mine.pth")[0]


@pytest.fixture
def window(imported: Path, small_video: Path) -> Iterator[MainWindow]:
    make_application([])
    settings().setValue("model/predict_while_working", False)
    settings().setValue("model/device", "cpu")
    shown = make_window(small_video)
    wait_until(lambda: shown.session.picture is not None, "the first picture")
    yield shown
    shown.close()


def picker(window: MainWindow) -> ModelPicker:
    window.menus.entries["model.weights"][1].trigger()
    dialog = next(dialog for dialog in window.dialogs if isinstance(dialog, ModelPicker))
    wait_until(lambda: len(dialog.choices) >= 2, "the choices")
    return dialog


def test_the_baseline_is_chosen_told_and_remembered_and_a_wrong_file_changes_nothing(
    window: MainWindow, imported: Path, tmp_path: Path
) -> None:
    session = window.session
    said: list[str] = []
    session.message.connect(lambda message: said.append(message.text))
    dialog = picker(window)
    assert dialog.choices[""].isChecked() and "shipped" in dialog.choices[""].text()
    assert "single-frame baseline" in dialog.choices[str(imported)].text()

    session.model.start()
    wait_until(lambda: session.model.status is not None and session.model.status.model != "", "the shipped model")
    assert "GLSMamba" in session.model.status.model
    QTest.mouseClick(dialog.choices[str(imported)], Qt.MouseButton.LeftButton)
    wait_until(lambda: session.model.weights == str(imported), "the baseline")
    wait_until(lambda: "single-frame baseline" in window.work.text.text() + window.work.text.toolTip(), "the status line")
    assert "ViTPose-S, single-frame baseline" in session.model.status.model
    assert any("predicts each frame by itself" in text for text in said)

    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"nothing")
    dialog.choose_file(wrong)
    wait_until(lambda: "wrong.safetensors is not" in dialog.note.text(), "the note")
    assert session.model.weights == str(imported)
    session.model.set_weights(str(tmp_path / "gone.safetensors"))
    wait_until(lambda: any("There are no weights" in text for text in said), "the message")
    assert session.model.weights == str(imported) and "ViTPose-S" in session.model.status.model
    assert dialog.choices[str(imported)].isChecked()


@pytest.mark.parametrize("name", ["exact", "flip_test"])
def test_how_windows_are_predicted_is_a_setting_that_reaches_the_engine_at_work(window: MainWindow, name: str) -> None:
    session = window.session
    entry = window.menus.entries[f"model.{name}"][1]
    session.model.start()
    wait_until(lambda: session.model._thread is not None and session.model._thread._engine is not None, "the engine")
    engine = session.model._thread._engine  # type: ignore[union-attr]
    assert not getattr(session.model, name) and not getattr(engine._wishes, name)
    entry.trigger()
    assert getattr(session.model, name) and getattr(engine._wishes, name) and settings().value(f"model/{name}", False, bool)
    window.menus.refresh("Model")
    assert entry.isChecked()
    session.model.stop()
    entry.trigger()
    assert not getattr(session.model, name) and not getattr(engine._wishes, name)


def test_without_a_video_the_choice_is_kept_for_the_next_one(imported: Path) -> None:
    make_application([])
    window = make_window()
    try:
        dialog = picker(window)
        QTest.mouseClick(dialog.choices[str(imported)], Qt.MouseButton.LeftButton)
        assert window.session.model.weights == str(imported)
        wait_until(lambda: str(imported) in dialog.choices and dialog.choices[str(imported)].isChecked(), "the mark")
    finally:
        window.close()

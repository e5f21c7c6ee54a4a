"""Go menu: transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.ui.actions.conditions import open_video, person
from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]


def _step(id: str, title: str, n: int, group: int, icon: str = "") -> Action:
    return Action(id, title, "Go", lambda w: w.session.step(n), open_video, group=group, held=True, icon=icon)


def _speed(factor: float) -> Action:
    title = f"{factor:g} ×"
    return Action(
        f"go.speed_{factor:g}", title, "Go/Speed", lambda w: w.session.set_speed(factor),
        checked=lambda w: w.session.speed == factor, group=0,
    )  # fmt: skip


def _edited(direction: int) -> Action:
    def run(window: MainWindow) -> None:
        session = window.session
        summary = session.project.track_summary(session.selected_track)
        frames = np.flatnonzero((summary == 2) | (summary == 3))
        frames = frames[frames > session.frame] if direction > 0 else frames[frames < session.frame]
        if len(frames):
            session.scrub(int(frames[0] if direction > 0 else frames[-1]))
        else:
            window.hint(f"No {'later' if direction > 0 else 'earlier'} frame of this person was edited or accepted.")

    word = "Next" if direction > 0 else "Previous"
    return Action(
        f"go.{word.lower()}_edited", f"{word} edited frame", "Go", run, person, group=3,
        tip="Of the selected person: edited or accepted by a human.",
    )  # fmt: skip


ACTIONS = (
    Action("go.play", "Play or pause", "Go", lambda w: w.session.toggle_play(), open_video, icon="play",
           checked=lambda w: w.session.playing),
    *(_speed(factor) for factor in (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)),
    _step("go.next", "Next frame", 1, 1, "skip-next-outline"),
    _step("go.previous", "Previous frame", -1, 1, "skip-previous-outline"),
    _step("go.next_10", "10 frames on", 10, 1),
    _step("go.previous_10", "10 frames back", -10, 1),
    _step("go.next_100", "100 frames on", 100, 1),
    _step("go.previous_100", "100 frames back", -100, 1),
    Action("go.first", "First frame", "Go", lambda w: w.session.scrub(0), open_video, group=2, icon="page-first"),
    Action("go.last", "Last frame", "Go", lambda w: w.session.scrub(w.session.n_frames - 1), open_video, group=2,
           icon="page-last"),
    Action("go.frame", "Go to frame…", "Go", lambda w: w.dialogs.ask_frame(), open_video, group=2, icon="crosshairs"),
    _edited(1),
    _edited(-1),
)  # fmt: skip

"""Model menu: predictions and the device they run on (the device entries are added by the window)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.ui.actions.conditions import open_video, person_here
from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]


def _running(window: MainWindow) -> str:
    if reason := open_video(window):
        return reason
    return "" if window.session.model.running else "Nothing is being predicted."


ACTIONS = (
    Action("model.predict", "Predict this frame", "Model", lambda w: w.session.model.request_prediction(), open_video,
           icon="auto-fix", tip="Again, where it was predicted before. Never changes what a human placed or accepted."),
    Action("model.predict_person", "Predict this person again", "Model",
           lambda w: w.session.model.request_prediction(w.session.frame, w.session.selected_track), person_here),
    Action("model.predict_on", "Predict from here onward", "Model", lambda w: w.session.model.start(), open_video),
    Action("model.pause", "Pause", "Model", lambda w: w.session.model.pause(not w.session.model.paused), _running,
           checked=lambda w: w.session.model.paused, group=1, icon="pause"),
    Action("model.cancel", "Cancel", "Model", lambda w: w.session.model.stop(), _running, group=1, icon="close"),
    Action("model.while_working", "Predict while I work", "Model",
           lambda w: w.session.model.set_while_working(not w.session.model.while_working),
           checked=lambda w: w.session.model.while_working, group=2,
           tip="Start by itself once a video's first picture is on screen."),
    Action("model.exact", "Exact windows", "Model", lambda w: w.session.model.set_exact(not w.session.model.exact),
           checked=lambda w: w.session.model.exact, group=2,
           tip="Each person in each frame by a window of its own, as in the paper: slower, and frames share nothing."),
    Action("model.flip_test", "Flip test", "Model", lambda w: w.session.model.set_flip_test(not w.session.model.flip_test),
           checked=lambda w: w.session.model.flip_test, group=2,
           tip="Each window a second time in the mirror, and the mean of both: more exact, half as fast."),
    Action("model.weights", "Model…", "Model", lambda w: w.dialogs.ask_weights(), group=2, icon="brain",
           tip="Which weights predict: shipped, imported, or a file of your own."),
    Action("model.improve", "Improve on my corrections…", "Model", lambda w: w.dialogs.ask_improve(), open_video, group=2,
           icon="school-outline", tip="Train a copy of the model on what you corrected and reviewed; you decide at the end."),
    Action("model.device", "Device…", "Model", lambda w: w.dialogs.ask_device(), group=2, icon="chip"),
)  # fmt: skip

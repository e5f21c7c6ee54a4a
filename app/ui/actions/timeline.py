"""What the timeline offers beside going somewhere: a range of frames that edits act on, and marks on frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.ui.actions.conditions import open_video
from app.ui.actions.in_force import with_way
from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]


def _begin(window: MainWindow) -> None:
    """From here to where the range ended; to the end of the video where there was none, or it ended before."""
    session = window.session
    end = session.n_frames - 1 if session.frame_range is None else session.frame_range[1]
    session.set_frame_range(session.frame, end if end >= session.frame else session.n_frames - 1)
    _say(window)


def _end(window: MainWindow) -> None:
    """From where the range began to here; from the first frame where there was none, or it began later."""
    session = window.session
    begin = 0 if session.frame_range is None else session.frame_range[0]
    session.set_frame_range(begin if begin <= session.frame else 0, session.frame)
    _say(window)


def _say(window: MainWindow) -> None:
    if window.session.frame_range is not None:
        first, last = window.session.frame_range
        window.hint(f"Frames {first} to {last} are chosen ({last - first + 1}); Esc drops the range.")


def _has_range(window: MainWindow) -> str:
    if reason := open_video(window):
        return reason
    if window.session.frame_range is not None:
        return ""
    return f"No range of frames is chosen: drag on the timeline with Shift, or {with_way('range.begin')} where it begins."


def _toggle_mark(window: MainWindow) -> None:
    from app.labels import reviewing

    frame = window.session.shown_frame
    window.session.apply(lambda project: reviewing.toggle_mark(project, frame))


def _to_mark(direction: int) -> Action:
    def run(window: MainWindow) -> None:
        session = window.session
        marks = [m for m in session.project.marks() if (m - session.frame) * direction > 0]
        if marks:
            session.scrub(marks[0] if direction > 0 else marks[-1])
        else:
            where = "after" if direction > 0 else "before"
            window.hint(f"No frame {where} this one is marked; to mark a frame {with_way('mark.toggle')}.")

    word = "Next" if direction > 0 else "Previous"
    return Action(f"mark.{word.lower()}", f"{word} mark", "Go", run, open_video, group=3)


def _marked(window: MainWindow) -> bool:
    project = window.session.project
    return project is not None and project.fact("mark", window.session.shown_frame) is not None


ACTIONS = (
    Action("mark.toggle", "Mark this frame", "Go", _toggle_mark, open_video, checked=_marked, group=3,
           icon="bookmark-outline", tip="To find it again; the timeline shows a pennant."),
    _to_mark(1),
    _to_mark(-1),
    Action("range.begin", "Begins here", "Go/Range of frames", _begin, open_video, group=4,
           tip="The range of frames that edits can act on begins at this frame."),
    Action("range.end", "Ends here", "Go/Range of frames", _end, open_video, group=4,
           tip="The range of frames that edits can act on ends at this frame."),
    Action("range.clear", "No range", "Go/Range of frames", lambda w: w.session.set_frame_range(None), _has_range, group=4,
           tip="Esc does it too."),
)  # fmt: skip

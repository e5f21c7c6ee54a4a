"""Changes of ids that are shown on the timeline before they are made: who, in which frames, with whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from PySide6.QtCore import QObject, Signal

from app.labels import identities
from app.labels.changes import ProjectError
from app.labels.identities import IdChange
from app.ui.session import Session

__all__ = ["SCOPES", "IdAsked", "Ids", "Kind", "Scope"]

Kind = Literal["swap", "assign", "merge", "split"]
Scope = Literal["here", "onward", "range", "all"]
#: Scope -> words for it.
SCOPES: dict[Scope, str] = {
    "here": "in this frame",
    "onward": "from here on",
    "range": "in the chosen range",
    "all": "in all frames",
}


@dataclass(frozen=True)
class IdAsked:
    """What is asked for: what to do with ``track``, with whom, and where. ``frame`` is where "here" is."""

    kind: Kind
    track: int
    other: int | None
    scope: Scope
    frame: int


class Ids(QObject):
    """One change of ids, asked for and not made yet.

    Attributes:
        asked: what is asked for, or None.
        change: what it would do, or None where that is impossible: then :attr:`problem` says why.
    """

    changed = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.asked: IdAsked | None = None
        self.change: IdChange | None = None
        self.problem = ""
        self._divided: tuple[int, int] | None = None  # (track divided, id kept for the new person)
        session.frame_range_changed.connect(self._range)
        session.labels_changed.connect(lambda _change: self._foresee())
        session.video_opened.connect(lambda _video: self.dismiss())

    def ask(self, kind: Kind, track: int, other: int | None = None) -> None:
        """Ask for a change; its frames are the chosen range, else all for joining, else those from here on."""
        scope: Scope = "range" if self._session.frame_range is not None else "all" if kind == "merge" else "onward"
        self.asked = IdAsked(kind, track, other, scope, self._session.shown_frame)
        self._foresee()

    def set_scope(self, scope: Scope) -> None:
        """Other frames."""
        if self.asked is not None and scope != self.asked.scope:
            self.asked = replace(self.asked, scope=scope)
            self._foresee()

    def set_other(self, other: int) -> None:
        """Another second person."""
        if self.asked is not None and other != self.asked.other:
            self.asked = replace(self.asked, other=other)
            self._foresee()

    def frames(self) -> range:
        """The frames that are asked about."""
        assert self.asked is not None
        n, here = self._session.n_frames, self.asked.frame
        chosen = self._session.frame_range
        if self.asked.scope == "range" and chosen is not None:
            return range(chosen[0], chosen[1] + 1)
        return {"here": range(here, here + 1), "onward": range(here, n)}.get(self.asked.scope, range(n))

    def becomes(self, frame: int) -> dict[int, str]:
        """Who would be whom in a frame: track -> name, "" for a pose that would be left out."""
        project, change = self._session.project, self.change
        if project is None or change is None:
            return {}
        told = change.becomes(project, frame)
        name = {new: change.names.get(new) or self._session.track_name(new) for new in told.values() if new is not None}
        return {track: "" if new is None else name[new] for track, new in told.items()}

    def apply(self) -> None:
        """Make the change, as one undo step."""
        change, session, asked = self.change, self._session, self.asked
        if change is None or asked is None:
            return
        self.dismiss()
        if session.selected_track == asked.track and asked.kind in ("assign", "split"):
            goes_to = asked.other if asked.kind == "assign" else next(iter(change.names))
            if asked.frame in change.frames:
                session.select(goes_to)
        session.apply(
            change.make, lambda: session.tell(f"{change.title}.", "info", "Undo", session.undo_just_this())
        )

    def dismiss(self) -> None:
        """Ask for nothing."""
        self.asked = self.change = None
        self.problem = ""
        self.changed.emit()

    def _range(self) -> None:
        """A range drawn while something is asked for is meant for it; one that is dropped leaves "from here on"."""
        if self.asked is None:
            return
        drawn = self._session.frame_range is not None
        if drawn or self.asked.scope == "range":
            self.asked = replace(self.asked, scope="range" if drawn else "onward")
        self._foresee()

    def _foresee(self) -> None:
        project, asked = self._session.project, self.asked
        if asked is None:
            return
        if project is None:
            self.dismiss()
            return
        made: Callable[[], IdChange]
        if asked.kind == "split":
            made = lambda: identities.split(project, asked.track, self.frames(), self._spare(asked.track))  # noqa: E731
        elif asked.other is None:
            made = lambda: _nobody()  # noqa: E731
        else:
            other = asked.other
            act = {"swap": identities.swap, "assign": identities.assign, "merge": identities.merge}[asked.kind]
            made = lambda: act(project, asked.track, other, self.frames())  # noqa: E731
        try:
            self.change, self.problem = made(), ""
            locked = next((t for t in self.change.flags if self._session.is_locked(t)), None)
            if locked is not None:
                self.change, self.problem = None, self._session.locked_words(locked)
        except ProjectError as error:
            self.change, self.problem = None, str(error)
        self.changed.emit()

    def _spare(self, track: int) -> int:
        """The id of the new person: the same one while frames are being chosen."""
        if self._divided is None or self._divided[0] != track or self._divided[1] in self._session.project.tracks():
            self._divided = (track, self._session.project.new_track_id())
        return self._divided[1]


def _nobody() -> IdChange:
    raise ProjectError("Choose the other person.")

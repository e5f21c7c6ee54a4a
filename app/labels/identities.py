"""Who is who: exchanging, joining, dividing and giving ids over some frames, shown before it is done.

Each function says what would become of whom (:class:`IdChange`) and changes nothing. No frame ever holds one id twice: where
two people would become one in the same frame, one of the poses is left out, and :attr:`IdChange.lost` says in which frames.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from app.labels.changes import Change, Edit, FactChange, ProjectError
from app.labels.codec import DELETED, FIGURE
from app.labels.making import frames_words
from app.labels.pose import Pose
from app.labels.project import Project

__all__ = ["IdChange", "assign", "merge", "split", "swap"]


@dataclass(frozen=True, eq=False)
class IdChange:
    """What a change of ids would do.

    Attributes:
        title: of the edit.
        frames: frames in which somebody's id changes, ascending.
        flags: track -> (n_frames,) bytes as ``Project.track_flags`` would give them afterwards, for everybody concerned.
        names: track -> name, of people who are new.
        lost: frames in which one of two poses is left out.
        stays: name of the person whose poses stay there where no human worked on one.
        changes: those of one frame, made of the project as it is when called.
        facts: what changes beside the poses, made likewise.
    """

    title: str
    frames: tuple[int, ...]
    flags: Mapping[int, np.ndarray]
    changes: Callable[[Project, int], tuple[Change, ...]]
    facts: Callable[[Project], tuple[FactChange, ...]] = lambda _project: ()
    names: Mapping[int, str] = field(default_factory=dict)
    lost: tuple[int, ...] = ()
    stays: str = ""

    @property
    def words(self) -> str:
        """One line: how many frames, and what is lost."""
        n = len(self.frames)
        told = f"{n:,} frame{'' if n == 1 else 's'} would change"
        if not self.lost:
            return f"{told}."
        where = f"In frame {self.lost[0]}" if len(self.lost) == 1 else f"In {len(self.lost):,} frames (first {self.lost[0]})"
        return f"{told}. {where} both are there: the pose a human worked on stays, else {self.stays}'s; the other is lost."

    def make(self, project: Project) -> Edit:
        """The edit, made of the project as it is now."""
        changes = tuple(change for frame in self.frames for change in self.changes(project, frame))
        return Edit(self.title, changes, self.facts(project))

    def becomes(self, project: Project, frame: int) -> dict[int, int | None]:
        """Track -> the id that its pose in a frame would get, None where it would be left out; only who changes."""
        at = bisect_left(self.frames, frame)
        if at == len(self.frames) or self.frames[at] != frame:
            return {}
        changes = self.changes(project, frame)
        places = {id(change.after): change.track for change in changes if change.after is not None}
        return {change.track: places.get(id(change.before)) for change in changes if change.before is not None}


def swap(project: Project, one: int, other: int, frames: range) -> IdChange:
    """Two people exchange their ids. Where only one of them is, that one gets the other's id."""
    if one == other:
        raise ProjectError("Choose two people: one cannot be exchanged with itself.")
    a, b = project.track_flags(one), project.track_flags(other)
    scope = _scope(project, frames)
    changed = scope & (_there(a) | _there(b))
    if not changed.any():
        raise ProjectError(f"Neither {project.track_name(one)} nor {project.track_name(other)} is in these frames.")
    numbers = np.flatnonzero(changed).tolist()
    title = f"Exchange {project.track_name(one)} and {project.track_name(other)} {frames_words(numbers)}"

    def changes(project: Project, frame: int) -> tuple[Change, ...]:
        x, y = project.pose(frame, one), project.pose(frame, other)
        return _in_order(_becomes(frame, one, x, y), _becomes(frame, other, y, x))

    flags = {one: np.where(changed, _moved(b), a), other: np.where(changed, _moved(a), b)}
    return IdChange(title, tuple(numbers), flags, changes)


def assign(project: Project, track: int, new: int, frames: range) -> IdChange:
    """A person gets another id in the frames in which they are; whoever has it there gets theirs in exchange."""
    if track == new:
        raise ProjectError(f"That is {project.track_name(track)} already.")
    a, b = project.track_flags(track), project.track_flags(new)
    changed = _scope(project, frames) & _there(a)
    if not changed.any():
        raise ProjectError(f"{project.track_name(track)} is in none of these frames.")
    numbers = np.flatnonzero(changed).tolist()
    title = f"Make {project.track_name(track)} {project.track_name(new)} {frames_words(numbers)}"

    def changes(project: Project, frame: int) -> tuple[Change, ...]:
        x, y = project.pose(frame, track), project.pose(frame, new)
        return () if x is None else _in_order(_becomes(frame, track, x, y), _becomes(frame, new, y, x))

    flags = {track: np.where(changed, _moved(b), a), new: np.where(changed, _moved(a), b)}
    return IdChange(title, tuple(numbers), flags, changes)


def merge(project: Project, kept: int, gone: int, frames: range) -> IdChange:
    """Two people become one. Where both are, the pose that a human worked on stays (the first one's, if both or neither)."""
    if kept == gone:
        raise ProjectError("Choose two people: one cannot be joined with itself.")
    a, b = project.track_flags(kept), project.track_flags(gone)
    changed = _scope(project, frames) & _there(b)
    if not changed.any():
        raise ProjectError(f"{project.track_name(gone)} is in none of these frames.")
    numbers = np.flatnonzero(changed).tolist()
    both = changed & _there(a)
    by_human = both & np.isin(b & FIGURE, (2, 3)) & ~np.isin(a & FIGURE, (2, 3))
    whole = bool((_there(b) == changed).all())
    title = f"Join {project.track_name(gone)} with {project.track_name(kept)} {frames_words(numbers)}"

    def changes(project: Project, frame: int) -> tuple[Change, ...]:
        x, y = project.pose(frame, kept), project.pose(frame, gone)
        if y is None:
            return ()
        stays = x is not None and (x.touched or not y.touched)
        return (Change(frame, gone, y, None, moved=True), *(() if stays else (_becomes(frame, kept, x, y),)))

    def facts(project: Project) -> tuple[FactChange, ...]:
        name = project.fact("track_name", gone)
        if not whole or name is None:
            return ()
        goes = FactChange("track_name", gone, name, None)
        return (goes,) if project.fact("track_name", kept) is not None else (goes, FactChange("track_name", kept, None, name))

    lost = tuple(np.flatnonzero(both).tolist())
    flags = {kept: np.where(changed & (~both | by_human), b, a), gone: np.where(changed, 0, b).astype(np.uint8)}
    return IdChange(title, tuple(numbers), flags, changes, facts, lost=lost, stays=project.track_name(kept))


def split(project: Project, track: int, frames: range, new: int | None = None) -> IdChange:
    """A person becomes a new one in some frames: somebody else was taken for them. ``new`` is an id kept for that."""
    flags = project.track_flags(track)
    changed = _scope(project, frames) & _there(flags)
    if not changed.any():
        raise ProjectError(f"{project.track_name(track)} is in none of these frames.")
    if (changed == _there(flags)).all():
        raise ProjectError(f"{project.track_name(track)} is in no other frames: there is nothing to divide.")
    new = project.new_track_id() if new is None else new
    change = assign(project, track, new, frames)
    title = f"Divide {project.track_name(track)}: {project.track_name(new)} {frames_words(change.frames)}"

    return replace(change, title=title, names={new: project.track_name(new)})


def _scope(project: Project, frames: range) -> np.ndarray:
    out = np.zeros(project.n_frames, bool)
    out[max(frames.start, 0) : max(frames.stop, 0)] = True
    return out


def _there(flags: np.ndarray) -> np.ndarray:
    return np.asarray(flags & FIGURE != 0)


def _moved(flags: np.ndarray) -> np.ndarray:
    """Flags that come along with an id; that a human deleted somebody does not."""
    return np.where(flags & DELETED != 0, 0, flags).astype(np.uint8)


def _becomes(frame: int, track: int, before: Pose | None, after: Pose | None) -> Change:
    return Change(frame, track, before, after, moved=True)


def _in_order(*changes: Change) -> tuple[Change, ...]:
    """Without those that change nothing."""
    return tuple(change for change in changes if not (change.before is None and change.after is None))

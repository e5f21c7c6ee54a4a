"""What can happen to labels: changes, edits (each invertible), and the events that tell of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from app.labels.pose import Pose

__all__ = ["Change", "Edit", "FactChange", "FactKind", "HistoryItem", "LabelChange", "ProjectError", "Reason"]

#: Facts that are not poses: a person's name (key: track), a reviewed frame, a mark (key: frame), an ignore region (key: region
#: id), a locked person (key: track).
FactKind = Literal["track_name", "reviewed", "ignore_region", "locked", "mark"]
Reason = Literal["edit", "undo", "redo", "prediction", "import"]


class ProjectError(RuntimeError):
    """Something about a project file could not be done; the message is one clear sentence for the user."""


@dataclass(frozen=True)
class Change:
    """One person in one frame becomes another pose; None means nobody.

    ``moved`` says that nobody was deleted: the pose goes on under another id, and a prediction may put this one here again.
    """

    frame: int
    track: int
    before: Pose | None
    after: Pose | None
    moved: bool = False

    @property
    def inverse(self) -> Change:
        """The change that takes this one back."""
        return Change(self.frame, self.track, self.after, self.before, self.moved)


@dataclass(frozen=True)
class FactChange:
    """Something other than a pose changes. Values are plain JSON values; None means there is none."""

    kind: FactKind
    key: int
    before: Any
    after: Any

    @property
    def inverse(self) -> FactChange:
        """The change that takes this one back."""
        return FactChange(self.kind, self.key, self.after, self.before)


@dataclass(frozen=True)
class Edit:
    """One undo step. ``title`` is what the history list shows ("Move left wrist of Person 2")."""

    title: str
    changes: tuple[Change, ...] = ()
    facts: tuple[FactChange, ...] = ()
    reason: Literal["edit", "import"] = "edit"

    @property
    def inverse(self) -> Edit:
        """The edit that takes this one back."""
        return Edit(
            self.title,
            tuple(c.inverse for c in reversed(self.changes)),
            tuple(f.inverse for f in reversed(self.facts)),
            self.reason,
        )

    @property
    def frames(self) -> frozenset[int]:
        """Frames whose people this edit touches."""
        return frozenset(c.frame for c in self.changes)

    def __bool__(self) -> bool:
        return bool(self.changes or self.facts)

    @staticmethod
    def joined(title: str, edits: Iterable[Edit]) -> Edit:
        """Several edits as one undo step."""
        edits = tuple(edits)
        return Edit(title, tuple(c for e in edits for c in e.changes), tuple(f for e in edits for f in e.facts))


@dataclass(frozen=True)
class LabelChange:
    """Told by :attr:`Project.changed`. ``frames`` is None when any frame may look different."""

    frames: frozenset[int] | None
    reason: Reason


@dataclass(frozen=True)
class HistoryItem:
    """One line of the history list; ``done`` is False for steps that have been undone and can be redone."""

    id: int
    title: str
    when: datetime
    done: bool

"""Poses that are not the project's yet: what is being dragged, and what is on its way to the disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.labels.pose import Pose


class Previews:
    """Edits shown before they are written, laid over the project's truth in the order they were made."""

    def __init__(self) -> None:
        self.drag: tuple[int, dict[int, Pose | None]] | None = None
        self._waiting: dict[int, Any] = {}
        self._next = 0

    def clear(self) -> None:
        """Show nothing but the truth."""
        self.drag = None
        self._waiting.clear()

    def show_drag(self, edit: Any, frame: int) -> None:
        """Show what a drag would do to a frame."""
        self.drag = None if edit is None else (frame, {c.track: c.after for c in edit.changes if c.frame == frame})

    def waiting(self, edit: Any) -> int:
        """Show an edit until :meth:`drop` is called with the number returned."""
        self._next += 1
        self._waiting[self._next] = edit
        return self._next

    def drop(self, token: int) -> None:
        """That edit is written."""
        self._waiting.pop(token, None)

    def over(self, poses: Mapping[int, Pose], frame: int) -> Mapping[int, Pose]:
        """``poses`` of a frame as they will be."""
        changes: dict[int, Pose | None] = {}
        for edit in self._waiting.values():
            changes.update({c.track: c.after for c in edit.changes if c.frame == frame})
        if self.drag is not None and self.drag[0] == frame:
            changes.update(self.drag[1])
        if not changes:
            return poses
        merged = {**poses, **changes}
        return {track: pose for track, pose in merged.items() if pose is not None}

    def project(self, project: Any, dragged: bool = False) -> _AsShown:
        """A view of the project in which waiting edits are done already; edits can be made from it but not applied to it.

        ``dragged``: also what is being dragged.
        """
        return _AsShown(project, self, dragged)


class _AsShown:
    def __init__(self, project: Any, previews: Previews, dragged: bool) -> None:
        self._project, self._previews, self._dragged = project, previews, dragged

    def poses(self, frame: int) -> Mapping[int, Pose]:
        if self._dragged:
            return self._previews.over(self._project.poses(frame), frame)
        drag, self._previews.drag = self._previews.drag, None
        try:
            return self._previews.over(self._project.poses(frame), frame)
        finally:
            self._previews.drag = drag

    def __getattr__(self, name: str) -> Any:
        return getattr(self._project, name)

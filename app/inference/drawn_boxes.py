"""Boxes that a human drew, and whether the model has looked into them."""

from __future__ import annotations

from app.inference.people import keeps_joints
from app.labels.project import Project
from glsmamba.data.records import Box

__all__ = ["DrawnBoxes"]


class DrawnBoxes:
    """Remembers in which drawn boxes of a project was predicted. For one thread."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._predicted: dict[tuple[int, int], Box] = {}

    def predicted(self, frame: int, track: int, box: Box) -> None:
        """A person was predicted in a box (x, y, w, h in pixels) that a human drew."""
        self._predicted[frame, track] = box

    def waiting(self, frame: int) -> list[int]:
        """People of a frame whose box a human has drawn or moved since, and who have no joint of a human's."""
        return [
            track
            for track, pose in self._project.poses(frame).items()
            if pose.box_by_human and pose.box is not None and not keeps_joints(pose)
            and self._predicted.get((frame, track)) != pose.box
        ]  # fmt: skip

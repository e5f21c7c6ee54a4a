"""Bringing a person of the frame, or one of their joints, into sight."""

from __future__ import annotations

import numpy as np

from app.labels.pose import Pose, Visibility
from app.ui.canvas.scene import extent
from app.ui.canvas.view import CanvasView

__all__ = ["bring_into_sight"]


def bring_into_sight(view: CanvasView, pose: Pose, joint: int | None) -> None:
    """Move a person, or one of their joints, into the middle of the view, unless they are in sight already."""
    box = extent(pose)
    if joint is not None and pose.visibility[joint] != Visibility.ABSENT:
        box = (float(pose.keypoints[joint, 0]), float(pose.keypoints[joint, 1]), 0.0, 0.0)
    if box is None:
        return
    low, high = (view.to_screen(np.array(corner)) for corner in (box[:2], (box[0] + box[2], box[1] + box[3])))
    size = np.array([view.viewport().width(), view.viewport().height()])
    middle = (low + high) / 2
    in_sight = ((low >= 0) & (high <= size)) | ((high - low > size) & (middle >= 0) & (middle <= size))
    if not in_sight.all():
        view.pan(*(float(v) for v in np.where(in_sight, 0.0, size / 2 - middle)))

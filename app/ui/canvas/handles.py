"""What can be grabbed of the selection beside its joints: corners of frames, the knob that turns, the head box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from app.labels.pose import Pose, Visibility
from app.labels.shaping import chosen_points
from app.ui.canvas.hit_test import HANDLE_RADIUS, HANDLES, Hit, nearest_handle, on_border
from app.ui.canvas.scene import box_on_screen
from glsmamba.data.posetrack18_write import derived_head_box
from glsmamba.data.records import Box
from glsmamba.data.skeletons import Skeleton

if TYPE_CHECKING:
    from app.ui.canvas.canvas import Canvas

__all__ = ["CORNERS", "Handles", "head_box_of", "make_handles"]

CORNERS = tuple(name for name in HANDLES if "-" in name)
#: Screen pixels: from the joints to the frame round them, from a frame to its knob, and the least head box with handles.
_MARGIN, _STEM, _LEAST_HEAD = 12.0, 24.0, 26.0


def head_box_of(pose: Pose, skeleton: Skeleton) -> tuple[Box | None, bool]:
    """The head box of a pose and whether it was drawn; else the one derived by PoseTrack's 0.7 rule, where there is one."""
    if pose.head_box is not None:
        return pose.head_box, True
    return derived_head_box(pose.keypoints, pose.visibility != Visibility.ABSENT, skeleton), False


@dataclass(frozen=True, eq=False)
class Handles:
    """Places on the screen, in logical pixels; rectangles are (left, top, right, bottom).

    Attributes:
        track: whose box and head box it is; the first of the people whom the frame is round.
        box: the person's box, whose handles and outline change it.
        head: the head box; ``head_drawn`` is False for one that follows from the joints.
        frame: round all selected joints or people, where there are several: its corners scale them.
        knob: (2,) turns what is selected.
        pivot: (2,) frame pixels: what it turns about.
    """

    track: int
    box: np.ndarray | None = None
    head: np.ndarray | None = None
    head_box: Box | None = None
    head_drawn: bool = False
    frame: np.ndarray | None = None
    knob: np.ndarray | None = None
    pivot: np.ndarray | None = None

    @property
    def roomy_head(self) -> bool:
        """The head box is large enough on the screen for handles of its own."""
        return self.head is not None and min(self.head[2:] - self.head[:2]) >= _LEAST_HEAD

    def hit(self, at: np.ndarray, scale: float, origin: np.ndarray) -> Hit | None:
        """The knob, a corner of the frame, a handle or the outline of the head box within reach."""
        if self.knob is not None and (far := float(np.hypot(*(self.knob - at)))) <= HANDLE_RADIUS:
            return Hit("turn", self.track, distance=far)
        if self.frame is not None:
            left, top, right, bottom = self.frame
            for name in CORNERS:
                fx, fy = HANDLES[name]
                far = float(np.hypot(left + fx * (right - left) - at[0], top + fy * (bottom - top) - at[1]))
                if far <= HANDLE_RADIUS:
                    return Hit("scale", self.track, handle=name, distance=far)
        if self.head_box is not None and self.roomy_head:
            near = nearest_handle(self.head_box, scale, origin, at)
            if near is not None and near[0] in CORNERS:
                return Hit("head", self.track, handle=near[0], distance=near[1])
            if on_border(self.head_box, scale, origin, at):
                return Hit("head", self.track, distance=HANDLE_RADIUS)
        return None


def make_handles(canvas: Canvas) -> Handles | None:
    """The handles of what is selected on the canvas now; None where nothing can be grabbed."""
    session = canvas.session
    selection, display = session.selection, session.display
    if selection.track is None or session.project is None or session.playing or not display.show_boxes:
        return None
    here = canvas.poses()
    tracks = [t for t in selection.tracks if t in here and not session.is_locked(t)]
    if not tracks:
        return None
    camera = canvas.camera()
    if len(tracks) > 1 or len(selection.joints) > 1:
        chosen = {t: joints for t, joints in selection.chosen.items() if t in tracks}
        points = chosen_points(canvas.as_shown(), canvas.shown_frame, chosen)
        if len(points) < 2 or not np.ptp(points, axis=0).any():
            return None
        low, high = points.min(axis=0), points.max(axis=0)
        frame = np.concatenate([canvas.to_screen(low) - _MARGIN, canvas.to_screen(high) + _MARGIN])
        return Handles(tracks[0], frame=frame, knob=_knob(canvas, frame), pivot=(low + high) / 2)
    track = tracks[0]
    pose = here[track]
    head, drawn = head_box_of(pose, session.skeleton)
    head_on_screen = None if head is None else box_on_screen(head, *camera)
    if pose.box is None:
        return Handles(track, head=head_on_screen, head_box=head, head_drawn=drawn)
    box = box_on_screen(pose.box, *camera)
    x, y, w, h = pose.box
    whole = not selection.joints
    return Handles(
        track, box, head_on_screen, head, drawn,
        knob=_knob(canvas, box) if whole else None, pivot=np.array([x + w / 2, y + h / 2]),
    )  # fmt: skip


def _knob(canvas: Canvas, rect: np.ndarray) -> np.ndarray:
    """To the right of a rectangle, on its left where there is no room."""
    left, top, right, bottom = rect
    x = right + _STEM
    if x > canvas.view.viewport().width() - 4:
        x = left - _STEM
    return np.array([x, (top + bottom) / 2])

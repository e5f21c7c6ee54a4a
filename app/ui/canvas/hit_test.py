"""What is under the pointer. All distances are logical screen pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.ui.canvas.scene import HIT_RADIUS, ShownPerson, box_on_screen
from glsmamba.data.records import Box
from glsmamba.data.skeletons import Skeleton

#: Handles of a box: name -> (share of the width, share of the height).
HANDLES: dict[str, tuple[float, float]] = {
    "top-left": (0, 0), "top": (0.5, 0), "top-right": (1, 0), "right": (1, 0.5),
    "bottom-right": (1, 1), "bottom": (0.5, 1), "bottom-left": (0, 1), "left": (0, 0.5),
}  # fmt: skip
HANDLE_RADIUS = 8.0
BONE_DISTANCE = 6.0
BORDER_DISTANCE = 5.0


@dataclass(frozen=True)
class Hit:
    """Something under the pointer.

    Attributes:
        kind: "joint", "handle", "border" (of the selected person's box), "bone" or "inside" (a person's box).
        track: track id.
        joint: joint index for a joint.
        handle: key of :data:`HANDLES` for a handle.
        distance: from the pointer.
    """

    kind: str
    track: int
    joint: int | None = None
    handle: str | None = None
    distance: float = 0.0

    @property
    def target(self) -> tuple[str, int, int | None, str | None]:
        """What it is, from however far."""
        return self.kind, self.track, self.joint, self.handle


def nearest_joint(
    people: Sequence[ShownPerson], at: np.ndarray, selected: int | None = None, radius: float = HIT_RADIUS
) -> Hit | None:
    """The nearest joint within reach. The nearest wins; of two equally near the drawn one, then the selected person's.

    Joints that are not drawn (below the threshold, or absent with a known place) are found only where no drawn one is.
    """
    best: Hit | None = None
    best_key = (2, np.inf, 1)
    for person in people:
        if not person.placed.any() or not _near(person, at, radius):
            continue
        distance = np.hypot(*(person.screen - at).T)
        for hidden, mask in ((0, person.drawn), (1, person.placed & ~person.drawn)):
            if not mask.any():
                continue
            j = int(np.argmin(np.where(mask, distance, np.inf)))
            key = (hidden, float(distance[j]), int(person.track != selected))
            if distance[j] <= radius and key < best_key:
                best, best_key = Hit("joint", person.track, j, distance=float(distance[j])), key
    return best


def _near(person: ShownPerson, at: np.ndarray, radius: float) -> bool:
    points = person.screen[person.placed]
    return bool(((points.min(axis=0) - radius <= at) & (at <= points.max(axis=0) + radius)).all())


def nearest_handle(box: Box, scale: float, origin: np.ndarray, at: np.ndarray) -> tuple[str, float] | None:
    """(name, distance) of the box handle within reach, or None."""
    left, top, right, bottom = box_on_screen(box, scale, origin)
    places = np.array([[left + fx * (right - left), top + fy * (bottom - top)] for fx, fy in HANDLES.values()])
    distance = np.hypot(*(places - at).T)
    i = int(distance.argmin())
    return (list(HANDLES)[i], float(distance[i])) if distance[i] <= HANDLE_RADIUS else None


def on_border(box: Box, scale: float, origin: np.ndarray, at: np.ndarray) -> bool:
    """True on the outline of a box."""
    left, top, right, bottom = box_on_screen(box, scale, origin)
    x, y = at
    d = BORDER_DISTANCE
    within = left - d <= x <= right + d and top - d <= y <= bottom + d
    inside = left + d < x < right - d and top + d < y < bottom - d
    return within and not inside


def nearest_bone(people: Sequence[ShownPerson], skeleton: Skeleton, at: np.ndarray, selected: int | None = None) -> Hit | None:
    """The person whose nearest drawn bone is within reach."""
    best: Hit | None = None
    best_key = (np.inf, 1)
    edges = np.array(skeleton.edges, int).reshape(-1, 2)
    for person in people:
        a, b = edges[:, 0], edges[:, 1]
        shown = person.drawn[a] & person.drawn[b]
        if not shown.any():
            continue
        p, q = person.screen[a[shown]], person.screen[b[shown]]
        along = q - p
        length2 = np.maximum((along**2).sum(axis=1), 1e-12)
        t = np.clip(((at - p) * along).sum(axis=1) / length2, 0, 1)
        distance = float(np.hypot(*(p + t[:, None] * along - at).T).min())
        key = (distance, int(person.track != selected))
        if distance <= BONE_DISTANCE and key < best_key:
            best, best_key = Hit("bone", person.track, distance=distance), key
    return best


def smallest_around(people: Sequence[ShownPerson], at: np.ndarray) -> Hit | None:
    """The smallest person rectangle that holds the pointer: in a crowd the one in front of a large box can be reached."""
    best, best_area = None, np.inf
    for person in people:
        left, top, right, bottom = person.rect
        if left <= at[0] <= right and top <= at[1] <= bottom and (right - left) * (bottom - top) < best_area:
            best, best_area = Hit("inside", person.track), (right - left) * (bottom - top)
    return best


def hit(
    people: Sequence[ShownPerson],
    skeleton: Skeleton,
    scale: float,
    origin: np.ndarray,
    at: np.ndarray,
    selected: int | None = None,
    skeletons_shown: bool = True,
    boxes_shown: bool = True,
) -> Hit | None:
    """What a press at ``at`` acts on: the nearer of joint and box handle, then a box outline, a bone, a person's rectangle."""
    joint = nearest_joint(people, at, selected) if skeletons_shown else None
    box = next((p.pose.box for p in people if p.track == selected), None) if boxes_shown else None
    if box is not None and selected is not None:
        handle = nearest_handle(box, scale, origin, at)
        if handle is not None and (joint is None or handle[1] < joint.distance):
            return Hit("handle", selected, handle=handle[0], distance=handle[1])
    if joint is not None:
        return joint
    bone = nearest_bone(people, skeleton, at, selected) if skeletons_shown else None
    if bone is not None:
        return bone
    if box is not None and selected is not None and on_border(box, scale, origin, at):
        return Hit("border", selected)
    return smallest_around(people, at)

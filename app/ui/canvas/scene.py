"""What is on the canvas right now: poses as shown, in screen pixels. Drawing and hit testing read the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from app.labels.pose import Pose, Provenance, Visibility
from app.ui.events import DisplayOptions
from glsmamba.data import metrics
from glsmamba.data.posetrack18_write import derived_head_box
from glsmamba.data.records import Box
from glsmamba.data.skeletons import Skeleton

#: Radius of a joint, width of a bone, hit distance: logical screen pixels at ``mark_scale`` 1.
JOINT_RADIUS, BONE_WIDTH, HIT_RADIUS = 4.5, 2.0, 10.0
_SMALL_PERSON, _LEAST = 110.0, 0.55

PREDICTED, FIRM, INTERPOLATED = 0, 1, 2
"""Forms of a joint: thin and hollow, full, dashed."""


@dataclass(frozen=True, eq=False)
class ShownPerson:
    """One person as drawn.

    Attributes:
        track: track id.
        number: 1, 2, … in the order of the frame's tracks: the digit key that selects them.
        pose: the pose.
        screen: (K, 2) float64 joints in logical screen pixels.
        placed: (K,) bool: joints that have a position at all.
        drawn: (K,) bool: joints that are drawn; placed ones that aren't can still be found by the pointer.
        form: (K,) int8: PREDICTED, FIRM or INTERPOLATED.
        rect: (left, top, right, bottom) of box and drawn joints on the screen.
        size: factor on marks: people seen from far get smaller marks, so that a crowd stays readable.
        locked: no hand changes this person.
    """

    track: int
    number: int
    pose: Pose
    screen: np.ndarray
    placed: np.ndarray
    drawn: np.ndarray
    form: np.ndarray
    rect: tuple[float, float, float, float]
    size: float
    locked: bool = False


def joint_form(pose: Pose) -> np.ndarray:
    """(K,) int8: how a joint's state shows: a human's word is full, a model's thin, what was filled in or estimated dashed."""
    form = np.full(len(pose.keypoints), PREDICTED, np.int8)
    form[np.isin(pose.provenance, (Provenance.HUMAN, Provenance.IMPORTED))] = FIRM
    form[np.isin(pose.provenance, (Provenance.INTERPOLATED, Provenance.REFINED, Provenance.ESTIMATED))] = INTERPOLATED
    if pose.accepted:
        form[:] = FIRM
    return form


def placed_joints(pose: Pose) -> np.ndarray:
    """(K,) bool: joints with a position, absent ones that once had one included."""
    return (pose.visibility != Visibility.ABSENT) | (pose.keypoints != 0).any(axis=1)


def drawn_joints(pose: Pose, display: DisplayOptions) -> np.ndarray:
    """(K,) bool: joints that are drawn: not absent, and a human's or above the threshold."""
    sure = (joint_form(pose) == FIRM) | (pose.scores >= display.threshold)
    return (pose.visibility != Visibility.ABSENT) & sure


def show(
    poses: Mapping[int, Pose],
    scale: float,
    origin: np.ndarray,
    display: DisplayOptions,
    selected: Collection[int] = (),
    locked: Callable[[int], bool] = lambda _track: False,
) -> list[ShownPerson]:
    """Poses of a frame as seen by a camera of ``scale`` and ``origin`` (view coordinates of the screen's corner).

    Hidden people are left out unless they are ``selected``; they keep their number.
    """
    people = []
    for number, (track, pose) in enumerate(sorted(poses.items()), start=1):
        if track in display.hidden and track not in selected:
            continue
        screen = (pose.keypoints + 0.5 - origin) * scale
        drawn = drawn_joints(pose, display)
        corners = [screen[drawn]] if drawn.any() else []
        if pose.box is not None:
            corners.append(box_on_screen(pose.box, scale, origin).reshape(2, 2))
        points = np.concatenate(corners) if corners else np.full((1, 2), -1e9)
        low, high = points.min(axis=0), points.max(axis=0)
        tall = float(np.hypot(*(high - low)))
        size = display.mark_scale * float(np.clip(tall / _SMALL_PERSON, _LEAST, 1.0))
        rect = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        state = placed_joints(pose), drawn, joint_form(pose)
        people.append(ShownPerson(track, number, pose, screen, *state, rect, size, locked(track)))
    return people


def box_on_screen(box: Box, scale: float, origin: np.ndarray) -> np.ndarray:
    """(4,) left, top, right, bottom of a box on the screen."""
    x, y, w, h = box
    low = (np.array([x, y]) + 0.5 - origin) * scale
    return np.concatenate([low, low + np.array([w, h]) * scale])


def head_size(pose: Pose, skeleton: Skeleton) -> float | None:
    """PoseTrack's head size in frame pixels, 0.6 x the head box's diagonal; None where the head isn't known.

    Without a drawn head box the diagonal is distance(head_top, head_bottom) / 0.7, as in PoseTrack's own files.
    """
    box = pose.head_box or derived_head_box(pose.keypoints, pose.visibility != Visibility.ABSENT, skeleton)
    return None if box is None else metrics.head_size(box)


def extent(pose: Pose) -> Box | None:
    """A person's box, else the rectangle of the joints that are there, else None."""
    if pose.box is not None:
        return pose.box
    known = pose.keypoints[pose.visibility != Visibility.ABSENT]
    if not len(known):
        return None
    low, high = known.min(axis=0), known.max(axis=0)
    return (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))

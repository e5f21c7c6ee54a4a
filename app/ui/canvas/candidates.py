"""Other places for a joint: the peaks of its heat map, cycled through by key or taken by a click."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from app.labels import edits
from app.labels.changes import Edit
from app.ui.canvas.overlays import HeatMaps, Overlays
from glsmamba.data.skeletons import joint_words
from glsmamba.heatmaps import inverted_affine, peaks, transformed

if TYPE_CHECKING:
    from app.ui.canvas.canvas import Canvas

__all__ = ["Candidates"]

#: Cells: how far apart peaks are at least is twice this; the width of the Gaussians that the shipped model was trained on.
_SIGMA = 2.0
#: A joint so many cells from a peak stands on it.
_ON_PEAK = 0.75
_MARK_RADIUS = 9.0


class Candidates:
    """The peaks of the selected joint's heat map, strongest first, as places in the frame on screen."""

    def __init__(self, canvas: Canvas, overlays: Overlays) -> None:
        self._canvas, self._overlays = canvas, overlays
        self._wanted: tuple[tuple[int, int, int], int] | None = None  # (frame, track, joint), step
        self._armed: tuple[int, int, int] | None = None
        self._known: tuple[HeatMaps, int, np.ndarray] | None = None

    def _place(self) -> tuple[int, int, int] | None:
        session = self._canvas.session
        if session.selected_track is None or session.selected_joint is None:
            return None
        return self._canvas.shown_frame, session.selected_track, session.selected_joint

    def places(self) -> np.ndarray:
        """(N, 2) frame pixels of the peaks, strongest first; empty while the heat map is not known."""
        place = self._place()
        if place is None or not self._overlays.has_heatmaps(*place[:2]):
            return np.zeros((0, 2))
        maps = self._overlays.heatmaps
        assert maps is not None
        if self._known is None or self._known[0] is not maps or self._known[1] != place[2]:
            points, _ = peaks(maps.values[place[2]], _SIGMA)
            self._known = (maps, place[2], transformed(inverted_affine(maps.crop), points))
        return self._known[2]

    def cycle(self, step: int) -> None:
        """Move the joint to the next peak (-1: the one before); asks the model for the heat map first where it isn't known."""
        place, canvas = self._place(), self._canvas
        if place is None:
            return
        self._armed = place
        if self._overlays.has_heatmaps(*place[:2]):
            self._step(step)
        else:
            self._wanted = (place, step)
            canvas.say("Asking the model for the heat map of this joint…")
            canvas.session.model.request_heatmaps(*place[:2])

    def heatmaps_came(self) -> None:
        """Heat maps were taken over: do what waited for them, if it is still meant."""
        if self._wanted is not None and self._overlays.has_heatmaps(*self._wanted[0][:2]):
            (place, step), self._wanted = self._wanted, None
            if place == self._place():
                self._step(step)

    def _step(self, step: int) -> None:
        place, places, canvas = self._place(), self.places(), self._canvas
        pose = None if place is None else canvas.pose(place[1])
        if place is None or pose is None:
            return
        if not len(places):
            canvas.say("The heat map shows no place for this joint.")
            return
        there = self._standing_on(pose.keypoints[place[2]], places)
        if there is not None and len(places) == 1:
            canvas.say("The heat map has one peak only, and the joint is on it.")
            return
        if there is None:
            self.take(0 if step > 0 else len(places) - 1)
        else:
            self.take((there + step) % len(places))

    def _standing_on(self, xy: np.ndarray, places: np.ndarray) -> int | None:
        assert self._known is not None
        scale = float(np.sqrt(abs(np.linalg.det(self._known[0].crop[:, :2]))))  # cells per pixel
        far = np.hypot(*(places - xy).T) * scale
        nearest = int(far.argmin())
        return nearest if far[nearest] <= _ON_PEAK else None

    def take(self, index: int) -> None:
        """Move the joint to a peak."""
        place, places = self._place(), self.places()
        if place is None or index >= len(places):
            return
        frame, track, joint = place
        xy = (float(places[index, 0]), float(places[index, 1]))

        def make(project: Any) -> Edit:
            name = joint_words(project.skeleton.joints[joint])
            title = f"Move {name} of {project.track_name(track)} to peak {index + 1}"
            return replace(edits.move_joint(project, frame, track, joint, xy), title=title)

        self._canvas.commit(make)
        self._canvas.say(f"Peak {index + 1} of {len(places)}.")

    def marks(self) -> list[tuple[float, float, int]]:
        """(x, y, number) on the screen of the peaks, while they matter: cycled through, dragged past, or the map is shown."""
        canvas, place = self._canvas, self._place()
        gesture = canvas.gesture
        dragged = gesture is not None and getattr(gesture, "joint", None) is not None and gesture.moved
        shown = canvas.session.display.heatmap_mode == "joint" and gesture is None
        if place is None or not (dragged or shown or place == self._armed):
            return []
        return [(float(x), float(y), n) for n, (x, y) in enumerate(canvas.to_screen(self.places()), start=1)]

    def at(self, at: np.ndarray) -> int | None:
        """The peak whose mark is under the pointer, or None; never the one that the joint stands on."""
        place = self._place()
        pose = None if place is None else self._canvas.pose(place[1])
        marks = self.marks()
        if not marks or place is None or pose is None:
            return None
        here = self._standing_on(pose.keypoints[place[2]], self.places())
        far = [float(np.hypot(x - at[0], y - at[1])) for x, y, _ in marks]
        nearest = int(np.argmin(far))
        return nearest if far[nearest] <= _MARK_RADIUS and nearest != here else None

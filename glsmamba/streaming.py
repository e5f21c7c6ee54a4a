"""Predicting a video frame by frame without doing anything twice.

The windows of consecutive key frames share four of their five frames, but only what depends on a frame and a crop alone can be
shared: the encoder's features. So a person's crop stands still while the person hardly moves (:mod:`glsmamba.held_crops`), and
each frame is encoded once in it (:mod:`glsmamba.feature_cache`).

What follows the encoder mixes the frames of a window. It ends in tokens of all its frames, though, and the head can be
put to each. How far that is right depends on what the model has learnt (``answers`` of a training), so it is tried: the first
windows are computed for every frame, each frame's pose is read from its neighbours' windows as well, and only as far from the
key frame as these readings agree with the frame's own window are poses taken from a neighbour's. One frame farther, where the
next window will be asked, this one is read as well: by how much the two disagree is told with the pose, since where it is much
the model is in doubt.

Nothing here depends on labels: a correction cannot make anything that is kept here wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from glsmamba.data.records import Box
from glsmamba.data.video_errors import VideoError
from glsmamba.feature_cache import FeatureCache
from glsmamba.heatmaps import transformed
from glsmamba.held_crops import HeldCrops
from glsmamba.predictor import PosePrediction, PoseWindow, Predictor
from glsmamba.stream_settings import StreamSettings

__all__ = ["Stream", "WindowSource"]

#: People in whose windows readings are compared before they are believed.
_TRIALS = 3
#: Joints whose peak is lower are not compared: the model does not see them, and their place means nothing.
_SEEN = 0.2
#: So many of the joints must agree. Not all: in a bad crop a joint can lie here or there, whatever the window.
_AGREEING = 0.9


#: Numbers of a window's frames, and their pictures.
_Window = tuple[tuple[int, ...], tuple[np.ndarray, ...]]


class WindowSource(Protocol):
    """Windows of one video."""

    def __len__(self) -> int:
        """Number of frames."""
        ...

    def numbered_window(self, key: int, length: int, backward: bool = False) -> _Window:
        """Numbers and pictures, (H, W, 3) uint8 RGB, of the ``length`` frames around ``key``.

        A frame that does not exist or cannot be decoded is replaced by another, whose number is then given. ``VideoError``
        where ``key`` itself cannot be decoded.
        """
        ...


class Stream:
    """Poses in frames of one video that are asked for in order, forward or backward; jumps cost as much as a window each.

    Args:
        predictor: the model. One that takes single frames gains nothing by this.
        source: the video.
        settings: see there.

    Attributes:
        reach: so many frames off the key frame poses are read, at most all of the window but its outermost; None while that is
            tried.
        features: what is kept of encoded crops.
    """

    def __init__(self, predictor: Predictor, source: WindowSource, settings: StreamSettings | None = None) -> None:
        self._predictor, self._source = predictor, source
        self._settings = settings or StreamSettings()
        self.features = FeatureCache(self._settings.budget)
        c = predictor.config
        self._key, self._length = c.key, c.frames
        self._crops = HeldCrops(c.input_size, self._settings.margin, memory=c.frames)
        self._poses: dict[tuple[int, Box], PosePrediction] = {}
        self._second: dict[tuple[int, Box], PosePrediction] = {}  # read where another window answers
        self._apart: dict[int, list[float]] = {offset: [] for offset in range(1, self._key + 1)}
        self._trials = 0
        self.reach: int | None = 0 if self._settings.tolerance <= 0 or not self._key else None

    @property
    def boxes(self) -> list[Box]:
        """The boxes of the crops that are held now; poses name theirs by ``crop``."""
        return self._crops.boxes

    def predict(
        self, frame: int, boxes: Sequence[Box], *, backward: bool = False, cancelled: Callable[[], bool] | None = None
    ) -> list[PosePrediction]:
        """Poses of the people of a frame, in order.

        Args:
            frame: its number.
            boxes: (x, y, width, height) of the people in it, in pixels.
            backward: earlier frames come next, not later ones.
            cancelled: as in :meth:`Predictor.predict`; what was encoded is kept.

        Raises:
            As :meth:`Predictor.predict`; :class:`VideoError` where the frame cannot be decoded.
        """
        held = self._crops.boxes_for(frame, boxes, {box for n, box in self._poses if n == frame})
        alive = set(self._crops.boxes)
        self.features.keep_boxes(alive)
        for readings in (self._poses, self._second):
            for n, box in list(readings):
                if box not in alive or abs(n - frame) > self._length:
                    del readings[n, box]
        missing = list(dict.fromkeys(box for box in held if (frame, box) not in self._poses))
        if missing:
            if self.reach is None:
                self._try(frame, missing, -1 if backward else 1, cancelled)
            else:
                self._fill(frame, missing, backward, cancelled)
        return [self._poses[frame, box] for box in held]

    def _fill(self, frame: int, boxes: Sequence[Box], backward: bool, cancelled: Callable[[], bool] | None) -> None:
        """One window a person, as far ahead as this frame and those after it can be read from it."""
        reach = self.reach or 0
        key, window = self._ahead(frame, -reach if backward else reach)
        beyond = 1 if 0 < reach < self._key else 0
        read = range(-reach - beyond, reach + 1) if backward else range(-reach, reach + 1 + beyond)
        found = self._read([(box, window) for box in boxes], read, cancelled)
        for box, poses in zip(boxes, found, strict=True):
            for offset, pose in zip(read, poses, strict=True):
                place = key + offset, box
                if window[0][self._key + offset] != key + offset:  # a stand-in for a damaged or absent frame
                    continue
                if abs(offset) > reach:
                    self._second[place] = pose
                elif place not in self._poses:
                    self._poses[place] = _compared(pose, self._second.get(place))

    def _ahead(self, frame: int, by: int) -> tuple[int, _Window]:
        """The window of a key frame up to ``by`` frames off, from which ``frame`` can be read."""
        step = -1 if by > 0 else 1
        for key in range(min(max(frame + by, 0), len(self._source) - 1), frame, step):
            try:
                window = self._source.numbered_window(key, self._length, by < 0)
            except VideoError:
                continue
            if window[0][self._key + frame - key] == frame:
                return key, window
        return frame, self._source.numbered_window(frame, self._length, by < 0)

    def _try(self, frame: int, boxes: Sequence[Box], step: int, cancelled: Callable[[], bool] | None) -> None:
        """A window for each person, and for one of them those of the next frames, to see how far readings can be believed."""
        windows = {frame: self._source.numbered_window(frame, self._length, step < 0)}
        for key in range(frame + step, frame + step * (self._key + 1), step):
            if 0 <= key < len(self._source):
                try:
                    windows[key] = self._source.numbered_window(key, self._length, step < 0)
                except VideoError:
                    break
        places = [(boxes[0], key) for key in windows] + [(box, frame) for box in boxes[1:]]
        read = range(-self._key, self._key + 1)
        found = self._read([(box, windows[key]) for box, key in places], read, cancelled)
        own = {key: poses[self._key] for key, poses in zip(windows, found, strict=False)}
        for (box, key), poses in zip(places, found, strict=True):
            self._poses[key, box] = poses[self._key]
        for key, poses in zip(windows, found, strict=False):
            for offset, pose in zip(read, poses, strict=True):
                other = key + offset
                if offset and other in own and windows[key][0][self._key + offset] == other:
                    self._apart[abs(offset)] += _distances(pose, own[other])
        if len(windows) > self._key:
            self._trials += 1
        if self._trials >= _TRIALS:
            self.reach = self._agreed()

    def _read(
        self, places: Sequence[tuple[Box, _Window]], read: range, cancelled: Callable[[], bool] | None
    ) -> list[list[PosePrediction]]:
        windows = [PoseWindow(pictures, box, numbers) for box, (numbers, pictures) in places]
        slots = slice(self._key + read.start, self._key + read.stop)
        return self._predictor.predict_frames(windows, slots, self.features, cancelled=cancelled)

    def _agreed(self) -> int:
        reach = 0
        for offset, apart in self._apart.items():
            if not apart or np.quantile(apart, _AGREEING) > self._settings.tolerance:
                break
            reach = offset
        return min(reach, max(self._key - 1, 1))


def _compared(pose: PosePrediction, other: PosePrediction | None) -> PosePrediction:
    """The pose with its distances to another window's of the same frame."""
    if other is None:
        return pose
    apart = np.linalg.norm(pose.keypoints - other.keypoints, axis=1)
    return replace(pose, disagreements=np.where(pose.scores >= _SEEN, apart, np.nan).astype(np.float32))


def _distances(read: PosePrediction, own: PosePrediction) -> list[float]:
    """Distances in heat map cells of the joints that the frame's own window sees."""
    apart = np.linalg.norm(transformed(own.crop, read.keypoints) - transformed(own.crop, own.keypoints), axis=1)
    return [float(distance) for distance in apart[own.scores >= _SEEN]]

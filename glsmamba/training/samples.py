"""Batches: crops, heat map targets and weights from pictures kept in memory.

A sample depends on nothing but the seed, the epoch and its place in the epoch, so that a training can be cut anywhere and
resumed exactly. Everything is made in the training thread: on two cores a loader process is slower.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

from glsmamba.data.skeletons import POSETRACK15
from glsmamba.heatmaps import Box, gaussian_targets, rescaled_affine, transformed
from glsmamba.training.augment import (
    Augmentation,
    Placement,
    border_colour,
    disturbed,
    flipped_joints,
    place,
    window_affines,
    within,
)
from glsmamba.training.labels import PictureLabels, TrainingDataError
from glsmamba.training.neighbours import with_neighbour


@dataclass(frozen=True)
class Person:
    """One person to learn from.

    Attributes:
        frames: the pictures (H, W, 3) uint8 RGB: one still, or as many as a window has, the key frame in the middle. A
            :class:`~glsmamba.training.people.Window` reads them when they are asked for.
        points: (15, 2) joints in the key frame, picture pixels.
        known: (15,) bool.
        weight: how often it is drawn, relative to others.
        trust: (15,) float32, how much each known joint counts in the loss; None for all alike.
        box: (x, y, w, h) of the person in the pictures, which the crop is laid around; None for that of the known joints.
    """

    frames: Sequence[np.ndarray]
    points: np.ndarray
    known: np.ndarray
    weight: float = 1.0
    trust: np.ndarray | None = None
    box: Box | None = None


@dataclass(frozen=True)
class Batch:
    """crops (B, T, H, W, 3) uint8 RGB; targets (B, R, K, h, w) float32; weights (B, R, K) float32.

    R frames around the key frame are learnt, in most trainings that frame alone.
    """

    crops: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Shape:
    """What a batch looks like: crop (height, width), heat map grid (h, w), sigma in cells, frames a window.

    ``answers`` is how many frames around the key frame are learnt: 1, or an odd number up to ``frames``.
    """

    size: tuple[int, int]
    grid: tuple[int, int]
    sigma: float
    frames: int = 1
    answers: int = 1

    @property
    def read(self) -> slice:
        """Which frames of a window are learnt."""
        first = (self.frames - self.answers) // 2
        return slice(first, first + self.answers)


def load_people(labels: PictureLabels, limit: int | None = None) -> list[Person]:
    """Read the pictures into memory (about 0.15 MB each).

    Raises:
        TrainingDataError: a picture cannot be read.
    """
    people = []
    for n, path in enumerate(labels.images[:limit]):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise TrainingDataError(f"{path.name} cannot be read as a picture; fetch the data folder again.")
        people.append(Person((cv2.cvtColor(picture, cv2.COLOR_BGR2RGB),), labels.points[n], labels.known[n]))
    return people


def make_sample(
    person: Person, rng: np.random.Generator, shape: Shape, augmentation: Augmentation, other: Person | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One sample: crops (T, H, W, 3), targets (R, K, h, w) and weights (R, K) of the R frames that are learnt.

    Joints that are not known weigh nothing. A known joint well outside the crop is taught as an empty map: a body that ends at
    the crop's border must not get legs. ``other`` may be set beside the person (:attr:`Augmentation.neighbour`).
    """
    placement = place(rng, person.points, person.known, shape.size, augmentation, person.box)
    affines = [placement.affine] * shape.frames
    if still := len(person.frames) == 1:
        affines = window_affines(rng, placement.affine, shape.size, shape.frames, augmentation.motion)
        pictures: Sequence[np.ndarray] = (person.frames[0],) * shape.frames
    else:
        first = len(person.frames) // 2 - shape.frames // 2
        pictures = person.frames[first : first + shape.frames]
    colour = border_colour(rng, augmentation)
    h, w = shape.size
    if placement.picture is not None:
        pictures = [_ended(picture, placement.picture, colour) for picture in pictures]
    crops = [
        cv2.warpAffine(picture, affine, (w, h), flags=cv2.INTER_LINEAR, borderValue=colour)
        for picture, affine in zip(pictures, affines, strict=True)
    ]
    if other is not None and augmentation.neighbour and rng.random() < augmentation.neighbour:
        middle = other.frames[len(other.frames) // 2]
        there = transformed(placement.affine, person.points)
        crops = with_neighbour(rng, crops, there, person.known, middle, other.points, other.known)
    made = [
        _answer(person, placement, affine, shape, known=still or index == shape.frames // 2)
        for index, affine in list(enumerate(affines))[shape.read]
    ]
    targets, weights = (np.stack(part) for part in zip(*made, strict=True))
    beside = np.arange(shape.answers) != shape.answers // 2
    # Together they count as much as the key frame: clips, whose labels are of the key frame alone, are not to count for less.
    weights[beside] /= max(shape.answers - 1, 1)
    return np.stack(disturbed(rng, crops, augmentation, shape.answers)), targets, weights


def _answer(
    person: Person, placement: Placement, affine: np.ndarray, shape: Shape, known: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Targets (K, h, w) and weights (K,) of one frame of a window, whose crop is ``affine`` of the picture; no weight where
    nobody knows where the joints are in it.
    """
    points, known_joints = transformed(rescaled_affine(affine, shape.size, shape.grid), person.points), person.known & known
    gone = np.zeros(len(known_joints), bool) if placement.picture is None else ~within(person.points, placement.picture)
    if placement.flipped:
        points, known_joints = flipped_joints(points, known_joints)
        _, gone = flipped_joints(points, gone)
    targets, weights = gaussian_targets(points, known_joints, shape.grid, shape.sigma)
    far = 1.5 * shape.sigma
    outside = (points < -far).any(-1) | (points[:, 0] > shape.grid[1] - 1 + far) | (points[:, 1] > shape.grid[0] - 1 + far)
    weights = np.where((outside | gone) & known_joints, np.float32(1), weights)
    targets[gone] = 0
    if person.trust is not None:
        weights = weights * (person.trust[POSETRACK15.flip] if placement.flipped else person.trust)
    return targets, weights


class BatchSource:
    """Endless batches over people, epoch after epoch, from a position on.

    Args:
        people: to draw from; those of weight w come w times an epoch (the fraction is drawn anew each epoch).
        shape: what a batch looks like.
        batch: samples a batch.
        seed: of the order and of all augmentation.
        augmentation: ranges.
        share: (n, of): of each batch only samples n, n + of ... are made; the others are another process's.
        workers: threads that make samples, two batches ahead; with 0 they are made when they are asked for.
    """

    def __init__(
        self,
        people: Sequence[Person],
        shape: Shape,
        batch: int,
        seed: int,
        augmentation: Augmentation,
        share: tuple[int, int] = (0, 1),
        workers: int = 0,
    ):
        if not people:
            raise TrainingDataError("There is nobody to train on; check the data folder and the splits in the configuration.")
        least = min(batch, len(people))
        if least < share[1]:
            raise TrainingDataError(f"{least} samples a batch are too few for {share[1]} processes; use fewer.")
        self.people, self.shape, self.batch, self.seed, self.augmentation = people, shape, batch, seed, augmentation
        self.share, self.workers = share, workers
        self._length = (-1, 0)

    def order(self, epoch: int) -> np.ndarray:
        """Indices of people in the order of an epoch."""
        rng = np.random.default_rng([self.seed, epoch])
        wanted = np.array([person.weight for person in self.people])
        times = np.floor(wanted + rng.random(len(wanted)) * (wanted % 1 > 0)).astype(int)
        return rng.permutation(np.repeat(np.arange(len(self.people)), times))

    def _another(self, n: int, rng: np.random.Generator) -> Person | None:
        """Anybody but person ``n``; nobody where no neighbours are wanted."""
        if not self.augmentation.neighbour or len(self.people) < 2:
            return None
        return self.people[(n + int(rng.integers(1, len(self.people)))) % len(self.people)]

    def epoch_length(self, epoch: int) -> int:
        """Samples of an epoch: whole batches, or one smaller batch where there are fewer people."""
        if self._length[0] != epoch:
            length = len(self.order(epoch))
            self._length = epoch, length // self.batch * self.batch or length
        return self._length[1]

    def batches(self, epoch: int, position: int) -> Iterator[tuple[Batch, int, int]]:
        """Batches from a place on, each with the (epoch, position) at which the next one starts."""
        places = self._places(epoch, position)
        if not self.workers:
            for chosen, start, epoch, position in places:
                yield self._together([self._made(n, start, i) for i, n in self._shared(chosen)]), epoch, position
            return
        with ThreadPoolExecutor(self.workers, "samples") as pool:
            ahead: deque[tuple[list[Future], int, int]] = deque()
            try:
                for chosen, start, epoch, position in places:
                    ahead.append(([pool.submit(self._made, n, start, i) for i, n in self._shared(chosen)], epoch, position))
                    if len(ahead) > 2:
                        made, *place = ahead.popleft()
                        yield self._together([future.result() for future in made]), place[0], place[1]
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _places(self, epoch: int, position: int) -> Iterator[tuple[np.ndarray, tuple[int, int], int, int]]:
        """Whom each batch holds, the (epoch, position) of its first sample, and where the next batch starts."""
        while True:
            order = self.order(epoch)
            while position + self.batch <= len(order) or (position == 0 and len(order)):
                yield order[position : position + self.batch], (epoch, position), epoch, position + self.batch
                position += self.batch
            epoch, position = epoch + 1, 0

    def _shared(self, chosen: np.ndarray) -> list[tuple[int, int]]:
        first, of = self.share
        return [(i, int(chosen[i])) for i in range(first, len(chosen), of)]

    def _made(self, n: int, start: tuple[int, int], i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, start[0], start[1] + i])
        return make_sample(self.people[n], rng, self.shape, self.augmentation, self._another(n, rng))

    @staticmethod
    def _together(samples: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Batch:
        crops, targets, weights = zip(*samples, strict=True)
        return Batch(np.stack(crops), np.stack(targets), np.stack(weights))


def _ended(picture: np.ndarray, border: tuple[float, float, float, float], colour: tuple[int, int, int]) -> np.ndarray:
    """The picture (H, W, 3) with ``colour`` beyond the border (x0, y0, x1, y1)."""
    last = np.array(picture.shape[1::-1]) - 1
    x0, y0 = np.ceil(np.clip(border[:2], 0, last)).astype(int)
    x1, y1 = np.clip(border[2:], 0, last).astype(int)
    out = np.empty_like(picture)
    out[:] = colour
    out[y0 : y1 + 1, x0 : x1 + 1] = picture[y0 : y1 + 1, x0 : x1 + 1]
    return out

"""The path of one joint through frames of which a human fixed some: what to believe of the model's, what to fill in.

The frames a human fixed are certain. Of the others, each place the model gave may be believed or doubted; where it is doubted, it
may have been the mirror joint's, or right but for the shift that the human corrected nearby. :func:`fill` finds the cheapest
story that passes through all fixed frames: doubting a frame costs, and so does every leap that the joint itself does not make.
Doubted frames are then interpolated between believed ones. NumPy and SciPy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Filled", "JointPath", "fill", "interpolated"]

#: Cost of doubting a frame that the model saw; of believing its mirror joint; of believing it shifted, per frame.
_DOUBT, _MIRROR, _SHIFT = 2.0, 1.0, 0.5
_ENTER = 12.0
#: Beside 1.5 times the joint's usual way from frame to frame, a leap of so many head sizes costs as much as half a doubt.
_STEADY = 0.05
#: Frames after which a correction counts a third of what it was, where no second one lies beyond.
_FADES = 15.0
#: Frames beside a fixed one from which the model's place in it is guessed.
_BESIDE = 4
#: More frames than this in a row are not doubted at a stretch.
_LONGEST = 60

OWN, MIRROR, SHIFTED = 0, 1, 2


@dataclass(frozen=True, eq=False)
class JointPath:
    """One joint over n consecutive frames.

    Attributes:
        places: (n, 2) pixels of the frame; of no meaning where neither fixed nor seen.
        fixed: (n,) bool: a human's word, never doubted.
        seen: (n,) bool: the model's word, which may be.
        mirror: (n, 2) the mirror joint's places; None for a joint without one.
        mirror_seen: (n,) bool: the model's word on it.
        size: head size in pixels, the yardstick.
    """

    places: np.ndarray
    fixed: np.ndarray
    seen: np.ndarray
    mirror: np.ndarray | None
    mirror_seen: np.ndarray | None
    size: float


@dataclass(frozen=True, eq=False)
class Filled:
    """Frames that get another place.

    Attributes:
        frames: (m,) ascending numbers within the path.
        places: (m, 2).
        mirrored: (m,) bool: the place is the mirror joint's, which in turn belongs where this one was.
        certainty: (m, 2) numbers of the frames before and after from which it was interpolated; the frame itself where the
            model's word was believed, in its mirror joint or shifted.
    """

    frames: np.ndarray
    places: np.ndarray
    mirrored: np.ndarray
    certainty: np.ndarray


def interpolated(frames: np.ndarray, places: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(m, 2) places in the ``wanted`` frames on a monotone cubic (PCHIP) through (n, 2) ``places``; the ends hold beyond."""
    if len(frames) == 1:
        return np.repeat(places, len(wanted), axis=0)
    from scipy.interpolate import PchipInterpolator

    inside = np.clip(wanted, frames[0], frames[-1])
    return np.asarray(PchipInterpolator(frames, places, axis=0)(inside))


def fill(path: JointPath, centres: np.ndarray | None = None) -> Filled:
    """Fill in a joint's frames.

    Args:
        path: the joint; with ``centres`` at least these are fixed.
        centres: frames a human just fixed. Frames between these and the fixed ones next to them are filled in; outward, where
            no fixed frame follows, only until the model agrees again. None fills in all frames that are doubted.
    """
    shifted, shift_known = _shifted(path)
    nothing = np.zeros((len(path.places), 2))
    places = np.stack([path.places, nothing if path.mirror is None else path.mirror, shifted])
    usable = np.stack([path.fixed | path.seen, np.zeros_like(path.fixed), path.seen & shift_known & ~path.fixed])
    if path.mirror_seen is not None:
        usable[MIRROR] = path.mirror_seen & ~path.fixed
    story = _story(path, places, usable)
    wanted = story != OWN
    if centres is not None:
        wanted &= _reached(path, story, centres)
    nodes = np.flatnonzero(story >= 0)
    frames = np.flatnonzero(wanted)
    if len(nodes) == 0 or len(frames) == 0:
        empty = np.zeros(0, np.int64)
        return Filled(empty, np.zeros((0, 2)), np.zeros(0, bool), np.zeros((0, 2), np.int64))
    # Beyond the outermost believed frames nothing is known.
    frames = frames[(frames >= nodes[0]) & (frames <= nodes[-1])]
    curve = interpolated(nodes, places[story[nodes], nodes], frames)
    after = np.searchsorted(nodes, frames)
    before = np.where(nodes[after] == frames, after, after - 1)
    return Filled(frames, curve, story[frames] == MIRROR, np.stack([nodes[before], nodes[after]], axis=1))


def _shifted(path: JointPath) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) the model's places plus what the human's corrections nearby say it is off by, and (n,) where that is known."""
    n = len(path.places)
    keys = np.flatnonzero(path.fixed)
    if len(keys) == 0:
        return path.places, np.zeros(n, bool)
    after, before = [], []  # of each fixed frame: how far the model is off in the frames after it, in those before it
    for key in keys.tolist():
        for side, offs in ((1, after), (-1, before)):
            near = key + side * np.arange(1, _BESIDE + 1)
            near = near[(near >= 0) & (near < n)]
            stop = np.flatnonzero(path.fixed[near])
            near = near[: stop[0]] if len(stop) else near
            near = near[path.seen[near]]
            offs.append(path.places[key] - _at(near, path.places[near], key) if len(near) else np.full(2, np.nan))
    shift = np.full((n, 2), np.nan)
    t = np.arange(n)
    for i in range(-1, len(keys)):
        first = keys[i] + 1 if i >= 0 else 0
        last = keys[i + 1] if i + 1 < len(keys) else n
        span = t[first:last]
        left = after[i] if i >= 0 else np.full(2, np.nan)
        right = before[i + 1] if i + 1 < len(keys) else np.full(2, np.nan)
        if i < 0 or np.isnan(left).any():
            fades = np.exp(-(last - span) / _FADES) if i < 0 else np.ones(len(span))
            shift[span] = fades[:, None] * right
        elif i + 1 == len(keys) or np.isnan(right).any():
            fades = np.exp(-(span - first + 1) / _FADES) if i + 1 == len(keys) else np.ones(len(span))
            shift[span] = fades[:, None] * left
        else:
            share = (span - first + 1) / (last - first + 1)
            shift[span] = (1 - share)[:, None] * left + share[:, None] * right
    known = ~np.isnan(shift).any(axis=1)
    return path.places + np.where(known[:, None], shift, 0.0), known


def _at(frames: np.ndarray, places: np.ndarray, frame: int) -> np.ndarray:
    """Where a straight line through a few places is in another frame."""
    if len(frames) < 3:
        return np.asarray(places.mean(axis=0))
    t = frames - frame
    away = t - t.mean()
    slope = (away[:, None] * places).sum(axis=0) / (away**2).sum()
    return np.asarray(places.mean(axis=0) - slope * t.mean())


def _story(path: JointPath, places: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """(n,) which of the three places is believed in each frame, -1 where none: the cheapest way through the fixed frames."""
    n = len(path.places)
    steps = np.linalg.norm(np.diff(path.places, axis=0), axis=1)[(usable[OWN][1:] & usable[OWN][:-1])]
    leap = 1.5 * (float(np.median(steps)) if len(steps) else 0.0) + _STEADY * path.size
    when, which = np.nonzero(usable.T)
    where = places[which, when]
    price = np.array([0.0, _MIRROR, _SHIFT])[which]
    doubts = np.concatenate([[0.0], np.cumsum(np.where(path.seen | usable[MIRROR], _DOUBT, 0.0))])
    keys_before = np.concatenate([[0], np.cumsum(path.fixed)])
    nearest = np.searchsorted(when, when - _LONGEST)
    same_frame = np.searchsorted(when, when)
    cost, back = np.empty(len(when)), np.full(len(when), -1)
    for i, t in enumerate(when.tolist()):
        best = doubts[t] if keys_before[t] == 0 else np.inf  # all before is doubted
        first, stop = nearest[i], same_frame[i]
        if stop > first:
            at = when[first:stop]
            ways = cost[first:stop] + doubts[t] - doubts[at + 1]
            ways += ((where[i] - where[first:stop]) ** 2).sum(axis=1) / (leap**2 * (t - at))
            ways += _ENTER * ((which[first:stop] == SHIFTED) != (which[i] == SHIFTED))
            ways[keys_before[t] != keys_before[at + 1]] = np.inf  # nobody passes a fixed frame by
            j = int(ways.argmin())
            if ways[j] < best:
                best, back[i] = ways[j], first + j
        cost[i] = best + price[i]
    story = np.full(n, -1)
    if len(when) == 0:
        return story
    ends = cost + doubts[-1] - doubts[when + 1]
    ends[keys_before[when + 1] != keys_before[-1]] = np.inf
    i = int(ends.argmin())
    if not np.isfinite(ends[i]):  # fixed frames farther apart than is ever doubted at a stretch, with nothing seen between
        story[path.fixed] = OWN
        return story
    while i >= 0:
        story[when[i]] = which[i]
        i = int(back[i])
    return story


def _reached(path: JointPath, story: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(n,) bool: frames that the corrections in ``centres`` speak for."""
    n = len(story)
    keys = np.flatnonzero(path.fixed)
    own = (story == OWN) & path.seen
    agrees = own.copy()  # two frames in a row, or the last one there is
    agrees[1:-1] &= own[:-2] | own[2:]
    out = np.zeros(n, bool)
    for centre in np.asarray(centres).tolist():
        earlier, later = keys[keys < centre], keys[keys > centre]
        if len(earlier):
            first = int(earlier[-1])
        else:
            calm = np.flatnonzero(agrees[:centre])
            first = int(calm[-1]) if len(calm) else 0
        if len(later):
            last = int(later[0])
        else:
            calm = np.flatnonzero(agrees[centre + 1 :])
            last = centre + 1 + int(calm[0]) if len(calm) else n - 1
        out[first : last + 1] = True
    return out

"""The path of one joint through frames of which a human fixed some: what to believe of the model's, what to fill in.

The frames a human fixed are certain. In every other frame what counts is where the model saw the joint, not what an earlier
spread made of that: it may be believed, but for the small error that the human's corrections nearby show (the drift); believed
but for a gross shift of theirs, which fades with the frames or lasts; taken for the mirror joint's; or doubted. :func:`fill`
finds the cheapest such story that passes through all fixed frames: doubting a frame costs, and so does every leap that the
joint itself does not make. Doubted frames are interpolated between believed ones. Grossly shifted ones are a mean of that curve
and the shifted place: the closer the human's frames and the calmer the joint, the more the curve counts. NumPy and SciPy only.

The drift's figures were chosen on clips and human tracks that ``benchmarks/annotator_effort.py`` names, the rest on human
tracks with errors put in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Filled", "JointPath", "fill"]

#: Cost per frame: of doubting what the model saw; of taking it for the mirror joint's; of believing it but for a shift that
#: fades, and for one that lasts.
_DOUBT, _MIRROR, _SHIFT, _HOLD = 2.5, 1.0, 0.15, 0.25
#: Beside 1.5 times the joint's usual way from frame to frame, a leap of so many head sizes costs as much as half a doubt.
_STEADY = 0.05
#: Frames after which the model's error is a third of what it was; a shift of less than so many head sizes is none.
_FADES, _NO_SHIFT = 5.0, 0.04
#: Errors up to so many head sizes are small. The share of them that lasts, the rest being alike for ``_FADES`` frames; and how
#: large, against both together, is what differs from frame to frame.
_ROUGHLY, _LASTS, _WHITE = 0.3, 0.5, 1.5
#: From so many head sizes on the model took something else for the joint, and may go on doing so: such a shift need not fade.
_GROSS = 0.5
#: Error of a shifted place in head sizes; half the frames over which a joint's acceleration is taken.
_SHIFT_ERROR, _STRIDE = 0.15, 4
#: Where a curve would count for less than this against a shifted place, it is a guess: its error should be 0.3 head sizes.
_GUESS = 0.2
#: Frames on each side over which a joint's pace is taken, and which of the steps there, by size, is its pace.
_AROUND, _BRISK = 4, 0.65
#: More frames than this in a row are not doubted at a stretch.
_LONGEST = 60

OWN, MIRROR, SHIFTED, HELD = 0, 1, 2, 3


@dataclass(frozen=True, eq=False)
class JointPath:
    """One joint over n consecutive frames.

    Attributes:
        places: (n, 2) pixels of the frame: where the joint is put now; of no meaning where it is not.
        there: (n,) bool: whether it is put anywhere.
        fixed: (n,) bool: a human's word, never doubted.
        said: (n, 2) where the model saw it, whatever became of that since; of no meaning where not told.
        told: (n,) bool: whether that is known.
        mirror: (n, 2) where the model saw the mirror joint; None for a joint without one.
        mirror_told: (n,) bool: whether that is known.
        size: head size in pixels, the yardstick.
    """

    places: np.ndarray
    there: np.ndarray
    fixed: np.ndarray
    said: np.ndarray
    told: np.ndarray
    mirror: np.ndarray | None
    mirror_told: np.ndarray | None
    size: float

    @property
    def seen(self) -> np.ndarray:
        """(n,) bool: the model's word, which may be believed or not."""
        return self.told & ~self.fixed


@dataclass(frozen=True, eq=False)
class Filled:
    """Frames that get another place.

    Attributes:
        frames: (m,) ascending numbers within the path.
        places: (m, 2).
        mirrored: (m,) bool: the place is the mirror joint's, which in turn belongs where this one was.
        guessed: (m,) bool: the place is interpolated over so many frames, or so lively a joint, that it may be far off.
        ends: (m, 2) numbers of the frames before and after from which it was interpolated; the frame itself where the
            model's word was believed, in its mirror joint or shifted.
    """

    frames: np.ndarray
    places: np.ndarray
    mirrored: np.ndarray
    guessed: np.ndarray
    ends: np.ndarray


def _interpolated(frames: np.ndarray, places: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(m, 2) places in the ``wanted`` frames on a monotone cubic (PCHIP) through (n, 2) ``places``; the ends hold beyond."""
    if len(frames) == 1:
        return np.repeat(places, len(wanted), axis=0)
    from scipy.interpolate import PchipInterpolator

    inside = np.clip(wanted, frames[0], frames[-1])
    return np.asarray(PchipInterpolator(frames, places, axis=0)(inside))


def fill(path: JointPath, centres: np.ndarray) -> Filled:
    """Fill in a joint's frames around those that a human just fixed.

    Frames between ``centres`` and the fixed ones next to them are filled in; outward, where no fixed frame follows, only until
    the model agrees again.
    """
    off = np.where((path.fixed & path.told)[:, None], path.places - path.said, 0.0)
    drift = _drift(path, off)
    shift, held, held_there = _shifts(path, off)
    there = np.linalg.norm(shift, axis=1) > _NO_SHIFT * path.size
    own = np.where(path.fixed[:, None], path.places, path.said + drift)
    nothing = np.zeros((len(path.places), 2))
    places = np.stack([own, nothing if path.mirror is None else path.mirror, path.said + shift, path.said + held])
    usable = np.stack([path.fixed | path.told, np.zeros_like(path.fixed), path.seen & there, path.seen & held_there])
    if path.mirror_told is not None:
        usable[MIRROR] = path.mirror_told & ~path.fixed
    story = _story(path, places, usable)
    as_seen = path.there & (np.linalg.norm(path.places - path.said, axis=1) <= _NO_SHIFT * path.size)
    right = (story == OWN) & path.seen & as_seen & ~drift.any(axis=1)
    frames = np.flatnonzero(~path.fixed & _reached(path, right, centres))
    nodes = np.flatnonzero(story >= 0)
    if len(nodes) == 0:  # not one frame says anything of this joint
        nowhere = np.zeros(0, np.int64)
        return Filled(nowhere, np.zeros((0, 2)), nowhere > 0, nowhere > 0, np.zeros((0, 2), np.int64))
    frames = frames[(frames >= nodes[0]) & (frames <= nodes[-1])]  # beyond the outermost believed frames nothing is known
    filled = _interpolated(nodes, places[story[nodes], nodes], frames)
    firm = nodes[story[nodes] < SHIFTED]
    both = (story[frames] >= SHIFTED) & (frames > firm[0]) & (frames < firm[-1])
    if both.any():
        share, curve = _curve_share(path, firm, frames[both]), _interpolated(firm, places[story[firm], firm], frames[both])
        filled[both] = share[:, None] * curve + (1 - share[:, None]) * filled[both]
    least = np.where(story[frames] == OWN, _NO_SHIFT * path.size, 0.0)
    moved = ~path.there[frames] | (np.linalg.norm(filled - path.places[frames], axis=1) > least)
    frames, filled = frames[moved], filled[moved]
    after = np.searchsorted(nodes, frames)
    before = np.where(nodes[after] == frames, after, after - 1)
    guessed = story[frames] < 0
    guessed[guessed] = _curve_share(path, nodes, frames[guessed]) < _GUESS
    return Filled(frames, filled, story[frames] == MIRROR, guessed, np.stack([nodes[before], nodes[after]], axis=1))


def _drift(path: JointPath, off: np.ndarray) -> np.ndarray:
    """By how much, in each frame, the model should be off where it is roughly right: (n, 2) from ``off`` in the fixed frames.

    The best linear estimate of an error of which one part lasts, one fades and one is noise, all else being known.
    """
    n = len(path.places)
    keys = np.flatnonzero(path.fixed & path.told & (np.linalg.norm(off, axis=1) <= _ROUGHLY * path.size))
    if len(keys) == 0:
        return np.zeros((n, 2))
    alike = _LASTS + (1 - _LASTS) * np.exp(-np.abs(np.arange(n)[:, None] - keys) / _FADES)
    drift = alike @ np.linalg.solve(alike[keys] + _WHITE * np.eye(len(keys)), off[keys])
    return np.asarray(np.where(np.linalg.norm(drift, axis=1, keepdims=True) > _NO_SHIFT * path.size, drift, 0.0))


def _shifts(path: JointPath, off: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By how much the model is off where it took something else for the joint, from ``off`` in the fixed frames.

    Returns:
        (n, 2) taken as a process that forgets (its correlation falls to a third in ``_FADES`` frames), pinned down by the fixed
        frames; (n, 2) taken as lasting, where it is gross, and (n,) bool, where it is.
    """
    n = len(path.places)
    keys = np.flatnonzero(path.fixed)
    out = np.zeros((n, 2))
    if len(keys) == 0:
        return out, out, np.zeros(n, bool)
    t = np.arange(n)
    at = np.searchsorted(keys, t)  # the fixed frame at or after each frame
    left, right = at > 0, at < len(keys)
    left_key, right_key = keys[np.maximum(at - 1, 0)], keys[np.minimum(at, len(keys) - 1)]
    before = np.where(left, np.exp(-(t - left_key) / _FADES), 0.0)
    after = np.where(right, np.exp(-(right_key - t) / _FADES), 0.0)
    whole = before * after  # correlation of the two fixed frames with each other
    rest = np.where(left & right, 1 - whole**2, 1.0)
    by_left, by_right = (before - whole * after) / rest, (after - whole * before) / rest
    out = by_left[:, None] * off[left_key] + by_right[:, None] * off[right_key]
    out[path.fixed] = 0.0
    gross = np.linalg.norm(off, axis=1) > _GROSS * path.size
    lasts = [left & gross[left_key], right & gross[right_key]]
    share = np.where(lasts[0] & lasts[1], (right_key - t) / np.maximum(right_key - left_key, 1), lasts[0])[:, None]
    return out, share * off[left_key] + (1 - share) * off[right_key], lasts[0] | lasts[1]


def _curve_share(path: JointPath, firm: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """(m,) how much a curve through the ``firm`` frames counts against a shifted place, by the error that each should have."""
    after = np.searchsorted(firm, frames)
    apart = (frames - firm[after - 1]) * (firm[after] - frames)
    s, seen = _STRIDE, path.told | path.fixed
    places = np.where(path.fixed[:, None], path.places, path.said)
    bends = places[2 * s :] - 2 * places[s:-s] + places[: -2 * s]
    bends = np.linalg.norm(bends[seen[2 * s :] & seen[s:-s] & seen[: -2 * s]], axis=1)
    bend = float(np.median(bends)) / s**2 if len(bends) else 0.0
    error = bend * apart / 2 / path.size
    return np.asarray(_SHIFT_ERROR**2 / (_SHIFT_ERROR**2 + error**2))


def _story(path: JointPath, places: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """(n,) which of the places is believed in each frame, -1 where none: the cheapest way through the fixed frames."""
    n = len(path.places)
    leap = 1.5 * _pace(places[OWN], usable[OWN]) + _STEADY * path.size
    when, which = np.nonzero(usable.T)
    where = places[which, when]
    price = np.array([0.0, _MIRROR, _SHIFT, _HOLD])[which]
    doubts = np.concatenate([[0.0], np.cumsum(np.where(path.told | usable[MIRROR], _DOUBT, 0.0))])
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
            ways += ((where[i] - where[first:stop]) ** 2).sum(axis=1) / (leap[t] * leap[at] * (t - at))
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


def _pace(places: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(n,) the joint's usual way from frame to frame: around each frame, but no less than over all of them."""
    n = len(places)
    steps = np.full(n + 1, np.nan)
    steps[1:n] = np.where(known[1:] & known[:-1], np.linalg.norm(np.diff(places, axis=0), axis=1), np.nan)
    if np.isnan(steps).all():
        return np.zeros(n)
    usual = float(np.nanmedian(steps))
    padded = np.pad(steps, _AROUND, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 2)  # the steps to and from 2 * _AROUND + 1 frames
    known_steps = (~np.isnan(around)).sum(axis=1)
    local = np.nanquantile(np.where(known_steps[:, None] > 0, around, usual), _BRISK, axis=1)
    return np.maximum(np.where(known_steps >= _AROUND, local, usual), usual)


def _reached(path: JointPath, right: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(n,) bool: frames that the corrections in ``centres`` speak for; ``right`` (n,): where the model's word stands."""
    n = len(right)
    keys = np.flatnonzero(path.fixed)
    agrees = right.copy()  # two frames in a row, or the last one there is
    agrees[1:-1] &= right[:-2] | right[2:]
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

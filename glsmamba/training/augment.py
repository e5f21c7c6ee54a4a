"""Augmentation: where the crop lies, how the person moves through a window, and what happens to the pixels.

All randomness comes from one NumPy generator a sample, so that a training can be resumed at any sample.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np

from glsmamba.data.skeletons import POSETRACK15
from glsmamba.heatmaps import Box, crop_region, region_affine

_UPPER = np.array(
    [name.startswith(("nose", "head")) or name.endswith(("shoulder", "elbow", "wrist")) for name in POSETRACK15.joints]
)


@dataclass(frozen=True)
class Augmentation:
    """Ranges; ``Augmentation.none()`` is the plain crop of evaluation.

    ``cut`` ends the picture in the middle of a person, ``neighbour`` sets somebody else beside them: both are how people stand
    in photographs, and neither is to be seen in pictures that were cut around one person each. ``key_damage`` is how often only
    the key frame of a window is covered or blurred (or another of the frames that are learnt): what is gone there, the frames
    beside it still show.
    """

    flip: float = 0.5
    rotate: float = 0.6
    rotation_sigma: float = 30.0
    rotation_limit: float = 80.0
    scale_sigma: float = 0.18
    scale_limit: float = 0.4
    shift: float = 0.08
    half_body: float = 0.25
    colour: float = 0.8
    blur: float = 0.3
    low_resolution: float = 0.3
    jpeg: float = 0.3
    noise: float = 0.1
    occlude: float = 0.4
    motion: float = 0.9
    cut: float = 0.2
    neighbour: float = 0.3
    key_damage: float = 0.0

    @classmethod
    def none(cls) -> Augmentation:
        """No randomness at all."""
        return cls(*[0] * len(fields(cls)))


@dataclass(frozen=True)
class Placement:
    """Affine (2, 3) from picture pixels to the crop, whether it mirrors, and where the picture ends if that is moved.

    ``picture``: (x0, y0, x1, y1) in picture pixels, or None for all of it.
    """

    affine: np.ndarray
    flipped: bool
    picture: tuple[float, float, float, float] | None = None


def joints_box(points: np.ndarray, known: np.ndarray, margin: float = 0.1) -> tuple[float, float, float, float]:
    """(x, y, w, h) around the known joints, ``margin`` of the longer side added on each side... of which a detector's box has
    as much: joints end before the body does.
    """
    chosen = np.asarray(points)[np.asarray(known, dtype=bool)]
    low, high = chosen.min(0), chosen.max(0)
    pad = margin / 2 * max(float((high - low).max()), 1.0)
    w, h = high - low + 2 * pad
    return float(low[0] - pad), float(low[1] - pad), float(w), float(h)


def place(
    rng: np.random.Generator,
    points: np.ndarray,
    known: np.ndarray,
    size: tuple[int, int],
    augmentation: Augmentation,
    box: Box | None = None,
) -> Placement:
    """Choose the crop of one person: cut or half body, scale, shift, rotation, flip.

    ``box`` is around the whole person; without one it follows from the known joints.
    """
    a = augmentation
    chosen = np.asarray(known, dtype=bool)
    picture = None
    if a.cut and chosen.sum() > 5 and rng.random() < a.cut:
        picture = _cut(rng, points, chosen)
        chosen = chosen & within(points, picture)
    elif chosen.sum() > 8 and rng.random() < a.half_body:
        half = chosen & (_UPPER if rng.random() < 0.6 else ~_UPPER)
        if half.sum() >= 3:
            chosen, box = half, None
    box = joints_box(points, chosen) if box is None or picture is not None else box
    if picture is not None:  # a box ends where the picture ends
        low, high = np.maximum(box[:2], picture[:2]), np.minimum(np.add(box[:2], box[2:]), picture[2:])
        w, h = (float(side) for side in np.maximum(high - low, 2.0))
        box = (float(low[0]), float(low[1]), w, h)
    cx, cy, w, h = crop_region(box, size)
    scale = float(np.exp(np.clip(rng.normal(0, a.scale_sigma), -a.scale_limit, a.scale_limit))) if a.scale_sigma else 1.0
    dx, dy = rng.uniform(-a.shift, a.shift, 2)
    region = (cx + dx * w, cy + dy * h, w * scale, h * scale)
    rotation = 0.0
    if rng.random() < a.rotate:
        rotation = float(np.clip(rng.normal(0, a.rotation_sigma), -a.rotation_limit, a.rotation_limit))
    flipped = bool(rng.random() < a.flip)
    return Placement(region_affine(region, size, rotation, flipped), flipped, picture)


def within(points: np.ndarray, picture: tuple[float, float, float, float]) -> np.ndarray:
    """(K, 2) points -> (K,) bool: inside (x0, y0, x1, y1)."""
    inside = (points >= picture[:2]) & (points <= picture[2:])
    return np.asarray(inside.all(-1))


def _cut(rng: np.random.Generator, points: np.ndarray, known: np.ndarray) -> tuple[float, float, float, float]:
    """A border through the person that leaves at least four joints: below most often, as photographs cut people."""
    edge = int(rng.choice(4, p=(0.15, 0.1, 0.15, 0.6)))  # left, above, right, below
    axis, sign = edge % 2, 1 if edge < 2 else -1
    along = np.sort(sign * points[known, axis])  # ascending away from the border
    place = rng.uniform(along[0], along[-4] - 1e-6) if len(along) > 4 else along[0]
    borders = [-np.inf, -np.inf, np.inf, np.inf]
    borders[edge] = sign * float(place)
    return borders[0], borders[1], borders[2], borders[3]


def flipped_joints(points: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (K, 2) and known (K,) of a mirrored picture: what was the left wrist is now called the right one."""
    return points[POSETRACK15.flip], known[POSETRACK15.flip]


def window_affines(
    rng: np.random.Generator, affine: np.ndarray, size: tuple[int, int], frames: int, strength: float
) -> list[np.ndarray]:
    """Affines of a window in which a still picture drifts smoothly past the crop (camera path, zoom, roll).

    The key frame's affine is ``affine`` itself, so that its labels hold.
    """
    key = frames // 2
    if frames == 1 or rng.random() >= strength:
        return [affine] * frames
    height, width = size
    speed = float(rng.choice([0.01, 0.03, 0.06]))
    velocity = rng.normal(0, speed, 2) * (width, height)
    acceleration = rng.normal(0, speed / 4, 2) * (width, height)
    zoom, roll = rng.normal(0, 0.01 + speed / 4), rng.normal(0, 30 * speed)
    shake = rng.normal(0, 0.15 * speed, (frames, 2)) * (width, height)
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    out = []
    for index in range(frames):
        tau = index - key
        if tau == 0:
            out.append(affine)
            continue
        angle, factor = np.deg2rad(roll * tau), np.exp(zoom * tau)
        turn = factor * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        offset = centre - turn @ centre + velocity * tau + acceleration * tau * tau + shake[index] - shake[key]
        out.append(np.concatenate([turn @ affine[:, :2], (turn @ affine[:, 2] + offset)[:, None]], axis=1))
    return out


def disturbed(
    rng: np.random.Generator, crops: list[np.ndarray], augmentation: Augmentation, answers: int = 1
) -> list[np.ndarray]:
    """Change the pixels of a window's crops (H, W, 3) uint8: occluders that pass, colour, blur, low resolution, JPEG, noise.

    Colour, resolution and compression are one draw for the window, as in a video; blur is drawn for each frame. ``answers``
    frames around the key frame are learnt: one of them may be damaged.
    """
    a = augmentation
    if rng.random() < a.occlude:
        crops = _occluded(rng, crops)
    if rng.random() < a.colour:
        crops = _recoloured(rng, crops)
    blurred = rng.random() < a.blur
    low = rng.uniform(0.15, 0.85) if rng.random() < a.low_resolution else None
    quality = int(rng.integers(15, 75)) if rng.random() < a.jpeg else None
    noise = rng.uniform(2, 12) if rng.random() < a.noise else None
    out = []
    for crop in crops:
        if blurred and rng.random() < 0.7:
            crop = _blurred(rng, crop)
        if low is not None:
            h, w = crop.shape[:2]
            small = cv2.resize(crop, (max(int(w * low), 8), max(int(h * low), 8)), interpolation=cv2.INTER_AREA)
            crop = cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR)
        if noise is not None:
            crop = np.clip(crop + rng.standard_normal(crop.shape, dtype=np.float32) * noise, 0, 255).astype(np.uint8)
        if quality is not None:
            done, coded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
            again = cv2.imdecode(coded, cv2.IMREAD_COLOR) if done else None
            crop = crop if again is None else again
        out.append(crop)
    if a.key_damage and len(out) > 1 and rng.random() < a.key_damage:
        index = len(out) // 2 + (int(rng.integers(answers)) - answers // 2 if answers > 1 else 0)
        out[index] = damaged(rng, out[index])
    return out


def border_colour(rng: np.random.Generator, augmentation: Augmentation) -> tuple[int, int, int]:
    """What fills the crop outside the picture: black as in use, sometimes any colour so that black is no landmark."""
    if augmentation.colour and rng.random() < 0.4:
        r, g, b = (int(value) for value in rng.integers(0, 256, 3))
        return r, g, b
    return 0, 0, 0


def _recoloured(rng: np.random.Generator, crops: list[np.ndarray]) -> list[np.ndarray]:
    contrast, brightness, gamma = rng.uniform(0.6, 1.4), rng.uniform(-40, 40), np.exp(rng.uniform(-0.4, 0.4))
    gains = rng.uniform(0.85, 1.15, 3)
    ramp = (np.arange(256) / 255.0) ** gamma * 255.0
    table = np.clip(((ramp - 128) * contrast + 128 + brightness)[:, None] * gains, 0, 255).astype(np.uint8)[None]
    saturation = 0.0 if rng.random() < 0.08 else float(rng.uniform(0.4, 1.4))
    out = []
    for crop in crops:
        crop = cv2.LUT(crop, table)
        grey = cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        out.append(cv2.addWeighted(crop, saturation, grey, 1 - saturation, 0))
    return out


def _blurred(rng: np.random.Generator, crop: np.ndarray) -> np.ndarray:
    scale = crop.shape[0] / 192
    if rng.random() < 0.5:
        return cv2.GaussianBlur(crop, (0, 0), float(rng.uniform(0.5, 2.5)) * scale)
    length = max(int(rng.integers(3, 15) * scale), 3)
    kernel = np.zeros((length, length), np.float32)
    angle, middle = rng.uniform(0, np.pi), (length - 1) / 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * middle
    start, end = np.rint(middle - reach).astype(int), np.rint(middle + reach).astype(int)
    cv2.line(kernel, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 1.0)
    return cv2.filter2D(crop, -1, kernel / max(float(kernel.sum()), 1e-6))


def damaged(rng: np.random.Generator, crop: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 -> as a flash, a passer-by or a shaken camera leaves a frame: large parts of it tell nothing."""
    if rng.random() < 0.6:
        for _ in range(2):
            (crop,) = _occluded(rng, [crop])
        return crop
    scale = crop.shape[0] / 192
    return cv2.GaussianBlur(crop, (0, 0), float(rng.uniform(4, 9)) * scale)


def _occluded(rng: np.random.Generator, crops: list[np.ndarray]) -> list[np.ndarray]:
    """One or two rectangles or ellipses with plain, noisy or copied texture that pass with their own speed."""
    height, width = crops[0].shape[:2]
    key = len(crops) // 2
    out = [crop.copy() for crop in crops]
    for _ in range(int(rng.integers(1, 3))):
        h, w = int(rng.uniform(0.1, 0.4) * height), int(rng.uniform(0.1, 0.45) * width)
        cx, cy = rng.uniform(0, width), rng.uniform(0, height)
        velocity = rng.normal(0, 0.08, 2) * (width, height)
        kind = rng.random()
        if kind < 0.5:
            patch = np.full((h, w, 3), rng.integers(0, 256, 3), np.uint8)
        elif kind < 0.7:
            patch = cv2.resize(rng.integers(0, 256, (6, 4, 3), dtype=np.uint8), (w, h), interpolation=cv2.INTER_LINEAR)
        else:
            y0, x0 = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
            patch = crops[key][y0 : y0 + h, x0 : x0 + w].copy()
        mask = np.ones((h, w), bool)
        if rng.random() < 0.5:
            yy, xx = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
            mask = yy * yy + xx * xx <= 1
        for index, crop in enumerate(out):
            x, y = np.rint(np.array([cx - w / 2, cy - h / 2]) + velocity * (index - key)).astype(int)
            x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
            if x1 > x0 and y1 > y0:
                part = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
                np.copyto(crop[y0:y1, x0:x1], patch[part], where=mask[part][..., None])
    return out

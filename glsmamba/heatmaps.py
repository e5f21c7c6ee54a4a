"""Boxes, crops, heat maps and back: the geometry between a frame's pixels and the model's grid. NumPy and OpenCV only.

All coordinates put pixel and cell centres at integers. Affines are (2, 3) float64 matrices that take (x, y, 1). Crops follow
UDP (Huang et al., CVPR 2020): lengths are counted between the centres of the outer pixels (size - 1), the same way into the
crop and out of the heat map, so that no step of the way adds a shift. This is what ViTPose was trained with.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

Box = tuple[float, float, float, float]
Decoding = Literal["dark", "quarter", "argmax"]

#: How much of its surroundings a crop shows: the box is enlarged by this factor (all lineage configurations).
ENLARGE = 1.25


def crop_region(box: Box, size: tuple[int, int], enlarge: float = ENLARGE) -> tuple[float, float, float, float]:
    """(centre x, centre y, width, height) in frame pixels of the crop that shows a box.

    Args:
        box: (x, y, width, height) of the person in frame pixels.
        size: (height, width) of the crop; the region takes its aspect ratio by growing the short side.
        enlarge: factor on both sides after that.
    """
    x, y, w, h = (float(value) for value in box)
    if not (np.isfinite([x, y, w, h]).all() and w > 0 and h > 0):
        raise ValueError(f"The box {box} has no area; draw it with a positive width and height.")
    aspect = size[1] / size[0]
    w, h = max(w, h * aspect), max(h, w / aspect)
    return x + box[2] / 2, y + box[3] / 2, w * enlarge, h * enlarge


def region_affine(
    region: tuple[float, float, float, float], size: tuple[int, int], rotation: float = 0.0, flip: bool = False
) -> np.ndarray:
    """Affine from frame pixels to crop pixels.

    Args:
        region: (centre x, centre y, width, height) in frame pixels.
        size: (height, width) of the crop.
        rotation: degrees by which the person is turned, clockwise on the screen.
        flip: mirror the crop left-right (after the rotation).
    """
    cx, cy, w, h = region
    height, width = size
    angle = np.deg2rad(rotation)
    cos, sin = np.cos(angle), np.sin(angle)
    sx, sy = (width - 1) / w, (height - 1) / h
    if flip:
        sx = -sx
    linear = np.array([[sx * cos, -sx * sin], [sy * sin, sy * cos]], dtype=np.float64)
    shift = np.array([(width - 1) / 2, (height - 1) / 2]) - linear @ np.array([cx, cy])
    return np.concatenate([linear, shift[:, None]], axis=1)


def crop_affine(box: Box, size: tuple[int, int], enlarge: float = ENLARGE) -> np.ndarray:
    """Affine from frame pixels to the pixels of the (height, width) crop around a box."""
    return region_affine(crop_region(box, size, enlarge), size)


def rescaled_affine(affine: np.ndarray, size: tuple[int, int], new_size: tuple[int, int]) -> np.ndarray:
    """The affine into a (height, width) picture, continued into one of another size (crop -> heat map)."""
    factors = np.array([(new_size[1] - 1) / (size[1] - 1), (new_size[0] - 1) / (size[0] - 1)])
    return affine * factors[:, None]


def heatmap_affine(box: Box, size: tuple[int, int], grid: tuple[int, int], enlarge: float = ENLARGE) -> np.ndarray:
    """Affine from frame pixels to heat map cells, for a crop of ``size`` around a box and a heat map of ``grid``."""
    return rescaled_affine(crop_affine(box, size, enlarge), size, grid)


def inverted_affine(affine: np.ndarray) -> np.ndarray:
    """The affine that undoes this one."""
    inverse = np.linalg.inv(affine[:, :2])
    return np.concatenate([inverse, -(inverse @ affine[:, 2:])], axis=1)


def transformed(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(..., 2) points through an affine -> (..., 2) float64."""
    return np.asarray(points, dtype=np.float64) @ affine[:, :2].T + affine[:, 2]


def warped_crop(frame: np.ndarray, affine: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8 frame -> (height, width, 3) uint8 crop, bilinear, black outside the frame. Channel order is kept."""
    return cv2.warpAffine(frame, affine, (size[1], size[0]), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))


def gaussian_targets(
    points: np.ndarray, labelled: np.ndarray, grid: tuple[int, int], sigma: float
) -> tuple[np.ndarray, np.ndarray]:
    """Heat maps to learn: a Gaussian of peak 1 around each joint, its centre not rounded to a cell.

    Args:
        points: (K, 2) joints in heat map cells.
        labelled: (K,) bool, False where the joint is not known.
        grid: (h, w).
        sigma: in cells.

    Returns:
        (K, h, w) float32 targets and (K,) float32 weights: 0 for joints that are unknown or outside the grid, whose target is
        all zero and should not be learnt.
    """
    h, w = grid
    points = np.asarray(points, dtype=np.float64)
    inside = (points > -0.5).all(-1) & (points[:, 0] < w - 0.5) & (points[:, 1] < h - 0.5)
    known = np.asarray(labelled, dtype=bool) & inside
    centre = np.where(known[:, None], points, 0.0)
    gx = np.exp(-((np.arange(w) - centre[:, :1]) ** 2) / (2 * sigma**2))
    gy = np.exp(-((np.arange(h) - centre[:, 1:]) ** 2) / (2 * sigma**2))
    maps = gy[:, :, None] * gx[:, None, :] * known[:, None, None]
    return maps.astype(np.float32), known.astype(np.float32)


def decode(heatmaps: np.ndarray, sigma: float, method: Decoding = "dark") -> tuple[np.ndarray, np.ndarray]:
    """Joints from heat maps.

    Args:
        heatmaps: (..., h, w) float32.
        sigma: width of the Gaussians they were trained on, in cells; sets DARK's smoothing.
        method: ``dark`` (Zhang et al., CVPR 2020): second-order step on the log of the smoothed map; ``quarter``: a quarter
            cell towards the larger neighbour; ``argmax``: the cell itself.

    Returns:
        (..., 2) float64 x, y in cells, and (...) float32 the maps' maxima (not clipped).
    """
    maps = np.ascontiguousarray(heatmaps, dtype=np.float32)
    *lead, h, w = maps.shape
    flat = maps.reshape(-1, h, w)
    best = flat.reshape(-1, h * w).argmax(-1)
    scores = flat.reshape(-1, h * w)[np.arange(len(best)), best]
    y, x = np.divmod(best, w)
    points = np.stack([x, y], axis=-1).astype(np.float64)
    if method == "dark":
        for n in range(len(flat)):
            points[n] += _dark_step(flat[n], int(x[n]), int(y[n]), sigma)
    elif method == "quarter":
        points += _quarter_step(flat, x, y)
    elif method != "argmax":
        raise ValueError(f"Decoding is {method!r}; it must be dark, quarter or argmax.")
    return points.reshape(*lead, 2), scores.reshape(lead)


def peaks(heatmap: np.ndarray, sigma: float, most: int = 5, least: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """The places that one joint's heat map speaks for, strongest first: local maxima, none within two sigma of a stronger one.

    Args:
        heatmap: (h, w) float32 of one joint.
        sigma: width of the Gaussians it was trained on, in cells; sets the distance between peaks and the sub-pixel step.
        most: so many peaks at most.
        least: peaks below this share of the strongest are left out, and all that are not above zero.

    Returns:
        (N, 2) float64 x, y in cells, refined as by :func:`decode`'s ``dark``, and (N,) float32 values of the cells.
    """
    values = np.ascontiguousarray(np.nan_to_num(heatmap), dtype=np.float32)
    reach = max(round(2 * sigma), 1)
    around = cv2.dilate(values, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8), borderType=cv2.BORDER_REPLICATE)
    y, x = np.nonzero((values >= around) & (values > max(least * float(values.max(initial=0.0)), 0.0)))
    order = np.argsort(-values[y, x], kind="stable")
    kept: list[tuple[int, int]] = []
    for i in order.tolist():  # on a plateau several cells are the greatest around: the first of them stands for it
        place = int(x[i]), int(y[i])
        if all(max(abs(place[0] - u), abs(place[1] - v)) > reach for u, v in kept):
            kept.append(place)
        if len(kept) == most:
            break
    points = np.array([np.add(place, _dark_step(values, *place, sigma)) for place in kept], np.float64).reshape(-1, 2)
    return points, np.array([values[v, u] for u, v in kept], np.float32)


def spreads(heatmaps: np.ndarray, points: np.ndarray, cell: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """How far a heat map's mass lies from its peak: its standard deviation a coordinate, around the decoded point.

    The mass of a cell is the square of its positive value, so that the small noise of a thousand empty cells does not count;
    the result is scaled so that a clean Gaussian gives its own sigma. A second peak far away gives a large spread.

    Args:
        heatmaps: (..., h, w) float32.
        points: (..., 2) x, y in cells, as :func:`decode` gave them.
        cell: width and height of a cell in the unit of the result, pixels of the frame for example.

    Returns:
        (...) float32; NaN where a map has no positive value.
    """
    maps = np.maximum(np.asarray(heatmaps, np.float64), 0.0) ** 2
    h, w = maps.shape[-2:]
    points = np.asarray(points, np.float64)
    dx2 = ((np.arange(w) - points[..., :1]) * cell[0]) ** 2
    dy2 = ((np.arange(h) - points[..., 1:]) * cell[1]) ** 2
    mass = maps.sum((-1, -2))
    # The square of a Gaussian is narrower by the root of two, and both coordinates share one figure: the factors cancel.
    moment = (maps.sum(-2) * dx2).sum(-1) + (maps.sum(-1) * dy2).sum(-1)
    return np.sqrt(np.divide(moment, mass, out=np.full(mass.shape, np.nan), where=mass > 0)).astype(np.float32)


def _dark_step(heatmap: np.ndarray, x: int, y: int, sigma: float) -> np.ndarray:
    """Newton step from a cell to the peak of the log of the smoothed map, at most one cell a side."""
    h, w = heatmap.shape
    if min(h, w) < 3:
        return np.zeros(2)
    # The step is taken from an inner cell and the smoothing kernel shrinks towards the border: padding of any kind would pull
    # the joints that lie there.
    cx, cy = min(max(x, 1), w - 2), min(max(y, 1), h - 2)
    reach = round(2.5 * sigma)
    rx, ry = min(reach, cx - 1, w - 2 - cx), min(reach, cy - 1, h - 2 - cy)
    patch = np.maximum(heatmap[cy - ry - 1 : cy + ry + 2, cx - rx - 1 : cx + rx + 2].astype(np.float64), 0.0)
    smooth = _banded(_bell(ry, sigma)) @ patch @ _banded(_bell(rx, sigma)).T
    p = np.log(np.maximum(smooth, 1e-10))
    gx, gy = (p[1, 2] - p[1, 0]) / 2, (p[2, 1] - p[0, 1]) / 2
    dxx = p[1, 2] - 2 * p[1, 1] + p[1, 0]
    dyy = p[2, 1] - 2 * p[1, 1] + p[0, 1]
    dxy = (p[2, 2] - p[2, 0] - p[0, 2] + p[0, 0]) / 4
    determinant = dxx * dyy - dxy * dxy
    if determinant <= 1e-12 or dxx >= 0:  # no peak here: a flat or empty map
        return np.zeros(2)
    step = -np.array([dyy * gx - dxy * gy, dxx * gy - dxy * gx]) / determinant
    return np.clip(step + np.array([cx - x, cy - y]), -1.0, 1.0)


def _bell(reach: int, sigma: float) -> np.ndarray:
    taps = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    return taps / taps.sum()


def _banded(kernel: np.ndarray) -> np.ndarray:
    """(3, n + 2): a kernel of n taps at its three positions in n + 2 cells."""
    band = np.zeros((3, len(kernel) + 2))
    for j in range(3):
        band[j, j : j + len(kernel)] = kernel
    return band


def _quarter_step(maps: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    n, h, w = maps.shape
    k = np.arange(n)
    dx = maps[k, y, np.minimum(x + 1, w - 1)] - maps[k, y, np.maximum(x - 1, 0)]
    dy = maps[k, np.minimum(y + 1, h - 1), x] - maps[k, np.maximum(y - 1, 0), x]
    inner_x, inner_y = (x > 0) & (x < w - 1), (y > 0) & (y < h - 1)
    return 0.25 * np.stack([np.sign(dx) * inner_x, np.sign(dy) * inner_y], axis=-1)

"""Colours of joints and bones in every mode, and colour maps as lookup tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from cmap import Colormap
from PySide6.QtGui import QColor

from app.labels.pose import Pose
from app.ui import theme
from app.ui.palettes import PALETTES
from glsmamba.data.skeletons import Skeleton
from glsmamba.map_pictures import colour_table as lut

Rgb = tuple[int, int, int]


def _rgb(colour: str) -> Rgb:
    c = QColor(colour)
    return c.red(), c.green(), c.blue()


def person_rgb(track: int) -> Rgb:
    """The colour of a track, the same in every frame and panel."""
    people = _rgbs(theme.palette().people)
    return people[track % len(people)]


@cache
def _rgbs(colours: tuple[str, ...]) -> tuple[Rgb, ...]:
    return tuple(_rgb(colour) for colour in colours)


@cache
def joint_palette(n: int) -> tuple[Rgb, ...]:
    """One colour per joint, spread round the rainbow in joint order."""
    table = np.asarray(Colormap("husl").lut(max(n, 2) + 1)) * 255
    return tuple((int(r), int(g), int(b)) for r, g, b, _ in table[:n])


def joint_colours(pose: Pose, skeleton: Skeleton, track: int, mode: str) -> Sequence[Rgb]:
    """One colour per joint. ``mode``: side, person, joint, confidence or provenance."""
    n = len(skeleton)
    if mode == "person":
        return [person_rgb(track)] * n
    if mode == "joint":
        return joint_palette(n)
    if mode == "confidence":
        table = lut("viridis")
        picked = table[np.clip(pose.scores * 255, 0, 255).astype(int)]
        return [(int(r), int(g), int(b)) for r, g, b, _ in picked]
    if mode == "provenance":
        origins = _rgbs(theme.palette().provenances)
        return [origins[int(p)] for p in pose.provenance]
    return _side_colours(skeleton, theme.palette().id)[0]


@cache
def _side_colours(skeleton: Skeleton, palette: str) -> tuple[tuple[Rgb, ...], dict[tuple[int, int], Rgb]]:
    """Colours of the joints and of the bones by side: a bone from a middle joint belongs to its other end's side."""
    sides = skeleton.sides
    rgb = {side: _rgb(colour) for side, colour in PALETTES[palette].sides.items()}
    bones = {}
    for a, b in skeleton.edges:
        ends = {sides[a], sides[b]} - {"middle"}
        bones[a, b] = rgb[ends.pop()] if len(ends) == 1 else rgb["middle"]
    return tuple(rgb[side] for side in sides), bones


def bone_colour(colours: Sequence[Rgb], skeleton: Skeleton, edge: tuple[int, int], mode: str, pose: Pose) -> Rgb:
    """Colour of one bone: its side, else the colour of its outer joint, else of the worse joint."""
    a, b = edge
    if mode == "side":
        return _side_colours(skeleton, theme.palette().id)[1][edge]
    if mode == "confidence":
        return colours[a] if pose.scores[a] < pose.scores[b] else colours[b]
    return colours[b]


def contrast(a: Rgb, b: Rgb) -> float:
    """Contrast of two colours as WCAG 2 defines it, from 1 to 21."""

    def luminance(rgb: Rgb) -> float:
        r, g, b = ((v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4) for v in (c / 255 for c in rgb))
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@cache
def on_ground(rgb: Rgb, ground: str) -> Rgb:
    """A colour for thin lines and marks: darker on a light ground, or lighter on a dark one, until it stands out by 3:1."""
    under = _rgb(ground)
    towards = 0 if contrast(under, (0, 0, 0)) > contrast(under, (255, 255, 255)) else 255
    for step in range(20):
        r, g, b = (round(c + (towards - c) * step / 20) for c in rgb)
        if contrast((r, g, b), under) >= 3:
            break
    return r, g, b


def qcolor(rgb: Rgb, alpha: float = 1.0) -> QColor:
    """A QColor of an RGB triple and an opacity in [0, 1]."""
    return QColor(*rgb, round(255 * alpha))

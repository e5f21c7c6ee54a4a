"""Palettes under simulated colour deficiencies, and that they are chosen in the menu and seen."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PySide6.QtGui import QColor

from app.ui import theme
from app.ui.palettes import DEFAULT_PALETTE, PALETTES

#: Machado, Oliveira and Fernandes 2009, severity 1.0: acts on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])


def linear(colour: str) -> np.ndarray:
    c = np.array(QColor(colour).getRgbF()[:3])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def seen(colour: str, deficiency: str) -> np.ndarray:
    """CIE L*a*b* of a colour as somebody with a deficiency sees it; a difference of 2.3 is just noticeable."""
    xyz = _XYZ @ (DEFICIENCIES[deficiency] @ linear(colour)).clip(0, 1) / _XYZ.sum(1)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("palette", PALETTES.values(), ids=lambda palette: palette.id)
def test_colours_are_told_apart_with_any_deficiency(palette, deficiency) -> None:
    def least(pairs) -> float:
        return min(float(np.linalg.norm(seen(a, deficiency) - seen(b, deficiency))) for a, b in pairs)

    sides = palette.sides
    assert least([(sides["left"], sides["right"])]) > 75
    assert least(combinations(sides.values(), 2)) > 15
    people = palette.people
    assert least(zip(people, [*people[1:], people[0]], strict=True)) > 19  # ids that follow each other are often in one frame
    assert least(combinations(people, 2)) > 9
    assert least(combinations(palette.provenances, 2)) > 9


@pytest.mark.parametrize("palette", PALETTES.values(), ids=lambda palette: palette.id)
def test_marks_stand_out_from_the_ground_of_the_canvas(palette) -> None:
    ground = linear(theme.DARK.canvas) @ _XYZ[1]
    for colour in (*palette.sides.values(), *palette.people, *palette.provenances):
        assert (linear(colour) @ _XYZ[1] + 0.05) / (ground + 0.05) >= 3, colour


def test_the_default_is_a_published_one() -> None:
    assert PALETTES[DEFAULT_PALETTE].title == "Okabe and Ito" and theme.palette().id == DEFAULT_PALETTE

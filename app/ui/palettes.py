"""Palettes of sides, people and provenance, as published for people with any of the common colour deficiencies.

The colours of one palette differ under simulated protanopia, deuteranopia and tritanopia (``tests/app/test_palettes.py``); what
they say is said by form or words as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["DEFAULT_PALETTE", "PALETTES", "Palette"]


@dataclass(frozen=True)
class Palette:
    """Colours as ``#rrggbb``.

    Attributes:
        id: stable name for settings.
        title: what the menu says.
        sides: of joints and bones: "left", "right", "middle".
        people: taken in turn by track id.
        provenances: by ``Provenance`` value: none, model, human, interpolated, imported, refined, estimated.
    """

    id: str
    title: str
    sides: Mapping[str, str]
    people: tuple[str, ...]
    provenances: tuple[str, ...]


#: Okabe and Ito 2008, "Color Universal Design", with grey in the place of black.
_ORANGE, _SKY, _GREEN, _YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
_BLUE, _VERMILLION, _PURPLE, _GREY = "#0072B2", "#D55E00", "#CC79A7", "#B8B8B8"
#: Paul Tol 2021, "Colour schemes" (SRON/EPS/TN/09-002), the vibrant scheme.
_V_ORANGE, _V_CYAN, _V_TEAL, _V_MAGENTA = "#EE7733", "#33BBEE", "#009988", "#EE3377"
_V_BLUE, _V_RED, _V_GREY = "#0077BB", "#CC3311", "#BBBBBB"

PALETTES: dict[str, Palette] = {
    palette.id: palette
    for palette in (
        Palette(
            "okabe_ito", "Okabe and Ito",
            {"left": _ORANGE, "right": _SKY, "middle": _GREEN},
            (_SKY, _ORANGE, _GREEN, _YELLOW, _PURPLE, _VERMILLION, _BLUE, _GREY),
            (_GREY, _SKY, _GREEN, _YELLOW, _PURPLE, _ORANGE, _VERMILLION),
        ),
        Palette(
            "tol_vibrant", "Vibrant, Paul Tol",
            {"left": _V_ORANGE, "right": _V_CYAN, "middle": _V_GREY},
            (_V_CYAN, _V_ORANGE, _V_TEAL, _V_MAGENTA, _V_BLUE, _V_RED, _V_GREY),
            (_V_GREY, _V_CYAN, _V_TEAL, _V_MAGENTA, _V_BLUE, _V_ORANGE, _V_RED),
        ),
    )
}  # fmt: skip
DEFAULT_PALETTE = "okabe_ito"

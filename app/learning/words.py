"""What came of an improvement, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["better", "table", "verdict"]

#: Fewer held-out joints than this prove little, and that is said.
_FEW = 100


def better(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether the mean error on the held-out frames fell."""
    return bool(after["error"] < before["error"])


def table(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(what, before, after) for people to read; lengths are shares of the longer side of the person's box."""
    rows = [
        ("Mean error, of the person's size", _percent(before["error"]), _percent(after["error"])),
        ("Joints off by more than 5 %", _percent(before["off"]), _percent(after["off"])),
    ]
    if before["placed"]:
        rows.append(("Mean error of the joints you placed", _percent(before["placed_error"]), _percent(after["placed_error"])))
    return rows


def verdict(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """One or two sentences about the held-out frames."""
    old, new = before["error"], after["error"]
    what = f"On the held-out frames ({before['people']} poses, {before['joints']} joints) the mean error"
    if better(before, after):
        share = 1 - new / old if old else 0.0
        said = f"{what} fell from {_percent(old)} to {_percent(new)} of the person's size, by {100 * share:.0f} %."
    else:
        said = f"{what} did not fall ({_percent(old)} before, {_percent(new)} after)"
        said += "." if before["joints"] < _FEW else ": better keep the old model."
    if before["joints"] < _FEW:
        said += " So few joints prove little: look at a few frames before you decide."
    return said


def _percent(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{100 * value:.1f} %"

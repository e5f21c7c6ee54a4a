"""Figures as a Markdown table and as plain data for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from glsmamba.evaluation.figures import Figures

__all__ = ["as_json", "table"]


def table(figures: Figures) -> str:
    """Lines: how many people and joints, overall figures, a row a joint, notes."""
    people = "person" if figures.people == 1 else "people"
    lines = [f"{figures.people} {people}, {figures.joints} labelled joint{'' if figures.joints == 1 else 's'}", ""]
    measures = list(figures.per_joint)
    if measures:
        lines += [f"| joint | {' | '.join(measures)} | labelled |", "|---|" + "---|" * (len(measures) + 1)]
        for joint, count in figures.labelled.items():
            cells = " | ".join(_cell(figures.per_joint[measure].get(joint)) for measure in measures)
            lines.append(f"| {joint} | {cells} | {count} |")
        lines.append(f"| **all** | {' | '.join(_cell(figures.overall[m]) for m in measures)} | {figures.joints} |")
    others = {name: value for name, value in figures.overall.items() if name not in measures}
    if others:
        lines += ["", "| measure | figure |", "|---|---|"]
        lines += [f"| {name} | {_cell(value)} |" for name, value in others.items()]
    lines += ["", *figures.notes] if figures.notes else []
    return "\n".join(lines)


def as_json(figures: Figures) -> dict[str, Any]:
    """The same as plain data; figures that are not numbers become None, as JSON has no word for them."""
    return {
        "people": figures.people,
        "joints": figures.joints,
        "labelled": figures.labelled,
        "overall": _plain(figures.overall),
        "per_joint": {measure: _plain(joints) for measure, joints in figures.per_joint.items()},
        "notes": list(figures.notes),
    }


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _cell(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.3f}"

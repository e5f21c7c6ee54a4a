"""Words that sentences for people are made of."""

from __future__ import annotations

__all__ = ["counted"]


def counted(n: int, word: str) -> str:
    """A number with its noun: "1 frame", "0 frames"."""
    return f"{n} {word}{'' if n == 1 else 's'}"

"""Where the ruler has its marks, and the words at them. Plain numbers, no Qt."""

from __future__ import annotations

from math import ceil

__all__ = ["frame_step", "short_time", "slot_step", "small_step"]


def frame_step(scale: float, room: float) -> int:
    """Frames between two labelled ticks: the smallest of 1, 2, 5, 10, 20, 50, ... that leaves each label its room.

    Args:
        scale: logical pixels per frame.
        room: logical pixels a label needs.
    """
    least, power = max(room / scale, 1.0), 1
    while True:
        for digit in (1, 2, 5):
            if digit * power >= least:
                return digit * power
        power *= 10


def small_step(step: int, scale: float, room: float = 6.0) -> int:
    """Frames between two ticks without a label: a fifth or a tenth of ``step``; ``step`` where they would crowd."""
    for parts in (10, 5, 2):
        if step % parts == 0 and step // parts * scale >= room:
            return step // parts
    return step


def slot_step(scale: float, room: float) -> int:
    """Frames between two thumbnails: the smallest of 1, 2, 3, 4, 6, 8, 12, 16, ... that leaves each its room.

    Every step has its double in the series, so that zooming by two keeps half of the pictures.
    """
    least, power = ceil(room / scale - 1e-9), 1
    while True:
        for step in (power, power * 3 // 2):
            if step >= least:
                return step
        power *= 2


def short_time(seconds: float, fine: bool) -> str:
    """``1:04`` or, where ticks are less than a second apart, ``1:04.26``; hours in front where there are any."""
    hundredths = round(max(seconds, 0.0) * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 100:02d}" + (f".{rest % 100:02d}" if fine else "")
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"

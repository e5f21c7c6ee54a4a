"""The space bar over the canvas: held it pans, tapped it is a key like any other."""

from __future__ import annotations

import time

__all__ = ["SpaceKey"]

#: No hand lets a key go and presses it again in so few seconds.
_REPEAT_SECONDS = 0.05


class SpaceKey:
    """Whether Space is down, and whether letting it go was a tap."""

    def __init__(self) -> None:
        self.held = False
        self.used = False
        self._up = 0.0

    def down(self, busy: bool) -> None:
        """It was pressed; ``busy``: the hand is at something meanwhile."""
        # X11 now and then passes the keyboard's repeat on as letting go and pressing again: that is still the same press.
        same = time.monotonic() - self._up < _REPEAT_SECONDS or busy
        self.held, self.used = True, self.used and same

    def up(self) -> bool:
        """It was let go; True when that was a tap."""
        if not self.held:
            return False
        self.held, self._up = False, time.monotonic()
        return not self.used

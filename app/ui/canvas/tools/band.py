"""The rubber band: a rectangle that selects the joints inside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import Qt

from app.ui.canvas.scene import ShownPerson
from app.ui.canvas.tools.gesture import Gesture, Host


def joints_inside(
    people: Sequence[ShownPerson], low: np.ndarray, high: np.ndarray, prefer: Sequence[int]
) -> list[tuple[int, int]]:
    """(track, joint) of the drawn joints in a rectangle of the screen: those of ``prefer`` if it holds any, else all."""
    found = []
    for person in people:
        inside = person.drawn & (person.screen >= low).all(axis=1) & (person.screen <= high).all(axis=1)
        found += [(person.track, int(joint)) for joint in np.flatnonzero(inside)]
    return [(track, joint) for track, joint in found if track in prefer] or found


class RubberBand(Gesture):
    """Draws a rectangle; ``drawn`` gets its corners on the screen, ``clicked`` is called when the pointer stayed."""

    cursor = Qt.CursorShape.CrossCursor

    def __init__(
        self, host: Host, at: np.ndarray, drawn: Callable[[np.ndarray, np.ndarray], None], clicked: Callable[[], None]
    ) -> None:
        super().__init__(host, at)
        self._drawn, self._clicked = drawn, clicked

    def release(self, at: np.ndarray, keys: Qt.KeyboardModifier) -> None:
        """Select, or click."""
        super().release(at, keys)
        if self.moved:
            self._drawn(np.minimum(self.start, at), np.maximum(self.start, at))
        else:
            self._clicked()

"""Turning and scaling by the wheel: notches that follow each other are one edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QTimer

from app.labels.shaping import chosen_points, scaling, transform, turning
from app.ui.canvas.tools.gesture import MakeEdit
from app.ui.canvas.tools.select import unlocked

if TYPE_CHECKING:
    from app.ui.canvas.canvas import Canvas

__all__ = ["DEGREES", "FACTOR", "WheelShape"]

#: What one notch of the wheel does.
DEGREES, FACTOR = 3.0, 1.03
#: The wheel has come to rest after so many milliseconds.
_REST_MS = 350


class WheelShape(QObject):
    """Shows the effect while the wheel turns, and writes it once it rests."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._degrees = self._scale = 0.0
        self._make: MakeEdit | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self.finish)

    @property
    def busy(self) -> bool:
        """True while something is shown that is not written yet."""
        return self._make is not None

    def turn(self, notches: float, scales: bool) -> None:
        """The wheel was turned, by fractions of a notch too; ``scales``: it makes larger and smaller."""
        canvas = self._canvas
        chosen = unlocked(canvas)
        points = chosen_points(canvas.as_shown(dragged=False), canvas.shown_frame, chosen)
        if not len(points):
            canvas.say(canvas.session.why_unchangeable() or "The selected joints are absent here.")
            return
        if scales:
            self._scale += notches
        else:
            self._degrees += notches * DEGREES
        frame, middle = canvas.shown_frame, (points.min(axis=0) + points.max(axis=0)) / 2
        degrees, factor = self._degrees, FACTOR**self._scale
        both = turning(degrees, middle)
        both = both @ np.vstack([scaling(factor, factor, middle), [0.0, 0.0, 1.0]])
        verb = "Turn" if factor == 1 else "Scale" if degrees == 0 else "Turn and scale"
        self._make = lambda project: transform(project, frame, chosen, both, verb)
        canvas.preview(self._make)
        canvas.say(f"{degrees:+.1f}°" if verb == "Turn" else f"{100 * factor:.0f} %")
        self._rest.start()

    def finish(self) -> None:
        """Write it now."""
        make = self._make
        self.drop()
        if make is not None:
            self._canvas.commit(make)

    def drop(self) -> bool:
        """Put it back. False if there was nothing."""
        was = self.busy
        self._rest.stop()
        self._make = None
        self._degrees = self._scale = 0.0
        if was:
            self._canvas.preview(None)
        return was

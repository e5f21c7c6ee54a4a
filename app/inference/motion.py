"""Where a person's box will be: a constant-velocity Kalman filter on centre and size, as SORT and ByteTrack use it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glsmamba.data.records import Box

__all__ = ["BoxMotion"]

# Standard deviations as parts of the box's height (ByteTrack's values).
_POSITION = 1 / 20
_VELOCITY = 1 / 160


@dataclass(frozen=True, eq=False)
class BoxMotion:
    """State of one box. Immutable: predicting or correcting makes a new one.

    The four quantities (centre x, centre y, width, height) move independently, so four filters of two states do.

    Attributes:
        value: (4,) centre x, centre y, width, height in pixels.
        velocity: (4,) pixels per frame, in the direction in which frames are visited.
        cov: (4, 3) variance of the value, covariance, variance of the velocity.
    """

    value: np.ndarray
    velocity: np.ndarray
    cov: np.ndarray

    @staticmethod
    def start(box: Box) -> BoxMotion:
        """A box seen for the first time, of unknown velocity."""
        x, y, w, h = box
        cov = np.tile([(2 * _POSITION * h) ** 2, 0.0, (10 * _VELOCITY * h) ** 2], (4, 1))
        return BoxMotion(np.array([x + w / 2, y + h / 2, w, h], np.float64), np.zeros(4), cov)

    @property
    def box(self) -> Box:
        """The estimate as x, y, w, h."""
        x, y, w, h = (float(v) for v in self.value)
        return x - w / 2, y - h / 2, w, h

    def predicted(self, frames: int) -> BoxMotion:
        """The state ``frames`` >= 0 frames on."""
        if frames == 0:
            return self
        h = self.value[3]
        a, b, c = self.cov.T
        # A size is not carried on for long: people far apart in time are not giants.
        velocity = self.velocity * [1, 1, 0.8, 0.8]
        value = self.value + velocity * frames
        value[2:] = value[2:].clip(self.value[2:] * 0.67, self.value[2:] * 1.5)
        cov = np.stack(
            [
                a + 2 * frames * b + frames**2 * c + frames * (_POSITION * h) ** 2,
                b + frames * c,
                c + frames * (_VELOCITY * h) ** 2,
            ],
            axis=1,
        )
        return BoxMotion(value, velocity, cov)

    def corrected(self, box: Box, trust: float = 1.0) -> BoxMotion:
        """The state after ``box`` was measured; ``trust`` below 1 makes the measurement count for less."""
        x, y, w, h = box
        measured = np.array([x + w / 2, y + h / 2, w, h])
        a, b, c = self.cov.T
        noise = (_POSITION * self.value[3] / max(trust, 1e-3)) ** 2
        gain, gain_velocity = a / (a + noise), b / (a + noise)
        miss = measured - self.value
        cov = np.stack([a * (1 - gain), b * (1 - gain), c - gain_velocity * b], axis=1)
        return BoxMotion(self.value + gain * miss, self.velocity + gain_velocity * miss, cov)

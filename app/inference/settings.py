"""How inference runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.inference.tracker import TrackerSettings
from glsmamba.stream_settings import StreamSettings

__all__ = ["EngineSettings"]


@dataclass(frozen=True)
class EngineSettings:
    """How inference runs.

    Attributes:
        detect_every: the detector looks at every n-th frame on the way; between, people are followed by their poses. A frame
            that does not follow on a predicted one is always looked at.
        people_per_step: people predicted before the engine looks for something more urgent.
        settle_s: a frame that is at work is left for another only after that one has been wanted for this long.
        reach: ids go on from predicted frames at most this far away; further off people first get new ids, which become one
            with the old when the stretches meet.
        tracker: thresholds of the tracker.
        streaming: how much consecutive frames share.
        exact: predict each person in each frame by a window of its own, in the crop of that frame's own box, as the paper does.
            What is asked for by hand always is.
        flip_test: predict each window a second time in the mirror and take the mean, as :class:`Predictor` does.
    """

    detect_every: int = 1
    people_per_step: int = 4
    settle_s: float = 0.3
    reach: int = 30
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    streaming: StreamSettings = field(default_factory=StreamSettings)
    exact: bool = False
    flip_test: bool = False

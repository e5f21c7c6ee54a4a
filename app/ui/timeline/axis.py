"""The timeline's horizontal axis: which frames are on screen and how wide each is. Plain numbers, no Qt."""

from __future__ import annotations

__all__ = ["MAX_SCALE", "Axis"]

#: Logical pixels of one frame when zoomed in all the way (more where the whole video is narrower than its room).
MAX_SCALE = 64.0
#: Share of the width that is kept before or after the playhead when it is brought into view.
LEAD = 0.1


class Axis:
    """Frame n takes the pixels ``[x_of(n), x_of(n + 1))``; x counts from the left end of the axis in logical pixels.

    Attributes:
        count: frames of the video.
        width: logical pixels there are.
        first: frame at the left end, with its fraction.
        scale: logical pixels per frame.
        fitted: True while the whole video is shown, also when the width changes.
    """

    def __init__(self, count: int = 0, width: float = 1.0) -> None:
        self.count, self.width = count, max(width, 1.0)
        self.first, self.scale = 0.0, 1.0
        self.fitted = True
        self.fit()

    @property
    def fit_scale(self) -> float:
        """The scale at which the whole video is shown: the smallest one."""
        return self.width / max(self.count, 1)

    @property
    def shown(self) -> float:
        """Number of frames that fit into the width."""
        return self.width / self.scale

    @property
    def visible(self) -> range:
        """Frames of which at least a part is on screen."""
        return range(max(int(self.first), 0), min(int(self.first + self.shown) + 1, self.count))

    def set_count(self, count: int) -> None:
        """Another video: all of it is shown."""
        self.count = count
        self.fit()

    def set_width(self, width: float) -> None:
        """Another width: what is at the left end stays there, unless all is shown."""
        self.width = max(width, 1.0)
        if self.fitted:
            self.fit()
        else:
            self._set(self.first, self.scale)

    def fit(self) -> None:
        """Show the whole video."""
        self.first, self.scale, self.fitted = 0.0, self.fit_scale, True

    def show(self, first: int, last: int) -> None:
        """Show the frames from ``first`` to ``last`` with a little room around them."""
        room = max((last - first + 1) * 0.05, 1.0)
        frames = last - first + 1 + 2 * room
        self._set(first - room, self.width / frames)
        self.first = min(max(first + (last - first + 1) / 2 - self.shown / 2, 0.0), max(self.count - self.shown, 0.0))

    def zoom_at(self, factor: float, x: float) -> None:
        """Multiply the scale; the frame under ``x`` stays there."""
        fixed = self.first + x / self.scale
        scale = min(max(self.scale * factor, self.fit_scale), max(MAX_SCALE, self.fit_scale))
        self._set(fixed - x / scale, scale)

    def pan(self, pixels: float) -> None:
        """Move later frames into view (negative: earlier ones)."""
        self.go(self.first + pixels / self.scale)

    def go(self, first: float) -> None:
        """Put a frame at the left end, as far as the ends of the video allow."""
        self._set(first, self.scale)

    def reveal(self, frame: int, lead: float = LEAD) -> bool:
        """Bring a frame into view, ``lead`` of the width away from the end where it was lost; whether anything moved."""
        before = self.first
        if frame < self.first:
            self.go(frame - (1 - lead) * self.shown if lead else frame)
        elif frame + 1 > self.first + self.shown:
            self.go(frame - lead * self.shown if lead else frame + 1 - self.shown)
        return self.first != before

    def frame_at(self, x: float) -> int:
        """The frame under ``x``, clamped to the video."""
        return min(max(int((self.first + x / self.scale) // 1), 0), max(self.count - 1, 0))

    def x_of(self, frame: float) -> float:
        """Left end of a frame."""
        return (frame - self.first) * self.scale

    def _set(self, first: float, scale: float) -> None:
        self.scale = min(max(scale, self.fit_scale), max(MAX_SCALE, self.fit_scale))
        self.fitted = self.scale <= self.fit_scale * (1 + 1e-9)
        if self.fitted:
            self.scale = self.fit_scale
        self.first = min(max(first, 0.0), max(self.count - self.shown, 0.0)) if not self.fitted else 0.0

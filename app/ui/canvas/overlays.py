"""Which map lies over the frame: keeps the last heat maps and activation maps and picks what the display options ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.ui.canvas.overlay_item import ValueMap
from app.ui.events import DisplayOptions
from glsmamba.data.skeletons import Skeleton, joint_words

_TITLES = {
    "unified": "unified scan", "unified_reverse": "unified scan, reverse", "spatial": "spatial scan",
    "spatial_reverse": "spatial scan, reverse", "temporal": "temporal scan", "temporal_reverse": "temporal scan, reverse",
    "pair_unified": "unified scan, both ways", "pair_spatial": "spatial scan, both ways",
    "pair_temporal": "temporal scan, both ways", "all": "all six paths",
}  # fmt: skip
#: Powers of ten between the dark and the bright end of an activation map.
_DECADES = 3


def activation_scale(stack: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Activation maps as they are coloured: a few cells beside the query hold nearly all, so only powers of ten show the rest.

    Args:
        stack: (T, h, w) float32 activations of the frames of a window, not negative.

    Returns:
        (T, h, w) float32 log10 of them, and its values at the ends of the colour map, which all frames share.
    """
    high = float(np.log10(max(float(stack.max()), 1e-30)))
    low = high - _DECADES
    return np.log10(np.maximum(stack, 10.0**low)).astype(np.float32), low, high


@dataclass(frozen=True, eq=False)
class HeatMaps:
    """Heat maps of one person in one frame: (K, h, w) values and the (2, 3) affine from frame to map pixels."""

    frame: int
    track: int
    values: np.ndarray
    crop: np.ndarray


def read_heatmaps(result: Any) -> HeatMaps | None:
    """What ``Session.heatmap_ready`` brings: anything with frame, track, heatmaps and crop, itself or in ``.prediction``."""
    inner = getattr(result, "prediction", result)
    values = getattr(inner, "heatmaps", None)
    if values is None or getattr(result, "frame", None) is None:
        return None
    return HeatMaps(int(result.frame), int(result.track), np.asarray(values, np.float32), np.asarray(inner.crop, np.float64))


class Overlays:
    """Keeps results and answers which map to draw."""

    def __init__(self) -> None:
        self.heatmaps: HeatMaps | None = None
        self._activation: Any = None
        self._made: dict[tuple, ValueMap] = {}  # the same map is the same object, so that it isn't coloured again

    def clear(self) -> None:
        """Forget everything: another video."""
        self.heatmaps = None
        self._activation = None
        self._made.clear()

    def take_heatmaps(self, result: Any) -> None:
        """Keep new heat maps."""
        self.heatmaps = read_heatmaps(result) or self.heatmaps
        self._made.clear()

    def take_activation(self, result: Any) -> None:
        """Keep new activation maps (with frame, track and joint; the maps themselves or in ``.maps``)."""
        self._activation = result
        self._made.clear()

    def has_heatmaps(self, frame: int, track: int | None) -> bool:
        """True if the heat maps at hand are of this person in this frame."""
        return self.heatmaps is not None and (self.heatmaps.frame, self.heatmaps.track) == (frame, track)

    def heatmap(self, frame: int, track: int | None, joint: int | None, mode: str, skeleton: Skeleton) -> ValueMap | None:
        """The heat map to draw: one joint's, or the maximum over joints."""
        if mode == "off" or not self.has_heatmaps(frame, track):
            return None
        assert self.heatmaps is not None
        maps = self.heatmaps
        k = joint if mode == "joint" and joint is not None and joint < len(maps.values) else None
        if ("heatmap", k) not in self._made:
            values = maps.values.max(axis=0) if k is None else maps.values[k]
            words = "all joints" if k is None else joint_words(skeleton.joints[k])
            self._made["heatmap", k] = ValueMap.of(values, maps.crop, f"heat map: {words}", low=0.0)
        return self._made["heatmap", k]

    def activation(self, frame: int, track: int | None, display: DisplayOptions, skeleton: Skeleton) -> ValueMap | None:
        """The activation map to draw: the key frame's of the chosen path, if it belongs to this frame and person."""
        if not display.show_activation or self._activation is None:
            return None
        result = self._activation
        if getattr(result, "frame", frame) != frame or (track is not None and getattr(result, "track", track) != track):
            return None
        inner: Any = result if isinstance(getattr(result, "maps", None), dict) else getattr(result, "maps", None)
        maps = getattr(inner, "maps", None)
        if not maps or display.activation_path not in maps:
            return None
        key = ("activation", display.activation_path)
        if key not in self._made:
            stack, low, high = activation_scale(np.asarray(maps[display.activation_path], np.float32))
            title = "activation, log10: " + _TITLES.get(display.activation_path, display.activation_path)
            joint = getattr(result, "joint", None)
            if isinstance(joint, int):
                title += f", {joint_words(skeleton.joints[joint])}"
            self._made[key] = ValueMap.of(stack[len(stack) // 2], inner.crop, title, low, high)
        return self._made[key]

"""Which map lies over the frame: keeps the last heat maps and activation maps and picks what the display options ask for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.ui.canvas.overlay_item import ValueMap
from app.ui.events import DisplayOptions
from app.ui.map_words import block_words, path_words
from glsmamba.data.skeletons import Skeleton, joint_words
from glsmamba.map_pictures import scale_of


@dataclass(frozen=True, eq=False)
class HeatMaps:
    """Heat maps of one person in one frame: (K, h, w) values and the (2, 3) affine from frame to map pixels."""

    frame: int
    track: int
    values: np.ndarray
    crop: np.ndarray


def read_heatmaps(result: Any) -> HeatMaps | None:
    """What ``Predicting.heatmap_ready`` brings: anything with frame, track, heatmaps and crop, itself or in ``.prediction``."""
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
        self._made: dict[Any, ValueMap] = {}  # the same map is the same object, so that it isn't coloured again

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
        """Keep new activation maps, a ``PersonActivation``."""
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

    def activation(
        self, frame: int, tracks: Collection[int | None], display: DisplayOptions, skeleton: Skeleton
    ) -> ValueMap | None:
        """The activation map to draw: the key frame's of the chosen path, if it is of this frame and one of these people."""
        result = self._activation
        if not display.show_activation or result is None or result.frame != frame or result.track not in tracks:
            return None
        maps, path = result.maps, display.activation_path
        if path not in maps.maps:
            return None
        if path not in self._made:
            scale = scale_of(maps.maps[path], maps.kind)
            words = f"activation: {block_words(maps.block)}, {path_words(path, result.transposed)[0]}"
            words += "" if result.joint is None else f", {joint_words(skeleton.joints[result.joint])}"
            middle = scale.values[len(scale.values) // 2]
            self._made[path] = ValueMap(middle, maps.crop, words, scale.low, scale.high, scale.labels, scale.diverging)
        return self._made[path]

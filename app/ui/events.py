"""Small immutable values that travel from the session to the widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["ColourMode", "DisplayOptions", "HeatmapMode", "Level", "Message", "SaveState"]

ColourMode = Literal["side", "person", "joint", "confidence", "provenance"]
HeatmapMode = Literal["off", "joint", "max"]
Level = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class DisplayOptions:
    """How people and overlays are drawn. Immutable: :meth:`Session.set_display` makes a new one.

    Attributes:
        colour_mode: what a joint's colour means.
        threshold: predicted joints scoring below this are not drawn; human joints always are.
        show_skeletons: draw bones and joints.
        show_boxes: draw person boxes and head boxes.
        show_regions: draw ignore regions.
        show_names: write the person's name at the box and the joint's name on hover.
        mark_scale: 1.0 or 2.0: size of joints and lines in screen pixels, times this.
        heatmap_mode: heat map of the selected joint, the maximum over joints, or none.
        heatmap_opacity: 0 to 1.
        show_activation: draw the last activation map.
        activation_opacity: 0 to 1.
        activation_path: key of ``ActivationMaps.maps`` that is drawn.
        activation_follow: the map is that of the point under the pointer while it rests on a person.
        activation_compare: the panel shows every path over all frames.
        colormap: name of the colour map (library ``cmap``) of both overlays.
        hidden: people who are drawn only while they are selected; forgotten when the video is closed.
    """

    colour_mode: ColourMode = "side"
    threshold: float = 0.2
    show_skeletons: bool = True
    show_boxes: bool = True
    show_regions: bool = True
    show_names: bool = True
    mark_scale: float = 1.0
    heatmap_mode: HeatmapMode = "off"
    heatmap_opacity: float = 0.6
    show_activation: bool = False
    activation_opacity: float = 0.6
    activation_path: str = "all"
    activation_follow: bool = True
    activation_compare: bool = False
    colormap: str = "bids:magma"
    hidden: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Message:
    """One sentence for the user, shown without stopping them; ``action`` runs when ``action_title`` is clicked."""

    text: str
    level: Level = "info"
    action_title: str = ""
    action: Callable[[], None] | None = None


@dataclass(frozen=True)
class SaveState:
    """What the status bar says about the disk: ``pending`` edits are on their way into ``path``."""

    pending: int
    path: str

    @property
    def text(self) -> str:
        """One short line."""
        return "saving…" if self.pending else "all changes saved"

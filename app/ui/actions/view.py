"""View menu: zoom, what is drawn, theme, docks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.ui import theme
from app.ui.actions.conditions import open_video, person
from app.ui.actions.spec import Action
from app.ui.palettes import PALETTES, Palette

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]


def _toggle(id: str, title: str, field: str, on: Any = True, off: Any = False, group: int = 1, tip: str = "") -> Action:
    """An action that switches one display option between two values."""

    def run(window: MainWindow) -> None:
        now = getattr(window.session.display, field)
        window.session.set_display(**{field: off if now == on else on})

    return Action(id, title, "View", run, checked=lambda w: getattr(w.session.display, field) == on, group=group, tip=tip)


def _choice(id: str, title: str, menu: str, field: str, value: Any, group: int) -> Action:
    """An action that sets one display option."""
    return Action(
        id, title, menu, lambda w: w.session.set_display(**{field: value}),
        checked=lambda w: getattr(w.session.display, field) == value, group=group,
    )  # fmt: skip


def _threshold(step: float) -> Any:
    def run(window: MainWindow) -> None:
        value = round(min(max(window.session.display.threshold + step, 0.0), 1.0), 2)
        window.session.set_display(threshold=value)
        window.hint(f"Joints scoring below {value:.2f} are hidden.")

    return run


def _scheme(name: theme.Scheme) -> Action:
    title = {"system": "Like the system", "light": "Light", "dark": "Dark"}[name]
    return Action(
        f"view.theme_{name}", title, "View/Theme", lambda w: w.set_scheme(name),
        checked=lambda w: theme.theme().scheme == name, group=4,
    )  # fmt: skip


def _palette(palette: Palette) -> Action:
    return Action(
        f"view.colours_{palette.id}", palette.title, "View/Colours", lambda w: w.set_palette(palette.id),
        checked=lambda w: theme.palette() is palette, group=4,
        tip="Colours of sides, people and provenance that people with a colour deficiency can tell apart.",
    )  # fmt: skip


ACTIONS = (
    Action("view.zoom_in", "Zoom in", "View", lambda w: w.canvas.zoom(1.25), open_video, held=True,
           icon="magnify-plus-outline"),
    Action("view.zoom_out", "Zoom out", "View", lambda w: w.canvas.zoom(0.8), open_video, held=True,
           icon="magnify-minus-outline"),
    Action("view.fit", "Fit the picture", "View", lambda w: w.canvas.fit(), open_video, icon="fit-to-page-outline"),
    Action("view.timeline", "Show the timeline", "View/Timeline", lambda w: w.below.toggle_timeline(), open_video,
           checked=lambda w: not w.timeline.isHidden()),
    Action("view.timeline_in", "Fewer frames", "View/Timeline", lambda w: w.timeline.view.zoom(1.25), open_video, group=1,
           held=True, tip="Zooms the timeline in at the current frame."),
    Action("view.timeline_out", "More frames", "View/Timeline", lambda w: w.timeline.view.zoom(0.8), open_video, group=1,
           held=True, tip="Zooms the timeline out."),
    Action("view.timeline_fit", "All frames", "View/Timeline", lambda w: w.timeline.view.fit(), open_video, group=1,
           tip="The whole video on the timeline."),
    Action("view.timeline_person", "Frames of the person", "View/Timeline",
           lambda w: w.timeline.view.show_track(w.session.selected_track), person, group=1,
           tip="The timeline shows the frames that the selected person is in."),
    _toggle("view.skeletons", "Skeletons", "show_skeletons"),
    _toggle("view.boxes", "Boxes", "show_boxes"),
    _toggle("view.regions", "Ignore regions", "show_regions"),
    _toggle("view.names", "Names", "show_names"),
    _toggle("view.large_marks", "Large marks", "mark_scale", 2.0, 1.0, tip="Joints and lines at twice their size."),
    *(
        _choice(f"view.colour_{mode}", title, "View/Colour by", "colour_mode", mode, 2)
        for mode, title in (
            ("side", "Left and right"), ("person", "Person"), ("joint", "Joint"), ("confidence", "Confidence"),
            ("provenance", "Where it came from"),
        )
    ),
    *(
        _choice(f"view.heatmap_{mode}", title, "View/Heat map", "heatmap_mode", mode, 2)
        for mode, title in (("off", "None"), ("joint", "Selected joint"), ("max", "All joints"))
    ),
    _toggle("view.activation", "Activation map", "show_activation", group=2,
            tip="The map of the activation panel over the picture."),
    _toggle("view.activation_follow", "Activation follows the pointer", "activation_follow", group=2,
            tip="While the activation panel is open, the map is that of the point under the pointer."),
    _toggle("view.activation_compare", "Every path over all frames", "activation_compare", group=2,
            tip="The activation panel shows all paths side by side."),
    Action("view.threshold_down", "Show less certain joints", "View", _threshold(-0.05), group=3, held=True),
    Action("view.threshold_up", "Hide less certain joints", "View", _threshold(0.05), group=3, held=True),
    *(_palette(palette) for palette in PALETTES.values()),
    _scheme("system"),
    _scheme("light"),
    _scheme("dark"),
    Action("view.reset_layout", "Reset the layout", "View", lambda w: w.docks.reset(), group=5),
    Action("view.full_screen", "Full screen", "View", lambda w: w.toggle_full_screen(), group=5,
           checked=lambda w: w.isFullScreen()),
)  # fmt: skip

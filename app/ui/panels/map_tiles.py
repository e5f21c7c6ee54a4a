"""The small pictures of an activation map: made in the thread that computed it, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.ui.events import DisplayOptions
from app.ui.map_words import PATHS, path_words
from app.ui.panels.tiles import Tile, tile_image
from glsmamba.map_pictures import DIVERGING, laid_over, scale_of

__all__ = ["MapTiles", "chosen_path", "make_tiles"]


@dataclass(frozen=True, eq=False)
class MapTiles:
    """The tiles of one result as one set of display options wants them.

    Attributes:
        strip: the chosen path over the frames of the window.
        paths: every path in the key frame, or with ``headings`` each over all frames, row by row.
        headings: of the rows, or none.
        logarithmic: whether equal steps of the chosen path's colour are equal factors.
    """

    result: Any
    look: tuple[object, ...]
    strip: tuple[Tile, ...]
    paths: tuple[Tile, ...]
    headings: tuple[str, ...]
    logarithmic: bool

    def suits(self, result: Any, display: DisplayOptions) -> bool:
        """Whether these are the tiles to show."""
        return self.result is result and self.look == _look(display)


def _look(display: DisplayOptions) -> tuple[object, ...]:
    return display.activation_path, display.activation_compare, display.activation_opacity, display.colormap


def chosen_path(result: Any, display: DisplayOptions) -> str:
    """The path whose map is shown, of those that there are."""
    return display.activation_path if display.activation_path in result.maps.maps else "all"


def make_tiles(result: Any, display: DisplayOptions) -> MapTiles:
    """Colour a ``PersonActivation``, in any thread: while a model runs, the window's waits for Python's lock at each step."""
    maps, pictures = result.maps.maps, result.pictures
    path = chosen_path(result, display)
    order = [name for name in PATHS if name in maps and not name.startswith("pair_") and name != "nall"]
    scales = {name: scale_of(maps[name], result.maps.kind) for name in {path, *order}}
    _, h, w = maps[path].shape
    middle = len(result.frames) // 2
    query = result.maps.query

    def tile(name: str, n: int, caption: str, tip: str, key: str) -> Tile:
        scale = scales[name]
        colours = DIVERGING if scale.diverging else display.colormap
        opacity = display.activation_opacity
        image = laid_over(pictures[n], scale.values[n], scale.low, scale.high, colours, opacity, scale.diverging)
        mark = ((query[2] + 0.5) / w, (query[1] + 0.5) / h) if query is not None and query[0] == n else None
        return Tile(key, tile_image(image), caption, tip, mark)

    words = {name: path_words(name, result.transposed) for name in scales}
    numbers = [(n, frame, ", the key frame" * (n == middle)) for n, frame in enumerate(result.frames)]
    strip = tuple(tile(path, n, f"{frame}", f"frame {frame}{which}", str(n)) for n, frame, which in numbers)
    headings: tuple[str, ...] = ()
    if display.activation_compare:
        headings = tuple(words[name][0] for name in order)
        paths = tuple(
            tile(name, n, f"{frame}", f"{words[name][1].capitalize()}; frame {frame}{which}", name)
            for name in order
            for n, frame, which in numbers
        )
    else:
        paths = tuple(tile(name, middle, words[name][0], words[name][1].capitalize(), name) for name in order)
    return MapTiles(result, _look(display), strip, paths, headings, scales[path].logarithmic)

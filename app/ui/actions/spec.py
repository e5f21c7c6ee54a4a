"""What can be done: one entry an action. Menus, keys, tooltips, the palette and the shortcut sheet are all drawn from these.

Why not the library ``app-model`` (0.5.1, BSD-3, kept by the makers of napari, alpha): it has menus, one key an action,
and its actions in Qt show and bind a single key, where ours have up to three (Right and D; Ctrl+Shift+Z and Ctrl+Y). Its
conditions are expressions that say yes or no, and ours say why not. Of two actions on one key the heavier one wins in silence,
where we refuse; and the same key must be able to mean one thing with a joint selected and another without, which its Qt
shortcuts call ambiguous. It has no palette for Qt, no key maps in files and no dialog for them, so these would still be ours;
and it brings qtpy, pydantic and in-n-out (11 MB). The table below is shorter than the layer that would bend it into shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["Action", "always"]


def always(_window: MainWindow) -> str:
    """Condition of an action that can always be used."""
    return ""


@dataclass(frozen=True)
class Action:
    """One thing a person can do.

    Attributes:
        id: stable name used in key maps, ``"go.next"``.
        title: menu text; ends in an ellipsis when it asks for more.
        menu: menu path, ``"View"`` or ``"View/Colour by"``; "" keeps it out of the menus.
        run: does it.
        why_not: "" when it can be used now, else one sentence why not.
        checked: state of an on/off action.
        icon: name in the icon font, "" for none.
        group: actions of one menu are separated by a line where this number changes.
        tip: one sentence for tooltips and the shortcut sheet, "" when the title says it all.
        held: holding the key repeats it, slowly first and then faster.
        scope: "tool" actions take a key before "proposal" actions, these before "joint" ones, then "person" and "window" ones.
        dynamic_title: title that changes with the state ("Undo move left wrist").
    """

    id: str
    title: str
    menu: str
    run: Callable[[MainWindow], object]
    why_not: Callable[[MainWindow], str] = always
    checked: Callable[[MainWindow], bool] | None = None
    icon: str = ""
    group: int = 0
    tip: str = ""
    held: bool = False
    scope: str = "window"
    dynamic_title: Callable[[MainWindow], str] | None = None

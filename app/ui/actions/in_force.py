"""The keys in force, for everything that names one: tooltips, hints, sentences that say what to press.

No text of the program spells a key out: it asks here, so that it is true under every key map. Where an action has no key the
sentence names its place in the menus, or leaves the part out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from PySide6.QtCore import QObject, Signal

from app.ui.actions.keymap import DEFAULT_KEYMAP, key_text, load_keymap

__all__ = ["KeysInForce", "in_force", "key", "keys_text", "select_somebody", "with_key", "with_way"]


class KeysInForce(QObject):
    """Action id to keys; ``changed`` fires when another map is used. One per program (:func:`in_force`).

    Attributes:
        name: what the key map is called.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._keys: Mapping[str, tuple[str, ...]] = load_keymap(DEFAULT_KEYMAP)
        self.name = "Default"

    @property
    def keys(self) -> Mapping[str, tuple[str, ...]]:
        """Action id to keys in Qt's portable spelling."""
        return self._keys

    def use(self, keys: Mapping[str, tuple[str, ...]], name: str = "") -> None:
        """Put other keys in force, those of the map ``name``, and tell everybody."""
        self._keys, self.name = keys, name
        self.changed.emit()


@cache
def in_force() -> KeysInForce:
    """The program's keys; connect to its ``changed`` to name them anew."""
    return KeysInForce()


def key(action: str) -> str:
    """The first key of an action as the platform writes it, "" when it has none."""
    keys = in_force().keys.get(action, ())
    return key_text(keys[0]) if keys else ""


def keys_text(action: str, between: str = " or ") -> str:
    """All keys of an action as the platform writes them, "" when it has none."""
    return between.join(key_text(name) for name in in_force().keys.get(action, ()))


def with_key(before: str, action: str, after: str = "") -> str:
    """``before``, the action's first key and ``after``; "" when it has no key."""
    name = key(action)
    return f"{before}{name}{after}" if name else ""


def with_way(action: str) -> str:
    """How to do it: "press Ctrl+R", or "choose People > Ignore regions > Draw an ignore region" where it has no key."""
    if name := key(action):
        return f"press {name}"
    return f"choose {_places().get(action, action)}"


def select_somebody(what: str = "Select a person first") -> str:
    """The sentence for who must be selected, with the keys that select the first and the ninth person."""
    first, last = key("people.select_1"), key("people.select_9")
    return f"{what}: click one, or press {first} to {last}." if first and last else f"{what}: click one."


@cache
def _places() -> dict[str, str]:
    from app.ui.actions.table import actions  # its parts ask here for keys

    return {a.id: f"{a.menu}/{a.title.rstrip('…')}".replace("/", " > ") for a in actions()}

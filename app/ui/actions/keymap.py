"""What a key map's file says: TOML that gives actions their keys; clashes and unusable keys are refused with the reason."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtGui import QKeySequence

from app.ui.actions.spec import Action

__all__ = [
    "DEFAULT_KEYMAP", "SCOPES", "KeymapError", "key_text", "keys_of", "load_keymap", "read_table", "resolve", "why_not_key",
]  # fmt: skip

#: The key map that ships as the default.
DEFAULT_KEYMAP = Path(__file__).resolve().parents[3] / "resources" / "keymaps" / "default.toml"
#: Scopes of actions, in the order in which they get a key that several of them have.
SCOPES = ("tool", "proposal", "joint", "person", "window")

_MODIFIERS = ("Shift", "Control", "Ctrl", "Alt", "AltGr", "Meta", "CapsLock", "NumLock", "ScrollLock", "Hyper_L", "Super_L")
#: Keys that mean something everywhere, with what that is and the action that may have them none the less.
_RESERVED = {
    "Esc": ("Esc always puts back and leaves", "edit.escape"),
    "F2": ("F2 renames in the panels", ""),
    "F10": ("F10 opens the menus", ""),
    "Alt+F4": ("Alt+F4 closes windows", ""),
    "Ctrl+Alt+Del": ("Ctrl+Alt+Del belongs to the system", ""),
    "Alt+Tab": ("Alt+Tab belongs to the desktop", ""),
}


class KeymapError(ValueError):
    """A key map that can't be used; the sentence names the key, the actions and the file."""


def load_keymap(path: Path) -> dict[str, tuple[str, ...]]:
    """Read a key map's own keys: action id to keys in Qt's portable spelling ("Ctrl+Shift+Z").

    The file has one table ``[keys]`` of ``"action.id" = ["key", ...]``. Raises :class:`KeymapError`.
    """
    return keys_of(read_table(path), f"The key map {path}")


def read_table(path: Path) -> dict[str, Any]:
    """The TOML of a file. Raises :class:`KeymapError` with one sentence that names it."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise KeymapError(f"The key map {path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise KeymapError(f"The key map {path} is not a text file in UTF-8.") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise KeymapError(f"The key map {path} is not valid TOML: {str(error).rstrip('.')}.") from error


def keys_of(table: Mapping[str, Any], who: str) -> dict[str, tuple[str, ...]]:
    """The keys that a key map's TOML gives; ``who`` begins the sentence of the :class:`KeymapError`."""
    keys = table.get("keys")
    if not isinstance(keys, dict):
        raise KeymapError(f"{who} has no [keys] table.")
    made: dict[str, tuple[str, ...]] = {}
    for action, names in keys.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise KeymapError(f'{who} must give "{action}" a list of keys, such as ["Ctrl+Z"].')
        for name in names:
            key = _portable(name)
            if key == "":
                raise KeymapError(f'{who} gives "{action}" the key "{name}", which is no key Qt knows.')
            if reason := why_not_key(key, action):
                raise KeymapError(f'{who} gives "{action}" the key "{name}". {reason}')
        made[action] = tuple(dict.fromkeys(_portable(name) for name in names))
    return made


def why_not_key(key: str, action: str) -> str:
    """One sentence saying why an action can't have a key (in Qt's portable spelling), "" when it can."""
    if key.rpartition("+")[2] in _MODIFIERS:
        return f"{key_text(key)} alone is no key for an action: another one must be pressed with it."
    reason, owner = _RESERVED.get(key, ("", ""))
    if not reason and "Meta+" in key:
        reason = f"{key_text('Meta+A').removesuffix('A').removesuffix('+')} and another key belong to the desktop"
    return f"{reason}: choose another key." if reason and action != owner else ""


def resolve(actions: Iterable[Action], keymap: Mapping[str, tuple[str, ...]]) -> dict[str, list[Action]]:
    """Key to the actions it can mean: those of a tool first, then of a proposal, of a joint, of a person, of the window.

    Two actions of the same scope on one key, or keys for an action that does not exist, raise :class:`KeymapError`.
    """
    by_id = {action.id: action for action in actions}
    unknown = sorted(set(keymap) - set(by_id))
    if unknown:
        raise KeymapError(f'The key map names the action "{unknown[0]}", which does not exist.')
    made: dict[str, list[Action]] = {}
    for action in by_id.values():
        for key in keymap.get(action.id, ()):
            for other in made.get(key, ()):
                if other.scope == action.scope:
                    raise KeymapError(f'The key {key} is given to both "{other.title}" and "{action.title}": choose one.')
            made.setdefault(key, []).append(action)
    for meanings in made.values():
        meanings.sort(key=lambda action: SCOPES.index(action.scope))
    return made


def key_text(key: str) -> str:
    """A key as the platform writes it in menus."""
    return QKeySequence(key, QKeySequence.SequenceFormat.PortableText).toString(QKeySequence.SequenceFormat.NativeText)


def _portable(name: str) -> str:
    sequence = QKeySequence(name, QKeySequence.SequenceFormat.PortableText)
    return sequence.toString(QKeySequence.SequenceFormat.PortableText) if sequence.count() == 1 else ""

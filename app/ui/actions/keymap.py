"""Key maps: TOML files that give actions their keys; clashes are refused with the reason."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from PySide6.QtGui import QKeySequence

from app.ui.actions.spec import Action

__all__ = ["DEFAULT_KEYMAP", "KeymapError", "key_text", "load_keymap", "resolve"]

#: The key map that ships as the default.
DEFAULT_KEYMAP = Path(__file__).resolve().parents[3] / "resources" / "keymaps" / "default.toml"


class KeymapError(ValueError):
    """A key map that can't be used; the sentence names the key, the actions and the file."""


def load_keymap(path: Path) -> dict[str, tuple[str, ...]]:
    """Read a key map: action id to keys in Qt's portable spelling ("Ctrl+Shift+Z").

    The file has one table ``[keys]`` of ``"action.id" = ["key", ...]``. Raises :class:`KeymapError`.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise KeymapError(f"The key map {path} can't be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise KeymapError(f"The key map {path} is not valid TOML: {error}.") from error
    keys = table.get("keys")
    if not isinstance(keys, dict):
        raise KeymapError(f"The key map {path} has no [keys] table.")
    made: dict[str, tuple[str, ...]] = {}
    for action, names in keys.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise KeymapError(f'The key map {path} must give "{action}" a list of keys, such as ["Ctrl+Z"].')
        for name in names:
            if _portable(name) == "":
                raise KeymapError(f'The key map {path} gives "{action}" the key "{name}", which is no key Qt knows.')
        made[action] = tuple(_portable(name) for name in names)
    return made


def resolve(actions: Iterable[Action], keymap: Mapping[str, tuple[str, ...]]) -> dict[str, list[Action]]:
    """Key to the actions it can mean: those of a proposal first, then of a joint, of a person, of the window.

    Two actions of the same scope on one key, or keys for an action that does not exist, raise :class:`KeymapError`.
    """
    by_id = {action.id: action for action in actions}
    unknown = sorted(set(keymap) - set(by_id))
    if unknown:
        raise KeymapError(f'The key map names the action "{unknown[0]}", which does not exist.')
    order = {"proposal": 0, "joint": 1, "person": 2, "window": 3}
    made: dict[str, list[Action]] = {}
    for action in by_id.values():
        for key in keymap.get(action.id, ()):
            for other in made.get(key, ()):
                if other.scope == action.scope:
                    raise KeymapError(f'The key {key} is given to both "{other.title}" and "{action.title}": choose one.')
            made.setdefault(key, []).append(action)
    for meanings in made.values():
        meanings.sort(key=lambda action: order[action.scope])
    return made


def key_text(key: str) -> str:
    """A key as the platform writes it in menus."""
    return QKeySequence(key, QKeySequence.SequenceFormat.PortableText).toString(QKeySequence.SequenceFormat.NativeText)


def _portable(name: str) -> str:
    sequence = QKeySequence(name, QKeySequence.SequenceFormat.PortableText)
    return sequence.toString(QKeySequence.SequenceFormat.PortableText) if sequence.count() == 1 else ""

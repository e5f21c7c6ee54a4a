"""The key maps there are: shipped ones, and the user's own as TOML files in the configuration folder.

A map gives keys to some actions and takes the others' from the map it is based on (``base``; the default map when it says
nothing). What a file says itself wins: a base's action loses a key that the file gives to another of the same scope, and
:attr:`Keymap.lost` says so. Two actions that the file itself gives the same key are refused.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs
import tomlkit
from tomlkit.exceptions import TOMLKitError

from app.ui.actions.keymap import DEFAULT_KEYMAP, KeymapError, key_text, keys_of, read_table, resolve
from app.ui.actions.spec import Action
from app.ui.settings import APP_NAME
from glsmamba.data.whole_file import whole_file

__all__ = [
    "SHIPPED", "Keymap", "bring_back", "changed_keys", "default_map", "find_map", "free_path", "own_folder", "own_maps",
    "read_map", "set_aside", "write_map",
]  # fmt: skip

#: Shipped maps by id, in the order in which they are offered.
SHIPPED = ("default", "sleap", "cvat", "labelme")
#: What stands above the keys in a file that the program makes.
_HEAD = (
    "A key map of GLSMamba Studio. Keys are spelled as in Ctrl+Shift+Z; the first of an action is shown in menus.",
    "What is not named here is as in the base: default, sleap, cvat or labelme.",
)
#: Characters of a map's name that are shown.
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Keymap:
    """One key map, ready to use.

    Attributes:
        id: "sleap" for a shipped map, "own/NAME" for the user's file NAME.toml.
        name: what it is called on screen.
        path: its file.
        base: the map that it changes; None for the default map.
        given: action id to keys, as its own file says.
        keys: action id to keys, the base's included: what is in force when the map is.
        lost: a sentence for each key of the base that the file gave to another action.
    """

    id: str
    name: str
    path: Path
    base: Keymap | None
    given: Mapping[str, tuple[str, ...]]
    keys: Mapping[str, tuple[str, ...]]
    lost: tuple[str, ...] = ()

    @property
    def own(self) -> bool:
        """True for a file of the user's."""
        return self.id.startswith("own/")


def own_folder() -> Path:
    """Where the user's own maps lie."""
    return platformdirs.user_config_path(APP_NAME) / "keymaps"


def own_maps() -> list[str]:
    """Ids of the user's own maps, by name."""
    folder = own_folder()
    return [f"own/{path.stem}" for path in sorted(folder.glob("*.toml"))] if folder.is_dir() else []


def default_map(actions: Iterable[Action]) -> Keymap:
    """The map that ships as the default."""
    return read_map(DEFAULT_KEYMAP, actions, "default")


def find_map(id: str, actions: Iterable[Action]) -> Keymap:
    """A map by its id. Raises :class:`KeymapError`."""
    actions = tuple(actions)
    if id in SHIPPED:
        return read_map(DEFAULT_KEYMAP.with_name(f"{id}.toml"), actions, id)
    name = id.removeprefix("own/")
    if not id.startswith("own/") or Path(name).name != name:
        raise KeymapError(f'There is no key map "{id}".')
    return read_map(own_folder() / f"{name}.toml", actions, id)


def read_map(path: Path, actions: Iterable[Action], id: str = "") -> Keymap:
    """Read and check a map's file.

    Raises:
        KeymapError: it is no TOML, names what does not exist, or gives one key to two actions of one scope.
    """
    actions = tuple(actions)
    who = f"The key map {path}"
    table = read_table(path)
    given = keys_of(table, who)
    try:
        resolve(actions, given)
    except KeymapError as error:
        raise KeymapError(f"{who} can't be used. {error}") from error
    name = table.get("name", path.stem)
    if not isinstance(name, str) or not name.strip():
        raise KeymapError(f'{who} must have a text as its name, such as name = "Mine".')
    base_id = table.get("base", "default")
    if base_id not in SHIPPED:
        raise KeymapError(f'{who} is based on "{base_id}", which is none of {", ".join(SHIPPED)}.')
    id = id or f"own/{path.stem}"
    base = None if id == "default" else find_map(base_id if id not in SHIPPED else "default", actions)
    keys, lost = _over(given, base, actions)
    return Keymap(id, name.strip()[:_LONGEST_NAME], path, base, given, keys, lost)


def changed_keys(keymap: Keymap, changes: Mapping[str, tuple[str, ...] | None], actions: Iterable[Action]) -> Keymap:
    """The map with other keys for some actions; None takes an action's keys from the base again.

    Raises :class:`KeymapError` where that gives two actions of one scope the same key.
    """
    actions = tuple(actions)
    base = {} if keymap.base is None else keymap.base.keys
    same = {action for action, keys in changes.items() if keys is None or keys == base.get(action)}
    given = {action: keys for action, keys in {**keymap.given, **changes}.items() if action not in same and keys is not None}
    resolve(actions, given)
    keys, lost = _over(given, keymap.base, actions)
    return replace(keymap, given=given, keys=keys, lost=lost)


def _over(
    given: Mapping[str, tuple[str, ...]], base: Keymap | None, actions: tuple[Action, ...]
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """A file's keys over its base's: all keys, and what the base's actions lost."""
    if base is None:
        return dict(given), ()
    by_id = {action.id: action for action in actions}
    taken = {(by_id[id].scope, key): id for id, keys in given.items() for key in keys}
    made, lost = dict(given), []
    for id, keys in base.keys.items():
        if id in given:
            continue
        kept = []
        for key in keys:
            if (winner := taken.get((by_id[id].scope, key))) is None:
                kept.append(key)
            else:
                lost.append(f'"{by_id[id].title}" lost the key {key_text(key)} to "{by_id[winner].title}".')
        made[id] = tuple(kept)
    return made, tuple(lost)


def free_path(name: str, taken: Collection[str] = ()) -> Path:
    """A file in the user's folder that is not there yet, called after a name; ``taken`` ids have files on their way."""
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "keys"
    for number in itertools.count(1):
        path = own_folder() / f"{stem}{f'-{number}' if number > 1 else ''}.toml"
        if f"own/{path.stem}" not in taken and not path.exists():
            return path
    raise AssertionError


def set_aside(path: Path) -> None:
    """Take a map out of use; its file stays beside, with a ``~`` after its name."""
    with contextlib.suppress(FileNotFoundError):
        os.replace(path, _aside(path))


def bring_back(path: Path) -> None:
    """Undo :func:`set_aside`, comments and all; a file that is there stays."""
    if not path.exists():
        with contextlib.suppress(FileNotFoundError):
            os.replace(_aside(path), path)


def _aside(path: Path) -> Path:
    return path.with_name(path.name + "~")


def write_map(keymap: Keymap, path: Path, actions: Iterable[Action] | None = None) -> None:
    """Write a map, whole or not at all; a file that is there keeps its comments.

    Of a file that is no TOML a copy stays beside, with a ``~`` after its name.

    Args:
        keymap: what to write.
        path: where to.
        actions: when given, every action is listed with its title, for somebody who will read or share the file.

    Raises:
        OSError: it can't be written.
    """
    text = _as_toml(keymap, path, tuple(actions or ()))
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:  # where somebody keeps their settings elsewhere and links them here, the link stays
        part.write_text(text, encoding="utf-8")


def _as_toml(keymap: Keymap, path: Path, actions: tuple[Action, ...]) -> str:
    document = _document(path) if not actions else tomlkit.document()
    if not document:
        for line in _HEAD:
            document.add(tomlkit.comment(line))
    document["name"] = keymap.name
    document["base"] = keymap.base.id if keymap.own and keymap.base is not None else keymap.id
    keys = document.get("keys")
    if not isinstance(keys, dict):
        document["keys"] = tomlkit.table()
        keys = document["keys"]
    wanted = {action.id: keymap.keys.get(action.id, ()) for action in actions} if actions else dict(keymap.given)
    for gone in [action for action in keys if action not in wanted]:
        del keys[gone]
    titles = {action.id: action.title for action in actions}
    for action, names in wanted.items():
        if action not in keys or list(keys[action]) != list(names):
            item = tomlkit.item(list(names))
            if action in titles:
                item.comment(titles[action])
            keys[action] = item
    return tomlkit.dumps(document)


def _document(path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(path.read_text("utf-8"))
    except (UnicodeDecodeError, TOMLKitError):  # somebody's work all the same
        shutil.copyfile(path, _aside(path))
    except OSError:
        pass
    return tomlkit.document()

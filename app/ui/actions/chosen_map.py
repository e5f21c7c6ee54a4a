"""Which key map is in force: the one remembered, one that is chosen, or the user's own as it changes key by key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from app.ui.actions.in_force import in_force
from app.ui.actions.keymap import KeymapError, resolve
from app.ui.actions.keymaps import (
    Keymap,
    bring_back,
    changed_keys,
    default_map,
    find_map,
    free_path,
    read_map,
    set_aside,
    write_map,
)
from app.ui.actions.keys import KeyBindings
from app.ui.actions.spec import Action
from app.ui.settings import settings

__all__ = ["ChosenMap"]

_SETTING = "keys/map"
#: Steps that can be taken back.
_STEPS = 100
#: Editors save in several steps; so many milliseconds after the last a file is read.
_SETTLE_MS = 300


class ChosenMap(QObject):
    """The map in force. A change of a shipped map makes one of the user's own, which is written as it changes.

    When somebody else changes the file of a user's own map, in a text editor for example, its keys are in force then.

    Attributes:
        current: the map in force.
        problem: the sentence saying why the remembered map could not be used, "" when it could.
    """

    changed = Signal()

    def __init__(
        self,
        keys: KeyBindings,
        actions: Sequence[Action],
        in_background: Callable[[Callable[[], Any], Callable[[Exception], None], Callable[[Any], None]], None],
        say: Callable[[str], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._keys, self._actions, self._in_background, self._say = keys, tuple(actions), in_background, say
        self._before: list[Keymap] = []
        self._made: set[str] = set()  # own maps whose files this program made
        self._writing = 0  # writes on their way to the file in force
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._look)
        self._watcher = QFileSystemWatcher(self)
        self._watcher.fileChanged.connect(lambda _path: self._settle.start())
        self.problem = ""
        self.default = default_map(self._actions)
        self.current = self._remembered()
        self._bind()

    def _remembered(self) -> Keymap:
        id = str(settings().value(_SETTING, "default"))
        try:
            return find_map(id, self._actions)
        except KeymapError as error:
            self.problem = f"{error} The default keys are used."
            return self.default

    def _bind(self) -> None:
        self._keys.rebind(resolve(self._actions, self.current.keys))
        in_force().use(self.current.keys, self.current.name)
        self._watch()

    def _watch(self) -> None:
        """Hear of changes of the file in force. A file that was replaced is another one to the system, and watched anew."""
        wanted = [str(self.current.path)] if self.current.own else []
        if gone := [path for path in self._watcher.files() if path not in wanted]:
            self._watcher.removePaths(gone)
        if new := [path for path in wanted if path not in self._watcher.files()]:
            self._watcher.addPaths(new)

    def _look(self) -> None:
        """Take over what somebody else wrote into the file in force."""
        self._watch()
        mine = self.current
        if not mine.own or self._writing:
            return

        def done(found: Keymap) -> None:
            if self.current is mine and not self._writing and found != mine:
                self.use(found)
                self._say(f"{mine.path.name} was changed by another program; its keys are in force now.")

        def failed(error: Exception) -> None:
            if self.current is mine and not self._writing and mine.path.exists():
                self._say(f"{error} The keys stay as they were.")

        self._in_background(lambda: read_map(mine.path, self._actions, mine.id), failed, done)

    def use(self, keymap: Keymap) -> None:
        """Put a map in force and remember it."""
        if keymap != self.current:
            self._before = [*self._before[-_STEPS:], self.current]
        self._use(keymap)

    def _use(self, keymap: Keymap) -> None:
        self.current = keymap
        settings().setValue(_SETTING, keymap.id)
        self._bind()
        self.changed.emit()

    def change(self, changes: Mapping[str, tuple[str, ...] | None]) -> None:
        """Give actions other keys; None gives an action the keys of the base again.

        A shipped map stays as it is: the change makes an own one of it. Raises :class:`KeymapError` at a clash.
        """
        now = self.current if self.current.own else self._own(self.current)
        self._write(changed_keys(now, changes, self._actions))

    def reset_all(self) -> None:
        """Give every action the keys of the map that this one is based on."""
        if self.current.own:
            self._write(changed_keys(self.current, dict.fromkeys(self.current.given), self._actions))

    def take_in(self, keymap: Keymap) -> None:
        """Make a map that was read from elsewhere one of the user's own, and use it."""
        path, base = free_path(keymap.name, self._made), keymap.base or self.default
        self._made.add(f"own/{path.stem}")
        self._write(replace(keymap, id=f"own/{path.stem}", path=path, base=base))

    def remove(self) -> None:
        """Take the user's map in force away; its base is in force then. The file stays beside, with a ``~`` after its name."""
        gone = self.current
        if gone.own:
            self.use(gone.base or self.default)
            self._put_away(gone)

    def _put_away(self, gone: Keymap) -> None:
        self._made.discard(gone.id)
        self._later(lambda: set_aside(gone.path), f"{gone.path} could not be put away")

    @property
    def undoable(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._before)

    def undo(self) -> str:
        """Take the last choice or change back, on the disk too. Returns the id of a map that is gone by that, else ""."""
        if self._before:
            earlier, gone = self._before.pop(), self.current
            if earlier.own:
                if earlier.id != gone.id:
                    self._later(lambda: bring_back(earlier.path), f"{earlier.path} could not be brought back")
                self._to_disk(earlier)
            self._use(earlier)
            if gone.id in self._made and all(keymap.id != gone.id for keymap in (earlier, *self._before)):
                self._put_away(gone)
                return gone.id
        return ""

    def _own(self, shipped: Keymap) -> Keymap:
        name = "My keys" if shipped.id == "default" else f"My {shipped.name} keys"
        path = free_path(name, self._made)
        if number := re.search(r"-(\d+)$", path.stem):
            name += f" {number[1]}"
        self._made.add(f"own/{path.stem}")
        return Keymap(f"own/{path.stem}", name, path, shipped, {}, shipped.keys)

    def _write(self, keymap: Keymap) -> None:
        self.use(keymap)
        self._to_disk(keymap)

    def _to_disk(self, keymap: Keymap) -> None:
        self._writing += 1
        trouble = f"The keys are in force, but {keymap.path} could not be written"
        self._later(lambda: write_map(keymap, keymap.path), trouble, self._written, self._written)

    def _written(self) -> None:
        self._writing -= 1
        self._watch()

    def export(self, path: Path, done: Callable[[], None]) -> None:
        """Write the map in force, every action named, to a file of somebody's."""
        keymap = self.current

        self._later(lambda: write_map(keymap, path, self._actions), f"{path} could not be written", done)

    def _later(
        self, call: Callable[[], Any], trouble: str, done: Callable[[], None] | None = None,
        failed: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        def tell(error: Exception) -> None:
            if failed is not None:
                failed()
            self._say(f"{trouble}: {getattr(error, 'strerror', None) or error}.")

        self._in_background(call, tell, lambda _result: done() if done is not None else None)

"""The keys dialog: choose a key map, give an action another key, take maps in and out as files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QTreeWidgetItem,
    QVBoxLayout,
)

from app.ui import theme
from app.ui.actions.keymap import KeymapError, key_text, resolve, why_not_key
from app.ui.actions.keymaps import SHIPPED, Keymap, find_map, own_maps, read_map
from app.ui.actions.spec import Action
from app.ui.dialogs.action_tree import ActionTree
from app.ui.dialogs.key_field import KeyField
from app.ui.dialogs.shortcut_sheet import group_of
from app.ui.threads.worker import Worker

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["KeysDialog"]

_ACTION = Qt.ItemDataRole.UserRole
_TITLES = {"default": "Default", "sleap": "SLEAP", "cvat": "CVAT", "labelme": "labelme"}


class KeysDialog(QDialog):
    """What is chosen or pressed is in force at once, written, and can be taken back with Undo.

    Args:
        window: whose keys these are.
        actions: all of them.
    """

    def __init__(self, window: MainWindow, actions: Sequence[Action]) -> None:
        super().__init__(window)
        self._window, self._map = window, window.keymap
        self._actions = {action.id: action for action in actions}
        self._clash: tuple[str, str, Action] | None = None  # action, key, who has it
        self.setWindowTitle("Keys")
        self.resize(720, 680)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(theme.GRID)
        column.addLayout(self._map_row())
        self.tree = ActionTree(("Action", "Keys", "Without changes"), self)
        self.search = self.tree.search
        column.addWidget(self.search)
        self.tree.setUniformRowHeights(True)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.currentItemChanged.connect(lambda *_: self._show_action())
        self.tree.itemActivated.connect(lambda *_: self.field.setFocus())
        column.addWidget(self.tree, 1)
        column.addLayout(self._action_row())
        self.note = QLabel(" ", self)
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setMinimumHeight(2 * self.fontMetrics().height())
        self.note.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.take = self._flat("Take it from there", self._take)
        self.take.hide()
        words = QHBoxLayout()
        words.setSpacing(theme.GRID)
        words.addWidget(self.note, 1)
        words.addWidget(self.take, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(words)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        self.undo = QPushButton("Undo", self)
        self.reset_all = QPushButton("Reset all", self)
        for button, call in ((self.undo, self._undo), (self.reset_all, self._reset_all)):
            button.clicked.connect(call)
            buttons.addButton(button, QDialogButtonBox.ButtonRole.ActionRole)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)
        column.addWidget(buttons)
        self._rows: dict[str, QTreeWidgetItem] = {}
        self._make_rows()
        self._names: dict[str, str | None] = {}  # own maps by id; None: it can't be used
        self._map.changed.connect(self._refresh)
        self._look()
        self._refresh()
        if self._map.problem:
            self._say(self._map.problem, error=True)
        self.search.setFocus()

    # ---- parts ---------------------------------------------------------------------------------------------------------

    def _flat(self, text: str, call: Callable[[], None]) -> QPushButton:
        button = QPushButton(text, self)
        theme.set_role(button, "flat")
        button.clicked.connect(call)
        return button

    def _map_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(theme.GRID)
        label = QLabel("Key map", self)
        self.maps = QComboBox(self)
        self.maps.setAccessibleName("Key map")
        self.maps.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.maps.setMinimumContentsLength(24)
        self.maps.activated.connect(lambda i: self._choose(str(self.maps.itemData(i))))
        label.setBuddy(self.maps)
        self.take_in, self.export, self.remove = (
            self._flat("Import…", self._ask_import), self._flat("Export…", self._ask_export), self._flat("Remove", self._remove)
        )  # fmt: skip
        row.addWidget(label)
        row.addWidget(self.maps, 1)
        for button in (self.take_in, self.export, self.remove):
            row.addWidget(button)
        return row

    def _action_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(theme.GRID)
        self.title = QLabel(" ", self)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.chips = QHBoxLayout()
        self.chips.setSpacing(theme.GRID // 2)
        self.field = KeyField(self)
        self.field.setFixedWidth(self.fontMetrics().horizontalAdvance("Press the new key now, Esc for none") + 24)
        self.field.pressed.connect(self._pressed)
        self.field.only_modifiers.connect(lambda key: self._say(why_not_key(key, ""), error=True))
        self.field.left.connect(self.tree.setFocus)
        self.reset = self._flat("Reset", self._reset)
        row.addWidget(self.title)
        row.addLayout(self.chips)
        row.addStretch(1)
        row.addWidget(self.field)
        row.addWidget(self.reset)
        return row

    def _make_rows(self) -> None:
        for action in self._actions.values():
            row = self.tree.add_row(group_of(action), [action.title.rstrip("…")], action.tip or action.title)
            row.setData(0, _ACTION, action.id)
            self._rows[action.id] = row
        self.tree.expandAll()

    # ---- what is shown -------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Find the user's own maps, and what is wrong with those that can't be used, beside the window's thread."""
        actions = tuple(self._actions.values())

        def found(_progress: Any) -> dict[str, str | None]:
            names: dict[str, str | None] = {}
            for id in own_maps():
                try:
                    names[id] = find_map(id, actions).name
                except KeymapError:
                    names[id] = None
            return names

        def take(names: dict[str, str | None]) -> None:
            self._names.update(names)
            self._fill_maps()

        worker = Worker(found, self)
        worker.done.connect(take)

    def _fill_maps(self) -> None:
        now = self._map.current
        if now.own:
            self._names[now.id] = now.name
        names: dict[str, str | None] = {**_TITLES, **self._names}
        self.maps.blockSignals(True)
        self.maps.clear()
        for id in (*SHIPPED, *sorted(id for id in names if id not in SHIPPED)):
            name = names[id]
            self.maps.addItem(f"{id.removeprefix('own/')} (can't be used)" if name is None else name, id)
        self.maps.setCurrentIndex(self.maps.findData(now.id))
        self.maps.blockSignals(False)

    def _refresh(self) -> None:
        """Show the map in force."""
        now = self._map.current
        self._fill_maps()
        self.maps.setToolTip(str(now.path))
        base = now.base if now.own else None
        for id, row in self._rows.items():
            keys = now.keys.get(id, ())
            was = keys if base is None else base.keys.get(id, ())
            row.setText(1, _texts(keys))
            row.setText(2, "" if keys == was else _texts(was) or "none")
            font = row.font(1)
            font.setBold(keys != was)
            row.setFont(1, font)
        self.tree.headerItem().setText(2, f"In {base.name}" if base is not None else "")  # type: ignore[union-attr]
        self._fit_columns()
        self.tree.setColumnHidden(2, base is None)
        self.remove.setEnabled(now.own)
        self.reset_all.setEnabled(now.own and bool(now.given))
        self.undo.setEnabled(self._map.undoable)
        self.tree.refilter()
        self._show_action()

    def _fit_columns(self) -> None:
        """Room for the longest keys of all rows, shown or not: the columns must not jump while one searches."""
        font = self.tree.font()
        font.setBold(True)
        metrics, head = QFontMetrics(font), self.tree.headerItem()
        for column in (1, 2):
            texts = [row.text(column) for row in self._rows.values()] + [head.text(column)]  # type: ignore[union-attr]
            self.tree.header().resizeSection(column, max(map(metrics.horizontalAdvance, texts)) + 3 * theme.GRID)

    @property
    def action(self) -> Action | None:
        """The action whose row is chosen."""
        row = self.tree.currentItem()
        return None if row is None else self._actions.get(row.data(0, _ACTION))

    def choose_action(self, id: str) -> None:
        """Choose an action's row."""
        self.tree.setCurrentItem(self._rows[id])
        self.tree.scrollToItem(self._rows[id], QAbstractItemView.ScrollHint.PositionAtCenter)

    def _show_action(self) -> None:
        action = self.action
        self._drop_clash()
        while (item := self.chips.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for widget in (self.field, self.reset):
            widget.setEnabled(action is not None)
        self.title.setText("Choose an action above to change its keys." if action is None else f"{action.title.rstrip('…')}:")
        if action is None:
            return
        now = self._map.current
        for key in now.keys.get(action.id, ()):
            chip = QToolButton(self)
            chip.setText(key_text(key))
            chip.setIcon(theme.icon("close"))
            chip.setIconSize(QSize(12, 12))
            theme.set_role(chip, "chip")
            chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            chip.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the cross after the key
            chip.setToolTip(f"Take {key_text(key)} away")
            chip.setAccessibleName(f"Take {key_text(key)} away")
            chip.clicked.connect(lambda _checked=False, key=key: self._drop(key))
            self.chips.addWidget(chip)
            chip.show()  # at once: a layout shows what is added later on
        base = now.base if now.own else None
        self.reset.setEnabled(base is not None and base.keys.get(action.id, ()) != now.keys.get(action.id, ()))

    def _say(self, text: str, error: bool = False) -> None:
        theme.set_role(self.note, "error" if error else "muted")
        self.note.setText(text or " ")

    def _drop_clash(self) -> None:
        self._clash = None
        self.take.hide()
        self._say("")

    # ---- what is done --------------------------------------------------------------------------------------------------

    def _pressed(self, key: str) -> None:
        """Give the chosen action a key, before those it has; a clash is refused with the reason."""
        action = self.action
        if action is None:
            return
        self._drop_clash()
        keys = self._map.current.keys
        if reason := why_not_key(key, action.id):
            self._say(reason, error=True)
            return
        if key in keys.get(action.id, ()):
            self._say(f"{key_text(key)} does that already.")
            return
        others = [a for a in self._actions.values() if a.id != action.id and key in keys.get(a.id, ())]
        same = [other for other in others if other.scope == action.scope]
        if same:
            self._clash = (action.id, key, same[0])
            self.take.show()
            where = group_of(same[0])
            self._say(f"{key_text(key)} belongs to “{same[0].title.rstrip('…')}” ({where}): press another key.", error=True)
            return
        self._change({action.id: (key, *keys.get(action.id, ()))}, self._also(key, action, others))

    def _also(self, key: str, action: Action, others: list[Action]) -> str:
        """What is said once a key was given; where it means something else too, when which is meant."""
        done = f"{key_text(key)}: “{action.title.rstrip('…')}”."
        if others:
            order = resolve((action, *others), {a.id: (key,) for a in (action, *others)})[key]
            names = ", else ".join(f"“{a.title.rstrip('…')}”" for a in order)
            done += f" The key has several meanings; the first that is possible counts: {names}."
        return done

    def _take(self) -> None:
        """The key that was refused, taken from the action that has it."""
        if self._clash is None:
            return
        id, key, other = self._clash
        keys = self._map.current.keys
        left = tuple(name for name in keys.get(other.id, ()) if name != key)
        said = f"{key_text(key)}: “{self._actions[id].title.rstrip('…')}”. “{other.title.rstrip('…')}” "
        said += f"still has {_texts(left)}." if left else "has no key now."
        self._change({id: (key, *keys.get(id, ())), other.id: left}, said)

    def _drop(self, key: str) -> None:
        action = self.action
        if action is not None:
            left = tuple(name for name in self._map.current.keys.get(action.id, ()) if name != key)
            self._change({action.id: left}, f"{key_text(key)} does nothing of the kind any more.")

    def _reset(self) -> None:
        action, base = self.action, self._map.current.base
        if action is None or base is None:
            return
        # Its old keys may belong to others meanwhile: these are asked about like any other.
        wanted = base.keys.get(action.id, ())
        keys = self._map.current.keys
        for key in wanted:
            for other in self._actions.values():
                if other.id != action.id and other.scope == action.scope and key in keys.get(other.id, ()):
                    self._clash = (action.id, key, other)
                    self.take.show()
                    self._say(f"{key_text(key)} belongs to “{other.title.rstrip('…')}” now.", error=True)
                    return
        self._change({action.id: None}, f"“{action.title.rstrip('…')}” has the keys of {base.name} again.")

    def _change(self, changes: dict[str, tuple[str, ...] | None], said: str) -> None:
        try:
            self._map.change(changes)
        except KeymapError as error:
            self._say(str(error), error=True)
            return
        self._say(said)

    def _reset_all(self) -> None:
        self._map.reset_all()
        base = self._map.current.base
        self._say(f"All keys are those of {base.name} again." if base is not None else "")

    def _undo(self) -> None:
        self._names.pop(self._map.undo(), None)
        self._fill_maps()
        self._say("Taken back.")

    def _remove(self) -> None:
        gone = self._map.current
        self._names.pop(gone.id, None)
        self._map.remove()
        self._say(f"{gone.name} is gone; Undo brings it back.")

    # ---- maps ----------------------------------------------------------------------------------------------------------

    def _choose(self, id: str) -> None:
        if id != self._map.current.id:
            self._read(lambda: find_map(id, tuple(self._actions.values())), self._map.use)

    def _read(self, read: Callable[[], Keymap], use: Callable[[Keymap], None]) -> None:
        """Read a map beside the window's thread and use it; where it can't be used, say why and stay with the one in force."""

        def take(keymap: Keymap) -> None:
            use(keymap)
            lost = " ".join(keymap.lost[:3]) + (f" And {len(keymap.lost) - 3} more." if len(keymap.lost) > 3 else "")
            self._say(f"The keys are those of {keymap.name}. {lost}".strip())

        def refuse(sentence: str) -> None:
            self._fill_maps()
            self._say(sentence, error=True)

        worker = Worker(lambda _progress: read(), self)
        worker.done.connect(take)
        worker.failed.connect(refuse)

    def _ask_import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Import a key map", str(Path.home()), "Key maps (*.toml);;All files (*)")
        if path:
            self.import_from(Path(path))

    def import_from(self, path: Path) -> None:
        """Make a file's map one of the user's own and use it, if it can be used; else say why and change nothing."""
        self._read(lambda: read_map(path, tuple(self._actions.values())), self._map.take_in)

    def _ask_export(self) -> None:
        start = str(Path.home() / f"{self._map.current.id.removeprefix('own/')}-keys.toml")
        path, _ = QFileDialog.getSaveFileName(self, "Export the key map", start, "Key maps (*.toml)")
        if path:
            self.export_to(Path(path))

    def export_to(self, path: Path) -> None:
        """Write the map in force, every action named, to a file."""
        self._map.export(path, lambda: self._say(f"Written to {path}."))


def _texts(keys: Sequence[str]) -> str:
    return ",  ".join(key_text(key) for key in keys)


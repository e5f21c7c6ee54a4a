"""The command palette: every action by a few letters of its name, with its menu, its key, and why it can't be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
)

from app.ui import theme
from app.ui.actions.fuzzy import Wanted, ranked
from app.ui.actions.in_force import keys_text
from app.ui.actions.spec import Action
from app.ui.settings import settings

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["Entry", "Palette"]

_RECENT, _MOST_RECENT = "palette/recent", 12
#: Points by which what was done lately comes before what fits as well.
_RECENT_BONUS = 4
_WIDTH, _ROWS = 620, 9
_ENTRY = Qt.ItemDataRole.UserRole
_MOVES = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Entry:
    """One line. ``reason`` is "" when the action can be used; ``places`` are the letters of the title that were found."""

    action: Action
    title: str
    menu: str
    keys: str
    reason: str
    recent: bool = False
    places: tuple[int, ...] = ()


class _Entries(QAbstractListModel):
    """The lines that fit what was typed, best first."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.shown: list[Entry] = []

    def show_entries(self, entries: list[Entry]) -> None:
        self.beginResetModel()
        self.shown = entries
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.shown)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        entry = self.shown[index.row()]
        if role == _ENTRY:
            return entry
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.title
        if role == Qt.ItemDataRole.AccessibleTextRole:  # what a screen reader says of the line
            return ", ".join(part for part in (entry.title, entry.menu, entry.keys, entry.reason) if part)
        if role == Qt.ItemDataRole.ToolTipRole:
            return entry.reason or entry.action.tip or None
        return None


class _Line(QStyledItemDelegate):
    """Draws a line: title with the letters that were found, menu or reason below it, key at the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(200, 2 * QFontMetrics(option.font).height() + theme.GRID + 2)  # type: ignore[attr-defined]

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        entry: Entry = index.data(_ENTRY)
        c = theme.colors()
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)  # type: ignore[attr-defined]
        room: QRect = option.rect  # type: ignore[attr-defined]
        font: QFont = option.font  # type: ignore[attr-defined]
        bright = chosen and not entry.reason  # a line that can't be used is grey when chosen, too
        muted = c.on_accent if bright else c.muted
        grey = c.muted if chosen else _between(c.muted, c.disabled)
        text = c.on_accent if bright else grey if entry.reason else c.text
        painter.save()
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(c.accent if bright else c.line))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.drawRoundedRect(room.adjusted(2, 1, -2, -1), 4, 4)
        inner = room.adjusted(12, theme.GRID // 2, -12, -theme.GRID // 2)
        height = QFontMetrics(font).height()
        keys = QFontMetrics(font).horizontalAdvance(entry.keys)
        painter.setFont(font)
        painter.setPen(QColor(text if entry.reason else muted))
        painter.drawText(QRect(inner.right() - keys, inner.top(), keys + 1, height), Qt.AlignmentFlag.AlignRight, entry.keys)
        painter.setPen(QColor(text))
        self._title(painter, QRect(inner.left(), inner.top(), inner.width() - keys - 16, height), font, entry)
        small = QFont(font)
        small.setPointSizeF(font.pointSizeF() * 0.9) if font.pointSizeF() > 0 else small.setPixelSize(font.pixelSize() - 1)
        painter.setFont(small)
        painter.setPen(QColor(muted))
        below = "   ".join(part for part in ("recent" if entry.recent else "", entry.reason, entry.menu) if part)
        line = QRect(inner.left(), inner.top() + height + 1, inner.width(), height)
        elided = QFontMetrics(small).elidedText(below, Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, elided)
        painter.restore()

    @staticmethod
    def _title(painter: QPainter, room: QRect, font: QFont, entry: Entry) -> None:
        """The title, the letters that were typed in bold; cut with an ellipsis where it is longer than the room."""
        bold = QFont(font)
        bold.setBold(True)
        metrics = {False: QFontMetrics(font), True: QFontMetrics(bold)}
        runs: list[tuple[bool, str]] = []
        for i, letter in enumerate(entry.title):
            found = i in entry.places
            if runs and runs[-1][0] == found:
                runs[-1] = (found, runs[-1][1] + letter)
            else:
                runs.append((found, letter))
        x = room.left()
        for found, run in runs:
            left = room.right() - x
            text = metrics[found].elidedText(run, Qt.TextElideMode.ElideRight, left)
            painter.setFont(bold if found else font)
            painter.drawText(QRect(x, room.top(), left + 1, room.height()), Qt.AlignmentFlag.AlignLeft, text)
            x += metrics[found].horizontalAdvance(run)
            if x >= room.right():
                return


class Palette(QDialog):
    """Type to find, Up and Down to choose, Enter to do it, Esc or a click elsewhere to leave.

    What can't be used now is grey and says why; Enter on it says so again and stays. What was done last comes first.

    Args:
        window: whose actions these are.
        actions: all of them.
    """

    def __init__(self, window: MainWindow, actions: Sequence[Action]) -> None:
        super().__init__(window, Qt.WindowType.Dialog | Qt.WindowType.FramelessWindowHint)
        self._window = window
        self.setWindowTitle("Find an action")
        self.setObjectName("palette")
        self.line = QLineEdit(self)
        self.line.setPlaceholderText("Find an action, a menu or a key")
        self.line.setAccessibleName("Find an action")
        self.line.setClearButtonEnabled(True)
        self.line.textChanged.connect(self._find)
        self.line.installEventFilter(self)
        self.list = QListView(self)
        self.list.setAccessibleName("Actions")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setItemDelegate(_Line(self.list))
        self.model = _Entries(self)
        self.list.setModel(self.model)
        self.list.clicked.connect(lambda _index: self._run())
        self.nothing = QLabel("", self)
        self.nothing.setWordWrap(True)
        theme.set_role(self.nothing, "muted")
        frame = QFrame(self)
        frame.setObjectName("paletteFrame")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(frame)
        column = QVBoxLayout(frame)
        column.setContentsMargins(theme.GRID, theme.GRID, theme.GRID, theme.GRID)
        column.setSpacing(theme.GRID)
        column.addWidget(self.line)
        column.addWidget(self.list, 1)
        column.addWidget(self.nothing)
        theme.theme().changed.connect(self._style)
        self._style()
        self._recent = _recent()
        self._all = self._entries(actions)
        self._find("")
        self._place()
        self.line.setFocus()

    # ---- what there is -------------------------------------------------------------------------------------------------

    def _entries(self, actions: Sequence[Action]) -> list[Entry]:
        """All actions as they stand at this moment; those done last first, then in the order of the table."""
        window = self._window
        made = [
            Entry(
                action,
                (action.dynamic_title(window) if action.dynamic_title else action.title),
                action.menu.replace("/", " ▸ "),
                keys_text(action.id, ",  "),
                action.why_not(window),
                action.id in self._recent,
            )
            for action in actions
            if action.id != "help.palette"
        ]
        place = {id: n for n, id in enumerate(self._recent)}
        return sorted(made, key=lambda entry: place.get(entry.action.id, len(place)))

    def _find(self, typed: str) -> None:
        """Show what fits, best first."""
        if not typed.strip():
            shown = self._all
        else:
            among = (
                Wanted(e.title, (e.menu, e.keys, e.action.tip), _RECENT_BONUS * e.recent, bool(e.reason)) for e in self._all
            )
            shown = [replace(self._all[n], places=found.places) for n, found in ranked(typed, among)]
        self.model.show_entries(shown)
        self.list.setVisible(bool(shown))
        self.nothing.setVisible(not shown)
        self.nothing.setText(f"No action is called anything like “{typed.strip()}”.")
        if shown:
            self._choose(0)

    # ---- keys ----------------------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Up, Down and pages move in the list while one types; Enter does it."""
        if watched is self.line and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            key = event.key()
            if key in _MOVES:
                step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: 1 - _ROWS, Qt.Key.Key_PageDown: _ROWS - 1}
                self._move(step[Qt.Key(key)], wraps=key in (Qt.Key.Key_Up, Qt.Key.Key_Down))
                return True
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._run()
                return True
        return super().eventFilter(watched, event)

    def _move(self, step: int, wraps: bool) -> None:
        n = self.model.rowCount()
        if n:
            to = self.list.currentIndex().row() + step
            self._choose(to % n if wraps else min(max(to, 0), n - 1))

    def _choose(self, row: int) -> None:
        self.list.setCurrentIndex(self.model.index(row, 0))

    def _run(self) -> None:
        entry = self.list.currentIndex().data(_ENTRY)
        if entry is None:
            return
        if reason := entry.action.why_not(self._window):
            self._window.hint(reason)
            self.line.selectAll()
            return
        _remember(entry.action.id)
        self.close()
        self._window.activateWindow()
        self._window.run_action(entry.action)

    # ---- looks ---------------------------------------------------------------------------------------------------------

    def _place(self) -> None:
        """At the top of the window, in the middle, no larger than the window."""
        window, row = self._window, self.list.sizeHintForRow(0)
        width = min(_WIDTH, window.width() - 4 * theme.GRID)
        height = self.line.sizeHint().height() + _ROWS * row + 3 * theme.GRID + 2
        top = window.menuBar().height() + theme.GRID
        height = min(height, window.height() - top - 2 * theme.GRID)
        self.setFixedSize(width, height)
        self.move(window.mapToGlobal(QRect(0, 0, window.width(), 0).topLeft()).x() + (window.width() - width) // 2,
                  window.mapToGlobal(QRect().topLeft()).y() + top)  # fmt: skip

    def _style(self) -> None:
        c = theme.colors()
        self.setStyleSheet(
            f"#paletteFrame {{ background: {c.raised}; border: 1px solid {c.muted}; border-radius: 6px; }}"
            f"QListView {{ background: {c.raised}; border: none; outline: none; }}"
        )
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, QColor(c.raised))
        self.setPalette(palette)

    def changeEvent(self, event: QEvent) -> None:
        """A click elsewhere, or another window: go away."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isVisible() and not self.isActiveWindow():
            self.close()


def _between(one: str, other: str) -> str:
    """The colour half way: greyer than what can be used, and still easy to read."""
    a, b = QColor(one), QColor(other)
    return QColor((a.red() + b.red()) // 2, (a.green() + b.green()) // 2, (a.blue() + b.blue()) // 2).name()


def _recent() -> tuple[str, ...]:
    stored: Any = settings().value(_RECENT, [])
    return (stored,) if isinstance(stored, str) else tuple(stored or ())


def _remember(id: str) -> None:
    settings().setValue(_RECENT, [id, *(other for other in _recent() if other != id)][:_MOST_RECENT])

"""From a key press to an action: one Qt shortcut a key, the first usable meaning runs, held keys repeat ever faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QKeyCombination, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QTabBar,
    QTextEdit,
)  # fmt: skip

from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["HeldKey", "KeyBindings", "belongs_to_widget"]


class HeldKey(QObject):
    """Repeats a call while a key is held: exactly once at first, then after a pause at 180, 100 and 40 ms.

    The keyboard's own repeat is not used: its delay and rate differ from desk to desk, and one tap must be one frame.
    """

    FIRST_MS = 400
    SLOW_MS, MEDIUM_MS, FAST_MS = 180, 100, 40

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._call: Callable[[], object] | None = None
        self._key = 0
        self._count = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._again)
        app = QApplication.instance()
        assert app is not None
        app.installEventFilter(self)

    def begin(self, key: int, call: Callable[[], object]) -> None:
        """Call once now, and again while ``key`` (a ``Qt.Key`` number) stays down."""
        self._key, self._call, self._count = key, call, 0
        call()
        self._timer.start(self.FIRST_MS)

    def end(self) -> None:
        """Stop repeating."""
        self._timer.stop()
        self._call = None

    def _again(self) -> None:
        if self._call is None:
            return
        self._call()
        self._count += 1
        self._timer.start(self.SLOW_MS if self._count < 4 else self.MEDIUM_MS if self._count < 12 else self.FAST_MS)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See the key go up, or the window lose the keyboard."""
        kind = event.type()
        if kind == QEvent.Type.KeyRelease:
            if isinstance(event, QKeyEvent) and not event.isAutoRepeat() and event.key() == self._key:
                self.end()
        elif kind in (QEvent.Type.ApplicationDeactivate, QEvent.Type.WindowDeactivate):
            self.end()
        return False


_FIELDS = (QLineEdit, QAbstractSpinBox, QTextEdit, QPlainTextEdit)
#: What AltGr looks like on Windows.
_ALT_GR = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
_STRONG = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier


def belongs_to_widget(widget: QObject, event: QKeyEvent) -> bool:
    """Whether a key is for the widget that has the keyboard rather than for an action.

    While one types into a field all plain keys are the field's; a focused button keeps Space, Return and Tab, a list and an
    area that scrolls Up and Down.
    """
    field = isinstance(widget, _FIELDS)
    writes = field and event.modifiers() & _ALT_GR == _ALT_GR and event.text().isprintable() and event.text() != ""
    if event.modifiers() & _STRONG and not writes:
        return False
    key = event.key()
    if field:
        return not Qt.Key.Key_F1 <= key <= Qt.Key.Key_F35
    if isinstance(widget, QAbstractButton | QComboBox | QTabBar):
        return key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Backtab) or (
            isinstance(widget, QComboBox) and key in (Qt.Key.Key_Up, Qt.Key.Key_Down)
        )
    return isinstance(widget, QAbstractItemView | QScrollArea) and key in (Qt.Key.Key_Up, Qt.Key.Key_Down)


class KeyBindings(QObject):
    """The window's keys. ``rebind`` replaces them all."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._held = HeldKey(self)
        self._shortcuts: list[QShortcut] = []
        self._meanings: dict[str, list[Action]] = {}
        app = QApplication.instance()
        assert app is not None
        app.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leave keys to the field one types in; Esc there gives the keyboard back to the picture."""
        if not isinstance(event, QKeyEvent):
            return False
        kind = event.type()
        if kind == QEvent.Type.ShortcutOverride and belongs_to_widget(watched, event):
            event.accept()
            return True
        leaves = kind == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape and isinstance(watched, _FIELDS)
        if leaves and watched.window() is self._window:  # type: ignore[attr-defined]
            self._window.canvas.setFocus()
            return True
        return False

    def rebind(self, meanings: dict[str, list[Action]]) -> None:
        """Bind keys to actions as :func:`app.ui.actions.keymap.resolve` orders them."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts = []
        self._meanings = meanings
        for key in meanings:
            shortcut = QShortcut(QKeySequence(key), self._window)
            shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(lambda key=key: self.press(key))
            self._shortcuts.append(shortcut)

    def run(self, action: Action) -> None:
        """Do what was chosen by name; where it can't be done, say why in the status bar."""
        if reason := action.why_not(self._window):
            self._window.hint(reason)
        else:
            action.run(self._window)

    def press(self, key: str) -> None:
        """Run what a key means now; where nothing can run, say why in the status bar."""
        reason = ""
        for action in self._meanings.get(key, ()):
            reason = action.why_not(self._window)
            if not reason:
                self._run(key, action)
                return
        if reason:
            self._window.hint(reason)

    def _run(self, key: str, action: Action) -> None:
        def call() -> None:
            if not action.why_not(self._window):
                action.run(self._window)

        if action.held:
            self._held.begin(_code(key), call)
        else:
            call()


def _code(key: str) -> int:
    """The ``Qt.Key`` number of a key in Qt's portable spelling, without its modifiers."""
    return int(QKeyCombination.fromCombined(QKeySequence(key)[0].toCombined()).key())  # type: ignore[index]

"""From a key press to an action: one Qt shortcut a key, the first usable meaning runs, held keys repeat ever faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication

from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["HeldKey", "KeyBindings"]


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
            if self._call is not None and isinstance(event, QKeyEvent) and not event.isAutoRepeat() and event.key() == self._key:
                self.end()
        elif kind in (QEvent.Type.ApplicationDeactivate, QEvent.Type.WindowDeactivate):
            self.end()
        return False


class KeyBindings(QObject):
    """The window's keys. ``rebind`` replaces them all."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._held = HeldKey(self)
        self._shortcuts: list[QShortcut] = []
        self._meanings: dict[str, list[Action]] = {}

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
            code = QKeySequence(key)[0].key()
            self._held.begin(int(code), call)
        else:
            call()

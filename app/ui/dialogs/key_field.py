"""A field that takes the next key pressed, whatever it is, instead of acting on it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QKeyCombination, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QLineEdit, QWidget

__all__ = ["KeyField", "key_of"]

_MODIFIERS = {
    Qt.Key.Key_Shift: "Shift", Qt.Key.Key_Control: "Ctrl", Qt.Key.Key_Alt: "Alt", Qt.Key.Key_Meta: "Meta",
    Qt.Key.Key_AltGr: "AltGr", Qt.Key.Key_Super_L: "Meta", Qt.Key.Key_Super_R: "Meta", Qt.Key.Key_CapsLock: "CapsLock",
    Qt.Key.Key_NumLock: "NumLock", Qt.Key.Key_ScrollLock: "ScrollLock", Qt.Key.Key_Hyper_L: "Meta", Qt.Key.Key_Hyper_R: "Meta",
}  # fmt: skip
_HELD = (
    (Qt.KeyboardModifier.ControlModifier, "Ctrl+"), (Qt.KeyboardModifier.AltModifier, "Alt+"),
    (Qt.KeyboardModifier.ShiftModifier, "Shift+"), (Qt.KeyboardModifier.MetaModifier, "Meta+"),
)  # fmt: skip


def key_of(event: QKeyEvent) -> str:
    """The key of an event as a key map spells it, "" for one that Qt doesn't know.

    Shift is left out where it made the sign (``?`` and not ``Shift+?``): where it lies differs from keyboard to keyboard. The
    number pad's keys are those of the other keyboard.
    """
    code, held = event.key(), event.modifiers()
    if code in (0, Qt.Key.Key_unknown):
        return ""
    if code == Qt.Key.Key_Backtab:
        code, held = Qt.Key.Key_Tab, held | Qt.KeyboardModifier.ShiftModifier
    held &= ~(Qt.KeyboardModifier.KeypadModifier | Qt.KeyboardModifier.GroupSwitchModifier)
    sign = chr(code) if 0x20 < code < Qt.Key.Key_Escape else ""
    if sign and not sign.isalnum():
        held &= ~Qt.KeyboardModifier.ShiftModifier
    sequence = QKeySequence(QKeyCombination(held, Qt.Key(code)))
    return sequence.toString(QKeySequence.SequenceFormat.PortableText)


class KeyField(QLineEdit):
    """Press a key in it: ``pressed(key)`` in Qt's portable spelling. Esc and leaving it mean nothing was wanted.

    Tab is a key like any other here; the mouse, or Esc and then Tab, lead out.
    """

    pressed = Signal(str)
    only_modifiers = Signal(str)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setPlaceholderText("Press a key")
        self.setAccessibleName("New key")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self._alone = ""

    def event(self, event: QEvent) -> bool:
        """Take keys before anybody else does: shortcuts, the way from field to field, the field's own editing."""
        kind = event.type()
        if kind == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        if kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            self._down(event)
            return True
        if kind == QEvent.Type.KeyRelease and isinstance(event, QKeyEvent):
            self._up(event)
            return True
        return super().event(event)

    def _down(self, event: QKeyEvent) -> None:
        if event.isAutoRepeat():
            return
        code = Qt.Key(event.key()) if event.key() in list(_MODIFIERS) else None
        if code is not None:
            self._alone = _MODIFIERS[code]
            held = "".join(word for flag, word in _HELD if event.modifiers() & flag)
            own = f"{_MODIFIERS[code]}+"
            self.setText(f"{held if own in held else held + own}…")
            return
        self._alone = ""
        self.clear()
        if event.key() == Qt.Key.Key_Escape and not event.modifiers():
            self.left.emit()
        elif key := key_of(event):
            self.pressed.emit(key)

    def _up(self, event: QKeyEvent) -> None:
        if self._alone and not event.isAutoRepeat() and event.key() in list(_MODIFIERS):
            alone, self._alone = self._alone, ""
            self.clear()
            self.only_modifiers.emit(alone)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Say that it listens."""
        super().focusInEvent(event)
        self.setPlaceholderText("Press the new key now, Esc for none")

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """It listens no more."""
        super().focusOutEvent(event)
        self._alone = ""
        self.clear()
        self.setPlaceholderText("Press a key")

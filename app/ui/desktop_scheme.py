"""Light or dark, asked of the desktop's portal.

Qt asks, too. But with GTK 3 (what it takes on GNOME and Xfce; seen in Qt 6.11) it begins with the look that GTK's own theme
has, and hears of the portal only at the next change: on a dark desktop the window came up light.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from PySide6.QtCore import SLOT, QObject, Qt, Signal, Slot
from PySide6.QtDBus import QDBus, QDBusConnection, QDBusMessage, QDBusPendingCallWatcher, QDBusVariant
from PySide6.QtGui import QGuiApplication

__all__ = ["DesktopScheme"]

# org.freedesktop.portal.Settings of the XDG Desktop Portal.
_SERVICE, _PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
_INTERFACE = "org.freedesktop.portal.Settings"
_NAMESPACE, _KEY = "org.freedesktop.appearance", "color-scheme"
_SCHEMES = {1: Qt.ColorScheme.Dark, 2: Qt.ColorScheme.Light}
#: Milliseconds that the first window waits for the answer, so that it need not change its look at once.
_PATIENCE = 150


class DesktopScheme(QObject):
    """What the desktop wants, followed as it changes.

    Attributes:
        scheme: dark or light; unknown where the desktop has no wish, or there is no portal to ask (other systems than Linux,
            no session bus, no screen).
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.scheme = Qt.ColorScheme.Unknown
        if not _has_bus():
            return
        self._bus = bus = QDBusConnection.sessionBus()
        slot: Any = SLOT("_setting(QString,QString,QDBusVariant)")  # said to be a str, wanted as bytes, taken as it is
        bus.connect(_SERVICE, _PATH, _INTERFACE, "SettingChanged", self, slot)
        question = QDBusMessage.createMethodCall(_SERVICE, _PATH, _INTERFACE, "Read")
        question.setArguments([_NAMESPACE, _KEY])
        answer = bus.call(question, QDBus.CallMode.Block, _PATIENCE)
        if answer.type() == QDBusMessage.MessageType.ReplyMessage:
            self.scheme = _scheme(answer.arguments())
        elif answer.errorName().endswith(("NoReply", "Timeout", "TimedOut")):  # a portal that is only just being started
            self._watcher = QDBusPendingCallWatcher(bus.asyncCall(question), self)
            self._watcher.finished.connect(self._answered)

    @Slot(QDBusPendingCallWatcher)
    def _answered(self, watcher: QDBusPendingCallWatcher) -> None:
        if not watcher.isError():
            self._take(_scheme(watcher.reply().arguments()))

    @Slot(str, str, QDBusVariant)
    def _setting(self, namespace: str, key: str, value: QDBusVariant) -> None:
        if (namespace, key) == (_NAMESPACE, _KEY):
            self._take(_scheme([value]))

    def _take(self, scheme: Qt.ColorScheme) -> None:
        if scheme != self.scheme:
            self.scheme = scheme
            self.changed.emit()


def _has_bus() -> bool:
    """Whether there is a desktop with a session bus that runs; none is started for the question."""
    if QGuiApplication.platformName() not in ("xcb", "wayland"):
        return False
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    there = "DBUS_SESSION_BUS_ADDRESS" in os.environ or (runtime is not None and (Path(runtime) / "bus").exists())
    return there and QDBusConnection.sessionBus().isConnected()


def _scheme(arguments: list[Any]) -> Qt.ColorScheme:
    """The scheme in an answer: a number in one variant or two, as older and newer portals have it."""
    value = arguments[0] if arguments else None
    while isinstance(value, QDBusVariant):
        value = value.variant()
    return _SCHEMES.get(value, Qt.ColorScheme.Unknown) if isinstance(value, int) else Qt.ColorScheme.Unknown

"""Light or dark as a desktop's portal says: at the start, late, and while it changes. The bus is real, the portal is played."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

_PORTAL = """
import os, sys, time
from PySide6.QtCore import ClassInfo, QCoreApplication, QObject, QSocketNotifier, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusVariant

name, path, interface = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop", "org.freedesktop.portal.Settings"
app, bus, now = QCoreApplication([]), QDBusConnection.sessionBus(), [1]

@ClassInfo({"D-Bus Interface": interface})
class Settings(QObject):
    @Slot(str, str, result=QDBusVariant)
    def Read(self, namespace, key):
        time.sleep(float(sys.argv[1]))
        return QDBusVariant(now[0] if (namespace, key) == ("org.freedesktop.appearance", "color-scheme") else 0)

def told():
    lines = os.read(0, 4096).decode().splitlines()
    if not lines:
        app.quit()
    for line in lines:
        namespace, key, value = line.split()
        signal = QDBusMessage.createSignal(path, interface, "SettingChanged")
        signal.setArguments([namespace, key, QDBusVariant(int(value))])
        bus.send(signal)

settings, notifier = Settings(), QSocketNotifier(0, QSocketNotifier.Type.Read)
notifier.activated.connect(told)
assert bus.registerObject(path, settings, QDBusConnection.RegisterOption.ExportAllSlots) and bus.registerService(name)
print("up", flush=True)
app.exec()
"""

_PROGRAM = """
import subprocess, sys, time
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget
from app.ui import theme

delay, portal = sys.argv[1], sys.argv[2]
play = subprocess.Popen([sys.executable, "-c", portal, delay], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
assert play.stdout.readline() == "up\\n"
QGuiApplication.platformName = staticmethod(lambda: "xcb")  # else nobody is asked: there is no screen
app = QApplication([])

def becomes(dark, seconds=20.0):
    end = time.monotonic() + seconds
    while theme.is_dark() != dark and time.monotonic() < end:
        app.processEvents()
        time.sleep(0.01)
    assert theme.is_dark() == dark
    assert (QApplication.palette().window().color().lightness() < 128) == dark

def say(*words):
    play.stdin.write(" ".join(words) + "\\n")
    play.stdin.flush()

theme.apply("system")
assert delay == "0" or not theme.is_dark()  # a portal that is slow is not waited for
becomes(True)
say("org.freedesktop.appearance", "color-scheme", "2")
becomes(False)
say("org.freedesktop.appearance", "color-scheme", "1")
becomes(True)
changes = []
theme.theme().changed.connect(lambda: changes.append(theme.is_dark()))
say("org.freedesktop.appearance", "contrast", "2")  # is about something else
say("org.freedesktop.appearance", "color-scheme", "1")
say("org.freedesktop.appearance", "color-scheme", "2")
becomes(False)
assert changes == [False]
say("org.freedesktop.appearance", "color-scheme", "1")
becomes(True)
theme.apply("light")  # chosen in the program: the desktop is not asked
say("org.freedesktop.appearance", "color-scheme", "2")
say("org.freedesktop.appearance", "color-scheme", "1")
for _ in range(20):
    app.processEvents()
    time.sleep(0.01)
becomes(False)
theme.apply("system")
becomes(True)
play.stdin.close()
play.wait(20)
"""


@pytest.mark.parametrize("delay", ["0", "2"])
def test_the_window_is_as_dark_as_the_desktop(delay: str) -> None:
    if shutil.which("dbus-run-session") is None:
        pytest.skip("dbus-run-session is not installed (Debian: dbus)")
    command = ["dbus-run-session", "--", sys.executable, "-c", _PROGRAM, delay, _PORTAL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr

"""Changing the theme while closed windows still wait for Python's garbage collector."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: what goes wrong here is a crash. Each panel answers a change of style in Python, which makes garbage;
# closed panels hang in cycles, as windows with their slots do, and go whenever the collector runs.
_PROGRAM = """
import gc
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget
from app.ui import theme

app = QApplication([])
theme.apply("light")
gc.collect()
gc.set_threshold(2000, 1, 1)

class Panel(QWidget):
    def __init__(self):
        super().__init__()
        layout = QVBoxLayout(self)
        for n in range(4):
            layout.addWidget(QLabel(str(n)))
        self.myself = [self]
        self.seen = []

    def changeEvent(self, event):
        if event.type() == QEvent.Type.StyleChange:
            self.seen = [[n] for n in range(3000)]
        super().changeEvent(event)

open_panel = Panel()
open_panel.show()
for turn in range(30):
    gc.disable()
    for n in range(10):
        panel = Panel()
        panel.show()
        panel.close()
    del panel
    gc.enable()
    theme.apply("dark" if turn % 2 == 0 else "light")
    app.processEvents()
    ground = open_panel.palette().window().color().lightness()
    assert (ground < 128) == (turn % 2 == 0)
assert gc.isenabled()
"""


def test_closed_windows_that_python_has_not_collected_yet_survive_a_change_of_theme() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr

"""About the program."""

from __future__ import annotations

import platform
from importlib import metadata

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from app.ui import theme

__all__ = ["About", "version_lines"]


def version_lines() -> list[str]:
    """Versions of the program and of what it stands on, without importing any of it."""
    lines = []
    for name in ("glsmamba-studio", "torch", "numba", "opencv-python-headless", "av", "PySide6-Essentials", "pyqtgraph"):
        try:
            lines.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{name} not installed")
    return [*lines, f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"]


class About(QDialog):
    """What it is, whose ideas it stands on, and the versions in use."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About GLSMamba Studio")
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(theme.GRID)
        title = QLabel("GLSMamba Studio", self)
        theme.set_role(title, "title")
        column.addWidget(title)
        text = QLabel(
            "Annotates human pose in video with GLSMamba, a video pose model of global and local Mamba blocks.\n"
            "Apache License 2.0. Icons: Material Design Icons, by qtawesome.", self,
        )  # fmt: skip
        text.setWordWrap(True)
        column.addWidget(text)
        versions = QLabel("\n".join(version_lines()), self)
        theme.set_role(versions, "muted")
        versions.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column.addWidget(versions)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        copy = buttons.addButton("Copy versions", QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(lambda: QApplication.clipboard().setText("\n".join(version_lines())))
        copy.setAutoDefault(False)
        buttons.button(QDialogButtonBox.StandardButton.Close).setDefault(True)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)

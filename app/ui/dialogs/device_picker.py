"""Which device predicts."""

from __future__ import annotations

from PySide6.QtWidgets import QButtonGroup, QDialog, QDialogButtonBox, QLabel, QRadioButton, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.session import Session

__all__ = ["DevicePicker"]


class DevicePicker(QDialog):
    """A choice among the devices the model floor found. They are looked for in the inference thread, never here."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setWindowTitle("Device")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 16, 16, 16)
        self._column.setSpacing(theme.GRID)
        self._column.addWidget(QLabel("Predict on", self))
        self._group = QButtonGroup(self)
        self._choices: list[tuple[str, QRadioButton]] = []
        self._note = QLabel("", self)
        self._note.setWordWrap(True)
        theme.set_role(self._note, "muted")
        self._column.addWidget(self._note)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        self._column.addWidget(buttons)
        session.model.devices_changed.connect(self._fill)
        self._fill(session.model.devices)

    def _fill(self, devices: tuple[tuple[str, str], ...]) -> None:
        for _, button in self._choices:
            self._group.removeButton(button)
            button.deleteLater()
        self._choices = []
        for i, (name, title) in enumerate((("auto", "The fastest one there is"), *devices)):
            button = QRadioButton(title, self)
            button.setChecked(name == self._session.model.device)
            button.clicked.connect(lambda _checked=False, name=name: self._session.model.set_device(name))
            self._group.addButton(button)
            self._column.insertWidget(1 + i, button)
            self._choices.append((name, button))
        if not devices:
            self._note.setText("Devices are looked for when the model is first used.")
        elif not any(name.startswith("cuda") for name, _ in devices):
            self._note.setText("No CUDA device was found: this machine predicts on its processor.")
        else:
            self._note.setText("")

"""Which model predicts: the shipped one, an imported one, or a file of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app.ui import theme
from app.ui.dialogs.room import grow_to_words
from app.ui.session import Session
from app.ui.threads.worker import Worker

__all__ = ["ModelPicker"]

_WIDTH = 460
_LOOKING = "Looking for weights…"
_BASELINE = "Single frame: predicts each frame by itself, no activation maps; neck and top of head are estimated."


class ModelPicker(QDialog):
    """A choice among weights. Files are looked at in a thread of their own; a choice takes effect at once and is remembered."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setWindowTitle("Model")
        self.setMinimumWidth(_WIDTH)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 16, 16, 16)
        self._column.setSpacing(theme.GRID)
        self._column.addWidget(QLabel("Predict with", self))
        self._rows = QVBoxLayout()
        self._rows.setSpacing(theme.GRID // 2)
        self._column.addLayout(self._rows)
        self._group = QButtonGroup(self)
        self.choices: dict[str, QRadioButton] = {}
        self.note = QLabel(_LOOKING, self)
        self.note.setWordWrap(True)
        theme.set_role(self.note, "muted")
        self._column.addWidget(self.note)
        more = QLabel(
            "More can be had with `main.py weights fetch NAME` and `weights import FILE` (ViTPose, of its makers, Hugging Face "
            "or mmpose).",
            self,
        )
        more.setWordWrap(True)
        theme.set_role(more, "muted")
        self._column.addWidget(more)
        self._column.addStretch(1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        self.other = QPushButton("Other file…", self)
        self.other.setAutoDefault(False)
        self.other.clicked.connect(self._ask_file)
        buttons.addButton(self.other, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        self._column.addWidget(buttons)
        # Methods: they are let go of with the dialog, as lambdas are not.
        session.model.weights_changed.connect(self._weights_changed)
        session.message.connect(self._told)
        self._look()

    def _weights_changed(self, _weights: str) -> None:
        self._look()

    def _told(self, _message: object) -> None:
        self._mark()  # perhaps a model could not be loaded: the old one stays

    def _look(self) -> None:
        def found(_progress: Any) -> Any:
            from app.weights.folder import default_weights, found_weights, said_of

            known = found_weights()
            chosen = Path(self._session.model.weights) if self._session.model.weights else None
            if chosen is not None and all(path != chosen for path, _ in known):
                known.append((chosen, said_of(chosen)))
            return known, default_weights()

        worker = Worker(found, self)
        worker.done.connect(self._fill)
        worker.failed.connect(self._say)

    def _say(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))
        grow_to_words(self, _WIDTH)

    def _fill(self, result: Any) -> None:
        known, default = result
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                if isinstance(widget, QRadioButton):
                    self._group.removeButton(widget)
                widget.hide()
                widget.deleteLater()
        self.choices = {}
        for path, info in known:
            usable = not isinstance(info, str)
            text, room = info.name if usable else path.name, _WIDTH - 9 * theme.GRID
            button = QRadioButton(self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, room), self)
            button.setToolTip(str(path))
            button.setEnabled(usable)
            weights = "" if path == default else str(path)
            button.clicked.connect(lambda _checked=False, weights=weights: self._session.model.set_weights(weights))
            self._group.addButton(button)
            self._rows.addWidget(button)
            button.show()  # at once, so that its height counts below
            self.choices[weights] = button
            said = (_BASELINE if info.single_frame else "") if usable else info
            if said:
                label = QLabel(said, self)
                label.setWordWrap(True)
                label.setContentsMargins(3 * theme.GRID, 0, 0, 0)
                label.setAlignment(Qt.AlignmentFlag.AlignTop)
                theme.set_role(label, "muted")
                self._rows.addWidget(label)
                label.show()
        if self.note.text() == _LOOKING:
            self._say("")
        self._mark()
        grow_to_words(self, _WIDTH)

    def _mark(self) -> None:
        chosen = self._session.model.weights
        button = self.choices.get(chosen)
        if button is None and Path(chosen or ".").is_absolute():
            button = next((b for b in self.choices.values() if b.toolTip() == chosen), None)
        if button is not None:
            button.setChecked(True)

    def _ask_file(self) -> None:
        kinds = "Weights (*.safetensors);;All files (*)"
        path, _ = QFileDialog.getOpenFileName(self, "Choose weights", str(Path.home()), kinds)
        if path:
            self.choose_file(Path(path))

    def choose_file(self, path: Path) -> None:
        """Predict with a file, if it is one of ours; else the note says what is wrong and all stays as it is."""

        def look(_progress: Any) -> Path:
            from glsmamba.weight_file import read_info

            return read_info(path).path

        def take(found: Path) -> None:
            self._say("")
            self._session.model.set_weights(str(found))

        self._say(f"Looking at {path.name}…")
        worker = Worker(look, self)
        worker.done.connect(take)
        worker.failed.connect(self._say)

"""Import of a PoseTrack 2018 file, as annotations or as predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.ui import theme
from app.ui.session import Session
from app.ui.settings import settings
from app.ui.threads.worker import Worker

__all__ = ["ImportDialog"]


class ImportDialog(QDialog):
    """Chooses a file and what its people count as; the import is one undo step."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._worker: Worker | None = None
        self._sequences: list[Any] = []
        self.setWindowTitle("Import PoseTrack 2018")
        self.resize(560, 260)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(theme.GRID)
        row = QHBoxLayout()
        self.file = QLineEdit(self)
        self.file.setPlaceholderText("A PoseTrack 2018 JSON file")
        self.file.editingFinished.connect(self._read)
        browse = QPushButton("Choose…", self)
        browse.clicked.connect(self._browse)
        row.addWidget(self.file, 1)
        row.addWidget(browse)
        column.addLayout(row)
        self.sequence = QComboBox(self)
        self.sequence.hide()
        column.addWidget(self.sequence)
        column.addWidget(QLabel("Its people are", self))
        self.as_annotations = QRadioButton("annotations: predictions never replace them", self)
        self.as_predictions = QRadioButton("predictions: muted until a human accepts them", self)
        self.as_annotations.setChecked(True)
        group = QButtonGroup(self)
        for button in (self.as_annotations, self.as_predictions):
            group.addButton(button)
            column.addWidget(button)
        self.outcome = QLabel("", self)
        self.outcome.setWordWrap(True)
        column.addWidget(self.outcome)
        column.addStretch(1)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        close = QPushButton("Close", self)
        close.clicked.connect(self.close)
        self.import_button = QPushButton("Import", self)
        self.import_button.setDefault(True)
        self.import_button.setEnabled(False)
        self.import_button.clicked.connect(self.start)
        buttons.addWidget(close)
        buttons.addWidget(self.import_button)
        column.addLayout(buttons)
        session.video_opened.connect(self._other_video)  # a method: it is let go of with the dialog, as a lambda is not

    def _other_video(self, _video: Any) -> None:
        self.close()

    def choose(self, path: Path) -> None:
        """Take a file, as if it was chosen."""
        self.file.setText(str(path))
        self._read()

    def _browse(self) -> None:
        start = str(settings().value("import/folder", str(Path(self._session.project.path).parent)))
        path, _ = QFileDialog.getOpenFileName(self, "Import a PoseTrack 2018 file", start, "PoseTrack (*.json);;All files (*)")
        if path:
            settings().setValue("import/folder", str(Path(path).parent))
            self.choose(Path(path))

    def _read(self) -> None:
        path = Path(self.file.text()).expanduser()
        if not self.file.text():
            return

        def read(progress: Any) -> Any:
            from glsmamba.data import posetrack18

            return posetrack18.read(path)

        self.import_button.setEnabled(False)
        self.outcome.setText("Reading…")
        self._worker = worker = Worker(read, self)
        worker.done.connect(self._was_read)
        worker.failed.connect(self._say)

    def _was_read(self, sequences: list[Any]) -> None:
        self._sequences = sequences
        self.sequence.clear()
        for sequence in sequences:
            self.sequence.addItem(sequence.name)
        self.sequence.setVisible(len(sequences) > 1)
        people = sum(len(frame.people) for frame in sequences[0].frames) if sequences else 0
        if sequences:
            frames = sequences[0].n_frames
            self.outcome.setText(
                f"{frames} {'frame' if frames == 1 else 'frames'}, {people} {'pose' if people == 1 else 'poses'}."
            )
        else:
            self.outcome.setText("There is no sequence in this file.")
        self.import_button.setEnabled(bool(sequences))

    def start(self) -> None:
        """Import what was read, in the project thread, as one undo step."""
        from app.labels import edits

        sequence = self._sequences[max(self.sequence.currentIndex(), 0)]
        predictions = self.as_predictions.isChecked()
        self.import_button.setEnabled(False)
        self.outcome.setText("Importing…")
        self._session.apply(lambda project: edits.import_sequence(project, sequence, predictions), self._imported, self._say)

    def _imported(self) -> None:
        self._session.tell(f"Imported {Path(self.file.text()).name}.", "info", "Undo", self._session.undo_just_this())
        self.close()

    def _say(self, sentence: str) -> None:
        self.outcome.setText(sentence)
        self.import_button.setEnabled(bool(self._sequences))

"""Export to PoseTrack 2018: what goes out, where to, and what the check of the written file found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from app.labels.exporting import Include
from app.ui import theme
from app.ui.session import Session
from app.ui.settings import settings
from app.ui.threads.worker import Worker
from glsmamba.data.posetrack18 import Kind, Occluded, sequence_name
from glsmamba.data.words import counted

__all__ = ["ExportDialog", "ExportOptions", "export_posetrack18"]

_KINDS = (("gt", "Annotations (ground truth)"), ("prediction", "Predictions, with scores"))
_INCLUDE = (("all", "Everybody"), ("touched", "People a human edited or accepted"), ("accepted", "Accepted people only"))
_OCCLUDED = (("keep", "Labelled, like visible ones"), ("drop", "Left out, as PoseTrack 2018 does"))


@dataclass(frozen=True)
class ExportOptions:
    """What the dialog asks for."""

    folder: Path
    name: str
    kind: Kind
    include: Include
    occluded: Occluded


def export_posetrack18(project: Any, options: ExportOptions, progress: Callable[[float], None]) -> tuple[list[Path], list[Any]]:
    """Write the file or files and check them by reading them back. Returns their paths and the problems found.

    Where each keypoint came from goes into a table in a folder of its own (:mod:`app.labels.origins`).
    """
    from app.labels.exporting import to_record
    from app.labels.origins import write_provenance
    from glsmamba.data import posetrack18

    record = to_record(project, options.include, options.name, lambda f: progress(0.5 * f))
    progress(0.5)
    path = options.folder / f"{options.name}.json"
    written = posetrack18.write(record, path, options.kind, options.occluded)
    progress(0.8)
    write_provenance(project, path, options.include, lambda f: progress(0.8 + 0.2 * f))
    progress(1.0)
    return list(written.paths), list(written.problems)


class ExportDialog(QDialog):
    """Choices above, result below. Stays open beside the picture, so that problems can be clicked one after the other."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._worker: Worker | None = None
        self.setWindowTitle("Export PoseTrack 2018")
        self.resize(640, 520)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(theme.GRID)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        project = Path(session.project.path)
        self.name = QLineEdit(sequence_name(project.stem), self)
        self.name.setToolTip(
            "Name of the sequence and its file. PoseTrack's evaluators want six digits, then _mpii, _mpiinew or _bonn."
        )
        self.folder = QLineEdit(str(session.project.get_meta("export_folder") or project.parent / "posetrack18"), self)
        browse = QPushButton("Choose…", self)
        browse.clicked.connect(self._browse)
        where = QHBoxLayout()
        where.setSpacing(theme.GRID)
        where.addWidget(self.folder, 1)
        where.addWidget(browse)
        self.kind = self._combo(_KINDS, "export/kind")
        self.include = self._combo(_INCLUDE, "export/include")
        self.occluded = self._combo(_OCCLUDED, "export/occluded")
        form.addRow("Sequence", self.name)
        form.addRow("Folder", where)
        form.addRow("Kind", self.kind)
        form.addRow("People", self.include)
        form.addRow("Occluded joints", self.occluded)
        column.addLayout(form)
        self.outcome = QLabel("", self)
        self.outcome.setWordWrap(True)
        self.outcome.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.problems = QTreeWidget(self)
        self.problems.setHeaderLabels(["Frame", "Person", "Problem"])
        self.problems.setRootIsDecorated(False)
        self.problems.setAlternatingRowColors(True)
        self.problems.setUniformRowHeights(True)
        self.problems.header().setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.problems.currentItemChanged.connect(self._go)
        self.problems.itemClicked.connect(self._go)
        self.problems.hide()
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.hide()
        column.addWidget(self.bar)
        column.addWidget(self.outcome)
        column.addWidget(self.problems, 1)
        column.addStretch(0)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        self.close_button = QPushButton("Close", self)
        self.close_button.clicked.connect(self._close_or_cancel)
        self.export_button = QPushButton("Export", self)
        self.export_button.setDefault(True)
        self.export_button.clicked.connect(self.start)
        buttons.addWidget(self.close_button)
        buttons.addWidget(self.export_button)
        column.addLayout(buttons)
        session.video_opened.connect(self._other_video)

    def options(self) -> ExportOptions:
        """What is chosen now."""
        return ExportOptions(
            Path(self.folder.text()).expanduser(), self.name.text().strip(), self.kind.currentData(),
            self.include.currentData(), self.occluded.currentData(),
        )  # fmt: skip

    def start(self) -> None:
        """Export in a worker."""
        options = self.options()
        if not options.name or "/" in options.name:
            self._say("Give the sequence a name without slashes.", True)
            return
        session, project = self._session, self._session.project
        for key, value in (("kind", options.kind), ("include", options.include), ("occluded", options.occluded)):
            settings().setValue(f"export/{key}", value)
        session.write(lambda p: p.set_meta("export_folder", str(options.folder)))
        self.export_button.setEnabled(False)
        self.close_button.setText("Cancel")
        self.problems.hide()
        self._say("", False)
        self.bar.setValue(0)
        self.bar.show()
        # Edits still on their way are waited for by going through the project thread first.
        session.write(lambda _project: None, lambda _none: self._run(project, options))

    def _run(self, project: Any, options: ExportOptions) -> None:
        self._worker = worker = Worker(lambda progress: export_posetrack18(project, options, progress), self)
        worker.progress.connect(lambda f: self.bar.setValue(round(1000 * f)))
        worker.done.connect(self._done)
        worker.failed.connect(lambda sentence: self._ended(sentence, True))
        worker.cancelled.connect(lambda: self._ended("Cancelled; nothing more was written.", False))

    def _done(self, result: tuple[list[Path], list[Any]]) -> None:
        paths, problems = result
        where = str(paths[0]) if len(paths) == 1 else f"{len(paths)} files in {paths[0].parent}"
        errors = sum(problem.severity == "error" for problem in problems)
        if not problems:
            self._ended(f"Written to {where}. Read back and checked: no problems.", False)
            return
        remarks = counted(len(problems) - errors, "remark")
        count = f"{counted(errors, 'error')} and {remarks}" if errors else remarks
        self._ended(f"Written to {where}. The check found {count}; click one to go there.", bool(errors))
        self._list(problems)

    def _list(self, problems: list[Any]) -> None:
        self.problems.clear()
        c = theme.colors()
        rows = []
        for problem in problems[:5000]:
            frame = "" if problem.frame is None else str(problem.frame)
            track = "" if problem.track is None else str(problem.track)
            row = QTreeWidgetItem([frame, track, problem.message])
            row.setData(0, Qt.ItemDataRole.UserRole, (problem.frame, problem.track))
            row.setToolTip(2, f"{problem.rule}: {problem.message}")
            row.setIcon(2, theme.icon("alert-circle-outline", c.error) if problem.severity == "error"
                        else theme.icon("alert-outline", c.warning))  # fmt: skip
            rows.append(row)
        self.problems.addTopLevelItems(rows)
        self.problems.resizeColumnToContents(0)
        self.problems.resizeColumnToContents(1)
        self.problems.show()

    def _go(self, item: QTreeWidgetItem | None, *_: object) -> None:
        if item is not None:
            self._session.show_problem(*item.data(0, Qt.ItemDataRole.UserRole))

    def _ended(self, sentence: str, bad: bool) -> None:
        self._worker = None
        self.bar.hide()
        self.export_button.setEnabled(self._session.project is not None)
        self.close_button.setText("Close")
        self._say(sentence, bad)

    def _say(self, sentence: str, bad: bool) -> None:
        c = theme.colors()
        palette = self.outcome.palette()
        palette.setColor(self.outcome.foregroundRole(), QColor(c.error if bad else c.text))
        self.outcome.setPalette(palette)
        self.outcome.setText(sentence)

    def _browse(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Export into", self.folder.text())
        if path:
            self.folder.setText(path)

    def _combo(self, choices: tuple[tuple[str, str], ...], key: str) -> QComboBox:
        combo = QComboBox(self)
        for value, title in choices:
            combo.addItem(title, value)
        at = combo.findData(settings().value(key, choices[0][0]))
        combo.setCurrentIndex(max(at, 0))
        return combo

    def _close_or_cancel(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
        else:
            self.close()

    def _other_video(self, _video: object) -> None:
        if self._worker is None:
            self.close()

"""What the File menu does: ask for files, open, copy, import, export. Dialogs ask; the work happens in threads."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox

from app.ui.opening import PROJECT_SUFFIX
from app.ui.session import Session
from app.ui.settings import recent_files, settings

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["VIDEO_SUFFIXES", "Files"]

#: File name endings offered in the open dialog; any file can be opened by "All files" or dropped.
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".gif")


class Files(QObject):
    """The window's file verbs."""

    _sample = Signal(object, str)

    def __init__(self, window: MainWindow, session: Session) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._fetching = False
        self._sample.connect(self._sample_ready)
        session.relink_wanted.connect(self._ask_relink)

    # ---- open ----------------------------------------------------------------------------------------------------------

    def ask_open(self) -> None:
        """Choose a video or a project and open it."""
        patterns = " ".join("*" + suffix for suffix in VIDEO_SUFFIXES)
        path, _ = QFileDialog.getOpenFileName(
            self._window, "Open a video or a project", self._folder(),
            f"Videos and projects ({patterns} *{PROJECT_SUFFIX});;Projects (*{PROJECT_SUFFIX});;All files (*)",
        )  # fmt: skip
        if path:
            self.open(Path(path))

    def ask_folder(self) -> None:
        """Choose a folder of pictures and open it."""
        path = QFileDialog.getExistingDirectory(self._window, "Open a folder of pictures", self._folder())
        if path:
            self.open(Path(path))

    def open(self, path: Path) -> None:
        """Open a video, a folder or a project."""
        settings().setValue("folder", str(path.parent))
        self._session.open_path(path)

    def open_sample(self) -> None:
        """Open the sample video, fetching it when it isn't in the cache yet."""
        if self._fetching:
            return
        self._fetching = True
        self._session.tell("Fetching the sample video…")

        def fetch() -> None:
            from app.video.sample import sample_video

            try:
                self._sample.emit(sample_video(fetch=True), "")
            except Exception as error:  # whatever it was, the person is told in one sentence
                self._sample.emit(None, str(error) or "The sample video could not be fetched.")

        threading.Thread(target=fetch, name="sample", daemon=True).start()

    def _sample_ready(self, path: Path | None, problem: str) -> None:
        self._fetching = False
        if path is None:
            self._session.tell(problem, "error", "Try again", self.open_sample)
        else:
            self._session.open_path(path)

    def fill_recent(self, menu: QMenu) -> None:
        """Fill the submenu of recent files."""
        menu.clear()
        for i, path in enumerate(recent_files(), 1):
            entry = menu.addAction(f"&{i}  {path.name}" if i < 10 else path.name)
            entry.setToolTip(str(path))
            entry.triggered.connect(lambda _checked=False, path=path: self.open(path))
        if menu.isEmpty():
            menu.addAction("Nothing was opened yet").setEnabled(False)

    def _ask_relink(self, project: Path, video: Path) -> None:
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Where is the video?")
        box.setText(f"The video of {project.name} is not where it was.")
        box.setInformativeText(f"{video}\n\nIt may have been moved or renamed. The labels are safe in the project.")
        find = box.addButton("Find it…", QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        find.clicked.connect(lambda: self._find_video(project, video))
        box.open()

    def _find_video(self, project: Path, video: Path) -> None:
        path, _ = QFileDialog.getOpenFileName(self._window, f"Find {video.name}", str(project.parent), "All files (*)")
        if path:
            self._session.open_path(project, video=path)

    # ---- save ----------------------------------------------------------------------------------------------------------

    def say_saved(self) -> None:
        """Ctrl+S: there is nothing to save; say where it all is and offer a copy."""
        path = Path(self._session.project.path)
        pending = self._session.save_state.pending
        text = f"All changes are saved in {path}." if not pending else f"The last changes are on their way into {path}."
        self._session.tell(text, "info", "Save a copy as…", self.ask_copy)

    def ask_copy(self) -> None:
        """Choose where a copy of the project goes."""
        path = Path(self._session.project.path)
        proposed = path.with_name(f"{path.stem} copy{PROJECT_SUFFIX}")
        target, _ = QFileDialog.getSaveFileName(
            self._window, "Save a copy of the project", str(proposed), f"Projects (*{PROJECT_SUFFIX})"
        )
        if target:
            self.copy_to(Path(target))

    def copy_to(self, target: Path) -> None:
        """Copy the project into another file, in the project thread, after all that is queued."""
        if target.suffix != PROJECT_SUFFIX:
            target = target.with_name(target.name + PROJECT_SUFFIX)
        if target == Path(self._session.project.path):
            self._session.tell("That is the project itself; it is saved already.")
            return
        self._session.write(
            lambda project: project.save_copy(target), lambda _result: self._session.tell(f"A copy is in {target}.")
        )

    def ask_map(self) -> None:
        """Choose where the activation map goes: a picture or numbers."""
        panel: Any = self._window.docks["activation"].widget()
        result = panel.result
        stem = Path(self._session.project.path).stem
        kind, number = result.maps.block
        proposed = Path(self._folder()) / f"{stem}-frame{result.frame}-person{result.track}-{kind}{number + 1}.png"
        target, chosen = QFileDialog.getSaveFileName(
            self._window, "Save the activation map", str(proposed), "Picture (*.png);;Numbers (*.npz)"
        )
        if target:
            path = Path(target)
            if path.suffix.lower() not in (".png", ".npz"):
                path = path.with_name(path.name + (".npz" if "npz" in chosen else ".png"))
            panel.save(path)

    # ---- import and export ---------------------------------------------------------------------------------------------

    def ask_import(self) -> None:
        """Show the import dialog."""
        from app.ui.dialogs.import_labels import ImportDialog

        self._window.dialogs.show(ImportDialog(self._session, self._window))

    def ask_export(self) -> None:
        """Show the export dialog."""
        from app.ui.dialogs.export import ExportDialog

        self._window.dialogs.show(ExportDialog(self._session, self._window))

    def show_folder(self, path: Path) -> None:
        """Show a folder in the system's file manager."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))

    def _folder(self) -> str:
        """Where a dialog starts: beside what is open, else where something was opened last."""
        here = self._session.video_path
        return str(here.parent if here is not None else settings().value("folder", str(Path.home())))

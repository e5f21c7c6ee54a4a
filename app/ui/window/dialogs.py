"""The window's dialogs: beside the work, never in its way, and one of a kind at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog

from app.ui.dialogs.room import fit_on_screen

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["Dialogs"]


class Dialogs:
    """The dialogs that are open, oldest first, and the verbs that show one.

    A dialog's module is imported when it is first shown: the start of the window does not pay for it.
    """

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._open: list[QDialog] = []

    def __getitem__(self, number: int) -> QDialog:
        return self._open[number]

    def __iter__(self) -> Iterator[QDialog]:
        return iter(self._open)

    def __len__(self) -> int:
        return len(self._open)

    def show(self, dialog: QDialog) -> QDialog:
        """Show a dialog and close another of its kind. It is deleted when it is closed. Returns the dialog."""
        for other in list(self._open):
            if type(other) is type(dialog):
                other.close()
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._open.append(dialog)
        fit_on_screen(dialog)
        dialog.finished.connect(lambda _code: self._open.remove(dialog) if dialog in self._open else None)
        dialog.show()
        return dialog

    def close(self) -> None:
        """Close all that are open."""
        for dialog in list(self._open):
            dialog.close()

    # ---- verbs of the menus --------------------------------------------------------------------------------------------

    def ask_frame(self) -> None:
        """Show the dialog that goes to a frame."""
        from app.ui.dialogs.go_to_frame import GoToFrame

        self.show(GoToFrame(self._window.session, self._window))

    def ask_weights(self) -> None:
        """Show the choice of models."""
        from app.ui.dialogs.model_picker import ModelPicker

        self.show(ModelPicker(self._window.session, self._window))

    def ask_improve(self) -> None:
        """Show the improvement of the model on this project's corrections."""
        from app.ui.dialogs.improve import ImproveDialog

        self.show(ImproveDialog(self._window.improver, self._window))

    def ask_device(self) -> None:
        """Show the choice of devices."""
        from app.ui.dialogs.device_picker import DevicePicker

        self.show(DevicePicker(self._window.session, self._window))

    def ask_swap(self) -> None:
        """Show the choice of what to swap, and over which frames."""
        from app.ui.dialogs.swap_sides import SwapSides

        self.show(SwapSides(self._window.session, self._window))

    def show_keys(self) -> None:
        """Show the shortcut sheet."""
        from app.ui.dialogs.shortcut_sheet import ShortcutSheet

        sheet = ShortcutSheet(self._window.actions_table, self._window)
        sheet.change.clicked.connect(self.change_keys)
        self.show(sheet)

    def change_keys(self) -> None:
        """Show the dialog that changes keys."""
        from app.ui.dialogs.keys import KeysDialog

        self.show(KeysDialog(self._window, self._window.actions_table))

    def show_palette(self) -> None:
        """Show the command palette."""
        from app.ui.dialogs.palette import Palette

        self.show(Palette(self._window, self._window.actions_table))

    def show_about(self) -> None:
        """Show what this is."""
        from app.ui.dialogs.about import About

        self.show(About(self._window))

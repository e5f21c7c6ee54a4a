"""Small strip of actions that floats beside the selected person."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QWidget

from app.ui import theme
from app.ui.actions.in_force import in_force, with_key
from app.ui.canvas.scene import FIRM, ShownPerson

_GAP = 10


class ActionStrip(QFrame):
    """Accept, swap left and right, delete. Looks the same in both themes, for it lies on the picture.

    Args:
        parent: the canvas.
        accept, swap, delete: what the buttons do.
    """

    def __init__(
        self, parent: QWidget, accept: Callable[[], None], swap: Callable[[], None], delete: Callable[[], None]
    ) -> None:
        super().__init__(parent)
        self._canvas = parent
        self.setObjectName("actionStrip")
        self.setStyleSheet(
            "#actionStrip { background: rgba(24, 26, 30, 225); border: 1px solid rgba(255, 255, 255, 45); border-radius: 6px; }"
            "QToolButton { color: #F2F3F5; border: none; border-radius: 4px; padding: 4px; }"
            "QToolButton:hover { background: rgba(255, 255, 255, 36); }"
            "QToolButton:pressed { background: rgba(255, 255, 255, 60); }"
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 4, 4, 4)
        row.setSpacing(2)
        self.accept_button = self._button("check-bold", "Accept this pose", accept)
        self.swap_button = self._button("swap-horizontal", "Swap left and right", swap)
        self.delete_button = self._button("delete-outline", "Delete this person in this frame", delete)
        for button in (self.accept_button, self.swap_button, self.delete_button):
            row.addWidget(button)
        in_force().changed.connect(self._name_keys)
        self._name_keys()
        self.hide()

    def _button(self, icon: str, text: str, act: Callable[[], None]) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(theme.icon(icon, "#F2F3F5"))
        button.setIconSize(QSize(18, 18))
        button.setAccessibleName(text)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setCursor(Qt.CursorShape.ArrowCursor)
        button.clicked.connect(act)
        return button

    def _name_keys(self) -> None:
        names = {"accept": self.accept_button, "swap_sides": self.swap_button, "delete": self.delete_button}
        for name, button in names.items():
            button.setToolTip(button.accessibleName() + with_key(" (", f"people.{name}", ")"))

    def follow(self, person: ShownPerson | None) -> None:
        """Lie beside a person as drawn; hide where there is nobody, or nobody in sight."""
        room = self._canvas.rect()
        left, top, right, bottom = (0.0, 0.0, -1.0, -1.0) if person is None else person.rect
        if person is None or right < 0 or bottom < 0 or left > room.width() or top > room.height():
            self.hide()
            return
        self.accept_button.setEnabled(not (person.pose.accepted or (person.form == FIRM).all()))
        self.place(person.rect)
        self.show()

    def place(self, rect: tuple[float, float, float, float]) -> None:
        """Lie beside a rectangle (left, top, right, bottom) of the parent: below, else above, else at a side, else inside."""
        self.adjustSize()
        left, top, right, bottom = rect
        room = self._canvas.rect()
        w, h = self.width(), self.height()
        x = (left + right) / 2 - w / 2
        if bottom + _GAP + h <= room.height():
            y = bottom + _GAP
        elif top - _GAP - 24 - h >= 0:
            y = top - _GAP - 24 - h
        elif max(left, room.width() - right) >= w + 2 * _GAP:  # a low picture
            x = right + _GAP if room.width() - right >= w + 2 * _GAP else left - _GAP - w
            y = (top + bottom - h) / 2
        else:
            y = room.height() - h - _GAP
        x = min(max(x, 4), room.width() - w - 4)
        y = min(max(y, 4), room.height() - h - 4)
        self.move(QPoint(round(x), round(y)))

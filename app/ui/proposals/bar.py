"""The bar at the lower edge of the picture on which a change is offered: what it would do, Apply and Cancel."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.actions.in_force import in_force, with_key

__all__ = ["ProposalBar"]

_WIDEST = 760


class ProposalBar(QFrame):
    """One line of words with room for choices beside it and for pictures above; not modal, never takes the keyboard.

    Args:
        host: the widget at whose lower edge it lies.
        apply, cancel: what the buttons do.
        moved: told of the height that is taken at the lower edge.
    """

    def __init__(
        self, host: QWidget, apply: Callable[[], None], cancel: Callable[[], None], moved: Callable[[int], None]
    ) -> None:
        super().__init__(host)
        self._host, self._moved = host, moved
        self._apply, self._action = "Apply", "proposal.apply"
        self.setObjectName("proposal")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, theme.GRID, theme.GRID, theme.GRID)
        column.setSpacing(theme.GRID)
        self._strip = QWidget(self)
        self.pictures = QVBoxLayout(self._strip)
        self.pictures.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._strip)
        self._row = row = QHBoxLayout()
        row.setSpacing(theme.GRID)
        self.title = QLabel(self)
        self.title.setWordWrap(True)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self._below = QHBoxLayout()  # of the choices, where they have no room beside the words
        self.choices = QHBoxLayout()
        self.choices.setSpacing(theme.GRID)
        self.apply_button = QPushButton("Apply", self)
        self.apply_button.clicked.connect(apply)
        self.cancel_button = QToolButton(self)
        self.cancel_button.clicked.connect(cancel)
        self.cancel_button.setAccessibleName("Cancel")
        self.cancel_button.setToolTip("Cancel (Esc)")
        for button in (self.apply_button, self.cancel_button):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row.addWidget(self.title, 1)
        row.addLayout(self.choices)
        row.addWidget(self.apply_button)
        row.addWidget(self.cancel_button)
        column.addLayout(row)
        column.addLayout(self._below)
        self.detail = QLabel(self)
        self.detail.setWordWrap(True)
        self.detail.setTextFormat(Qt.TextFormat.PlainText)
        theme.set_role(self.detail, "muted")
        column.addWidget(self.detail)
        host.installEventFilter(self)
        theme.theme().changed.connect(self._style)
        self._style()
        in_force().changed.connect(self._name_key)
        self.hide()

    def say(self, title: str, detail: str = "", apply: str = "Apply", action: str = "proposal.apply") -> None:
        """Show the bar with these words; the key of ``action`` is named on the button."""
        self._apply, self._action = apply, action
        self.title.setText(title)
        self.detail.setText(detail)
        self.detail.setVisible(bool(detail))
        self._name_key()
        self.show()
        self.place()

    def _name_key(self) -> None:
        self.apply_button.setText(self._apply + with_key("  ", self._action))

    def leave(self) -> None:
        """Hide the bar."""
        if not self.isHidden():
            self.hide()
            self._moved(0)

    def place(self) -> None:
        """Lie at the lower edge, as high as the words need."""
        width = max(min(_WIDEST, self._host.width() - 4 * theme.GRID), 240)
        layout = self.layout()
        assert layout is not None
        # Where the picture is low the strip is left out: the picture itself shows what is proposed.
        least = self._host.height() - 2 * theme.GRID
        self._strip.setVisible(self._has_pictures)
        self._set_choices_below(False)
        if layout.totalMinimumSize().width() > width:
            self._set_choices_below(True)
        height = self._height(width)
        if height > least and self._has_pictures:
            self._strip.hide()
            height = self._height(width)
        top = self._host.height() - height - 2 * theme.GRID
        self.setGeometry((self._host.width() - width) // 2, top, width, height)
        self.raise_()
        self._moved(height + theme.GRID)

    @property
    def _has_pictures(self) -> bool:
        parts = (self.pictures.itemAt(i).widget() for i in range(self.pictures.count()))  # type: ignore[union-attr]
        return any(part is not None and not part.isHidden() for part in parts)

    def _height(self, width: int) -> int:
        layout = self.layout()
        assert layout is not None
        layout.activate()
        return max(layout.totalHeightForWidth(width), layout.totalMinimumSize().height())

    def _set_choices_below(self, below: bool) -> None:
        """The choices in a line of their own, or beside the words."""
        old, new = (self._row, self._below) if below else (self._below, self._row)
        if old.indexOf(self.choices) >= 0:
            old.removeItem(self.choices)
            self.choices.setParent(None)
            new.insertLayout(1 if new is self._row else 0, self.choices)
        layout = self.layout()
        assert layout is not None
        layout.invalidate()

    def _style(self) -> None:
        c = theme.colors()
        self.setStyleSheet(
            f"#proposal {{ background: {c.raised}; border: 1px solid {c.line}; border-left: 4px solid {c.accent};"
            " border-radius: 4px; }"
        )
        self.cancel_button.setIcon(theme.icon("close"))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay at the edge."""
        if watched is self._host and event.type() == QEvent.Type.Resize and not self.isHidden():
            self.place()
        return False

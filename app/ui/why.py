"""The line on the picture that says why one was led here."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QLabel, QWidget

from app.ui import theme
from app.ui.session import Session

__all__ = ["WhyLabel"]


class WhyLabel(QLabel):
    """A small line at the top of the picture; gone once one goes to another frame or selects another person."""

    def __init__(self, session: Session, over: QWidget) -> None:
        super().__init__(over)
        self.setObjectName("why")
        self._session, self._over = session, over
        self._place: tuple[int, int | None] | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("Why this place is doubtful")
        over.installEventFilter(self)
        session.frame_changed.connect(self._moved)
        session.selection_changed.connect(self._moved)
        session.video_opened.connect(self._moved)
        theme.theme().changed.connect(self._style)
        self._style()
        self.hide()

    def say(self, text: str) -> None:
        """Say it while this frame and this person are selected."""
        self._place = self._session.frame, self._session.selected_track
        self.setText(text)
        self._put()
        self.show()
        self.raise_()

    def _moved(self, *_: object) -> None:
        if self._place is not None and self._place != (self._session.frame, self._session.selected_track):
            self._place = None
            self.hide()

    def _style(self) -> None:
        c = theme.colors()
        self.setStyleSheet(
            f"#why {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.warning}; border-radius: 4px;"
            f" padding: {theme.GRID // 2}px {theme.GRID}px; }}"
        )
        self._put()

    def _put(self) -> None:
        self.adjustSize()
        self.move(max((self._over.width() - self.width()) // 2, 0), theme.GRID)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the middle."""
        if event.type() == QEvent.Type.Resize:
            self._put()
        return False

"""The empty state: a drop zone, Open…, the sample, and recent files with a thumbnail each."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.ui import theme
from app.ui.actions.in_force import in_force, with_key
from app.ui.settings import cache_folder, recent_files

__all__ = ["Welcome", "keep_thumbnail", "thumbnail_of"]

_THUMB = QSize(192, 108)
#: Logical pixels that the three buttons need side by side.
_WIDE = 640


def _thumbnail_path(path: Path) -> Path:
    return cache_folder() / "recent" / (hashlib.sha256(str(path).encode()).hexdigest()[:20] + ".png")


def keep_thumbnail(path: Path, picture: np.ndarray) -> None:
    """Remember a small picture of a file for the recent list. ``picture`` is (H, W, 3) uint8 RGB."""
    picture = np.ascontiguousarray(picture)
    height, width = picture.shape[:2]
    image = QImage(picture.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    small = image.scaled(_THUMB * 2, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
    target = _thumbnail_path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        small.save(str(target))
    except OSError:
        pass  # a thumbnail is a nicety: a full or read-only cache folder must not disturb


def thumbnail_of(path: Path) -> QPixmap | None:
    """The remembered picture, or None."""
    pixmap = QPixmap(str(_thumbnail_path(path)))
    return None if pixmap.isNull() else pixmap


class _DropZone(QFrame):
    """The dashed field; it lights up while something that can be opened hovers over the window."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._lit = False

    def light(self, on: bool) -> None:
        """Switch the highlight."""
        if on != self._lit:
            self._lit = on
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A dashed rounded field."""
        c = theme.colors()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(QColor(c.accent if self._lit else c.muted), 2 if self._lit else 1.5, Qt.PenStyle.DashLine)
        pen.setDashPattern([5, 4])
        painter.setPen(pen)
        painter.setBrush(QColor(c.hover if self._lit else c.surface))
        painter.drawRoundedRect(self.rect().adjusted(2, 2, -2, -2), 12, 12)


class _RecentButton(QToolButton):
    """A recent file: its thumbnail over its name."""

    def __init__(self, path: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self.path = path
        self.setObjectName("recent_file")
        self.setToolTip(str(path))
        self.setAccessibleName(f"Open {path.name}")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.setIconSize(_THUMB)
        self.setFixedSize(_THUMB.width() + 16, _THUMB.height() + 40)
        self.setText(self.fontMetrics().elidedText(path.name, Qt.TextElideMode.ElideMiddle, _THUMB.width()))
        self.setIcon(self._framed(thumbnail_of(path)))

    def _framed(self, picture: QPixmap | None) -> QPixmap:
        ratio = self.devicePixelRatioF()
        framed = QPixmap(_THUMB * ratio)
        framed.setDevicePixelRatio(ratio)
        framed.fill(QColor(theme.colors().canvas))
        painter = QPainter(framed)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if picture is None:
            theme.icon("movie-open-outline", theme.colors().canvas_text).paint(
                painter, QRect(_THUMB.width() // 2 - 20, _THUMB.height() // 2 - 20, 40, 40)
            )
        else:
            size = picture.deviceIndependentSize().toSize().scaled(_THUMB, Qt.AspectRatioMode.KeepAspectRatio)
            at = QRect(0, 0, size.width(), size.height())
            at.moveCenter(QRect(0, 0, _THUMB.width(), _THUMB.height()).center())
            painter.drawPixmap(at, picture)
        painter.end()
        return framed


class Welcome(QScrollArea):
    """What is shown while nothing is open; it scrolls where the window is small."""

    open_wanted = Signal()
    folder_wanted = Signal()
    sample_wanted = Signal()
    path_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("welcome")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._page = page = QWidget()
        self.setWidget(page)
        self._outer = outer = QVBoxLayout(page)
        outer.setSpacing(24)
        self.zone = _DropZone(page)
        self.zone.setMinimumHeight(240)
        column = QVBoxLayout(self.zone)
        column.setSpacing(theme.GRID)
        column.addStretch(1)
        self._mark = QLabel(self.zone)
        title = QLabel("Drop a video, a folder of pictures or a project here", self.zone)
        theme.set_role(title, "title")
        title.setWordWrap(True)
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        note = QLabel("Every edit is kept in a project file beside the video as you make it.", self.zone)
        theme.set_role(note, "muted")
        note.setWordWrap(True)
        note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._row = buttons = QHBoxLayout()
        buttons.setSpacing(theme.GRID)
        buttons.addStretch(1)
        self.open_button = QPushButton("Open…", self.zone)
        theme.set_role(self.open_button, "primary")
        self.open_button.clicked.connect(self.open_wanted)
        self.folder_button = QPushButton("Open folder of pictures…", self.zone)
        self.folder_button.clicked.connect(self.folder_wanted)
        self.sample_button = QPushButton("Open the sample video", self.zone)
        self.sample_button.setToolTip("A man on a wall and passers-by, 230 frames")
        self.sample_button.clicked.connect(self.sample_wanted)
        for button in (self.open_button, self.folder_button, self.sample_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        column.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(title)
        column.addWidget(note)
        column.addSpacing(theme.GRID)
        column.addLayout(buttons)
        column.addStretch(1)
        outer.addWidget(self.zone, 1)
        self._recent_title = QLabel("Recent", page)
        outer.addWidget(self._recent_title)
        self._recent = QGridLayout()
        self._recent.setSpacing(theme.GRID)
        outer.addLayout(self._recent)
        self._buttons: list[_RecentButton] = []
        theme.theme().changed.connect(self.refresh)
        self.refresh()
        in_force().changed.connect(self._name_keys)
        self._name_keys()

    def _name_keys(self) -> None:
        self.open_button.setToolTip("Open a video or a project" + with_key(" (", "file.open", ")"))
        self.folder_button.setToolTip("Open pictures, in natural order, as a video" + with_key(" (", "file.open_folder", ")"))

    def light(self, on: bool) -> None:
        """Highlight the drop zone."""
        self.zone.light(on)

    def refresh(self) -> None:
        """Show the recent files as they are now, as many as fit in one row."""
        self._mark.setPixmap(theme.icon("movie-open-plus-outline", theme.colors().muted).pixmap(48, 48))
        for button in self._buttons:
            self._recent.removeWidget(button)
            button.deleteLater()
        room = self._room if self.isVisible() else 5
        self._buttons = [_RecentButton(path, self._page) for path in recent_files()[: min(room, 8)]]
        for i, button in enumerate(self._buttons):
            button.clicked.connect(lambda _checked=False, path=button.path: self.path_wanted.emit(path))
            self._recent.addWidget(button, 0, i)
        self._recent.setColumnStretch(len(self._buttons), 1)
        self._recent_title.setVisible(bool(self._buttons))

    @property
    def _room(self) -> int:
        """How many recent files fit in one row."""
        return max((self.viewport().width() - 2 * self._margin) // (_THUMB.width() + 24), 1)

    @property
    def _margin(self) -> int:
        return 48 if self.viewport().width() >= _WIDE else 16

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many recent files as fit; the buttons stand below each other where they do not fit side by side."""
        super().resizeEvent(event)
        wide, margin = self.viewport().width() >= _WIDE, self._margin
        self._outer.setContentsMargins(margin, margin - 8, margin, margin - 8)
        self._row.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)
        if self._room < len(self._buttons) or len(self._buttons) < min(self._room, len(recent_files())):
            self.refresh()

    def showEvent(self, event: object) -> None:
        """Be up to date when shown."""
        self.refresh()

"""Dialogs on small screens: at 300 % a common screen has 640 x 360 logical pixels, and nothing may lie outside it."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtWidgets import QBoxLayout, QDialog, QFrame, QScrollArea, QVBoxLayout, QWidget

__all__ = ["fit_on_screen", "grow_to_words", "room_for"]

#: What a desktop's frame and title take of a window, roughly: it is known only once the window has been shown.
_FRAME = QSize(8, 36)


def room_for(widget: QWidget) -> QRect:
    """Where a window of its own may lie: the screen without panels, less a frame and a title."""
    room = widget.screen().availableGeometry()
    return QRect(room.x() + _FRAME.width() // 2, room.y() + _FRAME.height() - _FRAME.width() // 2,
                 room.width() - _FRAME.width(), room.height() - _FRAME.height())  # fmt: skip


def fit_on_screen(dialog: QDialog) -> None:
    """Make a dialog that is about to be shown no larger than its screen; what needs more room scrolls above its buttons."""
    room = room_for(dialog).size()
    layout = dialog.layout()
    least = dialog.minimumSize() if layout is None else dialog.minimumSize().expandedTo(layout.totalMinimumSize())
    if layout is not None and layout.hasHeightForWidth():
        wide = min(max(dialog.width(), least.width()), room.width())
        least.setHeight(max(least.height(), layout.totalMinimumHeightForWidth(wide)))
    if not _fits(least, room) and _let_scroll(dialog):
        dialog.setMinimumSize(QSize(0, 0))
    sized = dialog.testAttribute(Qt.WidgetAttribute.WA_Resized)  # else it takes its hint when it is shown
    wanted = (dialog.size() if sized else dialog.sizeHint()).expandedTo(least)
    if not _fits(wanted, room):
        dialog.resize(wanted.boundedTo(room))


def grow_to_words(dialog: QDialog, width: int) -> None:
    """Make a dialog as high as its wrapped lines need at a width: layouts do not find that out by themselves."""
    layout = dialog.layout()
    if layout is None:
        return
    scrolled = dialog.findChild(_Scrolled)
    if scrolled is None:
        layout.activate()
        layout.invalidate()
        width = max(dialog.width(), width)
        height = layout.totalHeightForWidth(width)
        if height <= room_for(dialog).height():
            dialog.setMinimumHeight(height)
            dialog.resize(width, height)
            return
        dialog.setMinimumHeight(0)
        fit_on_screen(dialog)


def _fits(size: QSize, room: QSize) -> bool:
    return size.width() <= room.width() and size.height() <= room.height()


class _Scrolled(QScrollArea):
    """What a dialog held, as large as there is room for."""

    def __init__(self, content: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setWidget(content)

    def sizeHint(self) -> QSize:
        """That of the content with a bar beside it."""
        bar = self.verticalScrollBar().sizeHint().width()
        content = self.widget()
        return super().sizeHint() if content is None else content.sizeHint() + QSize(bar, 0)


def _let_scroll(dialog: QDialog) -> bool:
    """Put all but the last row, which is that of the buttons, into an area that scrolls. False where there are no rows."""
    column = dialog.layout()
    if not isinstance(column, QBoxLayout) or dialog.findChild(_Scrolled) is not None or column.count() < 2:
        return False
    margins, spacing = column.contentsMargins(), column.spacing()
    content = QWidget(dialog)
    content.setLayout(column)  # with its widgets: Qt moves them
    buttons = column.takeAt(column.count() - 1)
    column.setContentsMargins(0, 0, 0, 0)
    outer = QVBoxLayout(dialog)
    outer.setContentsMargins(margins)
    outer.setSpacing(spacing)
    outer.addWidget(_Scrolled(content, dialog), 1)
    assert buttons is not None
    if (widget := buttons.widget()) is not None:
        outer.addWidget(widget)
    elif (row := buttons.layout()) is not None:
        outer.addLayout(row)
    return True

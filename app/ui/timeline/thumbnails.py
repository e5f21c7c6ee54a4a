"""The strip of thumbnails: which frames it shows, and the pictures, made in a thread of their own."""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from typing import Any

from PySide6.QtCore import QObject, QRectF, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QPainter

from app.ui.session import Session
from app.ui.threads.priority import stand_back
from app.ui.timeline.axis import Axis
from app.ui.timeline.ticks import slot_step

__all__ = ["Thumbnails"]

#: Pictures kept: about 30 MB at a height of 54.
_KEPT = 1500
_GAP = 2.0


class Thumbnails(QObject):
    """Pictures of the frames that the strip shows now. ``arrived`` fires in the window's thread with each new one.

    First come the codec's key frames, which are quick; where these say nothing (the same picture in neighbouring places) the
    exact frames follow, while nothing is playing.
    """

    arrived = Signal()
    _made = Signal(object, int, int, QImage)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._maker: Any = None
        self._pictures: dict[int, tuple[int, QImage]] = {}
        self._sorted: list[int] = []
        self._slots: tuple[int, ...] = ()
        self._step = 1
        self._height = 54
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(60)
        self._later.timeout.connect(self._ask)
        self._made.connect(self._take)
        session.picture_ready.connect(self._first_picture)
        session.playing_changed.connect(lambda _playing: self._later.start())

    def close(self) -> None:
        """Forget the pictures; the thread ends behind our back."""
        maker, self._maker = self._maker, None
        self._pictures, self._sorted, self._slots = {}, [], ()
        self._later.stop()
        if maker is not None:
            maker.cancel()
            self._session.in_background(maker.stop)

    def place(self, axis: Axis, height: float, ratio: float) -> None:
        """Say what is on screen; missing pictures are asked for a moment later, once the hand rests."""
        video = self._session.video
        if video is None or height <= 0:
            slots: tuple[int, ...] = ()
        else:
            self._height = max(round(height * ratio), 16)
            self._step = slot_step(axis.scale, height * video.width / max(video.height, 1) + _GAP)
            seen = axis.visible
            slots = tuple(range(seen.start // self._step * self._step, seen.stop, self._step))
        if slots != self._slots:
            self._slots = slots
            self._later.start()

    def paint(self, painter: QPainter, axis: Axis, area: QRectF, ground: QColor) -> None:
        """Draw the strip; places without a picture yet show the nearest one there is, else plain ground."""
        video = self._session.video
        if video is None:
            return
        painter.save()
        painter.setClipRect(area)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        width = area.height() * video.width / max(video.height, 1)
        for frame in self._slots:
            at = QRectF(area.left() + axis.x_of(frame), area.top(), width, area.height())
            picture = self._nearest(frame)
            if picture is None:
                painter.fillRect(at, ground)
            else:
                painter.drawImage(at, picture)
        painter.restore()

    # ---- the maker -----------------------------------------------------------------------------------------------------

    def _nearest(self, frame: int) -> QImage | None:
        known = self._pictures.get(frame)
        if known is None and self._sorted:
            at = bisect_left(self._sorted, frame)
            near = min(self._sorted[max(at - 1, 0) : at + 1], key=lambda other: abs(other - frame))
            known = self._pictures[near] if abs(near - frame) <= self._step else None
        return None if known is None else known[1]

    def _first_picture(self, _frame: int, _picture: object) -> None:
        if self._maker is None and not self._later.isActive():
            self._later.start()

    def _ask(self) -> None:
        session = self._session
        if session.picture is None or session.video_path is None or not self._slots:
            return  # the first picture on screen goes first; it calls us again
        missing = [frame for frame in self._slots if frame not in self._pictures]
        exact = not missing
        if exact and not session.playing:
            # A key frame more than half a place away is the picture of another place.
            missing = [frame for frame in self._slots if (frame - self._pictures[frame][0]) * 2 >= self._step]
        if missing:
            missing.sort(key=lambda frame: abs(frame - session.frame))
            self._start().request(missing, exact=exact)

    def _start(self) -> Any:
        if self._maker is None:
            from app.video.thumbnails import Thumbnail, ThumbnailMaker
            from glsmamba.data.video import VideoReader

            path, index = self._session.video_path, self._session.index
            assert path is not None
            mark = object()  # pictures of a video closed meanwhile carry another one
            self._mark = mark

            def made(thumbnail: Thumbnail) -> None:
                height, width, _ = thumbnail.picture.shape
                image = QImage(thumbnail.picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
                # Converted here: the window's thread only copies pixels.
                ready = image.convertToFormat(QImage.Format.Format_RGB32)
                with contextlib.suppress(RuntimeError):  # the window is gone
                    self._made.emit(mark, thumbnail.wanted, thumbnail.frame, ready)

            def reader() -> VideoReader:  # called in the thread that makes them: they are less urgent than the picture
                stand_back()
                return VideoReader(path, index)

            self._maker = ThumbnailMaker(reader, made, self._height)
        return self._maker

    def _take(self, mark: object, wanted: int, frame: int, picture: QImage) -> None:
        if self._maker is None or mark is not self._mark:
            return
        self._pictures.pop(wanted, None)
        self._pictures[wanted] = (frame, picture)
        while len(self._pictures) > _KEPT:
            del self._pictures[next(iter(self._pictures))]
        self._sorted = sorted(self._pictures)
        if all(slot in self._pictures for slot in self._slots):
            self._later.start()
        if wanted in self._slots:
            self.arrived.emit()

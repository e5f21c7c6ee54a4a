"""Small pictures of a person in some frames, with the skeleton as it is and as it would be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.labels.pose import Pose, Visibility
from app.labels.spreading import Plan
from app.ui import theme
from app.ui.canvas.colours import bone_colour, joint_colours, qcolor
from app.ui.session import Session
from app.ui.threads.priority import stand_back
from app.ui.threads.worker import Worker
from app.ui.timeline.ruler import small_font
from glsmamba.data.skeletons import Skeleton

__all__ = ["BeforeAfter"]

_SIDE, _GAP, _HEAD, _WORDS = 76, 4, 16, 48
_MOST = 8


@dataclass(frozen=True, eq=False)
class _Cut:
    """A square of a frame: its left upper corner and side in pixels of the frame, and its picture once there."""

    x: float
    y: float
    side: float
    picture: QImage | None = None


class BeforeAfter(QWidget):
    """Two rows, before and after; a column a frame. A click goes to the frame."""

    frame_wanted = Signal(int)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._spread: Plan | None = None
        self._cuts: dict[int, _Cut] = {}
        self._worker: Worker | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Before and after")
        self.setToolTip("Above as it is, below as it would be. Click a frame to go there.")

    def sizeHint(self) -> QSize:
        """Two rows and the numbers above them."""
        return QSize(_WORDS + _MOST * (_SIDE + _GAP), _HEAD + 2 * (_SIDE + _GAP))

    def minimumSizeHint(self) -> QSize:
        """One column."""
        return QSize(_WORDS + _SIDE + _GAP, self.sizeHint().height())

    @property
    def _columns(self) -> int:
        """Frames for which there is room."""
        return min(max((self.width() - _WORDS) // (_SIDE + _GAP), 1), _MOST)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As many frames as fit."""
        if self._spread is not None and len(self._cuts) != min(self._columns, len(self._spread.frames)):
            self._look()

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames that are shown."""
        return tuple(self._cuts)

    def show_plan(self, planned: Plan) -> None:
        """Show a plan; pictures follow. The same frames with other places keep their pictures."""
        same = self._spread is not None and self._spread.frames == planned.frames and self._spread.track == planned.track
        self._spread = planned
        if not same:
            self._look()
        self.update()

    def leave(self) -> None:
        """Forget the plan and its pictures."""
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
        self._spread, self._cuts = None, {}

    def _look(self) -> None:
        self.leave_worker()
        planned = self._spread
        assert planned is not None
        frames = np.array(planned.frames)
        evenly = np.linspace(0, len(frames) - 1, min(self._columns, len(frames))).round().astype(int)
        self._cuts = {frame: _square(planned, frame) for frame in frames[evenly].tolist()}
        path, index = self._session.video_path, self._session.index
        if path is None:
            return
        cuts, side = dict(self._cuts), round(_SIDE * self.devicePixelRatioF())

        def read(progress: Callable[[float], None]) -> Mapping[int, QImage]:
            from glsmamba.data.video import VideoReader

            stand_back()
            found = {}
            with VideoReader(path, index) as reader:
                for i, (frame, cut) in enumerate(cuts.items()):
                    progress(i / len(cuts))
                    found[frame] = _picture(reader.read(frame), cut, side)
            return found

        self._worker = worker = Worker(read, self)
        worker.done.connect(lambda found: self._arrived(worker, found))

    def leave_worker(self) -> None:
        """What is still being read is not wanted any more."""
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None

    def _arrived(self, worker: Worker, found: Mapping[int, QImage]) -> None:
        if worker is self._worker:
            self._worker = None
            for frame, picture in found.items():
                cut = self._cuts[frame]
                self._cuts[frame] = _Cut(cut.x, cut.y, cut.side, picture)
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the frame under the pointer."""
        column = int((event.position().x() - _WORDS) // (_SIDE + _GAP))
        if event.button() == Qt.MouseButton.LeftButton and 0 <= column < len(self._cuts):
            self.frame_wanted.emit(list(self._cuts)[column])

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        planned = self._spread
        if planned is None:
            return
        c = theme.colors()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setFont(small_font(self.font()))
        for row, word in enumerate(("Before", "After")):
            painter.setPen(QColor(c.muted))
            at = QRectF(0, _HEAD + row * (_SIDE + _GAP), _WORDS - 4, _SIDE)
            painter.drawText(at, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, word)
        for column, (frame, cut) in enumerate(self._cuts.items()):
            x = _WORDS + column * (_SIDE + _GAP)
            painter.setPen(QColor(c.text if frame == self._session.shown_frame else c.muted))
            painter.drawText(QRectF(x, 0, _SIDE, _HEAD), Qt.AlignmentFlag.AlignCenter, str(frame))
            moved = [joint for f, joint in planned.places if f == frame]
            for row, pose in enumerate((planned.before.get(frame), planned.after.get(frame))):
                room = QRectF(x, _HEAD + row * (_SIDE + _GAP), _SIDE, _SIDE)
                painter.fillRect(room, QColor(c.hover))
                if cut.picture is not None:
                    painter.drawImage(room, cut.picture)
                if pose is not None:
                    painter.save()
                    painter.setClipRect(room)
                    _draw(painter, pose, self._session.skeleton, room, cut, moved)
                    painter.restore()


def _square(planned: Plan, frame: int) -> _Cut:
    """A square around what changes in a frame, before and after, with the rest of the person as far as it fits in."""
    moved = [joint for f, joint in planned.places if f == frame]
    poses = [pose for pose in (planned.before[frame], planned.after[frame]) if pose is not None]
    points = np.concatenate([pose.keypoints[moved][pose.visibility[moved] != Visibility.ABSENT] for pose in poses])
    low, high = points.min(axis=0), points.max(axis=0)
    side = max(float((high - low).max()) + 2 * planned.size, 4 * planned.size, 24.0)
    x, y = (low + high) / 2 - side / 2
    return _Cut(float(x), float(y), side)


def _picture(frame: np.ndarray, cut: _Cut, side: int) -> QImage:
    import cv2

    scale = side / cut.side
    affine = np.array([[scale, 0.0, -scale * cut.x], [0.0, scale, -scale * cut.y]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.warpAffine(frame, affine, (side, side), flags=flags)
    image = QImage(small.tobytes(), side, side, 3 * side, QImage.Format.Format_RGB888)
    return image.convertToFormat(QImage.Format.Format_RGB32)


def _draw(painter: QPainter, pose: Pose, skeleton: Skeleton, room: QRectF, cut: _Cut, moved: Sequence[int]) -> None:
    """Bones thin, those that end in a joint that changes thick, with a dark line under each."""
    scale = room.width() / cut.side
    at = [QPointF(room.left() + (x - cut.x) * scale, room.top() + (y - cut.y) * scale) for x, y in pose.keypoints.tolist()]
    there = pose.visibility != Visibility.ABSENT
    colours = joint_colours(pose, skeleton, 0, "side")
    for a, b in skeleton.edges:
        if there[a] and there[b]:
            wide = 2.5 if a in moved or b in moved else 1.0
            colour = qcolor(bone_colour(colours, skeleton, (a, b), "side", pose))
            for line, width in ((QColor(0, 0, 0, 130), wide + 1.5), (colour, wide)):
                painter.setPen(QPen(line, width))
                painter.drawLine(at[a], at[b])
    painter.setPen(QPen(QColor(0, 0, 0, 160), 1.0))
    for joint in moved:
        if there[joint]:
            painter.setBrush(qcolor(colours[joint]))
            painter.drawEllipse(at[joint], 3.5, 3.5)

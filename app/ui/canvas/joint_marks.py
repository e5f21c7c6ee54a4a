"""Marks of joints, each look painted once and then stamped.

Stroking three hundred rings takes sixteen milliseconds, stamping them less than one. A stamp exists for every quarter of a
device pixel in x and y, so that marks move smoothly and stand where the joint is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap

from app.ui.canvas.colours import Rgb
from app.ui.canvas.scene import FIRM, JOINT_RADIUS, PREDICTED

#: Opacity of what the model says and nobody has confirmed.
MUTED = 0.6
HAIRLINE = QColor(10, 12, 16)
_PHASES = 4


def ring_radius(size: float) -> float:
    """Radius of the line of a hollow joint."""
    return JOINT_RADIUS * size - 0.6


def square_around(x: float, y: float, radius: float) -> QRectF:
    """The square that stands for a joint of the right side where others are discs of a radius; nearly as large."""
    half = radius * 0.92
    return QRectF(x - half, y - half, 2 * half, 2 * half)


def stamp_joints(
    painter: QPainter, places: Iterable[tuple[float, float]], rgb: Rgb, form: int, occluded: bool, size: float, square: bool
) -> None:
    """Joints of one look at places in logical pixels of an otherwise untransformed painter."""
    device = painter.device()
    ratio = device.devicePixelRatioF() if device is not None else 1.0
    half = _half(size)
    for x, y in places:
        px, py = x * ratio * _PHASES, y * ratio * _PHASES
        ix, iy = math.floor(px + 0.5), math.floor(py + 0.5)
        stamp = _stamp(rgb, form, occluded, size, square, ratio, ix % _PHASES, iy % _PHASES)
        painter.drawPixmap(QPointF((ix // _PHASES) / ratio - half, (iy // _PHASES) / ratio - half), stamp)


def _half(size: float) -> int:
    return math.ceil(JOINT_RADIUS * size * 1.5 + 3)


@lru_cache(maxsize=4096)
def _stamp(
    rgb: Rgb, form: int, occluded: bool, size: float, square: bool, ratio: float, phase_x: int, phase_y: int
) -> QPixmap:  # fmt: skip
    half = _half(size)
    side = math.ceil((2 * half + 1) * ratio)
    pixmap = QPixmap(side, side)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    at = (half + phase_x / _PHASES / ratio, half + phase_y / _PHASES / ratio)
    _draw(painter, *at, rgb, form, occluded, size, square)
    painter.end()
    return pixmap


def _draw(painter: QPainter, x: float, y: float, rgb: Rgb, form: int, occluded: bool, size: float, square: bool) -> None:
    """Full joints are discs, predicted ones thin rings, occluded ones rings with a stroke; on the right side squares."""
    radius, colour = JOINT_RADIUS * size, QColor(*rgb)

    def shape(r: float) -> None:
        if square:
            painter.drawRect(square_around(x, y, r))
        else:
            painter.drawEllipse(QPointF(x, y), r, r)

    if form == FIRM and not occluded:
        painter.setPen(_pen(HAIRLINE, 0.85, 1.4))
        painter.setBrush(colour)
        shape(radius)
        return
    opacity = MUTED if form == PREDICTED else 1.0
    width = (1.5 if form == PREDICTED else 2.0) * max(size, 0.8)
    reach = radius * 1.3
    stroke = QLineF(x - reach, y + reach, x + reach, y - reach)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (_pen(HAIRLINE, 0.8 * opacity, width + 1.6), _pen(colour, min(opacity + 0.15, 1.0), width)):
        painter.setPen(pen)
        shape(ring_radius(size))
        if occluded:
            painter.drawLine(stroke)


def _pen(colour: QColor, opacity: float, width: float) -> QPen:
    c = QColor(colour)
    c.setAlphaF(opacity)
    return QPen(c, width)

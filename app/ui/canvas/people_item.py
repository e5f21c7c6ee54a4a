"""All people of the frame, painted by one graphics item in screen pixels.

One item for everybody, marks gathered by look and drawn in few calls: one curve per person costs three times as much.

Boxes, bones and joints are drawn on a clear layer, each translucent colour replacing what is below it there, and the layer is
laid over the picture: Qt blends translucent strokes ten times slower than it writes them, and in threads of its own, for which
the window would wait while a model computes on all cores. The layer is kept: as long as the people stay as they are, a repaint,
of which a moving pointer needs many, only lays it over the picture again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QTransform
from PySide6.QtWidgets import QApplication, QStyleOptionGraphicsItem, QWidget

from app.labels.pose import Visibility
from app.ui import theme
from app.ui.canvas import colours
from app.ui.canvas.joint_marks import HAIRLINE, MUTED, ring_radius, square_around, stamp_joints
from app.ui.canvas.layer import Layer, translucent
from app.ui.canvas.scene import BONE_WIDTH, FIRM, INTERPOLATED, JOINT_RADIUS, PREDICTED, ShownPerson, box_on_screen
from app.ui.events import DisplayOptions
from glsmamba.data.skeletons import Skeleton

OUTLINE = QColor(255, 255, 255)
EVERYWHERE = QRectF(-1e6, -1e6, 2e6, 2e6)
LABEL_GROUND = QColor(18, 20, 24, 200)
LABEL_TEXT = QColor("#F2F3F5")


def label_font(pixels: int = 12) -> QFont:
    """The system's font at a size in logical pixels, with figures of equal width."""
    font = QFont(QApplication.font())
    font.setPixelSize(pixels)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


class PeopleItem(pg.GraphicsObject):
    """Draws the people that ``people()`` returns. Their coordinates are screen pixels already.

    Args:
        people: called when painting.
        skeleton: called when painting.
        display: called when painting.
        selected: called when painting: the selected tracks.
        name: text of a person's label, whole and where there is no room for that.
        camera: called when painting: (scale, origin).
    """

    def __init__(
        self,
        people: Callable[[], list[ShownPerson]],
        skeleton: Callable[[], Skeleton],
        display: Callable[[], DisplayOptions],
        selected: Callable[[], Collection[int]],
        name: Callable[[ShownPerson], tuple[str, str]],
        camera: Callable[[], tuple[float, np.ndarray]],
    ) -> None:
        super().__init__()
        self._people, self._skeleton, self._display = people, skeleton, display
        self._selected, self._name, self._camera = selected, name, camera
        self._layer = Layer()

    def boundingRect(self) -> QRectF:  # noqa: D102
        return EVERYWHERE

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:  # noqa: D102
        people = self._people()
        if not people:
            return
        painter.save()
        scale, origin = self._camera()
        enter_screen(painter, scale, origin)
        seen = QRectF(widget.rect()).adjusted(-20, -20, 20, 20) if widget is not None else EVERYWHERE
        people = [p for p in people if seen.intersects(_rectf(p.rect))]
        selected = self._selected()
        display, skeleton = self._display(), self._skeleton()
        names = [self._name(p) for p in people] if display.show_names else []
        target = widget if widget is not None else painter.device()
        if people and target is not None:
            size = target.width(), target.height()

            def draw(layer: QPainter) -> None:
                for chosen in (False, True):
                    group = [p for p in people if (p.track in selected) == chosen]
                    if display.show_boxes:
                        self._boxes(layer, group, display, chosen)
                    if display.show_skeletons:
                        self._skeletons(layer, group, display, skeleton, chosen)
                layer.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
                if names:
                    self._labels(layer, people, names, selected, QRectF(0, 0, *size))
                for person in people:
                    if person.locked:
                        _lock(layer, person.rect)

            look = display, skeleton, tuple(selected), scale, *origin.tolist(), theme.palette().id
            self._layer.lay(painter, *size, (people, names, look), draw)
        painter.restore()

    def _skeletons(
        self, painter: QPainter, people: list[ShownPerson], display: DisplayOptions, skeleton: Skeleton, outlined: bool
    ) -> None:
        bones: dict[tuple, list[QLineF]] = defaultdict(list)
        joints: dict[tuple, list[tuple[float, float]]] = defaultdict(list)
        mode = display.colour_mode
        right = [side == "right" for side in skeleton.sides]
        for person in people:
            table = colours.joint_colours(person.pose, skeleton, person.track, mode)
            at, drawn, form = person.screen.tolist(), person.drawn.tolist(), person.form.tolist()
            size = round(person.size * 10) / 10
            occluded = (person.pose.visibility == Visibility.OCCLUDED).tolist()
            hollow = [form[j] != FIRM or occluded[j] for j in range(len(form))]
            for a, b in skeleton.edges:
                if drawn[a] and drawn[b]:
                    line = _between(at[a], at[b], *((ring_radius(size) if hollow[j] else 0.0) for j in (a, b)))
                    if line is not None:
                        kind = form[a] if form[a] == form[b] else _weaker(form[a], form[b])
                        rgb = colours.bone_colour(table, skeleton, (a, b), mode, person.pose)
                        bones[rgb, kind, size].append(line)
            for j, ok in enumerate(drawn):
                if ok:
                    joints[table[j], form[j], occluded[j], size, right[j]].append((at[j][0], at[j][1]))
        if outlined:
            self._outline(painter, bones, joints)
        ground = translucent(OUTLINE, 0.9) if outlined else None
        edges = {
            kind: translucent(HAIRLINE, 0.5 if kind == PREDICTED and not outlined else 0.85, ground)
            for kind in (PREDICTED, FIRM, INTERPOLATED)
        }
        for (_, kind, size), lines in bones.items():
            _lines(painter, lines, edges[kind], _bone_width(kind, size) + 1.8)
        for (rgb, kind, size), lines in bones.items():
            dashes = [3.5, 2.5] if kind == INTERPOLATED else None
            opacity = (0.85 if outlined else MUTED) if kind == PREDICTED else 1.0
            _lines(painter, lines, translucent(QColor(*rgb), opacity, edges[kind]), _bone_width(kind, size), dashes)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        for (rgb, kind, hidden, size, square), places in joints.items():
            stamp_joints(painter, places, rgb, kind, hidden, size, square)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)

    def _outline(self, painter: QPainter, bones: dict[tuple, list[QLineF]], joints: dict[tuple, list]) -> None:
        """A light edge round the whole skeleton."""
        for (_, kind, size), lines in bones.items():
            _lines(painter, lines, translucent(OUTLINE, 0.9), _bone_width(kind, size) + 4.2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(OUTLINE)
        for (_, form, hidden, size, square), places in joints.items():
            outer, inner = JOINT_RADIUS * size + 2.4, ring_radius(size)
            shape = QPainterPath()  # rings stay open in the middle: the pixel under the joint is what is being judged
            for x, y in places:
                for radius in (outer, inner) if hidden or form != FIRM else (outer,):
                    if square:
                        shape.addRect(square_around(x, y, radius))
                    else:
                        shape.addEllipse(QPointF(x, y), radius, radius)
            painter.drawPath(shape)

    def _boxes(self, painter: QPainter, people: list[ShownPerson], display: DisplayOptions, outlined: bool) -> None:
        scale, origin = self._camera()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # upright lines are sharper on whole pixels, and faster
        for person in people:
            for box, dashed in ((person.pose.box, False), (person.pose.head_box, True)):
                if box is None or (dashed and not outlined):
                    continue
                left, top, right, bottom = box_on_screen(box, scale, origin)
                rect = QRectF(left, top, right - left, bottom - top)
                firm = outlined or person.pose.touched or person.pose.box_by_human
                edge = translucent(HAIRLINE, 0.55 if firm else 0.25)
                painter.setPen(_pen(edge, 2.6 * display.mark_scale))
                painter.drawRect(rect)
                rgb = colours.person_rgb(person.track) if display.colour_mode == "person" else (0xE4, 0xE5, 0xE7)
                opacity = 0.95 if outlined else 0.7 if firm else 0.35
                colour = translucent(OUTLINE if outlined else QColor(*rgb), opacity, edge)
                painter.setPen(_pen(colour, display.mark_scale, [4, 3] if dashed else None))
                painter.drawRect(rect)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _labels(
        self,
        painter: QPainter,
        people: list[ShownPerson],
        names: list[tuple[str, str]],
        selected: Collection[int],
        room: QRectF,
    ) -> None:
        font = label_font()
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        taken: list[QRectF] = []
        view = room.adjusted(2, 2, -2, -2)
        named = zip(people, names, strict=True)
        for person, (text, short) in sorted(named, key=lambda pair: (pair[0].track not in selected, pair[0].rect[1])):
            left, top, right, bottom = person.rect
            if right - left < 14 and bottom - top < 14 and person.track not in selected:
                continue
            chosen = person.track in selected
            if not chosen and metrics.horizontalAdvance(text) > max(right - left, 60):
                text = short  # in a crowd names would hide the neighbours; the pointer tells them
            rect = QRectF(0, 0, metrics.horizontalAdvance(text) + 14, metrics.height() + 2)
            rect.moveBottomLeft(QPointF(left, top - 6))
            seen = view.intersects(_rectf(person.rect))
            if seen:  # a person cut by the edge of the view keeps their label in sight
                rect.moveTop(max(rect.top(), view.top()))
                rect.moveLeft(max(min(rect.left(), view.right() - rect.width()), view.left()))
            for _ in range(6):  # step aside from labels that are there already: upward, at the upper edge downward
                clash = next((t for t in taken if t.intersects(rect)), None)
                if clash is None:
                    break
                if seen and clash.top() - 1 - rect.height() < view.top():
                    rect.moveTop(clash.bottom() + 1)
                else:
                    rect.moveBottom(clash.top() - 1)
            taken.append(rect)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(OUTLINE if chosen else LABEL_GROUND)
            painter.drawRoundedRect(rect, 3, 3)
            painter.setBrush(QColor(*colours.person_rgb(person.track)))
            painter.drawRoundedRect(QRectF(rect.x(), rect.y(), 4, rect.height()), 2, 2)
            painter.setPen(HAIRLINE if chosen else LABEL_TEXT)
            painter.drawText(rect.adjusted(9, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)


def _lock(painter: QPainter, rect: tuple[float, float, float, float]) -> None:
    """A small lock at the upper right corner of a person's rectangle: nobody changes them by hand."""
    x, y = rect[2] - 8.0, rect[1] + 3.0
    shackle = QPainterPath(QPointF(x - 3.5, y + 8.0))
    shackle.lineTo(x - 3.5, y + 5.0)
    shackle.arcTo(QRectF(x - 3.5, y + 1.5, 7.0, 7.0), 180.0, -180.0)
    shackle.lineTo(x + 3.5, y + 8.0)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in ((HAIRLINE, 4.0), (OUTLINE, 1.8)):
        painter.setPen(QPen(colour, width))
        painter.drawPath(shackle)
    painter.setPen(QPen(HAIRLINE, 1.2))
    painter.setBrush(OUTLINE)
    painter.drawRoundedRect(QRectF(x - 5.5, y + 7.0, 11.0, 8.5), 1.5, 1.5)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def enter_screen(painter: QPainter, scale: float, origin: np.ndarray) -> None:
    """From view coordinates under the camera to screen pixels, whatever the painter draws on."""
    painter.setWorldTransform(QTransform(1 / scale, 0, 0, 1 / scale, float(origin[0]), float(origin[1])), True)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)


def _bone_width(form: int, size: float) -> float:
    return (BONE_WIDTH if form != PREDICTED else 1.4) * max(size, 0.7)


def _between(p: list[float], q: list[float], from_p: float, from_q: float) -> QLineF | None:
    """The line from p to q, so much shorter at each end: bones stop at the edge of hollow joints."""
    dx, dy = q[0] - p[0], q[1] - p[1]
    length = math.hypot(dx, dy)
    if length <= from_p + from_q + 0.5:
        return None
    a, b = from_p / length, 1 - from_q / length
    return QLineF(p[0] + dx * a, p[1] + dy * a, p[0] + dx * b, p[1] + dy * b)


def _weaker(a: int, b: int) -> int:
    return INTERPOLATED if INTERPOLATED in (a, b) and PREDICTED not in (a, b) else PREDICTED


def _rectf(rect: tuple[float, float, float, float]) -> QRectF:
    left, top, right, bottom = rect
    return QRectF(left, top, max(right - left, 0.1), max(bottom - top, 0.1))


def _pen(colour: QColor, width: float, dashes: list[float] | None = None) -> QPen:
    pen = QPen(colour, width)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)  # joints cover the ends of full bones; hollow ones must stay clear
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    if dashes is not None:
        pen.setDashPattern(dashes)
    return pen


def _lines(painter: QPainter, lines: list[QLineF], colour: QColor, width: float, dashes: list[float] | None = None) -> None:
    painter.setPen(_pen(colour, width, dashes))
    painter.drawLines(lines)

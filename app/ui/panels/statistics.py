"""How joints move over time: displacement, bone length and score of every frame, as plots that follow the current one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.labels.changes import LabelChange
from app.labels.statistics import BOUND_WORDS, MEASURES, Measure
from app.ui import theme
from app.ui.actions.in_force import in_force, select_somebody
from app.ui.canvas.colours import on_ground, person_rgb, qcolor
from app.ui.panels.course_plot import CoursePlot, Curve, line_pen
from app.ui.panels.envelope import Envelope
from app.ui.panels.page import Pace, Page
from app.ui.panels.scrolled import Scrolled
from app.ui.session import Session
from app.ui.threads.statistics_thread import Asked, Computed, StatisticsThread
from app.ui.timeline.axis import Axis
from glsmamba.data.skeletons import Skeleton, bone_words, joint_words

__all__ = ["StatisticsPanel"]

#: Milliseconds between two moves of the lines of the current frame while the video plays.
_FOLLOW_MS = 40
#: No more people than this are drawn at once: more lines cannot be told apart.
_MOST = 5
#: Logical pixels from which on two choices stand side by side.
_SIDE_BY_SIDE = 320
#: Frames on screen to choose from; 0: all.
_ZOOMS = (0, 5000, 1000, 250, 50)
_UNITS: dict[Measure, str] = {"displacement": "px / frame", "length": "px", "score": "score"}
_NAMES: dict[Measure, str] = {"displacement": "Displacement", "length": "Length", "score": "Score"}
#: Lowest and highest value; None: what is there.
_SPANS: dict[Measure, tuple[float, float] | None] = {"displacement": None, "length": None, "score": (0.0, 1.0)}
_SELECTED, _ALL = -2, -1


class _Legend(QWidget):
    """Whose line is whose, and what the marks mean; wraps where it is narrow."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._people: list[tuple[str, QPen]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(f"A jump is a step beyond the {BOUND_WORDS}.")

    def set_people(self, people: Sequence[tuple[str, QPen]]) -> None:
        """Names and pens of the people shown."""
        self._people = list(people)
        self.setAccessibleName("; ".join([name for name, _ in people]))
        self._fix()

    def _places(self) -> list[tuple[QRect, str, QPen | str]]:
        metrics, out = self.fontMetrics(), []
        x, y, height = theme.GRID, 2, metrics.height() + 2
        entries: list[tuple[str, QPen | str]] = [*self._people, ("by hand", "human"), ("jump", "jump")]
        for name, sign in entries:
            name = metrics.elidedText(name, Qt.TextElideMode.ElideRight, max(self.width() - 60, 40))
            wide = metrics.horizontalAdvance(name) + (28 if isinstance(sign, QPen) else 14)
            if x > theme.GRID and x + wide > self.width() - theme.GRID:
                x, y = theme.GRID, y + height
            out.append((QRect(x, y, wide, height), name, sign))
            x += wide + 2 * theme.GRID
        return out

    def _fix(self) -> None:
        height = self._places()[-1][0].bottom() + 3
        if height != self.height():
            self.setFixedHeight(height)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fix()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, c = QPainter(self), theme.colors()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for rect, name, sign in self._places():
            middle = rect.top() + rect.height() / 2
            if isinstance(sign, QPen):
                painter.setPen(sign)
                painter.drawLine(QPointF(rect.left(), middle), QPointF(rect.left() + 22, middle))
                text = rect.adjusted(28, 0, 4, 0)
            else:
                x = rect.left() + 5.0
                corners = ((0, -5), (4, 0), (0, 5), (-4, 0)) if sign == "human" else ((0, -4.5), (4.5, 4), (-4.5, 4))
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(c.ok if sign == "human" else c.warning))
                painter.drawPolygon(QPolygonF([QPointF(x + dx, middle + dy) for dx, dy in corners]))
                text = rect.adjusted(14, 0, 4, 0)
            painter.setPen(QColor(c.text))
            painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)


class _Plots(Page):
    """The plots, or words in their place: as high as they need at least, so that the panel scrolls where it is lower.

    ``resized()``: they have another width.
    """

    resized = Signal()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    def minimumSizeHint(self) -> QSize:
        return self.content.minimumSizeHint()


class StatisticsPanel(Page):
    """Three plots of the selected people's selected joint, or of what is chosen above them.

    Attributes:
        plots: by measure.
        people, joints, bones, zoom: the choices.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        content = QWidget()
        super().__init__(Scrolled(content), parent)
        self._session = session
        self._asked: Asked | None = None
        self._computed: Computed | None = None
        self._hover: int | None = None
        self._listed: tuple[tuple[int, str], ...] = ()
        self.axis = Axis()
        self.people, self.joints, self.bones, self.zoom = (
            self._choice(content, name, tip)
            for name, tip in (
                ("Person", "Whose figures are drawn"), ("Joint", "Whose displacement and score are drawn"),
                ("Bone", "Whose length is drawn"), ("Frames", "How many frames are drawn, around the current one"),
            )
        )  # fmt: skip
        for count in _ZOOMS:
            self.zoom.addItem(f"{count:,} frames" if count else "All frames", count)
        self.zoom.activated.connect(self._zoomed)
        for choice in (self.people, self.joints, self.bones):
            choice.activated.connect(self.refresh)
        self.back = self._button(content, "chevron-left", "Previous jump", lambda: self._go_jump(-1))
        self.on = self._button(content, "chevron-right", "Next jump", lambda: self._go_jump(1))
        self.legend = _Legend(content)
        drawn = QWidget()
        self.titles: dict[Measure, QLabel] = {}
        self.bounds: dict[Measure, QLabel] = {}
        self.plots: dict[Measure, CoursePlot] = {}
        column = QVBoxLayout(drawn)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.legend)
        for measure in MEASURES:
            self._add_plot(measure, drawn, column)
        self._inner = _Plots(drawn, content)
        self._inner.resized.connect(self._fit_width)
        self._grid = grid = QGridLayout()
        grid.setContentsMargins(theme.GRID, theme.GRID, theme.GRID, theme.GRID // 2)
        grid.setSpacing(theme.GRID // 2)
        self._last = QWidget(content)
        last = QHBoxLayout(self._last)
        last.setContentsMargins(0, 0, 0, 0)
        last.setSpacing(2)
        last.addWidget(self.zoom, 1)
        last.addWidget(self.back)
        last.addWidget(self.on)
        self._columns = 0
        self._arrange(2)
        whole = QVBoxLayout(content)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(grid)
        whole.addWidget(self._inner, 1)
        self._thread = StatisticsThread(self)
        self._thread.computed.connect(self._take)
        self._pace = Pace(self._moved, _FOLLOW_MS, self)
        session.video_opened.connect(self._video_opened)
        session.labels_changed.connect(self._labels_changed)
        session.picture_ready.connect(self._pace.ask)
        session.selection_changed.connect(self.refresh)
        in_force().changed.connect(self.refresh)
        theme.theme().changed.connect(self._restyle)
        self._restyle()
        self._video_opened(session.video)

    def _arrange(self, columns: int) -> None:
        """The choices side by side, or below each other where there is no room for that."""
        if columns == self._columns:
            return
        self._columns = columns
        for n, part in enumerate((self.people, self.joints, self.bones, self._last)):
            self._grid.addWidget(part, *divmod(n, columns))
        for column in (0, 1):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange the choices for the new width."""
        super().resizeEvent(event)
        self._arrange(2 if self.width() >= _SIDE_BY_SIDE else 1)

    @staticmethod
    def _choice(parent: QWidget, name: str, tip: str) -> QComboBox:
        choice = QComboBox(parent)
        choice.setAccessibleName(name)
        choice.setToolTip(tip)
        choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        choice.setMinimumContentsLength(8)
        choice.setMaxVisibleItems(20)
        choice.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a choice by mouse leaves the keys to the picture
        return choice

    @staticmethod
    def _button(parent: QWidget, icon: str, tip: str, call: Callable[[], None]) -> QToolButton:
        button = QToolButton(parent)
        button.setProperty("icon_name", icon)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setIconSize(QSize(18, 18))
        button.clicked.connect(call)
        return button

    def _add_plot(self, measure: Measure, parent: QWidget, column: QVBoxLayout) -> None:
        title, bound = QLabel("", parent), QLabel("", parent)
        for label in (title, bound):
            label.setFont(theme.numbers_font())
        title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # numbers that grow must not move the dock
        theme.set_role(bound, "small")
        row = QHBoxLayout()
        row.setContentsMargins(theme.GRID, theme.GRID // 2, theme.GRID, 0)
        row.addWidget(title, 1)
        row.addWidget(bound)
        plot = CoursePlot(self.axis, f"{_NAMES[measure]} over time", _UNITS[measure], parent)
        plot.set_numbers(measure == MEASURES[-1])
        plot.scrubbed.connect(self._session.scrub)
        plot.pointed.connect(self._pointed)
        plot.axis_changed.connect(self._axis_moved)
        column.addLayout(row)
        column.addWidget(plot, 1)
        self.titles[measure], self.bounds[measure], self.plots[measure] = title, bound, plot

    # ---- what to draw --------------------------------------------------------------------------------------------------

    def _video_opened(self, video: Any) -> None:
        skeleton = self._session.skeleton
        self._thread.set_project(self._session.project if video is not None else None)
        self._asked = self._computed = None
        self._listed = ()
        for choice, all_words, names in (
            (self.joints, "All joints", [joint_words(joint) for joint in skeleton.joints]),
            (self.bones, "All bones", [bone_words(skeleton, edge) for edge in range(len(skeleton.edges))]),
        ):
            choice.clear()
            choice.addItem("", _SELECTED)
            choice.addItem(all_words, _ALL)
            for i, name in enumerate(names):
                choice.addItem(name, i)
        self.people.clear()
        self.people.addItem("", _SELECTED)
        self.axis.set_count(self._session.n_frames)
        self.zoom.setCurrentIndex(0)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Ask for the figures of what is selected and chosen."""
        if not self.on_screen:
            return
        session = self._session
        if session.video is None:
            self.show_words("Open a video first.")
            return
        self.show_content()
        self._list_people()
        selected = session.selection.tracks[-_MOST:]
        chosen = self.people.currentData()
        tracks = selected if chosen == _SELECTED else (chosen,)
        joint, edge = self._joint(), self._edge(session.skeleton)
        self._name_selected(selected, session.selected_joint, session.skeleton)
        if not tracks:
            self._asked = self._computed = None
            self._inner.show_words(f"{select_somebody('Select a person')} Or choose one above; Ctrl+click adds others.")
            return
        asked = Asked(tuple(tracks), joint, edge)
        if asked != self._asked:
            self._asked = asked
            if not self._thread.isRunning():
                self._thread.start()
            self._thread.ask(asked)
            if self._computed is None:
                self._inner.show_words("Reading…")

    def _joint(self) -> int | None:
        chosen = self.joints.currentData()
        if chosen == _SELECTED:
            return self._session.selected_joint
        return None if chosen == _ALL else chosen

    def _edge(self, skeleton: Skeleton) -> int | None:
        chosen = self.bones.currentData()
        if chosen == _ALL:
            return None
        return chosen if chosen != _SELECTED else _bone_of(skeleton, self._session.selected_joint)

    def _list_people(self) -> None:
        project = self._session.project
        listed = tuple((track, project.track_name(track)) for track in project.tracks())
        if listed != self._listed:
            self._listed = listed
            chosen = self.people.currentData()
            while self.people.count() > 1:
                self.people.removeItem(1)
            for track, name in listed:
                self.people.addItem(name, track)
            self.people.setCurrentIndex(max(self.people.findData(chosen), 0))

    def _name_selected(self, tracks: Sequence[int], joint: int | None, skeleton: Skeleton) -> None:
        """Say what "selected" means now in the first line of each choice."""
        names = ", ".join(self._session.track_name(track) for track in tracks)
        edge = _bone_of(skeleton, joint)
        self.people.setItemText(0, f"Selected: {names}" if names else "Selected people")
        joint_name = "all joints" if joint is None else joint_words(skeleton.joints[joint])
        self.joints.setItemText(0, f"Selected: {joint_name}")
        self.bones.setItemText(0, f"Selected: {'all bones' if edge is None else bone_words(skeleton, edge)}")

    def catch_up(self) -> None:
        """It came on screen."""
        self.refresh()
        self._fit_width()
        self._moved()

    def _labels_changed(self, change: LabelChange) -> None:
        self._thread.touch(change.frames)
        if change.reason != "prediction":
            self.refresh()

    def let_go(self) -> None:
        """End the thread; the window is being closed."""
        self._thread.finish()

    # ---- drawing -------------------------------------------------------------------------------------------------------

    def _take(self, computed: Computed) -> None:
        if computed.asked != self._asked:
            return
        self._computed = computed
        self._show()

    def _show(self) -> None:
        computed = self._computed
        if computed is None:
            return
        pens = {
            track: line_pen(qcolor(on_ground(person_rgb(track), theme.colors().surface)), i, self.devicePixelRatioF())
            for i, track in enumerate(computed.asked.tracks)
        }  # fmt: skip
        self.legend.set_people([(self._session.track_name(track), pen) for track, pen in pens.items()])
        for measure, plot in self.plots.items():
            plot.set_curves(
                [
                    Curve(series[measure], Envelope(series[measure].values), pens[track], 1.0 if measure == "score" else 0.0)
                    for track, series in computed.series.items()
                ],
                _SPANS[measure],
            )
        self._inner.show_content()
        self._fit_width()
        self._moved()

    def _moved(self) -> None:
        """Another frame is on screen."""
        if not self.on_screen or self._session.video is None:
            return
        frame = self._session.shown_frame
        if self.axis.reveal(frame):
            self._axis_moved()
        for plot in self.plots.values():
            plot.set_frame(frame)
        self._say()

    def _pointed(self, frame: int) -> None:
        self._hover = None if frame < 0 else frame
        for plot in self.plots.values():
            plot.set_hover(self._hover)
        self._say()

    def _say(self) -> None:
        """The figures of the current frame, or of the one under the pointer."""
        computed = self._computed
        if computed is None:
            return
        skeleton, asked = self._session.skeleton, computed.asked
        frame = self._session.shown_frame if self._hover is None else self._hover
        joint = "all joints" if asked.joint is None else joint_words(skeleton.joints[asked.joint])
        bone = "all bones" if asked.edge is None else bone_words(skeleton, asked.edge)
        for measure, title in self.titles.items():
            of = bone if measure == "length" else joint
            pattern, unit = ("{:.2f}", "") if measure == "score" else ("{:.1f}", " px")
            values = [float(series[measure].values[frame]) for series in computed.series.values()]
            said = ", ".join("–" if math.isnan(value) else pattern.format(value) for value in values)
            where = f" in frame {frame}" if self._hover is not None else ""
            title.setText(f"{_NAMES[measure]} of {of}: {said}{unit if any(map(math.isfinite, values)) else ''}{where}")
            title.setToolTip(title.text())
            found = [series[measure] for series in computed.series.values()]
            count = sum(len(series.jumps) for series in found)
            bounds = [pattern.format(series.bound) + unit for series in found if not math.isnan(series.bound)]
            label = self.bounds[measure]
            beyond = f" > {bounds[0]}" if len(found) == 1 and bounds else ""
            label.setText(f"{count:,} jump{'' if count == 1 else 's'}{beyond}" if computed.whole else "reading…")
            label.setToolTip(f"Steps beyond the {BOUND_WORDS}: {', '.join(bounds)}.")

    def _restyle(self) -> None:
        for plot in self.plots.values():
            plot.restyle()
        for button in (self.back, self.on):
            button.setIcon(theme.icon(button.property("icon_name")))
        self._show()

    # ---- the axis ------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Another screen: lines of another width."""
        if event.type() == QEvent.Type.DevicePixelRatioChange and hasattr(self, "_thread"):
            self._restyle()
        return super().event(event)

    def _fit_width(self) -> None:
        if self.isVisible():
            self.axis.set_width(max(self.plots["displacement"].room, 1.0))
            self._draw()

    def _zoomed(self, _row: int) -> None:
        count, frame = self.zoom.currentData(), self._session.shown_frame
        if count and count < self.axis.count:
            self.axis.show(frame - count // 2, frame + count // 2)
        else:
            self.axis.fit()
        self._draw()

    def _axis_moved(self) -> None:
        if self.axis.fitted:
            self.zoom.setCurrentIndex(0)
        elif self.zoom.currentIndex() == 0 and self.zoom.count() > 1:
            self.zoom.setCurrentIndex(-1)
        self._draw()

    def _draw(self) -> None:
        for plot in self.plots.values():
            plot.draw()

    def _go_jump(self, way: int) -> None:
        """To the next or previous jump of what is drawn."""
        if self._computed is None:
            return
        frames = np.unique(
            np.concatenate([[], *(one.jumps for series in self._computed.series.values() for one in series.values())])
        )
        now = self._session.frame
        ahead = frames[frames > now] if way > 0 else frames[frames < now][::-1]
        if len(ahead):
            self._session.scrub(int(ahead[0]))
        else:
            self._session.tell(f"No {'later' if way > 0 else 'earlier'} jump in what is drawn.")


def _bone_of(skeleton: Skeleton, joint: int | None) -> int | None:
    """The bone that ends at a joint, else one that begins there."""
    if joint is None:
        return None
    ends = [i for i, (_, b) in enumerate(skeleton.edges) if b == joint]
    return next(iter([*ends, *(i for i, edge in enumerate(skeleton.edges) if joint in edge)]), None)

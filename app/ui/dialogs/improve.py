"""Improve the model on one's own corrections: what it learns from, how it goes, what came of it, and the decision."""

from __future__ import annotations

from collections.abc import Callable

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.learning.words import better, table, verdict
from app.ui import theme
from app.ui.dialogs.room import grow_to_words
from app.ui.improving import Improver

__all__ = ["ImproveDialog"]

_WIDTH, _PLOT_HEIGHT = 560, 264
_INTRO = (
    "A copy of the model is trained on the frames that you corrected, accepted or reviewed, in a process of its own beside "
    "your work. The present model stays as it is; you decide at the end."
)
_DECIDE = (
    "Adopt: the new model predicts from now on; poses that were predicted stay until you ask for them again. It has no "
    "calibrated probabilities, as those of the old one do not hold for it: doubt then goes by scores."
)


class ImproveDialog(QDialog):
    """Shows the window's improver; closing the dialog changes nothing about it."""

    def __init__(self, improver: Improver, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._improver = improver
        self.setWindowTitle("Improve on my corrections")
        self.setMinimumWidth(_WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        self.intro = self._label(_INTRO)
        self.words = self._label()
        self.plot = CurvePlot(self)
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.how_far = self._label()
        self.how_far.setFont(theme.numbers_font())
        self.results = ResultTable(self)
        self.sentence = self._label()
        for widget in (self.intro, self.words, self.plot, self.bar, self.how_far, self.results, self.sentence):
            column.addWidget(widget)
        column.addStretch(1)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GRID)
        buttons.addStretch(1)
        self.close_button = self._button(buttons, "Close", self.close)
        self.throw_away = self._button(buttons, "Throw away", improver.throw_away, "Delete what was learnt so far.")
        self.stop = self._button(buttons, "Stop", improver.stop, "It can go on later, also after the program was closed.")
        self.keep_old = self._button(buttons, "Keep the old one", improver.keep_old, "The new model is deleted.")
        self.adopt = self._button(buttons, "Adopt", improver.adopt, "The old one stays in Model > Model…, to go back to.")
        self.anew = self._button(buttons, "Start anew", lambda: improver.begin(anew=True), "With the labels as they are now.")
        self.start = self._button(buttons, "Start", improver.begin)
        column.addLayout(buttons)
        improver.changed.connect(self._show)
        improver.progressed.connect(self._advance)
        theme.theme().changed.connect(self._show)
        self._show()
        improver.look()

    def _label(self, text: str = "") -> QLabel:
        label = QLabel(text, self)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label

    def _button(self, row: QHBoxLayout, text: str, call: Callable[[], object], tip: str = "") -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        button.clicked.connect(lambda _checked=False: call())
        row.addWidget(button)
        return button

    def _show(self) -> None:
        """Bring everything up to date with the improver's state."""
        i = self._improver
        running, finished = i.state == "running", i.state == "finished"
        theme.set_role(self.intro, "muted")
        self.intro.setVisible(i.state in ("looking", "refused", "ready"))
        start = f"It starts from {i.start}." if i.start else ""
        self.words.setText("Looking at what you corrected…" if i.state == "looking" else f"{i.words} {start}".strip())
        self.words.setVisible(i.state != "refused")
        self.plot.setVisible(running or bool(i.errors))
        self.bar.setVisible(running)
        self.how_far.setVisible(running or i.state == "interrupted")
        decided = finished and i.before is not None and i.after is not None
        self.results.setVisible(decided)
        if decided and i.before is not None and i.after is not None:
            self.results.show_rows(table(i.before, i.after), better(i.before, i.after))
            self.sentence.setText(f"{verdict(i.before, i.after)}\n\n{_DECIDE}")
        else:
            self.sentence.setText(i.sentence)
        self.sentence.setVisible(bool(self.sentence.text()))
        theme.set_role(self.sentence, "error" if i.state == "failed" else "")
        self.stop.setVisible(running)
        self.stop.setEnabled(not i.stopping)
        self.throw_away.setVisible(i.state == "interrupted")
        self.keep_old.setVisible(finished)
        self.adopt.setVisible(finished)
        can_begin = i.can_begin
        self.anew.setVisible(i.state in ("interrupted", "failed") and can_begin)
        self.start.setVisible(i.state in ("looking", "refused", "ready", "interrupted"))
        self.start.setEnabled(i.state == "interrupted" or (i.state == "ready" and can_begin))
        self.start.setText("Go on" if i.state == "interrupted" else "Start")
        main = self.adopt if finished else self.start
        main.setDefault(True)
        self._advance()
        grow_to_words(self, _WIDTH)

    def _advance(self) -> None:
        i = self._improver
        if i.stopping and i.state == "running":
            self.how_far.setText("Stopping…")
        elif i.reading is not None and i.state == "running":
            self.bar.setValue(round(1000 * i.reading))
            self.how_far.setText("Reading the frames…")
        else:
            self.bar.setValue(round(1000 * i.fraction))
            left = f", {_time(i.seconds_left)} left" if i.state == "running" and i.step else ""
            stopped = "Stopped at step" if i.state == "interrupted" else "Step"
            self.how_far.setText(f"{stopped} {i.step} of {i.steps}{left}" if i.steps else "Starting…")
        self.plot.show_curves(i.losses, i.errors)


class CurvePlot(QWidget):
    """Two curves over the steps, one above the other: the loss, and the error on the held-out frames."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(_PLOT_HEIGHT)
        self.setAccessibleName("Loss and held-out error over the steps")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.view = pg.GraphicsLayoutWidget(self)
        column.addWidget(self.view)
        self.loss = self.view.addPlot(row=0, col=0)
        self.error = self.view.addPlot(row=1, col=0)
        self.error.setXLink(self.loss)
        self.loss_curve, self.error_curve = self.loss.plot(), self.error.plot(symbol="o", symbolSize=6)
        for plot in (self.loss, self.error):
            plot.setMouseEnabled(False, False)
            plot.hideButtons()
            plot.setMenuEnabled(False)
            plot.getAxis("left").setWidth(64)
        self.loss.getAxis("bottom").setStyle(showValues=False)
        theme.theme().changed.connect(self._colour)
        self._colour()

    def show_curves(self, losses: list[tuple[int, float]], errors: list[tuple[int, float]]) -> None:
        """Draw (step, loss) and (step, error as a share of the person's size)."""
        self.loss_curve.setData([x for x, _ in losses], _smooth([y for _, y in losses]))
        self.error_curve.setData([x for x, _ in errors], [100 * y for _, y in errors])

    def _colour(self) -> None:
        c = theme.colors()
        self.view.setBackground(c.surface)
        names = ((self.loss, "loss"), (self.error, "held-out, %"))
        for plot, name in names:
            for side in ("left", "bottom"):
                axis = plot.getAxis(side)
                axis.setPen(c.line)
                axis.setTextPen(c.muted)
            plot.setLabel("left", name, color=c.muted)
        self.error.setLabel("bottom", "step", color=c.muted)
        self.loss_curve.setPen(pg.mkPen(c.accent, width=1.5))
        self.error_curve.setPen(pg.mkPen(c.warning, width=1.5))
        self.error_curve.setSymbolBrush(c.warning)
        self.error_curve.setSymbolPen(None)


class ResultTable(QWidget):
    """Before and after, a line each."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(3 * theme.GRID)
        self._grid.setColumnStretch(0, 1)

    def show_rows(self, rows: list[tuple[str, str, str]], good: bool) -> None:
        """Show (what, before, after)."""
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for y, row in enumerate([("On the held-out frames", "before", "after"), *rows]):
            for x, text in enumerate(row):
                label = QLabel(text, self)
                label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                if x:
                    label.setAlignment(Qt.AlignmentFlag.AlignRight)
                    label.setFont(theme.numbers_font())
                if y == 0:
                    theme.set_role(label, "muted")
                elif y == 1 and x == 2:
                    theme.set_role(label, "ok" if good else "warning")
                self._grid.addWidget(label, y, x)
                label.show()


def _smooth(values: list[float]) -> list[float]:
    """Mean of the last ten: single batches are noisy."""
    return [sum(values[max(0, n - 9) : n + 1]) / len(values[max(0, n - 9) : n + 1]) for n in range(len(values))]


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(seconds, 1):.0f} s"

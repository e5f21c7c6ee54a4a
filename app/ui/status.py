"""What is going on: the status bar, and the widget at the top right for work that takes time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenuBar, QProgressBar, QStatusBar, QToolButton, QWidget

from app.ui import theme
from app.ui.actions.in_force import in_force, with_key
from app.ui.cut_label import CutLabel
from app.ui.events import SaveState
from app.ui.improving import Improver
from app.ui.session import Session

__all__ = ["StatusBar", "WorkWidget", "duration_text"]


#: Letters of a model's name in the status line, beside the menus.
_LONGEST_MODEL = 52


def duration_text(seconds: float) -> str:
    """Roughly: "8 s", "3 min", "1 h 20 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _line(status: Any) -> str:
    """Model, device, kernel, rate and time left, as far as they are known."""
    if status.state not in ("running", "paused") or not status.model:
        return status.text
    kernel = status.backend.split(" ")[0]
    parts = [_short(status.model), status.device, kernel if kernel != "none" else ""]
    if status.state == "paused":
        parts.append("paused")
    elif status.windows_per_s:
        parts.append(f"{status.windows_per_s:.1f} windows/s")
    if status.state == "running" and status.eta_s is not None:
        parts.append(f"{duration_text(status.eta_s)} left")
    return " · ".join(part for part in parts if part)


def _short(model: str) -> str:
    """A model's name with the middle of a long file name left out, which the tooltip has whole."""
    what, _, file = model.partition(" (")
    room = max(_LONGEST_MODEL - len(what), 12)
    if len(file) <= room:
        return model
    file = file.removesuffix(")")
    return f"{what} ({file[: room // 2 - 2]}…{file[-(room // 2) :]})"


class StatusBar(QStatusBar):
    """Left the video's facts or a hint, right the pointer, the zoom and whether all is on the disk."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setSizeGripEnabled(False)
        self._facts = CutLabel(self)
        self._facts.setObjectName("status_facts")
        self.review = QLabel(self)
        self.review.setObjectName("status_review")
        self.pointer = QLabel(self)
        self.zoom = QLabel(self)
        self.saved = QLabel(self)
        self.saved.setObjectName("status_saved")
        self.addWidget(self._facts, 1)
        for label in (self.review, self.pointer, self.zoom, self.saved):
            label.setFont(theme.numbers_font())
            label.setContentsMargins(theme.GRID, 0, theme.GRID, 0)
            self.addPermanentWidget(label)
        theme.set_role(self.saved, "muted")
        for label, widest in ((self.review, "100.0 % reviewed"), (self.pointer, "x 0000.0  y 0000.0"), (self.zoom, "1600 %")):
            # Fixed, for a label that may grow has the whole window laid out again with each move of the pointer.
            label.setFixedSize(label.fontMetrics().horizontalAdvance(widest) + 2 * theme.GRID, label.sizeHint().height())
            label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            theme.set_role(label, "muted")
        self.setContentsMargins(theme.GRID, 0, 0, 0)
        session.video_opened.connect(self._video)
        session.save_state_changed.connect(self._saved)
        session.lookout_changed.connect(self._looked)
        in_force().changed.connect(self._looked)
        self._video(session.video)

    def hint(self, text: str) -> None:
        """Say something for a few seconds in place of the video's facts."""
        self.showMessage(text, 4000)

    def show_pointer(self, at: tuple[float, float] | None) -> None:
        """Position of the pointer in pixels of the frame, or None outside it."""
        self.pointer.setText("" if at is None else f"x {at[0]:.1f}  y {at[1]:.1f}")

    def show_zoom(self, factor: float | None) -> None:
        """Screen pixels per pixel of the frame."""
        self.zoom.setText("" if factor is None or self._session.video is None else f"{factor * 100:.0f} %")

    def _video(self, video: Any) -> None:
        if video is None:
            self._facts.say("No video is open", "")
            self._facts.setToolTip("")
            self.saved.setText("")
            self.review.setText("")
            self.show_pointer(None)
            self.show_zoom(None)
            return
        name = Path(video.path).name
        rate = f"{video.fps:.4g} fps" + (", variable" if video.variable_rate else "")
        self._facts.say(name, f" · {video.width}×{video.height} · {rate} · {video.n_frames} frames · {video.codec}")
        self._facts.setToolTip(str(video.path))

    def _looked(self) -> None:
        lookout = self._session.lookout
        if lookout is None:
            return
        p = lookout.progress
        share = 100 * p.reviewed / p.people if p.people else 100 * p.frames_reviewed / max(p.frames, 1)
        self.review.setText(f"{share:.0f} % reviewed" if share in (0, 100) else f"{min(max(share, 0.1), 99.9):.1f} % reviewed")
        self.review.setToolTip(
            f"{p.reviewed:,} of {p.people:,} poses are reviewed or accepted; {p.frames_reviewed:,} of {p.frames:,} frames are"
            " reviewed." + with_key("\n", "review.next", " leads to the most doubtful place that is not.")
        )

    def _saved(self, state: SaveState) -> None:
        self.saved.setText(state.text if state.path else "")
        self.saved.setToolTip(f"All changes are written as they are made, in {state.path}" if state.path else "")


class WorkWidget(QWidget):
    """Progress, rate, time left, pause and cancel: of opening a video, else of improving the model, else of predicting."""

    def __init__(self, session: Session, improver: Improver, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._improver = session, improver
        self._opening: Path | None = None
        self._progress = 0.0
        self._text = ""
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.GRID, 0, theme.GRID, 0)
        row.setSpacing(theme.GRID)
        self.text = QLabel(self)
        self.text.setObjectName("work_text")
        self.text.setFont(theme.numbers_font())
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setFixedWidth(96)
        self.pause = self._button("work_pause", self._pause)
        self.cancel = self._button("work_cancel", self._cancel)
        for widget in (self.text, self.bar, self.pause, self.cancel):
            row.addWidget(widget)
        # Laid over the menu bar, not made its corner widget: that would make the bar higher when work starts, and the picture
        # below would jump under the hand.
        if parent is not None:
            parent.installEventFilter(self)
        # Opening a short video takes a few tens of milliseconds: a bar that flashes up for that is only noise.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(300)
        self._soon.timeout.connect(self.refresh)
        session.opening_changed.connect(self._opening_changed)
        session.index_progress.connect(self._index_progress)
        session.model.changed.connect(lambda _status: self.refresh())
        session.video_opened.connect(lambda _video: self.refresh())
        in_force().changed.connect(self.refresh)
        improver.changed.connect(self.refresh)
        improver.progressed.connect(self.refresh)
        theme.theme().changed.connect(self.refresh)
        self.refresh()

    def _button(self, name: str, call: Any) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setIconSize(QSize(16, 16))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(call)
        return button

    def _opening_changed(self, path: Path | None) -> None:
        self._opening, self._progress = path, 0.0
        if path is None:
            self._soon.stop()
            self.refresh()
        else:
            self._soon.start()

    def _index_progress(self, fraction: float) -> None:
        self._progress = fraction
        if not self._soon.isActive():
            self.refresh()

    def refresh(self) -> None:
        """Show how things stand."""
        status = self._session.model.status
        paused = status is not None and status.state == "paused"
        self.pause.setIcon(theme.icon("play" if paused else "pause"))
        tip = ("Go on predicting" if paused else "Pause predicting") + with_key(" (", "model.pause", ")")
        self.pause.setToolTip(tip)
        self.pause.setAccessibleName(tip)
        opening = self._opening is not None and not self._soon.isActive()
        if opening and self._opening is not None:
            self._show(f"Reading {self._opening.name}", self._progress, pausable=False, cancel_tip="Stop opening")
        elif self._improver.state == "running":
            left = f", {self._improver.seconds_left / 60:.0f} min left" if self._improver.step else ""
            tip = "Stop improving; it can go on later"
            self._show(f"Improving the model{left}", self._improver.fraction, pausable=False, cancel_tip=tip)
            self.text.setToolTip("Model > Improve on my corrections… shows how it goes.")
        elif status is not None and status.state != "off":
            running = status.state in ("running", "paused", "starting")
            self._show(_line(status), status.fraction if running else None, pausable=running, cancel_tip="Stop predicting")
            self.text.setToolTip(f"{status.text}\n{status.details}")
        else:
            for widget in (self.text, self.bar, self.pause, self.cancel):
                widget.hide()
            self._fit()
            return
        self.cancel.setIcon(theme.icon("close"))
        self._fit()

    def _show(self, text: str, fraction: float | None, *, pausable: bool, cancel_tip: str) -> None:
        self._text = text
        self.text.show()
        self.bar.setVisible(fraction is not None)
        self.bar.setValue(round(1000 * (fraction or 0.0)))
        self.pause.setVisible(pausable)
        self.cancel.setVisible(fraction is not None)
        self.cancel.setToolTip(cancel_tip)
        self.cancel.setAccessibleName(cancel_tip)

    def _fit(self) -> None:
        bar = self.parentWidget()
        if not isinstance(bar, QMenuBar):
            return
        # Never over the menus: where there is no room for all of it, the words are cut, and whole in the tip.
        menus = max((bar.actionGeometry(action).right() for action in bar.actions()), default=0)
        self.text.setText(self._text)
        over = self.sizeHint().width() - (bar.width() - menus - theme.GRID)
        if over > 0 and self.text.isVisibleTo(self):
            metrics = self.text.fontMetrics()
            room = max(metrics.horizontalAdvance(self._text) - over, 0)
            self.text.setText(metrics.elidedText(self._text, Qt.TextElideMode.ElideRight, room))
        width = min(self.sizeHint().width(), bar.width() - menus)
        self.setGeometry(0 if bar.isRightToLeft() else bar.width() - width, 0, width, bar.height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the corner of the menu bar."""
        if event.type() == QEvent.Type.Resize:
            self._fit()
        return super().eventFilter(watched, event)

    def _pause(self) -> None:
        self._session.model.pause(not self._session.model.paused)

    def _cancel(self) -> None:
        if self._opening is not None:
            self._session.cancel_opening()
        elif self._improver.state == "running":
            self._improver.stop()
        else:
            self._session.model.stop()

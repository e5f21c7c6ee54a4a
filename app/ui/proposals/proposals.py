"""All that is proposed in the window: one bar at a time, on the picture; ids also over the people and on the timeline."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QComboBox

from app.labels.pose import Provenance
from app.labels.spreading import spread
from app.ui.canvas.canvas import Canvas
from app.ui.proposals.bar import ProposalBar
from app.ui.proposals.before_after import BeforeAfter
from app.ui.proposals.ids import SCOPES, Ids
from app.ui.proposals.spreads import Spreads
from app.ui.session import Session
from app.ui.timeline.view import TimelineView

__all__ = ["Proposals"]

_TITLES = {
    "swap": "Exchange {} with {}", "assign": "Make {} {}", "merge": "Join {} with {}", "split": "Divide {}: a new person",
}  # fmt: skip


class Proposals(QObject):
    """The proposals of a window and their bars.

    Args:
        session: what is open.
        canvas: on which the bars lie, and which draws people as they would be.
        timeline: shows who would be where.
        moved: told of the height that a bar takes at the lower edge of the canvas.
    """

    spreads: Spreads
    ids: Ids

    def __init__(self, session: Session, canvas: Canvas, timeline: TimelineView, moved: Callable[[int], None]) -> None:
        super().__init__(canvas)
        self._session, self._canvas, self._timeline = session, canvas, timeline
        self.spreads, self.ids = Spreads(session, canvas.commit, self), Ids(session, self)
        self.spread_bar = ProposalBar(canvas, self._press_spread, self.spreads.dismiss, moved)
        self.pictures = BeforeAfter(session, self.spread_bar)
        self.pictures.frame_wanted.connect(session.scrub)
        self.spread_bar.pictures.addWidget(self.pictures)
        self.pictures.hide()
        self.id_bar = ProposalBar(canvas, self.ids.apply, self.ids.dismiss, moved)
        self.other, self.scope = QComboBox(self.id_bar), QComboBox(self.id_bar)
        self.other.setAccessibleName("The other person")
        self.scope.setAccessibleName("In which frames")
        self.other.activated.connect(lambda _i: self.ids.set_other(self.other.currentData()))
        self.scope.activated.connect(lambda _i: self.ids.set_scope(self.scope.currentData()))
        for box in (self.other, self.scope):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            self.id_bar.choices.addWidget(box)
        self.spreads.changed.connect(self._show_spread)
        self.ids.changed.connect(self._show_ids)
        session.frame_changed.connect(lambda _frame: self.pictures.update())

    @property
    def open(self) -> bool:
        """Whether something waits for Apply or Cancel."""
        return self.ids.asked is not None or (self.spreads.shown and self.spreads.planned is not None)

    @property
    def waiting(self) -> bool:
        """Whether a bar is on screen, also one that just offers."""
        return self.ids.asked is not None or self.spreads.planned is not None

    def apply(self) -> None:
        """Do what is proposed."""
        if self.ids.asked is not None:
            self.ids.apply()
        else:
            self.spreads.apply()

    def cancel(self) -> bool:
        """Take the bar away; False if there was none."""
        if self.ids.asked is not None:
            self.ids.dismiss()
        elif self.spreads.planned is not None:
            self.spreads.dismiss()
        else:
            return False
        return True

    # ---- corrections that spread ------------------------------------------------------------------------------------------

    def _press_spread(self) -> None:
        if self.spreads.shown:
            self.spreads.apply()
        else:
            self.spreads.show()

    def _show_spread(self) -> None:
        spreads, planned = self.spreads, self.spreads.planned
        if planned is None or self.ids.asked is not None or (spreads.by_itself and not spreads.shown):
            self._canvas.show_proposed(None)
            self.pictures.leave()
            self.pictures.hide()
            self.spread_bar.leave()
            return
        frames = planned.frames
        n = len(frames)
        where = f"frame {frames[0]}" if n == 1 else f"{n} frames, {frames[0]} to {frames[-1]}"
        name = self._session.track_name(planned.track)
        title = f"{spreads.words(planned)} of {name}: {'mend' if planned.mends else 'spread to'} {where}"
        if not spreads.shown:
            self.pictures.hide()
            self.spread_bar.say(title, apply="Look", action="spread.show")
            return
        self._canvas.show_proposed(spread(self._session.project, planned))
        self.pictures.show()
        if spreads.waiting:
            detail = f"Looking for the model's peaks near the way in {len(spreads.waiting)} frames. You need not wait."
        else:
            found = sum(bool((planned.after[f].provenance == Provenance.REFINED).any()) for f in frames)
            detail = f"At the model's own peaks in {found} of {n} frames, interpolated in the others." if found else ""
        self.spread_bar.say(title, detail)
        self.pictures.show_plan(planned)  # once it is known how many have room

    # ---- ids ---------------------------------------------------------------------------------------------------------------

    def _show_ids(self) -> None:
        asked, change, session = self.ids.asked, self.ids.change, self._session
        if asked is None:
            self._timeline.foresee({})
            self._canvas.show_ids(None)
            self.id_bar.leave()
            self._show_spread()
            return
        self.spread_bar.leave()
        self._timeline.foresee(change.flags if change is not None else {}, change.names if change is not None else None)
        self._canvas.show_ids(self.ids.becomes)
        name, other = session.track_name(asked.track), asked.other
        title = _TITLES[asked.kind].format(name, "…" if other is None else session.track_name(other))
        self._fill(self.scope, [(words, scope) for scope, words in SCOPES.items()
                                if scope != "range" or session.frame_range is not None], asked.scope)  # fmt: skip
        people = [t for t in session.project.tracks() if t != asked.track]
        self._fill(self.other, [(session.track_name(t), t) for t in people], other)
        self.other.setVisible(asked.kind in ("swap", "merge"))
        self.id_bar.apply_button.setEnabled(change is not None)
        self.id_bar.say(title, change.words if change is not None else self.ids.problem)

    @staticmethod
    def _fill(box: QComboBox, choices: list[tuple[str, object]], now: object) -> None:
        box.blockSignals(True)
        box.clear()
        for words, value in choices:
            box.addItem(words, value)
        box.setCurrentIndex(box.findData(now))
        box.blockSignals(False)

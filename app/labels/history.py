"""The history of a project: all edits ever made, how many of them are done, and the way back and forth between them."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime

from app.labels import codec, storage
from app.labels.changes import Change, Edit, FactChange, HistoryItem, ProjectError
from app.labels.codec import CellChange, FactRow
from app.labels.draft import Draft
from app.labels.pose import Pose

__all__ = ["History", "Step"]


@dataclass(frozen=True)
class Step:
    """One edit in the file's log; ``when`` is in seconds since 1970."""

    id: int
    title: str
    when: float


class History:
    """The steps in the order in which they were made; the first ``done`` are done, the others can be made again.

    Titles and states may be read at any time. What writes leaves memory as it is: it's for the project to call :meth:`append`
    or set ``done`` after the commit.
    """

    def __init__(self, db: sqlite3.Connection, position: int) -> None:
        """Read the log. ``position`` is the id of the last step that is done, 0 for none.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        self._steps = [Step(*row) for row in db.execute("SELECT id, title, time FROM log ORDER BY id")]
        self.done = sum(step.id <= position for step in self._steps)

    def __len__(self) -> int:
        return len(self._steps)

    # --- reading -------------------------------------------------------------------------------------------------------------

    @property
    def undo_title(self) -> str:
        """Title of the last edit that is done, "" if none."""
        return self._steps[self.done - 1].title if self.done else ""

    @property
    def redo_title(self) -> str:
        """Title of the first edit that is not done, "" if none."""
        steps, done = self._steps, self.done
        return steps[done].title if done < len(steps) else ""

    def items(self) -> list[HistoryItem]:
        """All edits, oldest first."""
        done = self.done
        return [HistoryItem(s.id, s.title, datetime.fromtimestamp(s.when), i < done) for i, s in enumerate(list(self._steps))]

    def done_at(self, id: int) -> int:
        """How many steps are done when step ``id`` is the last of them; 0 for id 0.

        Raises:
            ProjectError: there is no such step.
        """
        if id == 0:
            return 0
        for i, step in enumerate(self._steps):
            if step.id == id:
                return i + 1
        raise ProjectError("That step is not in the history any more.")

    # --- writing: a transaction is open --------------------------------------------------------------------------------------

    def write(self, db: sqlite3.Connection, edit: Edit, cells: list[CellChange], facts: list[FactRow]) -> Step:
        """Write an edit into the log, in place of all that could be made again.

        Raises:
            sqlite3.Error: it could not be written.
        """
        if self.done < len(self._steps):
            db.execute("DELETE FROM log WHERE id > ?", (self._id_at(self.done),))
        now = time.time()
        cursor = db.execute(
            "INSERT INTO log (title, reason, time, changes) VALUES (?, ?, ?, ?)",
            (edit.title, edit.reason, now, codec.encode_log(cells, facts)),
        )
        step = Step(int(cursor.lastrowid or 0), edit.title, now)
        storage.put_meta(db, "position", step.id)
        return step

    def retrace(self, db: sqlite3.Connection, draft: Draft, goal: int) -> Edit:
        """Put into a draft what leads to ``goal`` steps done, and into the log the way back from there.

        Returns:
            What that does to the labels, with the title of the last step on the way.

        Raises:
            sqlite3.Error: it could not be read or written; the draft has to be dropped.
        """
        back = goal < self.done
        changes: list[Change] = []
        facts: list[FactChange] = []
        title = ""

        def pose(cell: bytes | None) -> Pose | None:
            return draft.memory.decode(cell) if cell else None

        for i in range(self.done - 1, goal - 1, -1) if back else range(self.done, goal):
            step = self._steps[i]
            title = step.title
            (blob,) = db.execute("SELECT changes FROM log WHERE id=?", (step.id,)).fetchone()
            cell_rows, fact_rows = codec.decode_log(blob)
            new_cells: list[CellChange] = []
            new_facts: list[FactRow] = []
            # What is there now goes into the log as the way back: predictions may have changed it since.
            for frame, track, before, after in cell_rows:
                now, then = draft.get(frame, track), (before if back else after)
                draft.set(frame, track, then)
                new_cells.append((frame, track, before, now) if back else (frame, track, now, after))
                changes.append(Change(frame, track, pose(now), pose(then)))
            for kind, key, before_value, after_value in fact_rows:
                value, goal_value = draft.fact(kind, key), (before_value if back else after_value)
                draft.facts[kind, key] = goal_value
                new_facts.append((kind, key, before_value, value) if back else (kind, key, value, after_value))
                facts.append(FactChange(kind, key, value, goal_value))  # type: ignore[arg-type]
            if new_cells != cell_rows or new_facts != fact_rows:
                db.execute("UPDATE log SET changes=? WHERE id=?", (codec.encode_log(new_cells, new_facts), step.id))
        storage.put_meta(db, "position", self._id_at(goal))
        return Edit(title, tuple(changes), tuple(facts))

    def _id_at(self, done: int) -> int:
        """Id of the last step when ``done`` of them are done, 0 for none."""
        return self._steps[done - 1].id if done else 0

    # --- after the commit ----------------------------------------------------------------------------------------------------

    def append(self, step: Step) -> None:
        """Take over what :meth:`write` has written: the step is the last one, and done."""
        if self.done < len(self._steps):
            self._steps = self._steps[: self.done]
        self._steps.append(step)
        self.done = len(self._steps)

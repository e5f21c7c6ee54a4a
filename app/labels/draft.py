"""A change of a project while it is put together: first written to the file, then taken over by memory, or dropped."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from app.labels import codec, storage
from app.labels.memory import Memory
from app.labels.pose import Pose

__all__ = ["Draft"]


class Draft:
    """What a transaction is about to change. Whoever makes one holds the project's lock until it is taken over or dropped.

    Attributes:
        memory: the labels as they are before the change.
        facts: (kind, key) -> JSON value that it becomes, None for nothing.
        predicted: frame -> number of the model that is done with it.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.facts: dict[tuple[str, int], Any] = {}
        self.predicted: dict[int, int] = {}
        self._frames: dict[int, dict[int, bytes]] = {}
        self._models: dict[str, int] = {}
        self._highest_track = -1
        self._saved_next_track = memory.saved_next_track

    # --- putting together ----------------------------------------------------------------------------------------------------

    def cells(self, frame: int) -> dict[int, bytes]:
        """Track id -> cell of everybody in a frame or deleted from it, with what the draft changes; only to be read.

        Raises:
            IndexError: there is no such frame.
        """
        if frame not in self._frames:
            self._frames[frame] = codec.unpack_frame(self.memory.frames[frame])
        return self._frames[frame]

    def get(self, frame: int, track: int) -> bytes | None:
        """The cell of a person in a frame, with what the draft changes; None for nobody."""
        return self.cells(frame).get(track)

    def set(self, frame: int, track: int, cell: bytes | None) -> None:
        """A person in a frame becomes this cell; None for nobody."""
        if cell is None:
            self.cells(frame).pop(track, None)
        else:
            self.cells(frame)[track] = cell
            self._highest_track = max(self._highest_track, track)

    def fact(self, kind: str, key: int) -> Any:
        """What is known of ``(kind, key)``, with what the draft changes; None for nothing."""
        return self.facts[kind, key] if (kind, key) in self.facts else self.memory.facts.get((kind, key))

    def model_id(self, name: str) -> int:
        """The number of a checkpoint's name; a name not met before gets one."""
        known = self.memory.model_ids
        if name in known:
            return known[name]
        return self._models.setdefault(name, len(known) + len(self._models))

    def encode(self, pose: Pose) -> bytes:
        """The cell of a pose: equal poses give equal cells."""
        return codec.encode_pose(pose, self.model_id)

    def decode(self, cell: bytes) -> Pose:
        """The pose of a cell, one of this draft's own too."""
        names = [*self.memory.model_names, *self._models]  # new ones are numbered in the order in which they came
        return codec.decode_pose(cell, names.__getitem__)

    # --- writing -------------------------------------------------------------------------------------------------------------

    def write(self, db: sqlite3.Connection) -> None:
        """Write the change to the file; a transaction is open.

        Raises:
            sqlite3.Error: it could not be written; the draft has to be dropped.
        """
        db.executemany("INSERT INTO models VALUES (?, ?)", [(i, name) for name, i in self._models.items()])
        rows, gone = [], []
        for frame in self._frames.keys() | self.predicted.keys():
            people = codec.pack_frame(self.cells(frame))
            model = self.predicted.get(frame, int(self.memory.predicted[frame]))
            if people or model:
                rows.append((frame, people, model or None))
            else:
                gone.append((frame,))
        db.executemany("INSERT OR REPLACE INTO frames VALUES (?, ?, ?)", rows)
        db.executemany("DELETE FROM frames WHERE frame=?", gone)
        for (kind, key), value in self.facts.items():
            if value is None:
                db.execute("DELETE FROM facts WHERE kind=? AND key=?", (kind, key))
            else:
                db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", (kind, key, json.dumps(value)))
        if self._highest_track >= self.memory.saved_next_track:
            self._saved_next_track = max(self.memory.next_track, self._highest_track + 1)
            storage.put_meta(db, "next_track", self._saved_next_track)

    def take_over(self) -> None:
        """Let memory have the change, once it is committed."""
        memory = self.memory
        for name, number in self._models.items():
            memory.add_model(name, number)
        for frame, cells in self._frames.items():
            memory.set_frame(frame, codec.pack_frame(cells) or None)
        for frame, model in self.predicted.items():
            memory.predicted[frame] = model
        for (kind, key), value in self.facts.items():
            memory.set_fact(kind, key, value)
        memory.keep_track(self._highest_track, self._saved_next_track)

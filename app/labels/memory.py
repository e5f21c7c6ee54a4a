"""What memory holds of a project's labels: all that drawing needs, answered without waiting for the disk or for a writer.

Poses lie here as bytes, a frame at a time, and become :class:`Pose` when somebody looks.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from app.labels import codec
from app.labels.codec import TOMBSTONE
from app.labels.pose import Pose
from app.labels.timelines import Timelines

__all__ = ["Memory"]

_NOBODY: Mapping[int, Pose] = MappingProxyType({})
_DECODED_FRAMES = 2048  # decoded frames kept: a few MB, so that redrawing and playing do not decode twice


class Memory:
    """The labels of one video. Any thread may read at any time; only one at a time may change something.

    Attributes:
        n_joints: joints of every pose.
        frames: everybody in a frame as bytes (``codec.pack_frame``), None for nobody.
        predicted: (n_frames,) uint16: number of the model that is done with a frame, 0 for none.
        facts: (kind, key) -> JSON value of what is not a pose, see :class:`app.labels.changes.FactChange`.
        model_names: names of checkpoints by number; number 0 is "".
        model_ids: name of a checkpoint -> its number.
        timelines: what each person is in each frame.
        next_track: the next id of a person to be given out.
        saved_next_track: ``next_track`` as the file holds it.
    """

    def __init__(self, db: sqlite3.Connection, n_frames: int, n_joints: int, next_track: int) -> None:
        """Read all of a project file but its history. ``next_track`` is what the file says of the next id.

        Raises:
            ValueError, TypeError, OverflowError: the file is damaged.
            sqlite3.Error: the file cannot be read.
        """
        self.n_joints = n_joints
        self.frames: list[bytes | None] = [None] * n_frames
        self.predicted = np.zeros(n_frames, np.uint16)
        self.timelines = Timelines()
        self._decoded: dict[int, Mapping[int, Pose]] = {}
        self._id_lock = threading.Lock()  # held for an instant: handing out ids must not wait for the disk
        self.model_names = [""]
        for i, name in db.execute("SELECT id, name FROM models ORDER BY id"):
            if i != len(self.model_names):
                raise ValueError("the list of models has a gap")
            self.model_names.append(name)
        self.model_ids = {name: i for i, name in enumerate(self.model_names)}
        highest = 0
        sizes = codec.pose_sizes(n_joints)
        for frame, people, model in db.execute("SELECT frame, people, predicted_by FROM frames"):
            if not 0 <= frame < n_frames:
                raise ValueError(f"frame {frame} of {n_frames}")
            if people:
                self.frames[frame] = people
                for track, value in codec.checked_summaries(people, sizes, n_joints, len(self.model_names)):
                    highest = max(highest, track)
                    self.timelines.set(track, frame, value)
            if model:
                self.predicted[frame] = model
        self.facts: dict[tuple[str, int], Any] = {
            (kind, key): json.loads(value) for kind, key, value in db.execute("SELECT kind, key, value FROM facts")
        }
        self.saved_next_track = next_track
        self.next_track = max(next_track, highest + 1)

    # --- reading -------------------------------------------------------------------------------------------------------------

    def people(self, frame: int) -> bytes:
        """Everybody in a frame as bytes (``codec.pack_frame``); empty outside the video."""
        return (self.frames[frame] or b"") if 0 <= frame < len(self.frames) else b""

    def poses(self, frame: int) -> Mapping[int, Pose]:
        """Track id -> pose of everybody in a frame; empty outside the video."""
        if not 0 <= frame < len(self.frames):
            return _NOBODY
        known = self._decoded.get(frame)
        if known is not None:
            return known
        packed = self.frames[frame]
        if not packed:
            return _NOBODY
        poses = MappingProxyType({t: self.decode(cell) for t, cell in codec.unpack_frame(packed).items() if cell != TOMBSTONE})
        if len(self._decoded) >= _DECODED_FRAMES:
            self._decoded = {}
        decoded = self._decoded
        decoded[frame] = poses
        if self.frames[frame] is not packed:  # a writer came in between: what was just kept is stale
            decoded.pop(frame, None)
        return poses

    def track_name(self, track: int) -> str:
        """The name a human gave, or "Person n"."""
        return self.facts.get(("track_name", track)) or f"Person {track}"

    def is_locked(self, track: int) -> bool:
        """True when a human locked this person."""
        return bool(self.facts.get(("locked", track)))

    def decode(self, cell: bytes) -> Pose:
        """The pose of a cell that is neither nobody nor deleted.

        Raises:
            IndexError: its model has no name yet.
        """
        return codec.decode_pose(cell, self.model_names.__getitem__)

    # --- changing, after the file holds the change ---------------------------------------------------------------------------

    def new_track_id(self) -> int:
        """An id that no person has or had; the next call gives another. The only change that any thread may make."""
        with self._id_lock:
            track = self.next_track
            self.next_track += 1
            return track

    def keep_track(self, track: int, saved_next: int) -> None:
        """Note that the file holds a person of this id, so that it's never given out (-1 for no person), and what it says of
        the next id: others may have been given out since that was written.
        """
        with self._id_lock:
            self.next_track = max(self.next_track, track + 1)
        self.saved_next_track = saved_next

    def set_frame(self, frame: int, packed: bytes | None) -> None:
        """Everybody in a frame is now this."""
        old = self.frames[frame]
        if packed == old:
            return
        gone = {track for track, _ in codec.summaries(old or b"")}
        self.frames[frame] = packed
        self._decoded.pop(frame, None)
        for track, value in codec.summaries(packed or b""):
            gone.discard(track)
            self.timelines.set(track, frame, value)
        for track in gone:
            self.timelines.set(track, frame, 0)

    def set_fact(self, kind: str, key: int, value: Any) -> None:
        """What is known of ``(kind, key)`` is now this JSON value; None for nothing."""
        if value is None:
            self.facts.pop((kind, key), None)
        else:
            self.facts[kind, key] = value

    def add_model(self, name: str, number: int) -> None:
        """A checkpoint's name gets its number, which has to be the next one."""
        assert number == len(self.model_names)
        self.model_names.append(name)
        self.model_ids[name] = number

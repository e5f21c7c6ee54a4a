"""The project: people, tracks, edits and their history, kept in one file that is never behind what the screen shows.

Everything needed for drawing is answered from memory and without waiting for the disk: a reader never takes the lock that a
writer holds while it commits. A writer puts a draft together, writes it, and after the commit lets memory take it over.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from app.labels import codec, storage
from app.labels.applying import put_edit
from app.labels.changes import Edit, HistoryItem, LabelChange, ProjectError, Reason
from app.labels.codec import TOMBSTONE
from app.labels.draft import Draft
from app.labels.history import History
from app.labels.limits import check_place
from app.labels.memory import Memory
from app.labels.pose import Pose
from app.labels.predictions import put_predictions
from app.labels.regions import IgnoreRegion
from app.labels.span import Span
from app.labels.subject import skeleton_from_json, skeleton_to_json, video_difference, video_from_json, video_to_json
from glsmamba.data.skeletons import POSETRACK15, Skeleton
from glsmamba.data.whole_file import whole_file

if TYPE_CHECKING:
    from glsmamba.data.video import VideoInfo

__all__ = ["Project"]


class Project:
    """The labels of one video in one file ``*.glsproj`` (SQLite).

    Thread-safe. Reading (:meth:`poses`, :meth:`tracks`, :meth:`track_summary`, ...) never waits for the disk. Each writing
    call is one transaction: it returns after the file holds the change, or raises :class:`ProjectError` and changes nothing,
    neither in the file nor in memory. There is no "save".

    Undo gives back exactly what was there before the edit was made, redo exactly what was there before the undo, also where
    predictions came in between. Undo history has no limit and is part of the file.

    Attributes:
        path: the file.
        video: what the labels belong to; ``video.path`` is where the video was found (see :meth:`open`).
        skeleton: the joints of every pose.
        changed: ``psygnal`` signal of :class:`LabelChange`, emitted after the commit in the thread that made the change.
    """

    changed = Signal(LabelChange)

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Use :meth:`create` or :meth:`open`."""
        self.path = path
        self._db: sqlite3.Connection | None = connection
        self._lock = threading.RLock()  # held by a writer until the disk has its change
        self._meta: dict[str, Any] = {}
        try:
            with storage.sentences(path, "opening"):
                self._load(connection)
        except (ValueError, KeyError, TypeError, IndexError, OverflowError, AttributeError) as error:
            # altered by hand, or bit rot
            raise ProjectError(f"The project file {path.name} is damaged ({error}); restore it from a copy.") from error

    # --- opening and closing -------------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: str | os.PathLike[str], video: VideoInfo, skeleton: Skeleton = POSETRACK15) -> Project:
        """Make a project file for a video.

        Raises:
            ProjectError: the file exists, or cannot be written.
        """
        path = Path(os.path.abspath(path))
        storage.create_file(
            path,
            {
                "video": json.dumps(video_to_json(video, path.parent)),
                "skeleton": json.dumps(skeleton_to_json(skeleton)),
                "position": "0",
                "created": json.dumps(datetime.now().astimezone().isoformat(timespec="seconds")),
            },
        )
        return cls.open(path)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Project:
        """Open a project file. Only one process can have it open.

        The video is looked for relative to the project's folder first (both moved together), then where it was. When it is in
        neither place ``video.path`` names the old place: see :meth:`relink_video`.

        Raises:
            ProjectError: missing, not a project, made by a newer program, damaged, read-only, or open elsewhere.
        """
        path = Path(os.path.abspath(path))
        connection = storage.open_file(path)
        try:
            return cls(path, connection)
        except BaseException:
            connection.close()
            raise

    def _load(self, db: sqlite3.Connection) -> None:
        self._meta = {key: json.loads(value) for key, value in db.execute("SELECT key, value FROM meta")}
        self.video = video_from_json(self._meta["video"], self.path.parent)
        self.skeleton = skeleton_from_json(self._meta["skeleton"])
        self._memory = Memory(db, self.n_frames, len(self.skeleton), int(self._meta.get("next_track", 1)))
        self._history = History(db, int(self._meta["position"]))

    def save_copy(self, target: str | os.PathLike[str]) -> None:
        """Write the project as it is now, history included, into another file.

        Raises:
            ProjectError: the copy could not be written; what was at ``target`` is unchanged.
        """
        target = Path(os.path.abspath(target))
        with self._lock:
            db = self._connection()
            try:
                with whole_file(target) as part, contextlib.closing(sqlite3.connect(part)) as copy:
                    db.backup(copy)
            except (OSError, sqlite3.Error) as error:
                raise ProjectError(f"The copy {target} could not be written ({error}).") from error

    def close(self) -> None:
        """Give the file back. Nothing can be lost here: all is written already. Safe to call twice."""
        with self._lock:
            if self._db is not None:
                db, self._db = self._db, None
                try:
                    db.close()
                except sqlite3.Error as error:
                    raise ProjectError(f"{self.path.name} could not be closed cleanly ({error}); nothing is lost.") from error

    @property
    def closed(self) -> bool:
        """True after :meth:`close`."""
        return self._db is None

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- reading: from memory, without the lock ------------------------------------------------------------------------------

    @property
    def n_frames(self) -> int:
        """Frames of the video."""
        return self.video.n_frames

    def poses(self, frame: int) -> Mapping[int, Pose]:
        """Track id -> pose of everybody in a frame; empty outside the video. One id is there once at most."""
        return self._memory.poses(frame)

    def pose(self, frame: int, track: int) -> Pose | None:
        """One person in one frame, or None."""
        return self.poses(frame).get(track)

    def spans(self, first: int, stop: int, tracks: Collection[int] | None = None) -> dict[int, Span]:
        """Track id -> all poses of that person in frames ``first`` to ``stop - 1`` as arrays; for what looks along time.

        ``tracks``: whom to look at; None: everybody.
        """
        frames: dict[int, list[int]] = {}
        cells: dict[int, list[bytes]] = {}
        for frame in range(max(first, 0), min(stop, self.n_frames)):
            for track, cell in codec.unpack_frame(self._memory.people(frame)).items():
                if cell != TOMBSTONE and (tracks is None or track in tracks):
                    frames.setdefault(track, []).append(frame)
                    cells.setdefault(track, []).append(cell)
        return {track: Span(np.array(frames[track], np.int64), **codec.decode_many(cells[track])) for track in cells}

    def deleted(self, frame: int) -> tuple[int, ...]:
        """Tracks a human deleted from this frame: predictions leave them out."""
        cells = codec.unpack_frame(self._memory.people(frame))
        return tuple(track for track, cell in cells.items() if cell == TOMBSTONE)

    def tracks(self) -> tuple[int, ...]:
        """Ids of all people that are in any frame, ascending."""
        return self._memory.timelines.tracks()

    def track_frames(self, track: int) -> np.ndarray:
        """Frames in which a person is, ascending int64."""
        return np.flatnonzero(self.track_summary(track))

    def track_summary(self, track: int) -> np.ndarray:
        """(n_frames,) uint8: 0 nobody, 1 predicted, 2 edited (any human joint), 3 accepted, 4 imported or filled in."""
        return self.track_flags(track) & np.uint8(codec.FIGURE)

    def track_looked_at(self, track: int) -> np.ndarray:
        """(n_frames,) bool: a human reviewed or accepted this person there."""
        row = self.track_flags(track)
        return (row & codec.REVIEWED != 0) | (row & codec.FIGURE == 3)

    def track_flags(self, track: int) -> np.ndarray:
        """(n_frames,) uint8: the figure of :meth:`track_summary` (``codec.FIGURE``), and beside it whether the pose is reviewed
        (``codec.REVIEWED``) and whether a human deleted the person there (``codec.DELETED``).
        """
        return self._memory.timelines.flags(track, self.n_frames)

    def frame_states(self, frame: int) -> dict[int, int]:
        """Track id -> figure of :meth:`track_summary` of everybody in a frame, without decoding poses."""
        found = ((track, value & codec.FIGURE) for track, value in self.frame_flags(frame).items())
        return {track: value for track, value in found if value}

    def frame_flags(self, frame: int) -> dict[int, int]:
        """Track id -> byte of :meth:`track_flags` of everybody in a frame or deleted from it."""
        return dict(codec.summaries(self._memory.people(frame)))

    def track_name(self, track: int) -> str:
        """The name a human gave, or "Person n"."""
        return self._memory.track_name(track)

    def is_locked(self, track: int) -> bool:
        """True when a human locked this person: edits by hand are refused, predictions are not."""
        return self._memory.is_locked(track)

    def new_track_id(self) -> int:
        """An id that no person has or had in this project. Calling it reserves the id."""
        return self._memory.new_track_id()

    def is_reviewed(self, frame: int) -> bool:
        """True when a human said that this frame is right as it is, also when it is empty."""
        return bool(self._memory.facts.get(("reviewed", frame)))

    def reviewed_frames(self) -> np.ndarray:
        """(n_frames,) bool."""
        out = np.zeros(self.n_frames, bool)
        for (kind, key), value in list(self._memory.facts.items()):
            if kind == "reviewed" and value and 0 <= key < len(out):
                out[key] = True
        return out

    def marks(self) -> tuple[int, ...]:
        """Frames that a human marked to find them again, ascending."""
        found = (key for kind, key in list(self._memory.facts) if kind == "mark")
        return tuple(sorted(frame for frame in found if 0 <= frame < self.n_frames))

    def ignore_regions(self) -> dict[int, IgnoreRegion]:
        """Region id -> region."""
        return {
            key: IgnoreRegion.from_json(value)
            for (kind, key), value in sorted(self._memory.facts.items())
            if kind == "ignore_region" and value
        }

    def fact(self, kind: str, key: int) -> Any:
        """What is known of ``(kind, key)`` beside poses (see :class:`app.labels.changes.FactChange`), or None."""
        return self._memory.facts.get((kind, key))

    def predicted_frames(self, model: str | None = None) -> np.ndarray:
        """(n_frames,) bool: frames that a model is done with; with ``model``, that this model is done with."""
        if model is None:
            return self._memory.predicted != 0
        known = self._memory.model_ids.get(model)
        return np.zeros(self.n_frames, bool) if known is None else self._memory.predicted == known

    def get_meta(self, key: str, default: Any = None) -> Any:
        """A value stored by :meth:`set_meta`."""
        return self._meta.get("user." + key, default)

    # --- history -------------------------------------------------------------------------------------------------------------

    @property
    def can_undo(self) -> bool:
        """True when there is an edit to take back."""
        return self._history.done > 0

    @property
    def can_redo(self) -> bool:
        """True when there is an undone edit to make again."""
        return self._history.done < len(self._history)

    @property
    def undo_title(self) -> str:
        """Title of the edit that undo would take back, "" if none."""
        return self._history.undo_title

    @property
    def redo_title(self) -> str:
        """Title of the edit that redo would make again, "" if none."""
        return self._history.redo_title

    def history(self) -> list[HistoryItem]:
        """All edits, oldest first; those not ``done`` can be redone."""
        return self._history.items()

    def undo(self) -> Edit | None:
        """Take the last edit back. Returns what was done to the labels, or None when there is nothing to undo.

        Raises:
            ProjectError: the file could not be written; nothing changed.
        """
        return self._travel(lambda: self._history.done - 1, "undo")

    def redo(self) -> Edit | None:
        """Make the last undone edit again. Returns what was done, or None when there is nothing to redo.

        Raises:
            ProjectError: the file could not be written; nothing changed.
        """
        return self._travel(lambda: self._history.done + 1, "redo")

    def go_to_history(self, id: int) -> None:
        """Undo or redo until step ``id`` is the last one done; 0 undoes all. One transaction, one event.

        Raises:
            ProjectError: no such step, or the file could not be written; nothing changed.
        """
        self._travel(lambda: self._history.done_at(id), None)

    def _travel(self, target: Callable[[], int], reason: Reason | None) -> Edit | None:
        with self._lock:
            db = self._connection()
            history, goal = self._history, target()
            back = goal < history.done
            if goal == history.done or not 0 <= goal <= len(history):
                return None
            draft = Draft(self._memory)
            with storage.transaction(db, self.path, durable=True):
                edit = history.retrace(db, draft, goal)
                draft.write(db)
            draft.take_over()
            history.done = goal
        self._tell(edit, reason or ("undo" if back else "redo"))
        return edit

    # --- writing -------------------------------------------------------------------------------------------------------------

    def apply(self, edit: Edit) -> None:
        """Make an edit: it is on the disk before this returns and before :attr:`changed` fires. An empty edit does nothing.

        Where a pose is no longer what the edit was made from (a prediction or another edit came in between), what the edit
        changes is changed on the pose as it is now, joint by joint.

        Raises:
            ProjectError: impossible edit, a person is locked, or the file could not be written; nothing changed.
        """
        with self._lock:
            db = self._connection()
            draft = Draft(self._memory)
            cells, facts = put_edit(draft, edit)
            if not cells and not facts:
                return
            with storage.transaction(db, self.path, durable=True):
                step = self._history.write(db, edit, cells, facts)
                draft.write(db)
            draft.take_over()
            self._history.append(step)
        self._tell(edit, edit.reason)

    def store_predictions(
        self,
        frame: int,
        poses: Mapping[int, Pose],
        overwrite_untouched: bool = True,
        *,
        model: str | None = None,
        revive: bool = False,
        drop_missing: bool = False,
    ) -> bool:
        """Store what the model found in a frame. Not an undo step. Coordinates are kept as float32 (0.0005 px at 4K).

        Left exactly as they are: poses that a human accepted or has a joint in, and poses with imported, interpolated or
        refined joints. A pose with a human's box gets joints but keeps the box. People whom a human deleted from this frame
        stay deleted, and a frame that a human reviewed while nobody was in it stays empty. A reviewed prediction that another
        replaces is not reviewed any more.

        Args:
            frame: frame index.
            poses: track id -> pose.
            overwrite_untouched: False keeps earlier predictions too and fills only people without joints.
            model: when given, the frame is marked as done by this model in the same transaction (:meth:`mark_predicted`).
            revive: bring people back whom a human deleted here.
            drop_missing: take untouched predicted people out who are not in ``poses``.

        Returns:
            True when anything changed.

        Raises:
            ProjectError: impossible frame or numbers, or the file could not be written; nothing changed.
        """
        with self._lock:
            db = self._connection()
            draft = Draft(self._memory)
            if self.is_reviewed(frame) and not self.frame_states(frame) and not revive:
                poses = {}
            changed = put_predictions(
                draft, frame, poses, overwrite_untouched=overwrite_untouched, revive=revive, drop_missing=drop_missing
            )
            if model is not None:
                check_place(frame, 0, self.n_frames)
                done_by = draft.model_id(model or "unnamed model")
                if self._memory.predicted[frame] != done_by:
                    draft.predicted[frame] = done_by
            if not changed and not draft.predicted:
                return False
            with storage.transaction(db, self.path, durable=False):
                draft.write(db)
            draft.take_over()
        self.changed.emit(LabelChange(frozenset({frame}), "prediction"))
        return changed

    def mark_predicted(self, frame: int, model: str) -> None:
        """Note that ``model`` is done with a frame, also when it found nobody: a resumed run leaves it out.

        Raises:
            ProjectError: no such frame, or the file could not be written.
        """
        self.store_predictions(frame, {}, model=model)

    def forget_predicted(self) -> None:
        """Mark all frames as not predicted, so that a new run computes them again. Poses stay until they are overwritten."""
        with self._lock:
            with storage.transaction(self._connection(), self.path, durable=False) as db:
                db.execute("UPDATE frames SET predicted_by=NULL")
                db.execute("DELETE FROM frames WHERE people=x''")
            self._memory.predicted = np.zeros(self.n_frames, np.uint16)
        self.changed.emit(LabelChange(None, "prediction"))

    def set_meta(self, key: str, value: Any) -> None:
        """Store a JSON value beside the labels (view state, export choices). None removes it. Not an undo step."""
        with self._lock:
            plain = json.loads(json.dumps(value))
            with storage.transaction(self._connection(), self.path, durable=False) as db:
                if plain is None:
                    db.execute("DELETE FROM meta WHERE key=?", ("user." + key,))
                else:
                    storage.put_meta(db, "user." + key, plain)
            self._meta.pop("user." + key, None) if plain is None else self._meta.__setitem__("user." + key, plain)

    # --- the video -----------------------------------------------------------------------------------------------------------

    def video_matches(self, info: VideoInfo) -> str | None:
        """None when ``info`` is the video these labels belong to, else one sentence saying what differs."""
        return video_difference(self.video, info)

    def relink_video(self, path: str | os.PathLike[str], info: VideoInfo) -> None:
        """Tell the project where its video is now. ``info`` is what the reader says of the file at ``path``.

        Raises:
            ProjectError: that is not the project's video, or the file could not be written.
        """
        problem = self.video_matches(info)
        if problem:
            raise ProjectError(f"{Path(path).name} does not fit this project. {problem}")
        with self._lock:
            video = replace(self.video, path=os.path.abspath(path))
            stored = video_to_json(video, self.path.parent)
            with storage.transaction(self._connection(), self.path, durable=True) as db:
                storage.put_meta(db, "video", stored)
            self.video = video

    # --- inside --------------------------------------------------------------------------------------------------------------

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise ProjectError(f"The project {self.path.name} is closed; open it again.")
        return self._db

    def _tell(self, edit: Edit, reason: Reason) -> None:
        frames: set[int] | None = set(edit.frames)
        for fact in edit.facts:
            if fact.kind in ("reviewed", "mark") and frames is not None:
                frames.add(fact.key)
            else:
                frames = None
        self.changed.emit(LabelChange(None if frames is None else frozenset(frames), reason))

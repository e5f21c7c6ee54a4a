"""The hub of the window: what is open, where we are, what is selected. Widgets listen to it and send it verbs.

No widget keeps a copy of a pose: they ask :meth:`Session.poses` when they paint. No verb blocks: decoding, writing, indexing
and inference happen in threads of their own, and their results come back as signals in the window's thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from app.labels.changes import LabelChange
from app.labels.pose import Pose
from app.ui.actions.in_force import select_somebody, with_way
from app.ui.events import DisplayOptions, Message, SaveState
from app.ui.opening import Opened, Opener
from app.ui.playback import Player
from app.ui.predicting import Predicting
from app.ui.selection import Selection
from app.ui.settings import add_recent
from app.ui.threads.decode_thread import DecodeThread
from app.ui.threads.lookout_thread import LookoutThread
from app.ui.writing import Writing
from glsmamba.data.skeletons import POSETRACK15, Skeleton

__all__ = ["DisplayOptions", "Message", "SaveState", "Session"]


class Session(QObject):
    """State of one open video and its project.

    Attributes (read them; change them through the verbs):
        project: ``app.labels.project.Project`` or None.
        video: ``VideoInfo`` of the open video or None.
        frame: the wanted frame. While decoding lags, :attr:`picture` still holds an earlier one; people are drawn for
            the frame of the picture that is shown.
        picture: (frame, (H, W, 3) uint8 RGB) last decoded, or None.
        selection: the people and joints that keys and hands act on; :attr:`selected_track` and :attr:`selected_joint` are the
            ones that panels show.
        clipboard: track id to pose, as copied.
        hovered: (track, joint or None) under the pointer, or None.
        pointed: (x, y) of the pointer in pixels of the frame while it is on a person, or None.
        frame_range: (first, last) frames, both inside, that range edits act on, or None.
        display: how things are drawn.
        model: the model at work: what is chosen of it, and requests to it.
        playing, speed: transport state; speed 1.0 is real time.
        times: (n_frames,) float64 seconds of each frame from the first.
    """

    video_opened = Signal(object)
    """VideoInfo, or None after closing."""
    opening_changed = Signal(object)
    """Path of what is being opened, or None when that ended."""
    index_progress = Signal(float)
    frame_changed = Signal(int)
    picture_ready = Signal(int, object)
    labels_changed = Signal(object)
    """app.labels.changes.LabelChange."""
    selection_changed = Signal()
    frame_range_changed = Signal()
    lookout_changed = Signal()
    """:attr:`lookout` has found out more."""
    hover_changed = Signal()
    pointed_changed = Signal()
    display_changed = Signal()
    playing_changed = Signal(bool)
    message = Signal(object)
    save_state_changed = Signal(object)
    relink_wanted = Signal(object, object)
    """(project path, path of the missing video): the window asks where the video is now."""
    reveal_wanted = Signal(int, int)
    """(frame, track): show this person once the picture of the frame is there, also where the view is zoomed elsewhere."""
    preview_ready = Signal(object)
    """(H, W, 3) uint8 RGB: the first picture, before the frame index is there; its frame number isn't known yet."""

    _label_change = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.project: Any = None
        self.video: Any = None
        self.index: Any = None
        self.video_path: Path | None = None
        self.recent_path: Path | None = None
        self.frame = 0
        self.picture: tuple[int, np.ndarray] | None = None
        self.selection = Selection()
        self.clipboard: dict[int, Pose] = {}
        self.hovered: tuple[int, int | None] | None = None
        self.pointed: tuple[float, float] | None = None
        self.frame_range: tuple[int, int] | None = None
        self.display = DisplayOptions()
        self.times = np.zeros(0)
        #: Called in the decoding thread with each picture of a video opened from now on, before the window hears of it.
        self.prepare_picture: Callable[[np.ndarray], None] | None = None
        self._closed = threading.Event()
        self._closed.set()
        self._decoder: DecodeThread | None = None
        self._lookout: LookoutThread | None = None
        self._writing = Writing(self)
        self._label_change.connect(self._labels_changed)
        self._player = Player(self)
        self.model = Predicting(self)
        self._opener = Opener(self)
        self._opener.progress.connect(self.index_progress)
        self._opener.preview.connect(self.preview_ready)
        self._opener.opened.connect(self._opened)
        self._opener.failed.connect(self._open_failed)
        self._opener.video_missing.connect(self._video_missing)
        self._opener.finished.connect(lambda: self.opening_changed.emit(None))

    # ---- opening and closing -------------------------------------------------------------------------------------------

    def open_path(self, path: str | Path, *, video: str | Path | None = None) -> None:
        """Open a video, a folder of pictures or a ``.glsproj``. What is open now stays until the new one is ready.

        Args:
            path: what to open.
            video: where the video of a project is now, if it moved.
        """
        path = Path(path).expanduser().absolute()
        if self.project is not None and path in (self.video_path, Path(self.project.path)):
            self.tell(f"{path.name} is open already.")
            return
        self.opening_changed.emit(path)
        self._opener.open(path, None if video is None else Path(video).expanduser().absolute(), self._closed)

    def cancel_opening(self) -> None:
        """Stop indexing; what was open before stays."""
        self._opener.cancel()

    def close_project(self) -> None:
        """Close what is open; queued edits are written first."""
        if self.project is None:
            return
        self._let_go()
        self._writing.closed()
        self.video_opened.emit(None)
        self.selection_changed.emit()

    def shut_down(self) -> None:
        """End all threads after everything queued is on the disk. For the end of the program."""
        self._opener.stop()
        self._let_go()
        self._writing.stop()

    def _let_go(self) -> None:
        """Forget what is open. Threads end and the project closes behind our back, in the project thread."""
        self.pause()
        inference, decoder, lookout = self.model.let_go(), self._decoder, self._lookout
        project, frame = self.project, self.frame
        self._decoder = self._lookout = None
        if lookout is not None:
            lookout.finish()
        if project is not None:
            project.changed.disconnect(self._label_change.emit)
            self._closed = closed = threading.Event()

            def close() -> None:
                try:
                    if decoder is not None:
                        decoder.stop()
                    for thread in (inference, lookout):
                        if thread is not None:
                            thread.wait()
                    project.set_meta("frame", frame)
                finally:
                    project.close()
                    closed.set()

            def closed_now(_: Any = None) -> None:
                for thread in (decoder, inference, lookout):
                    if thread is not None:
                        thread.deleteLater()

            self._writing.close(close, closed_now)
        self.project = self.video = self.index = self.video_path = self.picture = None
        self.times = np.zeros(0)
        self.frame = 0
        self.selection, self.hovered, self.clipboard = Selection(), None, {}
        self.display = replace(self.display, hidden=frozenset())
        self.set_frame_range(None)

    def _opened(self, opened: Opened) -> None:
        self._let_go()
        self.project, self.video, self.index = opened.project, opened.video, opened.index
        self.video_path, self.times = opened.video_path, opened.times
        self.project.changed.connect(self._label_change.emit)
        self._decoder = DecodeThread(opened.video_path, opened.index, self, self.prepare_picture)
        self._decoder.picture.connect(self._picture)
        self._decoder.failed.connect(self._decode_failed)
        self.frame = min(max(int(opened.frame), 0), self.video.n_frames - 1)
        self.recent_path = opened.recent
        self.in_background(lambda: add_recent(opened.recent))
        self.video_opened.emit(self.video)
        self.selection_changed.emit()
        self._writing.opened()
        self.frame_changed.emit(self.frame)
        # Once the window has been laid out and drawn for the video: both at a stretch would be a stall.
        QTimer.singleShot(0, self._decoder, self._first_request)
        for message in opened.messages:
            self.message.emit(message)

    def _first_request(self) -> None:
        if self._decoder is not None and self.picture is None:
            self._decoder.request(self.frame)

    def _open_failed(self, sentence: str) -> None:
        self.message.emit(Message(sentence, "error"))

    def _video_missing(self, project: Path, video: Path) -> None:
        self.relink_wanted.emit(project, video)

    # ---- where we are --------------------------------------------------------------------------------------------------

    @property
    def skeleton(self) -> Skeleton:
        """Skeleton of the project."""
        return POSETRACK15 if self.project is None else self.project.skeleton

    @property
    def n_frames(self) -> int:
        """Number of frames of the open video; 0 when none is open."""
        return 0 if self.video is None else self.video.n_frames

    @property
    def shown_frame(self) -> int:
        """The frame of the picture on screen: what hands and keys edit. Differs from :attr:`frame` while decoding lags."""
        return self.frame if self.picture is None else self.picture[0]

    def time(self, frame: int) -> float:
        """Seconds of a frame from the first, by its time stamp."""
        return float(self.times[frame]) if 0 <= frame < len(self.times) else 0.0

    def go_to(self, frame: int) -> None:
        """Show a frame; numbers outside the video are clamped. Playing goes on from there."""
        if self.video is None:
            return
        frame = min(max(int(frame), 0), self.video.n_frames - 1)
        self._show(frame)
        self._player.moved()

    def step(self, n: int) -> None:
        """Pause, and go ``n`` frames on (negative: back)."""
        self.pause()
        self.go_to(self.frame + n)

    def scrub(self, frame: int) -> None:
        """Pause, and follow a hand that drags through the video: the newest frame wins."""
        self.pause()
        self.go_to(frame)

    @property
    def playing(self) -> bool:
        """True while playing."""
        return self._player.playing

    @property
    def speed(self) -> float:
        """1.0 is real time."""
        return self._player.speed

    def set_speed(self, speed: float) -> None:
        """Play faster or slower; 1.0 is real time."""
        self._player.set_speed(speed)

    def play(self) -> None:
        """Play in real time from here, from the start when at the end."""
        if self.video is not None:
            self._player.play()

    def pause(self) -> None:
        """Stop playing."""
        self._player.pause()

    def toggle_play(self) -> None:
        """Play or pause."""
        if self.playing:
            self.pause()
        else:
            self.play()

    def _show(self, frame: int) -> None:
        """Make ``frame`` the wanted one without touching the player's clock."""
        if frame != self.frame:
            self.frame = frame
            self.frame_changed.emit(frame)
            self.model.want(frame)
        if self._decoder is not None and (self.picture is None or self.picture[0] != frame):
            self._decoder.request(frame)

    def _picture(self, frame: int, picture: np.ndarray) -> None:
        if self._decoder is None or self.sender() is not self._decoder:
            return
        first = self.picture is None
        self.picture = (frame, picture)
        self.picture_ready.emit(frame, picture)
        if first:
            self._start_lookout()
            self.model.start_soon()

    def _decode_failed(self, frame: int, sentence: str) -> None:
        self.pause()
        self.message.emit(Message(sentence, "error"))

    # ---- selection and drawing -----------------------------------------------------------------------------------------

    def select(self, track: int | None, joint: int | None = None) -> None:
        """Select a person, or one joint of a person; None selects nobody."""
        self.set_selection(Selection.of(track, joint))

    def set_selection(self, selection: Selection) -> None:
        """Select several people or joints."""
        if selection != self.selection:
            self.selection = selection
            self.selection_changed.emit()

    def select_region(self, region: int | None) -> None:
        """Select an ignore region, and nobody."""
        self.set_selection(Selection(region=region))

    def show_region(self, number: int) -> None:
        """Select an ignore region and go to a frame in which it is valid."""
        region = None if self.project is None else self.project.ignore_regions().get(number)
        if region is not None:
            self.select_region(number)
            if not region.first <= self.frame <= region.last:
                self.scrub(region.first if self.frame < region.first else region.last)

    @property
    def selected_track(self) -> int | None:
        """The selected person, of several the one that panels show; None when nobody is selected."""
        return self.selection.track

    @property
    def selected_joint(self) -> int | None:
        """The selected joint, of several the one that panels show; None when whole people are selected."""
        return self.selection.joint

    def set_frame_range(self, one: int | None, other: int | None = None) -> None:
        """Choose the frames from one to another (both inside, in any order, clamped to the video); None chooses none."""
        chosen = None
        if one is not None and self.video is not None:
            last = self.video.n_frames - 1
            a, b = (min(max(int(frame), 0), last) for frame in (one, one if other is None else other))
            chosen = (min(a, b), max(a, b))
        if chosen != self.frame_range:
            self.frame_range = chosen
            self.frame_range_changed.emit()

    def show_problem(self, frame: int | None, track: int | None, joint: int | None = None) -> None:
        """Go where a problem is: to its frame, to its person, and to their joint, as far as it names them."""
        if self.video is None:
            return
        if frame is not None:
            self.scrub(frame)
        if track is not None:
            self.select(track, joint)
            self.reveal_wanted.emit(self.frame, track)

    def hover(self, track: int | None, joint: int | None = None, at: tuple[float, float] | None = None) -> None:
        """Say what is under the pointer, and where that is in pixels of the frame."""
        hovered = None if track is None else (track, joint)
        changed, self.hovered = hovered != self.hovered, hovered
        moved, self.pointed = at != self.pointed, at
        if changed:
            self.hover_changed.emit()
        if moved or changed:
            self.pointed_changed.emit()

    def set_display(self, **changes: Any) -> None:
        """Change fields of :class:`DisplayOptions`."""
        display = replace(self.display, **changes)
        if display != self.display:
            self.display = display
            self.display_changed.emit()

    # ---- labels --------------------------------------------------------------------------------------------------------

    def poses(self, frame: int) -> Mapping[int, Pose]:
        """Track id to pose in a frame, from memory; empty when nothing is open."""
        return {} if self.project is None else self.project.poses(frame)

    def track_name(self, track: int) -> str:
        """Name of a person for lists and labels."""
        return f"person {track}" if self.project is None else self.project.track_name(track)

    def is_locked(self, track: int) -> bool:
        """True when no hand may change this person."""
        return self.project is not None and bool(self.project.is_locked(track))

    def locked_words(self, track: int) -> str:
        """Why a person cannot be changed."""
        return f"{self.track_name(track)} is locked: to unlock {with_way('people.lock')}."

    def why_unchangeable(self) -> str:
        """Why nothing of the selection can be changed in the frame on screen, "" where something can."""
        here = [track for track in self.selection.tracks if track in self.poses(self.shown_frame)]
        if not self.selection.tracks:
            return select_somebody()
        if not here:
            return "The selected person is not in this frame."
        return self.locked_words(here[0]) if all(self.is_locked(track) for track in here) else ""

    @property
    def save_state(self) -> SaveState:
        """What the status bar says about the disk."""
        return self._writing.state

    def apply(self, edit: Any, done: Callable[[], None] | None = None, failed: Callable[[str], None] | None = None) -> None:
        """Write an edit in the project thread; ``labels_changed`` follows once it is on the disk.

        Args:
            edit: ``app.labels.changes.Edit``, or a function of the project that makes one: that is called in the project
                thread, after all earlier edits, so that quick keys never build on what is not written yet. It may
                return None for "nothing to do".
            done: called in the window's thread once it is on the disk.
            failed: called there with one sentence when it could not be done; without it a message says it.

        After a failure memory and disk still hold the last good state, which ``labels_changed`` tells the views to draw again.
        """
        project = self.project
        if project is None:
            return

        def write() -> None:
            made = edit(project) if callable(edit) else edit
            if made is not None:
                project.apply(made)

        self._writing.edit(write, done, failed)

    def undo(self) -> None:
        """Take back the last edit."""
        if self.project is not None:
            self._writing.edit(self.project.undo)

    def undo_just_this(self) -> Callable[[], None]:
        """What an "Undo" beside a message does: takes back the edit that is the last one now, and never a later one."""
        return self._writing.undo_just_this()

    def redo(self) -> None:
        """Do again what was taken back."""
        if self.project is not None:
            self._writing.edit(self.project.redo)

    def write(self, call: Callable[[Any], Any], done: Callable[[Any], None] | None = None) -> None:
        """Run ``call(project)`` in the project thread, then ``done(result)`` in the window's thread."""
        project = self.project
        if project is not None:
            self._writing.run(lambda: call(project), done)

    def in_background(
        self,
        call: Callable[[], Any],
        failed: Callable[[Exception], None] | None = None,
        done: Callable[[Any], None] | None = None,
    ) -> None:
        """Run a small chore that waits for the disk, in the project thread.

        ``done(result)`` or ``failed(error)`` is called in the window's thread; without ``failed`` nobody is told when it fails.
        """
        self._writing.chore(call, failed, done)

    # ---- what to look at -----------------------------------------------------------------------------------------------

    @property
    def lookout(self) -> Any:
        """``app.labels.lookout.Lookout``: doubts, problems and progress as far as known; None before the first look."""
        return None if self._lookout is None else self._lookout.lookout

    @property
    def lookout_settled(self) -> bool:
        """True while :attr:`lookout` has looked at all that changed."""
        return self._lookout is not None and self._lookout.settled

    def _start_lookout(self) -> None:
        if self._lookout is None and self.project is not None:
            self._lookout = LookoutThread(self.project, self)
            self._lookout.changed.connect(self._looked)
            self._lookout.start()

    def _looked(self) -> None:
        if self.sender() is self._lookout:
            self.lookout_changed.emit()

    def _labels_changed(self, change: LabelChange) -> None:
        if self._lookout is not None:
            self._lookout.touch(change.frames)
        self.labels_changed.emit(change)

    # ---- messages ----------------------------------------------------------------------------------------------------

    def tell(self, text: str, level: str = "info", action_title: str = "", action: Callable[[], None] | None = None) -> None:
        """Show a message."""
        self.message.emit(Message(text, level, action_title, action))  # type: ignore[arg-type]

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

from app.labels.changes import LabelChange, ProjectError
from app.labels.pose import Pose
from app.ui.actions.in_force import select_somebody, with_way
from app.ui.events import DisplayOptions, Message, SaveState
from app.ui.opening import Opened, Opener
from app.ui.playback import Player
from app.ui.selection import Selection
from app.ui.settings import add_recent, settings
from app.ui.threads.decode_thread import DecodeThread
from app.ui.threads.inference_thread import InferenceThread
from app.ui.threads.lookout_thread import LookoutThread
from app.ui.threads.project_thread import Job, ProjectThread
from glsmamba.data.records import Box
from glsmamba.data.skeletons import POSETRACK15, Skeleton
from glsmamba.maps import MapKind

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
    """app.labels.project.LabelChange."""
    selection_changed = Signal()
    frame_range_changed = Signal()
    lookout_changed = Signal()
    """:attr:`lookout` has found out more."""
    hover_changed = Signal()
    pointed_changed = Signal()
    display_changed = Signal()
    playing_changed = Signal(bool)
    inference_changed = Signal(object)
    weights_changed = Signal(str)
    """The chosen weights, as :attr:`Session.weights`."""
    devices_changed = Signal(object)
    """tuple of (name, title): ("cpu", "CPU, 8 threads"), ("cuda:0", "NVIDIA ..."); known once the model was loaded."""
    message = Signal(object)
    heatmap_ready = Signal(object)
    activation_ready = Signal(object)
    peaks_ready = Signal(int, int, object)
    """(ticket, frame, joint -> ``app.labels.spreading.Peaks``, or None where there are none to be had)."""
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
        self.save_state = SaveState(0, "")
        #: Called in the decoding thread with each picture of a video opened from now on, before the window hears of it.
        self.prepare_picture: Callable[[np.ndarray], None] | None = None
        self.inference_status: Any = None
        self.devices: tuple[tuple[str, str], ...] = ()
        self._pending = 0
        self._failed_before = False
        self._peaks_ticket = 0
        self._closed = threading.Event()
        self._closed.set()
        self._decoder: DecodeThread | None = None
        self._inference: InferenceThread | None = None
        self._lookout: LookoutThread | None = None
        self._writer = ProjectThread(self)
        self._writer.finished_job.connect(self._job_finished)
        self._label_change.connect(self._labels_changed)
        self._player = Player(self)
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
        self.save_state = SaveState(0, "")
        self.video_opened.emit(None)
        self.selection_changed.emit()

    def shut_down(self) -> None:
        """End all threads after everything queued is on the disk. For the end of the program."""
        self._opener.stop()
        self._let_go()
        self._writer.stop()

    def _let_go(self) -> None:
        """Forget what is open. Threads end and the project closes behind our back, in the project thread."""
        self.pause()
        inference, decoder, lookout = self._inference, self._decoder, self._lookout
        project, frame = self.project, self.frame
        self._inference = self._decoder = self._lookout = None
        for thread in (inference, lookout):
            if thread is not None:
                thread.finish()
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

            self._writer.submit(Job(close, closed_now, self._write_failed, counts=False))
        self.project = self.video = self.index = self.video_path = self.picture = None
        self.inference_status = None
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
        self._pending = 0
        self.recent_path = opened.recent
        self.in_background(lambda: add_recent(opened.recent))
        self.video_opened.emit(self.video)
        self.selection_changed.emit()
        self._set_saved()
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
            if self._inference is not None:
                self._inference.want(frame)
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
        if first and self.predict_while_working:
            # A moment later, so that the picture is on screen before loading the model makes the machine busy.
            QTimer.singleShot(50, self, self._start_by_itself)

    def _start_by_itself(self) -> None:
        if self._inference is None and self.predict_while_working:
            self.start_inference()

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

    def apply(self, edit: Any, done: Callable[[], None] | None = None, failed: Callable[[str], None] | None = None) -> None:
        """Write an edit in the project thread; ``labels_changed`` follows once it is on the disk.

        Args:
            edit: ``app.labels.project.Edit``, or a function of the project that makes one: that is called in the project
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

        self._write(write, done, failed)

    def undo(self) -> None:
        """Take back the last edit."""
        if self.project is not None:
            self._write(self.project.undo)

    def undo_just_this(self) -> Callable[[], None]:
        """What an "Undo" beside a message does: takes back the edit that is the last one now, and never a later one."""
        project = self.project

        def last() -> int:
            return max((step.id for step in project.history() if step.done), default=0)

        def later(sentence: str) -> None:
            self.tell(sentence, "warning")

        meant = last()

        def undo() -> None:
            if last() != meant:
                raise ProjectError("Other edits came after that one: take it back in the history panel, or undo step by step.")
            project.undo()

        def act() -> None:
            if self.project is project:
                self._write(undo, failed=later)

        return act

    def redo(self) -> None:
        """Do again what was taken back."""
        if self.project is not None:
            self._write(self.project.redo)

    def write(self, call: Callable[[Any], Any], done: Callable[[Any], None] | None = None) -> None:
        """Run ``call(project)`` in the project thread, then ``done(result)`` in the window's thread."""
        project = self.project
        if project is not None:
            self._pending += 1
            self._set_saved()
            self._writer.submit(Job(lambda: call(project), done, self._write_failed))

    def in_background(
        self,
        call: Callable[[], Any],
        failed: Callable[[Exception], None] | None = None,
        done: Callable[[Any], None] | None = None,
    ) -> None:
        """Run a small chore that waits for the disk, in the project thread.

        ``done(result)`` or ``failed(error)`` is called in the window's thread; without ``failed`` nobody is told when it fails.
        """
        self._writer.submit(Job(call, done, failed, counts=False))

    def _write(
        self,
        call: Callable[[], Any],
        done: Callable[[], None] | None = None,
        failed: Callable[[str], None] | None = None,
    ) -> None:
        def tell(error: Exception) -> None:
            self._write_failed(error, failed)

        self._pending += 1
        self._set_saved()
        self._writer.submit(Job(call, None if done is None else lambda _result: done(), tell))

    def _job_finished(self, job: Job) -> None:
        if job.counts:
            self._pending = max(self._pending - 1, 0)
            self._set_saved()
        if job.error is not None:
            if job.failed is not None:
                job.failed(job.error)
        elif job.done is not None:
            job.done(job.result)

    def _write_failed(self, error: Exception, failed: Callable[[str], None] | None = None) -> None:
        sentence = str(error) or f"That could not be done ({type(error).__name__})."
        if failed is not None:
            failed(sentence)
        else:
            self.message.emit(Message(sentence, "error"))
        self.labels_changed.emit(LabelChange(None, "undo"))

    def _set_saved(self) -> None:
        self.save_state = SaveState(self._pending, "" if self.project is None else str(self.project.path))
        self.save_state_changed.emit(self.save_state)

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

    # ---- the model -----------------------------------------------------------------------------------------------------

    @property
    def predict_while_working(self) -> bool:
        """Setting: inference starts by itself once the first picture is on screen."""
        return settings().value("model/predict_while_working", True, bool)  # type: ignore[return-value]

    def set_predict_while_working(self, on: bool) -> None:
        """Change that setting; takes effect at once."""
        settings().setValue("model/predict_while_working", on)
        if on:
            self.start_inference()
        else:
            self.stop_inference()

    @property
    def exact(self) -> bool:
        """Setting: each person in each frame is predicted by a window of its own, cropped by that frame's own box."""
        return settings().value("model/exact", False, bool)  # type: ignore[return-value]

    def set_exact(self, exact: bool) -> None:
        """Change that setting, for what is predicted from now on."""
        settings().setValue("model/exact", exact)
        if self._inference is not None:
            self._inference.set_exact(exact)

    @property
    def flip_test(self) -> bool:
        """Setting: each window is predicted a second time in the mirror, and the mean is taken."""
        return settings().value("model/flip_test", False, bool)  # type: ignore[return-value]

    def set_flip_test(self, flip_test: bool) -> None:
        """Change that setting, for what is predicted from now on."""
        settings().setValue("model/flip_test", flip_test)
        if self._inference is not None:
            self._inference.set_flip_test(flip_test)

    @property
    def device(self) -> str:
        """Chosen device: "auto", "cpu" or "cuda:n"."""
        return str(settings().value("model/device", "auto"))

    def set_device(self, device: str) -> None:
        """Predict on another device; a running inference starts again there."""
        settings().setValue("model/device", device)
        if self._inference is not None:
            self._inference.set_device(device)

    @property
    def weights(self) -> str:
        """Chosen weights: a file, or "" for what there is (the shipped model, else what was imported)."""
        return str(settings().value("model/weights", ""))

    def set_weights(self, weights: str) -> None:
        """Predict with another model from now on. Where it cannot be loaded, a message says why and the old one stays."""
        if self._inference is not None:
            # Perhaps because the model could not be loaded: then the new one goes on by itself.
            self._failed_before = self.inference_status is not None and self.inference_status.state == "failed"
            self._inference.set_weights(weights)
        else:
            self._keep_weights(weights)

    def _weights_taken(self, weights: str, name: str) -> None:
        self._keep_weights(weights)
        if self.sender() is self._inference:
            self.tell(f"{name} predicts from now on. What was predicted stays as it is until you ask for it again.")
            if self.inference_status is not None and self._failed_before:
                self.start_inference()

    def _keep_weights(self, weights: str) -> None:
        settings().setValue("model/weights", weights)
        self.weights_changed.emit(weights)

    @property
    def inference_running(self) -> bool:
        """True while frames are being predicted, or would be but for a pause."""
        return self.inference_status is not None and self.inference_status.state in ("starting", "running", "paused")

    @property
    def inference_paused(self) -> bool:
        """True while paused."""
        return self.inference_status is not None and self.inference_status.state == "paused"

    def start_inference(self) -> None:
        """Predict from the frame on screen onward, in the inference thread; also goes on after a pause or a cancel."""
        if self._inference is None:
            self._need_inference(run=True)
        else:
            self._inference.want(self.frame)
            self._inference.resume()

    def pause_inference(self, paused: bool = True) -> None:
        """Pause or go on."""
        if self._inference is not None:
            if paused:
                self._inference.pause()
            else:
                self._inference.resume()

    def stop_inference(self) -> None:
        """Cancel: what was predicted stays; the rest is left until it is asked for."""
        if self._inference is not None:
            self._inference.cancel()

    def request_prediction(self, frame: int | None = None, track: int | None = None) -> None:
        """Predict a frame (default: the one on screen) now, also where it was predicted before; only ``track`` if given."""
        if (thread := self._need_inference()) is not None:
            thread.predict_now(self.shown_frame if frame is None else frame, track)

    def request_heatmaps(self, frame: int, track: int) -> None:
        """Ask for the heat maps of a person; ``heatmap_ready`` follows."""
        if (thread := self._need_inference()) is not None:
            thread.heatmaps_now(frame, track)

    def request_activation(
        self, track: int, query: int | tuple[float, float] | None, frame: int | None = None, kind: MapKind | None = None
    ) -> None:
        """Ask for the activation maps of a person: for a joint, a point (frame pixels), or all tokens (None).

        ``activation_ready`` follows. The newest request wins.
        """
        if (thread := self._need_inference()) is not None:
            thread.activation_now(self.shown_frame if frame is None else frame, track, query, kind or MapKind())

    def request_peaks(self, boxes: Mapping[int, Box]) -> int:
        """Ask for the peaks of a person's heat maps in several frames; ``peaks_ready`` follows for each, with this ticket.

        A newer request takes the place of an older one; none at all, with no boxes, ends it.
        """
        self._peaks_ticket += 1
        if boxes:
            if (thread := self._need_inference()) is not None:
                thread.peaks_now(self._peaks_ticket, boxes)
        elif self._inference is not None:
            self._inference.cancel_peaks()
        return self._peaks_ticket

    def _need_inference(self, run: bool = False) -> InferenceThread | None:
        """The inference thread, started when it wasn't; without ``run`` it then only answers requests."""
        if self.project is None or self.video_path is None:
            return None
        if self._inference is None:
            thread = InferenceThread(
                self.project, self.video_path, self.index, self.frame, self.device, self.weights, run, self
            )
            thread.weights_taken.connect(self._weights_taken)
            thread.status.connect(self._inference_status)
            thread.message.connect(self.message)
            thread.devices.connect(self._devices)
            thread.heatmaps.connect(self._heatmaps)
            thread.activation.connect(self._activation)
            thread.peaks.connect(self._peaks)
            thread.set_exact(self.exact)
            thread.set_flip_test(self.flip_test)
            self._inference = thread
            thread.start()
        return self._inference

    def _inference_status(self, status: Any) -> None:
        if self.sender() is self._inference:
            self.inference_status = status
            self.inference_changed.emit(status)

    def tell(self, text: str, level: str = "info", action_title: str = "", action: Callable[[], None] | None = None) -> None:
        """Show a message."""
        self.message.emit(Message(text, level, action_title, action))  # type: ignore[arg-type]

    def _heatmaps(self, result: Any) -> None:
        if self.sender() is self._inference:  # not of a video that was closed meanwhile
            self.heatmap_ready.emit(result)

    def _activation(self, result: Any) -> None:
        if self.sender() is self._inference:
            self.activation_ready.emit(result)

    def _peaks(self, ticket: int, frame: int, found: Any) -> None:
        if self.sender() is self._inference:
            self.peaks_ready.emit(ticket, frame, found)

    def _devices(self, devices: tuple[tuple[str, str], ...]) -> None:
        self.devices = devices
        self.devices_changed.emit(devices)

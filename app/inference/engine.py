"""The engine: decides what to compute next and writes it into the project.

It works in small steps: read and detect, predict a few people, name them and store them. After each step it looks for
something more urgent: the frame now on screen, one person to predict again, heat maps for the person under the hand.

Threads
    One thread, the worker, calls :meth:`Engine.run` (or :meth:`Engine.step` in a loop of its own) and nobody else does.
    It opens the video, loads the model, and computes; torch is imported there and nowhere before.

    Every other public method may be called from any thread, the window's included: it leaves a note under a lock and returns
    at once. Futures are settled, and ``on_status`` and ``on_message`` called, in the worker: hand them over by signal.

    Labels are read from the project and written through ``Project.store_predictions``, which keeps what humans made.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future

import numpy as np

from app.inference.answers import EngineError, PersonActivation, PersonHeatmaps
from app.inference.detector import Detector
from app.inference.drawn_boxes import DrawnBoxes
from app.inference.frame_steps import FrameAtWork, FrameSteps
from app.inference.joining import Joining
from app.inference.loading import load_predictor
from app.inference.model_at_work import ModelAtWork
from app.inference.order import next_frame
from app.inference.reporting import Level, Reporter, sentence
from app.inference.serving import PersonServer
from app.inference.settings import EngineSettings
from app.inference.status import EngineStatus
from app.inference.windows import Frames, Reader
from app.inference.wishes import OpenPredictor, Order, Wishes
from app.labels.changes import LabelChange
from app.labels.project import Project
from app.labels.spreading import Peaks
from glsmamba.data.records import Box
from glsmamba.data.video import VideoError
from glsmamba.kept_memory import return_memory
from glsmamba.maps import MapKind

__all__ = ["Engine"]

_REST_S = 5.0
"""Seconds without work after which memory of the last tensors is handed back."""


class Engine:
    """Predicts a project's video.

    Args:
        project: labels; stays the caller's.
        open_video: opens a reader of the project's video; called in the worker.
        open_predictor: device name -> model; called in the worker.
        device: ``cpu``, ``cuda:n`` or ``auto``.
        settings: see there.
        open_detector: opens the person detector; called in the worker.
        frames: frames to predict unasked; all by default.
        on_status: told of each new status, in the worker.
        on_message: told sentences for the user with ``info``, ``warning`` or ``error``, in the worker.
    """

    def __init__(
        self,
        project: Project,
        open_video: Callable[[], Reader],
        open_predictor: OpenPredictor = load_predictor,
        *,
        device: str = "cpu",
        settings: EngineSettings | None = None,
        open_detector: Callable[[], Detector] = Detector,
        frames: range | None = None,
        on_status: Callable[[EngineStatus], None] | None = None,
        on_message: Callable[[str, Level], None] | None = None,
    ) -> None:
        self.project = project
        self.settings = settings or EngineSettings()
        self._open_video = open_video
        self._range = frames if frames is not None else range(project.n_frames)
        self._wishes = Wishes(self._range.start, device, self.settings.exact, self.settings.flip_test)
        self._reporter = Reporter(project, self._range, on_status, on_message)

        # The worker's own.
        self._frames: Frames | None = None
        self._drawn = DrawnBoxes(project)
        self._model = ModelAtWork(
            open_predictor, self._video, self._wishes, self._reporter, project.skeleton.joints, self.settings.streaming
        )
        self._steps = FrameSteps(project, self.settings, self._video, self._model, open_detector, self._drawn)
        self._server = PersonServer(project, self._video, self._model, self._wishes, self._drawn)
        self._joining = Joining(project)
        self._work: FrameAtWork | None = None
        self._given_up: set[int] = set()
        project.changed.connect(self._labels_changed)

    # --- from any thread -------------------------------------------------------------------------------------------------

    @property
    def status(self) -> EngineStatus:
        """The latest status."""
        return self._reporter.status

    def want(self, frame: int) -> None:
        """Tell which frame is on screen: it comes next, then those after it. The newest wish wins."""
        self._wishes.want(frame)

    def pause(self) -> None:
        """Stop as soon as the model has finished its present block; requests by hand are still met."""
        self._wishes.set_mode("paused")

    def resume(self) -> None:
        """Go on, also after :meth:`cancel` or a failure."""
        self._wishes.set_mode("run")

    def cancel(self) -> None:
        """Stop until :meth:`resume`. What was predicted stays."""
        self._wishes.set_mode("off")

    def set_device(self, device: str) -> None:
        """Go on with another device; the model is loaded there."""
        self._wishes.set_device(device)

    def set_exact(self, exact: bool) -> None:
        """Predict each person in each frame by a window of its own from now on, or stream (see :class:`EngineSettings`)."""
        self._wishes.set_exact(exact)

    def set_flip_test(self, flip_test: bool) -> None:
        """Predict in the mirror as well from now on, or not (see :class:`EngineSettings`)."""
        self._wishes.set_flip_test(flip_test)

    def use_model(self, open_predictor: OpenPredictor) -> Future[str]:
        """Go on with another model once it is loaded; the result is its name. One that cannot be loaded changes nothing.

        A newer call cancels one that waits. Frames that are predicted stay as they are.
        """
        return self._wishes.exchange_model(open_predictor)

    def request(self, frame: int, track: int | None = None) -> Future[bool]:
        """Predict a frame now, or only one person in it, also where it was predicted before.

        The result is True when anything changed. A human's joints are kept, so a person who has any stays as they are.
        """
        return self._wishes.put(Order("predict", frame, track, Future()))

    def heatmaps(self, frame: int, track: int) -> Future[PersonHeatmaps]:
        """Heat maps of one person. A newer request of this kind cancels those that wait."""
        return self._wishes.put(Order("heatmaps", frame, track, Future()))

    def activation(
        self, frame: int, track: int, query: int | tuple[float, float] | None, kind: MapKind | None = None
    ) -> Future[PersonActivation]:
        """Activation maps of one person for a joint, for a point (x, y) in pixels of the frame, or of all tokens.

        The newest request wins. What the model's scans were given is kept for the people asked about last, so that a further
        request about the same person in the same frame does not run the model.
        """
        return self._wishes.put(Order("activation", frame, track, Future(), query, kind or MapKind()))

    def peaks(self, frame: int, box: Box) -> Future[dict[int, Peaks]]:
        """Peaks of all heat maps of whoever is in a box, by joint. Many may wait; all else that is asked for goes first.

        Cancel the future of a request that is no longer wanted.
        """
        return self._wishes.put(Order("peaks", frame, None, Future(), box=box))

    def close(self) -> None:
        """End :meth:`run` as soon as the model has finished its present block, and cancel what waits."""
        self._wishes.close()
        self.project.changed.disconnect(self._labels_changed, missing_ok=True)

    def _labels_changed(self, change: LabelChange) -> None:
        """Called in whatever thread changed labels: a box drawn by hand is predicted soon."""
        if change.reason == "prediction" and change.frames is not None:
            return
        self._wishes.labels_edited(change.frames or ())

    # --- the worker ------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until :meth:`close`; sleep while there is nothing to do."""
        try:
            while True:
                if self.step():
                    continue
                if self._wishes.quiet(_REST_S):
                    return_memory()
                if not self._wishes.wait():
                    return
        finally:
            self._let_go()

    def step(self) -> bool:
        """One unit of work. False when there is nothing to do now (paused, cancelled, done, failed or closed)."""
        notes = self._wishes.take()
        if notes is None:
            return False
        try:
            if self._model.is_elsewhere(notes.device):
                self._forget_model()
            if notes.exchange is not None and self._model.exchange(*notes.exchange):
                self._forget_what_it_said()
            if notes.order is not None:
                self._serve(notes.order)
                return True
            if notes.edited:
                self._order_drawn_boxes(notes.edited)
                return True
            if notes.mode != "run":
                self._reporter.tell(state="paused" if notes.mode == "paused" else "off", eta_s=None)
                return False
            if self._joining.step():
                self._leave_frame()  # it knows the old ids
                return True
            return self._advance()
        except Exception as error:
            return self._recover(error)

    # --- frame by frame ------------------------------------------------------------------------------------------------------

    def _advance(self) -> bool:
        """A step of the frame at work, or the choice of the next one."""
        done = self._done()
        wanted, since = self._wishes.wanted()
        wanted = min(max(wanted, self._range.start), max(self._range.start, self._range.stop - 1))
        work = self._work
        if work is not None and (done[work.frame] or self._leaves(work.frame, done, wanted, since)):
            self._work = work = None
        if work is None:
            chosen = next_frame(done, wanted)
            if chosen is None:
                out = len(self._given_up)
                left = f"Predicted, but for {out} frame{'s' * (out > 1)} that cannot be decoded" if out else ""
                self._reporter.tell(state="done", done=self._reporter.n_done(), eta_s=None, message=left)
                return False
            self._work = work = self._steps.begin(*chosen)
        self._reporter.tell(state="running", frame=work.frame)
        try:
            if not work.looked:
                self._steps.look(work)
            elif work.todo:
                self._steps.predict(work)
            else:
                self._store(work)
                self._work = None
        except VideoError as error:
            self._given_up.add(work.frame)
            self._leave_frame()
            if len(self._given_up) == 1:  # a badly damaged file would say it a thousand times
                self._reporter.say(f"{error} Such frames are left out; the others are predicted.", "warning")
        return True

    def _done(self) -> np.ndarray:
        """(n_frames,) bool: frames that need nothing: predicted, given up, or not asked for."""
        done = self.project.predicted_frames()
        done = done.copy()
        done[: self._range.start] = True
        done[self._range.stop :] = True
        if self._given_up:
            done[list(self._given_up)] = True
        return done

    def _leaves(self, frame: int, done: np.ndarray, wanted: int, since: float) -> bool:
        """Whether the frame at work should be left for the one on screen: only when that one has settled."""
        return frame != wanted and not done[wanted] and since >= self.settings.settle_s

    def _leave_frame(self) -> None:
        """Drop the frame at work, and who was followed into it."""
        self._work = None
        self._steps.lose_track()

    def _store(self, work: FrameAtWork) -> bool:
        """Store a frame whose people are predicted, and see whom it ties together; True when anything changed."""
        changed = self._steps.store(work)
        self._reporter.frame_finished()
        self._joining.meet(work.frame, work.frame + work.direction)
        if work.pinned:
            self._joining.meet(work.frame, work.frame - work.direction)
        self._reporter.tell(state="running", frame=work.frame)
        return changed

    # --- requests by hand --------------------------------------------------------------------------------------------------

    def _order_drawn_boxes(self, frames: set[int]) -> None:
        """People whose box a human has drawn or moved are predicted in it."""
        for frame in sorted(frames):
            for track in self._drawn.waiting(frame):
                self._wishes.put(Order("predict", frame, track, Future()))

    def _serve(self, order: Order) -> None:
        """Settle an order's future; an error that nobody foresaw is raised as well."""
        if not order.future.set_running_or_notify_cancel():
            return
        try:
            if not 0 <= order.frame < self.project.n_frames:
                raise EngineError(f"There is no frame {order.frame}; the video has frames 0 to {self.project.n_frames - 1}.")
            whole = order.what == "predict" and order.track is None
            order.future.set_result(self._predict_frame(order.frame) if whole else self._server.answer(order))
        except CancelledError as error:
            order.future.set_exception(error)
        except (EngineError, VideoError, ValueError) as error:
            order.future.set_exception(error if isinstance(error, EngineError) else EngineError(str(error)))
        except Exception as error:
            order.future.set_exception(EngineError(sentence(error)))
            raise

    def _predict_frame(self, frame: int) -> bool:
        """A whole frame again, from start to end; True when anything changed. The frame at work waits meanwhile."""
        work = self._steps.begin_by_hand(frame)
        mode = self._wishes.mode
        try:
            self._steps.look(work)
            self._steps.predict_all(work)
            return self._store(work)
        finally:
            self._steps.lose_track()
            if mode != "run":
                self._reporter.tell(state="paused" if mode == "paused" else "off")

    # --- resources -----------------------------------------------------------------------------------------------------------

    def _video(self) -> Frames:
        if self._frames is None:
            self._frames = Frames(self._open_video())
        return self._frames

    def _forget_model(self) -> None:
        self._model.forget()
        self._forget_what_it_said()

    def _forget_what_it_said(self) -> None:
        """The model is gone or another: a frame must not mix the poses of two."""
        self._server.forget()
        self._work = None

    def _let_go(self) -> None:
        self._forget_model()
        self._steps.let_go()
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def _recover(self, error: Exception) -> bool:
        """An error that stops the work, but nothing that was done: the state says so and a resume tries again."""
        ours = type(error).__module__.startswith(("app.", "glsmamba."))  # says what is wrong and what to do
        told = sentence(error) if ours else f"Predicting stopped, all that was predicted is kept: {sentence(error)}"
        self._forget_model()
        self._steps.lose_track()
        self._wishes.stop()
        if self._wishes.closed:
            return False
        waiting = self._wishes.orders_wait
        self._reporter.tell(state="failed", message=told, eta_s=None)
        self._reporter.say(told, "error")
        return waiting  # whoever asked for something else gets an answer, too

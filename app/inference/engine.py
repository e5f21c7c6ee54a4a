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

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from app.inference.answers import EngineError, PersonActivation, PersonHeatmaps
from app.inference.detector import Detection, Detector
from app.inference.joining import Joining
from app.inference.loading import load_predictor
from app.inference.model_at_work import ModelAtWork
from app.inference.order import next_frame
from app.inference.peaks import peaks_of
from app.inference.people import box_of, keeps_joints, new_pose, placed_by_human
from app.inference.reporting import Level, Reporter, sentence
from app.inference.seeding import seeded_tracker
from app.inference.settings import EngineSettings
from app.inference.status import EngineStatus
from app.inference.tracker import Candidate, Tracked, Tracker
from app.inference.windows import Frames, Reader
from app.inference.wishes import OpenPredictor, Order, Wishes
from app.labels.changes import LabelChange
from app.labels.pose import Pose
from app.labels.project import Project
from app.labels.spreading import Peaks
from glsmamba.data.records import Box
from glsmamba.data.video import VideoError
from glsmamba.map_pictures import shown_to_model
from glsmamba.maps import MapKind

if TYPE_CHECKING:  # the model floor is imported by the worker only
    from glsmamba.activation import CapturedWindow
    from glsmamba.predictor import PosePrediction, Predictor

__all__ = ["Engine"]

#: People whose captured scans are kept: those between whom a pointer goes to and fro. With B each takes some 300 MB.
_CAPTURES = 2


#: Captured scans, numbers of the window's frames, and the frames as the model was shown them.
_Captured = tuple["CapturedWindow", tuple[int, ...], np.ndarray]


@dataclass(eq=False)
class _Work:
    """A frame at work."""

    frame: int
    direction: int
    tracker: Tracker
    looked: bool = False
    detected: bool = False
    pinned: dict[int, Candidate] = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)
    todo: deque[int] = field(default_factory=deque)
    order: Order | None = None


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
        self._open_video, self._open_detector = open_video, open_detector
        self._range = frames if frames is not None else range(project.n_frames)
        self._reporter = Reporter(project, self._range, on_status, on_message)

        self._wishes = Wishes(self._range.start, device, self.settings.exact, self.settings.flip_test)
        self._model = ModelAtWork(
            open_predictor, self._video, self._wishes, self._reporter, project.skeleton.joints, self.settings.streaming
        )
        # All below is the worker's own.
        self._frames: Frames | None = None
        self._detector: Detector | None = None
        self._work: _Work | None = None
        self._tracker: Tracker | None = None
        self._direction = 1
        self._since_detection = 0
        self._joining = Joining(project)
        self._given_up: set[int] = set()
        self._drawn_boxes: dict[tuple[int, int], Box] = {}
        self._captures: OrderedDict[tuple[int, Box], _Captured] = OrderedDict()
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
                if not self.step() and not self._wishes.wait():
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
                return self._serve(notes.order)
            if notes.edited:
                self._look_for_drawn_boxes(notes.edited)
                return True
            if notes.mode != "run" and (self._work is None or self._work.order is None):
                self._reporter.tell(state="paused" if notes.mode == "paused" else "off", eta_s=None)
                return False
            if self._joining.step():
                self._tracker = self._work = None  # they know the old ids
                return True
            return self._advance()
        except Exception as error:
            return self._recover(error)

    def _advance(self) -> bool:
        """A step of the frame at work, or the choice of the next one."""
        done = self._done()
        wanted, since = self._wishes.wanted()
        wanted = min(max(wanted, self._range.start), max(self._range.start, self._range.stop - 1))
        work = self._work
        if work is not None and work.order is None and (done[work.frame] or self._leaves(work.frame, done, wanted, since)):
            self._work = work = None
        if work is None:
            chosen = next_frame(done, wanted)
            if chosen is None:
                out = len(self._given_up)
                left = f"Predicted, but for {out} frame{'s' * (out > 1)} that cannot be decoded" if out else ""
                self._reporter.tell(state="done", done=self._reporter.n_done(), eta_s=None, message=left)
                return False
            self._work = work = self._begin(*chosen, done)
        self._reporter.tell(state="running", frame=work.frame)
        try:
            if not work.looked:
                self._look(work)
            elif work.todo:
                self._predict(work)
            else:
                self._finish(work)
        except VideoError as error:
            self._given_up.add(work.frame)
            self._work = self._tracker = None
            if len(self._given_up) == 1:  # a badly damaged file would say it a thousand times
                self._reporter.say(f"{error} Such frames are left out; the others are predicted.", "warning")
            if work.order is not None and not work.order.future.done():
                work.order.future.set_exception(EngineError(str(error)))
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

    def _begin(self, frame: int, direction: int, done: np.ndarray, order: Order | None = None) -> _Work:
        tracker = self._tracker
        if tracker is None or tracker.frame != frame - direction or self._direction != direction or order is not None:
            tracker, direction = seeded_tracker(self.project, self._video(), frame, direction, self.settings)
            self._since_detection = 0
        self._tracker, self._direction = tracker, direction
        return _Work(frame, direction, tracker, order=order)

    def _look(self, work: _Work) -> None:
        """Find the boxes in which people may be."""
        picture = self._video().read(work.frame, backward=work.direction < 0)
        human = placed_by_human(self.project.poses(work.frame))
        due = self._since_detection % self.settings.detect_every == 0
        work.detected = due or work.tracker.frame is None or work.order is not None
        self._since_detection += 1
        detections: list[Detection] | None = None
        if work.detected:
            if self._detector is None:
                self._detector = self._open_detector()
            detections = self._detector.detect(picture)
        work.pinned = human
        work.candidates = work.tracker.propose(work.frame, detections, human)
        work.todo = deque(i for i, c in enumerate(work.candidates) if c.keypoints is None)
        work.looked = True

    def _predict(self, work: _Work) -> None:
        """Poses of the next few people."""
        # A box that a human drew is the crop's; those come first.
        by_hand = work.candidates[work.todo[0]].pinned
        alike = list(takewhile(lambda i: work.candidates[i].pinned == by_hand, work.todo))
        chosen = alike[: self.settings.people_per_step]
        boxes = [work.candidates[i].box for i in chosen]
        predictions = self._model.predict(work.frame, boxes, work.direction < 0, in_order=not by_hand)
        if predictions is None:
            return
        for i, prediction in zip(chosen, predictions, strict=True):
            work.candidates[i] = _with_pose(work.candidates[i], prediction)
            work.todo.popleft()

    def _finish(self, work: _Work) -> None:
        """Name the people and store them."""
        frame = work.frame
        video = self._video()
        named = work.tracker.update(frame, work.candidates, video.read(frame), detected=work.detected)
        current = self.project.poses(frame)
        poses = {}
        for person in named:
            pose = self._pose_of(person, current)
            if pose is not None:
                poses[person.track] = pose
                if pose.box_by_human and pose.box is not None:
                    self._drawn_boxes[frame, person.track] = pose.box
        model = self._model.predictor().name
        changed = self.project.store_predictions(frame, poses, model=model, drop_missing=True)
        self._work = None
        self._reporter.frame_finished()
        self._joining.meet(frame, frame + work.direction)
        if work.pinned:
            self._joining.meet(frame, frame - work.direction)
        if work.order is not None and not work.order.future.done():
            work.order.future.set_result(changed)
        self._reporter.tell(state="running", frame=frame)

    def _pose_of(self, person: Tracked, current: Mapping[int, Pose]) -> Pose | None:
        """What is stored for a person; None where the human's work stays as it is or is gone."""
        c = person.candidate
        known = current.get(person.track)
        if c.pinned and (known is None or keeps_joints(known)):
            return None
        if c.keypoints is None or c.keypoint_scores is None:
            return None
        score = c.score if c.score > 0 and not c.pinned else float(np.sort(c.keypoint_scores)[-8:].mean())
        size = self.project.video.width, self.project.video.height
        by_human = c.pinned and known is not None and known.box_by_human
        return new_pose(
            c.keypoints, c.keypoint_scores, person.box, score, size, self._model.predictor().name, by_human,
            estimated=self._model.estimated, probability=c.probabilities, spread=c.spreads,
        )  # fmt: skip

    # --- requests by hand --------------------------------------------------------------------------------------------------

    def _look_for_drawn_boxes(self, frames: set[int]) -> None:
        """People whose box a human has drawn or moved, and who have no joint of a human's, are predicted in it."""
        for frame in sorted(frames):
            for track, pose in self.project.poses(frame).items():
                drawn = pose.box_by_human and pose.box is not None and not keeps_joints(pose)
                if drawn and self._drawn_boxes.get((frame, track)) != pose.box:
                    self._wishes.put(Order("predict", frame, track, Future()))

    def _serve(self, order: Order) -> bool:
        if not order.future.set_running_or_notify_cancel():
            return True
        try:
            if not 0 <= order.frame < self.project.n_frames:
                raise EngineError(f"There is no frame {order.frame}; the video has frames 0 to {self.project.n_frames - 1}.")
            if order.what == "predict" and order.track is None:
                self._serve_frame(order)
            elif order.what == "predict":
                order.future.set_result(self._serve_person(order))
            elif order.what == "heatmaps":
                order.future.set_result(self._serve_heatmaps(order))
            elif order.what == "peaks":
                assert order.box is not None
                prediction = self._model.predict_now(order.frame, [order.box], keep_heatmaps=True)[0]
                order.future.set_result(peaks_of(prediction, self._model.predictor().config.sigma))
            else:
                order.future.set_result(self._serve_activation(order))
        except CancelledError as error:
            order.future.set_exception(error)
        except (EngineError, VideoError, ValueError) as error:
            order.future.set_exception(error if isinstance(error, EngineError) else EngineError(str(error)))
        except Exception as error:
            order.future.set_exception(EngineError(sentence(error)))
            raise
        return True

    def _serve_frame(self, order: Order) -> None:
        """A whole frame again, from start to end."""
        work = self._begin(order.frame, self._direction, self._done(), order)
        mode = self._wishes.mode
        kept, self._work = self._work, work
        try:
            self._look(work)
            while work.todo:
                chosen = list(work.todo)
                found = self._model.predict_now(work.frame, [work.candidates[i].box for i in chosen])
                for i, prediction in zip(chosen, found, strict=True):
                    work.candidates[i] = _with_pose(work.candidates[i], prediction)
                work.todo.clear()
            self._finish(work)
        finally:
            self._work = kept
            self._tracker = None
            if mode != "run":
                self._reporter.tell(state="paused" if mode == "paused" else "off")

    def _serve_person(self, order: Order) -> bool:
        pose, box = self._person(order)
        assert order.track is not None
        if keeps_joints(pose):
            name = self.project.track_name(order.track)
            raise EngineError(f"{name} has joints that are not the model's in frame {order.frame}; they are kept.")
        prediction = self._model.predict_now(order.frame, [box])[0]
        now = self.project.poses(order.frame).get(order.track)
        if now is None or now.box_by_human != pose.box_by_human:
            return False  # deleted or changed while the model was at it
        size = self.project.video.width, self.project.video.height
        new = new_pose(
            prediction.keypoints, prediction.scores, box, pose.score, size, self._model.predictor().name, pose.box_by_human,
            estimated=self._model.estimated, probability=prediction.probabilities, spread=prediction.spreads,
        )  # fmt: skip
        if pose.box_by_human:
            self._drawn_boxes[order.frame, order.track] = box
        return self.project.store_predictions(order.frame, {order.track: new})

    def _serve_heatmaps(self, order: Order) -> PersonHeatmaps:
        _, box = self._person(order)
        assert order.track is not None
        prediction = self._model.predict_now(order.frame, [box], keep_heatmaps=True)[0]
        return PersonHeatmaps(order.frame, order.track, prediction)

    def _serve_activation(self, order: Order) -> PersonActivation:
        _, box = self._person(order)
        assert order.track is not None
        predictor = self._model.predictor()
        from glsmamba.predictor import Cancelled

        def between() -> None:
            # Another point of the same person waits its turn: a pointer that never rests would never see a map.
            if self._wishes.outdated(order, of_kind=True):
                raise Cancelled

        try:
            captured, numbers, pictures = self._captured(order, box, predictor)
            kind = order.kind
            if captured.blocks and kind.block not in captured.blocks:  # asked of another model, or of one without GSM
                kind = replace(kind, block=captured.blocks[0])
            maps = captured.maps(order.query, kind, between)
        except Cancelled as error:
            raise CancelledError from error
        transposed = predictor.config.unified_pair == "transpose"
        joint = order.query if isinstance(order.query, int) and order.kind.quantity == "row" else None
        return PersonActivation(order.frame, order.track, joint, maps, numbers, pictures, captured.blocks, transposed)

    def _captured(self, order: Order, box: Box, predictor: Predictor) -> _Captured:
        """What the scans were given for a person; from memory where they were asked about just now."""
        from glsmamba.predictor import PoseWindow

        frame = order.frame
        if (frame, box) not in self._captures:
            window = PoseWindow(self._video().window(frame, predictor.config.frames), box)
            captured = predictor.capture(window, cancelled=lambda: self._wishes.outdated(order))
            last, half = self.project.n_frames - 1, predictor.config.frames // 2
            numbers = tuple(min(max(frame + d, 0), last) for d in range(-half, half + 1))
            grid = captured.heatmaps.shape[1:]
            pictures = np.stack([shown_to_model(picture, captured.crop, grid) for picture in window.frames])
            self._captures[frame, box] = captured, numbers, pictures
        self._captures.move_to_end((frame, box))
        while len(self._captures) > _CAPTURES:
            self._captures.popitem(last=False)
        return self._captures[frame, box]

    def _person(self, order: Order) -> tuple[Pose, Box]:
        assert order.track is not None
        pose = self.project.poses(order.frame).get(order.track)
        if pose is None:
            raise EngineError(f"{self.project.track_name(order.track)} is not in frame {order.frame}.")
        box = box_of(pose)
        if box is None or box[2] <= 0 or box[3] <= 0:
            raise EngineError(f"{self.project.track_name(order.track)} has no box in frame {order.frame}; draw one.")
        return pose, box

    # --- resources -----------------------------------------------------------------------------------------------------------

    def _video(self) -> Frames:
        if self._frames is None:
            self._frames = Frames(self._open_video())
        return self._frames

    def _forget_model(self) -> None:
        self._model.forget()
        self._forget_what_it_said()

    def _forget_what_it_said(self) -> None:
        self._captures.clear()
        self._work = None

    def _let_go(self) -> None:
        self._forget_model()
        self._detector = None
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def _recover(self, error: Exception) -> bool:
        """An error that stops the work, but nothing that was done: the state says so and a resume tries again."""
        ours = type(error).__module__.startswith(("app.", "glsmamba."))  # says what is wrong and what to do
        told = sentence(error) if ours else f"Predicting stopped, all that was predicted is kept: {sentence(error)}"
        self._forget_model()
        self._tracker = None
        self._wishes.stop()
        if self._wishes.closed:
            return False
        waiting = self._wishes.orders_wait
        self._reporter.tell(state="failed", message=told, eta_s=None)
        self._reporter.say(told, "error")
        return waiting  # whoever asked for something else gets an answer, too


def _with_pose(candidate: Candidate, prediction: PosePrediction) -> Candidate:
    return candidate.with_pose(prediction.keypoints, prediction.scores, prediction.probabilities, prediction.spreads)

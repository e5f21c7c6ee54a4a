"""The steps that predict one frame: find people, predict their poses, name and store them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from app.inference.detector import Detection, Detector
from app.inference.drawn_boxes import DrawnBoxes
from app.inference.model_at_work import ModelAtWork
from app.inference.people import keeps_joints, new_pose, placed_by_human
from app.inference.seeding import seeded_tracker
from app.inference.settings import EngineSettings
from app.inference.tracker import Candidate, Tracked, Tracker
from app.inference.windows import Frames
from app.labels.pose import Pose
from app.labels.project import Project

if TYPE_CHECKING:  # the model floor is imported by the worker only
    from glsmamba.predictor import PosePrediction

__all__ = ["FrameAtWork", "FrameSteps"]


@dataclass(eq=False)
class FrameAtWork:
    """A frame between two steps.

    Attributes:
        frame: its number.
        direction: 1 or -1, how it is reached.
        tracker: who knows the people of the frames before.
        by_hand: it was asked for by hand.
        looked: people were looked for.
        detected: the detector was asked for them.
        pinned: people placed by a human, by id.
        candidates: boxes in which people may be.
        todo: indices of candidates to predict.
    """

    frame: int
    direction: int
    tracker: Tracker
    by_hand: bool = False
    looked: bool = False
    detected: bool = False
    pinned: dict[int, Candidate] = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)
    todo: deque[int] = field(default_factory=deque)


class FrameSteps:
    """Begins frames and does their steps: look, predict while there is somebody to do, store. For the worker only.

    Each step raises VideoError where the frame cannot be decoded.

    Args:
        project: labels, read and written.
        settings: see there.
        video: the frames of the video, opened when first asked for.
        model: who predicts.
        open_detector: opens the person detector when it is first needed.
        drawn: is told of drawn boxes that were predicted in.
    """

    def __init__(
        self,
        project: Project,
        settings: EngineSettings,
        video: Callable[[], Frames],
        model: ModelAtWork,
        open_detector: Callable[[], Detector],
        drawn: DrawnBoxes,
    ) -> None:
        self._project, self._settings, self._video = project, settings, video
        self._model, self._open_detector, self._drawn = model, open_detector, drawn
        self._detector: Detector | None = None
        self._tracker: Tracker | None = None
        self._direction = 1
        self._since_detection = 0

    def begin(self, frame: int, direction: int) -> FrameAtWork:
        """A frame that is reached in a direction (1 or -1). Who was followed there is followed on."""
        tracker = self._tracker
        if tracker is None or tracker.frame != frame - direction or self._direction != direction:
            return self._begin_anew(frame, direction)
        return FrameAtWork(frame, direction, tracker)

    def begin_by_hand(self, frame: int) -> FrameAtWork:
        """A frame out of turn: people are detected, and known from the frames around it. Call :meth:`lose_track` after it."""
        work = self._begin_anew(frame, self._direction)
        work.by_hand = True
        return work

    def look(self, work: FrameAtWork) -> None:
        """Find the boxes in which people may be."""
        picture = self._video().read(work.frame, backward=work.direction < 0)
        human = placed_by_human(self._project.poses(work.frame))
        due = self._since_detection % self._settings.detect_every == 0
        work.detected = due or work.tracker.frame is None or work.by_hand
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

    def predict(self, work: FrameAtWork) -> None:
        """Poses of the next few people of ``todo``; of nobody where something more urgent came up."""
        # A box that a human drew is the crop's; those come first.
        by_hand = work.candidates[work.todo[0]].pinned
        alike = list(takewhile(lambda i: work.candidates[i].pinned == by_hand, work.todo))
        chosen = alike[: self._settings.people_per_step]
        boxes = [work.candidates[i].box for i in chosen]
        predictions = self._model.predict(work.frame, boxes, work.direction < 0, in_order=not by_hand)
        if predictions is None:
            return
        for i, prediction in zip(chosen, predictions, strict=True):
            work.candidates[i] = _with_pose(work.candidates[i], prediction)
            work.todo.popleft()

    def predict_all(self, work: FrameAtWork) -> None:
        """Poses of everybody in ``todo`` at once, whatever else is wanted.

        Raises:
            EngineError: the engine was closed meanwhile.
        """
        if not work.todo:
            return
        chosen = list(work.todo)
        found = self._model.predict_now(work.frame, [work.candidates[i].box for i in chosen])
        for i, prediction in zip(chosen, found, strict=True):
            work.candidates[i] = _with_pose(work.candidates[i], prediction)
        work.todo.clear()

    def store(self, work: FrameAtWork) -> bool:
        """Name the people and store them; True when anything changed."""
        frame = work.frame
        named = work.tracker.update(frame, work.candidates, self._video().read(frame), detected=work.detected)
        current = self._project.poses(frame)
        poses = {}
        for person in named:
            pose = self._pose_of(person, current)
            if pose is not None:
                poses[person.track] = pose
                if pose.box_by_human and pose.box is not None:
                    self._drawn.predicted(frame, person.track, pose.box)
        model = self._model.predictor().name
        return self._project.store_predictions(frame, poses, model=model, drop_missing=True)

    def lose_track(self) -> None:
        """The next frame begins with who is around there in the labels."""
        self._tracker = None

    def let_go(self) -> None:
        """Let go of the detector."""
        self._detector = None

    def _begin_anew(self, frame: int, direction: int) -> FrameAtWork:
        tracker, direction = seeded_tracker(self._project, self._video(), frame, direction, self._settings)
        self._since_detection = 0
        self._tracker, self._direction = tracker, direction
        return FrameAtWork(frame, direction, tracker)

    def _pose_of(self, person: Tracked, current: Mapping[int, Pose]) -> Pose | None:
        """What is stored for a person; None where the human's work stays as it is or is gone."""
        c = person.candidate
        known = current.get(person.track)
        if c.pinned and (known is None or keeps_joints(known)):
            return None
        if c.keypoints is None or c.keypoint_scores is None:
            return None
        score = c.score if c.score > 0 and not c.pinned else float(np.sort(c.keypoint_scores)[-8:].mean())
        size = self._project.video.width, self._project.video.height
        by_human = c.pinned and known is not None and known.box_by_human
        return new_pose(
            c.keypoints, c.keypoint_scores, person.box, score, size, self._model.predictor().name, by_human,
            estimated=self._model.estimated, probability=c.probabilities, spread=c.spreads, disagreement=c.disagreements,
        )  # fmt: skip


def _with_pose(candidate: Candidate, prediction: PosePrediction) -> Candidate:
    said = prediction.probabilities, prediction.spreads, prediction.disagreements
    return candidate.with_pose(prediction.keypoints, prediction.scores, *said)

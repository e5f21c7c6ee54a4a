"""Meets requests by hand that are about one person: predict again, heat maps, activation maps, peaks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from app.inference.answers import EngineError, PersonActivation, PersonHeatmaps
from app.inference.drawn_boxes import DrawnBoxes
from app.inference.model_at_work import ModelAtWork
from app.inference.peaks import peaks_of
from app.inference.people import box_of, keeps_joints, new_pose
from app.inference.windows import Frames
from app.inference.wishes import Order, Wishes
from app.labels.pose import Pose
from app.labels.project import Project
from app.labels.spreading import Peaks
from glsmamba.data.records import Box
from glsmamba.map_pictures import shown_to_model

if TYPE_CHECKING:  # the model floor is imported by the worker only
    from glsmamba.activation import CapturedWindow
    from glsmamba.predictor import Predictor

__all__ = ["PersonServer"]

#: People whose captured scans are kept: those between whom a pointer goes to and fro. With B each takes some 300 MB.
_CAPTURES = 2

#: Captured scans, numbers of the window's frames, and the frames as the model was shown them.
_Captured = tuple["CapturedWindow", tuple[int, ...], np.ndarray]


class PersonServer:
    """Answers orders about one person. For the worker only.

    Args:
        project: labels; a person predicted again is stored there.
        video: the frames of the video, opened when first asked for.
        model: who is asked.
        wishes: tell when nobody waits for an answer any more.
        drawn: is told of drawn boxes that were predicted in.
    """

    def __init__(
        self, project: Project, video: Callable[[], Frames], model: ModelAtWork, wishes: Wishes, drawn: DrawnBoxes
    ) -> None:
        self._project, self._video, self._model = project, video, model
        self._wishes, self._drawn = wishes, drawn
        self._captures: OrderedDict[tuple[int, Box], _Captured] = OrderedDict()

    def answer(self, order: Order) -> bool | PersonHeatmaps | PersonActivation | dict[int, Peaks]:
        """What the order's future should bring; for ``predict`` whether anything changed.

        Args:
            order: of a frame that exists, and of a person or a box in it.

        Raises:
            EngineError: it cannot be met: there is no such person, or no box, or a human's joints are kept.
            VideoError: the frame cannot be decoded.
            CancelledError: nobody waits for it any more.
        """
        if order.what == "predict":
            return self._predict(order)
        if order.what == "heatmaps":
            return self._heatmaps(order)
        if order.what == "peaks":
            return self._peaks(order)
        return self._activation(order)

    def forget(self) -> None:
        """Let go of what the model's scans were given: to another model it says nothing."""
        self._captures.clear()

    def _predict(self, order: Order) -> bool:
        pose, box = self._person(order)
        assert order.track is not None
        if keeps_joints(pose):
            name = self._project.track_name(order.track)
            raise EngineError(f"{name} has joints that are not the model's in frame {order.frame}; they are kept.")
        prediction = self._model.predict_now(order.frame, [box])[0]
        now = self._project.poses(order.frame).get(order.track)
        if now is None or now.box_by_human != pose.box_by_human:
            return False  # deleted or changed while the model was at it
        size = self._project.video.width, self._project.video.height
        new = new_pose(
            prediction.keypoints, prediction.scores, box, pose.score, size, self._model.predictor().name, pose.box_by_human,
            estimated=self._model.estimated, probability=prediction.probabilities, spread=prediction.spreads,
        )  # fmt: skip
        if pose.box_by_human:
            self._drawn.predicted(order.frame, order.track, box)
        return self._project.store_predictions(order.frame, {order.track: new})

    def _heatmaps(self, order: Order) -> PersonHeatmaps:
        _, box = self._person(order)
        assert order.track is not None
        prediction = self._model.predict_now(order.frame, [box], keep_heatmaps=True)[0]
        return PersonHeatmaps(order.frame, order.track, prediction)

    def _peaks(self, order: Order) -> dict[int, Peaks]:
        assert order.box is not None
        prediction = self._model.predict_now(order.frame, [order.box], keep_heatmaps=True)[0]
        return peaks_of(prediction, self._model.predictor().config.sigma)

    def _activation(self, order: Order) -> PersonActivation:
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
            numbers, pictures = self._video().numbered_window(frame, predictor.config.frames)
            window = PoseWindow(pictures, box)
            captured = predictor.capture(window, cancelled=lambda: self._wishes.outdated(order))
            grid = captured.heatmaps.shape[1:]
            shown = np.stack([shown_to_model(picture, captured.crop, grid) for picture in pictures])
            self._captures[frame, box] = captured, numbers, shown
        self._captures.move_to_end((frame, box))
        while len(self._captures) > _CAPTURES:
            self._captures.popitem(last=False)
        return self._captures[frame, box]

    def _person(self, order: Order) -> tuple[Pose, Box]:
        assert order.track is not None
        pose = self._project.poses(order.frame).get(order.track)
        if pose is None:
            raise EngineError(f"{self._project.track_name(order.track)} is not in frame {order.frame}.")
        box = box_of(pose)
        if box is None or box[2] <= 0 or box[3] <= 0:
            raise EngineError(f"{self._project.track_name(order.track)} has no box in frame {order.frame}; draw one.")
        return pose, box

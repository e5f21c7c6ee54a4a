"""COCO's OKS-AP by pycocotools (BSD, numpy its only need; installed by the extra ``train``).

xtcocotools, mmpose's fork of it, gives the same figures for bodies and brings matplotlib and Cython along.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence

import numpy as np

from glsmamba.data.metrics import COCO_SIGMAS
from glsmamba.data.records import PersonRecord, SequenceRecord, Visibility
from glsmamba.data.skeletons import COCO17, joint_map

__all__ = ["MissingTool", "oks_ap"]

_NAMES = ("OKS-AP", "OKS-AP@0.5", "OKS-AP@0.75", "OKS-AP medium", "OKS-AP large", "OKS-AR")


class MissingTool(RuntimeError):
    """A package that a figure needs is not installed; the sentence says how to."""


def oks_ap(predicted: Sequence[SequenceRecord], truth: Sequence[SequenceRecord]) -> dict[str, float]:
    """AP and AR over OKS from 0.5 to 0.95, of the joints that COCO and the skeleton share.

    Joints that only one of them names count neither for nor against. People of the truth without joints, and crowds, are passed
    over as COCO does; at most 20 people a picture are judged, the most certain.

    Args:
        predicted: people with joint scores and, as the rank of a person, ``score``. In the order of ``truth``.
        truth: with boxes and areas.

    Returns:
        ``OKS-AP`` and others, 0..1; NaN where the truth has nobody of that size.

    Raises:
        MissingTool: pycocotools is not installed.
        ValueError: somebody of the truth has no area or no box.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise MissingTool("OKS-AP needs pycocotools; install it with: pip install pycocotools") from error
    own = truth[0].skeleton if truth else COCO17
    index = joint_map(COCO17, own)
    shared = np.flatnonzero(index >= 0)
    images: list[dict] = []
    people: list[dict] = []
    found: list[dict] = []
    for guess, real in zip(predicted, truth, strict=True):
        for guessed, labelled in zip(guess.frames, real.frames, strict=True):
            image = len(images) + 1
            images.append({"id": image})
            for person in labelled.people:
                if person.area is None or person.box is None:
                    raise ValueError(f"Somebody in {real.name} has no box or no area, so that OKS cannot be found.")
                people.append(_truth(person, shared, image, len(people) + 1))
            found += [
                {"image_id": image, "category_id": 1, "keypoints": _triplets(p, shared, 1.0), "score": float(p.score or 0.0)}
                for p in guessed.people
            ]
    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCO()
        judge.dataset = {"images": images, "annotations": people, "categories": [{"id": 1, "name": "person"}], "info": {}}
        judge.createIndex()
        if not found:  # pycocotools stumbles over an empty list
            return dict.fromkeys(_NAMES, 0.0 if any(p["num_keypoints"] for p in people) else float("nan"))
        run = COCOeval(judge, judge.loadRes(found), "keypoints")
        run.params.kpt_oks_sigmas = COCO_SIGMAS[index[shared]]
        run.evaluate()
        run.accumulate()
        run.summarize()
    figures = [float(value) if value >= 0 else float("nan") for value in run.stats[:6]]  # -1 stands for nobody
    return dict(zip(_NAMES, figures, strict=True))


def _truth(person: PersonRecord, shared: np.ndarray, image: int, number: int) -> dict:
    assert person.box is not None
    seen = int((person.visibility[shared] != Visibility.ABSENT).sum())
    return {
        "id": number, "image_id": image, "category_id": 1, "keypoints": _triplets(person, shared), "num_keypoints": seen,
        "area": person.area, "bbox": list(person.box), "iscrowd": int(person.crowd),
    }  # fmt: skip


def _triplets(person: PersonRecord, shared: np.ndarray, third: float | None = None) -> list[float]:
    seen = person.visibility[shared].astype(np.float64) if third is None else np.full(len(shared), third)
    return np.column_stack([person.keypoints[shared], seen]).ravel().tolist()

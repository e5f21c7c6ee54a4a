"""``evaluate``: figures of a checkpoint, or of predictions in PoseTrack files, on a labelled data set."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm

from app.commands.data_sets import open_data
from glsmamba.data.records import Box
from glsmamba.data.sets import DataSet, DataSetError
from glsmamba.evaluation import Finder, Found, as_json, judge, judged_frames, predict_set, read_predictions, table

__all__ = ["Boxes", "Question", "evaluate"]

Boxes = Literal["truth", "detector"]
_WORDS = {"truth": "people's own boxes", "detector": "the detector's boxes", "": "predictions from files"}


@dataclass(frozen=True)
class Question:
    """What to measure; see ``glsmamba-studio evaluate --help``."""

    subject: str
    data: Path
    split: str = ""
    kind: str = ""
    video: Path | None = None
    boxes: tuple[Boxes, ...] = ("truth",)
    limit: int | None = None
    device: str = "auto"
    flip_test: bool = False


def evaluate(question: Question) -> tuple[str, str]:
    """Measure; returns (report with tables for people, the same as JSON).

    Raises:
        ValueError, OSError, RuntimeError: one sentence each.
    """
    if question.limit is not None and question.limit < 1:
        raise ValueError("--limit must be at least 1 frame.")
    data = open_data(question.data, question.split, question.kind, question.video)
    if not any(True for _ in data.people()):
        raise DataSetError(f"Nobody is labelled in {question.data}; there is nothing to measure.")
    print(data.report(), file=sys.stderr)
    found: dict[str, Found]
    if _is_predictions(Path(question.subject)):
        if question.limit is not None:
            raise ValueError("--limit is for checkpoints; predictions from files are measured whole.")
        subject, found = question.subject, {"": read_predictions(question.subject, data)}
    else:
        subject, found = _predicted(question, data)
    text = [f"{subject} on {data.kind} {data.split}".rstrip()]
    measured: dict[str, Any] = {}
    for boxes, answer in found.items():
        figures = judge(data, answer)
        text += ["", f"With {_WORDS[boxes]}: {table(figures)}" if boxes else table(figures)]
        measured[boxes or "files"] = as_json(figures)
    told = {"kind": data.kind, "split": data.split, "path": str(data.root)}
    return "\n".join(text), json.dumps({"subject": subject, "data": told, "boxes": measured}, indent=1)


def _predicted(question: Question, data: DataSet) -> tuple[str, dict[str, Found]]:
    from app.inference.loading import load_predictor

    predictor = load_predictor(question.device, question.subject)
    predictor.flip_test = question.flip_test
    frames = sum(len(record.frames) for record in judged_frames(data, question.limit))
    found: dict[str, Found] = {}
    for boxes in question.boxes:
        find = _finder() if boxes == "detector" else None
        with tqdm(total=frames, desc=_WORDS[boxes], unit="frame", delay=1) as bar:
            found[boxes] = predict_set(predictor, data, find, question.limit, bar.update)
    return predictor.name + (" with flip test" if question.flip_test else ""), found


def _finder() -> Finder:
    from app.inference.detector import Detector

    detector = Detector()

    def find(frame: np.ndarray) -> Sequence[tuple[Box, float]]:
        return [(found.box, found.score) for found in detector.detect(frame)]

    return find


def _is_predictions(path: Path) -> bool:
    if path.is_dir() and not any(path.glob("*.json")):
        raise DataSetError(f"{path} holds no PoseTrack JSON files; give a checkpoint, a file or a folder of predictions.")
    return path.is_dir() or path.suffix == ".json"

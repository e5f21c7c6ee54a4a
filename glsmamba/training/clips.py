"""People cut from videos, labelled by teachers: windows of real motion to train on.

A folder holds one JPEG a window (its T square cuts side by side) and ``labels.npz`` with ``points`` (N, 15, 2) in the pixels of
the key frame's cut, ``known`` (N, 15) bool and ``frames`` (T). ``resources/train/label_clips.py`` makes such folders.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from glsmamba.data.skeletons import COCO17, POSETRACK15, joint_map
from glsmamba.training.labels import AGREE, BLAZEPOSE33, TrainingDataError, person_size
from glsmamba.training.samples import Person


def save_clip_people(
    folder: str | Path, windows: Sequence[Sequence[np.ndarray]], points: np.ndarray, known: np.ndarray
) -> None:
    """Write windows of square RGB cuts (all of one size within a window) with their labels."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for n, window in enumerate(windows):
        strip = cv2.cvtColor(np.concatenate(list(window), axis=1), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{n:06d}.jpg"), strip, [cv2.IMWRITE_JPEG_QUALITY, 95])
    frames = len(windows[0]) if len(windows) else 0
    np.savez_compressed(folder / "labels.npz", points=points, known=known, frames=frames)


def load_clip_people(folder: str | Path, weight: float = 1.0) -> list[Person]:
    """Read a folder of windows.

    Raises:
        TrainingDataError: it has no labels, or a picture is missing.
    """
    folder = Path(folder)
    if not (folder / "labels.npz").is_file():
        raise TrainingDataError(f"{folder} has no labels.npz; make it with resources/train/label_clips.py.")
    with np.load(folder / "labels.npz") as data:
        points, known, frames = data["points"], data["known"], int(data["frames"])
    people = []
    for n in range(len(points)):
        strip = cv2.imread(str(folder / f"{n:06d}.jpg"), cv2.IMREAD_COLOR)
        if strip is None:
            raise TrainingDataError(f"{folder / f'{n:06d}.jpg'} cannot be read; make the folder again.")
        cuts = np.split(cv2.cvtColor(strip, cv2.COLOR_BGR2RGB), frames, axis=1)
        people.append(Person(tuple(np.ascontiguousarray(cut) for cut in cuts), points[n], known[n], weight))
    return people


def teachers_agree(movenet: np.ndarray, blazepose: np.ndarray, confidence: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """Joints on which both teachers agree.

    Args:
        movenet: (17, 3) COCO order: x, y, confidence.
        blazepose: (33, 3) BlazePose order: x, y, confidence.
        confidence: both must have at least this.

    Returns:
        (15, 2) mean points and (15,) bool. PoseTrack's head top and head bottom are never known: no teacher has them.
    """
    m, b = joint_map(COCO17, POSETRACK15), joint_map(BLAZEPOSE33, POSETRACK15)
    has = (m >= 0) & (b >= 0)
    first, second = movenet[np.maximum(m, 0)], blazepose[np.maximum(b, 0)]
    size = float(person_size(movenet[:, :2], movenet[:, 2] > confidence))
    apart = np.linalg.norm(first[:, :2] - second[:, :2], axis=-1)
    known = has & (apart < AGREE * size) & (np.minimum(first[:, 2], second[:, 2]) > confidence)
    return np.where(known[:, None], (first[:, :2] + second[:, :2]) / 2, 0.0), known

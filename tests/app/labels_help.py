"""What the label tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.labels import Pose, Project, Provenance
from glsmamba.data.video import VideoInfo

K = 15


def video(folder: Path, n_frames: int = 20, digest: str = "ab" * 32) -> VideoInfo:
    return VideoInfo(str(folder / "clip.mp4"), 640, 480, n_frames, 25.0, False, "h264", digest)


def new_project(folder: Path, n_frames: int = 20) -> Project:
    return Project.create(folder / "a.glsproj", video(folder, n_frames))


def doubts(rng: np.random.Generator, seed: int) -> dict[str, np.ndarray]:
    """Probabilities and spreads, as two of three seeds have them, and of two of four how far windows disagree: some joints
    without.
    """
    known = rng.random((3, K)) < 0.9
    said = {"disagreement": np.where(known[2], 5 * rng.random(K), np.nan)} if seed % 4 > 1 else {}
    if seed % 3 == 0:
        return said
    wide = np.where(known[1], 9 * rng.random(K), np.nan)
    return {"probability": np.where(known[0], rng.random(K), np.nan), "spread": wide, **said}


def predicted(seed: int, model: str = "T") -> Pose:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(10, 300, 2).tolist()
    visible = np.where(rng.random(K) < 0.85, 2, 0)
    return Pose(
        (rng.random((K, 2)) * 300 + 20).astype(np.float32), visible, rng.random(K), np.where(visible, Provenance.MODEL, 0),
        box=(float(x), float(y), 120.0, 260.0), score=float(np.float32(rng.random())), model=model,
        **doubts(rng, seed),
    )  # fmt: skip


def plain(pose: Pose | None) -> object:
    """A pose as a value that compares by content."""
    if pose is None:
        return None
    names = ("keypoints", "visibility", "scores", "provenance", "probability", "spread", "disagreement", "predicted")
    arrays = tuple(getattr(pose, name).tobytes() for name in names)
    return (*arrays, pose.box, pose.box_by_human, pose.head_box, pose.score, pose.accepted, pose.model, pose.reviewed)


def everything(project: Project) -> dict[tuple[int, int], object]:
    """All that a project says of people: (frame, track) -> plain pose, "deleted" where a human deleted."""
    out: dict[tuple[int, int], object] = {}
    for frame in range(project.n_frames):
        out.update({(frame, track): plain(pose) for track, pose in project.poses(frame).items()})
        out.update({(frame, track): "deleted" for track in project.deleted(frame)})
    return out

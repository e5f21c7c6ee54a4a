"""A tiny GLSMamba, a tiny video of a blob-person and a project in which somebody corrected it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from app.labels.pose import Pose, Provenance
from app.labels.project import Project
from glsmamba.data.skeletons import POSETRACK15
from glsmamba.data.video import VideoReader

K = len(POSETRACK15)


def tiny_checkpoint(path: Path) -> Path:
    """A model of three frames and one block of each kind on crops of 64 x 48."""
    import torch

    from glsmamba.checkpoint import save_checkpoint
    from glsmamba.config import PRESETS
    from glsmamba.modeling.model import GLSMamba

    torch.manual_seed(0)
    config = PRESETS["T"].with_(input_size=(64, 48), frames=3, width=16, gsm_blocks=1, lrm_blocks=1, d_state=2)
    save_checkpoint(GLSMamba(config), path, {"licence": "Apache-2.0"})
    return path


def joints(frame: int) -> np.ndarray:
    """(15, 2) true places in a frame of :func:`corrected`."""
    places = np.random.default_rng(5).uniform((60, 40), (120, 190), (K, 2))
    return places + np.array([frame, 0])


def video(path: Path, frames: int) -> Path:
    """Discs of different colours at the joints, moving to the right over grey."""
    rng = np.random.default_rng(1)
    colours = rng.integers(0, 256, (K, 3))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        yy, xx = np.mgrid[:240, :320]
        for n in range(frames):
            picture = np.full((240, 320, 3), 110, np.uint8)
            for (x, y), colour in zip(joints(n), colours, strict=True):
                picture[(xx - x) ** 2 + (yy - y) ** 2 < 49] = colour
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def corrected(folder: Path, frames: int = 24, reviewed: int = 16) -> Path:
    """A project of :func:`video`: in the first ``reviewed`` frames half of the joints are a human's, the rest accepted."""
    clip = video(folder / "person.mp4", frames)
    with VideoReader(clip) as reader:
        info = reader.info
    human = np.arange(K) % 2 == 0
    with Project.create(folder / "person.glsproj", info) as project:
        for frame in range(frames):
            places = joints(frame)
            low, high = places.min(0) - 8, places.max(0) + 8
            box = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
            provenance = np.where(human & (frame < reviewed), Provenance.HUMAN, Provenance.MODEL)
            pose = Pose(places, np.full(K, 2), np.full(K, 0.9), provenance, box=box, accepted=frame < reviewed, model="tiny")
            project.store_predictions(frame, {1: pose}, model="tiny")
    return folder / "person.glsproj"

"""Figures of a checkpoint on people it was not trained on, as its model card reports them.

Needs onnxruntime and the development data folder (see ``--data``): pictures of COCO with human joints, two clips with joints
on which two public models agree, and four synchronised calibrated cameras, where a joint seen by three is expected by the
fourth::

    python resources/train/held_out.py weights/glsmamba-t.safetensors

People are cut by human boxes (COCO) or the detector's (clips). The clips' windows hold five real frames; ``one frame`` is the
same network shown the key frame five times, and ``key frame damaged`` covers or blurs parts of the person in the key frame.
What the still pictures of Leeds Sports Pose Extended say comes from ``main.py evaluate``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from label_clips import Teachers

from app.inference.detector import Detector
from glsmamba.data.metrics import jitter, oks
from glsmamba.data.records import Box
from glsmamba.data.skeletons import COCO17, POSETRACK15, joint_map
from glsmamba.data.video import VideoReader
from glsmamba.held_crops import HeldCrops
from glsmamba.predictor import PoseWindow, Predictor
from glsmamba.stream_settings import StreamSettings
from glsmamba.training.augment import damaged as damaged_crop
from glsmamba.training.clips import teachers_agree

CLIPS = ("bedroom.mp4", "sports2d_demo.mp4")
WRISTS = [POSETRACK15.index("left_wrist"), POSETRACK15.index("right_wrist")]
#: Joints that both a COCO network and PoseTrack name.
SHARED = np.flatnonzero(joint_map(COCO17, POSETRACK15) >= 0)

Poses = Callable[[Sequence[PoseWindow]], np.ndarray]


def coco(data: Path, poses: Poses) -> dict[str, float]:
    """Mean OKS over the thirteen joints that both have, and OKS-AP by pycocotools, both with human boxes."""
    told = json.loads((data / "coco-mini" / "person_keypoints.json").read_text(encoding="utf-8"))
    names = {image["id"]: image["file_name"] for image in told["images"]}
    people = [a for a in told["annotations"] if a["num_keypoints"] > 0 and not a["iscrowd"]]
    windows = []
    for person in people:
        picture = cv2.cvtColor(cv2.imread(str(data / "coco-mini" / "images" / names[person["image_id"]])), cv2.COLOR_BGR2RGB)
        windows.append(PoseWindow((picture,) * 5, tuple(person["bbox"])))
    found = poses(windows)
    index = joint_map(POSETRACK15, COCO17)
    labels = np.array([p["keypoints"] for p in people], float).reshape(-1, 17, 3)
    seen = (labels[..., 2] > 0) & (index >= 0)
    area = np.array([p["area"] for p in people])
    each = oks(found[:, np.maximum(index, 0)], labels[..., :2], seen, area)
    out = {
        "people": len(people),
        "OKS": float(np.nanmean(each)),
        "OKS, people over 96 px": float(np.nanmean(each[area > 96**2])),
    }
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        return out
    guess = np.zeros((len(people), 17, 3))
    guess[..., :2], guess[..., 2] = found[:, np.maximum(index, 0)], 1.0
    truth = COCO(str(data / "coco-mini" / "person_keypoints.json"))
    for a in truth.dataset["annotations"]:  # eyes and ears are no joints of PoseTrack: they count neither for nor against
        joints = np.array(a["keypoints"]).reshape(17, 3) * (index >= 0)[:, None]
        a["keypoints"], a["num_keypoints"] = joints.ravel().tolist(), int((joints[:, 2] > 0).sum())
    answer = truth.loadRes([
        {"image_id": p["image_id"], "category_id": 1, "keypoints": g.ravel().tolist(), "score": 1.0}
        for p, g in zip(people, guess, strict=True)
    ])  # fmt: skip
    run = COCOeval(truth, answer, "keypoints")
    run.evaluate()
    run.accumulate()
    run.summarize()
    return out | {"OKS-AP": float(run.stats[0]), "OKS-AP@0.5": float(run.stats[1])}


@dataclass
class Agreed:
    """A person of a clip: window and box, (15, 2) joints and (15,) on which the teachers agree, (15, 2) Thunder's own."""

    window: PoseWindow
    points: np.ndarray
    known: np.ndarray
    thunder: np.ndarray


def agreed_people(video: Path, teachers: Teachers, detector: Detector, keys: int) -> list[Agreed]:
    """People of about ``keys`` frames whom both teachers see alike in at least four joints."""
    people = []
    with VideoReader(video) as reader:
        last = reader.n_frames - 1
        for key in np.unique(np.linspace(0, last, min(keys, last + 1)).astype(int)):
            frames = tuple(reader.read(int(np.clip(key + d, 0, last))) for d in (-2, -1, 0, 1, 2))
            for found in detector.detect(frames[2]):
                if found.score < 0.35 or found.box[3] < 64:
                    continue
                movenet, blazepose = teachers.ask(frames[2], found.box)
                xy, known = teachers_agree(movenet, blazepose)
                x, y, w, h = found.box
                inside = known & (xy >= (x - 0.1 * w, y - 0.1 * h)).all(1) & (xy <= (x + 1.1 * w, y + 1.1 * h)).all(1)
                if inside.sum() >= 4:
                    thunder = movenet[np.maximum(joint_map(COCO17, POSETRACK15), 0), :2]
                    people.append(Agreed(PoseWindow(frames, found.box), xy, inside, thunder))
    return people


def one_frame(window: PoseWindow) -> PoseWindow:
    """The key frame as often as the window has frames."""
    return PoseWindow((window.frames[2],) * 5, window.box)


def damaged(window: PoseWindow, rng: np.random.Generator) -> PoseWindow:
    """The window with its key frame covered or blurred around the person, as in training (``key_damage``)."""
    frame = window.frames[2].copy()
    height, width = frame.shape[:2]
    x, y, w, h = window.box
    x0, y0 = max(int(x - 0.15 * w), 0), max(int(y - 0.15 * h), 0)
    x1, y1 = min(int(np.ceil(x + 1.15 * w)), width), min(int(np.ceil(y + 1.15 * h)), height)
    frame[y0:y1, x0:x1] = damaged_crop(rng, frame[y0:y1, x0:x1])
    return PoseWindow((*window.frames[:2], frame, *window.frames[3:]), window.box)


def agreement(people: list[Agreed], found: np.ndarray) -> dict[str, float]:
    """PCK of the longer side of the detector's box, on joints on which both teachers agree."""
    size = np.array([max(p.window.box[2:]) for p in people])[:, None]
    error = np.linalg.norm(found - np.stack([p.points for p in people]), axis=-1) / size
    known = np.stack([p.known for p in people])
    wrists = known & np.isin(np.arange(known.shape[1]), WRISTS)
    return {
        "people": len(people), "joints": int(known.sum()), "PCK@0.1 of box": float((error[known] <= 0.1).mean()),
        "PCK@0.05 of box": float((error[known] <= 0.05).mean()), "wrists @0.1": float((error[wrists] <= 0.1).mean()),
        "mean error, box": float(error[known].mean()),
    }  # fmt: skip


@dataclass
class Followed:
    """The best detected person of consecutive frames: (frame number, box), and the pictures around them by number."""

    places: list[tuple[int, Box]]
    pictures: dict[int, np.ndarray]

    def windows(self, boxes: Sequence[Box]) -> list[PoseWindow]:
        """Five real frames around each place, cut by ``boxes``; beyond the video's ends the first or last again."""
        low, high = min(self.pictures), max(self.pictures)
        return [
            PoseWindow(tuple(self.pictures[int(np.clip(key + d, low, high))] for d in (-2, -1, 0, 1, 2)), box)
            for (key, _), box in zip(self.places, boxes, strict=True)
        ]


def followed(video: Path, detector: Detector, start: int, length: int) -> Followed:
    """Follow the person who is found best, until they are lost or ``length`` frames are over."""
    places: list[tuple[int, Box]] = []
    pictures: dict[int, np.ndarray] = {}
    with VideoReader(video) as reader:
        last = reader.n_frames - 1
        stop = min(start + length, last)
        for key in range(max(start - 2, 0), min(stop + 2, last) + 1):
            pictures[key] = reader.read(key)
        for key in range(start, stop):
            detected = detector.detect(pictures[key])
            if places:
                x, y, w, h = places[-1][1]
                detected = [d for d in detected if abs(d.box[0] - x) < 0.4 * w and abs(d.box[1] - y) < 0.4 * h]
            if not detected:
                break
            places.append((key, max(detected, key=lambda d: d.score * d.box[2] * d.box[3]).box))
    return Followed(places, pictures)


def calm(person: Followed, teachers: Teachers, poses: Poses, held: HeldCrops | None) -> dict[str, float]:
    """Mean acceleration (share of the box, per frame squared) of joints that move slowly, along a person's way.

    A joint counts where both the teacher's and the model's path, smoothed over nine frames, move less than 1 % of the box a
    frame. With ``held`` both get crops that stand still while the person hardly moves, as the program has them.
    """
    if len(person.places) < 20:
        return {}
    cuts = [box if held is None else held.boxes_for(key, [box])[0] for key, box in person.places]
    windows = person.windows(cuts)
    answers = [teachers.ask(window.frames[2], window.box)[0] for window in windows]
    theirs = np.stack([answer[np.maximum(joint_map(COCO17, POSETRACK15), 0), :2][SHARED] for answer in answers])
    own, still = poses(windows)[:, SHARED], poses([one_frame(window) for window in windows])[:, SHARED]
    size = float(np.median([max(box[2:]) for _, box in person.places]))
    kernel = np.ones(9) / 9
    smooth = [np.apply_along_axis(lambda v: np.convolve(v, kernel, "same"), 0, path) for path in (own, theirs)]
    slow = np.ones(own.shape[:2], bool)
    for path in smooth:
        speed = np.linalg.norm(np.gradient(path, axis=0), axis=-1) / size
        slow &= speed < 0.01
    slow[:5] = slow[-5:] = False
    return {
        "frames": len(windows), "joints": int(slow.sum()), "model": jitter(own, slow) / size,
        "model, one frame": jitter(still, slow) / size, "Thunder": jitter(theirs, slow) / size,
    }  # fmt: skip


@dataclass(frozen=True)
class Camera:
    """Pinhole with radial and tangential distortion: matrix (3, 3), five coefficients, rotation (3, 3) and translation (3,)."""

    matrix: np.ndarray
    distortion: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray

    def ideal(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) pixels -> (N, 2) on the plane at distance one, without distortion."""
        return cv2.undistortPoints(points.reshape(-1, 1, 2).astype(np.float64), self.matrix, self.distortion)[:, 0]

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) in the world -> (N, 2) pixels."""
        turn, _ = cv2.Rodrigues(self.rotation)
        return cv2.projectPoints(points.astype(np.float64), turn, self.translation, self.matrix, self.distortion)[0][:, 0]

    @property
    def projection(self) -> np.ndarray:
        """(3, 4), from the world to the plane at distance one."""
        return np.column_stack([self.rotation, self.translation])


def read_cameras(path: Path) -> list[Camera]:
    """Cameras of a Qualisys calibration file: intrinsics in 1/64 pixels, rotations from camera to world, y up in the camera."""
    out = []
    for node in ET.parse(path).getroot().iter("camera"):
        inner, outer = node.find("intrinsic").attrib, node.find("transform").attrib
        matrix = np.array([
            [float(inner["focalLengthU"]), 0, float(inner["centerPointU"])],
            [0, float(inner["focalLengthV"]), float(inner["centerPointV"])], [0, 0, 64],
        ]) / 64  # fmt: skip
        names = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2", "radialDistortion3")
        world = np.array([[float(outer[f"r{i}{j}"]) for j in (1, 2, 3)] for i in (1, 2, 3)])
        place = np.array([float(outer[axis]) for axis in "xyz"])
        turn = np.diag([1.0, -1.0, -1.0]) @ world
        out.append(Camera(matrix, np.array([float(inner[n]) for n in names]), turn, -turn @ place))
    return out


def triangulated(cameras: Sequence[Camera], points: Sequence[np.ndarray]) -> np.ndarray:
    """(N, 3) in the world from (N, 2) pixels in each camera, by linear least squares."""
    rows = []
    for camera, seen in zip(cameras, points, strict=True):
        p, xy = camera.projection, camera.ideal(seen)
        rows += [xy[:, :1] * p[2] - p[0], xy[:, 1:] * p[2] - p[1]]
    _, _, v = np.linalg.svd(np.stack(rows, axis=1))
    return v[:, -1, :3] / v[:, -1, 3:]


def four_cameras(data: Path, detector: Detector, poses: Poses, frames: int) -> dict[str, float]:
    """A joint found by three cameras against where the fourth finds it, over the height of the person's box there."""
    cameras = read_cameras(data / "clips" / "two_people_calibration.qca.txt")
    readers = [VideoReader(data / "clips" / f"two_people_cam0{n}.mp4") for n in (1, 2, 3, 4)]
    last = min(reader.n_frames for reader in readers) - 1
    errors: list[np.ndarray] = []
    groups = 0
    for key in np.linspace(2, last - 2, frames).astype(int):
        seen: list[list[np.ndarray]] = []
        heights: list[list[float]] = []
        for reader in readers:
            window = tuple(reader.read(int(key + d)) for d in (-2, -1, 0, 1, 2))
            boxes = [d.box for d in detector.detect(window[2]) if d.score >= 0.3 and d.box[3] > 150]
            seen.append(list(poses([PoseWindow(window, box) for box in boxes])) if boxes else [])
            heights.append([box[3] for box in boxes])
        for chosen in _same_people(cameras, seen):
            groups += 1
            for left in range(4):
                others = [n for n in range(4) if n != left]
                where = triangulated([cameras[n] for n in others], [seen[n][chosen[n]] for n in others])
                miss = np.linalg.norm(cameras[left].pixels(where) - seen[left][chosen[left]], axis=-1)
                errors.append(miss / heights[left][chosen[left]])
    for reader in readers:
        reader.close()
    every = np.concatenate(errors)
    limbs = np.stack(errors)[:, SHARED]
    return {
        "people": groups, "joints": len(every), "median error, body height": float(np.median(every)),
        "median, joints that the teachers have": float(np.median(limbs)), "mean": float(every.mean()),
    }  # fmt: skip


def _same_people(cameras: list[Camera], seen: list[list[np.ndarray]]) -> list[tuple[int, ...]]:
    """Who is who in the four views: the groups whose joints meet best in space, each pose in one of them."""
    if not all(seen):
        return []
    scored = []
    for chosen in itertools.product(*(range(len(views)) for views in seen)):
        points = [seen[n][chosen[n]] for n in range(4)]
        where = triangulated(cameras, points)
        miss = np.mean([np.median(np.linalg.norm(c.pixels(where) - p, axis=-1)) for c, p in zip(cameras, points, strict=True)])
        scored.append((float(miss), chosen))
    out: list[tuple[int, ...]] = []
    for miss, chosen in sorted(scored):
        if miss < 60 and all(chosen[n] != other[n] for other in out for n in range(4)):
            out.append(chosen)
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--keys", type=int, default=40, help="key frames of each clip")
    parser.add_argument("--frames", type=int, default=8, help="frames of the four cameras")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--flip-test", action="store_true", help="predict in the mirror as well, and take the mean")
    parser.add_argument(
        "--only", nargs="*", choices=["coco", "clips", "calm", "cameras"], default=["coco", "clips", "calm", "cameras"]
    )
    options = parser.parse_args()
    predictor = Predictor.from_checkpoint(options.checkpoint, threads=options.threads)
    predictor.flip_test = options.flip_test
    teachers, detector = Teachers(options.data / "models", 1), Detector()

    def poses(windows: Sequence[PoseWindow]) -> np.ndarray:
        t = predictor.config.frames
        cut = [PoseWindow(w.frames[2 - t // 2 : 3 + t // 2], w.box) for w in windows]
        return np.stack([p.keypoints for p in predictor.predict(cut)])

    def tell(name: str, figures: dict[str, float]) -> None:
        print(json.dumps({name: {k: round(v, 4) for k, v in figures.items()}}), flush=True)

    def poses_of_one(windows: Sequence[PoseWindow]) -> np.ndarray:
        return poses([one_frame(window) for window in windows])

    if "coco" in options.only:
        tell("coco-mini, human boxes", coco(options.data, poses))
    for clip in CLIPS if "clips" in options.only else ():
        people = agreed_people(options.data / "clips" / clip, teachers, detector, options.keys)
        windows = [p.window for p in people]
        rng = np.random.default_rng(5)
        hurt = [damaged(window, rng) for window in windows]
        tell(clip, agreement(people, poses(windows)))
        tell(f"{clip}, one frame", agreement(people, poses_of_one(windows)))
        tell(f"{clip}, key frame damaged", agreement(people, poses(hurt)))
        tell(f"{clip}, key frame damaged, one frame", agreement(people, poses_of_one(hurt)))
        tell(f"{clip}, Thunder", agreement(people, np.stack([p.thunder for p in people])))
    for clip in ("ntu_one_person.avi", "sports2d_demo.mp4") if "calm" in options.only else ():
        person, stream = followed(options.data / "clips" / clip, detector, 0, 80), StreamSettings()
        held = HeldCrops(predictor.config.input_size, stream.margin, predictor.config.frames)
        tell(f"acceleration, {clip}", calm(person, teachers, poses, None))
        tell(f"acceleration, {clip}, held crops", calm(person, teachers, poses, held))
    if "cameras" in options.only:
        tell("four cameras", four_cameras(options.data, detector, poses, options.frames))
        tell("four cameras, one frame", four_cameras(options.data, detector, poses_of_one, options.frames))


if __name__ == "__main__":
    main()

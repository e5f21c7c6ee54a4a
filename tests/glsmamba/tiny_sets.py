"""Data sets of a few pictures in their public layouts, made at test time."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

from glsmamba.data.skeletons import COCO17, JHMDB15, LSP14, POSETRACK15, POSETRACK17, POSETRACK18, Skeleton

SEQUENCE = "000342_mpii_test"


def pose(x: float = 20.0, y: float = 10.0) -> dict[str, tuple[float, float]]:
    """Joint name -> place: each joint somewhere else, so that a mix-up shows."""
    return {name: (x + 3.0 * k, y + 5.0 * k + (k % 3)) for k, name in enumerate(POSETRACK15.joints)}


def picture(path: Path, shade: int = 0, size: tuple[int, int] = (96, 128)) -> None:
    """A grey picture (height, width) whose shade says which one it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((*size, 3), shade, np.uint8))


def triplets(skeleton: Skeleton, places: dict[str, tuple[float, float]], v: int = 1) -> list[float]:
    """x, y, v of each joint of a skeleton in its order; 0, 0, 0 where there is no place for it."""
    return [value for name in skeleton.joints for value in ((*places[name], v) if name in places else (0, 0, 0))]


def posetrack18(root: Path, frames: int = 4, labelled: tuple[int, ...] = (0, 2), folder: str = "annotations") -> Path:
    """One sequence, one person; ``folder`` ``posetrack_data`` makes it PoseTrack21. Frame n's picture has shade 10 n."""
    images, people = [], []
    for n in range(frames):
        key, name = 10003420000 + n, f"images/val/{SEQUENCE}/{n:06d}.jpg"
        picture(root / name, 10 * n)
        images.append({"file_name": name, "id": key, "frame_id": key, "is_labeled": n in labelled})
        if n in labelled:
            keypoints = triplets(POSETRACK18, {name: p for name, p in pose(20 + n).items() if name != "left_wrist"})
            person = {
                "id": key * 100, "image_id": key, "category_id": 1, "keypoints": keypoints, "scores": [], "track_id": 0,
                "bbox": [15, 5, 60, 85], "bbox_head": [20, 10, 12, 16],
            }  # fmt: skip
            people.append(person | ({"person_id": 7} if folder == "posetrack_data" else {}))
    category = {"id": 1, "name": "person", "keypoints": list(POSETRACK18.joints)}
    write(root / folder / "val" / f"{SEQUENCE}.json", {"images": images, "annotations": people, "categories": [category]})
    return root


def posetrack17(root: Path) -> Path:
    """One sequence of three frames, the middle one labelled with one person."""
    out = []
    for n in range(3):
        name = f"images/bonn/000001_bonn/{n + 1:08d}.jpg"
        picture(root / name, 10 * n)
        places = pose()
        points = [{"id": [i], "x": [places[j][0]], "y": [places[j][1]]} for i, j in enumerate(POSETRACK17.joints) if i != 11]
        rect = {"x1": [20], "y1": [10], "x2": [32], "y2": [26], "track_id": [0], "annopoints": [{"point": points}]}
        out.append({"image": [{"name": name}], "is_labeled": [int(n == 1)], "annorect": [rect] if n == 1 else []})
    write(root / "annotations" / "train" / "000001_bonn.json", {"annolist": out})
    return root


def coco(root: Path) -> Path:
    """Two pictures in ``val2017``: somebody, and somebody with a crowd and a person without joints."""
    images = [{"id": n, "file_name": f"{n:012d}.jpg", "width": 128, "height": 96} for n in (1, 2)]
    for n in (1, 2):
        picture(root / "val2017" / f"{n:012d}.jpg", 40 * n)
    keypoints = triplets(COCO17, pose(), 2)
    keypoints[3 * COCO17.index("right_knee") + 2] = 1
    base = {"category_id": 1, "area": 4000.0, "bbox": [15, 5, 70, 88], "iscrowd": 0}
    people = [
        base | {"id": 1, "image_id": 1, "keypoints": keypoints, "num_keypoints": 13},
        base | {"id": 2, "image_id": 2, "keypoints": keypoints, "num_keypoints": 13},
        base | {"id": 3, "image_id": 2, "keypoints": [0] * 51, "num_keypoints": 0, "bbox": [90, 5, 20, 20]},
        base | {"id": 4, "image_id": 2, "keypoints": [0] * 51, "num_keypoints": 0, "iscrowd": 1},
    ]
    category = {"id": 1, "name": "person", "keypoints": list(COCO17.joints)}
    content = {"images": images, "annotations": people, "categories": [category]}
    write(root / "annotations" / "person_keypoints_val2017.json", content)
    return root


def jhmdb(root: Path) -> Path:
    """Two clips of three frames, one to train and one to test on."""
    (root / "sub_splits").mkdir(parents=True)
    (root / "sub_splits" / "golf_test_split1.txt").write_text("a_b.avi 1 \nc_d.avi 2\n")
    for clip in ("a_b", "c_d"):
        joints = np.zeros((2, 15, 3))
        mask = np.zeros((96, 128, 3), np.uint8)
        mask[10:80, 20:60] = 1
        for n in range(3):
            picture(root / "Rename_Images" / "golf" / clip / f"{n + 1:05d}.png", 10 * n)
            places = pose(20 + n) | {"belly": (50, 50), "face": (51, 20)}
            for k, name in enumerate(JHMDB15.joints):
                joints[:, k, n] = np.add(places[name], 1)
        for folder, values in (("joint_positions", {"pos_img": joints}), ("puppet_mask", {"part_mask": mask})):
            (root / folder / "golf" / clip).mkdir(parents=True)
            savemat(root / folder / "golf" / clip / f"{folder}.mat", values)
    return root


def lsp(root: Path, extended: bool = False) -> Path:
    """Leeds Sports Pose (rows 1, 2 and 1001 have pictures) or its extension (24 rows): the left wrist's flag is another."""
    rows = 24 if extended else 1001
    joints = np.zeros((rows, 14, 3))
    for k, name in enumerate(LSP14.joints):
        joints[:, k] = (*np.add(pose()[name], 1), int((name != "left_wrist") == extended))
    shaped = joints.transpose(1, 2, 0) if extended else joints.transpose(2, 1, 0)
    root.mkdir(parents=True)
    savemat(root / "joints.mat", {"joints": shaped})
    for row in range(24) if extended else (0, 1, 1000):
        picture(root / "images" / f"im{row + 1:0{5 if extended else 4}d}.jpg", 50)
    return root


def write(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))

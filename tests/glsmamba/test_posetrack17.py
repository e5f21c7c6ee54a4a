"""PoseTrack 2017 files, and AP against figures that the public evaluator's procedure gave for the very same files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from glsmamba.data import posetrack17
from glsmamba.data.metrics import average_precision
from glsmamba.data.posetrack18_names import PoseTrackError
from glsmamba.data.records import Visibility
from glsmamba.data.skeletons import POSETRACK15, POSETRACK17


def noise(*key: int) -> float:
    """A number in [0, 1) that looks random and is the same everywhere."""
    return math.sin(sum((n + 1) * 12.9898 * (k + 1.7) for n, k in enumerate(key))) * 43758.5453 % 1.0


def annolist(seed: int, frames: int = 12, predicted: bool = False) -> dict:
    """Up to four people a frame with missing joints and ignore regions; predictions err, miss, invent and carry scores."""
    out = []
    for f in range(frames):
        rects = []
        for p in range(int(noise(seed, f, 1) * 5)):
            points = []
            for j in range(15):
                x, y = 100 * p + 60 * noise(seed, f, p, j, 2), 150 * noise(seed, f, p, j, 3)
                if noise(seed, f, p, j, 4) < 0.2:
                    continue
                if predicted:
                    if noise(seed, f, p, j, 5) < 0.1:
                        continue
                    x += 14 * (noise(seed, f, p, j, 6) - 0.5)
                    y += 14 * (noise(seed, f, p, j, 7) - 0.5)
                point = {"id": [j], "x": [x], "y": [y]}
                points.append(point | ({"score": [noise(seed, f, p, j, 8)]} if predicted else {"is_visible": [j % 2]}))
            head = {"x1": [100 * p], "y1": [0], "x2": [100 * p + 24], "y2": [18]}
            rect = head | {"track_id": [p], "annopoints": [{"point": points}]}
            if not predicted or noise(seed, f, p, 9) < 0.85:
                rects.append(rect)
        if predicted and noise(seed, f, 10) < 0.3 and rects:
            again = json.loads(json.dumps(rects[0]))
            for point in again["annopoints"][0]["point"]:
                point["score"][0] *= 0.9  # the order of equal scores is nobody's rule
            rects.append(again)
        region = [{"x": [v[0]], "y": [v[1]]} for v in ((50, 40), (90, 45), (80, 120), (45, 100), (60, 70))]
        out.append({
            "image": [{"name": f"images/bonn/000001_mpii/{f + 1:08d}.jpg"}], "imgnum": [f + 1], "is_labeled": [1],
            "annorect": rects, "ignore_regions": [{"point": region}] if f % 3 == 0 and not predicted else [],
        })  # fmt: skip
    return {"annolist": out}


def written(path: Path, content: dict) -> Path:
    path.write_text(json.dumps(content))
    return path


#: AP per joint in the order of PoseTrack 2017's ids, two sequences together: what poseval 4258a15's procedure (cleaning, ignore
#: regions by shapely, assignment, AP) gives for the files of this module. Found outside of this repository.
EVALUATOR = [
    90.0734071, 92.4876033, 91.8719743, 88.6407559, 73.3139535, 77.9961519, 68.6712018, 77.7281746, 71.972781,
    82.2463874, 73.0952381, 87.6469066, 75.5953099, 82.4949269, 87.4121374,
]  # fmt: skip


def test_ap_is_the_public_evaluator_s(tmp_path: Path) -> None:
    truth = [posetrack17.read(written(tmp_path / f"t{seed}.json", annolist(seed))) for seed in (1, 2)]
    guess = [posetrack17.read(written(tmp_path / f"p{seed}.json", annolist(seed, predicted=True))) for seed in (1, 2)]
    result = average_precision(guess, truth)
    order = [POSETRACK15.index(name) for name in POSETRACK17.joints]
    np.testing.assert_allclose(100 * result.per_joint[order], EVALUATOR, atol=1e-6)
    assert result.mean == pytest.approx(np.mean(EVALUATOR) / 100)


def test_joints_come_by_name_and_what_is_not_listed_is_absent(tmp_path: Path) -> None:
    content = annolist(1)
    record = posetrack17.read(written(tmp_path / "a.json", content))
    entry = next(n for n, frame in enumerate(content["annolist"]) if frame["annorect"])
    assert [frame.index for frame in record.frames] == list(range(12)) and len(record.frames[0].ignore_regions) == 1
    rect, person = content["annolist"][entry]["annorect"][0], record.frames[entry].people[0]
    given = {point["id"][0]: point for point in rect["annopoints"][0]["point"]}
    for identity, name in enumerate(POSETRACK17.joints):
        place = POSETRACK15.index(name)
        if identity in given:
            assert person.keypoints[place].tolist() == [given[identity]["x"][0], given[identity]["y"][0]]
            assert person.visibility[place] == (Visibility.VISIBLE if identity % 2 else Visibility.OCCLUDED)
        else:
            assert person.visibility[place] == Visibility.ABSENT
    assert person.head_box == (0, 0, 24, 18) and person.track_id == 0 and person.scores is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"images": []}, "no list"),
        ({"annolist": [{"annorect": []}]}, "entry 0"),
        ({"annolist": [annolist(1)["annolist"][0]] * 2}, "frame 0 occurs twice"),
        ({"annolist": [{"image": [{"name": "1.jpg"}], "annorect": [{"annopoints": [{"point": [{"id": [15], "x": [1],
           "y": [1]}]}]}]}]}, "joint id 15"),
    ],
)  # fmt: skip
def test_what_is_no_posetrack_2017_is_said(tmp_path: Path, content: dict, words: str) -> None:
    with pytest.raises(PoseTrackError, match=words):
        posetrack17.read(written(tmp_path / "a.json", content))
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(PoseTrackError, match="not valid JSON"):
        posetrack17.read(tmp_path / "a.json")

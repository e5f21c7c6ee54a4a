"""Evaluation against figures worked out by hand, and OKS-AP against pycocotools on the original file."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_sets

from glsmamba.data.sets import DataSet, DataSetError, open_set
from glsmamba.data.skeletons import COCO17, POSETRACK15, joint_map
from glsmamba.evaluation import as_json, judge, judged_frames, predict_set, read_predictions, table
from glsmamba.predictor import PosePrediction

K = len(POSETRACK15)


class Oracle:
    """Stands in for the model: the true pose, moved by ``wrong`` of the window's number."""

    config = SimpleNamespace(frames=3)

    def __init__(self, data: DataSet, wrong: Callable[[int], np.ndarray | float] = lambda n: 0.0):
        self.answers = [person.keypoints + wrong(n) for n, (_, _, person) in enumerate(data.people())]
        self.windows: list = []

    def predict(self, windows):
        out = []
        for window in windows:
            points = self.answers[len(self.windows)]
            self.windows.append(window)
            out.append(PosePrediction(points, np.full(K, 0.8, np.float32), None, np.eye(2, 3), (8, 6)))
        return out


def test_the_truth_scores_full_marks_and_windows_hold_real_neighbours(tmp_path: Path) -> None:
    data = open_set(tiny_sets.posetrack18(tmp_path / "pt"), "val")
    oracle = Oracle(data)
    found = predict_set(oracle, data)
    figures = judge(data, found)
    assert set(figures.overall.values()) == {1.0} and {"AP", "AP head", "AP wrist"} < set(figures.overall)
    assert set(figures.per_joint) == {
        "PCK@0.2 person", "PCK@0.1 person", "PCK@0.2 torso", "PCK@0.2 box", "PCKh@0.5", "AP",
    }  # fmt: skip
    assert figures.people == 2 and figures.joints == 28 and "left_wrist" not in figures.per_joint["AP"]
    assert [[round(f.mean() / 10) for f in w.frames] for w in oracle.windows] == [[0, 0, 1], [1, 2, 3]]
    assert oracle.windows[0].box == (15, 5, 60, 85)
    assert oracle.windows[0].frames[0] is oracle.windows[0].frames[1]  # a repeated frame is encoded once
    assert "| **all** | 1.000" in table(figures) and json.loads(json.dumps(as_json(figures)))["overall"]["AP"] == 1.0


def test_each_measure_has_its_own_length(tmp_path: Path) -> None:
    data = open_set(tiny_sets.posetrack18(tmp_path / "pt", labelled=(0,)), "val")
    # extent of the joints 42 x 72; head box 12 x 16, diagonal 20, head size 12; box 60 x 85
    cases = {5.9: (1, 1, 1, 1), 6.1: (1, 1, 0, 1), 7.3: (1, 0, 0, 1), 14.5: (0, 0, 0, 1), 17.1: (0, 0, 0, 0)}
    for error, wanted in cases.items():
        figures = judge(data, predict_set(Oracle(data, lambda n, e=error: np.array([e, 0.0])), data))
        names = ("PCK@0.2 person", "PCK@0.1 person", "PCKh@0.5", "PCK@0.2 box")
        assert tuple(figures.overall[name] for name in names) == wanted, error
        assert figures.overall["AP"] == wanted[2]


def test_with_a_detector_people_are_found_by_their_joints_or_count_as_missed(tmp_path: Path) -> None:
    data = open_set(tiny_sets.posetrack18(tmp_path / "pt"), "val")
    answers = iter([[((15, 5, 60, 85), 0.9)], []])
    figures = judge(data, predict_set(Oracle(data), data, lambda frame: next(answers)))
    assert figures.overall["PCK@0.2 person"] == 0.5 and figures.overall["AP"] == 0.5
    far = judge(data, predict_set(Oracle(data, lambda n: 500.0), data, lambda frame: [((1, 1, 9, 9), 0.5)]))
    assert far.overall["PCK@0.2 box"] == 0 and far.overall["AP"] == 0
    limited = predict_set(Oracle(data), data, limit=1)
    assert judge(data, limited).people == 1
    pictures = open_set(tiny_sets.coco(tmp_path / "coco"), "val")
    assert [[len(r.frames) for r in judged_frames(pictures, n)] for n in (1, 2, None)] == [[1, 0], [1, 1], [1, 1]]


def test_jitter_is_the_acceleration_over_the_person_s_size(tmp_path: Path) -> None:
    data = open_set(tiny_sets.jhmdb(tmp_path / "jhmdb"), "test1")  # moves evenly: 1 pixel a frame
    figures = judge(data, predict_set(Oracle(data, lambda n: np.array([1.4 * (n == 1), 0.0])), data))
    # the middle one of three frames is off by 1.4 pixels: second difference 2.8; from neck to ankle the person is 66 high
    assert figures.overall["jitter"] == pytest.approx(2.8 / 66 * 100)
    assert figures.overall["jitter of the labels"] == pytest.approx(0, abs=1e-9)
    assert "AP" not in figures.overall  # no head boxes
    assert "jitter" not in judge(data, predict_set(Oracle(data), data, limit=2)).overall


def test_oks_ap_is_pycocotools_on_the_original_file(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    data = open_set(tiny_sets.coco(tmp_path / "coco"), "val")
    figures = judge(data, found := predict_set(Oracle(data, lambda n: np.array([3.0 + 4 * n, -2.0])), data))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(tmp_path / "coco" / "annotations" / "person_keypoints_val2017.json"))
        index = joint_map(POSETRACK15, COCO17)
        for a in truth.dataset["annotations"]:  # eyes and ears count neither for nor against
            joints = np.array(a["keypoints"]).reshape(17, 3) * (index >= 0)[:, None]
            a["keypoints"], a["num_keypoints"] = joints.ravel().tolist(), int((joints[:, 2] > 0).sum())
        rows = []
        for image, record in zip((1, 2), found.predicted, strict=True):
            for person in record.frames[0].people:
                points = np.column_stack([person.keypoints[np.maximum(index, 0)], np.ones(17)])
                rows.append({"image_id": image, "category_id": 1, "keypoints": points.ravel().tolist(), "score": 0.8})
        run = COCOeval(truth, truth.loadRes(rows), "keypoints")
        run.evaluate()
        run.accumulate()
        run.summarize()
    assert 0 < run.stats[0] < 1
    names = ("OKS-AP", "OKS-AP@0.5", "OKS-AP@0.75")
    np.testing.assert_allclose([figures.overall[name] for name in names], run.stats[:3])
    nobody = judge(data, predict_set(Oracle(data), data, lambda frame: []))
    assert nobody.overall["OKS-AP"] == 0 and nobody.overall["PCK@0.2 box"] == 0


def test_predictions_from_files_are_measured_by_their_sequence_s_name(tmp_path: Path) -> None:
    root = tiny_sets.posetrack17(tmp_path / "pt17")
    data = open_set(root, "train")
    content = json.loads((root / "annotations" / "train" / "000001_bonn.json").read_text())
    (tmp_path / "out").mkdir()
    answer = tmp_path / "out" / "000001_bonn.json"
    answer.write_text(json.dumps(content))
    figures = judge(data, read_predictions(tmp_path / "out", data))
    assert figures.overall["AP"] == 1 and figures.overall["PCKh@0.5"] == 1
    answer.write_text(json.dumps({"annolist": content["annolist"][:1]}))
    with pytest.raises(DataSetError, match="lack frame 1"):
        read_predictions(answer, data)


@pytest.mark.data
def test_a_real_file_against_itself_is_perfect_but_for_what_lies_in_ignore_regions(shared_data: Path) -> None:
    root = shared_data / "posetrack18"
    if not root.is_dir():
        pytest.skip("the frame of PoseTrack is absent")
    data = open_set(root)
    figures = judge(data, read_predictions(next(root.glob("annotations/*.json")), data))
    assert figures.overall["AP"] == 1 and figures.overall["PCKh@0.5"] == 1
    assert set(figures.labelled) - set(figures.per_joint["AP"]) == {"right_knee"}

"""The person detector: boxes of real people, and a sentence when its file is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inference.detector import Detector, DetectorError, iou_matrix, suppress


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


def test_an_empty_picture_holds_nobody(detector: Detector) -> None:
    assert [d for d in detector.detect(np.full((240, 320, 3), 90, np.uint8)) if d.score >= 0.3] == []


def test_finds_most_big_people_and_few_others(detector: Detector, shared_data: Path) -> None:
    """COCO's own boxes are the oracle; the bounds lie below the measured figures of the card."""
    labels = json.loads((shared_data / "coco-mini" / "person_keypoints.json").read_text())
    crowded = {a["image_id"] for a in labels["annotations"] if a["iscrowd"]}
    people: dict[int, list[list[float]]] = {}
    for annotation in labels["annotations"]:
        people.setdefault(annotation["image_id"], []).append(annotation["bbox"])
    pictures = [p for p in labels["images"] if p["id"] in people and p["id"] not in crowded][:24]
    big = found_big = right = all_found = 0
    for picture in pictures:
        frame = cv2.imread(str(shared_data / "coco-mini" / "images" / picture["file_name"]))[:, :, ::-1]
        truth = np.array(people[picture["id"]])
        found = [d for d in detector.detect(frame) if d.score >= 0.3]
        for d in found:
            x, y, w, h = d.box
            assert x >= 0 and y >= 0 and x + w <= frame.shape[1] + 1e-6 and y + h <= frame.shape[0] + 1e-6
        overlaps = iou_matrix(truth, np.array([d.box for d in found]))
        tall = truth[:, 3] > 0.3 * frame.shape[0]
        big += int(tall.sum())
        all_found += len(found)
        if found:
            found_big += int((overlaps.max(axis=1) >= 0.5)[tall].sum())
            right += int((overlaps.max(axis=0) >= 0.5).sum())
    assert found_big / big > 0.6
    assert right / all_found > 0.7


def test_a_wrong_file_is_named_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="does not exist"):
        Detector(tmp_path / "absent.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network")
    with pytest.raises(DetectorError, match="not a person detector"):
        Detector(broken)


def test_a_grey_picture_is_refused(detector: Detector) -> None:
    with pytest.raises(ValueError, match="RGB picture"):
        detector.detect(np.zeros((100, 100), np.uint8))


boxes = st.lists(st.tuples(*[st.floats(0, 100)] * 2, *[st.floats(1, 100)] * 2), min_size=1, max_size=8)


@given(boxes)
def test_overlap_is_symmetric_and_one_with_itself(rows: list[tuple[float, ...]]) -> None:
    table = iou_matrix(np.array(rows), np.array(rows))
    np.testing.assert_allclose(table, table.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(table), 1, atol=1e-6)
    assert (table >= 0).all() and (table <= 1 + 1e-9).all()


@given(boxes)
def test_suppression_keeps_the_best_and_no_two_alike(rows: list[tuple[float, ...]]) -> None:
    scores = np.linspace(1, 0.5, len(rows))
    kept = suppress(np.array(rows), scores, 0.5)
    assert kept[0] == 0
    table = iou_matrix(np.array(rows), np.array(rows))
    assert all(table[i, j] <= 0.5 for i in kept for j in kept if i != j)

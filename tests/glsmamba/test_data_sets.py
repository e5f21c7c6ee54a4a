"""Data sets in their public layouts: found by path, joints by name, what is absent masked, what is missing told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_sets
from tiny_sets import pose

from glsmamba.data.posetrack18 import write
from glsmamba.data.records import FrameRecord, PersonRecord, SequenceRecord, Visibility
from glsmamba.data.sets import DataSet, DataSetError, around, from_record, open_set
from glsmamba.data.skeletons import POSETRACK15
from glsmamba.training.people import people_of

MAKERS = {
    "posetrack18": (tiny_sets.posetrack18, "val", {"left_wrist"}),
    "posetrack21": (lambda root: tiny_sets.posetrack18(root, folder="posetrack_data"), "val", {"left_wrist"}),
    "posetrack17": (tiny_sets.posetrack17, "train", {"left_wrist"}),
    "coco": (tiny_sets.coco, "val", {"head_bottom", "head_top"}),
    "sub-jhmdb": (tiny_sets.jhmdb, "test1", {"nose", "head_top"}),
    "lsp": (tiny_sets.lsp, "train", {"nose"}),
    "lspet": (lambda root: tiny_sets.lsp(root, extended=True), "train", {"nose", "left_wrist"}),
}


def known(person: PersonRecord) -> dict[str, tuple[float, float]]:
    there = person.visibility != Visibility.ABSENT
    assert (person.keypoints[~there] == 0).all()
    return {POSETRACK15.joints[k]: tuple(person.keypoints[k]) for k in np.flatnonzero(there)}


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, DataSet]:
    return {kind: open_set(make(tmp_path / kind), split) for kind, (make, split, _) in MAKERS.items()}


def test_each_is_recognised_and_its_joints_come_by_name(sets: dict[str, DataSet]) -> None:
    for kind, data in sets.items():
        assert data.kind == kind and bool(data.missing) == (kind == "lsp")  # of whose thousand rows two have pictures
        absent = MAKERS[kind][2]
        people = list(data.people())
        assert people
        for sequence, frame, person in people:
            shift = frame.index if kind in ("posetrack18", "posetrack21", "sub-jhmdb") else 0
            wanted = {name: place for name, place in pose(20 + shift).items() if name not in absent}
            found = known(person)
            assert found.keys() == wanted.keys(), kind
            np.testing.assert_allclose(list(found.values()), [wanted[name] for name in found], atol=1e-9)
            assert sequence.pictures.read(frame.index).shape == (96, 128, 3)
        never = ", ".join(name for name in POSETRACK15.joints if name in absent)
        assert f"left out: {never}" in data.report()


def test_what_each_says_beside_the_joints(sets: dict[str, DataSet]) -> None:
    first = {kind: next(data.people())[2] for kind, data in sets.items()}
    assert first["posetrack18"].box == (15, 5, 60, 85) and first["posetrack18"].head_box == (20, 10, 12, 16)
    # PoseTrack 2017 has no boxes: the extent of the joints, 1.3 times as large
    assert first["posetrack17"].box == pytest.approx((13.7, -0.8, 54.6, 93.6)) and first["posetrack17"].head_box[3] == 16
    assert first["sub-jhmdb"].box == (20, 10, 40, 70)
    assert first["coco"].area == 4000 and first["lsp"].box is None
    assert first["coco"].visibility[POSETRACK15.index("right_knee")] == Visibility.OCCLUDED
    assert first["lsp"].visibility[POSETRACK15.index("left_wrist")] == Visibility.OCCLUDED
    assert [p.crowd for p in sets["coco"].sequences[1].record.frames[0].people] == [False, False, True]
    assert {kind for kind, data in sets.items() if data.moving} == {"posetrack17", "posetrack18", "posetrack21", "sub-jhmdb"}
    assert len(sets["lspet"].sequences) == 24 - 3 and len(open_set(sets["lsp"].root, "test").sequences) == 1


def test_windows_hold_real_neighbours_and_stop_at_the_ends(sets: dict[str, DataSet]) -> None:
    sequence = sets["posetrack18"].sequences[0]
    assert around(sequence.pictures, 0, 5) == (0, 0, 0, 1, 2) and around(sequence.pictures, 2, 5) == (0, 1, 2, 3, 3)
    shades = [round(sequence.pictures.read(n).mean() / 10) for n in around(sequence.pictures, 2, 5)]
    assert shades == [0, 1, 2, 3, 3]
    late = sets["posetrack17"].sequences[0]  # files count from 1, frames from 0
    assert around(late.pictures, 1, 3) == (0, 1, 2) and round(late.pictures.read(1).mean() / 10) == 1
    assert around(sets["coco"].sequences[0].pictures, 0, 3) == (0, 0, 0)
    del sequence.pictures.files[1]  # a gap ends the clip, too
    assert around(sequence.pictures, 2, 5) == (2, 2, 2, 3, 3)


def test_pictures_that_are_missing_are_told_and_left_out(tmp_path: Path) -> None:
    root = tiny_sets.posetrack18(tmp_path / "pt")
    (root / "images" / "val" / tiny_sets.SEQUENCE / "000002.jpg").unlink()
    data = open_set(root, "val")
    assert data.missing == (f"1 of 4 pictures: images/val/{tiny_sets.SEQUENCE}/000002.jpg",)
    assert [frame.index for _, frame, _ in data.people()] == [0] and "missing: 1 of 4" in data.report()
    jhmdb = tiny_sets.jhmdb(tmp_path / "jhmdb")
    (jhmdb / "puppet_mask" / "golf" / "c_d" / "puppet_mask.mat").unlink()
    assert "puppet_mask" in open_set(jhmdb, "test1").missing[0]
    (jhmdb / "joint_positions" / "golf" / "c_d" / "joint_positions.mat").unlink()
    with pytest.raises(DataSetError, match=r"None of the 1 clips of test1"):
        open_set(jhmdb, "test1")


@pytest.mark.parametrize(
    ("kind", "split", "words"),
    [
        ("posetrack18", "", "has the splits val; name one"),
        ("posetrack18", "train", "has the splits val"),
        ("coco", "train", "one label file for the split 'train'"),
        ("sub-jhmdb", "train", "train1, test1"),
        ("sub-jhmdb", "train2", "test_split2"),
        ("lsp", "val", "has the splits train, test"),
    ],
)
def test_a_wrong_split_is_answered_with_those_there_are(tmp_path: Path, kind: str, split: str, words: str) -> None:
    root = MAKERS[kind][0](tmp_path / kind)
    with pytest.raises(DataSetError, match=words):
        open_set(root, split)


def test_what_is_no_data_set_or_another_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataSetError, match="no data set known here"):
        open_set(tmp_path / "empty")
    with pytest.raises(DataSetError, match=r"no data set at .*nothing; posetrack17 with annotations/val/\*.json and images/"):
        open_set(tmp_path / "nothing", "val", "posetrack17")
    with pytest.raises(DataSetError, match="holds posetrack18, not posetrack21"):
        open_set(tiny_sets.posetrack18(tmp_path / "pt"), "val", "posetrack21")
    (tmp_path / "empty" / "joints.mat").write_bytes(b"no matlab")
    with pytest.raises(DataSetError, match=r"joints\.mat"):
        open_set(tmp_path / "empty")
    file = tmp_path / "pt" / "annotations" / "val" / f"{tiny_sets.SEQUENCE}.json"
    content = json.loads(file.read_text())
    for image in content["images"]:
        image["file_name"] = image["file_name"].replace("images", "elsewhere")
    file.write_text(json.dumps(content))
    with pytest.raises(DataSetError, match=r"None of the 4 pictures .* elsewhere/val"):
        open_set(tmp_path / "pt", "val")


def test_a_file_of_this_program_finds_its_video(tmp_path: Path, small_video: Path) -> None:
    points = np.array(list(pose().values()))
    person = PersonRecord(3, points, np.full(15, Visibility.VISIBLE, np.uint8))
    frames = tuple(FrameRecord(n, (person,) if n == 5 else (), labeled=n == 5) for n in range(40))
    write(SequenceRecord("numbered", frames, 320, 240), tmp_path / "numbered.json")
    data = open_set(tmp_path / "numbered.json")
    assert data.kind == "export" and data.moving
    ((sequence, frame, found),) = data.people()
    assert frame.index == 5 and around(sequence.pictures, 39, 3) == (38, 39, 39)
    np.testing.assert_allclose(found.keypoints, points, atol=0.01)
    assert sequence.pictures.read(5).shape == (240, 320, 3)
    small_video.rename(tmp_path / "moved.mp4")
    with pytest.raises(DataSetError, match="No video lies beside"):
        open_set(tmp_path / "numbered.json")
    assert open_set(tmp_path / "numbered.json", video=tmp_path / "moved.mp4").sequences


def test_people_of_a_video_are_cut_out_with_their_window_and_kept_small(tmp_path: Path, small_video: Path) -> None:
    points = np.array(list(pose(140, 90).values()))
    seen = np.full(15, Visibility.VISIBLE, np.uint8)
    seen[[4, 9]] = Visibility.ABSENT
    people = (PersonRecord(3, points, seen), PersonRecord(4, points, np.where(np.arange(15) < 2, 2, 0).astype(np.uint8)))
    record = SequenceRecord("numbered", tuple(FrameRecord(n, people if n == 39 else (), labeled=n == 39) for n in range(40)))
    data = from_record(record, small_video, "export", small_video)
    (person,) = people_of(data, 5, (64, 48), weight=3.0)  # the second one has too few joints
    assert person.weight == 3 and person.known.tolist() == (seen > 0).tolist()
    # the picture's blue tells the frame: 60 + 3 n; beyond the last frame it repeats
    blue = [int(frame[5, 5, 2]) for frame in person.frames[:]]
    assert np.diff(blue) == pytest.approx([3, 3, 0, 0], abs=2) and blue[2] == pytest.approx(60 + 39 * 3 % 120, abs=8)
    assert person.frames[2].shape[0] <= 96 * 1.5 + 2 and max(person.frames[2].shape[:2]) < 240
    apart = np.linalg.norm(person.points[14] - person.points[0]) / np.linalg.norm(points[14] - points[0])
    assert apart == pytest.approx(person.box[3] / (1.1 * 72), rel=0.03)

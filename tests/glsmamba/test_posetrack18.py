"""PoseTrack 2018 files: what is written comes back, keeps the evaluators' rules, and odd files get one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glsmamba.data import posetrack18
from glsmamba.data.posetrack18 import PoseTrackError
from glsmamba.data.posetrack18_write import derived_head_box
from glsmamba.data.records import FrameRecord, PersonRecord, SequenceRecord, Visibility
from glsmamba.data.skeletons import POSETRACK15, POSETRACK18

SIZE = (640, 480)
NAMES = POSETRACK15.joints


def standing(track: int | None = 0, x: float = 200.0, y: float = 100.0, **changes) -> PersonRecord:
    """A person with all joints, head up."""
    heights = {
        "head_top": 0,
        "nose": 14,
        "head_bottom": 28,
        "shoulder": 34,
        "elbow": 60,
        "wrist": 84,
        "hip": 92,
        "knee": 130,
        "ankle": 168,
    }
    points = np.array(
        [
            [
                x + (12 if "left" in name else -12 if "right" in name else 0),
                y + next(h for key, h in heights.items() if key in name),
            ]
            for name in NAMES
        ],
        dtype=np.float64,
    )
    values = {"scores": np.full(15, 0.75, np.float32), "score": 0.5, **changes}
    return PersonRecord(track, points, np.full(15, Visibility.VISIBLE, np.uint8), **values)


def clip(*people: tuple[PersonRecord, ...], name: str = "walk", **changes) -> SequenceRecord:
    frames = tuple(FrameRecord(n, tuple(group), labeled=bool(group)) for n, group in enumerate(people))
    return SequenceRecord(name, frames, *SIZE, **changes)


coordinates = st.floats(0.01, 470).map(lambda v: round(v, 3))


@st.composite
def records(draw: st.DrawFn) -> SequenceRecord:
    frames = []
    for n in range(draw(st.integers(1, 4))):
        people = []
        for track in draw(st.lists(st.integers(0, 400), unique=True, max_size=3)):
            points = np.array(draw(st.lists(coordinates, min_size=30, max_size=30))).reshape(15, 2)
            seen = np.array(draw(st.lists(st.sampled_from([0, 1, 2]), min_size=15, max_size=15)), np.uint8)
            scores = np.array(draw(st.lists(st.floats(0, 1, width=32), min_size=15, max_size=15)), np.float32)
            people.append(PersonRecord(track, points, seen, scores, box=(10.0, 20.0, 60.0, 120.0)))
        regions = draw(st.lists(st.just(np.array([[10.0, 10], [200, 10], [200, 90]])), max_size=1))
        frames.append(FrameRecord(n, tuple(people), tuple(regions), labeled=bool(people)))
    return SequenceRecord("900123_mpiinew_test", tuple(frames), *SIZE)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=records(), kind=st.sampled_from(["gt", "prediction"]), occluded=st.sampled_from(["keep", "drop"]))
def test_what_is_written_comes_back(tmp_path: Path, record: SequenceRecord, kind, occluded) -> None:
    path = tmp_path / "clip.json"
    written = posetrack18.write(record, path, kind, occluded)
    assert written.paths == (path,)
    assert not [p for p in written.problems if p.severity == "error"]
    (again,) = posetrack18.read(path)
    assert (again.name, again.width, again.height, again.n_frames) == (record.name, *SIZE, record.n_frames)
    tracks = sorted({person.track_id for frame in record.frames for person in frame.people})
    for before, after in zip(record.frames, again.frames, strict=True):
        assert after.index == before.index
        assert len(after.ignore_regions) == len(before.ignore_regions)
        assert [tracks[p.track_id] for p in after.people] == [p.track_id for p in before.people]
        for old, new in zip(before.people, after.people, strict=True):
            gone = old.visibility == Visibility.ABSENT
            if occluded == "drop":
                gone |= old.visibility == Visibility.OCCLUDED
            assert (new.visibility > 0).tolist() == (~gone).tolist()
            assert np.abs(new.keypoints - old.keypoints)[~gone].max(initial=0) <= 0.005
            assert (new.scores is None) == (kind == "gt")
            if kind == "prediction":
                np.testing.assert_allclose(new.scores[~gone], old.scores[~gone], atol=1e-4)


def test_the_file_keeps_the_format_to_the_letter(tmp_path: Path) -> None:
    record = clip((standing(7), standing(3, 400)), (), (standing(7, 210),))
    written = posetrack18.write(record, tmp_path / "walk.json")
    assert written.problems == ()
    content = json.loads((tmp_path / "walk.json").read_text())
    assert set(content) == {"images", "annotations", "categories"}
    (category,) = content["categories"]
    assert category["keypoints"] == list(POSETRACK18.joints) and len(category["skeleton"]) == 19
    ids = [image["id"] for image in content["images"]]
    assert ids == [image["frame_id"] for image in content["images"]] == list(range(ids[0], ids[0] + 3))
    folder = posetrack18.sequence_name("walk")
    assert ids[0] == 3 * 10**10 + int(folder[:6]) * 10**4
    assert [image["file_name"] for image in content["images"]] == [f"images/val/{folder}/{n:06d}.jpg" for n in range(3)]
    assert [image["is_labeled"] for image in content["images"]] == [True, False, True]
    assert all(image["nframes"] == 3 and image["vid_id"] == folder[:6] for image in content["images"])
    assert [a["track_id"] for a in content["annotations"]] == [1, 0, 1]
    for annotation in content["annotations"]:
        triplets = np.array(annotation["keypoints"], float).reshape(17, 3)
        assert (triplets[3:5] == 0).all() and (np.delete(triplets, [3, 4], 0)[:, 2] == 1).all()
        assert annotation["id"] // 100 == annotation["image_id"] and annotation["scores"] == []
        labelled = triplets[triplets[:, 2] > 0, :2]
        extent = labelled.max(0) - labelled.min(0)
        np.testing.assert_allclose(annotation["bbox"][2:], 1.3 * extent, atol=1e-3)
        np.testing.assert_allclose(annotation["bbox"][:2], labelled.min(0) - 0.15 * extent, atol=1e-3)


@given(top=st.tuples(st.floats(50, 400), st.floats(50, 400)), angle=st.floats(0, 6.28), length=st.floats(5, 200))
def test_a_derived_head_box_has_posetracks_diagonal(top, angle, length) -> None:
    points = np.zeros((15, 2))
    points[NAMES.index("head_top")] = top
    points[NAMES.index("head_bottom")] = np.array(top) + length * np.array([np.cos(angle), np.sin(angle)])
    x, y, w, h = derived_head_box(points, np.ones(15, bool), POSETRACK15)
    assert np.hypot(w, h) * 0.7 == pytest.approx(length)
    middle = (points[NAMES.index("head_top")] + points[NAMES.index("head_bottom")]) / 2
    assert np.hypot(x + w / 2 - middle[0], y + h / 2 - middle[1]) == pytest.approx(0.045 * np.hypot(w, h))


def test_the_head_box_rule_is_that_of_posetracks_own_file(shared_data: Path) -> None:
    (path,) = (shared_data / "posetrack18" / "annotations").glob("*.json")
    assert {p.rule for p in posetrack18.check(path)} <= {"nframes"}  # the file is one frame of a longer sequence
    (record,) = posetrack18.read(path)
    people = [person for frame in record.frames for person in frame.people]
    assert people
    seen = 0
    for person in people:
        box = derived_head_box(person.keypoints, person.visibility > 0, POSETRACK15)
        if box is not None and person.head_box is not None:
            seen += 1
            assert np.hypot(*box[2:]) == pytest.approx(np.hypot(*person.head_box[2:]), rel=1e-3)
            centre = np.array(box[:2]) + np.array(box[2:]) / 2
            real = np.array(person.head_box[:2]) + np.array(person.head_box[2:]) / 2
            assert np.abs(centre - real).max() < 0.12 * np.hypot(*box[2:])
    assert seen


def test_what_the_format_cannot_say_is_told_with_its_place(tmp_path: Path) -> None:
    wrist, top = NAMES.index("left_wrist"), NAMES.index("head_top")
    points = standing().keypoints.copy()
    points[wrist] = (SIZE[0] + 5, 50)
    seen = np.full(15, 2, np.uint8)
    seen[top] = 0
    odd = PersonRecord(12, points, seen)
    record = clip((), (odd,))
    written = posetrack18.write(record, tmp_path / "odd.json")
    told = {(p.rule, p.frame, p.track, p.joint) for p in written.problems}
    assert told == {("outside", 1, 12, wrist), ("head box", 1, 12, None)}
    (again,) = posetrack18.read(tmp_path / "odd.json")
    assert again.frames[1].people[0].visibility[wrist] == Visibility.ABSENT
    assert again.frames[1].people[0].head_box is not None


def test_joints_on_the_border_stay_labelled(tmp_path: Path) -> None:
    points = standing().keypoints.copy()
    points[0], points[1] = (0.0, 30.0), (30.0, -0.4)
    posetrack18.write(clip((PersonRecord(0, points, np.full(15, 2, np.uint8)),)), tmp_path / "border.json")
    assert not [p for p in posetrack18.check(tmp_path / "border.json") if p.severity == "error"]
    (again,) = posetrack18.read(tmp_path / "border.json")
    assert (again.frames[0].people[0].visibility == Visibility.VISIBLE).all()


def test_a_long_clip_becomes_several_sound_files(tmp_path: Path) -> None:
    frames = tuple(FrameRecord(n, (standing(4),) if n in (5, 10_003) else ()) for n in range(10_010))
    written = posetrack18.write(SequenceRecord("long", frames, *SIZE), tmp_path / "long.json")
    assert [path.name for path in written.paths] == ["long.json", "long-2.json"]
    assert {p.rule for p in written.problems} == {"length"}
    first, second = (posetrack18.read(path)[0] for path in written.paths)
    assert (first.n_frames, second.n_frames) == (10_000, 10)
    assert first.name != second.name and len(second.frames[3].people) == 1


@pytest.mark.parametrize(
    ("people", "words"),
    [((standing(1), standing(1, 300)), "twice"), (tuple(standing(n) for n in range(101)), "more than 100 people")],
)
def test_labels_that_cannot_be_written_leave_the_old_file(tmp_path: Path, people, words: str) -> None:
    path = tmp_path / "kept.json"
    path.write_text("old")
    with pytest.raises(PoseTrackError, match=words):
        posetrack18.write(clip(people), path)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["kept.json"]


def sound() -> dict:
    """A sound file's content, to be spoilt."""
    from glsmamba.data.posetrack18_write import _track_numbers, _Writer

    record = clip((standing(0), standing(1, 400)), (standing(0),), ())
    writer = _Writer(record, "900001_mpiinew_test", record.frames, 0, _track_numbers(record), "gt", "keep")
    return json.loads(json.dumps(writer.content()))


def spoil(content: dict, how: str) -> dict:
    images, people = content["images"], content["annotations"]
    if how == "order":
        images[0], images[1] = images[1], images[0]
    elif how == "track twice":
        people[1]["track_id"] = 0
    elif how == "no head box":
        del people[0]["bbox_head"]
    elif how == "flat head box":
        people[0]["bbox_head"] = [3, 4, 0, 9]
    elif how == "no track":
        del people[0]["track_id"]
    elif how == "kept coordinates":
        people[0]["keypoints"][2] = 0
    elif how == "labelled zero":
        people[0]["keypoints"][0] = 0
    elif how == "fifteen":
        people[0]["keypoints"] = people[0]["keypoints"][:45]
    elif how == "not a number":
        people[0]["keypoints"][0] = float("nan")
    elif how == "file name":
        images[0]["file_name"] = "images/val/900001_mpiinew_test/frame_00001.jpg"
    elif how == "folder":
        for n, image in enumerate(images):
            image["file_name"] = f"myvideo/{n:06d}.jpg"
    elif how == "categories":
        del content["categories"]
    elif how == "annotations":
        del content["annotations"]
    elif how == "labelled and empty":
        images[2]["is_labeled"] = True
    elif how == "region":
        images[0] |= {"ignore_regions_x": [[1, 2]], "ignore_regions_y": [[1, 2]]}
    elif how == "nobody's":
        people[0]["image_id"] = 5
    elif how == "ids":
        people[0]["id"] = people[1]["id"]
    elif how == "scores":
        people[0]["scores"] = [0.5] * 3
    return content


@pytest.mark.parametrize(
    "how",
    ["order", "track twice", "no head box", "flat head box", "no track", "kept coordinates", "labelled zero", "fifteen",
     "not a number", "file name", "folder", "categories", "annotations", "labelled and empty", "region", "nobody's", "ids",
     "scores"],
)  # fmt: skip
def test_every_trap_of_the_evaluators_is_found(tmp_path: Path, how: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(json.dumps(sound()))
    assert posetrack18.check(path) == []
    path.write_text(json.dumps(spoil(sound(), how)))
    errors = [p for p in posetrack18.check(path) if p.severity == "error"]
    assert errors and all(len(p.message) > 15 and "\n" not in p.message for p in errors)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_file_brings_the_reader_down(tmp_path: Path, data: st.DataObject) -> None:
    """Any value in any place: read or refused in a sentence, and the check never fails either."""
    content = sound()
    odd = st.one_of(
        st.none(), st.booleans(), st.integers(-5, 10**12), st.floats(), st.text(max_size=4), st.just([]), st.just({})
    )
    for _ in range(data.draw(st.integers(1, 3))):
        where = content
        while True:
            keys = list(where) if isinstance(where, dict) else list(range(len(where)))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            deeper = where[key]
            if not isinstance(deeper, (dict, list)) or not deeper or data.draw(st.integers(0, 3)) == 0:
                where[key] = data.draw(odd)
                break
            where = deeper
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(content))
    for call in (posetrack18.read, posetrack18.check):
        try:
            call(path)
        except PoseTrackError as error:
            assert len(str(error)) > 20 and "\n" not in str(error)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"images": 3}', '{"annolist": []}', "\x00\x01", "[" * 100_000])
def test_what_is_no_posetrack_file_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    for call in (posetrack18.read, posetrack18.check):
        with pytest.raises(PoseTrackError, match=r"other\.json .*[.;]"):
            call(path)


def test_coco_files_tell_occluded_from_visible(tmp_path: Path) -> None:
    content = sound()
    content["annotations"][0]["keypoints"][2] = 2
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(content))
    (record,) = posetrack18.read(path)
    nose = record.frames[0].people[0].visibility[0]
    assert nose == Visibility.VISIBLE and (record.frames[0].people[0].visibility[1:] == Visibility.OCCLUDED).all()


@pytest.mark.parametrize("name", ["000342_mpii_test", "012345_bonn_train", "900001_mpiinew_test"])
def test_posetracks_own_names_are_kept(name: str) -> None:
    assert posetrack18.sequence_name(name) == name


@given(st.text(max_size=30))
def test_any_name_becomes_one_that_evaluators_take(name: str) -> None:
    made = posetrack18.sequence_name(name)
    assert posetrack18.sequence_name(made) == made and made == posetrack18.sequence_name(name)


@pytest.mark.parametrize(
    ("where", "value"),
    [("track_id", float("inf")), ("track_id", float("nan")), ("track_id", 0.5), ("bbox", [0, 0, 10**400, 1]),
     ("keypoints", [10**400] * 51), ("scores", [10**400] * 17)],
)  # fmt: skip
def test_numbers_without_measure_are_refused_with_their_frame(tmp_path: Path, where: str, value) -> None:
    content = sound()
    content["annotations"][0][where] = value
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(content))
    with pytest.raises(PoseTrackError, match=r"odd\.json, frame 0: .*write the file again\."):
        posetrack18.read(path)
    assert [p for p in posetrack18.check(path) if p.severity == "error" and p.frame == 0]


def test_a_number_of_thousands_of_digits_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    path.write_text('{"images": [{"id": ' + "9" * 5000 + "}]}")
    for call in (posetrack18.read, posetrack18.check):
        with pytest.raises(PoseTrackError, match=r"long\.json holds a number"):
            call(path)


@pytest.mark.parametrize(("occluded", "words"), [("keep", "labelled like visible"), ("drop", "left out")])
def test_the_fate_of_occluded_joints_is_told_once_with_their_number(tmp_path: Path, occluded, words: str) -> None:
    seen = np.full(15, Visibility.VISIBLE, np.uint8)
    seen[4:6] = Visibility.OCCLUDED
    record = clip(*[(PersonRecord(0, standing().keypoints, seen),)] * 3)
    written = posetrack18.write(record, tmp_path / "a.json", occluded=occluded)
    (told,) = written.problems
    assert (told.severity, told.rule, told.frame) == ("warning", "occluded", None)
    assert told.message.startswith("6 occluded joints are ") and words in told.message


def test_a_clip_with_missing_frames_is_refused_not_renumbered(tmp_path: Path) -> None:
    record = SequenceRecord("gap", (FrameRecord(0), FrameRecord(5, (standing(),))), *SIZE)
    with pytest.raises(PoseTrackError, match="frame 5 where frame 1 is due"):
        posetrack18.write(record, tmp_path / "gap.json")
    assert os.listdir(tmp_path) == []


def test_a_long_clip_that_cannot_be_written_leaves_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "long.json").write_text("old")
    frames = tuple(FrameRecord(n, (standing(4), standing(4, 300)) if n == 10_003 else ()) for n in range(10_010))
    with pytest.raises(PoseTrackError, match="frame 10003"):
        posetrack18.write(SequenceRecord("long", frames, *SIZE), tmp_path / "long.json")
    assert (tmp_path / "long.json").read_text() == "old" and os.listdir(tmp_path) == ["long.json"]


NO_ROOM = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_posetrack18 import clip, standing
from glsmamba.data import posetrack18
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # what a full disk is to whoever writes: no byte more
try:
    posetrack18.write(clip(*[(standing(0),)] * 200), {path!r})
except OSError as error:
    print(str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_without_room_the_old_file_stays_and_one_sentence_says_why(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    posetrack18.write(clip((standing(3),)), path)
    before = path.read_bytes()
    here = Path(__file__).parent
    code = NO_ROOM.format(tests=str(here), path=str(path))
    done = subprocess.run([sys.executable, "-c", code], cwd=here.parents[1], capture_output=True, text=True, timeout=60)
    (sentence,) = done.stdout.splitlines()
    assert sentence.startswith(f"{path} could not be written (") and sentence.endswith("unchanged."), done.stderr
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["kept.json"]


def test_a_folder_that_is_a_file_is_said_without_errno(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(posetrack18.PoseTrackWriteError, match=r"a\.json could not be written \(") as caught:
        posetrack18.write(clip((standing(0),)), tmp_path / "out" / "a.json")
    assert "\n" not in str(caught.value)


def test_posetracks_own_file_is_written_again_as_it_was(shared_data: Path, tmp_path: Path) -> None:
    (path,) = (shared_data / "posetrack18" / "annotations").glob("*.json")
    (record,) = posetrack18.read(path)
    assert posetrack18.write(record, tmp_path / path.name).problems == ()
    real, ours = (json.loads(file.read_text()) for file in (path, tmp_path / path.name))
    assert real["annotations"] and ours["categories"] == real["categories"]
    for one, other in zip(real["annotations"], ours["annotations"], strict=True):
        for key in ("keypoints", "bbox"):
            np.testing.assert_allclose(other[key], one[key], atol=1e-3)
        for key in ("bbox_head", "track_id", "image_id", "id", "scores", "category_id", "num_keypoints"):
            assert other[key] == one[key]
    for one, other in zip(real["images"], ours["images"], strict=True):
        for key in ("file_name", "id", "frame_id", "vid_id", "is_labeled", "ignore_regions_x", "ignore_regions_y"):
            assert other[key] == one[key]

"""Ids exchanged, given, joined and divided: what is foretold happens, nobody is twice in a frame, nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labels_help import everything, new_project, plain, predicted

from app.labels import Project, ProjectError, edits, identities
from glsmamba.data import posetrack18

N = 8


@pytest.fixture
def project(tmp_path: Path):
    """Person 1 in frames 0 to 7, person 2 in 0 to 3, person 3 in 4 to 7."""
    with new_project(tmp_path, N) as made:
        for frame in range(N):
            made.store_predictions(frame, {1: predicted(frame), (2 if frame < 4 else 3): predicted(50 + frame)})
        yield made


def told(project: Project, change: identities.IdChange) -> None:
    """Apply it, and find it as it was foretold."""
    before = everything(project)
    becomes = {frame: change.becomes(project, frame) for frame in range(N)}
    project.apply(change.make(project))
    now = everything(project)
    for frame, people in becomes.items():
        assert bool(people) == (frame in change.frames) and (None in people.values()) == (frame in change.lost)
        for track, new in people.items():
            assert new is None or now[frame, new] == before[frame, track]
        for track in {t for f, t in before if f == frame} - set(people):
            assert now[frame, track] == before[frame, track]
    for track, flags in change.flags.items():
        assert project.track_flags(track).tolist() == flags.tolist()
    assert project.undo_title == change.title


def test_exchange_over_a_range(project: Project) -> None:
    before = everything(project)
    told(project, identities.swap(project, 1, 2, range(2, 6)))
    now = everything(project)
    for frame in (2, 3):
        assert (now[frame, 1], now[frame, 2]) == (before[frame, 2], before[frame, 1])
    assert project.pose(5, 1) is None and now[5, 2] == before[5, 1] and project.deleted(5) == ()
    assert now[0, 1] == before[0, 1] and now[7, 1] == before[7, 1]
    project.undo()
    assert everything(project) == before


def test_an_id_given_in_one_frame_changes_places_with_who_has_it(project: Project) -> None:
    before = everything(project)
    told(project, identities.assign(project, 2, 1, range(3, 4)))
    now = everything(project)
    assert (now[3, 1], now[3, 2]) == (before[3, 2], before[3, 1]) and now[2, 1] == before[2, 1]


def test_join_two_stretches_of_one_person(project: Project) -> None:
    project.apply(edits.rename_track(project, 3, "Ann"))
    before = everything(project)
    change = identities.merge(project, 2, 3, range(N))
    assert not change.lost
    told(project, change)
    assert project.tracks() == (1, 2) and project.track_name(2) == "Ann"
    assert everything(project)[6, 2] == before[6, 3]
    project.undo()
    assert everything(project) == before and project.track_name(3) == "Ann" and project.track_name(2) == "Person 2"


def test_joining_people_who_meet_keeps_what_a_human_did_and_says_what_is_lost(project: Project) -> None:
    project.apply(edits.accept_pose(project, 2, 2))
    kept, other = plain(project.pose(2, 2)), plain(project.pose(1, 1))
    change = identities.merge(project, 1, 2, range(N))
    assert change.lost == (0, 1, 2, 3) and "In 4 frames (first 0) both are there" in change.words
    told(project, change)
    assert plain(project.pose(2, 1)) == kept and plain(project.pose(1, 1)) == other
    assert 2 not in project.tracks()


def test_divide_from_a_frame_on(project: Project) -> None:
    before = everything(project)
    change = identities.split(project, 1, range(5, N))
    (new,) = change.names
    told(project, change)
    assert project.track_frames(1).tolist() == [0, 1, 2, 3, 4] and project.track_frames(new).tolist() == [5, 6, 7]
    assert everything(project)[6, new] == before[6, 1]
    with pytest.raises(ProjectError, match="nothing to divide"):
        identities.split(project, new, range(N))


def test_a_model_may_find_the_person_again_where_an_id_went_away(project: Project) -> None:
    """Nobody was deleted: the frame takes a prediction of the old id again."""
    told(project, identities.assign(project, 1, 9, range(6, 7)))
    assert project.store_predictions(6, {1: predicted(1)}) and project.pose(6, 1) is not None


def test_locked_people_keep_their_id(project: Project) -> None:
    project.apply(edits.set_locked(project, [2]))
    with pytest.raises(ProjectError, match="locked"):
        project.apply(identities.merge(project, 1, 2, range(N)).make(project))


@pytest.mark.parametrize("wrong", [
    lambda p: identities.swap(p, 1, 1, range(N)), lambda p: identities.merge(p, 2, 2, range(N)),
    lambda p: identities.assign(p, 3, 1, range(2)), lambda p: identities.split(p, 2, range(5, N)),
    lambda p: identities.assign(p, 1, 1, range(N)),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_with_a_sentence(project: Project, wrong) -> None:
    with pytest.raises(ProjectError, match=r"^[A-Z].*\."):
        wrong(project)


def test_an_export_numbers_people_without_gaps(project: Project, tmp_path: Path) -> None:
    from app.labels.exporting import to_record

    project.apply(identities.split(project, 1, range(5, N)).make(project))
    project.apply(identities.merge(project, 2, 3, range(N)).make(project))
    posetrack18.write(to_record(project), tmp_path / "a.json")
    (back,) = posetrack18.read(tmp_path / "a.json")
    assert sorted({person.track_id for frame in back.frames for person in frame.people}) == [0, 1, 2]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_order_of_changes_keeps_every_pose_once(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Exchanging, giving and dividing only move poses; joining loses just the frames it names; undo gives all back."""
    with new_project(tmp_path_factory.mktemp("ids"), N) as project:
        for frame in range(N):
            people = data.draw(st.sets(st.integers(1, 3)))
            project.store_predictions(frame, {t: predicted(10 * frame + t) for t in people})
        states = [everything(project)]
        for _ in range(4):
            who, other = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
            a, b = sorted((data.draw(st.integers(0, N)), data.draw(st.integers(0, N))))
            make = data.draw(st.sampled_from([identities.swap, identities.assign, identities.merge, identities.split]))
            try:
                args = (who, range(a, b)) if make is identities.split else (who, other, range(a, b))
                change = make(project, *args)
            except ProjectError:
                continue
            before = states[-1]
            told(project, change)
            now = everything(project)
            for frame in range(N):
                was = sorted(str(v) for (f, _), v in before.items() if f == frame)
                has = sorted(str(v) for (f, _), v in now.items() if f == frame)
                if frame in change.lost:
                    assert len(has) == len(was) - 1 and set(has) < set(was)
                else:
                    assert has == was
            states.append(now)
        for state in reversed(states[:-1]):
            project.undo()
            assert everything(project) == state

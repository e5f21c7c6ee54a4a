"""Random edits, undo, redo, predictions, crashes and reopenings in any order, against plain dictionaries.

A thousand steps by default; ``LABELS_STEPS=10000 python -m pytest tests/app/test_labels_machine.py`` takes ten thousand.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from labels_help import K, everything, new_project, plain, predicted

from app.labels import Pose, Project, ProjectError, Provenance, Visibility, edits, identities, reviewing, sides, spreading
from app.labels.codec import DELETED

N = 4  # few places, so that rules meet in them
STEPS = int(os.environ.get("LABELS_STEPS", "1000"))
A_STORY = 40  # steps of one project
frames = st.integers(0, N - 1)
tracks = st.integers(1, 2)
anybody = st.integers(1, 4)
scopes = st.tuples(st.integers(0, N), st.integers(0, N)).map(lambda ends: range(min(ends), max(ends)))
joints = st.integers(0, K - 1)
places = st.tuples(st.floats(-50, 700), st.floats(-50, 700))
seeds = st.integers(0, 10_000)


class LabelsMachine(RuleBasedStateMachine):
    """The model: ``state`` maps (frame, track) to a plain pose or "deleted", facts likewise; ``steps`` holds for each edit the
    cells it touched with what undo (or, beyond ``done``, redo) gives back."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.project = new_project(self.folder, N)
        self.state: dict = {}
        self.poses: dict = {}  # plain -> Pose
        self.steps: list[tuple[str, dict]] = []
        self.done = 0
        self.predicted: dict[int, str] = {}
        self.copies = 0

    def teardown(self) -> None:
        if hasattr(self, "project"):
            self.project.close()
            shutil.rmtree(self.folder)

    # the model's verbs

    def write(self, title: str, wanted: dict) -> None:
        touched = {at: value for at, value in wanted.items() if self.state.get(at) != value}
        if not touched:
            return
        del self.steps[self.done :]
        self.steps.append((title, {at: self.state.get(at) for at in touched}))
        self.put(touched)
        self.done += 1

    def put(self, cells: dict) -> None:
        for at, value in cells.items():
            if value is None:
                self.state.pop(at, None)
            else:
                self.state[at] = value

    def swap(self, i: int) -> None:
        title, kept = self.steps[i]
        now = {at: self.state.get(at) for at in kept}
        self.put(kept)
        self.steps[i] = (title, now)

    def known(self, frame: int, track: int) -> Pose | None:
        value = self.state.get((frame, track))
        return self.poses[value] if isinstance(value, tuple) else None

    def people(self, frame: int) -> list[int]:
        """Who is in a frame."""
        return [at[1] for at, value in self.state.items() if at[0] == frame and isinstance(value, tuple)]

    def remember(self, pose: Pose) -> object:
        value = plain(pose)
        self.poses[value] = pose
        return value

    def expect(self, edit: edits.Edit, frame: int, track: int, after: Pose | None) -> None:
        self.project.apply(edit)
        value = "deleted" if after is None else self.remember(after)
        self.write(edit.title, {(frame, track): value})

    # edits

    @rule(frame=frames, track=tracks, joint=joints, place=places)
    def move_joint(self, frame: int, track: int, joint: int, place: tuple[float, float]) -> None:
        pose = self.known(frame, track)
        if pose is None:
            with pytest.raises(ProjectError):
                edits.move_joint(self.project, frame, track, joint, place)
            return
        keypoints, visibility = pose.keypoints.copy(), pose.visibility.copy()
        scores, provenance = pose.scores.copy(), pose.provenance.copy()
        keypoints[joint], scores[joint], provenance[joint] = place, 1, Provenance.HUMAN
        visibility[joint] = max(visibility[joint], 2 * (visibility[joint] == 0))
        after = pose.with_(keypoints=keypoints, visibility=visibility, scores=scores, provenance=provenance)
        self.expect(edits.move_joint(self.project, frame, track, joint, place), frame, track, after)

    @rule(frame=frames, track=tracks)
    def accept(self, frame: int, track: int) -> None:
        pose = self.known(frame, track)
        if pose is not None:
            self.expect(edits.accept_pose(self.project, frame, track), frame, track, pose.with_(accepted=True))

    @rule(frame=frames, track=tracks)
    def unaccept(self, frame: int, track: int) -> None:
        pose = self.known(frame, track)
        if pose is not None:
            self.expect(edits.unaccept_pose(self.project, frame, track), frame, track, pose.with_(accepted=False))

    @rule(frame=frames, track=tracks)
    def delete(self, frame: int, track: int) -> None:
        if self.known(frame, track) is not None:
            self.expect(edits.delete_pose(self.project, frame, track), frame, track, None)

    @rule(track=tracks)
    def delete_everywhere(self, track: int) -> None:
        there = [f for f in range(N) if self.known(f, track) is not None]
        if there:
            edit = edits.delete_track(self.project, track)
            self.project.apply(edit)
            self.write(edit.title, {(f, track): "deleted" for f in there})

    @rule(frame=frames, track=tracks, box=st.tuples(st.floats(0, 99), st.floats(0, 99), st.floats(1, 99), st.floats(1, 99)))
    def add(self, frame: int, track: int, box: tuple[float, float, float, float]) -> None:
        if self.known(frame, track) is None:
            edit, _ = edits.add_person(self.project, frame, box, track)
            self.expect(edit, frame, track, Pose.empty(K, box=box, box_by_human=True))

    @rule(frame=frames, track=tracks, joint=joints)
    def hide(self, frame: int, track: int, joint: int) -> None:
        pose = self.known(frame, track)
        if pose is not None:
            values = {n: getattr(pose, n).copy() for n in ("visibility", "scores", "provenance")}
            values["visibility"][joint], values["scores"][joint], values["provenance"][joint] = 0, 1, Provenance.HUMAN
            edit = edits.set_visibility(self.project, frame, track, joint, Visibility.ABSENT)
            self.expect(edit, frame, track, pose.with_(**values))

    @rule(track=tracks, name=st.sampled_from(["", "Ann", "Bob"]))
    def rename(self, track: int, name: str) -> None:
        edit = edits.rename_track(self.project, track, name)
        self.project.apply(edit)
        self.write(edit.title, {("name", track): name or None})

    @rule(frame=frames, track=tracks, value=st.booleans())
    def review_pose(self, frame: int, track: int, value: bool) -> None:
        pose = self.known(frame, track)
        if pose is not None:
            edit = reviewing.review_pose(self.project, frame, track, value)
            self.expect(edit, frame, track, pose.with_(reviewed=value))

    @rule(frame=frames, value=st.booleans())
    def review(self, frame: int, value: bool) -> None:
        edit = reviewing.review_frames(self.project, frame, value)
        self.project.apply(edit)
        wanted: dict = {("reviewed", frame): True if value else None}
        for track in self.people(frame):
            pose = self.known(frame, track)
            if pose is not None and not (value and pose.accepted):
                wanted[frame, track] = self.remember(pose.with_(reviewed=value))
        self.write(edit.title, wanted)

    @rule(frame=frames)
    def mark(self, frame: int) -> None:
        edit = reviewing.toggle_mark(self.project, frame)
        self.project.apply(edit)
        self.write(edit.title, {("mark", frame): None if ("mark", frame) in self.state else True})

    @rule(scope=scopes, track=tracks, limb=st.sampled_from(["all", "arms", "legs"]))
    def swap_limbs(self, scope: range, track: int, limb: str) -> None:
        there = [f for f in scope if self.known(f, track) is not None]
        if not there:
            with pytest.raises(ProjectError):
                sides.swap_sides(self.project, scope, track, limb)
            return
        edit = sides.swap_sides(self.project, scope, track, limb)
        self.project.apply(edit)
        flip, named = self.project.skeleton.flip, sides.limb_joints(self.project.skeleton, limb)
        wanted = {}
        for frame in there:
            pose = self.known(frame, track)
            values = {n: getattr(pose, n).copy() for n in ("keypoints", "visibility", "scores", "provenance")}
            for j in named:
                if pose.visibility[j] or pose.visibility[flip[j]]:
                    values["keypoints"][j], values["visibility"][j] = pose.keypoints[flip[j]], pose.visibility[flip[j]]
                    values["scores"][j], values["provenance"][j] = 1, Provenance.HUMAN
            wanted[frame, track] = self.remember(pose.with_(**values))
        self.write(edit.title, wanted)

    @rule(centres=st.lists(frames, min_size=1, max_size=2), track=tracks, believe=st.booleans())
    def spread(self, centres: list[int], track: int, believe: bool) -> None:
        """What the plan shows is what comes; no joint of a human and no pose that one looked at is in it."""
        plan = spreading.plan(self.project, track, centres, believe=believe)
        edit = spreading.spread(self.project, plan)
        self.project.apply(edit)
        wanted = {}
        for frame in plan.frames:
            old, new = self.known(frame, track), plan.after[frame]
            assert self.state.get((frame, track)) != "deleted" and (old is None or not (old.accepted or old.reviewed))
            if old is not None:
                human = old.provenance == Provenance.HUMAN
                assert (new.keypoints[human] == old.keypoints[human]).all()
                assert (new.provenance[human] == Provenance.HUMAN).all()
            wanted[frame, track] = self.remember(new)
        self.write(edit.title, wanted)

    # ids

    def change_ids(self, make: object, wanted: dict) -> None:
        """``wanted``: cells and names as a plain walk through the frames makes them; empty where it must be refused."""
        if not wanted:
            with pytest.raises(ProjectError):
                make()  # type: ignore[operator]
            return
        edit = make().make(self.project)  # type: ignore[operator]
        self.project.apply(edit)
        self.write(edit.title, wanted)

    def moved(self, frame: int, source: int, target: int) -> dict:
        """One person's pose goes where another's is, or, where there is none, leaves nothing behind."""
        pose, now = self.state.get((frame, source)), self.state.get((frame, target))
        if isinstance(pose, tuple):
            return {(frame, target): pose}
        return {(frame, target): None} if isinstance(now, tuple) else {}

    @rule(one=anybody, other=anybody, scope=scopes)
    def exchange(self, one: int, other: int, scope: range) -> None:
        wanted: dict = {}
        for frame in scope if one != other else ():
            wanted |= self.moved(frame, one, other) | self.moved(frame, other, one)
        self.change_ids(lambda: identities.swap(self.project, one, other, scope), wanted)

    @rule(track=anybody, new=anybody, scope=scopes)
    def assign(self, track: int, new: int, scope: range) -> None:
        wanted: dict = {}
        for frame in scope if track != new else ():
            if self.known(frame, track) is not None:
                wanted |= self.moved(frame, track, new) | self.moved(frame, new, track)
        self.change_ids(lambda: identities.assign(self.project, track, new, scope), wanted)

    @rule(kept=anybody, gone=anybody, scope=scopes)
    def merge(self, kept: int, gone: int, scope: range) -> None:
        wanted: dict = {}
        for frame in scope if kept != gone else ():
            mine, theirs = self.known(frame, kept), self.known(frame, gone)
            if theirs is not None:
                wanted[frame, gone] = None
                if mine is None or (theirs.touched and not mine.touched):
                    wanted[frame, kept] = self.state[frame, gone]
        left = [f for f in range(N) if f not in scope and self.known(f, gone) is not None]
        name = self.state.get(("name", gone))
        if wanted and not left and name:
            wanted["name", gone] = None
            wanted["name", kept] = self.state.get(("name", kept)) or name
        self.change_ids(lambda: identities.merge(self.project, kept, gone, scope), wanted)

    @rule(track=anybody, scope=scopes)
    def split(self, track: int, scope: range) -> None:
        inside = [f for f in scope if self.known(f, track) is not None]
        outside = [f for f in range(N) if f not in scope and self.known(f, track) is not None]
        if not inside or not outside:
            self.change_ids(lambda: identities.split(self.project, track, scope), {})
            return
        new = self.project.new_track_id()
        wanted: dict = {(f, track): None for f in inside} | {(f, new): self.state[f, track] for f in inside}
        self.change_ids(lambda: identities.split(self.project, track, scope, new), wanted)

    # predictions

    @rule(frame=frames, found=st.dictionaries(tracks, seeds, max_size=3), model=st.sampled_from(["T", "B"]), mark=st.booleans())
    def predict(self, frame: int, found: dict[int, int], model: str, mark: bool) -> None:
        poses = {track: predicted(seed, model) for track, seed in found.items()}
        self.project.store_predictions(frame, poses, model=model if mark else None)
        if ("reviewed", frame) in self.state and not self.people(frame):
            poses = {}  # a human saw that nobody is there
        for track, pose in poses.items():
            old = self.known(frame, track)
            if self.state.get((frame, track)) == "deleted":
                continue
            if old is not None and (old.accepted or (old.provenance > Provenance.MODEL).any()):
                continue
            if old is not None and old.box_by_human:
                pose = pose.with_(box=old.box, box_by_human=True)
            if old is not None and plain(old.with_(reviewed=False)) == plain(pose):
                continue  # the same again: still reviewed
            self.state[frame, track] = self.remember(pose)
        if mark:
            self.predicted[frame] = model

    # history

    @rule()
    def undo(self) -> None:
        edit = self.project.undo()
        assert (edit is not None) == (self.done > 0)
        if edit is not None:
            self.done -= 1
            assert edit.title == self.steps[self.done][0]
            self.swap(self.done)

    @rule()
    def redo(self) -> None:
        edit = self.project.redo()
        assert (edit is not None) == (self.done < len(self.steps))
        if edit is not None:
            assert edit.title == self.steps[self.done][0]
            self.swap(self.done)
            self.done += 1

    @rule(where=st.floats(0, 1))
    def travel(self, where: float) -> None:
        goal = round(where * len(self.steps))
        ids = [0, *(item.id for item in self.project.history())]
        self.project.go_to_history(ids[goal])
        for i in range(self.done - 1, goal - 1, -1):
            self.swap(i)
        for i in range(self.done, goal):
            self.swap(i)
        self.done = goal

    # the file

    @rule()
    def reopen(self) -> None:
        self.project.close()
        self.project = Project.open(self.project.path)

    @rule()
    def crash(self) -> None:
        """The files as they lie on the disk at this moment, without any goodbye."""
        self.copies += 1
        path = self.folder / f"copy{self.copies}.glsproj"
        shutil.copy(self.project.path, path)
        log = Path(f"{self.project.path}-wal")
        if log.exists():
            shutil.copy(log, f"{path}-wal")
        self.project.close()
        self.project = Project.open(path)

    @precondition(lambda self: self.steps or self.state)
    @rule(frame=frames, track=tracks)
    def full_disk(self, frame: int, track: int) -> None:
        """No page may be added: whatever does not fit is refused and changes nothing."""
        db = self.project._db
        assert db is not None
        (limit,) = db.execute("PRAGMA max_page_count").fetchone()
        big = edits.Edit("Too big", facts=(edits.FactChange("track_name", 99, None, "x" * 100_000),))
        db.execute("PRAGMA max_page_count=1")
        with pytest.raises(ProjectError, match="disk is full"):
            self.project.apply(big)
        db.execute(f"PRAGMA max_page_count={limit}")

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "project"):
            return
        project = self.project
        mine = {at: value for at, value in self.state.items() if isinstance(at[0], int)}
        assert everything(project) == mine
        for track in range(1, max((at[1] for at in mine), default=2) + 1):
            assert project.track_name(track) == self.state.get(("name", track), f"Person {track}")
            expected = []
            for frame in range(N):
                pose = self.known(frame, track)
                if pose is None:
                    expected.append(0)
                elif pose.accepted:
                    expected.append(3)
                elif (pose.provenance == Provenance.HUMAN).any():
                    expected.append(2)
                else:
                    expected.append(4 if (pose.provenance > Provenance.HUMAN).any() else 1)
            assert project.track_summary(track).tolist() == expected
            people = [self.known(frame, track) for frame in range(N)]
            assert project.track_looked_at(track).tolist() == [p is not None and (p.reviewed or p.accepted) for p in people]
            deleted = project.track_flags(track) & DELETED != 0
            assert deleted.tolist() == [self.state.get((f, track)) == "deleted" for f in range(N)]
        assert project.tracks() == tuple(sorted({t for (f, t), v in mine.items() if isinstance(v, tuple)}))
        assert list(project.marks()) == sorted(f for kind, f in self.state if kind == "mark")
        assert project.reviewed_frames().tolist() == [("reviewed", f) in self.state for f in range(N)]
        assert [(h.title, h.done) for h in project.history()] == [(s[0], i < self.done) for i, s in enumerate(self.steps)]
        for model in ("T", "B"):
            assert np.flatnonzero(project.predicted_frames(model)).tolist() == sorted(
                f for f, m in self.predicted.items() if m == model
            )


LabelsMachine.TestCase.settings = settings(
    max_examples=max(STEPS // A_STORY, 1), stateful_step_count=A_STORY, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLabels = LabelsMachine.TestCase

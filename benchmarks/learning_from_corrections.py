"""What a model gains on a clip from twenty corrected frames of it, in how many minutes, and what it forgets elsewhere.

Usage: ``python benchmarks/learning_from_corrections.py [--clip FILE] [--frames N] [--weights FILE] [--other FILE]``.

No human corrected these clips. **Joints on which two public models (MoveNet Thunder and BlazePose, "teachers") agree stand in
for the annotator.** They are what a human would say give or take some 2 % of the person's size, so that no error falls below
that, and the model's encoder began as one of the two. The clips are held out: nothing was trained on them.

The program's own way is taken: a project of the clip, in which the model predicted people in ``--frames`` frames, evenly over
the clip (over its first part with ``--within``, which is harder: the rest then shows what was never corrected); the stand-in
moves each joint on which the teachers agree to its place and says of all others that they are absent; ``main.py improve``'s
code does the rest. Measured are frames of the rest of the clip, none nearer than five to a corrected one, with the error of
each joint as a share of the longer side of the person's box. The interval is a bootstrap over frames, paired.
``--other`` is another clip that is measured before and after, to see what was forgotten.

Needs onnxruntime and the teachers (``../shared/data/models``). Exits with 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from _timing import Goal, machine, report

from app.inference.detector import Detector
from app.inference.people import new_pose
from app.inference.windows import Frames
from app.labels import Pose, Project, Provenance, edits
from app.labels.changes import Change, Edit
from app.learning.examples import gather
from app.learning.improve import Job, begin, improve
from app.learning.words import verdict
from glsmamba.data.records import Box
from glsmamba.data.video import VideoReader, build_index
from glsmamba.predictor import PoseWindow, Predictor
from glsmamba.training.corrections import Measured
from glsmamba.training.cutting import cut_person
from glsmamba.training.samples import Person

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
#: Measured frames are at least so far from corrected ones: no window of five frames is on both sides.
APART = 5
#: People smaller than this, or with fewer agreed joints, are left out.
SMALLEST, LEAST = 64, 4


@dataclass(frozen=True, eq=False)
class Seen:
    """A person on whom the teachers agree in some joints: frame, box, (15, 2) points, (15,) known."""

    frame: int
    box: Box
    points: np.ndarray
    known: np.ndarray


class Clip:
    """A clip with its stand-in for an annotator."""

    def __init__(self, path: Path, models: Path) -> None:
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "resources" / "train"))
        from label_clips import Teachers

        self.path, self.index = path, build_index(path)
        self.frames = Frames(VideoReader(path, self.index))
        self._detector, self._teachers = Detector(), Teachers(models, 1)

    def people(self, frame: int) -> list[Seen]:
        """Who is in a frame."""
        from glsmamba.training.clips import teachers_agree

        picture, out = self.frames.read(frame), []
        for found in self._detector.detect(picture):
            x, y, w, h = found.box
            if found.score < 0.35 or h < SMALLEST:
                continue
            points, known = teachers_agree(*self._teachers.ask(picture, found.box))
            known &= (points >= (x - 0.1 * w, y - 0.1 * h)).all(1) & (points <= (x + 1.1 * w, y + 1.1 * h)).all(1)
            if known.sum() >= LEAST:
                out.append(Seen(frame, found.box, points, known))
        return out

    def window(self, frame: int, length: int) -> tuple[np.ndarray, ...]:
        """The frames around one."""
        return self.frames.window(frame, length)


def annotate(project: Project, clip: Clip, predictor: Predictor, wanted: list[int]) -> None:
    """Predictions in some frames, and then the corrections, by the program's own edits."""
    size = project.video.width, project.video.height
    for frame in wanted:
        seen = clip.people(frame)
        windows = [PoseWindow(clip.window(frame, predictor.config.frames), person.box) for person in seen]
        poses = [
            new_pose(p.keypoints, p.scores, w.box, 1.0, size, predictor.name)
            for p, w in zip(predictor.predict(windows), windows, strict=True)
        ]
        project.store_predictions(frame, dict(enumerate(poses, start=1)), model=predictor.name)
        for track, person in enumerate(seen, start=1):
            for joint in np.flatnonzero(person.known).tolist():
                edit = edits.move_joint(project, frame, track, joint, person.points[joint])
                if edit is not None:
                    project.apply(edit)
            pose = project.poses(frame)[track]
            project.apply(Edit("Say what is absent", (Change(frame, track, pose, _without(pose, ~person.known)),)))


def _without(pose: Pose, joints: np.ndarray) -> Pose:
    return pose.with_(
        visibility=np.where(joints, 0, pose.visibility), keypoints=np.where(joints[:, None], 0, pose.keypoints),
        provenance=np.where(joints, Provenance.HUMAN, pose.provenance), accepted=True,
    )  # fmt: skip


def cuts(clip: Clip, frames: list[int], predictor: Predictor) -> tuple[list[Person], np.ndarray]:
    """People of some frames to measure on, and the frame of each."""
    people, at = [], []
    c = predictor.config
    for frame in frames:
        for seen in clip.people(frame):
            window = clip.window(frame, c.frames)
            people.append(cut_person(window, seen.box, seen.points, seen.known, np.ones(len(seen.known)), c.input_size))
            at.append(frame)
    return people, np.array(at)


def errors(predictor: Predictor, people: list[Person]) -> np.ndarray:
    """(n, 15) error of each joint, NaN where it is not known."""
    found = predictor.predict([PoseWindow(person.frames, _box(person)) for person in people])
    away = [np.linalg.norm(f.keypoints - p.points, axis=-1) / max(_box(p)[2:]) for f, p in zip(found, people, strict=True)]
    return np.where([p.known for p in people], away, np.nan)


def _box(person: Person) -> Box:
    assert person.box is not None
    return person.box


def gain(before: np.ndarray, after: np.ndarray, frames: np.ndarray) -> tuple[float, float]:
    """95 % interval of the share by which the mean error fell, by a bootstrap over frames."""
    rng = np.random.default_rng(0)
    kinds = np.unique(frames)
    sums = [[np.nansum(e[frames == f]) for f in kinds] for e in (before, after)]
    old, new = np.array(sums[0]), np.array(sums[1])
    drawn = rng.integers(len(kinds), size=(2000, len(kinds)))
    low, high = np.percentile(1 - new[drawn].sum(1) / old[drawn].sum(1), [2.5, 97.5])
    return float(low), float(high)


def told(name: str, people: list[Person], before: np.ndarray, after: np.ndarray) -> None:
    known = ~np.isnan(before)
    print(f"{name}: {len(people)} people, {int(known.sum())} joints on which the teachers agree")
    for what, measure in (
        ("mean error, % of the box", lambda e: 100 * e.mean()), ("median error, % of the box", lambda e: 100 * np.median(e)),
        ("off by more than 5 %, in 100", lambda e: 100 * (e > 0.05).mean()),
        ("off by more than 10 %, in 100", lambda e: 100 * (e > 0.1).mean()),
    ):  # fmt: skip
        print(f"  {what:32} {measure(before[known]):6.2f} before {measure(after[known]):6.2f} after")


def measured(options: argparse.Namespace) -> list[Goal]:
    """Annotate, improve, measure."""
    from app.weights.folder import resolved

    start = resolved(options.weights).absolute()
    predictor = Predictor.from_checkpoint(start, threads=options.threads)
    clip = Clip(options.clip, options.models)
    n = len(clip.index)
    corrected = np.unique(np.linspace(2, 2 + options.within * (n - 5), options.frames).round().astype(int))
    rest = [frame for frame in range(2, n - 2) if np.abs(corrected - frame).min() >= APART][:: options.every]
    people, at = cuts(clip, rest, predictor)
    before = errors(predictor, people)
    other: list[Person] = []
    if options.other is not None:
        elsewhere = Clip(options.other, options.models)
        chosen = np.linspace(2, len(elsewhere.index) - 3, options.other_frames).round().astype(int).tolist()
        other, _ = cuts(elsewhere, chosen, predictor)
    other_before = errors(predictor, other) if other else np.zeros((0, 15))
    with tempfile.TemporaryDirectory() as folder:
        with Project.create(Path(folder) / "clip.glsproj", clip.frames.reader.info) as project:  # type: ignore[attr-defined]
            annotate(project, clip, predictor, corrected.tolist())
            examples = gather(project)
        settings: dict[str, Any] = {"seconds": 60 * options.minutes} | {
            name: getattr(options, name) for name in ("steps", "lr", "measures") if getattr(options, name)
        }
        job = Job("clip.glsproj", str(clip.path), str(start), "cpu", examples.words, examples.digest, settings)
        print(examples.words)
        begin(Path(folder) / "work", job, examples)
        began, cpu = time.monotonic(), time.process_time()

        def tell(line: dict[str, Any]) -> None:
            if line.get("measured"):
                said = Measured(**line["measured"])
                print(f"  step {line['step']}: error on the project's own held-out frames {100 * said.error:.2f} %", flush=True)

        outcome = improve(Path(folder) / "work", tell, threads=options.threads)
        minutes, busy = (time.monotonic() - began) / 60, (time.process_time() - cpu) / 60
        assert outcome.checkpoint is not None and outcome.after is not None
        print(verdict(outcome.before.__dict__, outcome.after.__dict__))
        improved = Predictor.from_checkpoint(outcome.checkpoint, threads=options.threads)
        after, other_after = errors(improved, people), errors(improved, other) if other else other_before
    print(f"{len(corrected)} corrected frames of {n}")
    print(f"{outcome.steps} steps in {minutes:.1f} minutes, {busy:.1f} minutes of processor time; {machine()}")
    told(f"{clip.path.name}, frames {rest[0]} to {rest[-1]}, none of them corrected", people, before, after)
    low, high = gain(before, after, at)
    share = 1 - float(np.nanmean(after) / np.nanmean(before))
    print(f"  the mean error fell by {share:.1%} (95 % interval {low:.1%} to {high:.1%}, over frames)")
    goals = [
        Goal("mean error on the rest of the clip fell by (lower end of the interval)", 100 * low, 0.0, "%"),
        Goal("minutes to improve", minutes, 10.0, "min", False),
    ]
    if other:
        told(f"{options.other.name}, another clip", other, other_before, other_after)
        ratio = float(np.nanmean(other_after) / np.nanmean(other_before))
        goals.append(Goal("mean error on another clip, after over before", ratio, 1.05, "", False))
    return goals


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=DATA / "clips" / "sports2d_demo.mp4", metavar="FILE", help="a video")
    parser.add_argument("--other", type=Path, default=DATA / "clips" / "bedroom.mp4", metavar="FILE", help="another video")
    parser.add_argument("--other-frames", type=int, default=20, metavar="N", help="frames of it (default 20)")
    parser.add_argument("--models", type=Path, default=DATA / "models", metavar="DIR", help="the teachers")
    parser.add_argument("--weights", metavar="FILE", help="the model to improve (default: the shipped one)")
    parser.add_argument("--frames", type=int, default=20, metavar="N", help="corrected frames (default 20)")
    parser.add_argument("--within", type=float, default=1.0, metavar="SHARE", help="of the clip that they lie in (default 1)")
    parser.add_argument("--every", type=int, default=3, metavar="N", help="measure every Nth of the other frames (default 3)")
    parser.add_argument("--measures", type=int, help="how often the project's own held-out frames are looked at")
    parser.add_argument("--minutes", type=float, default=8.0, help="of training at most (default 8)")
    parser.add_argument("--lr", type=float, help="learning rate (default: the program's own)")
    parser.add_argument("--steps", type=int, help="of training (default: the program's own)")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    teachers = find_spec("onnxruntime") is not None and (options.models / "movenet-thunder.onnx").is_file()
    if not teachers or not options.clip.is_file():
        print(f"skipped: this wants onnxruntime, the teachers in {options.models} and {options.clip}")
        return 0
    if options.other is not None and not options.other.is_file():
        options.other = None
    print("Joints on which two public models agree stand in for an annotator; no human corrected this clip.")
    return report(measured(options))


if __name__ == "__main__":
    raise SystemExit(main())

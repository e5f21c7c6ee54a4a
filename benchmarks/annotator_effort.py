"""How many actions it takes to make a person's track right: frame by frame, with interpolation, with spread corrections.

Usage: ``python benchmarks/annotator_effort.py [--penn DIR] [--tracks N]``, or ``--clip FILE [--models DIR] [--frames N]``.

An annotator is played who looks at all frames of a person at once and always fixes the worst joint beyond 0.2 head sizes, with
the program's own edits on a real project, until none is left. An action is a joint put in its place, a limb's sides swapped, a
missing pose copied from the frame before, a gap filled, jumps mended, an undo. Corrections spread by themselves, as the setting
of that name has it, so that a spread is no action; where it made more than four joints wrong, the annotator undoes it, which is
one. *Interpolation* fills all between two corrections of a joint and asks the model nothing; *spread* is the program's own way:
it begins, where joints are wrong in three stretches or more, with *Mend jumps* over the whole track, which shows what it would
do and is then done, or not where more would become wrong: an action either way.

Two kinds of truth:

``--penn DIR`` (the default, ``../shared/data/penn-tracks``)
    Human joint tracks of Penn Action, and predictions made of them by a noise model: jitter of 0.05 head sizes in x and y
    (correlated from frame to frame by 0.7); gross errors, 0.5 to 2.5 head sizes off, in 2 % of the frames of each joint, 6
    frames long on average, half of them following beside the joint and half stuck to a place; arms, and likewise legs, with
    their sides swapped in 2 % of the frames, 8 long; the person missing in 1 % of the frames, 5 long. The figures were chosen
    before anything was measured with them. There are no pictures, so no heat maps and no refinement.
``--clip FILE``
    A real video, the shipped model's own predictions and heat maps. Truth are the joints on which both teachers agree
    (``../shared/data/models``; needs onnxruntime), as they are, and once more made steady as a human's labels are: a parabola
    fitted to 7 frames around each, and those left out that are more than half the tolerance away from it. (It moves human
    tracks of Penn Action by 0.014 head sizes in the median.) Takes minutes, therefore only when asked for. *In hindsight* is
    the least number of corrections, all errors known beforehand, after which no joint is wrong where what they say of the
    model's error is interpolated between them and frames in which it is right: about the best that a spread shift can reach.

Slow are tracks whose joints move less than 0.04 head sizes a frame (median over joints and frames). Goals: under 5 actions per
person and 100 frames on slow tracks, and a third of frame by frame on any (medians over tracks). Exits with 1 where one is
missed.

The figures of ``app/labels/paths.py`` for small errors were chosen on ntu_one_person, two_people_cam01 and walking, the size up
to which an error is small on slow tracks of Penn Action that are not among the 60 used here. bedroom and sports2d_demo are no
unseen clips either: they were measured all along, and had a say in which variants were dropped.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from _timing import Goal, report

from app.labels import Pose, Project, Provenance, copying, edits, sides, spreading
from glsmamba.data.skeletons import Skeleton
from glsmamba.data.video import VideoInfo

#: A joint is right within so many head sizes; a track is slow below so many a frame.
RIGHT, SLOW = 0.2, 0.04
#: Frames to which a parabola is fitted where a clip's truth is made steady.
STEADY = 7
#: A spread that made so many joints wrong is left for further corrections to mend; where it was more, it is undone.
PATIENCE = 4
#: Jumps are mended where a track has so many wrong stretches.
MEND_FROM = 3
#: PCKh's head size over the distance from shoulders to hips: median of 5,213 labelled people of Leeds Sports Pose Extended.
HEAD_OF_TORSO = 0.43
PENN = Skeleton(
    "penn13",
    (
        "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip",
        "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    ((0, 1), (0, 2), (1, 3), (3, 5), (2, 4), (4, 6), (1, 7), (2, 8), (7, 8), (7, 9), (9, 11), (8, 10), (10, 12)),
)  # fmt: skip
DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"


@dataclass(frozen=True, eq=False)
class Case:
    """A track to make right.

    Attributes:
        name, skeleton: of the track.
        truth, known: (n, K, 2) places and (n, K) bool, which of them are known: the others are never wrong.
        poses: what was predicted, n.
        head: head size in pixels.
        peaks: frame -> joint -> peaks of its heat map; None without heat maps.
    """

    name: str
    skeleton: Skeleton
    truth: np.ndarray
    known: np.ndarray
    poses: list[Pose | None]
    head: float
    peaks: Callable[[int], dict[int, spreading.Peaks]] | None = None

    @property
    def slow(self) -> bool:
        """Whether the joints move little."""
        steps = np.linalg.norm(np.diff(self.truth, axis=0), axis=-1) / self.head
        both = self.known[1:] & self.known[:-1]
        return bool(np.median(steps[both]) < SLOW)


# --- predictions made of human tracks -----------------------------------------------------------------------------------------


def runs(rng: np.random.Generator, n: int, share: float, mean: float) -> np.ndarray:
    """(n,) bool: stretches of geometric length that cover ``share`` of the frames on average."""
    out, t, inside = np.zeros(n, bool), 0, bool(rng.random() < share)
    while t < n:
        length = int(rng.geometric(1 / mean if inside else share / mean / (1 - share)))
        out[t : t + length] = inside
        t, inside = t + length, not inside
    return out


def noisy(truth: np.ndarray, head: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Predictions (n, 13, 2) as the module says, and (n,) whether the person was found."""
    n, k = truth.shape[:2]
    jitter = rng.normal(size=(n, k, 2))
    for t in range(1, n):
        jitter[t] = 0.7 * jitter[t - 1] + np.sqrt(1 - 0.7**2) * jitter[t]
    seen = truth + 0.05 * head * jitter
    for limb in ("arms", "legs"):
        joints = np.array(sides.limb_joints(PENN, limb))
        swapped = np.flatnonzero(runs(rng, n, 0.02, 8))
        seen[np.ix_(swapped, joints)] = seen[np.ix_(swapped, PENN.flip[joints])]
    for j in range(k):
        edges = np.flatnonzero(np.diff(np.r_[0, runs(rng, n, 0.02, 6), 0]))
        for a, b in edges.reshape(-1, 2).tolist():
            angle, far = rng.uniform(0, 2 * np.pi), head * rng.uniform(0.5, 2.5)
            off = far * np.array([np.cos(angle), np.sin(angle)])
            seen[a:b, j] = seen[a:b, j] + off if rng.random() < 0.5 else seen[a, j] + off
    found = ~runs(rng, n, 0.01, 5)
    found[[0, -1]] = True
    return seen, found


def penn_cases(folder: Path, count: int, longest: int) -> list[Case]:
    """Every so-manieth track of the folder, cut to ``longest`` frames."""
    from scipy.io import loadmat

    files = sorted(folder.glob("*.mat"))
    cases = []
    for number in np.unique(np.linspace(0, len(files) - 1, count).astype(int)).tolist():
        data = loadmat(files[number])
        truth = np.stack([data["x"], data["y"]], -1).astype(float)[:longest]
        known = data["visibility"][:longest] > 0
        torso = (truth[:, [1, 2]].mean(1) - truth[:, [7, 8]].mean(1))[known[:, [1, 2, 7, 8]].all(1)]
        head = HEAD_OF_TORSO * float(np.percentile(np.linalg.norm(torso, axis=-1), 90)) if len(torso) else 0.0
        if head < 8:  # lying towards the camera, or tiny: no yardstick
            continue
        seen, found = noisy(truth, head, np.random.default_rng(number))
        poses = [_pose(seen[t], head) if found[t] else None for t in range(len(truth))]
        cases.append(Case(files[number].stem, PENN, truth, known, poses, head))
    return cases


def _pose(places: np.ndarray, head: float) -> Pose:
    k = len(places)
    low, high = places.min(0) - head / 2, places.max(0) + head / 2
    box = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
    return Pose(places, np.full(k, 2), np.full(k, 0.8), np.full(k, Provenance.MODEL), box=box, model="noise")


# --- the annotator ------------------------------------------------------------------------------------------------------------


class Annotator:
    """Makes one track right and counts."""

    def __init__(self, case: Case, project: Project, mode: str) -> None:
        self.case, self.project, self.mode = case, project, mode
        self.done: Counter[str] = Counter()
        for frame, pose in enumerate(case.poses):
            project.store_predictions(frame, {1: pose} if pose is not None else {}, model="noise")

    def errors(self) -> np.ndarray:
        """(n, K) in head sizes; infinite where the person, or a joint that is known, is missing."""
        return np.stack([self.of_pose(frame, self.project.pose(frame, 1)) for frame in range(len(self.case.truth))])

    def of_pose(self, frame: int, pose: Pose | None) -> np.ndarray:
        """(K,) errors of a pose."""
        known = self.case.known[frame]
        if pose is None:
            return np.where(known, np.inf, 0.0)
        away = np.linalg.norm(pose.keypoints - self.case.truth[frame], axis=-1) / self.case.head
        return np.where(known, np.where(pose.visibility > 0, away, np.inf), 0.0)

    def work(self) -> int:
        """Go on until nothing is wrong; the number of actions."""
        if self.mode == "spread" and self.stretches() >= MEND_FROM:
            self.mend()
        while True:
            errors = self.errors()
            if not (errors > RIGHT).any():
                return sum(self.done.values())
            frame, joint = (int(i) for i in np.unravel_index(errors.argmax(), errors.shape))
            joints: Iterable[int] = range(len(self.case.skeleton))
            if self.project.pose(frame, 1) is None:
                frame = self.bring_back(frame)
            else:
                joints = self.fix(frame, joint, errors[frame])
            if self.mode != "frame by frame" and self.project.pose(frame, 1) is not None:
                self.spread(frame, joints)

    def apply(self, kind: str, edit: edits.Edit) -> None:
        self.project.apply(edit)
        self.done[kind] += 1

    def mend(self) -> None:
        """Ask for jumps to be mended over the whole track, look at what is shown, and do it or not: an action either way."""
        planned = self.with_peaks(spreading.mended(self.project, 1, 0, len(self.case.truth) - 1))
        edit = spreading.spread(self.project, planned)
        if edit:
            before = self.wrong(planned.frames)
            self.apply("mend", edit)
            if self.wrong(planned.frames) > before:
                self.project.undo()  # it was not done in the first place

    def stretches(self) -> int:
        """How many stretches of frames there are in which a joint is wrong, over all joints."""
        wrong = self.errors() > RIGHT
        return int((np.diff(wrong, axis=0, prepend=False).astype(bool) & wrong).sum())

    def with_peaks(self, planned: spreading.Plan) -> spreading.Plan:
        """The plan with its guesses at the model's peaks, where there are heat maps."""
        if self.case.peaks is None:
            return planned
        return spreading.refined(planned, {frame: self.case.peaks(frame) for frame in planned.frames})

    def bring_back(self, frame: int) -> int:
        """A missing person: fill the gap where that is offered, else copy the pose before into the first missing frame."""
        if self.mode != "frame by frame":
            filled = spreading.spread(self.project, spreading.plan(self.project, 1, [frame]))
            if filled:
                self.apply("fill", filled)
                return frame
        while frame > 0 and self.project.pose(frame - 1, 1) is None:
            frame -= 1
        self.apply("copy", copying.copy_from_frame(self.project, frame, [1]))
        return frame

    def fix(self, frame: int, joint: int, errors: np.ndarray) -> Iterable[int]:
        """Put a joint right; where swapping its limb puts more right than one, swap. The joints that were corrected."""
        pose = self.project.pose(frame, 1)
        assert pose is not None
        best = None
        for limb in ("arms", "legs", "all"):
            if joint in sides.limb_joints(self.case.skeleton, limb):
                swap = edits.swap_sides(self.project, frame, 1, limb)
                gain = (errors > RIGHT).sum() - (self.of_pose(frame, swap.changes[0].after) > RIGHT).sum() if swap else 0
                if gain > (best[0] if best else 1):
                    best = (gain, swap, limb)
        if best:
            self.apply("swap", best[1])
            return sides.limb_joints(self.case.skeleton, best[2])
        self.apply("place", edits.move_joint(self.project, frame, 1, joint, self.case.truth[frame, joint]))
        return [joint]

    def spread(self, frame: int, joints: Iterable[int]) -> None:
        """What happens by itself after each correction."""
        planned = spreading.plan(self.project, 1, {frame: list(joints)}, believe=self.mode != "interpolation")
        if self.mode != "interpolation":
            planned = self.with_peaks(planned)
        edit = spreading.spread(self.project, planned)
        if edit:
            before = self.wrong(planned.frames)
            self.project.apply(edit)
            if self.wrong(planned.frames) - before > PATIENCE:
                self.project.undo()
                self.done["undo"] += 1

    def wrong(self, frames: Iterable[int]) -> int:
        """Joints beyond the tolerance in some frames."""
        return sum(int((self.of_pose(frame, self.project.pose(frame, 1)) > RIGHT).sum()) for frame in frames)


def effort(case: Case, mode: str) -> Counter[str]:
    """Actions by kind."""
    with tempfile.TemporaryDirectory() as folder:
        size = (case.truth[case.known].max(0) + 50).astype(int)
        info = VideoInfo(f"{folder}/none.mp4", int(size[0]), int(size[1]), len(case.truth), 30.0, False, "none", "0" * 64)
        with Project.create(Path(folder) / "a.glsproj", info, case.skeleton) as project:
            annotator = Annotator(case, project, mode)
            annotator.work()
            return annotator.done


# --- a real clip --------------------------------------------------------------------------------------------------------------


def clip_cases(video: Path, models: Path, frames: int) -> list[Case]:
    """The people of a clip who are in most of its first ``frames`` frames, predicted by the shipped model."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "resources" / "train"))
    from label_clips import Teachers

    from app.inference.engine import Engine
    from app.inference.loading import load_predictor
    from app.inference.windows import Frames
    from glsmamba.data.video import VideoReader, build_index
    from glsmamba.training.clips import teachers_agree

    index = build_index(video)
    predictor, teachers = load_predictor("cpu"), Teachers(models, 1)
    cases = []
    with VideoReader(video, index) as reader, tempfile.TemporaryDirectory() as folder:
        count = min(frames, reader.n_frames)
        with Project.create(Path(folder) / "a.glsproj", reader.info) as project:
            engine = Engine(project, lambda: VideoReader(video, index), lambda _device: predictor, frames=range(count))
            while engine.step():
                pass
            engine.close()
            pictures = Frames(VideoReader(video, index))
            for track in project.tracks():
                there = project.track_frames(track)
                if len(there) < 0.5 * count:
                    continue
                first, last = int(there[0]), int(there[-1])
                poses = [project.pose(frame, track) for frame in range(first, last + 1)]
                agreed = [
                    (np.zeros((len(project.skeleton), 2)), np.zeros(len(project.skeleton), bool))
                    if pose is None or pose.box is None
                    else teachers_agree(*teachers.ask(reader.read(first + i), pose.box))
                    for i, pose in enumerate(poses)
                ]
                truth, known = np.stack([a for a, _ in agreed]), np.stack([b for _, b in agreed])
                names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
                corners = [project.skeleton.index(name) for name in names]
                torso = (truth[:, corners[:2]].mean(1) - truth[:, corners[2:]].mean(1))[known[:, corners].all(1)]
                if len(torso) < 10:
                    continue
                head = HEAD_OF_TORSO * float(np.percentile(np.linalg.norm(torso, axis=-1), 90))
                peaks = _peaks(predictor, pictures, poses, first)
                cases.append(Case(f"{video.stem}, person {track}", project.skeleton, truth, known, poses, head, peaks))
    return cases


def steady(case: Case) -> Case:
    """The case with its truth made steady, as the module says."""
    truth, known, half = case.truth.copy(), case.known.copy(), STEADY // 2
    for t, j in np.argwhere(case.known).tolist():
        near = np.arange(max(t - half, 0), min(t + half + 1, len(truth)))
        near = near[case.known[near, j]]
        if len(near) > 3:
            truth[t, j] = np.linalg.lstsq(np.vander(near - t, 3), case.truth[near, j], rcond=None)[0][-1]
    known &= np.linalg.norm(truth - case.truth, axis=-1) <= RIGHT / 2 * case.head
    return replace(case, name=f"{case.name}, steady", truth=truth, known=known)


def in_hindsight(case: Case) -> int:
    """The least number of corrections between which the model's errors, interpolated, leave no joint wrong."""
    return sum(_in_hindsight(case, joint) for joint in range(len(case.skeleton)))


def _in_hindsight(case: Case, joint: int) -> int:
    there = case.known[:, joint] & [pose is not None and pose.visibility[joint] > 0 for pose in case.poses]
    frames = np.flatnonzero(there)
    if not len(frames):
        return 0
    seen = np.array([pose.keypoints[joint] for pose in (case.poses[f] for f in frames) if pose is not None])
    off = (case.truth[frames, joint] - seen) / case.head
    right = np.linalg.norm(off, axis=1) <= RIGHT
    # What a frame may tell its neighbours: what is off in it (a correction), or nothing (the model is right).
    nodes = [(i, price) for i in range(len(frames)) for price in ((0, 1) if right[i] else (1,))]
    least = np.full(len(nodes), np.inf)
    for a, (i, price) in enumerate(nodes):
        if (np.linalg.norm(off[:i] - price * off[i], axis=1) <= RIGHT).all():
            least[a] = price
        for b, (k, other) in enumerate(nodes[:a]):
            if k == i or least[b] + price >= least[a]:
                continue
            share = ((frames[k + 1 : i] - frames[k]) / (frames[i] - frames[k]))[:, None]
            if (np.linalg.norm(off[k + 1 : i] - (1 - share) * other * off[k] - share * price * off[i], axis=1) <= RIGHT).all():
                least[a] = least[b] + price
    ends = [a for a, (i, price) in enumerate(nodes) if (np.linalg.norm(off[i + 1 :] - price * off[i], axis=1) <= RIGHT).all()]
    return int(least[ends].min())


def _peaks(predictor: Any, pictures: Any, poses: list[Pose | None], first: int) -> Callable[[int], dict[int, spreading.Peaks]]:
    """Peaks of a person's heat maps by frame, computed when asked for."""
    from app.inference.peaks import peaks_of
    from glsmamba.predictor import PoseWindow

    @cache
    def of_frame(frame: int) -> dict[int, spreading.Peaks]:
        pose = poses[frame]
        if pose is None or pose.box is None:
            return {}
        window = PoseWindow(pictures.window(first + frame, predictor.config.frames, False), pose.box)
        found = predictor.predict([window], keep_heatmaps=True)[0]
        return peaks_of(found, predictor.config.sigma)

    return of_frame


MODES = ("frame by frame", "interpolation", "spread")


def measured(cases: list[Case], what: str, slow_too: bool) -> list[Goal]:
    """Play the annotator in all modes and say what came of it."""
    frames, slow = np.array([len(case.truth) for case in cases]), np.array([case.slow for case in cases])
    print(f"{what}: {len(cases)} tracks ({slow.sum()} slow) of {frames.min()} to {frames.max()} frames")
    per_100 = {}
    for mode in MODES:
        kinds = [effort(case, mode) for case in cases]
        per_100[mode] = 100 * np.array([sum(kind.values()) for kind in kinds]) / frames
        total: Counter[str] = sum(kinds, Counter())
        share = ", ".join(f"{kind} {100 * n / frames.sum():.1f}" for kind, n in total.most_common())
        first = per_100[MODES[0]]
        times = np.median(per_100[mode][first > 0] / first[first > 0]) if (first > 0).any() else 1.0
        of_slow = f", slow tracks {np.median(per_100[mode][slow]):.1f}" if slow.any() else ""
        middle = np.median(per_100[mode])
        print(f"  {mode}: median {middle:.1f} actions per person and 100 frames{of_slow}", end="")
        print(f"; {times:.2f} of those frame by frame ({share})", flush=True)
    base = per_100["frame by frame"]
    share_of = np.median(per_100["spread"][base > 0] / base[base > 0]) if (base > 0).any() else 0.0
    goals = [Goal(f"{what}: actions with spread corrections, of those frame by frame", float(share_of), 1 / 3, "", False)]
    if slow_too and slow.any():
        actions = float(np.median(per_100["spread"][slow]))
        goals.append(Goal(f"{what}: actions per person and 100 frames, slow tracks", actions, 5.0, "", False))
    return goals


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--penn", type=Path, default=DATA / "penn-tracks", metavar="DIR", help="human tracks")
    parser.add_argument("--tracks", type=int, default=60, help="tracks of Penn Action (default 60)")
    parser.add_argument("--longest", type=int, default=120, help="frames of a track that are used (default 120)")
    parser.add_argument("--clip", type=Path, metavar="FILE", help="a video instead")
    parser.add_argument("--models", type=Path, default=DATA / "models", metavar="DIR", help="the teachers")
    parser.add_argument("--frames", type=int, default=100, help="frames of the clip (default 100)")
    options = parser.parse_args()
    if options.clip is not None:
        if find_spec("onnxruntime") is None or not (options.models / "movenet-thunder.onnx").is_file():
            print(f"skipped: --clip wants onnxruntime and the teachers, which are not in {options.models}")
            return 0
        cases, name = clip_cases(options.clip, options.models, options.frames), options.clip.name
        if not cases:
            print(f"skipped: nobody in {name} has a torso on which the teachers agree in ten frames")
            return 0
        goals = []
        for what, of in ((name, cases), (f"{name}, steady truth", [steady(case) for case in cases])):
            goals += measured(of, what, True)
            least = ", ".join(f"{100 * in_hindsight(case) / len(case.truth):.1f}" for case in of)
            print(f"  in hindsight: {least} actions per 100 frames, by person", flush=True)
        return report(goals)
    if not options.penn.is_dir():
        print(f"skipped: the human tracks of Penn Action are not in {options.penn}")
        return 0
    return report(measured(penn_cases(options.penn, options.tracks, options.longest), "Penn Action", True))


if __name__ == "__main__":
    raise SystemExit(main())

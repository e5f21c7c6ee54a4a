"""Everything an annotator's hand can do, as pure functions: they read a project and build an :class:`Edit`; nothing is changed
until :meth:`Project.apply` gets it. Whoever asks for something impossible (nobody there, no such joint) gets a
:class:`ProjectError` with one sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np

from app.labels.changes import Change, Edit, FactChange, ProjectError
from app.labels.making import checked_box, checked_joint, one, people_words, the_pose, with_human_joints
from app.labels.pose import Pose, Provenance
from app.labels.project import Project
from app.labels.regions import IgnoreRegion
from app.labels.shaping import shift, transform
from app.labels.sides import swap_sides
from glsmamba.data.records import FrameRecord, PersonRecord, SequenceRecord, Visibility
from glsmamba.data.skeletons import joint_map

__all__ = [
    "accept_frame", "accept_pose", "add_person", "cycle_visibility", "delete_pose", "delete_track", "import_sequence",
    "mark", "move_box", "move_joint", "move_pose", "next_state", "remove_ignore_region", "rename_track", "set_head_box",
    "set_ignore_region", "set_locked", "set_visibility", "swap_sides", "unaccept_pose",
]  # fmt: skip

#: The order in which :func:`next_state` goes.
_NEXT_STATE = {
    Visibility.VISIBLE: Visibility.OCCLUDED,
    Visibility.OCCLUDED: Visibility.ABSENT,
    Visibility.ABSENT: Visibility.VISIBLE,
}


# --- joints ------------------------------------------------------------------------------------------------------------------


def move_joint(project: Project, frame: int, track: int, joint: int, xy: Sequence[float]) -> Edit:
    """Put a joint at ``xy`` (pixels of the frame). It becomes the human's, with score 1, and visible if it was absent."""
    name = checked_joint(project, joint)
    pose = the_pose(project, frame, track)
    which = np.arange(len(project.skeleton)) == joint
    keypoints = pose.keypoints.copy()
    keypoints[joint] = xy
    if not np.isfinite(keypoints[joint]).all():
        raise ProjectError(f"The place for the {name} is not a number.")
    visibility = np.where(pose.visibility == Visibility.ABSENT, Visibility.VISIBLE, pose.visibility)
    after = with_human_joints(pose, which, keypoints, visibility)
    return one(f"Move {name} of {project.track_name(track)}", frame, track, pose, after)


def move_pose(project: Project, frame: int, track: int, dx: float, dy: float) -> Edit:
    """Move a whole person: all joints that are there, box and head box. The joints become the human's."""
    return transform(project, frame, {track: None}, shift(float(dx), float(dy)))


def set_visibility(project: Project, frame: int, track: int, joint: int, state: Visibility) -> Edit:
    """Say that a joint is visible, occluded or absent. The joint becomes the human's; an absent joint keeps its place unseen.

    A joint that never had a place gets one: between the joints it is connected to, else the middle of the box.
    """
    return mark(project, frame, {track: (joint,)}, state)


def mark(project: Project, frame: int, chosen: Mapping[int, Collection[int]], state: Visibility) -> Edit:
    """:func:`set_visibility` of several joints of one or several people (track id to joints) at once."""
    changes, names = [], []
    for track, joints in chosen.items():
        names += [checked_joint(project, joint) for joint in joints]
        pose = the_pose(project, frame, track)
        keypoints = pose.keypoints.copy()
        for joint in joints:
            if state != Visibility.ABSENT and pose.visibility[joint] == Visibility.ABSENT and not keypoints[joint].any():
                keypoints[joint] = _likely_place(project, pose, joint)
        which = np.isin(np.arange(len(project.skeleton)), list(joints))
        after = with_human_joints(pose, which, keypoints, np.full(len(which), int(state)))
        changes.append(Change(frame, track, pose, after))
    what = names[0] if len(names) == 1 else f"{len(names)} joints"
    return Edit(f"Mark {what} of {people_words(project, chosen)} {Visibility(state).name.lower()}", tuple(changes))


def next_state(pose: Pose, joint: int) -> Visibility:
    """What :func:`cycle_visibility` makes of a joint: visible, occluded, absent, visible."""
    return _NEXT_STATE[Visibility(int(pose.visibility[joint]))]


def cycle_visibility(project: Project, frame: int, track: int, joint: int) -> Edit:
    """The next state of a joint: visible, occluded, absent, visible."""
    checked_joint(project, joint)
    return set_visibility(project, frame, track, joint, next_state(the_pose(project, frame, track), joint))


def _likely_place(project: Project, pose: Pose, joint: int) -> np.ndarray:
    there = pose.visibility != Visibility.ABSENT
    near = [b if a == joint else a for a, b in project.skeleton.edges if joint in (a, b)]
    near = [k for k in near if there[k]]
    if near:
        return pose.keypoints[near].mean(axis=0)
    if pose.box is not None:
        x, y, w, h = pose.box
        return np.array([x + w / 2, y + h / 2])
    if there.any():
        return pose.keypoints[there].mean(axis=0)
    return np.array([(project.video.width - 1) / 2, (project.video.height - 1) / 2])


# --- people ------------------------------------------------------------------------------------------------------------------


def accept_pose(project: Project, frame: int, track: int) -> Edit:
    """A human looked at this person in this frame and found it right."""
    pose = the_pose(project, frame, track)
    return one(f"Accept {project.track_name(track)}", frame, track, pose, pose.with_(accepted=True))


def unaccept_pose(project: Project, frame: int, track: int) -> Edit:
    """Take an acceptance back."""
    pose = the_pose(project, frame, track)
    return one(f"Unaccept {project.track_name(track)}", frame, track, pose, pose.with_(accepted=False))


def accept_frame(project: Project, frame: int) -> Edit:
    """Accept everybody in a frame."""
    changes = (Change(frame, t, p, p.with_(accepted=True)) for t, p in project.poses(frame).items() if not p.accepted)
    return Edit(f"Accept all people of frame {frame}", tuple(changes))


def delete_pose(project: Project, frame: int, track: int) -> Edit:
    """Take a person out of one frame. A later prediction does not bring the person back there."""
    pose = the_pose(project, frame, track)
    return one(f"Delete {project.track_name(track)} in frame {frame}", frame, track, pose, None)


def delete_track(project: Project, track: int, first: int = 0, last: int | None = None) -> Edit:
    """Take a person out of all frames, or of frames ``first`` to ``last`` (inclusive)."""
    last = project.n_frames - 1 if last is None else last
    frames = [int(f) for f in project.track_frames(track) if first <= f <= last]
    if not frames:
        raise ProjectError(f"{project.track_name(track)} is in none of these frames.")
    everywhere = first <= 0 and last >= project.n_frames - 1
    title = f"Delete {project.track_name(track)}" + (" in all frames" if everywhere else f" in frames {first} to {last}")
    return Edit(title, tuple(Change(f, track, the_pose(project, f, track), None) for f in frames))


def add_person(project: Project, frame: int, box: Sequence[float], track: int | None = None) -> tuple[Edit, int]:
    """A new person known by a box that a human drew; the model's joints may follow. Returns the edit and the track id.

    With ``track`` the box goes to a person who is in other frames already.
    """
    checked = checked_box(box)
    if track is None:
        track = project.new_track_id()
    elif track in project.poses(frame):
        raise ProjectError(f"{project.track_name(track)} is already in frame {frame}; move the box instead.")
    pose = Pose.empty(len(project.skeleton), box=checked, box_by_human=True)
    return one(f"Add {project.track_name(track)}", frame, track, None, pose), track


def rename_track(project: Project, track: int, name: str) -> Edit:
    """Give a person a name; an empty one takes it away."""
    name = name.strip()
    old = project.track_name(track)
    title = f"Rename {old} to {name}" if name else f"Take the name of {old} away"
    return Edit(title, facts=(FactChange("track_name", track, project.fact("track_name", track), name or None),))


def set_locked(project: Project, tracks: Iterable[int], locked: bool = True) -> Edit:
    """Lock people: no hand changes their poses in any frame until they are unlocked. The model goes on as before."""
    changed = [t for t in tracks if project.is_locked(t) != locked]
    facts = tuple(FactChange("locked", t, project.fact("locked", t), True if locked else None) for t in changed)
    return Edit(f"{'Lock' if locked else 'Unlock'} {people_words(project, changed or [0])}", facts=facts)


# --- boxes, regions ----------------------------------------------------------------------------------------------------------


def move_box(project: Project, frame: int, track: int, box: Sequence[float]) -> Edit:
    """Set a person's box; it becomes the human's. Joints stay."""
    pose = the_pose(project, frame, track)
    after = pose.with_(box=checked_box(box), box_by_human=True)
    return one(f"Change box of {project.track_name(track)}", frame, track, pose, after)


def set_head_box(project: Project, frame: int, track: int, box: Sequence[float] | None) -> Edit:
    """Draw a person's head box; None takes it away (exports then derive one from the head's joints)."""
    pose = the_pose(project, frame, track)
    after = pose.with_(head_box=None if box is None else checked_box(box))
    verb = "Change" if pose.head_box is not None else "Draw"
    return one(f"{'Reset' if box is None else verb} head box of {project.track_name(track)}", frame, track, pose, after)


def set_ignore_region(project: Project, region: IgnoreRegion, region_id: int | None = None, verb: str = "") -> tuple[Edit, int]:
    """Add an ignore region, or change the one called ``region_id``. Returns the edit and the region's id.

    ``verb`` begins the title: "Move a corner of".
    """
    if region_id is None:
        region_id = max(project.ignore_regions(), default=0) + 1
    before = project.fact("ignore_region", region_id)
    title = f"{verb or ('Change' if before else 'Add')} {region.name or f'ignore region {region_id}'}"
    return Edit(title, facts=(FactChange("ignore_region", region_id, before, region.to_json()),)), region_id


def remove_ignore_region(project: Project, region_id: int) -> Edit:
    """Take an ignore region away."""
    before = project.fact("ignore_region", region_id)
    if before is None:
        raise ProjectError(f"There is no ignore region {region_id}.")
    name = before.get("name") or f"ignore region {region_id}"
    return Edit(f"Delete {name}", facts=(FactChange("ignore_region", region_id, before, None),))


# --- files -------------------------------------------------------------------------------------------------------------------


def import_sequence(
    project: Project,
    sequence: SequenceRecord,
    as_predictions: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Edit:
    """All people (and ignore regions) of a file as one undo step.

    Joints are mapped by name. A track keeps its id where nobody in the project has it, else it gets a new one. As
    annotations, joints get provenance IMPORTED and predictions never replace them; as predictions they count as the model's.

    Raises:
        ProjectError: the file belongs to another video (more frames, another picture size), or shares no joint names.
    """
    n = project.n_frames
    last = max((f.index for f in sequence.frames), default=-1)
    if last >= n:
        raise ProjectError(f"{sequence.name} has frames up to {last}, but the video has only {n}; it belongs to another video.")
    size = (sequence.width, sequence.height)
    if None not in size and size != (project.video.width, project.video.height):
        raise ProjectError(
            f"{sequence.name} was made for {size[0]}x{size[1]} pictures, the video is "
            f"{project.video.width}x{project.video.height}; it belongs to another video."
        )
    source = joint_map(sequence.skeleton, project.skeleton)
    if (source < 0).all():
        names = ", ".join(project.skeleton.joints[:3])
        raise ProjectError(f"{sequence.name} has none of this project's joints ({names}, ...).")
    taken = set(project.tracks())
    tracks: dict[int, int] = {}
    changes: list[Change] = []
    for i, frame in enumerate(sequence.frames):
        if progress is not None and i % 256 == 0:
            progress(i / len(sequence.frames))
        seen: set[int] = set()
        for person in frame.people:
            track = _imported_track(project, person, tracks, taken)
            if track in seen:
                raise ProjectError(
                    f"{sequence.name} has person {person.track_id} twice in frame {frame.index}; run a check on the file."
                )
            seen.add(track)
            changes.append(Change(frame.index, track, None, _imported_pose(person, source, as_predictions, sequence.name)))
    facts = _imported_regions(project, sequence.frames)
    kind = "predictions" if as_predictions else "annotations"
    return Edit(f"Import {sequence.name} as {kind}", tuple(changes), facts, reason="import")


def _imported_track(project: Project, person: PersonRecord, tracks: dict[int, int], taken: set[int]) -> int:
    wanted = person.track_id
    if wanted is None:
        return project.new_track_id()
    if wanted not in tracks:
        tracks[wanted] = project.new_track_id() if wanted in taken or wanted < 0 else wanted
    return tracks[wanted]


def _imported_pose(person: PersonRecord, source: np.ndarray, as_predictions: bool, name: str) -> Pose:
    there = source >= 0
    visibility = np.where(there, person.visibility[source], Visibility.ABSENT)
    there = visibility != Visibility.ABSENT
    keypoints = np.where(there[:, None], person.keypoints[source], 0.0)
    scores = np.ones(len(source)) if person.scores is None else person.scores[source]
    provenance = Provenance.MODEL if as_predictions else Provenance.IMPORTED
    return Pose(
        keypoints,
        visibility.astype(np.uint8),
        np.where(there, np.clip(scores, 0.0, 1.0), 0.0),
        np.where(there, provenance, Provenance.NONE),
        box=person.box,
        # A head box in a project is a human's; one of a predictions file was derived from its joints, as ours will be again.
        head_box=None if as_predictions else person.head_box,
        score=1.0 if person.score is None else float(np.clip(person.score, 0.0, 1.0)),
        model=name if as_predictions else "",
    )


def _imported_regions(project: Project, frames: Sequence[FrameRecord]) -> tuple[FactChange, ...]:
    """Polygons that stay the same over following frames become one region."""
    open_regions: dict[bytes, list[int]] = {}
    spans: list[tuple[int, int, np.ndarray]] = []
    for frame in frames:
        still: dict[bytes, list[int]] = {}
        for polygon in frame.ignore_regions:
            if len(polygon) < 3:
                continue
            polygon = np.ascontiguousarray(polygon, np.float64)
            key = polygon.tobytes()
            span = open_regions.get(key)
            if span is None or key in still:
                span = [frame.index, len(spans)]
                spans.append((frame.index, frame.index, polygon))
            first, where = span
            spans[where] = (first, frame.index, polygon)
            still[key] = span
        open_regions = still
    next_id = max(project.ignore_regions(), default=0) + 1
    return tuple(
        FactChange("ignore_region", next_id + i, None, IgnoreRegion(first, last, {first: polygon}).to_json())
        for i, (first, last, polygon) in enumerate(spans)
    )

"""What a model's predictions may change: never what somebody has put work into."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.labels.codec import TOMBSTONE
from app.labels.draft import Draft
from app.labels.limits import check_place, check_pose
from app.labels.pose import Pose, Provenance
from glsmamba.data.records import Box

__all__ = ["is_free", "put_predictions"]


def is_free(pose: Pose) -> bool:
    """True when a prediction may replace the joints: nobody has put work into them."""
    return not pose.touched and bool(np.isin(pose.provenance, (Provenance.NONE, Provenance.MODEL, Provenance.ESTIMATED)).all())


def put_predictions(
    draft: Draft, frame: int, poses: Mapping[int, Pose], *, overwrite_untouched: bool, revive: bool, drop_missing: bool
) -> bool:
    """Put the poses that a model found in a frame into a draft. Rules and arguments as in ``Project.store_predictions``.

    Returns:
        True when the draft changes anything.

    Raises:
        ProjectError: impossible frame or numbers; the draft has to be dropped.
    """
    n_frames = len(draft.memory.frames)
    changed = False
    if drop_missing:
        check_place(frame, 0, n_frames)
        for track, cell in list(draft.cells(frame).items()):
            if track in poses or cell == TOMBSTONE:
                continue
            old = draft.decode(cell)
            if is_free(old) and not old.box_by_human and old.head_box is None:
                draft.set(frame, track, None)
                changed = True
    for track, pose in poses.items():
        check_place(frame, track, n_frames)
        check_pose(pose, draft.memory.n_joints)
        now = draft.get(frame, track)
        if now == TOMBSTONE and not revive:
            continue
        new = _rounded(pose)
        if now:
            old = draft.decode(now)
            if not is_free(old) or (not overwrite_untouched and old.visibility.any()):
                continue
            if old.box_by_human:
                new = new.with_(box=old.box, box_by_human=True)
            if old.head_box is not None:
                new = new.with_(head_box=old.head_box)
        cell = draft.encode(new)
        if cell != now and not (now and old.reviewed and draft.encode(new.with_(reviewed=True)) == now):
            draft.set(frame, track, cell)
            changed = True
    return changed


def _rounded(pose: Pose) -> Pose:
    """A prediction as it is stored: float32 throughout; boxes of the model are never a human's."""

    def box32(box: Box | None) -> Box | None:
        if box is None:
            return None
        x, y, w, h = np.asarray(box, np.float32).tolist()
        return (x, y, w, h)

    return pose.with_(
        keypoints=pose.keypoints.astype(np.float32),
        box=box32(pose.box),
        head_box=box32(pose.head_box),
        score=float(np.float32(pose.score)),
    )

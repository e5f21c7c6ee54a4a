"""What an edit makes of the labels as they are now, also where they are no longer what it was made from."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from app.labels.changes import Change, Edit, ProjectError
from app.labels.codec import TOMBSTONE, CellChange, FactRow
from app.labels.draft import Draft
from app.labels.limits import check_place, check_pose
from app.labels.pose import Pose
from app.labels.predictions import is_free

__all__ = ["put_edit"]


def put_edit(draft: Draft, edit: Edit) -> tuple[list[CellChange], list[FactRow]]:
    """Put an edit into a draft. Returns what it really changes, for the log: each person and frame once, each fact once.

    Raises:
        ProjectError: impossible edit, or a person is locked; the draft has to be dropped.
    """
    memory = draft.memory
    cells: dict[tuple[int, int], tuple[bytes | None, bytes | None]] = {}
    for change in edit.changes:
        check_place(change.frame, change.track, len(memory.frames))
        if memory.is_locked(change.track) and not _only_review(change, draft):
            raise ProjectError(f"{memory.track_name(change.track)} is locked; unlock this person first.")
        now = draft.get(change.frame, change.track)
        after = _rebased(change, now, draft)
        cells[change.frame, change.track] = (cells.get((change.frame, change.track), (now, None))[0], after)
        draft.set(change.frame, change.track, after)
    facts: dict[tuple[str, int], tuple[Any, Any]] = {}
    for fact in edit.facts:
        at = (fact.kind, fact.key)
        value = json.loads(json.dumps(fact.after))
        facts[at] = (facts.get(at, (draft.fact(*at), None))[0], value)
        draft.facts[at] = value
    return (
        [(frame, track, before, after) for (frame, track), (before, after) in cells.items() if before != after],
        [(kind, key, before, after) for (kind, key), (before, after) in facts.items() if before != after],
    )


def _only_review(change: Change, draft: Draft) -> bool:
    """True for a change that says nothing but whether a human reviewed the pose."""
    before, after = change.before, change.after
    if before is None or after is None:
        return False
    return draft.encode(before.with_(reviewed=after.reviewed)) == draft.encode(after)


def _rebased(change: Change, now: bytes | None, draft: Draft) -> bytes | None:
    """The cell that ``change`` makes of the cell that is there now."""
    if change.after is None:
        return now if not now else None if change.moved else TOMBSTONE
    check_pose(change.after, draft.memory.n_joints)
    after = draft.encode(change.after)
    if not now or after == now:
        return after
    current = draft.decode(now)
    if change.before is None:
        if is_free(current) and not current.box_by_human:
            return after
        name = draft.memory.track_name(change.track)
        raise ProjectError(f"{name} is already in frame {change.frame}; use another person's id.")
    if draft.encode(change.before) == now or (change.moved and is_free(current)):
        return after
    return draft.encode(_merged(change.before, change.after, current))


def _merged(before: Pose, after: Pose, current: Pose) -> Pose:
    """``current`` with everything changed that differs between ``before`` and ``after``; joint by joint."""
    moved = (before.keypoints != after.keypoints).any(axis=1)
    moved |= before.visibility != after.visibility
    moved |= before.provenance != after.provenance
    moved |= before.scores != after.scores
    for name in ("probability", "spread", "disagreement"):
        old, new = getattr(before, name), getattr(after, name)
        moved |= (old != new) & ~(np.isnan(old) & np.isnan(new))
    changes: dict[str, Any] = {
        "keypoints": np.where(moved[:, None], after.keypoints, current.keypoints),
        "visibility": np.where(moved, after.visibility, current.visibility),
        "provenance": np.where(moved, after.provenance, current.provenance),
        "scores": np.where(moved, after.scores, current.scores),
        "probability": np.where(moved, after.probability, current.probability),
        "spread": np.where(moved, after.spread, current.spread),
        "disagreement": np.where(moved, after.disagreement, current.disagreement),
        "predicted": np.where(np.isnan(current.model_places), after.predicted, current.model_places),
    }
    for name in ("box", "box_by_human", "head_box", "score", "accepted", "model", "reviewed"):
        if getattr(before, name) != getattr(after, name):
            changes[name] = getattr(after, name)
    return current.with_(**changes)

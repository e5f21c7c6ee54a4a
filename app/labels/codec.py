"""Poses and edits as bytes: what the project file holds, and what memory holds until somebody looks at a frame.

A *cell* is what stands for one person in one frame: absent from its frame (nobody), ``b""`` (deleted by a human: a
prediction must not bring the person back) or the bytes of a pose. A frame is its cells one after the other. Never pickle:
a project file from a stranger must not be able to run anything.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from app.labels.pose import Pose, Provenance
from glsmamba.data.records import Box

__all__ = [
    "DELETED", "FIGURE", "REVIEWED", "TOMBSTONE", "CellChange", "FactRow", "checked_summaries", "decode_log", "decode_many",
    "decode_pose", "encode_log", "encode_pose", "pack_frame", "pose_sizes", "summaries", "summary_of", "unpack_frame",
]  # fmt: skip

TOMBSTONE = b""
CellChange = tuple[int, int, bytes | None, bytes | None]  # frame, track, before, after
FactRow = tuple[str, int, Any, Any]  # kind, key, before, after

_ENTRY = struct.Struct("<IH")  # track, length of the pose
_HEAD = struct.Struct("<BBBH")  # flags, summary, joints, model id
_SUMMARY_AT = 1
_KEYPOINTS64, _BOX, _BOX64, _HEAD_BOX, _HEAD_BOX64, _HUMAN_BOX, _ACCEPTED, _SCORE64 = (1 << i for i in range(8))
#: In the second byte: probabilities and spreads follow; how far windows disagree does; the model's former places do.
_DOUBT, _COMPARED, _PREDICTED = 0x10, 0x40, 0x80
#: Parts of a summary: the figure of :func:`summary_of`; the pose is reviewed; the person was deleted here by a human.
FIGURE, REVIEWED, DELETED = 0x0F, 0x20, 0x40


def summary_of(pose: Pose | None) -> int:
    """One figure for the timeline: 0 nobody, 1 predicted, 2 edited (any human joint), 3 accepted, 4 imported or filled in."""
    if pose is None:
        return 0
    if pose.accepted:
        return 3
    if (pose.provenance == Provenance.HUMAN).any():
        return 2
    if np.isin(pose.provenance, (Provenance.INTERPOLATED, Provenance.IMPORTED, Provenance.REFINED)).any():
        return 4
    return 1


def _numbers(values: Any, wide_flag: int) -> tuple[bytes, int]:
    """Bytes of ``values`` as float32 where that loses nothing, else as float64 with ``wide_flag`` set."""
    wide = np.asarray(values, dtype="<f8")
    with np.errstate(over="ignore"):
        narrow = wide.astype("<f4")
    if np.array_equal(narrow.astype("<f8"), wide):
        return narrow.tobytes(), 0
    return wide.tobytes(), wide_flag


def encode_pose(pose: Pose, model_id: Callable[[str], int]) -> bytes:
    """A pose as bytes, exactly: equal poses give equal bytes. ``model_id`` turns a checkpoint's name into a number."""
    keypoints, flags = _numbers(pose.keypoints, _KEYPOINTS64)
    score, wide = _numbers(pose.score, _SCORE64)
    flags |= wide
    parts = [keypoints, pose.scores.astype("<f4").tobytes(), (pose.visibility | pose.provenance << 2).tobytes(), score]
    second = summary_of(pose) | REVIEWED * pose.reviewed
    doubt = np.stack([pose.probability, pose.spread])
    for values, flag in ((doubt, _DOUBT), (pose.disagreement, _COMPARED), (pose.predicted, _PREDICTED)):
        unknown = np.isnan(values)
        if not unknown.all():
            second |= flag
            parts.append(np.where(unknown, np.float32(np.nan), values).astype("<f4").tobytes())  # one bit pattern for unknown
    if pose.box is not None:
        box, wide = _numbers(pose.box, _BOX64)
        parts.append(box)
        flags |= _BOX | wide
    if pose.head_box is not None:
        box, wide = _numbers(pose.head_box, _HEAD_BOX64)
        parts.append(box)
        flags |= _HEAD_BOX | wide
    flags |= _HUMAN_BOX * pose.box_by_human | _ACCEPTED * pose.accepted
    return _HEAD.pack(flags, second, len(pose.keypoints), model_id(pose.model)) + b"".join(parts)


def decode_pose(cell: bytes, model_name: Callable[[int], str]) -> Pose:
    """The pose of :func:`encode_pose`'s bytes."""
    flags, second, n, model = _HEAD.unpack_from(cell)
    at = _HEAD.size

    def take(dtype: str, count: int) -> np.ndarray:
        nonlocal at
        values = np.frombuffer(cell, dtype, count, at)
        at += values.nbytes
        return values

    def take_box(wide: int) -> Box:
        x, y, w, h = take("<f8" if flags & wide else "<f4", 4).tolist()
        return (x, y, w, h)

    keypoints = take("<f8" if flags & _KEYPOINTS64 else "<f4", 2 * n).reshape(n, 2)
    scores = take("<f4", n)
    states = take("u1", n)
    score = float(take("<f8" if flags & _SCORE64 else "<f4", 1)[0])
    probability, spread = take("<f4", 2 * n).reshape(2, n) if second & _DOUBT else (None, None)
    disagreement = take("<f4", n) if second & _COMPARED else None
    predicted = take("<f4", 2 * n).reshape(n, 2) if second & _PREDICTED else None
    box = take_box(_BOX64) if flags & _BOX else None
    head_box = take_box(_HEAD_BOX64) if flags & _HEAD_BOX else None
    return Pose(
        keypoints=keypoints,
        visibility=states & 3,
        scores=scores,
        provenance=states >> 2,
        box=box,
        box_by_human=bool(flags & _HUMAN_BOX),
        head_box=head_box,
        score=score,
        accepted=bool(flags & _ACCEPTED),
        model=model_name(model),
        probability=probability,  # type: ignore[arg-type]
        spread=spread,  # type: ignore[arg-type]
        reviewed=bool(second & REVIEWED),
        predicted=predicted,  # type: ignore[arg-type]
        disagreement=disagreement,  # type: ignore[arg-type]
    )


def decode_many(cells: Sequence[bytes]) -> dict[str, np.ndarray]:
    """Poses of :func:`encode_pose`'s bytes as arrays over all of them, by the field names of :class:`app.labels.span.Span`.

    Cells of one layout are read at a stroke: some hundred times as fast as :func:`decode_pose` for each.
    """
    n, k = len(cells), cells[0][2] if cells else 0
    out: dict[str, np.ndarray] = {
        "keypoints": np.zeros((n, k, 2)),
        "visibility": np.zeros((n, k), np.uint8),
        "scores": np.zeros((n, k), np.float32),
        "provenance": np.zeros((n, k), np.uint8),
        "probability": np.full((n, k), np.nan, np.float32),
        "spread": np.full((n, k), np.nan, np.float32),
        "disagreement": np.full((n, k), np.nan, np.float32),
        "box": np.full((n, 4), np.nan),
        "head_box": np.full((n, 4), np.nan),
        "accepted": np.zeros(n, bool),
        "reviewed": np.zeros(n, bool),
    }
    layouts: dict[tuple[int, int], list[int]] = {}
    for i, cell in enumerate(cells):
        layouts.setdefault((cell[0], cell[1]), []).append(i)
    for (flags, second), rows in layouts.items():
        raw = np.frombuffer(b"".join(cells[i] for i in rows), np.uint8).reshape(len(rows), -1)
        at = _HEAD.size

        def take(dtype: str, count: int, raw: np.ndarray = raw) -> np.ndarray:
            nonlocal at
            first, at = at, at + count * np.dtype(dtype).itemsize
            return np.ascontiguousarray(raw[:, first:at]).view(dtype)

        out["keypoints"][rows] = take("<f8" if flags & _KEYPOINTS64 else "<f4", 2 * k).reshape(-1, k, 2)
        out["scores"][rows] = take("<f4", k)
        states = take("u1", k)
        out["visibility"][rows], out["provenance"][rows] = states & 3, states >> 2
        take("<f8" if flags & _SCORE64 else "<f4", 1)
        if second & _DOUBT:
            out["probability"][rows] = take("<f4", k)
            out["spread"][rows] = take("<f4", k)
        if second & _COMPARED:
            out["disagreement"][rows] = take("<f4", k)
        if second & _PREDICTED:
            take("<f4", 2 * k)
        if flags & _BOX:
            out["box"][rows] = take("<f8" if flags & _BOX64 else "<f4", 4)
        if flags & _HEAD_BOX:
            out["head_box"][rows] = take("<f8" if flags & _HEAD_BOX64 else "<f4", 4)
        out["accepted"][rows], out["reviewed"][rows] = bool(flags & _ACCEPTED), bool(second & REVIEWED)
    return out


def pack_frame(cells: Mapping[int, bytes]) -> bytes:
    """All cells of a frame, by track id."""
    return b"".join(_ENTRY.pack(track, len(cell)) + cell for track, cell in sorted(cells.items()))


def unpack_frame(packed: bytes | None) -> dict[int, bytes]:
    """Track id -> cell of :func:`pack_frame`'s bytes."""
    cells: dict[int, bytes] = {}
    at, end = 0, len(packed or b"")
    while at < end:
        track, length = _ENTRY.unpack_from(packed or b"", at)
        at += _ENTRY.size
        if at + length > end:
            raise ValueError("a frame's record is cut short")
        cells[track] = (packed or b"")[at : at + length]
        at += length
    return cells


def summaries(packed: bytes) -> Iterator[tuple[int, int]]:
    """(track id, summary) of each cell of a frame, without decoding poses; see ``FIGURE``, ``REVIEWED``, ``DELETED``."""
    at, end = 0, len(packed)
    while at < end:
        track, length = _ENTRY.unpack_from(packed, at)
        at += _ENTRY.size
        if at + length > end:
            raise ValueError("a frame's record is cut short")
        yield track, packed[at + _SUMMARY_AT] & (FIGURE | REVIEWED) if length else DELETED
        at += length


def pose_sizes(n_joints: int) -> tuple[int, ...]:
    """Length of an encoded pose by its flags byte: by that plus 256 where probabilities and spreads follow, plus 512 where the
    model's former places do, plus 1024 where it is told how far windows disagree."""

    def size(flags: int) -> int:
        total = _HEAD.size + n_joints * ((16 if flags & _KEYPOINTS64 else 8) + 4 + 1) + (8 if flags & _SCORE64 else 4)
        for there, wide in ((_BOX, _BOX64), (_HEAD_BOX, _HEAD_BOX64)):
            if flags & there:
                total += 32 if flags & wide else 16
        return total

    plain = [size(flags) for flags in range(256)]
    return tuple(length + extra * 4 * n_joints for extra in (0, 2, 2, 4, 1, 3, 3, 5) for length in plain)


def checked_summaries(packed: bytes, sizes: tuple[int, ...], n_joints: int, n_models: int) -> Iterator[tuple[int, int]]:
    """As :func:`summaries`, for bytes from a disk: ``ValueError`` where a pose cannot be decoded later."""
    at, end = 0, len(packed)
    while at < end:
        if at + _ENTRY.size > end:
            raise ValueError("a frame's record is cut short")
        track, length = _ENTRY.unpack_from(packed, at)
        at += _ENTRY.size
        summary = DELETED
        if length:
            if at + length > end or length < _HEAD.size:
                raise ValueError("a frame's record is cut short")
            flags, second, n, model = _HEAD.unpack_from(packed, at)
            summary, more = second & (FIGURE | REVIEWED), second & (_DOUBT | _COMPARED | _PREDICTED)
            known = summary | more == second and summary & FIGURE <= 4
            parts = 256 * bool(more & _DOUBT) + 512 * bool(more & _PREDICTED) + 1024 * bool(more & _COMPARED)
            size = sizes[flags + parts]
            if not known or length != size or n != n_joints or model >= n_models:
                raise ValueError("a pose's record makes no sense")
        yield track, summary
        at += length


_LOG_HEAD = struct.Struct("<BII")  # compressed?, number of cell changes, length of the facts' JSON
_LOG_CELL = struct.Struct("<IIii")  # frame, track, length before, length after; -1: nobody


def encode_log(changes: list[CellChange], facts: list[FactRow]) -> bytes:
    """An edit's changes as bytes for the log."""
    fact_bytes = json.dumps(facts).encode() if facts else b""
    parts = [fact_bytes]
    for frame, track, before, after in changes:
        lengths = (-1 if cell is None else len(cell) for cell in (before, after))
        parts += [_LOG_CELL.pack(frame, track, *lengths), before or b"", after or b""]
    body = b"".join(parts)
    compress = len(body) > 4096
    return _LOG_HEAD.pack(compress, len(changes), len(fact_bytes)) + (zlib.compress(body, 1) if compress else body)


def decode_log(blob: bytes) -> tuple[list[CellChange], list[FactRow]]:
    """The changes of :func:`encode_log`'s bytes."""
    compressed, count, at = _LOG_HEAD.unpack_from(blob)
    body = blob[_LOG_HEAD.size :]
    if compressed:
        body = zlib.decompress(body)
    facts = [(kind, key, before, after) for kind, key, before, after in json.loads(body[:at])] if at else []
    changes: list[CellChange] = []
    for _ in range(count):
        frame, track, *lengths = _LOG_CELL.unpack_from(body, at)
        at += _LOG_CELL.size
        cells: list[bytes | None] = []
        for length in lengths:
            cells.append(None if length < 0 else body[at : at + length])
            at += max(length, 0)
        changes.append((frame, track, cells[0], cells[1]))
    return changes, facts

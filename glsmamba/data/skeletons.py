"""Skeletons: joint names, their order, left-right pairs and the edges that are drawn.

Joints are always mapped by name at a border between formats (:func:`joint_map`); index arithmetic between two orders is
a silent shuffle waiting to happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Skeleton:
    """An ordered set of joints.

    Attributes:
        name: identifier used in project files and checkpoints.
        joints: joint names in order; index in this tuple is the joint index.
        edges: pairs of joint indices drawn as bones.
    """

    name: str
    joints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = field(default=())

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Index of a joint name; ``ValueError`` if the skeleton lacks it."""
        return self.joints.index(joint)

    @property
    def flip(self) -> np.ndarray:
        """(K,) int64: index of each joint's mirror image (itself for middle joints)."""
        return np.array([self.joints.index(_mirrored(name)) for name in self.joints], dtype=np.int64)

    @property
    def sides(self) -> tuple[str, ...]:
        """(K,) of ``"left"``, ``"right"`` or ``"middle"``."""
        return tuple(side_of(name) for name in self.joints)

    def without(self, *dropped: str) -> tuple[str, ...]:
        """Joint names in order, with ``dropped`` removed."""
        return tuple(name for name in self.joints if name not in dropped)


def side_of(joint: str) -> str:
    """``"left"``, ``"right"`` or ``"middle"`` from a joint name."""
    if joint.startswith("left_"):
        return "left"
    if joint.startswith("right_"):
        return "right"
    return "middle"


def joint_words(joint: str) -> str:
    """A joint name as people say it: "left wrist", "neck"."""
    return {"head_bottom": "neck", "head_top": "top of head"}.get(joint, joint.replace("_", " "))


def bone_words(skeleton: Skeleton, edge: int) -> str:
    """An edge of a skeleton in words: "left elbow–wrist", "neck–left shoulder"."""
    a, b = (skeleton.joints[joint] for joint in skeleton.edges[edge])
    if side_of(a) == side_of(b) != "middle":
        b = b.removeprefix(f"{side_of(a)}_")
    return f"{joint_words(a)}–{joint_words(b)}"


def _mirrored(joint: str) -> str:
    if joint.startswith("left_"):
        return "right_" + joint[5:]
    if joint.startswith("right_"):
        return "left_" + joint[6:]
    return joint


def joint_map(source: Skeleton, target: Skeleton, aliases: Mapping[str, str] | None = None) -> np.ndarray:
    """(K_target,) int64: for each target joint the index of the same-named source joint, -1 where there is none.

    ``aliases`` maps a target joint name to the source's name for it (``{"head_bottom": "neck"}``).
    """
    known = {name: i for i, name in enumerate(source.joints)}
    aliases = aliases or {}
    return np.array([known.get(aliases.get(name, name), -1) for name in target.joints], dtype=np.int64)


def _edges(joints: tuple[str, ...], pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[int, int], ...]:
    return tuple((joints.index(a), joints.index(b)) for a, b in pairs)


_PT18_JOINTS = (
    "nose", "head_bottom", "head_top", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
_BODY_EDGES = (
    ("head_top", "nose"), ("nose", "head_bottom"), ("head_bottom", "left_shoulder"), ("head_bottom", "right_shoulder"),
    ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"), ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"), ("left_shoulder", "left_hip"), ("right_shoulder", "right_hip"),
    ("left_hip", "right_hip"), ("left_hip", "left_knee"), ("left_knee", "left_ankle"), ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
)  # fmt: skip
_PT15_JOINTS = tuple(j for j in _PT18_JOINTS if not j.endswith("_ear"))

#: The 17 slots of a PoseTrack 2018 file, in file order (ears are never labelled there).
POSETRACK18 = Skeleton("posetrack18", _PT18_JOINTS, _edges(_PT18_JOINTS, _BODY_EDGES))
#: PoseTrack's 15 labelled joints, in PoseTrack 2018 file order without the ears: the order of the model and of projects.
POSETRACK15 = Skeleton("posetrack15", _PT15_JOINTS, _edges(_PT15_JOINTS, _BODY_EDGES))
#: PoseTrack 2017 / poseval joint ids 0..14.
POSETRACK17 = Skeleton(
    "posetrack17",
    (
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
        "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "head_bottom", "nose", "head_top",
    ),
)  # fmt: skip
COCO17 = Skeleton(
    "coco17",
    (
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
        "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
        "right_ankle",
    ),
)  # fmt: skip
#: Leeds Sports Pose: the neck is PoseTrack's head_bottom.
LSP14 = Skeleton(
    "lsp14",
    (
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
        "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "head_bottom", "head_top",
    ),
)  # fmt: skip
#: JHMDB's puppet: the neck is PoseTrack's head_bottom; ``belly`` and ``face`` (the head's middle) have no counterpart there.
JHMDB15 = Skeleton(
    "jhmdb15",
    (
        "head_bottom", "belly", "face", "right_shoulder", "left_shoulder", "right_hip", "left_hip", "right_elbow", "left_elbow",
        "right_knee", "left_knee", "right_wrist", "left_wrist", "right_ankle", "left_ankle",
    ),
)  # fmt: skip

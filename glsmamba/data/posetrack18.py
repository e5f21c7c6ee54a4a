"""PoseTrack 2018 JSON: the door to reading, writing and checking it.

One file a sequence, laid out like COCO: ``images`` (every frame), ``annotations`` (a person in a frame), ``categories``. The
two evaluators in use (poseval and the PoseTrack21 kit) fail on, or silently misjudge, files that bend the format; what is
written here keeps to what both accept, and :func:`check` says what in a file they would stumble over.
"""

from glsmamba.data.posetrack18_check import check
from glsmamba.data.posetrack18_names import MAX_FRAMES, PoseTrackError, PoseTrackWriteError, sequence_name
from glsmamba.data.posetrack18_read import read
from glsmamba.data.posetrack18_write import Kind, Occluded, Written, write

__all__ = [
    "MAX_FRAMES",
    "Kind",
    "Occluded",
    "PoseTrackError",
    "PoseTrackWriteError",
    "Written",
    "check",
    "read",
    "sequence_name",
    "write",
]

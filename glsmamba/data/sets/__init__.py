"""Data sets by their public folder layouts: :func:`open_set` finds out what lies at a path and reads it."""

from glsmamba.data.sets.data_set import DataSet, DataSetError, LabelledSequence
from glsmamba.data.sets.exports import from_record
from glsmamba.data.sets.opening import KINDS, open_set
from glsmamba.data.sets.pictures import PictureFiles, Pictures, VideoFrames, around

__all__ = [
    "KINDS", "DataSet", "DataSetError", "LabelledSequence", "PictureFiles", "Pictures", "VideoFrames", "around", "from_record",
    "open_set",
]  # fmt: skip

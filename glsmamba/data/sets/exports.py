"""What this program writes: PoseTrack files of one video, and anything else that is a record and a video."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from glsmamba.data.picture_folder import list_pictures
from glsmamba.data.posetrack18_names import MAX_FRAMES
from glsmamba.data.records import SequenceRecord
from glsmamba.data.sets.data_set import DataSet, DataSetError, LabelledSequence, listed
from glsmamba.data.sets.pictures import VideoFrames
from glsmamba.data.sets.posetrack import read_sequences

__all__ = ["from_record", "open_export"]

_VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")


def open_export(file: Path, video: Path | None = None) -> DataSet:
    """A PoseTrack file of one video, such as ``export`` and ``predict`` write it, with the video it belongs to.

    Parts of a long video (``NAME-2.json`` ...) are read with the first.

    Args:
        file: the PoseTrack JSON.
        video: video or folder of pictures; by default ``NAME.mp4`` and the like, or the folder ``NAME``, beside the file.

    Raises:
        DataSetError: there is no such video, the file holds several sequences, or more frames than the video.
        PoseTrackError: the file is damaged.
    """
    video = video or _beside(file)
    frames = []
    name = ""
    for part, path in enumerate(_parts(file)):
        records = read_sequences(path)
        if len(records) != 1:
            raise DataSetError(f"{path.name} holds {len(records)} sequences; an export of one video has one.")
        name = name or records[0].name
        frames += [replace(frame, index=frame.index + part * MAX_FRAMES) for frame in records[0].frames]
    return from_record(SequenceRecord(name, tuple(frames)), video, "export", file)


def from_record(record: SequenceRecord, video: Path, kind: str, root: Path) -> DataSet:
    """A data set of one record and its video.

    Raises:
        DataSetError: there is no such video, or none of the frames is in it.
        VideoError: it cannot be opened.
    """
    if not video.exists():
        raise DataSetError(f"The video {video} that {root.name} belongs to is not there; put it there or name another one.")
    pictures = VideoFrames(video)
    there = tuple(frame for frame in record.frames if frame.index in pictures)
    gone = [f"frame {frame.index}" for frame in record.frames if frame.index not in pictures]
    if not there:
        raise DataSetError(f"{video.name} has none of the frames of {root.name}; it is another video.")
    sequence = LabelledSequence(replace(record, frames=there), pictures)
    return DataSet(kind, root, "", (sequence,), True, tuple(listed(gone, "frames", len(record.frames))))


def _parts(file: Path) -> list[Path]:
    parts = [file]
    while (following := file.with_name(f"{file.stem}-{len(parts) + 1}{file.suffix}")).is_file():
        parts.append(following)
    return parts


def _beside(file: Path) -> Path:
    for suffix in _VIDEOS:
        if (video := file.with_suffix(suffix)).is_file():
            return video
    folder = file.with_suffix("")
    if folder.is_dir() and list_pictures(folder):
        return folder
    raise DataSetError(f"No video lies beside {file.name} ({file.stem}.mp4 or a folder {file.stem} was looked for); name it.")

"""What PoseTrack 2018 files call things: sequences, numbers of frames and people, the category."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from glsmamba.data.skeletons import POSETRACK18

__all__ = [
    "CATEGORY",
    "MAX_FRAMES",
    "MAX_PEOPLE",
    "PoseTrackError",
    "PoseTrackWriteError",
    "frame_id",
    "load_json",
    "sequence_name",
    "sequence_number",
]

#: A frame's number has four digits in its id.
MAX_FRAMES = 10_000
#: A person's number in a frame has two digits in its id.
MAX_PEOPLE = 100

_SEQUENCE = re.compile(r"^(\d{6})_(mpii|bonn|mpiinew)(_train|_test|_val)?$")
_SOURCES = {"mpii": 1, "bonn": 2, "mpiinew": 3}
_SKELETON = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11), (2, 3),
    (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
)  # fmt: skip

#: The one entry of ``categories``, as in all of PoseTrack's own files (edges 1-based, inherited from COCO).
CATEGORY: dict[str, Any] = {
    "supercategory": "person",
    "id": 1,
    "name": "person",
    "keypoints": list(POSETRACK18.joints),
    "skeleton": [list(edge) for edge in _SKELETON],
}


class PoseTrackError(ValueError):
    """A file that is no PoseTrack 2018 JSON, or labels that cannot be written as one; one sentence says what to do."""


class PoseTrackWriteError(OSError):
    """A file that could not be written; one sentence says why and what to do."""


def sequence_name(name: str) -> str:
    """A sequence name that the evaluators accept: ``name`` if it is one, else ``9NNNNN_mpiinew_test`` made from it.

    They take a six-digit number and the source from the name of the pictures' folder; ``mpiinew`` with a number from 900000
    on collides with nothing of PoseTrack's own.
    """
    if _SEQUENCE.match(name):
        return name
    # Not hash(): that differs from run to run.
    number = 900_000 + sum((i + 1) * ord(c) for i, c in enumerate(name)) % 100_000
    return f"{number}_mpiinew_test"


def sequence_number(name: str) -> tuple[int, int]:
    """(source 1..3, six-digit number) of a sequence name that :func:`sequence_name` made or let pass."""
    found = _SEQUENCE.match(name)
    if found is None:
        raise PoseTrackError(f"{name!r} is no PoseTrack sequence name; it looks like 900001_mpiinew_test.")
    return _SOURCES[found[2]], int(found[1])


def frame_id(name: str, frame: int) -> int:
    """Id of a frame of a sequence: source, sequence number, four digits of the frame."""
    source, number = sequence_number(name)
    return source * 10**10 + number * 10**4 + frame


def load_json(path: Path) -> dict[str, Any]:
    """The JSON object of a file.

    Raises:
        OSError: it cannot be read.
        PoseTrackError: it is not JSON, or not PoseTrack 2018.
    """
    try:
        content = json.loads(path.read_bytes())
    except UnicodeDecodeError as error:
        raise PoseTrackError(f"{path.name} is not a JSON text file; choose a PoseTrack 2018 file.") from error
    except json.JSONDecodeError as error:
        raise PoseTrackError(
            f"{path.name} is not valid JSON (line {error.lineno}: {error.msg}); it may be cut short, get it again."
        ) from error
    except ValueError as error:  # a whole number of thousands of digits
        raise PoseTrackError(f"{path.name} holds a number that nothing can read ({error}); get the file again.") from error
    except RecursionError as error:
        raise PoseTrackError(f"{path.name} is nested too deeply to be a PoseTrack file; choose another file.") from error
    if isinstance(content, dict) and "annolist" in content:
        raise PoseTrackError(f"{path.name} is a PoseTrack 2017 file (annolist); convert it to the 2018 format first.")
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise PoseTrackError(f'{path.name} has no list "images"; choose a PoseTrack 2018 file.')
    return content

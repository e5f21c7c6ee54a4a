"""What annotators make: tracks, poses, boxes, review state, provenance, and the project file."""

from app.labels.changes import Change, Edit, FactChange, HistoryItem, LabelChange, ProjectError
from app.labels.pose import Pose, Provenance, Visibility
from app.labels.project import Project
from app.labels.regions import IgnoreRegion

__all__ = [
    "Change",
    "Edit",
    "FactChange",
    "HistoryItem",
    "IgnoreRegion",
    "LabelChange",
    "Pose",
    "Project",
    "ProjectError",
    "Provenance",
    "Visibility",
]

"""File menu: open, copy, import, export."""

from __future__ import annotations

from app.ui.actions.conditions import activation_map, open_video
from app.ui.actions.spec import Action

__all__ = ["ACTIONS"]

ACTIONS = (
    Action("file.open", "Open…", "File", lambda w: w.files.ask_open(), icon="folder-open-outline",
           tip="Open a video or a project."),
    Action("file.open_folder", "Open folder of pictures…", "File", lambda w: w.files.ask_folder(),
           icon="image-multiple-outline"),
    # The submenu of recent files is filled by the window; this entry gives it its place.
    Action("file.sample", "Open the sample video", "File", lambda w: w.files.open_sample(), icon="movie-play-outline",
           tip="A man on a wall and passers-by, 230 frames; fetched once and kept."),
    Action("file.close", "Close", "File", lambda w: w.session.close_project(), open_video),
    Action("file.save", "Save", "File", lambda w: w.files.say_saved(), open_video, icon="content-save-outline", group=1,
           tip="There is nothing to do: every edit is written as it happens."),
    Action("file.save_copy", "Save a copy as…", "File", lambda w: w.files.ask_copy(), open_video, group=1),
    Action("file.import", "Import PoseTrack 2018…", "File", lambda w: w.files.ask_import(), open_video,
           icon="file-import-outline", group=2, tip="Read a PoseTrack 2018 file as annotations or as predictions."),
    Action("file.export", "Export PoseTrack 2018…", "File", lambda w: w.files.ask_export(), open_video,
           icon="file-export-outline", group=2, tip="Write a file that PoseTrack's evaluators accept, and check it."),
    Action("file.save_map", "Save the activation map…", "File", lambda w: w.files.ask_map(), activation_map, group=2,
           tip="What the activation panel shows, as a picture of its frames or as numbers (npz)."),
    Action("file.quit", "Quit", "File", lambda w: w.close(), group=3),
)  # fmt: skip

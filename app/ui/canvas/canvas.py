"""The canvas: frame, people and overlays under one camera, and what gestures and tools ask of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.labels import edits
from app.labels.changes import Edit, ProjectError
from app.labels.making import people_words
from app.labels.pose import Pose, Visibility
from app.ui import theme
from app.ui.canvas import adorning
from app.ui.canvas.adorner_item import AdornerItem, Adornments
from app.ui.canvas.candidates import Candidates
from app.ui.canvas.hand import Hand
from app.ui.canvas.handles import Handles, make_handles
from app.ui.canvas.hit_test import Hit, hit
from app.ui.canvas.overlay_layer import OverlayLayer
from app.ui.canvas.overlays import Overlays
from app.ui.canvas.people_item import PeopleItem
from app.ui.canvas.picture_item import PictureItem
from app.ui.canvas.preview import Previews
from app.ui.canvas.regions import Regions, RegionsItem
from app.ui.canvas.reveal import bring_into_sight
from app.ui.canvas.scene import ShownPerson, extent, show
from app.ui.canvas.strip import ActionStrip
from app.ui.canvas.tools.gesture import Gesture, MakeEdit
from app.ui.canvas.tools.tool import AddPerson, Tool
from app.ui.canvas.view import CanvasView
from app.ui.canvas.words import person_label, short_label
from app.ui.session import Session
from glsmamba.data.records import Box


class Canvas(QWidget):
    """Shows the session's frame and people and lets the mouse change them.

    Left: select, drag a joint, a handle, or the ground (pan); Ctrl+click and Shift+click select more, Shift+drag the joints in
    a rectangle; Alt+drag or Ctrl+drag moves whole people, with the wheel turns what is selected, with Shift too scales it;
    double-click accepts a prediction; right-click on a joint cycles its visibility; the wheel zooms where the pointer is; the
    middle button or Space and drag pan. While a :class:`Tool` is in use, presses are the tool's.

    Attributes:
        view: what shows frame pixels on the screen.
        hand: the mouse and the keys here, with the tool in use.
        overlays: heat maps and activation maps over the frame.
        regions, candidates: ignore regions and candidate peaks as they are shown.

    Signals:
        pointer_changed: (x, y) frame pixels under the pointer, or None.
        zoom_changed: screen pixels (logical) per frame pixel.
        tool_changed: the tool in use, or None.
        said: something to say that matters only now.
        space_tapped: Space was pressed and let go, with nothing panned meanwhile.
    """

    pointer_changed = Signal(object)
    zoom_changed = Signal(float)
    tool_changed = Signal(object)
    said = Signal(str)
    space_tapped = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.setMinimumSize(240, 140)
        self.setAccessibleName("Canvas")
        self.view = CanvasView(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        self.setFocusProxy(self.view)

        self._shown_frame = 0
        self._people_cache: list[ShownPerson] | None = None
        self._reveal: tuple[int, int] | None = None
        self._previews = Previews()
        self._proposed: int | None = None
        self._ids: Callable[[int], Mapping[int, str]] | None = None
        self._becoming: Mapping[int, str] | None = None
        self.regions: Regions = Regions(self)
        maps = Overlays()
        self.overlays: OverlayLayer = OverlayLayer(self, maps)
        self.candidates: Candidates = Candidates(self, maps)

        self._picture = PictureItem()
        self._people_item = PeopleItem(
            self.people,
            lambda: session.skeleton,
            lambda: session.display,
            lambda: session.selection.tracks,
            self.label,
            self.camera,
        )
        self._adorner_item = AdornerItem(self.adornments, self.camera, self._picture)
        items: tuple[Any, ...] = (
            self._picture,
            *self.overlays.items,
            RegionsItem(self),
            self._people_item,
            self._adorner_item,
        )
        for z, item in enumerate(items):
            item.setZValue(z)
            self.view.add(item)
        self.strip = ActionStrip(self, self.accept_selected, self.swap_selected, self.delete_selected)

        self.hand: Hand = Hand(self)
        self.view.camera_changed.connect(self._camera_changed)
        session.prepare_picture = self._picture.prepare
        session.video_opened.connect(self._video_opened)
        session.picture_ready.connect(self._picture_ready)
        session.labels_changed.connect(self._labels_changed)
        session.selection_changed.connect(self._selection_changed)
        session.display_changed.connect(self._shown_anew)
        theme.theme().changed.connect(self._shown_anew)
        session.playing_changed.connect(lambda _playing: self.place_strip())
        session.preview_ready.connect(self._preview_ready)
        session.reveal_wanted.connect(self._reveal_wanted)
        if session.video is not None:
            self._video_opened(session.video)
        if session.picture is not None:
            self._picture_ready(*session.picture)

    # ---- verbs ---------------------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Show the whole picture."""
        self.view.fit()

    def zoom(self, factor: float) -> None:
        """Zoom by a factor, at the pointer if it is over the canvas, else at the middle."""
        self.view.zoom_at(factor, self.hand.pointer)

    def zoom_to_selected(self) -> None:
        """Fill the window with the selected person."""
        pose = self.pose(self.session.selected_track) if self.session.selected_track is not None else None
        if pose is not None and (rect := extent(pose)) is not None:
            self.view.show_rect(*rect)

    def start_adding(self) -> None:
        """The next drag draws the box of a new person."""
        self.use(AddPerson(self))

    def use(self, tool: Tool) -> None:
        """Take up a tool; one that is in use is put away."""
        self.hand.use(tool)

    def leave_tool(self) -> None:
        """Put the tool away."""
        self.hand.leave_tool()

    def cancel(self) -> bool:
        """Put back what is being dragged, or leave the tool. False if there was nothing to cancel."""
        return self.hand.cancel()

    @property
    def tool(self) -> Tool | None:
        """The tool in use."""
        return self.hand.tool

    @property
    def gesture(self) -> Gesture | None:
        """What the hand is doing between press and release."""
        return self.hand.gesture

    @property
    def pointer(self) -> np.ndarray | None:
        """(2,) screen pixels of the pointer, or None while it is elsewhere."""
        return self.hand.pointer

    @property
    def hovered(self) -> Hit | None:
        """What a press would act on."""
        return self.hand.hovered

    @property
    def dragging(self) -> bool:
        """True between press and release."""
        return self.hand.gesture is not None

    def accept_selected(self) -> None:
        """Accept the poses of the selected people."""
        self.edit_people(edits.accept_pose, "Accept {}")

    def swap_selected(self) -> None:
        """Swap left and right of the selected people."""
        self.edit_people(edits.swap_sides, "Swap left and right of {}")

    def delete_selected(self) -> None:
        """Delete the selected people in this frame."""
        self.edit_people(edits.delete_pose, f"Delete {{}} in frame {self._shown_frame}")

    # ---- what is shown -------------------------------------------------------------------------------------------------

    @property
    def shown_frame(self) -> int:
        """The frame whose picture is on screen."""
        return self._shown_frame

    def poses(self) -> Mapping[int, Pose]:
        """Poses of the shown frame, with what is being dragged or written as it will be."""
        return self._previews.over(self.session.poses(self._shown_frame), self._shown_frame)

    def pose(self, track: int) -> Pose | None:
        """The pose of a track as shown, or None."""
        return self.poses().get(track)

    def people(self) -> list[ShownPerson]:
        """People of the shown frame in screen pixels."""
        if self._people_cache is None:
            poses = {} if self._picture.picture is None else self.poses()
            session = self.session
            self._people_cache = show(poses, *self.camera(), session.display, session.selection.tracks, session.is_locked)
        return self._people_cache

    def to_frame(self, at: np.ndarray) -> np.ndarray:
        """Screen pixels of the view to frame pixels."""
        return self.view.to_frame(at)

    def to_screen(self, xy: np.ndarray) -> np.ndarray:
        """Frame pixels to screen pixels of the view."""
        return self.view.to_screen(xy)

    @property
    def hover_text(self) -> str:
        """What is announced at the pointer, "" where nothing is."""
        return " · ".join(adorning.hover_lines(self))

    @property
    def has_picture(self) -> bool:
        """True while a frame, or the first picture of a video that is being opened, is shown."""
        return self._picture.picture is not None

    def changed(self) -> None:
        """Draw again: poses, selection or camera changed."""
        self._people_cache = self._becoming = None
        self.view.viewport().update()

    def camera(self) -> tuple[float, np.ndarray]:
        """Screen pixels per frame pixel, and (2,) view coordinates of the screen's corner."""
        return self.view.camera_scale, self.view.origin

    def as_shown(self, dragged: bool = True) -> Any:
        """The project with what is being written, and dragged, done already: to read from, not to write to."""
        return self._previews.project(self.session.project, dragged)

    def handles(self) -> Handles | None:
        """What can be grabbed of the selection beside its joints."""
        return make_handles(self)

    def adornments(self) -> Adornments:
        """What is drawn above the people just now."""
        return adorning.adornments(self)

    # ---- what gestures ask for (tools.Host) ----------------------------------------------------------------------------

    def preview(self, make: MakeEdit | None) -> None:
        """Show what an edit would do."""
        if make is None or self.session.project is None:
            self._previews.drag = None
        else:
            try:
                self._previews.show_drag(make(self._previews.project(self.session.project)), self._shown_frame)
            except ProjectError:  # the person went away under the hand; labels_changed is on its way and ends the gesture
                self._previews.drag = None
        self.changed()

    def commit(self, make: MakeEdit | Edit, done: Callable[[], None] | None = None) -> None:
        """Write an edit; its effect stays on screen meanwhile. ``done`` is called once it is on the disk."""
        session, project = self.session, self.session.project
        if project is None:
            return
        try:
            edit = make(self._previews.project(project)) if callable(make) else make
        except ProjectError as error:
            session.tell(str(error), "warning")
            return
        if not edit:
            return
        if (locked := next((c.track for c in edit.changes if session.is_locked(c.track)), None)) is not None:
            self.say(session.locked_words(locked))
            return
        token = self._previews.waiting(edit)
        self.changed()

        def written() -> None:
            self._written(token)
            if done is not None:
                done()

        session.apply(make, written)

    def say(self, text: str) -> None:
        """Say something that matters only now."""
        self.said.emit(text)

    def pan_view(self, dx: float, dy: float) -> None:
        """Move the picture."""
        self.view.pan(dx, dy)

    def add_person(self, box: Box) -> None:
        """Write a new person, select it, ask for its prediction."""
        session, frame = self.session, self._shown_frame
        if session.project is None:
            return
        edit, track = edits.add_person(session.project, frame, box)
        self.leave_tool()
        session.select(track)
        self.commit(edit, lambda: session.model.request_prediction(frame, track))

    def show_proposed(self, edit: Edit | None) -> None:
        """Draw people as they would be after an edit that is proposed, in all its frames; None: as they are."""
        if self._proposed is not None:
            self._previews.drop(self._proposed)
        self._proposed = None if not edit else self._previews.waiting(edit)
        self.changed()

    def show_ids(self, becomes: Callable[[int], Mapping[int, str]] | None) -> None:
        """Say over people who they are proposed to be: frame -> track -> name, "" where a pose would be left out."""
        self._ids = becomes
        self.changed()

    def _written(self, token: int) -> None:
        self._previews.drop(token)
        self._labels_changed(None)

    def edit_people(self, make: Callable[[Any, int, int], Edit], title: str) -> None:
        """Write ``make(project, frame, track)`` of all selected people who are here as one edit.

        ``title`` names the edit of several people, with "{}" for who.
        """
        frame = self._shown_frame
        tracks = [track for track in self.session.selection.tracks if track in self.poses()]

        def all_of_them(project: Any) -> Edit:
            made = [make(project, frame, track) for track in tracks]
            return made[0] if len(made) == 1 else Edit.joined(title.format(people_words(project, tracks)), made)

        if tracks:
            self.commit(all_of_them)

    # ---- under the pointer ---------------------------------------------------------------------------------------------

    def hit_at(self, at: np.ndarray) -> Hit | None:
        """What a press at a place of the screen acts on."""
        session, handles = self.session, self.handles()
        display = session.display
        boxes = handles is not None and handles.box is not None
        people, skeleton = self.people(), session.skeleton
        found = hit(people, skeleton, *self.camera(), at, session.selected_track, display.show_skeletons, boxes)
        grip = None if handles is None else handles.hit(at, *self.camera())
        if grip is not None and (found is None or found.kind not in ("joint", "handle") or grip.distance < found.distance):
            return grip
        return found

    def around(self, at: np.ndarray) -> set[int]:
        """Tracks of the people whose rectangle holds a place of the screen."""
        return {p.track for p in self.people() if p.rect[0] <= at[0] <= p.rect[2] and p.rect[1] <= at[1] <= p.rect[3]}

    def joint_to_place(self) -> int | None:
        """A selected joint of the selected person that has no position yet: the next click gives it one."""
        session = self.session
        if session.selected_joint is None or session.selected_track is None or len(session.selection.joints) > 1:
            return None
        pose = self.pose(session.selected_track)
        if pose is None or pose.visibility[session.selected_joint] != Visibility.ABSENT:
            return None
        return None if (pose.keypoints[session.selected_joint] != 0).any() else session.selected_joint

    def label(self, person: ShownPerson) -> tuple[str, str]:
        """What is written over a person, and what where there is no room for that."""
        if self._becoming is None:
            self._becoming = {} if self._ids is None else self._ids(self._shown_frame)
        becomes = self._becoming.get(person.track)
        return person_label(person, self.session.track_name(person.track), becomes), short_label(person, becomes)

    # ---- the session tells ---------------------------------------------------------------------------------------------

    def _video_opened(self, video: Any) -> None:
        self.cancel()
        self.leave_tool()
        self._previews.clear()
        self.overlays.clear()
        self.regions.reload()
        self.hand.hovered = None
        self._picture.set_picture(None)
        if video is not None:
            self.view.set_picture_size(video.width, video.height)
            self.view.fit()
        self.overlays.update()
        self.place_strip()
        self.changed()

    def _preview_ready(self, picture: np.ndarray) -> None:
        """The first picture of a video that is still being indexed: to look at only."""
        if self.session.video is None:
            self.view.set_picture_size(picture.shape[1], picture.shape[0])
            self._picture.set_picture(picture)
            self.changed()

    def _picture_ready(self, frame: int, picture: np.ndarray) -> None:
        if frame != self._shown_frame:
            self.hand.other_frame()
        self._shown_frame = frame
        self.view.set_picture_size(picture.shape[1], picture.shape[0])
        self._picture.set_picture(picture)
        self.changed()
        self._reveal_now()
        self._shown_anew()

    def _reveal_wanted(self, frame: int, track: int) -> None:
        self._reveal = (frame, track)
        self._reveal_now()

    def _reveal_now(self) -> None:
        if self._reveal is None or self._reveal[0] != self._shown_frame:
            return
        track, self._reveal = self._reveal[1], None
        pose, joint = self.pose(track), self.session.selected_joint
        if pose is not None:
            bring_into_sight(self.view, pose, joint if self.session.selected_track == track else None)

    def _labels_changed(self, change: Any) -> None:
        if change is not None and change.reason != "prediction":
            self.regions.reload()
        if change is not None and change.frames is None:
            self._previews.clear()
        if change is None or change.frames is None or self._shown_frame in change.frames:
            self.changed()
            there = self._previews.project(self.session.project).poses(self._shown_frame) if self.session.project else {}
            self.hand.people_changed(set(there))
            if self.hand.tool is not None:
                self.hand.tool.refresh()
            self.hand.refresh_hover()
            self.place_strip()

    def _selection_changed(self) -> None:
        self.hand.wheel.finish()
        self._shown_anew()

    def _shown_anew(self) -> None:
        """Frame, selection or display options are others now."""
        self.changed()
        if self.hand.tool is not None:
            self.hand.tool.refresh()
        self.overlays.update()
        self.hand.refresh_hover()
        self.place_strip()

    def _camera_changed(self) -> None:
        self._people_cache = None
        self.zoom_changed.emit(self.view.camera_scale)
        self.hand.refresh_hover()
        self.place_strip()
        self.view.viewport().update()

    def place_strip(self) -> None:
        """Put the strip of buttons beside the selected person, or away where it would be in the way."""
        session = self.session
        person = None
        if not session.playing and self.hand.tool is None and not self.hand.shapes:
            person = next((p for p in self.people() if p.track == session.selected_track and not p.locked), None)
        self.strip.follow(person)

    def resizeEvent(self, event: Any) -> None:  # noqa: D102
        super().resizeEvent(event)
        self.overlays.place_legend()
        self.place_strip()

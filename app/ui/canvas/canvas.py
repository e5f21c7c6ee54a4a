"""The canvas: frame, people and overlays under one camera, and the hand that changes them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.labels import edits
from app.labels.changes import ProjectError
from app.labels.pose import Pose, Visibility
from app.ui.actions.keymap import key_text
from app.ui.canvas import colours
from app.ui.canvas.adorner_item import AdornerItem, Adornments
from app.ui.canvas.hit_test import Hit, hit
from app.ui.canvas.legend import Legend
from app.ui.canvas.overlay_item import OverlayItem
from app.ui.canvas.overlays import Overlays
from app.ui.canvas.people_item import PeopleItem
from app.ui.canvas.picture_item import PictureItem
from app.ui.canvas.preview import Previews
from app.ui.canvas.scene import FIRM, JOINT_RADIUS, ShownPerson, box_on_screen, extent, head_size, show
from app.ui.canvas.strip import ActionStrip
from app.ui.canvas.tools import DrawPerson, Gesture, MakeEdit, MoveBox, MoveJoint, MovePose, Pan, PlaceJoint, handle_cursor
from app.ui.canvas.view import CanvasView
from app.ui.canvas.words import joint_lines, person_label
from app.ui.session import Session
from glsmamba.data.records import Box
from glsmamba.data.skeletons import joint_words

_DRAG_HEATMAP = 0.35
#: No hand lets a key go and presses it again in so few seconds.
_REPEAT_SECONDS = 0.05


class Canvas(QWidget):
    """Shows the session's frame and people and lets the mouse change them.

    Left: select, drag a joint, a box handle, or the ground (pan); Alt+drag or Ctrl+drag moves the whole person; double-click
    accepts a prediction; right-click on a joint cycles its visibility; the wheel zooms where the pointer is; middle button or
    Space and drag pan.

    Signals:
        pointer_changed: (x, y) frame pixels under the pointer, or None.
        zoom_changed: screen pixels (logical) per frame pixel.
        adding_changed: True while the next drag draws a new person's box.
    """

    pointer_changed = Signal(object)
    zoom_changed = Signal(float)
    adding_changed = Signal(bool)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.setMinimumSize(240, 160)
        self.setAccessibleName("Canvas")
        self.view = CanvasView(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        self.setFocusProxy(self.view)

        self._shown_frame = 0
        self._people_cache: list[ShownPerson] | None = None
        self._gesture: Gesture | None = None
        self._hit: Hit | None = None
        self._pointer: np.ndarray | None = None
        self._adding = False
        self._reveal: tuple[int, int] | None = None
        self._space = False
        self._space_used = False
        self._space_up = 0.0
        self._previews = Previews()
        self._overlays = Overlays()

        self._picture = PictureItem()
        self._activation_item, self._heatmap_item = OverlayItem(), OverlayItem()
        self._people_item = PeopleItem(
            self.people,
            lambda: session.skeleton,
            lambda: session.display,
            lambda: session.selected_track,
            self._label,
            self._camera,
        )
        self._adorner_item = AdornerItem(self.adornments, self._camera, self._picture)
        items: tuple[Any, ...] = (
            self._picture,
            self._activation_item,
            self._heatmap_item,
            self._people_item,
            self._adorner_item,
        )
        for z, item in enumerate(items):
            item.setZValue(z)
            self.view.add(item)
        self.strip = ActionStrip(self, self.accept_selected, self.swap_selected, self.delete_selected)
        self.legend = Legend(self)

        self._wish = QTimer(self)
        self._wish.setSingleShot(True)
        self._wish.setInterval(120)
        self._wish.timeout.connect(self._request_heatmaps)

        view = self.view
        view.pressed.connect(self._pressed)
        view.moved.connect(self._moved)
        view.released.connect(self._released)
        view.double_clicked.connect(self._double_clicked)
        view.left.connect(self._left)
        view.camera_changed.connect(self._camera_changed)
        view.installEventFilter(self)
        session.prepare_picture = self._picture.prepare
        session.video_opened.connect(self._video_opened)
        session.picture_ready.connect(self._picture_ready)
        session.labels_changed.connect(self._labels_changed)
        session.selection_changed.connect(self._selection_changed)
        session.display_changed.connect(self._display_changed)
        session.playing_changed.connect(lambda _playing: self._place_strip())
        session.heatmap_ready.connect(self._heatmap_ready)
        session.activation_ready.connect(self._activation_ready)
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
        self.view.zoom_at(factor, self._pointer)

    def zoom_to_selected(self) -> None:
        """Fill the window with the selected person."""
        pose = self.pose(self.session.selected_track) if self.session.selected_track is not None else None
        if pose is not None and (rect := extent(pose)) is not None:
            self.view.show_rect(*rect)

    def start_adding(self) -> None:
        """The next drag draws the box of a new person."""
        if self.session.project is not None and not self._adding:
            self._adding = True
            self.view.setFocus()  # so that Esc leaves the tool
            self.adding_changed.emit(True)
            self._refresh_hover()

    def set_keys(self, keymap: Mapping[str, tuple[str, ...]]) -> None:
        """Name the keys of actions (action id to keys, as the key map has them) where the canvas offers the same by mouse."""
        first = {action: key_text(keys[0]) for action, keys in keymap.items() if keys}
        self.strip.set_keys(*(first.get(f"people.{name}", "") for name in ("accept", "swap_sides", "delete")))

    def cancel(self) -> bool:
        """Put back what is being dragged, or leave the tool. False if there was nothing to cancel."""
        if self._gesture is not None:
            self._gesture.cancel()
            self._gesture = None
            self._end_gesture()
            return True
        if self._adding:
            self._stop_adding()
            return True
        return False

    @property
    def adding(self) -> bool:
        """True while the next drag draws a new person's box."""
        return self._adding

    @property
    def dragging(self) -> bool:
        """True between press and release."""
        return self._gesture is not None

    def accept_selected(self) -> None:
        """Accept the selected person's pose."""
        self._edit_selected(edits.accept_pose)

    def swap_selected(self) -> None:
        """Swap left and right of the selected person."""
        self._edit_selected(edits.swap_sides)

    def delete_selected(self) -> None:
        """Delete the selected person in this frame."""
        self._edit_selected(edits.delete_pose)

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
            self._people_cache = show(poses, *self._camera(), self.session.display)
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
        return " · ".join(self._hover_lines())

    def changed(self) -> None:
        """Draw again: poses, selection or camera changed."""
        self._people_cache = None
        self.view.viewport().update()

    def _camera(self) -> tuple[float, np.ndarray]:
        return self.view.camera_scale, self.view.origin

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

    def commit(self, make: MakeEdit) -> None:
        """Write an edit; its effect stays on screen meanwhile."""
        project = self.session.project
        if project is None:
            return
        try:
            edit = make(self._previews.project(project))
        except ProjectError as error:
            self.session.tell(str(error), "error")
            return
        if not edit:
            return
        token = self._previews.waiting(edit)
        self.changed()
        self.session.apply(make, lambda: self._written(token))

    def pan_view(self, dx: float, dy: float) -> None:
        """Move the picture."""
        self.view.pan(dx, dy)

    def add_person(self, box: Box) -> None:
        """Write a new person, select it, ask for its prediction."""
        session, frame = self.session, self._shown_frame
        if session.project is None:
            return
        edit, track = edits.add_person(session.project, frame, box)
        token = self._previews.waiting(edit)
        self._stop_adding()

        def done() -> None:
            self._written(token)
            session.request_prediction(frame, track)

        session.select(track)
        session.apply(edit, done)

    def _written(self, token: int) -> None:
        self._previews.drop(token)
        self._labels_changed(None)

    def _edit_selected(self, make: Any) -> None:
        frame, track = self._shown_frame, self.session.selected_track
        if track is not None and track in self.poses():
            self.commit(lambda project: make(project, frame, track))

    def _stop_adding(self) -> None:
        self._adding = False
        self.adding_changed.emit(False)
        self._refresh_hover()

    # ---- mouse and keys ------------------------------------------------------------------------------------------------

    def _pressed(self, event: QMouseEvent) -> None:
        at = self._track(event)
        if self._gesture is not None:
            return
        button = event.button()
        if button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and self._space):
            self._space_used = True
            self._begin(Pan(self, at))
        elif self._picture.picture is None or self.session.project is None:
            return
        elif button == Qt.MouseButton.LeftButton:
            self._begin(self._gesture_at(at, event.modifiers()))
        elif button == Qt.MouseButton.RightButton:
            self._cycle_visibility(self._hit_at(at))

    def _gesture_at(self, at: np.ndarray, keys: Qt.KeyboardModifier) -> Gesture:
        session = self.session
        if self._adding:
            return DrawPerson(self, at)
        if (joint := self._joint_to_place()) is not None and session.selected_track is not None:
            return PlaceJoint(self, at, session.selected_track, joint)
        found = self._hit_at(at)
        # Ctrl does what Alt does: many window managers keep Alt+drag for moving windows, and it never comes here.
        whole = bool(keys & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ControlModifier))
        if found is None:
            return Pan(self, at, lambda: session.select(None))
        if whole and found.kind != "handle":
            track = found.track
            chosen = session.selected_track
            if found.kind == "inside" and chosen is not None and chosen in self._around(at):
                track = chosen  # in a crowd the selected person is meant
            session.select(track, found.joint)
            return MovePose(self, at, track)
        if found.kind == "joint" and found.joint is not None:
            session.select(found.track, found.joint)
            return MoveJoint(self, at, found.track, found.joint)
        if found.kind in ("handle", "border"):
            return MoveBox(self, at, found.track, found.handle)
        if found.kind == "bone":
            session.select(found.track)
        return Pan(self, at, lambda: session.select(found.track))

    def _begin(self, gesture: Gesture) -> None:
        self._gesture = gesture
        self._hit = None
        if isinstance(gesture, MoveJoint):
            self._wish_for_heatmaps(dragging=True)
            if isinstance(gesture, PlaceJoint):
                gesture.dragged(Qt.KeyboardModifier.NoModifier)
        self._update_cursor()
        self._place_strip()
        self.changed()

    def _moved(self, event: QMouseEvent) -> None:
        at = self._track(event)
        if self._gesture is not None:
            self._gesture.move(at, event.modifiers())
            self._update_cursor()
            if self._gesture.moved:
                self._place_strip()
                self._update_overlays()
        else:
            self._refresh_hover()

    def _released(self, event: QMouseEvent) -> None:
        at = self._track(event)
        gesture = self._gesture
        if gesture is None or event.buttons() & (Qt.MouseButton.LeftButton | Qt.MouseButton.MiddleButton):
            return
        self._gesture = None
        gesture.release(at, event.modifiers())
        self._end_gesture()

    def _end_gesture(self) -> None:
        self._update_overlays()
        self._refresh_hover()
        self._place_strip()
        self.changed()

    def _double_clicked(self, event: QMouseEvent) -> None:
        at = self._track(event)
        if event.button() != Qt.MouseButton.LeftButton or self._picture.picture is None:
            return
        found = self._hit_at(at)
        if found is not None and found.kind in ("joint", "bone", "inside"):
            pose = self.pose(found.track)
            if pose is not None and not pose.accepted and (pose.visibility != Visibility.ABSENT).any():
                self.session.select(found.track, found.joint)
                frame, track = self._shown_frame, found.track
                self.commit(lambda project: edits.accept_pose(project, frame, track))

    def _cycle_visibility(self, found: Hit | None) -> None:
        if found is None or found.kind != "joint" or found.joint is None:
            return
        self.session.select(found.track, found.joint)
        frame, track, joint = self._shown_frame, found.track, found.joint
        self.commit(lambda project: edits.cycle_visibility(project, frame, track, joint))

    def _left(self) -> None:
        if self._gesture is None:
            self._pointer = None
            self._hit = None
            self.session.hover(None)
            self.pointer_changed.emit(None)
            self.changed()

    def _track(self, event: QMouseEvent) -> np.ndarray:
        point = event.position()
        self._pointer = np.array([point.x(), point.y()])
        if self._picture.picture is not None:
            x, y = self.to_frame(self._pointer)
            self.pointer_changed.emit((float(x), float(y)))
        return self._pointer

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Space held with the canvas in focus pans; tapped, it plays. Esc ends a drag or a tool before anything else."""
        kind = event.type()
        busy = self._gesture is not None or self._adding
        if kind == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Escape and busy:
                event.accept()
                return True
            if event.key() == Qt.Key.Key_Space and not event.modifiers() and self.session.video is not None:
                event.accept()
                return True
        elif kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Escape and kind == QEvent.Type.KeyPress and busy:
                self.cancel()
                return True
            if event.key() == Qt.Key.Key_Space and self.session.video is not None:
                if not event.isAutoRepeat():
                    self._space_key(kind == QEvent.Type.KeyPress)
                return True
        elif kind == QEvent.Type.FocusOut:
            self._space = False
            self._update_cursor()
        return super().eventFilter(watched, event)

    def _space_key(self, down: bool) -> None:
        now = time.monotonic()
        if down:
            # X11 now and then passes the keyboard's repeat on as letting go and pressing again: that is still the same press.
            same = now - self._space_up < _REPEAT_SECONDS or self._gesture is not None
            self._space, self._space_used = True, self._space_used and same
        elif self._space:
            self._space, self._space_up = False, now
            if not self._space_used:
                self.session.toggle_play()
        self._update_cursor()

    # ---- under the pointer ---------------------------------------------------------------------------------------------

    def _hit_at(self, at: np.ndarray) -> Hit | None:
        session = self.session
        display = session.display
        people, skeleton, chosen = self.people(), session.skeleton, session.selected_track
        return hit(people, skeleton, *self._camera(), at, chosen, display.show_skeletons, display.show_boxes)

    def _around(self, at: np.ndarray) -> set[int | None]:
        return {p.track for p in self.people() if p.rect[0] <= at[0] <= p.rect[2] and p.rect[1] <= at[1] <= p.rect[3]}

    def _refresh_hover(self) -> None:
        if self._gesture is None:
            found = None
            if self._pointer is not None and self._picture.picture is not None and not self._adding:
                found = self._hit_at(self._pointer)
            changed = found != self._hit
            self._hit = found
            self.session.hover(None if found is None else found.track, None if found is None else found.joint)
            self._update_cursor()
            if changed or found is not None or self._adding or self._joint_to_place() is not None:
                self.view.viewport().update()

    def _joint_to_place(self) -> int | None:
        """A selected joint of the selected person that has no position yet: the next click gives it one."""
        session = self.session
        if session.selected_joint is None or session.selected_track is None:
            return None
        pose = self.pose(session.selected_track)
        if pose is None or pose.visibility[session.selected_joint] != Visibility.ABSENT:
            return None
        return None if (pose.keypoints[session.selected_joint] != 0).any() else session.selected_joint

    def _update_cursor(self) -> None:
        gesture = self._gesture
        if gesture is not None:
            cursor = gesture.cursor if gesture.moved or isinstance(gesture, DrawPerson) else Qt.CursorShape.ArrowCursor
        elif self._space:
            cursor = Qt.CursorShape.OpenHandCursor
        elif self._adding or self._joint_to_place() is not None:
            cursor = Qt.CursorShape.CrossCursor
        elif self._hit is not None and self._hit.kind in ("handle", "border"):
            cursor = handle_cursor(self._hit.handle)
        elif self._hit is not None and self._hit.kind in ("joint", "bone"):
            cursor = Qt.CursorShape.PointingHandCursor
        else:
            cursor = Qt.CursorShape.ArrowCursor
        if self.view.viewport().cursor().shape() != cursor:
            self.view.viewport().setCursor(cursor)

    def _hover_lines(self) -> tuple[str, ...]:
        session = self.session
        skeleton = session.skeleton
        if self._gesture is not None:
            if isinstance(self._gesture, MovePose):
                return ("move the person",)
            return ()
        if self._adding:
            return ("draw a box around the new person", "Esc leaves the tool")
        if (joint := self._joint_to_place()) is not None:
            return (f"click to place: {joint_words(skeleton.joints[joint])}",)
        found = self._hit
        if found is None:
            return ()
        person = next((p for p in self.people() if p.track == found.track), None)
        if person is None:
            return ()
        if found.kind == "joint" and found.joint is not None:
            return joint_lines(person, found.joint, skeleton, session.track_name(person.track))
        return ()

    def _label(self, person: ShownPerson) -> str:
        return person_label(person, self.session.track_name(person.track))

    def adornments(self) -> Adornments:
        """What is drawn above the people just now."""
        out = Adornments()
        session, gesture, people = self.session, self._gesture, self.people()
        chosen = next((p for p in people if p.track == session.selected_track), None)
        drawing = self._adding or isinstance(gesture, (MoveJoint, DrawPerson))
        boxed = session.display.show_boxes and not drawing and not session.playing
        if chosen is not None and chosen.pose.box is not None and boxed:
            out.box = box_on_screen(chosen.pose.box, *self._camera())
        if chosen is not None and session.selected_joint is not None and not drawing and chosen.placed[session.selected_joint]:
            x, y = chosen.screen[session.selected_joint]
            out.selected_joint = (x, y, JOINT_RADIUS * chosen.size + 4.5)
        if isinstance(gesture, MoveJoint) and gesture.moved and chosen is not None:
            joint = chosen.screen[gesture.joint]
            table = colours.joint_colours(chosen.pose, session.skeleton, chosen.track, session.display.colour_mode)
            out.loupe, out.loupe_at = chosen.pose.keypoints[gesture.joint], joint
            out.loupe_colour = QColor(*table[gesture.joint])
            head = head_size(chosen.pose, session.skeleton)
            if head is not None:
                out.yardstick = (float(joint[0]), float(joint[1]), 0.5 * head * self.view.camera_scale)
        elif isinstance(gesture, DrawPerson) and gesture.moved:
            out.rubber = np.concatenate([gesture.start, gesture.at])
        elif gesture is None and self._pointer is not None:
            if self._adding:
                out.cross = self._pointer
            hovered = next((p for p in people if self._hit is not None and p.track == self._hit.track), None)
            if hovered is not None and self._hit is not None and self._hit.joint is not None:
                x, y = hovered.screen[self._hit.joint]
                out.ring = (x, y, JOINT_RADIUS * hovered.size + 3.5)
                table = colours.joint_colours(hovered.pose, session.skeleton, hovered.track, session.display.colour_mode)
                out.ring_colour = QColor(*table[self._hit.joint])
        if self._pointer is not None:
            out.text, out.text_at = self._hover_lines(), (self._pointer[0], self._pointer[1])
        return out

    # ---- the session tells ---------------------------------------------------------------------------------------------

    def _video_opened(self, video: Any) -> None:
        self.cancel()
        self._previews.clear()
        self._overlays.clear()
        self._hit = None
        self._picture.set_picture(None)
        if video is not None:
            self.view.set_picture_size(video.width, video.height)
            self.view.fit()
        self._update_overlays()
        self._place_strip()
        self.changed()

    def _preview_ready(self, picture: np.ndarray) -> None:
        """The first picture of a video that is still being indexed: to look at only."""
        if self.session.video is None:
            self.view.set_picture_size(picture.shape[1], picture.shape[0])
            self._picture.set_picture(picture)
            self.changed()

    def _picture_ready(self, frame: int, picture: np.ndarray) -> None:
        if frame != self._shown_frame and self._gesture is not None and not isinstance(self._gesture, Pan):
            self.cancel()
        self._shown_frame = frame
        self.view.set_picture_size(picture.shape[1], picture.shape[0])
        self._picture.set_picture(picture)
        self.changed()
        self._reveal_now()
        self._update_overlays()
        self._refresh_hover()
        self._place_strip()

    def _reveal_wanted(self, frame: int, track: int) -> None:
        self._reveal = (frame, track)
        self._reveal_now()

    def _reveal_now(self) -> None:
        """Move a person that is wanted, or their selected joint, into the middle, unless in sight already."""
        if self._reveal is None or self._reveal[0] != self._shown_frame:
            return
        track, self._reveal = self._reveal[1], None
        pose, joint = self.pose(track), self.session.selected_joint
        box = None if pose is None else extent(pose)
        if pose is None or box is None:
            return
        if joint is not None and self.session.selected_track == track and pose.visibility[joint] != Visibility.ABSENT:
            box = (float(pose.keypoints[joint, 0]), float(pose.keypoints[joint, 1]), 0.0, 0.0)
        low, high = (self.to_screen(np.array(corner)) for corner in (box[:2], (box[0] + box[2], box[1] + box[3])))
        view = np.array([self.view.viewport().width(), self.view.viewport().height()])
        middle = (low + high) / 2
        in_sight = ((low >= 0) & (high <= view)) | ((high - low > view) & (middle >= 0) & (middle <= view))
        if not in_sight.all():
            self.view.pan(*(float(v) for v in np.where(in_sight, 0.0, view / 2 - middle)))

    def _labels_changed(self, change: Any) -> None:
        if change is not None and change.frames is None:
            self._previews.clear()
        if change is None or change.frames is None or self._shown_frame in change.frames:
            self.changed()
            there = self._previews.project(self.session.project).poses(self._shown_frame) if self.session.project else {}
            if isinstance(self._gesture, (MoveJoint, MovePose, MoveBox)) and self._gesture.track not in there:
                self.cancel()
            self._refresh_hover()
            self._place_strip()

    def _selection_changed(self) -> None:
        self.changed()
        self._update_overlays()
        self._refresh_hover()
        self._place_strip()

    def _display_changed(self) -> None:
        self.changed()
        self._update_overlays()
        self._refresh_hover()
        self._place_strip()

    def _camera_changed(self) -> None:
        self._people_cache = None
        self.zoom_changed.emit(self.view.camera_scale)
        self._refresh_hover()
        self._place_strip()
        self.view.viewport().update()

    def _heatmap_ready(self, result: Any) -> None:
        self._overlays.take_heatmaps(result)
        self._update_overlays()

    def _activation_ready(self, result: Any) -> None:
        self._overlays.take_activation(result)
        self._update_overlays()

    # ---- overlays and what floats --------------------------------------------------------------------------------------

    def _wish_for_heatmaps(self, dragging: bool = False) -> None:
        """Ask for heat maps once the hand rests; while dragging only if the model is at work anyway."""
        session = self.session
        wanted = session.display.heatmap_mode != "off" or (dragging and session.inference_status is not None)
        known = self._overlays.has_heatmaps(self._shown_frame, session.selected_track)
        if wanted and not known and session.selected_track is not None and not session.playing:
            self._wish.start()

    def _request_heatmaps(self) -> None:
        session = self.session
        if session.selected_track is not None and session.selected_track in self.poses() and not session.playing:
            session.request_heatmaps(self._shown_frame, session.selected_track)

    def _update_overlays(self) -> None:
        session = self.session
        display, skeleton = session.display, session.skeleton
        frame, track, joint = self._shown_frame, session.selected_track, session.selected_joint
        mode, opacity = display.heatmap_mode, display.heatmap_opacity
        gesture = self._gesture
        if isinstance(gesture, MoveJoint) and gesture.moved:
            mode, joint = "joint", gesture.joint
            opacity = min(opacity, _DRAG_HEATMAP)
        heatmap = self._overlays.heatmap(frame, track, joint, mode, skeleton)
        activation = self._overlays.activation(frame, track, display, skeleton)
        self._heatmap_item.set_map(heatmap, display.colormap, opacity)
        self._activation_item.set_map(activation, display.colormap, display.activation_opacity)
        legend = activation if activation is not None else heatmap if gesture is None else None
        self.legend.show_map(legend, display.colormap)
        self._place_legend()
        if heatmap is None and gesture is None:
            self._wish_for_heatmaps()

    def _place_legend(self) -> None:
        self.legend.move(12, self.height() - self.legend.height() - 12)

    def _place_strip(self) -> None:
        session = self.session
        person = None
        if not session.playing and not isinstance(self._gesture, (MoveJoint, MovePose, MoveBox, DrawPerson)):
            person = next((p for p in self.people() if p.track == session.selected_track), None)
        view = self.view.viewport().rect()
        if person is not None:
            left, top, right, bottom = person.rect
            if right < 0 or bottom < 0 or left > view.width() or top > view.height():
                person = None
        if person is None:
            self.strip.hide()
            return
        self.strip.accept_button.setEnabled(not (person.pose.accepted or (person.form == FIRM).all()))
        self.strip.place(person.rect)
        self.strip.show()

    def resizeEvent(self, event: Any) -> None:  # noqa: D102
        super().resizeEvent(event)
        self._place_legend()
        self._place_strip()

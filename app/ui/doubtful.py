"""From one doubtful place to the next: in order of doubt, back the same way, and never around the same spot again and again."""

from __future__ import annotations

from app.labels.lookout import NEAR, Place
from app.ui.session import Session

__all__ = ["Doubtful"]


class Doubtful:
    """Remembers where it led in this session, so that the next place is another one.

    Attributes:
        place: where it led last, or None.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._visited: list[Place] = []
        self._at = -1
        session.video_opened.connect(self._forget)

    @property
    def place(self) -> Place | None:
        """Where it led last, or None."""
        return self._visited[self._at] if 0 <= self._at < len(self._visited) else None

    def next(self) -> Place | None:
        """Go on: through what was visited after a step back, else to the most doubtful place that nobody has reviewed.

        Places near one that was visited, of the same person and joint, come after all others. None where nothing is left.
        """
        while self._at + 1 < len(self._visited):
            self._at += 1
            if self._open(self._visited[self._at]):
                return self._show()
        place = self._find()
        if place is None and self._visited:  # all were visited: those that are still not reviewed, from the start
            self._forget()
            place = self._find()
        if place is None:
            return None
        self._visited.append(place)
        self._at = len(self._visited) - 1
        return self._show()

    def previous(self) -> Place | None:
        """Back to where it led before; None at the beginning."""
        if self._at <= 0:
            return None
        self._at -= 1
        return self._show()

    def _find(self) -> Place | None:
        lookout = self._session.lookout
        if lookout is None:
            return None
        visited = {(place.frame, place.track) for place in self._visited}
        later = None
        for place in lookout.places():
            if (place.frame, place.track) in visited:
                continue
            if not any(self._near(place, other) for other in self._visited):
                return place
            later = later or place
        return later

    @staticmethod
    def _near(place: Place, other: Place) -> bool:
        same = place.track == other.track and place.joint == other.joint
        return same and abs(place.frame - other.frame) <= NEAR

    def _open(self, place: Place) -> bool:
        pose = self._session.poses(place.frame).get(place.track)
        return pose is not None and not pose.looked_at

    def _show(self) -> Place:
        place = self._visited[self._at]
        self._session.show_problem(place.frame, place.track, place.joint)
        return place

    def _forget(self, _video: object = None) -> None:
        self._visited, self._at = [], -1

"""What keys and hands act on: one person or several, one joint or several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Selection"]


@dataclass(frozen=True)
class Selection:
    """People and joints that are selected. Immutable: every change makes a new one.

    Attributes:
        track: the person that panels show, one of ``tracks``, or None.
        joint: the joint that panels show, or None.
        tracks: everybody who is selected, in the order in which they were.
        joints: (track, joint) of every selected joint; empty where whole people are meant.
        region: the selected ignore region, or None; nobody else is selected then.
    """

    track: int | None = None
    joint: int | None = None
    tracks: tuple[int, ...] = ()
    joints: frozenset[tuple[int, int]] = frozenset()
    region: int | None = None

    @staticmethod
    def of(track: int | None, joint: int | None = None) -> Selection:
        """One person, or one joint of a person; None selects nobody."""
        if track is None:
            return Selection()
        return Selection(track, joint, (track,), frozenset() if joint is None else frozenset({(track, joint)}))

    @staticmethod
    def people(tracks: Iterable[int]) -> Selection:
        """Several whole people; the first is the one that panels show."""
        tracks = tuple(dict.fromkeys(tracks))
        return Selection(tracks[0] if tracks else None, None, tracks)

    def with_joints(self, joints: Iterable[tuple[int, int]]) -> Selection:
        """These joints too, and their people."""
        joints = list(joints)
        if not joints:
            return self
        track, joint = (self.track, self.joint) if self.joint is not None else joints[0]
        return Selection(track, joint, tuple(dict.fromkeys((*self.tracks, *(t for t, _ in joints)))), self.joints | set(joints))

    def toggled(self, track: int, joint: int | None = None) -> Selection:
        """A person, or a joint, more or less."""
        if joint is not None and (track, joint) not in self.joints:
            more = self.with_joints([(track, joint)])
            return Selection(track, joint, more.tracks, more.joints)
        if joint is not None:
            return self._of(self.tracks, self.joints - {(track, joint)})
        if track in self.tracks:
            return self._of([t for t in self.tracks if t != track], [(t, j) for t, j in self.joints if t != track])
        return Selection(track, None, (*self.tracks, track), self.joints)

    @staticmethod
    def _of(tracks: Iterable[int], joints: Iterable[tuple[int, int]]) -> Selection:
        tracks, joints = tuple(tracks), frozenset(joints)
        if joints:
            return Selection(*max(joints), tracks, joints)
        return Selection(tracks[-1] if tracks else None, None, tracks)

    def joints_of(self, track: int) -> tuple[int, ...]:
        """Selected joints of a person, ascending."""
        return tuple(sorted(j for t, j in self.joints if t == track))

    @property
    def chosen(self) -> dict[int, tuple[int, ...] | None]:
        """Track id to selected joints; where no joint is selected at all, to None: the whole person."""
        if not self.joints:
            return dict.fromkeys(self.tracks)
        return {track: joints for track in self.tracks if (joints := self.joints_of(track))}

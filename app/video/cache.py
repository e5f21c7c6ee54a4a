"""A cache of pictures with a byte budget; the ones used longest ago go first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, Protocol, TypeVar


class HasBytes(Protocol):
    """Anything that knows its size in memory (an array, a decoded picture)."""

    @property
    def nbytes(self) -> int: ...  # noqa: D102


P = TypeVar("P", bound=HasBytes)


class FrameCache(Generic[P]):
    """Pictures by frame number and scale, safe to use from several threads.

    Args:
        byte_budget: what all pictures together may hold. A single picture above it is not kept.
    """

    def __init__(self, byte_budget: int = 256 << 20) -> None:
        self.byte_budget = byte_budget
        self._pictures: OrderedDict[tuple[int, float], P] = OrderedDict()
        self._nbytes = 0
        self._lock = threading.Lock()

    def get(self, index: int, scale: float = 1.0) -> P | None:
        """The picture, which thereby becomes the one used last; None if it is not kept."""
        with self._lock:
            picture = self._pictures.get((index, scale))
            if picture is not None:
                self._pictures.move_to_end((index, scale))
            return picture

    def put(self, index: int, picture: P, scale: float = 1.0) -> None:
        """Keep a picture, dropping old ones to stay within the budget."""
        key = index, scale
        with self._lock:
            old = self._pictures.pop(key, None)
            if old is not None:
                self._nbytes -= old.nbytes
            if picture.nbytes > self.byte_budget:
                return
            self._pictures[key] = picture
            self._nbytes += picture.nbytes
            while self._nbytes > self.byte_budget:
                _, dropped = self._pictures.popitem(last=False)
                self._nbytes -= dropped.nbytes

    def has(self, index: int, scale: float = 1.0) -> bool:
        """Whether the picture is kept; does not count as a use."""
        with self._lock:
            return (index, scale) in self._pictures

    @property
    def nbytes(self) -> int:
        """Bytes held now."""
        with self._lock:
            return self._nbytes

    def __len__(self) -> int:
        with self._lock:
            return len(self._pictures)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._pictures.clear()
            self._nbytes = 0

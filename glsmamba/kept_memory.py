"""Memory that stays with the process between one tensor and the next. Imports neither torch nor Qt.

Tensors of the model take megabytes and live for milliseconds. The C library hands memory of that size back to the system and
asks for it again, and the system clears each page before it is touched: for many layers on a CPU that is most of their time.
A program that runs the model says :func:`keep_memory` when it starts, and :func:`return_memory` when there is nothing to do.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

__all__ = ["keep_memory", "return_memory"]

# malloc.h of the GNU C library
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8
_LARGEST = 2**31 - 1
_STEP = 64 * 2**20


def keep_memory() -> bool:
    """From now on freed memory waits for the next allocation, of whatever thread, until :func:`return_memory`.

    Call it before threads are started: a thread keeps the arena that it began with. What the environment says of it
    (``MALLOC_TRIM_THRESHOLD_`` and the like) stands. False where the C library is not GNU's; nothing changes then.
    """
    mallopt = _function("mallopt")
    if mallopt is None:
        return False
    if any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        return True
    wanted = ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _LARGEST), (_TRIM_THRESHOLD, _LARGEST), (_TOP_PAD, _STEP))
    taken = [mallopt(option, value) == 1 for option, value in wanted]
    return all(taken)


def return_memory() -> None:
    """Hand freed memory back to the system. Takes milliseconds."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _function(name: str) -> Callable[..., int] | None:
    """A function of the GNU C library."""
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 (others have a mallopt that means something else)
        return getattr(library, name)  # type: ignore[no-any-return]
    except (OSError, AttributeError, TypeError):
        return None

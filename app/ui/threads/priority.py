"""A thread that computes beside a window that must answer at once."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

__all__ = ["share_lock", "stand_back"]

#: Steps of niceness: with all cores busy the window's thread gets three times the share of this one.
_NICER = 5


def share_lock() -> None:
    """Let the window have Python's lock sooner, for all threads.

    A repaint crosses between Qt and Python dozens of times, and each crossing waits for the lock until the thread that holds it
    has had it for the switch interval: 5 ms as Python comes, so that ten of them are a stall one can see.
    """
    sys.setswitchinterval(0.0002)


def stand_back() -> None:
    """Let the window go first: :func:`share_lock`, and on Linux niceness for the calling thread and all that it starts.

    A repaint takes a few milliseconds, but on a machine whose cores all compute only when it is given one. Not while something
    keeps Python's lock for long, as importing torch does: where that waits for a core, the window waits with it.
    """
    share_lock()
    if sys.platform.startswith("linux"):  # where niceness belongs to a thread, not to the whole program
        thread = threading.get_native_id()
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICER)

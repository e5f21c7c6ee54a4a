"""The process that improves a model beside the window: ``python -m app.learning.process FOLDER [STEPS OF NICENESS]``.

It does the job in the folder (:mod:`app.learning.improve`) at low priority and writes a line of JSON to its output for each
thing that happens: ``{"reading": 0.4}``, the fields of ``Step``, and last ``{"finished": true}``, ``{"stopped": true}`` or
``{"failed": "one sentence"}``. It stops, with its state on the disk, as soon as its input ends: also when the window that
started it is gone, however that came.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from app.learning.improve import Stopped, improve
from glsmamba.kept_memory import keep_memory

__all__ = ["main"]

_WINDOWS_BELOW_NORMAL = 0x00004000


def main(arguments: list[str]) -> int:
    """Do the job in the folder named; returns the exit code."""
    _stand_back(int(arguments[1]) if len(arguments) > 1 else 0)
    ended = threading.Event()
    threading.Thread(target=_watch, args=(ended,), name="watching the window", daemon=True).start()
    try:
        improve(Path(arguments[0]), _say, ended.is_set)
    except Stopped:
        _say({"stopped": True})
    except (ValueError, OSError, RuntimeError) as error:
        lines = str(error).strip().splitlines()
        _say({"failed": lines[0] if lines else type(error).__name__})
        return 2
    else:
        _say({"finished": True})
    return 0


def _say(line: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more: the input has ended then, too
        print(json.dumps(line), flush=True)


def _watch(ended: threading.Event) -> None:
    with contextlib.suppress(OSError, ValueError):
        while os.read(0, 1024):
            pass
    ended.set()


def _stand_back(steps: int) -> None:
    if not steps:
        return
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            import ctypes

            kernel = ctypes.windll.kernel32
            kernel.SetPriorityClass(kernel.GetCurrentProcess(), _WINDOWS_BELOW_NORMAL)
        else:
            os.nice(steps)


if __name__ == "__main__":
    keep_memory()  # before there are threads
    # os._exit: the watching thread sits in a read, which would hold up an ordinary end on some systems.
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)

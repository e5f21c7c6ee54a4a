"""Importing torch beside a window that must not stall.

``import torch`` maps several hundred MB of libraries inside one C call that keeps the lock all the while: half a second in
which no click is answered. A call through ``ctypes`` gives the lock away first; the import then finds the libraries loaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["collector_off", "load_torch_libraries"]

_LIBRARIES = ("libtorch_global_deps.so", "libc10.so", "libtorch_cpu.so", "libtorch.so", "libtorch_python.so")


def load_torch_libraries() -> None:
    """Load them in the calling thread. Does nothing where that isn't how torch is laid out: importing it works all the same."""
    if "torch" in sys.modules or not sys.platform.startswith("linux"):
        return
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "lib"
    libc = ctypes.CDLL(None)
    libc.dlopen.restype = ctypes.c_void_p
    libc.dlopen.argtypes = [ctypes.c_char_p, ctypes.c_int]
    for name in _LIBRARIES:
        if (path := folder / name).exists():
            libc.dlopen(str(path).encode(), os.RTLD_NOW)


@contextlib.contextmanager
def collector_off() -> Iterator[None]:
    """No garbage collection inside, and what was made inside is never looked at again.

    Each full collection walks through all objects while every thread waits; torch brings some hundred thousand of them, which
    are never garbage. While they are being made the collector would run again and again for nothing.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()

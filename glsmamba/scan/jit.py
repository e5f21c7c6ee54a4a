"""numba compilation whose cache can never be in the way, and the threads that run compiled kernels.

Kernels release the interpreter lock, so plain Python threads run them side by side; the number follows
``torch.get_num_threads()``. That needs no OpenMP, works from any thread and from several at once.
"""

from __future__ import annotations

import itertools
import os
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from numba import njit
from numba.core.caching import NullCache
from numba.core.errors import NumbaWarning


class Kernel:
    """A function compiled on first use, cached on disk where that is possible, and without a cache where it is not.

    numba looks for a writable place beside the source file, then in the user's cache directory (``NUMBA_CACHE_DIR`` overrides
    both); with none it refuses to compile at all, and a full disk makes the first call fail. Here both only cost the compile
    time of the next start.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self.__doc__, self.__name__ = function.__doc__, function.__name__
        self.py_func = function
        options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}, **options}
        try:
            self.dispatcher = njit(cache=True, **options)(function)
            self._watch_sources()
        except RuntimeError:  # no place for a cache
            self.dispatcher = njit(**options)(function)
        self._lock = threading.Lock()
        self._used = False

    def __call__(self, *args: Any) -> Any:
        """Run the compiled function."""
        if self._used:
            return self.dispatcher(*args)
        with self._lock:  # one compilation, not one per thread
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", NumbaWarning)
                    self.dispatcher.compile(self._types(args))
            except OSError:  # the cache cannot be read or written (full disk, broken permissions): do without
                self.dispatcher._cache = NullCache()
                self.dispatcher.compile(self._types(args))
            self._used = True
        return self.dispatcher(*args)

    def _watch_sources(self) -> None:
        """Make the cache depend on all files of this package: numba itself looks at the kernel's own file only."""
        stamp = tuple((p.name, p.stat().st_mtime, p.stat().st_size) for p in sorted(Path(__file__).parent.glob("*.py")))
        try:
            file = self.dispatcher._cache._cache_file
            file._source_stamp = (file._source_stamp, stamp)
        except AttributeError:  # another numba: better slow than stale
            self.dispatcher._cache = NullCache()

    def _types(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(self.dispatcher.typeof_pyval(value) for value in args)


def kernel(function: Callable[..., Any]) -> Kernel:
    """Decorator: compile ``function`` as a :class:`Kernel`."""
    return Kernel(function)


_pools: dict[int, ThreadPoolExecutor] = {}
_pools_lock = threading.Lock()


def _forget_pools() -> None:
    """After a fork the child has no worker threads."""
    global _pools_lock
    _pools.clear()
    _pools_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)


def _pool(threads: int) -> ThreadPoolExecutor:
    with _pools_lock:
        if threads not in _pools:
            _pools[threads] = ThreadPoolExecutor(threads, thread_name_prefix="scan")
        return _pools[threads]


def run_tasks(work: Callable[[int, int], Any], n_tasks: int, threads: int | None = None) -> None:
    """Call ``work(start, stop)`` for slices of ``range(n_tasks)`` on several threads and wait for all of them.

    The calling thread takes part. Slices are handed out as threads become free, so a busy core does not hold up the rest.
    """
    threads = min(threads or torch.get_num_threads(), n_tasks)
    if threads <= 1:
        work(0, n_tasks)
        return
    n_slices = min(n_tasks, 4 * threads)
    bounds = [n_tasks * i // n_slices for i in range(n_slices + 1)]
    ticket = itertools.count()

    def worker() -> None:
        while (i := next(ticket)) < n_slices:
            work(bounds[i], bounds[i + 1])

    helpers = [_pool(threads - 1).submit(worker) for _ in range(threads - 1)]
    try:
        worker()
    finally:
        for helper in helpers:
            if not helper.cancel():
                helper.result()

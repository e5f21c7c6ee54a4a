"""The self-test of the kernels, run once for each new device, driver and version; the user's cache folder keeps the verdict."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from glsmamba.data.whole_file import whole_file

if TYPE_CHECKING:  # the model floor is imported by the worker only
    from glsmamba.scan.refusals import Part
    from glsmamba.selftest import KernelCheck

__all__ = ["keep_verdict", "settle_kernels"]

_lock = threading.Lock()
_settled: dict[str, list[dict[str, str]]] = {}  # verdicts of this process


def settle_kernels(device: str) -> None:
    """See to it that no kernel is used on a device that failed there. Imports torch; seconds the first time, then nothing.

    Failures are refused in :mod:`glsmamba.scan.refusals`, from where ``Predictor.backends`` tells of them.
    """
    from glsmamba.scan.refusals import refuse
    from glsmamba.selftest import failure, fingerprint, self_test

    with _lock:
        key = _key(fingerprint(device))
        failed = _settled[key] if key in _settled else _read(key)
        if failed is None:
            keep_verdict(device, self_test(device, thorough=False))
            return
        _settled[key] = failed
        for entry in failed:
            part: Part = "scan" if entry["part"] == "scan" else "deform"
            refuse(device, part, entry["backend"], failure(part, entry["backend"]))


def keep_verdict(device: str, checks: Iterable[KernelCheck]) -> None:
    """Remember what a self-test found. A folder that cannot be written only costs the same test at the next start."""
    from glsmamba.selftest import fingerprint

    facts = fingerprint(device)
    failed = [{"part": c.part, "backend": c.backend, "problem": c.problem} for c in checks if c.problem]
    _settled[_key(facts)] = failed
    path = _path(_key(facts))
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            part.write_text(json.dumps({"facts": facts, "failed": failed}, indent=1), encoding="utf-8")


def _key(facts: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:20]


def _path(key: str) -> Path:
    return user_cache_path("glsmamba-studio", appauthor=False) / "self-test" / f"{key}.json"


def _read(key: str) -> list[dict[str, str]] | None:
    """The failures that are on disk, or None where there is no whole verdict."""
    try:
        failed = json.loads(_path(key).read_text(encoding="utf-8"))["failed"]
        return [{"part": str(e["part"]), "backend": str(e["backend"]), "problem": str(e["problem"])} for e in failed]
    except (OSError, ValueError, KeyError, TypeError):
        return None

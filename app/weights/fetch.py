"""Fetching a file over HTTPS: it can be cut at any time, goes on where it stopped, and is checked before it is used."""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.weights.known import KnownFile, WeightsError

__all__ = ["fetch"]

_CHUNK = 1 << 18
_TIMEOUT = 30
_HERE = ("127.0.0.1", "::1", "localhost")

#: Told of bytes that are here and bytes in all (None where the server does not say).
Progress = Callable[[int, "int | None"], None]


def fetch(file: KnownFile, target: Path, progress: Progress | None = None) -> None:
    """Fetch one file. What was fetched is kept in ``NAME.part`` until it is whole and sound.

    Given again after an interruption, it goes on where it stopped, if the server can and the file there is still the same one;
    else it begins anew.

    Args:
        file: address, and what is known of it.
        target: where it goes; it appears whole or not at all.
        progress: may raise to stop; what is here stays.

    Raises:
        WeightsError: one sentence: the network, the server, the disk, or a file that is not the expected one.
    """
    _secure(file.url)
    part, notes = target.with_name(target.name + ".part"), target.with_name(target.name + ".part.json")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        size = _into(file, part, notes, progress)
        _check(file, part, size)
        os.replace(part, target)
        notes.unlink(missing_ok=True)
    except urllib.error.HTTPError as error:
        said = f"{error.code} ({error.reason})"
        raise WeightsError(f"{_host(file.url)} answered {said} for {file.name}; try again later.") from error
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _broken(file, part, error) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WeightsError(
                f"The disk of {target.parent} is full; make room and give the same command again, it goes on where it stopped."
            ) from error
        raise WeightsError(f"{target} cannot be written: {error.strerror or error}.") from error


def _secure(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
        raise WeightsError(f"{url} is not an https address, and weights are fetched over no other.")


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, request: Any, file: Any, code: int, message: str, headers: Any, url: str) -> Any:
        _secure(url)
        return super().redirect_request(request, file, code, message, headers, url)


def _into(file: KnownFile, part: Path, notes: Path, progress: Progress | None) -> int | None:
    """Fetch what is missing of ``part``; returns the size in all, None where nobody says."""
    have, mark = _begun(file, part, notes)
    headers = {"User-Agent": "glsmamba-studio", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": mark}
    opener = urllib.request.build_opener(_Redirects)
    try:
        answer = opener.open(urllib.request.Request(file.url, headers=headers), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        error.close()
        if (total := re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", ""))) and int(total[1]) == have:
            return have  # all of it had come
        part.unlink()
        return _into(file, part, notes, progress)
    with answer:
        length = answer.headers.get("Content-Length")
        come = int(length) if length and length.isdigit() else None
        if answer.status == 206:
            span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
            if span is None or int(span[1]) != have:
                part.unlink()
                return _into(file, part, notes, progress)
        else:
            have = 0  # the server knows no ranges, or the file is another one by now
        total_size = None if come is None else have + come
        if file.size is not None and total_size not in (None, file.size):
            raise WeightsError(
                f"{file.name} on {_host(file.url)} has {total_size} bytes instead of {file.size}: it is not the expected file."
            )
        _room(part, total_size, have)
        _note(file, notes, answer.headers)
        with part.open("r+b" if have else "wb") as out:
            out.seek(have)
            while chunk := answer.read(_CHUNK):
                out.write(chunk)
                have += len(chunk)
                if progress is not None:
                    progress(have, total_size)
            out.flush()
            os.fsync(out.fileno())
    if total_size is not None and have < total_size:
        raise ConnectionError(f"{have} of {total_size} bytes came")
    return total_size if total_size is not None else file.size


def _begun(file: KnownFile, part: Path, notes: Path) -> tuple[int, str]:
    """(bytes that are here, the server's mark of the file); (0, "") where it has to begin anew."""
    try:
        known = json.loads(notes.read_text())
        have = part.stat().st_size
    except (OSError, ValueError):
        return 0, ""
    if not isinstance(known, dict) or known.get("url") != file.url or not isinstance(known.get("mark"), str):
        return 0, ""
    return (have, known["mark"]) if known["mark"] else (0, "")


def _note(file: KnownFile, notes: Path, headers: Any) -> None:
    tag = headers.get("ETag") or ""
    mark = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified") or ""
    notes.write_text(json.dumps({"url": file.url, "mark": mark}))


def _room(part: Path, total: int | None, have: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - have > free:
        need, left = f"{(total - have) / 1e6:.0f} MB", f"{free / 1e6:.0f} MB"
        raise WeightsError(f"The disk of {part.parent} has room for {left}, and {need} are to come; make room first.")


def _check(file: KnownFile, part: Path, size: int | None) -> None:
    have = part.stat().st_size
    if size is not None and have != size:
        part.unlink()
        raise WeightsError(f"{file.name} came with {have} bytes instead of {size}, so it was thrown away: try again.")
    if file.sha256:
        with part.open("rb") as whole:
            digest = hashlib.file_digest(whole, "sha256").hexdigest()
        if not digest.startswith(file.sha256.lower()):
            part.unlink()
            raise WeightsError(
                f"{file.name} is not the expected file (its SHA-256 begins with {digest[:8]}, not {file.sha256[:8]}), so it "
                "was thrown away: try again, and do not use it if it comes again."
            )


def _broken(file: KnownFile, part: Path, error: Exception) -> WeightsError:
    reason = getattr(error, "reason", None) or error
    have = part.stat().st_size if part.is_file() else 0
    kept = "; check the network and try again"
    if have:
        kept = f"; {have / 1e6:.1f} MB are kept, give the same command again to go on"
    return WeightsError(f"The connection to {_host(file.url)} broke ({reason}){kept}.")


def _host(url: str) -> str:
    return urlsplit(url).hostname or url

"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["whole_file"]


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file beside its place, then rename it there: a full disk or a lost process never leaves half a file.

    Yields the path to write to. Once the block is through, what was written is on the disk and takes the place of what was at
    ``path``, with that file's permissions; where ``path`` is a link, the link stays. If the block fails, what was written is
    removed and what was at ``path`` is unchanged.

    Raises:
        OSError: it could not be written.
    """
    target = Path(path).resolve()
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        with open(part, "r+b") as file:
            os.fsync(file.fileno())
        with contextlib.suppress(OSError):
            part.chmod(target.stat().st_mode & 0o777)
        os.replace(part, target)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)

"""The project file: one SQLite database, its schema, its lock and the words for what can go wrong with it.

The lock is a POSIX record lock where the system has these, and such a lock ends as soon as the process closes *any* handle of
the file. So nothing in this program may open a project file beside SQLite while it is open here; :func:`open_file` keeps a
list of the files that are.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.labels.changes import ProjectError

__all__ = ["APPLICATION_ID", "SCHEMA_VERSION", "Store", "create_file", "open_file", "put_meta", "sentences", "transaction"]

APPLICATION_ID = 0x474C534D  # "GLSM", in the file's header: other SQLite files are recognised and left alone
SCHEMA_VERSION = 4
#: What turns a file of this version into one of the next; done when an old file is opened, all in one transaction.
_MIGRATIONS = {
    # Poses may carry probabilities and spreads and be reviewed (codec). Old poses stay as they are, but older programs can't
    # read new ones.
    1: "",
    2: "",  # poses may carry where the model saw joints that were changed since
    3: "",  # poses may carry how far overlapping windows disagree
}

_open_here: set[tuple[int, int]] = set()  # (device, inode) of the project files this process has open
_open_here_lock = threading.Lock()

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
-- Checkpoint names, so that a pose need not carry the string.
CREATE TABLE models (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
-- One row per frame that holds anybody or was predicted; people: codec.pack_frame; predicted_by: models.id or NULL.
CREATE TABLE frames (frame INTEGER PRIMARY KEY, people BLOB NOT NULL, predicted_by INTEGER);
-- What is not a pose: names of tracks, reviewed frames, marks, ignore regions. value is JSON.
CREATE TABLE facts (kind TEXT NOT NULL, key INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
-- The edit log; meta "position" is the id of the last step that is done, later ones can be redone.
CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, reason TEXT NOT NULL, time REAL NOT NULL,
                  changes BLOB NOT NULL);
"""


def _sentence(error: sqlite3.Error, path: Path, doing: str) -> str:
    code = getattr(error, "sqlite_errorname", None) or ""
    if code.startswith("SQLITE_FULL"):
        return f"The disk is full, so {doing} {path.name} failed; free some space and try again."
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"The project {path.name} is open in another window or program; close it there first."
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return f"The project {path} cannot be written; copy it to a folder you may write to."
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")):
        return f"The project file {path.name} is damaged ({error}); restore it from a copy."
    if code.startswith("SQLITE_IOERR"):
        return f"The disk failed while {doing} {path.name} ({error}); check the disk and try again."
    return f"Something went wrong while {doing} {path.name}: {error}."


@contextlib.contextmanager
def sentences(path: Path, doing: str) -> Iterator[None]:
    """Turn SQLite's errors into one clear :class:`ProjectError`."""
    try:
        yield
    except UnicodeDecodeError as error:  # SQLite quotes a damaged schema in its message, which Python then cannot read
        raise ProjectError(_sentence(sqlite3.DatabaseError("file is damaged"), path, doing)) from error
    except sqlite3.Error as error:
        raise ProjectError(_sentence(error, path, doing)) from error


def create_file(path: Path, meta: dict[str, str]) -> None:
    """Make a new project file holding ``meta``. It appears under its name only when it is whole.

    Raises:
        ProjectError: a file is there already, or the folder cannot be written.
    """
    if path.exists():
        raise ProjectError(f"There is already a file {path}; open it, or choose another name.")
    if not path.parent.is_dir():
        raise ProjectError(f"The folder {path.parent} does not exist; create it first or choose another.")
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    with contextlib.suppress(OSError):
        fresh.unlink()
    try:
        with sentences(path, "creating"):
            # In rollback-journal mode, so that header and schema lie in the file itself and not in a write-ahead log beside it.
            connection = sqlite3.connect(fresh, isolation_level=None)
            try:
                connection.execute("PRAGMA synchronous=FULL")
                connection.executescript(
                    f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION}; BEGIN; {_SCHEMA} COMMIT;"
                )
                connection.execute("BEGIN")
                connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
                connection.execute("COMMIT")
            finally:
                connection.close()
        try:
            os.rename(fresh, path)
        except OSError as error:
            raise ProjectError(f"The project {path} cannot be written ({error.strerror}); choose another folder.") from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()


def _check_header(path: Path) -> None:
    """Recognise what is no project, or one of a newer program, before SQLite touches the file."""
    try:
        with open(path, "rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        raise ProjectError(f"There is no project file {path}; check the name.") from None
    except IsADirectoryError:
        raise ProjectError(f"{path} is a folder, not a project file.") from None
    except OSError as error:
        raise ProjectError(f"The project file {path} cannot be read ({error.strerror}).") from error
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise ProjectError(f"{path.name} is not a GLSMamba Studio project; open a file that ends in .glsproj.")
    version, application = struct.unpack_from(">i4xI", header, 60)
    if application != APPLICATION_ID:
        raise ProjectError(f"{path.name} is a database of another program, not a GLSMamba Studio project.")
    if version > SCHEMA_VERSION:
        raise ProjectError(
            f"{path.name} was made by a newer GLSMamba Studio (file version {version}, this program knows {SCHEMA_VERSION}); "
            "update the program to open it."
        )
    if version < 1:
        raise ProjectError(f"{path.name} is damaged: it carries no file version; restore it from a copy.")


class Store(sqlite3.Connection):
    """A connection that takes its file off the list of open files when it is closed."""

    key: tuple[int, int] | None = None

    def close(self) -> None:
        """Close the file; the lock ends here."""
        super().close()
        with _open_here_lock:
            if self.key is not None:
                _open_here.discard(self.key)
                self.key = None


def _enter(path: Path) -> tuple[int, int]:
    """Put a file on the list of open files."""
    try:
        status = path.stat()
    except OSError:
        raise ProjectError(f"There is no project file {path}; check the name.") from None
    key = (status.st_dev, status.st_ino)
    with _open_here_lock:
        if key in _open_here:
            raise ProjectError(f"The project {path.name} is open in this program already; use that window.")
        _open_here.add(key)
    return key


def open_file(path: Path) -> Store:
    """Open a project file for reading and writing, locked against every other process until it is closed.

    The lock is SQLite's own lock on the file (exclusive locking mode), which the operating system drops when the process ends,
    however it ends: a killed program leaves nothing stale.

    Raises:
        ProjectError: no such file, not a project, made by a newer program, damaged, read-only, or open elsewhere.
    """
    key = _enter(path)
    try:
        _check_header(path)
        if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
            raise ProjectError(f"The project {path} is read-only; copy it to a folder you may write to.")
        return _connect(path, key)
    except BaseException:
        with _open_here_lock:
            _open_here.discard(key)
        raise


def _connect(path: Path, key: tuple[int, int]) -> Store:
    with sentences(path, "opening"):
        connection = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False, factory=Store)
        connection.key = key
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA cache_size=-4096")  # labels lie in memory: no second copy
            connection.execute("BEGIN IMMEDIATE")  # takes the lock now rather than at the first edit
            _migrate(connection)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
    return connection


def _migrate(connection: Store) -> None:
    """Bring an older file up to date; a transaction is open."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for old in range(version, SCHEMA_VERSION):
        for statement in filter(str.strip, _MIGRATIONS[old].split(";")):
            connection.execute(statement)
    if version < SCHEMA_VERSION:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, path: Path, durable: bool) -> Iterator[sqlite3.Connection]:
    """A write transaction: committed when the block ends, rolled back when it raises.

    ``durable`` waits until the disk holds it (synchronous=FULL): for a human's edits, which must outlive a power cut.
    Predictions use NORMAL: in write-ahead mode a killed process still loses nothing, a power cut may lose the last few, and
    these can be computed again; in return the inference thread does not wait for the disk at every frame. Edits and
    predictions share one file and one order of writing, so that a later durable commit secures all predictions before it.

    Raises:
        ProjectError: nothing was written.
    """
    with sentences(path, "saving"):
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def put_meta(connection: sqlite3.Connection, key: str, value: Any) -> None:
    """Store a JSON value under a key of the file's own; a transaction is open."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

"""Whether the studio's SQLite file is there and whole, before anything is done with it.

Nothing here changes a file: what is damaged stays as it is found. A studio that cannot use its
database does not start, see ``docs/adr/0011-a-damaged-database.md``.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from time import monotonic

from .database import DatabaseUnavailable

log = logging.getLogger(__name__)

SECONDS = 2.0
"""How long a start may take for the check; the next copy reads what is left of a large file."""

_STEPS = 20_000
"""Instructions of SQLite between two looks at the time."""

_PROBLEMS = 3
_WAL = "-wal"
_OPEN = "-open"


def examine(path: Path, *, expected: bool, seconds: float = SECONDS) -> None:
    """Raise :class:`.DatabaseUnavailable` unless the file can be trusted, or is not there yet.

    Parameters
    ----------
    expected:
        Whether the studio has kept its state there: then it has to be there.
    seconds:
        After so long the rest of the file is not looked at.
    """
    if not path.exists() or (path.is_file() and not path.stat().st_size):
        if expected or _beside(path, _WAL).exists():
            raise unusable(path, "is empty" if path.exists() else "is missing")
        return
    if not path.is_file():
        raise unusable(path, "is not a file")
    if _beside(path, _OPEN).exists() and not _beside(path, _WAL).exists():
        raise unusable(path, f"has lost {path.name}{_WAL}, in which the latest changes were")
    try:
        with closing(_read_only(path)) as connection:
            problems = _problems(connection, seconds)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY:
            return  # what a crash left has to be rolled back first, which is a change
        problems = [str(error)]
    if problems:
        raise unusable(path, f"is damaged or cannot be read ({'; '.join(problems)})")


def unusable(path: Path, what: str) -> DatabaseUnavailable:
    """Return the error for a file that is left as it is, with what can be done."""
    return DatabaseUnavailable(
        f"{path} {what}. Nothing was changed, and containers go on. Put the file back, or see what "
        "there is to go on with: jupyter mlstudio database"
    )


def note_open(path: Path, *, opened: bool) -> None:
    """Note that the file is open, for as long as it is: then there is a WAL beside it."""
    if opened:
        _beside(path, _OPEN).touch(0o600)
    else:
        _beside(path, _OPEN).unlink(missing_ok=True)


def files_of(path: Path) -> list[Path]:
    """Return every file there is of a database."""
    every = [path, *(_beside(path, suffix) for suffix in (_WAL, "-shm", "-journal", _OPEN))]
    return [file for file in every if file.exists()]


def _problems(connection: sqlite3.Connection, seconds: float) -> list[str]:
    """Return what SQLite finds wrong with a file's pages, as far as it gets in time."""
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    deadline = monotonic() + seconds
    connection.set_progress_handler(lambda: monotonic() > deadline, _STEPS)
    try:
        rows = connection.execute(f"PRAGMA quick_check({_PROBLEMS})").fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        log.info("The database is large: not all of it was checked")
        return []
    return [text for (text,) in rows if text != "ok"]


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)

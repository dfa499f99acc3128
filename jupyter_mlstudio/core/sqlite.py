"""The studio's state in a SQLite file, in WAL mode where the disk is this machine's."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from .database import Database, DatabaseUnavailable
from .owner import FILE, Owner
from .soundness import note_open, unusable
from .volume import file_system, is_network

log = logging.getLogger(__name__)

_FAULTS = {
    sqlite3.SQLITE_FULL: "No space left on its disk: free some",
    sqlite3.SQLITE_IOERR: "its disk fails",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: stop the studio, see jupyter mlstudio database",
    sqlite3.SQLITE_NOTADB: "the file is damaged: stop the studio, see jupyter mlstudio database",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_READONLY: "the file cannot be written to",
    sqlite3.SQLITE_BUSY: "another program holds it locked",
}
"""What the world does to a file, by SQLite's primary result code; the rest are faults of ours."""


class SqliteDatabase(Database):
    """A file, made when it is missing. One process has it open."""

    def __init__(self, path: Path, owner: Owner | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        self._file: sqlite3.Connection | None = None
        self._said = ""
        kind = file_system(path)
        self._wal = not is_network(kind)
        if not self._wal:
            log.warning(
                "%s is on a network file system (%s): changes are slower, and the lock that keeps "
                "a second studio away depends on the file server. Prefer a local disk, or "
                "PostgreSQL.",
                path,
                kind,
            )
        note_open(path, opened=False)
        engine = create_engine(f"sqlite:///{path}", pool_size=16, max_overflow=16)
        _prepare(engine, "WAL" if self._wal else "TRUNCATE")
        writing = engine.execution_options(mlstudio_write=True)
        try:
            super().__init__(f"{FILE}{path}", engine, writing, owner)
            # Connections that migrated do not check foreign keys.
            engine.dispose()
            if self._wal:
                self._hold()
        except (SQLAlchemyError, sqlite3.Error, UnicodeDecodeError) as error:
            engine.dispose()
            raise unusable(path, f"cannot be used ({str(error).splitlines()[0]})") from error
        except BaseException:
            engine.dispose()
            raise

    def close(self) -> None:
        """Close every connection."""
        note_open(self._path, opened=False)
        super().close()
        if self._file is not None:
            self._file.close()

    def _hold(self) -> None:
        """Keep the WAL there for as long as the database is open, so that it can be missed."""
        self._file = sqlite3.connect(self._path, check_same_thread=False)
        self._file.execute("SELECT 1 FROM sqlite_master").fetchone()
        note_open(self._path, opened=True)

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except (DBAPIError, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            if code not in _FAULTS:
                raise
            raise self._unavailable(f"{_FAULTS[code]} ({cause}, {self._path})") from error

    def _unavailable(self, reason: str) -> DatabaseUnavailable:
        if reason != self._said:
            self._said = reason
            log.error("The database cannot be used: %s", reason)
        return DatabaseUnavailable(reason)


def copy(path: Path, target: Path) -> None:
    """Write what is in the database at ``path`` now to a new file. Raises ``sqlite3.Error``.

    Whoever has it open goes on meanwhile. All of it is read, so damage comes to light.
    """
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def _prepare(engine: Engine, journal: str) -> None:
    @event.listens_for(engine, "connect")
    def connect(raw: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
        raw.isolation_level = None
        cursor = raw.cursor()
        for pragma in (  # durable before it is acknowledged
            f"journal_mode={journal}",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=10000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("mlstudio_migrate"):
            # To change a table, a copy of it is made and the old one dropped, with a cascade.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        write = options.get("mlstudio_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

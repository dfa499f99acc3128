"""The studio's database: SQLite in WAL mode in its root, or what :mod:`.postgres` opens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite

from ..wire.errors import AWSError

MIGRATIONS = Path(__file__).parent / "migrations"


class DatabaseUnavailable(AWSError):
    """The database cannot be used just now. Clients are told to come back, controllers wait."""

    def __init__(self, reason: str) -> None:
        message = f"The studio's database cannot be used: {reason}"
        super().__init__("ServiceUnavailable", message, status=503)
        self.reason = reason


class Database:
    """One database, one writing process.

    Reads run beside each other; writes of this process take turns, so that events are numbered in
    the order in which they become visible, and a change sees every change before it. A write is
    durable once its block has ended.

    Attributes
    ----------
    name:
        What it is and where, for people; without a password.
    lost:
        Set when it could not be used, and maybe kept changes that nobody was told of.
    """

    def __init__(self, name: str, reading: Engine, writing: Engine) -> None:
        self.name = name
        self._reading = reading
        self._writing = writing
        self.lost = threading.Event()
        self._turn = threading.RLock()
        self._upgrade()

    @classmethod
    def at(cls, path: Path) -> Database:
        """Open the SQLite file at ``path``, making it when it is missing."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_engine(f"sqlite:///{path}", pool_size=16, max_overflow=16)
        _prepare_sqlite(engine)
        return cls(f"SQLite at {path}", engine, engine.execution_options(mlstudio_write=True))

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection whose reads see one moment. Raises :class:`DatabaseUnavailable`."""
        with self._session(self._reading) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose writes all happen, or none.

        Raises :class:`DatabaseUnavailable`; when it does so at the end of the block, the database
        went away while it was told to keep the writes, and may have done so.
        """
        with self._turn, self._session(self._writing) as connection:
            yield connection

    def check(self) -> None:
        """See that writes are possible. Raises :class:`DatabaseUnavailable`."""
        with self.write():
            pass

    def close(self) -> None:
        """Close every connection."""
        self._reading.dispose()
        self._writing.dispose()

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Connection]:
        with engine.begin() as connection:
            yield connection

    def _upgrade(self) -> None:
        engine = self._writing.execution_options(mlstudio_migrate=True)
        try:
            with self._session(engine) as connection:
                migrate(connection)
        except CommandError as error:
            raise DatabaseUnavailable(f"{self.name} is of another version: {error}") from error
        if engine.dialect.name == "sqlite":
            engine.dispose()


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring a database to a revision of the schema."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that has ``on_conflict_do_update``, in the database's dialect."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(raw: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
        raw.isolation_level = None
        cursor = raw.cursor()
        for pragma in (  # durable before it is acknowledged
            "journal_mode=WAL",
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

"""The studio's database: what :mod:`.sqlite` or :mod:`.postgres` opens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from .._failpoints import reached
from ..wire.errors import AWSError
from .schema import metadata

if TYPE_CHECKING:
    from .owner import Owner

MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own."""


class DatabaseUnavailable(AWSError):
    """The database cannot be used just now. Clients are told to come back, controllers wait."""

    def __init__(self, reason: str) -> None:
        message = f"The studio's database cannot be used: {reason}"
        super().__init__("ServiceUnavailable", message, status=503)
        self.reason = reason


class _Writing(threading.local):
    """What a thread is writing with, and whom it has to call when that is durable."""

    connection: Connection | None = None
    calls: list[Callable[[], object]]


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

    def __init__(
        self, name: str, reading: Engine, writing: Engine, owner: Owner | None = None
    ) -> None:
        self.name = name
        self._reading = reading
        self._writing = writing
        self.lost = threading.Event()
        self._turn = threading.Lock()
        self._mine = _Writing()
        self._upgrade(owner)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection whose reads see one moment. Raises :class:`DatabaseUnavailable`."""
        with self._session(self._reading) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose writes all happen, or none; within such a block, with its own.

        Raises :class:`DatabaseUnavailable`; when it does so at the end of the block, the database
        went away while it was told to keep the writes, and may have done so.
        """
        mine = self._mine
        if mine.connection is not None:
            yield mine.connection
            return
        calls: list[Callable[[], object]] = []
        with self._turn, self._session(self._writing) as connection:
            mine.connection, mine.calls = connection, calls
            try:
                yield connection
            finally:
                mine.connection = None
            reached("store.written")
        reached("store.committed")
        for call in calls:
            call()

    def once_written(self, call: Callable[[], object]) -> None:
        """Call when what this thread is writing is durable; at once when it writes nothing."""
        if self._mine.connection is None:
            call()
        else:
            self._mine.calls.append(call)

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

    def _upgrade(self, owner: Owner | None) -> None:
        engine = self._writing.execution_options(mlstudio_migrate=True)
        with self._session(engine) as connection:
            found = revision_of(connection)
            if found is None:
                _make_tables(connection)
            elif found != newest_revision():
                self._migrate(connection)
            if owner is not None:
                owner.admit(connection, self.name, fresh=found is None)
        if owner is not None:
            owner.remember(self.name)

    def _migrate(self, connection: Connection) -> None:
        from alembic.util import CommandError

        try:
            migrate(connection)
        except CommandError as error:
            raise DatabaseUnavailable(
                f"{self.name} is of another version: {error}. Use the version of jupyter-mlstudio "
                "that wrote it, or a later one"
            ) from error


def newest_revision() -> str:
    """Return the revision of the schema that this code knows."""
    return max(path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/[0-9]*.py"))


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database's schema; None when it has none."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.scalar(select(_VERSION.c.version_num))


def _make_tables(connection: Connection) -> None:
    """Make the newest schema in an empty database; what migrations make of older ones is equal."""
    metadata.create_all(connection, checkfirst=False)
    _VERSION.create(connection)
    connection.execute(insert(_VERSION).values(version_num=newest_revision()))


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring a database to a revision of the schema."""
    # Only an older database needs Alembic, which is slow to import and large.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that has ``on_conflict_do_update``, in the database's dialect."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)

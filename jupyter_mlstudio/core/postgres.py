"""The studio's state on a PostgreSQL server.

All writes go through one session, which holds an advisory lock of the schema for as long as it
lives: what is not the studio of this database cannot write, and a studio whose session was lost
writes again only once it holds the lock again. See ``docs/adr/0009-postgresql.md``.
"""

from __future__ import annotations

import logging
import select
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    DisconnectionError,
    InvalidRequestError,
    NoSuchModuleError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from .database import Database, DatabaseUnavailable
from .owner import Owner

log = logging.getLogger(__name__)

LOCK = 0x6D6C7374
"""First half of the advisory lock's key; the second is a hash of the schema."""

_DRIVER = "postgresql+psycopg"
_CONNECT = 3
_PAUSE = 0.5
"""Seconds during which nobody tries to connect after it has failed."""

_PATIENCE = 5.0
"""Seconds to wait for the lock of a studio that has just ended."""

_CONNECTION: Mapping[str, int | str] = {
    "client_encoding": "utf8",
    "connect_timeout": _CONNECT,
    # A server that has vanished is noticed within half a minute, by either side.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_SESSION = (
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
    # What is acknowledged is on disk, whatever the server does by default.
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'",
)
_HOLDER = (
    "SELECT a.pid, a.backend_start, a.application_name, host(a.client_addr)"
    " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND l.classid = %s::int::oid AND l.objid = hashtext(current_schema())::oid"
)


def parse(url: str) -> URL:
    """Return the URL of a PostgreSQL database; raise ValueError for anything else.

    The message never shows the URL, which may hold a password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("The database is neither 'sqlite' nor a URL.") from None
    if parsed.drivername not in ("postgresql", _DRIVER):
        raise ValueError(
            f"The database URL starts with {parsed.drivername}://; it has to be 'sqlite' or start "
            f"with {_DRIVER}://."
        )
    if "@" in (parsed.host or ""):
        raise ValueError("The database URL has more than one @; write it as %40 in a password.")
    return parsed.set(drivername=_DRIVER)


def describe(url: str) -> str:
    """Return where a database is, for people. Raises as :func:`parse` does."""
    parsed = parse(url)
    host = parsed.query.get("host", parsed.host or "this machine")
    place = host if isinstance(host, str) else ", ".join(host)
    port = f":{parsed.port}" if parsed.port else ""
    return f"PostgreSQL at {place}{port}, database {parsed.database or 'of the user'}"


def server_version(url: str) -> str:
    """Connect once and return the version of the server. Raises :class:`DatabaseUnavailable`."""
    engine = _engine(parse(url), "doctor", pool_size=1)
    try:
        with engine.connect() as connection:
            return str(connection.scalar(text("SHOW server_version"))).split()[0]
    except DBAPIError as error:
        raise DatabaseUnavailable(_reason(error)) from error
    finally:
        engine.dispose()


class PostgresDatabase(Database):
    """A schema of a PostgreSQL database, used by one studio at a time.

    Parameters
    ----------
    url:
        ``postgresql+psycopg://user@host:port/database``; libpq's options may follow as a query.
    studio_id:
        Who we are, for another studio that finds the database in use.
    owner:
        The root it is opened for.
    """

    def __init__(self, url: str, studio_id: str, owner: Owner | None = None) -> None:
        try:
            address = parse(url)
        except ValueError as error:
            raise DatabaseUnavailable(str(error)) from None
        self._paused = 0.0
        self._why = ""
        self._deposed: str | None = None
        self._session_id: tuple[Any, ...] | None = None
        reading = _engine(
            address, studio_id, pool_size=8, max_overflow=8, isolation_level="REPEATABLE READ"
        ).execution_options(postgresql_readonly=True)
        writing = _engine(address, studio_id, pool_size=1, max_overflow=0)
        event.listen(writing, "connect", self._take)
        try:
            super().__init__(describe(url), reading, writing, owner)
        except BaseException:
            reading.dispose()
            writing.dispose()
            raise

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Connection]:
        with self._connect(engine) as connection:
            try:
                with connection.begin():
                    yield connection
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                self.lost.set()
                raise DatabaseUnavailable(_reason(error)) from error

    def _connect(self, engine: Engine) -> Connection:
        if monotonic() < self._paused:
            raise DatabaseUnavailable(self._why)
        if self._deposed and engine is self._reading:
            raise DatabaseUnavailable(self._deposed)
        try:
            return engine.connect()
        except PoolTimeout as error:
            raise DatabaseUnavailable("all of its connections are in use") from error
        except DatabaseUnavailable as error:
            self._pause(error.reason)
            raise
        except InvalidRequestError as error:
            self._pause("the server closes new connections at once")
            raise DatabaseUnavailable(self._why) from error
        except DBAPIError as error:
            self._pause(_reason(error))
            raise DatabaseUnavailable(self._why) from error

    def _pause(self, why: str) -> None:
        self._paused, self._why = monotonic() + _PAUSE, why
        self.lost.set()

    def _take(self, raw: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
        """Make a new session the one that writes."""
        try:
            raw.autocommit = True
            with raw.cursor() as cursor:
                self._lock(cursor)
                for statement in _SESSION:
                    cursor.execute(statement)
            raw.autocommit = False
        except BaseException:
            raw.close()
            raise
        self._deposed = None

    def _lock(self, cursor: Any) -> None:  # noqa: ANN401 - a DBAPI cursor
        cursor.execute("SELECT current_schema(), current_setting('server_encoding')")
        schema, encoding = cursor.fetchone()
        if schema is None:
            raise DatabaseUnavailable("the schema that its URL names does not exist")
        if encoding != "UTF8":
            raise DatabaseUnavailable(f"its encoding is {encoding}, and has to be UTF8")
        deadline = monotonic() + _PATIENCE
        while not _try_lock(cursor):
            cursor.execute(_HOLDER, (LOCK,))
            pid, since, *who = cursor.fetchone() or (None, None, None, None)
            if (pid, since) == self._session_id:
                # The server has not noticed yet that our last session is lost.
                cursor.execute("SELECT pg_terminate_backend(%s)", (pid,))
            elif monotonic() > deadline or (pid and self._session_id):
                self._deposed = _held(schema, *who)
                raise DatabaseUnavailable(self._deposed)
            sleep(0.1)
        cursor.execute(
            "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        )
        self._session_id = cursor.fetchone()


def _engine(address: URL, studio_id: str, **options: Any) -> Engine:  # noqa: ANN401 - of SQLAlchemy
    arguments = {"application_name": f"mlstudio {studio_id}", **_CONNECTION}
    given = {name: value for name, value in arguments.items() if name not in address.query}
    try:
        engine = create_engine(address, connect_args=given, pool_timeout=5, **options)
        event.listen(engine, "checkout", _check)
        return engine
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        reason = "PostgreSQL needs psycopg: pip install 'jupyter-mlstudio[postgres]'"
        raise DatabaseUnavailable(reason) from error


def _check(raw: Any, *_: object) -> None:  # noqa: ANN401 - a DBAPI connection
    """Have a session replaced that the server has ended: it says so, and nobody has to ask."""
    poll = select.poll()
    poll.register(raw.fileno(), select.POLLIN)
    if poll.poll(0):
        raise DisconnectionError


def _try_lock(cursor: Any) -> bool:  # noqa: ANN401 - a DBAPI cursor
    cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(current_schema()))", (LOCK,))
    return bool(cursor.fetchone()[0])


def _held(schema: str, application: str | None, host: str | None) -> str:
    who = (application or "").removeprefix("mlstudio ") or "unknown"
    where = f" on {host}" if host else ""
    return (
        f"another studio ({who}{where}) uses its schema {schema}. One database has one studio: "
        f"stop the other, or give this one a database of its own"
    )


def _reason(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__

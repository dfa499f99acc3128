"""Open ``studio.db``: SQLite in WAL mode, brought to the newest schema."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event

MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """One database, one writing process.

    Reads run beside each other; writes of this process take turns, so that SQLite never answers
    "database is locked". A write is durable once its block has ended (``synchronous=FULL``).
    """

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url, pool_size=16, max_overflow=16)
        self._writing = threading.RLock()
        if self.engine.dialect.name == "sqlite":
            _prepare_sqlite(self.engine)
        self._upgrade()

    @classmethod
    def at(cls, path: Path) -> Database:
        """Open the SQLite file at ``path``, making it when it is missing."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(f"sqlite:///{path}")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection whose reads see one moment."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose writes all happen, or none."""
        with self._writing, self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection = connection.execution_options(mlstudio_write=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _upgrade(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


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
        write = connection.get_execution_options().get("mlstudio_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

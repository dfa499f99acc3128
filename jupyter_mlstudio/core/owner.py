"""A root and its database know each other: each holds the same id.

So a studio never comes up empty because its database is away, another was named, or a disk is not
mounted; and no two roots use one database one after the other.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from .database import DatabaseUnavailable
from .schema import properties
from .settings import Settings, write_atomically

FILE = "SQLite at "
"""What the name of a SQLite database starts with."""

_ID = "id"
_TRACES = ("jobs", "logs", "objects", "fetched", "models")
"""Folders of a root that nobody makes before there is a database."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a root notes of its database: its ``id``, and its ``name`` for people.

    Without an ``id``, whatever the settings name is to be taken as it is.
    """

    id: str
    name: str


class Owner:
    """The root that a database is opened for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.known = _read(settings)
        self._id = ""

    @property
    def expects(self) -> bool:
        """Whether there has been a database; older versions noted nothing."""
        if self.known is not None:
            return bool(self.known.id)
        folders = (self._settings.root / name for name in _TRACES)
        return any(folder.is_dir() and any(folder.iterdir()) for folder in folders)

    def check_kind(self, name: str) -> None:
        """Refuse a file where there was a server, and the other way round. Raises as below."""
        used = self.known.name if self.known else ""
        if used and used.startswith(FILE) != name.startswith(FILE):
            raise DatabaseUnavailable(self._mistaken(name, "is another database"))

    def admit(self, connection: Connection, name: str, *, fresh: bool) -> None:
        """Refuse a database that is not this root's; give one that is new an id.

        ``connection`` has the newest schema; ``fresh`` says that there were no tables at all.

        Raises
        ------
        DatabaseUnavailable
            It is not what this root's state was in, or it is another root's.
        """
        query = select(properties.c.value).where(properties.c.name == _ID)
        stored: str | None = connection.scalar(query)
        mine = f"{self._settings.studio_id}-"
        adopted = self.known is not None and not self.known.id
        if fresh and self.expects:
            raise DatabaseUnavailable(self._mistaken(name, "is empty"))
        if self.known and self.known.id and stored != self.known.id:
            raise DatabaseUnavailable(self._mistaken(name, "is another database"))
        if stored and not self.known and not stored.startswith(mine):
            other = stored.partition("-")[0]
            raise DatabaseUnavailable(
                f"{name} belongs to the studio {other} of another root. Give this one a database "
                "of its own, or take that one over: jupyter mlstudio database adopt"
            )
        self._id = stored or mine + secrets.token_hex(4)
        if stored is None:
            connection.execute(insert(properties).values(name=_ID, value=self._id))
        elif adopted and not stored.startswith(mine):
            self._id = mine + secrets.token_hex(4)
            connection.execute(
                update(properties).where(properties.c.name == _ID).values(value=self._id)
            )

    def remember(self, name: str) -> None:
        """Note the database that was admitted in the root."""
        known = Known(self._id, name)
        if known != self.known:
            _write(self._settings, known)
            self.known = known

    def _mistaken(self, name: str, what: str) -> str:
        root = self._settings.root
        where = f"in {self.known.name}" if self.known else "elsewhere: there are jobs or objects"
        return (
            f"{name} {what}, and the studio at {root} has its state {where}. Name that one "
            "(jupyter mlstudio start --database, MLSTUDIO_DATABASE), or see what there is to go on "
            "with: jupyter mlstudio database"
        )


def adopt(settings: Settings) -> None:
    """Have the next studio take the database that the settings name as it is, even an empty one."""
    _write(settings, Known("", ""))


def _place(settings: Settings) -> Path:
    return settings.root / "database.json"


def _read(settings: Settings) -> Known | None:
    try:
        document = json.loads(_place(settings).read_text())
    except FileNotFoundError:
        return None
    return Known(str(document["id"]), str(document["name"]))


def _write(settings: Settings, known: Known) -> None:
    document = {"id": known.id, "name": known.name}
    write_atomically(_place(settings), json.dumps(document, indent=2))

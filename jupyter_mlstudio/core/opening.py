"""The database that the settings name."""

from __future__ import annotations

from . import postgres
from .database import Database
from .settings import SQLITE, Settings


def open_database(settings: Settings) -> Database:
    """Open a studio's database in the newest schema. Raises :class:`.DatabaseUnavailable`."""
    if settings.database == SQLITE:
        return Database.at(settings.database_file)
    return postgres.PostgresDatabase(settings.database, settings.studio_id)


def describe_database(settings: Settings) -> str:
    """Return which database it is, without a password, and the version of a server.

    Raises ValueError for a bad URL, :class:`.DatabaseUnavailable` for a server that cannot be used.
    """
    if settings.database == SQLITE:
        return f"SQLite at {settings.database_file}"
    name = postgres.describe(settings.database)
    return f"{name} ({postgres.server_version(settings.database)})"

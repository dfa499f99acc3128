"""The database that the settings name."""

from __future__ import annotations

from . import postgres
from .copies import Copies
from .database import Database
from .owner import FILE, Owner
from .settings import SQLITE, Settings
from .soundness import examine
from .sqlite import SqliteDatabase


def open_database(settings: Settings) -> Database:
    """Open a studio's database in the newest schema.

    Raises :class:`.DatabaseUnavailable`, also for one that is damaged, missing or not this root's.
    """
    owner = Owner(settings)
    if settings.database != SQLITE:
        return postgres.PostgresDatabase(settings.database, settings.studio_id, owner)
    owner.check_kind(f"{FILE}{settings.database_file}")
    examine(settings.database_file, expected=owner.expects)
    Copies(settings).before_migration()
    return SqliteDatabase(settings.database_file, owner)


def describe_database(settings: Settings) -> str:
    """Return which database the settings name, without a password, and the version of a server.

    Raises
    ------
    ValueError
        The URL is bad.
    DatabaseUnavailable
        A server cannot be used; a file is damaged, or missing; it is not the one in use so far.
    """
    owner = Owner(settings)
    if settings.database == SQLITE:
        name = f"{FILE}{settings.database_file}"
        owner.check_kind(name)
        examine(settings.database_file, expected=owner.expects)
        return name
    name = postgres.describe(settings.database)
    owner.check_kind(name)
    return f"{name} ({postgres.server_version(settings.database)})"

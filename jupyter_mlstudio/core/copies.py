"""Copies of the SQLite file: made while the studio runs, a few kept, put back by its user.

Nothing is put back by itself: what happened since a copy was made would vanish without a word, and
what runs would belong to nobody. See ``docs/adr/0011-a-damaged-database.md``.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Collection, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine

from .._drafts import draft_of
from .database import newest_revision, revision_of
from .settings import SQLITE, Settings
from .soundness import files_of
from .sqlite import copy

log = logging.getLogger(__name__)

HOURLY = 3
DAILY = 4
"""Kept are the newest copy of each of so many hours and days that have one."""

_PERIOD = 3600.0
_LOOK = 60.0
_ROOM = 2
"""A copy is made only where so many would fit."""

_FORM = "%Y%m%dT%H%M%SZ"
_UNITS = ("%Y%m%d%H", HOURLY), ("%Y%m%d", DAILY)


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy; ``made`` is when, and its file's name says so too."""

    path: Path
    made: datetime

    @property
    def name(self) -> str:
        """What people call it."""
        return self.path.stem


class Copies:
    """The copies of a studio's database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.copies
        self._source = settings.database_file

    def all(self) -> list[Copy]:
        """Return what there is, the newest first."""
        found = []
        for path in self._folder.glob("*.db"):
            with suppress(ValueError):
                made = datetime.strptime(path.stem[:16], _FORM).replace(tzinfo=UTC)
                found.append(Copy(path, made))
        return sorted(found, key=lambda each: each.name, reverse=True)

    def make(self) -> Copy:
        """Copy the database as it is now, and drop copies there are too many of.

        Raises
        ------
        sqlite3.Error
            The database cannot be read, all of it.
        OSError
            The copy cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        size = sum(file.stat().st_size for file in files_of(self._source))
        if shutil.disk_usage(self._folder).free < _ROOM * size:
            raise OSError(f"No space left for a copy of {size >> 20} MiB in {self._folder}")
        for left in self._folder.glob(".*"):
            left.unlink(missing_ok=True)
        draft = draft_of(self._folder / "copy")
        try:
            copy(self._source, draft)
            _flush(draft)
            made = datetime.now(UTC)
            target = self._folder / f"{made.strftime(_FORM)}.db"
            draft.replace(target)
            _flush(self._folder)
        finally:
            draft.unlink(missing_ok=True)
        every = self.all()
        for old in set(every) - set(_kept(every)):
            old.path.unlink(missing_ok=True)
        return Copy(target, made)

    def due(self) -> bool:
        """Say whether something has changed since a newest copy that is an hour old."""
        newest = next(iter(self.all()), None)
        if newest is None:
            return True
        # A clock that was set back makes no copy wait.
        made = newest.path.stat().st_mtime
        changed = max(file.stat().st_mtime for file in files_of(self._source))
        age = datetime.now(UTC).timestamp() - made
        return changed > made and not 0 <= age < _PERIOD

    def before_migration(self) -> None:
        """Copy a database that an older version wrote, as this one is about to change it."""
        if not self._source.exists() or not self._source.stat().st_size:
            return
        engine = create_engine(f"sqlite:///file:{self._source}?mode=ro&uri=true")
        try:
            with engine.connect() as connection:
                revision = revision_of(connection)
        finally:
            engine.dispose()
        if revision is None or revision >= newest_revision():
            return
        log.info("The database is brought to a newer schema; a copy is made before")
        try:
            self.make()
        except (sqlite3.Error, OSError) as error:
            log.warning("The database could not be copied: %s", error)

    def restore(self, chosen: Copy) -> Path | None:
        """Put a copy in the place of the database; return the folder that has what was there.

        No studio may run.
        """
        with closing(sqlite3.connect(f"{chosen.path.as_uri()}?mode=ro", uri=True)) as connection:
            known = {uid for (uid,) in connection.execute("SELECT uid FROM resources")}
        aside = self.set_aside(known)
        self._source.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._source.with_name(f".{self._source.name}")
        shutil.copyfile(chosen.path, draft)
        draft.chmod(0o600)
        _flush(draft)
        draft.replace(self._source)
        _flush(self._source.parent)
        return aside

    def set_aside(self, known: Collection[str] = ()) -> Path | None:
        """Move the database, and folders of jobs that are not ``known``, to a folder of their own.

        Return that folder, None when there is nothing to move.
        """
        jobs = [path for path in self._settings.jobs.glob("*") if path.name not in known]
        paths = [*files_of(self._source), *jobs]
        return self._move(paths) if paths else None

    def _move(self, paths: Iterable[Path]) -> Path:
        stamp = datetime.now(UTC).strftime(_FORM)
        folder = self._settings.root / "aside" / f"{stamp}-{secrets.token_hex(2)}"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in paths:
            shutil.move(path, folder / path.name)
        return folder


class Copier:
    """Makes a copy every hour in which something has changed, the first when the studio starts."""

    def __init__(self, settings: Settings) -> None:
        self._copies = Copies(settings) if settings.database == SQLITE else None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="copies", daemon=True)
        self.problem = ""
        """Why there is no new copy; empty while there is nothing to say."""

    def start(self) -> None:
        """Start to look."""
        if self._copies is not None:
            self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.is_set():
            self.look()
            self._closed.wait(_LOOK)

    def look(self) -> None:
        """Make a copy if it is time."""
        copies = self._copies
        if copies is None:
            return
        problem = ""
        try:
            if copies.due():
                log.info("The database was copied: %s", copies.make().name)
        except sqlite3.DatabaseError as error:
            problem = f"The database is damaged, or cannot be read: {error}"
        except OSError as error:
            problem = f"The database cannot be copied: {error}"
        if problem and problem != self.problem:
            log.error(problem)
        self.problem = problem


def _kept(every: list[Copy]) -> list[Copy]:
    """Return the copies to keep, of ``every`` by age."""
    kept: dict[Copy, None] = {}
    for unit, count in _UNITS:
        newest: dict[str, Copy] = {}
        for each in every:
            newest.setdefault(each.made.strftime(unit), each)
        kept.update(dict.fromkeys(list(newest.values())[:count]))
    return list(kept)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

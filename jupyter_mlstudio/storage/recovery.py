"""How an object store finds its feet: after a clean stop, a crash, or a lost catalogue."""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path

from .._failpoints import reached
from . import catalog, records
from .files import ObjectFiles
from .journal import Journal

log = logging.getLogger(__name__)

_COMPACT_RECORDS = 100_000
_COMPACT_RATIO = 4
_BYTES_PER_RECORD = 300


def recover(files: ObjectFiles, *, swept: bool) -> tuple[sqlite3.Connection, Journal]:
    """Open catalogue and journal and make them say the same.

    Parameters
    ----------
    files:
        The store's files. Bodies nothing refers to are deleted; they are moved to ``lost/``
        instead when the journal was damaged or missing.
    swept:
        The last stop was clean: there are no such bodies and the catalogue is sound.
    """
    database, path = files.root / "objects.db", files.root / "journal"
    connection = _open(database, sound=swept)
    fresh = catalog.size(connection) == 0
    if path.exists():
        journal = Journal(path)
        _catch_up(connection, journal)
    else:
        if not fresh:
            log.warning("%s is missing; written anew from the catalogue", path)
        journal = Journal.create(path, records.snapshot(connection))
        _settle(connection, journal)
    suspicious = journal.damaged > 0 or (fresh and journal.end == journal.start)
    files.prepare()
    reached("s3.recover.replayed")
    if suspicious or not swept:
        _sweep(connection, files, quarantine=suspicious)
    reached("s3.recover.swept")
    return connection, _compact(connection, journal, path)


def rebuild(root: Path) -> int:
    """Make the catalogue at ``root`` anew from the journal and return how many records it has.

    No process may have the store open.
    """
    _set_aside(root / "objects.db")
    connection, journal = recover(ObjectFiles(root), swept=False)
    count = catalog.size(connection)
    connection.close()
    journal.close()
    return count


def _open(database: Path, *, sound: bool) -> sqlite3.Connection:
    try:
        connection = catalog.connect(database)
        if catalog.is_current(connection) and (sound or _is_whole(connection)):
            catalog.position(connection)
            return connection
        connection.close()
    except sqlite3.DatabaseError as error:
        log.warning("%s cannot be read: %s", database, error)
    _set_aside(database)
    return catalog.connect(database)


def _is_whole(connection: sqlite3.Connection) -> bool:
    row: tuple[str] = connection.execute("PRAGMA quick_check").fetchone()
    return row == ("ok",)


def _set_aside(database: Path) -> None:
    stamp = time.strftime("%Y%m%dT%H%M%S")
    for suffix in ("", "-wal", "-shm"):
        present = database.with_name(database.name + suffix)
        if present.exists():
            kept = database.with_name(f"{database.name}.{stamp}{suffix}")
            log.warning("Keeping %s as %s", present, kept.name)
            present.rename(kept)


def _catch_up(connection: sqlite3.Connection, journal: Journal) -> None:
    generation, offset = catalog.position(connection)
    connection.execute("BEGIN IMMEDIATE")
    if generation != journal.generation or offset > journal.end:
        log.warning("Building the catalogue of the object store from its journal")
        catalog.clear(connection)
        offset = journal.start
    for record, _ in journal.read(offset):
        records.apply(connection, record)
    catalog.set_position(connection, journal.generation, journal.end)
    connection.execute("COMMIT")


def _settle(connection: sqlite3.Connection, journal: Journal) -> None:
    connection.execute("BEGIN IMMEDIATE")
    catalog.set_position(connection, journal.generation, journal.end)
    connection.execute("COMMIT")


def _compact(connection: sqlite3.Connection, journal: Journal, path: Path) -> Journal:
    """Rewrite a journal most of whose records no longer matter."""
    lines = journal.end // _BYTES_PER_RECORD
    if lines < _COMPACT_RECORDS or lines < _COMPACT_RATIO * catalog.size(connection):
        return journal
    journal.close()
    # Until the position is settled, a crash means one rebuild from the new journal.
    compacted = Journal.create(path, records.snapshot(connection))
    _settle(connection, compacted)
    return compacted


def _sweep(connection: sqlite3.Connection, files: ObjectFiles, *, quarantine: bool) -> None:
    needed = catalog.files(connection)
    unknown = [file for file in files.ids() if file not in needed]
    if not unknown:
        return
    if not quarantine:
        files.remove(unknown)
        return
    lost = files.root / "lost"
    lost.mkdir(exist_ok=True)
    log.error("%d bodies without an object are kept in %s", len(unknown), lost)
    for file in unknown:
        files.path(file).rename(lost / file)

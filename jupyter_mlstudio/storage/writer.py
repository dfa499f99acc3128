"""The one thread that changes an object store, many changes at a time.

A change is a *decision*: a function that looks at the catalogue and returns the records to make,
or raises. Decisions that wait together share one transaction and one sync of the journal, each
seeing what those before it did.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from .._failpoints import reached
from . import catalog, records
from .journal import Journal, Record

T = TypeVar("T")
Decision = Callable[[sqlite3.Connection], tuple[list[Record], T]]

_BATCH = 256

log = logging.getLogger(__name__)


class Writer:
    """Applies decisions to journal and catalogue in the order in which they come.

    Parameters
    ----------
    connection:
        The catalogue; only this thread uses it from here on.
    journal:
        Its journal, at the same position.
    remove:
        Deletes the files with these ids; called after the change that freed them is durable.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        journal: Journal,
        remove: Callable[[Iterable[str]], None],
    ) -> None:
        self._connection = connection
        self._journal = journal
        self._remove = remove
        self._queue: SimpleQueue[tuple[Decision[Any], Future[Any]] | None] = SimpleQueue()
        self._janitor = ThreadPoolExecutor(1, thread_name_prefix="objects-janitor")
        self._thread = threading.Thread(target=self._run, name="objects-writer", daemon=True)
        self._thread.start()

    def write(self, decision: Decision[T]) -> T:
        """Make a change and return the decision's result once it is durable.

        Raises
        ------
        AWSError
            Whatever the decision raises; nothing is changed then.
        OSError, sqlite3.Error
            If it could not be written (disk full); nothing is changed then either.
        """
        future: Future[T] = Future()
        self._queue.put((decision, future))
        return future.result()

    def close(self) -> None:
        """Finish what was asked for and end."""
        self._queue.put(None)
        self._thread.join()
        self._janitor.shutdown()

    def _run(self) -> None:
        ending = False
        while not ending:
            batch = [self._queue.get()]
            while len(batch) < _BATCH:
                try:
                    batch.append(self._queue.get_nowait())
                except Empty:
                    break
            ending = None in batch
            try:
                self._commit([item for item in batch if item is not None])
            except Exception:
                # Journal and catalogue may differ now; the next start makes them agree.
                log.critical("The object store cannot be written any more", exc_info=True)
                self._refuse_all()
                return

    def _refuse_all(self) -> None:
        while (item := self._queue.get()) is not None:
            item[1].set_exception(OSError(errno.EIO, "the object store broke; see its log"))

    def _commit(self, batch: list[tuple[Decision[Any], Future[Any]]]) -> None:
        changes: list[Record] = []
        freed: list[str] = []
        results: list[tuple[Future[Any], Any]] = []
        end = self._journal.end
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for decision, future in batch:
                try:
                    wanted, result = decision(self._connection)
                except Exception as error:
                    future.set_exception(error)
                    continue
                for record in wanted:
                    freed += records.apply(self._connection, record)
                changes += wanted
                results.append((future, result))
            if changes:
                self._journal.append(changes)
                reached("s3.journal.appended")
                catalog.set_position(self._connection, self._journal.generation, self._journal.end)
            self._connection.execute("COMMIT")
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            self._undo(end)
            return
        if changes:
            reached("s3.catalogue.committed")
        if freed:
            self._janitor.submit(self._clean, freed)
        for future, result in results:
            future.set_result(result)

    def _undo(self, end: int) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        if self._journal.end != end:
            self._journal.truncate(end)

    def _clean(self, files: list[str]) -> None:
        reached("s3.bodies.freed")
        try:
            self._remove(files)
        except OSError:
            log.exception("Could not delete files that are no longer needed; the next start will")

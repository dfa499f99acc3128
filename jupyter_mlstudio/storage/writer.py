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
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from .._failpoints import reached
from . import catalog, records
from .files import Incoming
from .journal import Journal, Record

T = TypeVar("T")
Batch = Sequence["tuple[Decision[Any], Future[Any]]"]
Decision = Callable[[sqlite3.Connection], tuple[list[Record], T]]

_BATCH = 256
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds until what could not be deleted is tried again."""

log = logging.getLogger(__name__)


class Unknown(OSError):
    """Whether a change was made shows only when the store is opened anew."""


@contextmanager
def discarding(body: Incoming) -> Iterator[None]:
    """Discard a body when it does not become that of an object."""
    try:
        yield
    except Unknown:
        raise  # it may be one: the next start knows
    except BaseException:
        body.discard()
        raise


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
    broken:
        Told when nothing can be written any more until the store is opened anew.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        journal: Journal,
        remove: Callable[[Iterable[str]], None],
        broken: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._journal = journal
        self._remove = remove
        self._broken = broken
        self._queue: SimpleQueue[tuple[Decision[Any], Future[Any]] | None] = SimpleQueue()
        self.unclean = False
        """Whether there are files that nobody needs: the next start has to look for them."""
        self._closing = threading.Event()
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
            If it could not be written (disk full); nothing is changed then either, unless it is
            :class:`Unknown`.
        """
        future: Future[T] = Future()
        self._queue.put((decision, future))
        return future.result()

    def close(self) -> None:
        """Finish what was asked for and end."""
        self._queue.put(None)
        self._thread.join()
        self._closing.set()
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
                log.critical("The object store has to be opened anew", exc_info=True)
                self.unclean = True
                self._broken()
                self._refuse_all()
                return

    def _refuse_all(self) -> None:
        while (item := self._queue.get()) is not None:
            item[1].set_exception(OSError(errno.EIO, "the object store broke; see its log"))

    def _commit(self, batch: Batch) -> None:
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
            self._undo(end, batch)
            _refuse(batch, error)
            return
        try:
            if changes:
                reached("s3.catalogue.committed")
            if freed:
                self._janitor.submit(self._clean, freed)
        except Exception:
            # The change is made all the same: an error would have its bodies discarded.
            log.exception("Files that are no longer needed stay until the next start")
            self.unclean = True
        for future, result in results:
            future.set_result(result)

    def _undo(self, end: int, batch: Batch) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if self._journal.end != end:
                self._journal.truncate(end)
        except Exception as error:
            _refuse(batch, Unknown(errno.EIO, f"the object store broke: {error}"))
            raise

    def _clean(self, files: list[str]) -> None:
        """Delete files, trying until it is done or the store is closed."""
        pause = _FIRST_PAUSE
        while True:
            try:
                reached("s3.bodies.freed")
                self._remove(files)
                return
            except OSError as error:
                log.warning("Files that are no longer needed cannot be deleted yet: %s", error)
            if self._closing.wait(pause):
                self.unclean = True
                return
            pause = min(2 * pause, _LONGEST_PAUSE)


def _refuse(batch: Batch, error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)

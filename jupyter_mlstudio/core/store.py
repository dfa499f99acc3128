"""Every resource of the studio: wish, facts, status and history.

A resource's *wish* is what the user asked for; its *facts* are what a controller saw. Both are
JSON documents with AWS member names where there are any. Names are unique per kind, account and
region without regard to case.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from .clock import now
from .database import Database
from .kinds import Kind, kinds
from .schema import events, resources, tags, transitions

Document = dict[str, Any]
KEPT_EVENTS = 20_000
_OLDEST = (resources.c.created, resources.c.uid)


@dataclass(slots=True)
class Transition:
    """One step of a resource's history; ``ended`` is None for the step it is in."""

    status: str
    message: str
    started: float
    ended: float | None = None


@dataclass(slots=True)
class Resource:
    """One resource as stored. A copy: changing it changes nothing (see :meth:`Store.edit`)."""

    uid: str
    kind: str
    account: str
    region: str
    name: str
    arn: str
    parent: str | None
    status: str
    created: float
    modified: float
    revision: int
    wish: Document
    facts: Document


@dataclass(slots=True)
class Draft(Resource):
    """A resource under change; what is set on it is stored when the ``edit`` block ends."""

    steps: list[Transition] = field(default_factory=list)

    def step(self, status: str, message: str) -> None:
        """Enter a step of the history, unless the resource is in it with that message."""
        self.steps.append(Transition(status, message, now()))


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a resource, for whoever shows it."""

    cursor: int
    time: float
    kind: str
    account: str
    region: str
    name: str
    arn: str
    status: str


class Store:
    """Resources on a :class:`Database`. Safe to use from any thread."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._listeners: list[Callable[[Resource], None]] = []

    def subscribe(self, changed: Callable[[Resource], None]) -> None:
        """Call ``changed(resource)`` after every change, once it is durable."""
        self._listeners.append(changed)

    # Reading

    def find(self, kind: Kind, account: str, region: str, name: str) -> Resource | None:
        """Return the resource of that name, or None."""
        query = select(resources).where(*_named(kind, account, region, name))
        with self.database.read() as connection:
            row = connection.execute(query).mappings().first()
        return from_row(row) if row else None

    def named(self, kind: Kind, account: str, region: str, names: Iterable[str]) -> list[Resource]:
        """Return the resources that have one of the names, in any order."""
        folded = [name.lower() for name in names]
        query = select(resources).where(
            *_scope(kind, account, region), resources.c.folded.in_(folded)
        )
        with self.database.read() as connection:
            return [from_row(row) for row in connection.execute(query).mappings()]

    def get(self, kind: Kind, account: str, region: str, name: str) -> Resource:
        """Return the resource of that name; raise the kind's not-found error."""
        found = self.find(kind, account, region, name)
        if found is None:
            raise kind.missing.error(name, kind.arn(account, region, name))
        return found

    def by_uid(self, uid: str) -> Resource | None:
        """Return the resource with that uid, or None."""
        with self.database.read() as connection:
            return _by_uid(connection, uid)

    def by_arn(self, arn: str) -> Resource | None:
        """Return the resource with that ARN, or None."""
        query = select(resources).where(resources.c.arn == arn)
        with self.database.read() as connection:
            row = connection.execute(query).mappings().first()
        return from_row(row) if row else None

    def select(
        self, kind: Kind, *, status: Sequence[str] | None = None, parent: str | None = None
    ) -> list[Resource]:
        """Return all resources of a kind, over accounts and regions, oldest first."""
        query = select(resources).where(resources.c.kind == kind.name)
        if status is not None:
            query = query.where(resources.c.status.in_(status))
        if parent is not None:
            query = query.where(resources.c.parent == parent)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(*_OLDEST)).mappings().all()
        return [from_row(row) for row in rows]

    def unsettled(self) -> list[tuple[str, str]]:
        """Return (kind, uid) of every resource that a controller still has work with."""
        found: list[tuple[str, str]] = []
        with self.database.read() as connection:
            for kind in kinds():
                if kind.final is None:
                    continue
                query = select(resources.c.uid).where(
                    resources.c.kind == kind.name, resources.c.status.not_in(kind.final)
                )
                found += [(kind.name, uid) for uid in connection.scalars(query)]
        return found

    def counts(self) -> dict[tuple[str, str], int]:
        """Return the number of resources by (kind, status)."""
        query = select(resources.c.kind, resources.c.status, func.count()).group_by(
            resources.c.kind, resources.c.status
        )
        with self.database.read() as connection:
            return {(kind, status): n for kind, status, n in connection.execute(query)}

    def history(self, uid: str) -> list[Transition]:
        """Return the steps of a resource, oldest first."""
        query = select(transitions).where(transitions.c.uid == uid).order_by(transitions.c.number)
        with self.database.read() as connection:
            return [
                Transition(row.status, row.message, row.started, row.ended)
                for row in connection.execute(query)
            ]

    def changes(self, after: int, limit: int) -> list[Event]:
        """Return up to ``limit`` events later than cursor ``after``, oldest first."""
        query = select(events).where(events.c.cursor > after).order_by(events.c.cursor)
        with self.database.read() as connection:
            return [Event(**row) for row in connection.execute(query.limit(limit)).mappings()]

    def last_cursor(self) -> int:
        """Return the cursor of the newest event, 0 when there is none."""
        with self.database.read() as connection:
            return connection.scalar(select(func.max(events.c.cursor))) or 0

    # Writing

    def create(
        self,
        kind: Kind,
        account: str,
        region: str,
        name: str,
        *,
        wish: Mapping[str, Any],
        status: str,
        parent: str | None = None,
        facts: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        step: tuple[str, str] | None = None,
        arn: str | None = None,
    ) -> Resource:
        """Store a new resource; raise the kind's taken error when the name is in use.

        ``labels`` are its tags; ``step`` is (status, message) of the first step of its history.
        """
        moment = now()
        arn = arn or kind.arn(account, region, name)
        made = Resource(
            uid=secrets.token_hex(8),
            kind=kind.name,
            account=account,
            region=region,
            name=name,
            arn=arn,
            parent=parent,
            status=status,
            created=moment,
            modified=moment,
            revision=1,
            wish=dict(wish),
            facts=dict(facts or {}),
        )
        try:
            with self.database.write() as connection:
                connection.execute(insert(resources).values(**_columns(made)))
                if step is not None:
                    _append(connection, made.uid, [Transition(*step, moment)])
                _tag(connection, arn, labels or {})
                _announce(connection, made)
        except IntegrityError as error:
            raise kind.taken.error(name, arn) from error
        self._tell(made)
        return made

    @contextmanager
    def edit(self, uid: str) -> Iterator[Draft]:
        """Change a resource in one step: read, decide, write, all or nothing.

        Raises
        ------
        KeyError
            The resource is gone.
        """
        with self.database.write() as connection:
            before = _by_uid(connection, uid)
            if before is None:
                raise KeyError(uid)
            draft = Draft(**copy.deepcopy(_fields(before)))
            yield draft
            changed = _columns(draft) != _columns(before)
            stepped = _append(connection, uid, draft.steps)
            if not (changed or stepped):
                return
            draft.modified = max(now(), before.modified)
            draft.revision = before.revision + 1
            connection.execute(
                update(resources).where(resources.c.uid == uid).values(**_columns(draft))
            )
            _announce(connection, draft)
        self._tell(draft)

    def delete(self, uid: str) -> None:
        """Forget a resource with its history and tags; unknown: no-op."""
        with self.database.write() as connection:
            gone = _by_uid(connection, uid)
            if gone is None:
                return
            connection.execute(delete(resources).where(resources.c.uid == uid))
            connection.execute(delete(tags).where(tags.c.arn == gone.arn))
            gone.status = "Deleted"
            _announce(connection, gone)
        self._tell(gone)

    # Tags

    def tags(self, arn: str) -> dict[str, str]:
        """Return the tags of an ARN, sorted by key."""
        query = select(tags.c.key, tags.c.value).where(tags.c.arn == arn).order_by(tags.c.key)
        with self.database.read() as connection:
            return {row.key: row.value for row in connection.execute(query)}

    def tag(self, arn: str, labels: Mapping[str, str], *, limit: int | None = None) -> bool:
        """Set tags; with ``limit``, change nothing and return False when there would be more."""
        with self.database.write() as connection:
            if limit is not None:
                query = select(tags.c.key).where(tags.c.arn == arn)
                if len(set(connection.scalars(query)) | set(labels)) > limit:
                    return False
            _tag(connection, arn, labels)
        return True

    def untag(self, arn: str, keys: Sequence[str]) -> None:
        """Remove tags by key."""
        with self.database.write() as connection:
            connection.execute(delete(tags).where(tags.c.arn == arn, tags.c.key.in_(keys)))

    def _tell(self, resource: Resource) -> None:
        for changed in self._listeners:
            self.database.once_written(partial(changed, resource))


def _named(kind: Kind, account: str, region: str, name: str) -> list[Any]:
    return [*_scope(kind, account, region), resources.c.folded == name.lower()]


def _scope(kind: Kind, account: str, region: str) -> list[Any]:
    table = resources.c
    return [table.kind == kind.name, table.account == account, table.region == region]


def _by_uid(connection: Connection, uid: str) -> Resource | None:
    query = select(resources).where(resources.c.uid == uid)
    row = connection.execute(query).mappings().first()
    return from_row(row) if row else None


def from_row(row: RowMapping) -> Resource:
    """Return the resource that a row of the table holds."""
    return Resource(**{key: value for key, value in row.items() if key != "folded"})


def _fields(resource: Resource) -> dict[str, Any]:
    return {name: getattr(resource, name) for name in Resource.__slots__}


def _columns(resource: Resource) -> dict[str, Any]:
    return {**_fields(resource), "folded": resource.name.lower()}


def _append(connection: Connection, uid: str, steps: Sequence[Transition]) -> bool:
    query = select(transitions).where(transitions.c.uid == uid).order_by(transitions.c.number)
    rows = connection.execute(query).all() if steps else []
    last = rows[-1] if rows else None
    number = last.number if last else 0
    latest = last.started if last else 0.0
    current = (last.status, last.message) if last else None
    appended = False
    for step in steps:
        if (step.status, step.message) == current:
            continue
        # The clock may have been set back: a history only goes on.
        latest = max(step.started, latest)
        connection.execute(
            update(transitions)
            .where(transitions.c.uid == uid, transitions.c.ended.is_(None))
            .values(ended=latest)
        )
        number += 1
        connection.execute(
            insert(transitions).values(
                uid=uid,
                number=number,
                status=step.status,
                message=step.message,
                started=latest,
                ended=step.ended,
            )
        )
        current, appended = (step.status, step.message), True
    return appended


def _tag(connection: Connection, arn: str, labels: Mapping[str, str]) -> None:
    if not labels:
        return
    connection.execute(delete(tags).where(tags.c.arn == arn, tags.c.key.in_(list(labels))))
    rows = [{"arn": arn, "key": key, "value": value} for key, value in labels.items()]
    connection.execute(insert(tags), rows)


def _announce(connection: Connection, resource: Resource) -> None:
    cursor = connection.scalar(
        insert(events)
        .returning(events.c.cursor)
        .values(
            time=now(),
            kind=resource.kind,
            account=resource.account,
            region=resource.region,
            name=resource.name,
            arn=resource.arn,
            status=resource.status,
        )
    )
    if cursor is not None and cursor % 1000 == 0:
        connection.execute(delete(events).where(events.c.cursor <= cursor - KEPT_EVENTS))

"""The List operations that all resources share: filters, sorts, pages.

A page token names the last row seen (keyset paging, so pages stay right while rows come and go),
and is signed together with the query: a forged token, or one of another query or caller, is
refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, literal, select, tuple_

from ..wire.errors import validation_error
from ..wire.operation import Call
from .clock import seconds
from .columns import contains
from .kinds import Kind
from .schema import resources
from .store import Resource, from_row

if TYPE_CHECKING:
    from .studio import Studio

DEFAULT_PAGE = 10

SORTS: dict[str, tuple[ColumnElement[Any], ...]] = {
    "Name": (resources.c.name, resources.c.uid),
    "CreationTime": (resources.c.created, resources.c.uid),
    "LastModifiedTime": (resources.c.modified, resources.c.uid),
    "Status": (resources.c.status, resources.c.created, resources.c.uid),
}
"""What a sort goes by; each has an index, which also leads to the middle of a long list."""

_SPANS = (
    ("CreatedAfter", "CreatedBefore"),
    ("CreationTimeAfter", "CreationTimeBefore"),
    ("LastModifiedTimeAfter", "LastModifiedTimeBefore"),
)
_TIMES = {
    "CreationTimeAfter": (resources.c.created, ">"),
    "CreationTimeBefore": (resources.c.created, "<"),
    "LastModifiedTimeAfter": (resources.c.modified, ">"),
    "LastModifiedTimeBefore": (resources.c.modified, "<"),
}


@dataclass(frozen=True, slots=True)
class Listing:
    """How one List operation answers.

    Parameters
    ----------
    kind:
        What it lists.
    results:
        Response member that holds the summaries.
    summary:
        Makes one summary.
    sort, order:
        The defaults that the operation documents.
    status:
        Request member that filters by status.
    parent:
        Request member that filters by parent.
    sorts:
        Further values of ``SortBy`` (e.g. ``CreatedAt``) as names in :data:`SORTS`.
    page:
        Page size when the request names none.
    """

    kind: Kind
    results: str
    summary: Callable[[Resource], dict[str, Any]]
    sort: str = "CreationTime"
    order: str = "Descending"
    status: str = "StatusEquals"
    parent: str | None = None
    sorts: Mapping[str, str] = field(default_factory=dict)
    page: int = DEFAULT_PAGE

    def answer(self, call: Call[Studio], request: Mapping[str, Any]) -> dict[str, Any]:
        """Return one page of summaries, and ``NextToken`` when there are more."""
        rows, token = self.rows(call, request)
        answer: dict[str, Any] = {self.results: self.summaries(call, rows)}
        if token:
            answer["NextToken"] = token
        return answer

    def summaries(self, _: Call[Studio], rows: Sequence[Resource]) -> list[dict[str, Any]]:
        """Return the summaries of a page; a kind that has to ask for more asks once."""
        return [self.summary(row) for row in rows]

    def rows(
        self, call: Call[Studio], request: Mapping[str, Any]
    ) -> tuple[list[Resource], str | None]:
        """Return one page of resources and the token of the next."""
        _check_spans(request)
        sort = request.get("SortBy", self.sort)
        columns = SORTS[self.sorts.get(sort, sort)]
        descending = request.get("SortOrder", self.order) == "Descending"
        size = request.get("MaxResults") or self.page
        signer = Tokens(call.app.keys.derive("page-token"))
        scope = query_scope(call, self.kind.name, request)
        query = self.filtered(call, request)
        token = request.get("NextToken")
        after = signer.open(token, scope) if token else None
        with call.app.store.database.read() as connection:
            found, last = read_page(
                connection, query, columns, size, descending=descending, after=after
            )
        return found, None if last is None else signer.seal(last, scope)

    def filtered(self, call: Call[Studio], request: Mapping[str, Any]) -> Select[Any]:
        """Return the query with the request's filters; a kind with others adds them here."""
        query = select(resources).where(
            resources.c.kind == self.kind.name,
            resources.c.account == call.account,
            resources.c.region == call.region,
        )
        for member, (column, way) in _TIMES.items():
            moment = seconds(request.get(member))
            if moment is not None:
                query = query.where(column > moment if way == ">" else column < moment)
        if text := request.get("NameContains"):
            query = query.where(contains(resources.c.folded, text.lower()))
        if status := request.get(self.status):
            query = query.where(resources.c.status == status)
        if self.parent and (parent := request.get(self.parent)):
            query = query.where(resources.c.parent == parent)
        return query


def read_page(
    connection: Connection,
    query: Select[Any],
    columns: Sequence[ColumnElement[Any]],
    size: int,
    *,
    descending: bool,
    after: Sequence[Any] | None = None,
) -> tuple[list[Resource], list[Any] | None]:
    """Return a page of the resources that a query finds, and its end where more follow.

    Parameters
    ----------
    columns:
        What it is sorted by, one of :data:`SORTS`.
    after:
        The end of the page before.
    """
    if after is not None:
        query = query.where(_past(columns, after, descending=descending))
    order = [column.desc() if descending else column.asc() for column in columns]
    # Indexes say which they are, where documents would have to be read and put aside.
    chosen = query.with_only_columns(resources.c.uid).order_by(*order).limit(size + 1)
    own = resources.c.uid.in_(chosen.correlate(None))
    page = select(resources).where(own).order_by(*order)
    found = [from_row(row) for row in connection.execute(page).mappings()]
    if len(found) <= size:
        return found, None
    return found[:size], [getattr(found[size - 1], str(column.key)) for column in columns]


def _check_spans(request: Mapping[str, Any]) -> None:
    for after, before in _SPANS:
        if after in request and before in request and request[after] > request[before]:
            raise validation_error(f"{after} must not be later than {before}.")


def query_scope(call: Call[Studio], what: str, request: Mapping[str, Any]) -> str:
    """Return what a page token is good for: this query of this caller."""
    rest = {k: str(v) for k, v in request.items() if k not in ("NextToken", "MaxResults")}
    return json.dumps([what, call.account, call.region, rest], sort_keys=True)


def _past(
    columns: Sequence[ColumnElement[Any]], position: Sequence[Any], *, descending: bool
) -> ColumnElement[bool]:
    """Return the condition for rows behind a position, as one comparison that an index answers."""
    if len(position) != len(columns):
        raise bad_token()  # of a studio that sorted by other columns
    row = tuple_(*columns)
    values = [literal(value, column.type) for value, column in zip(position, columns, strict=True)]
    last = tuple_(*values)
    return row < last if descending else row > last


class Tokens:
    """Signed page tokens."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, position: Sequence[Any], scope: str) -> str:
        """Return a token for a position within ``scope``."""
        body = json.dumps(list(position)).encode()
        return base64.urlsafe_b64encode(self._mac(body, scope) + body).decode()

    def open(self, token: str, scope: str) -> Any:  # noqa: ANN401 - what was sealed
        """Return the position; raise ValidationException for a token that is not ours."""
        try:
            raw = base64.urlsafe_b64decode(token.encode())
        except ValueError as error:
            raise bad_token() from error
        mac, body = raw[:32], raw[32:]
        if not hmac.compare_digest(mac, self._mac(body, scope)):
            raise bad_token()
        return json.loads(body)

    def _mac(self, body: bytes, scope: str) -> bytes:
        return hmac.digest(self._key, hashlib.sha256(scope.encode()).digest() + body, "sha256")


def bad_token() -> Exception:
    """Return the error for a page token that is not of this query."""
    return validation_error(
        "Invalid pagination token: NextToken must come from the previous page of the same request."
    )


def tag_map(pairs: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """Return AWS's list of Key/Value pairs as a dictionary.

    Raises ``ValidationException`` for a key that is there twice, or belongs to AWS.
    """
    labels: dict[str, str] = {}
    for pair in pairs or ():
        if pair["Key"].lower().startswith("aws:"):
            raise validation_error(f"Tag keys that begin with aws: are reserved: {pair['Key']}")
        if pair["Key"] in labels:
            raise validation_error(f"Duplicate tag keys found: {pair['Key']}")
        labels[pair["Key"]] = pair["Value"]
    return labels

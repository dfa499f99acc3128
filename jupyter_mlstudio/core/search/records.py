"""What can be searched, and the search itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.model import StructureShape
from sqlalchemy import ColumnElement, Float, RowMapping, func, select

from ...wire.errors import AWSError
from ...wire.operation import Call, Response, handlers
from ...wire.services import operation_model
from ..clock import timestamp
from ..database import Database
from ..kinds import Kind
from ..listing import SORTS, Tokens, bad_token, query_scope, read_page
from ..schema import resources, tags
from ..store import Resource, from_row
from .conditions import Columns, Condition, condition
from .expressions import Expression
from .properties import METRICS, TAGS, Property, as_number, property_of

if TYPE_CHECKING:
    from ..studio import Studio

PAGE = 10
_BATCH = 500
_FEW = 1000
"""Up to so many hits are found first and sorted then."""
_IDENTITY = (resources.c.uid, resources.c.created, resources.c.arn)
_SEARCHABLE: dict[str, Searchable] = {}

Document = dict[str, Any]
Key = tuple[int, float | str]
Hit = tuple[Key, float, str]
"""What it is sorted by, when it was created, and its uid."""


@dataclass(frozen=True, slots=True)
class Searchable:
    """A resource that Search finds; declaring one registers it.

    Parameters
    ----------
    resource:
        Its name as a value of ``Resource``.
    kind:
        Its kind.
    describe, member:
        Its Describe operation, and the member of that which names it. Of the answer what
        ``SearchRecord`` has no member for is left out.
    outline:
        What of that can be had from the stored resource alone. Filters and sorting look at it, as
        long as they ask for none of ``further``.
    further:
        Members that ``outline`` does not give.
    record:
        Its member of ``SearchRecord``, where that is not ``resource``.
    by_arn:
        Whether Describe is given its ARN instead of its name.
    columns:
        Its properties that are columns of every resource of the kind. What looks at nothing else
        is found by the indexes of lists.
    """

    resource: str
    kind: Kind
    describe: str
    member: str
    outline: Callable[[Resource], Document] | None = None
    further: frozenset[str] = frozenset()
    record: str = ""
    by_arn: bool = False
    columns: Columns = field(default_factory=dict)

    def __post_init__(self) -> None:
        _SEARCHABLE[self.resource] = self

    @property
    def shape(self) -> StructureShape:
        """The shape of its records."""
        return _record_shape(self.record or self.resource)

    def full(self, call: Call[Studio], resource: Resource) -> Document | None:
        """Return the whole record of a resource, None when it has been deleted meanwhile."""
        named = {self.member: resource.arn if self.by_arn else resource.name}
        try:
            described = handlers()["sagemaker", self.describe](call, named) or {}
        except AWSError:
            if call.app.store.by_uid(resource.uid) is None:
                return None
            raise
        members = self.shape.members
        found = {name: value for name, value in described.items() if name in members}
        labels = call.app.store.tags(resource.arn)
        pairs = [{"Key": key, "Value": value} for key, value in labels.items()]
        return {**found, TAGS: pairs} if TAGS in members else found


@cache
def _record_shape(member: str) -> StructureShape:
    output: Any = operation_model("sagemaker", "Search").output_shape
    shape: StructureShape = output.members["Results"].member.members[member]
    return shape


@dataclass(slots=True)
class _View:
    """How a search looks at the resources it goes through: at no more than it has to."""

    call: Call[Studio]
    target: Searchable
    properties: list[Property]
    labels: dict[str, list[Document]] = field(default_factory=dict)
    metrics: dict[str, list[Document]] = field(default_factory=dict)
    whole: bool = False
    columns: Columns | None = None
    """What is looked at where that is columns only, besides tags and metrics."""

    def __post_init__(self) -> None:
        heads = {prop.head for prop in self.properties}
        if TAGS in heads:
            self._read_tags()
            heads.discard(TAGS)
        names = [prop.name.partition(".")[2] for prop in self.properties if prop.head == METRICS]
        if names and METRICS not in self.target.shape.members:
            self._read_metrics(names)
            heads.discard(METRICS)
        known = self.target.columns
        if heads <= known.keys():
            self.columns = {head: known[head] for head in heads}
        self.whole = self.target.outline is None or bool(heads & self.target.further)

    def records(self, clause: ColumnElement[bool]) -> Iterator[tuple[float, str, Document]]:
        """Yield of each resource the time of its creation, its uid, and what is looked at."""
        where = (*_own(self.call, self.target.kind), clause)
        columns = None if self.columns is None else self.columns.values()
        for row in _rows(self.call.app.store.database, where, columns):
            record = self._read(row)
            if record is not None:
                yield row["created"], row["uid"], record

    def _read(self, row: RowMapping) -> Document | None:
        """Return of a resource what the search looks at, None when it has been deleted."""
        if self.columns is not None:
            record = {name: _value(column, row) for name, column in self.columns.items()}
        elif self.whole or self.target.outline is None:
            return self.target.full(self.call, from_row(row))
        else:
            record = self.target.outline(from_row(row))
        record[TAGS] = self.labels.get(row["arn"], [])
        record["FinalMetricDataList"] = self.metrics.get(row["arn"], [])
        return record

    def _read_tags(self) -> None:
        query = (
            select(tags)
            .join(resources, resources.c.arn == tags.c.arn)
            .where(*_own(self.call, self.target.kind))
        )
        with self.call.app.store.database.read() as connection:
            for row in connection.execute(query):
                pairs = self.labels.setdefault(row.arn, [])
                pairs.append({"Key": row.key, "Value": row.value})

    def _read_metrics(self, names: list[str]) -> None:
        for arn, points in self.call.app.metrics.finals(names).items():
            self.metrics[arn] = [{"MetricName": p.name, "Value": p.value} for p in points]


def _value(column: ColumnElement[Any], row: RowMapping) -> Any:  # noqa: ANN401 - of the column
    value = row[str(column.key)]
    return timestamp(value) if isinstance(column.type, Float) else value


def search(call: Call[Studio], request: Mapping[str, Any]) -> Response:
    """Answer Search: a page of the records that satisfy the expression, sorted, and their count."""
    target = _target(request["Resource"])
    usual = "LastModifiedTime" if "LastModifiedTime" in target.shape.members else "CreationTime"
    sort = property_of(target.shape, request.get("SortBy", usual), target.resource)
    document = request.get("SearchExpression")
    expression = Expression(target.shape, target.resource, document)
    if request.get("CrossAccountFilterOption") == "CrossAccount":
        return _answer([], 0, None)
    tagged = TAGS in target.shape.members
    asked = condition(document or {}, target.columns, tagged=tagged)
    order = next((s for s in SORTS.values() if s[0] is target.columns.get(sort.name)), None)
    if order is not None and asked.exact:
        page, total, token = _by_index(call, target, asked, order, request)
    else:
        view = _View(call, target, [sort, *expression.properties])
        hits = [
            (_key(sort, sort.values(record)), created, uid)
            for created, uid, record in view.records(asked.clause)
            if expression(record)
        ]
        found, token = _page(call, request, hits)
        total = len(hits)
        page = [each for *_, uid in found if (each := call.app.store.by_uid(uid))]
    return _answer(list(_results(call, target, page)), total, token)


def _answer(results: list[Document], total: int, token: str | None) -> Response:
    hits = {"Value": total, "Relation": "EqualTo"}
    return {"Results": results, "TotalHits": hits, **({"NextToken": token} if token else {})}


def _results(
    call: Call[Studio], target: Searchable, page: Iterable[Resource]
) -> Iterator[Document]:
    for resource in page:
        if (record := target.full(call, resource)) is not None:
            yield {target.record or target.resource: record}


def _target(resource: str) -> Searchable:
    if resource not in _SEARCHABLE:
        raise AWSError(
            "UnsupportedOperation", f"Search: this studio does not support the Resource {resource}."
        )
    return _SEARCHABLE[resource]


def _by_index(
    call: Call[Studio],
    target: Searchable,
    asked: Condition,
    order: Sequence[ColumnElement[Any]],
    request: Mapping[str, Any],
) -> tuple[list[Resource], int, str | None]:
    """Return a page that the database finds by itself, the count of all, and the next token."""
    scope = query_scope(call, "Search", request)
    signer = Tokens(call.app.keys.derive("page-token"))
    token = request.get("NextToken")
    uid, where = resources.c.uid, (*_own(call, target.kind), asked.clause)
    with call.app.store.database.read() as connection:
        few = connection.scalars(select(uid).where(*where).limit(_FEW + 1)).all()
        total = len(few)
        if total > _FEW:
            count = select(func.count()).select_from(resources).where(*where)
            total = connection.scalar(count) or 0
        else:  # and not by a way through all in their order
            where = (uid.in_(few),)
        page, last = read_page(
            connection,
            select(resources).where(*where),
            order,
            request.get("MaxResults", PAGE),
            descending=request.get("SortOrder", "Descending") == "Descending",
            after=signer.open(token, scope) if token else None,
        )
    return page, total, None if last is None else signer.seal(last, scope)


def _rows(
    database: Database,
    where: Sequence[ColumnElement[bool]],
    columns: Iterable[ColumnElement[Any]] | None,
) -> Iterator[RowMapping]:
    """Yield what is where, some columns or whole rows: of those a batch in memory at a time."""
    chosen = [resources.c.uid] if columns is None else dict.fromkeys([*_IDENTITY, *columns])
    with database.read() as connection:
        found = connection.execute(select(*chosen).where(*where)).mappings().all()
    if columns is not None:
        yield from found
        return
    uids = [row["uid"] for row in found]
    for start in range(0, len(uids), _BATCH):
        own = resources.c.uid.in_(uids[start : start + _BATCH])
        with database.read() as connection:
            rows = connection.execute(select(resources).where(own)).mappings().all()
        yield from rows


def _own(call: Call[Studio], kind: Kind) -> tuple[Any, ...]:
    return (
        resources.c.kind == kind.name,
        resources.c.account == call.account,
        resources.c.region == call.region,
    )


def _key(sort: Property, values: list[Any]) -> Key:
    """Return what a record is sorted by: nothing before text before numbers."""
    if not values or isinstance(values[0], Mapping):
        return (0, "")
    value = values[0].timestamp() if isinstance(values[0], datetime) else values[0]
    if sort.type == "text":
        return (1, str(value))
    number = as_number(value) if isinstance(value, str) else float(value)
    if number is None or number != number:
        return (1, str(value))
    return (2, number)


def _page(
    call: Call[Studio], request: Mapping[str, Any], hits: list[Hit]
) -> tuple[list[Hit], str | None]:
    """Return the first of the hits after those that the token says were seen, and the next."""
    signer = Tokens(call.app.keys.derive("page-token"))
    scope = query_scope(call, "Search", request)
    descending = request.get("SortOrder", "Descending") == "Descending"
    hits.sort(reverse=descending)
    if token := request.get("NextToken"):
        place = signer.open(token, scope)
        if len(place) != 4:
            raise bad_token()  # of a studio that searched otherwise
        rank, value, created, uid = place
        seen = ((rank, value), created, uid)
        hits = [hit for hit in hits if (hit < seen if descending else hit > seen)]
    size = request.get("MaxResults", PAGE)
    page = hits[:size]
    if len(hits) <= size:
        return page, None
    (rank, value), created, uid = page[-1]
    return page, signer.seal([rank, value, created, uid], scope)

"""What can be searched, and the search itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.model import StructureShape
from sqlalchemy import select

from ...wire.errors import AWSError
from ...wire.operation import Call, Response, handlers
from ...wire.services import operation_model
from ..kinds import Kind
from ..listing import Tokens, query_scope
from ..schema import resources, tags
from ..store import Resource, from_row
from .expressions import Expression
from .properties import METRICS, TAGS, Property, as_number, property_of

if TYPE_CHECKING:
    from ..studio import Studio

PAGE = 10
_BATCH = 500
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
    """

    resource: str
    kind: Kind
    describe: str
    member: str
    outline: Callable[[Resource], Document] | None = None
    further: frozenset[str] = frozenset()
    record: str = ""
    by_arn: bool = False

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

    def __post_init__(self) -> None:
        heads = {prop.head for prop in self.properties}
        if TAGS in heads:
            self._read_tags()
        names = [prop.name.partition(".")[2] for prop in self.properties if prop.head == METRICS]
        if names and METRICS not in self.target.shape.members:
            self._read_metrics(names)
            heads.discard(METRICS)
        self.whole = self.target.outline is None or bool(heads & self.target.further)

    def record(self, resource: Resource) -> Mapping[str, Any] | None:
        """Return of a resource what the search looks at, None when it has been deleted."""
        if self.whole or self.target.outline is None:
            return self.target.full(self.call, resource)
        outline = self.target.outline(resource)
        outline[TAGS] = self.labels.get(resource.arn, [])
        outline["FinalMetricDataList"] = self.metrics.get(resource.arn, [])
        return outline

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


def search(call: Call[Studio], request: Mapping[str, Any]) -> Response:
    """Answer Search: a page of the records that satisfy the expression, sorted, and their count."""
    target = _target(request["Resource"])
    usual = "LastModifiedTime" if "LastModifiedTime" in target.shape.members else "CreationTime"
    sort = property_of(target.shape, request.get("SortBy", usual), target.resource)
    expression = Expression(target.shape, target.resource, request.get("SearchExpression"))
    ours = request.get("CrossAccountFilterOption") != "CrossAccount"
    view = _View(call, target, [sort, *expression.properties])
    hits = _hits(view, expression, sort) if ours else []
    hits.sort(reverse=request.get("SortOrder", "Descending") == "Descending")
    total = {"Value": len(hits), "Relation": "EqualTo"}
    page, token = _page(call, request, hits)
    results = list(_results(call, target, page))
    return {"Results": results, "TotalHits": total, **({"NextToken": token} if token else {})}


def _results(call: Call[Studio], target: Searchable, page: list[Hit]) -> Iterator[Document]:
    store = call.app.store
    for *_, uid in page:
        resource = store.by_uid(uid)
        if resource and (record := target.full(call, resource)) is not None:
            yield {target.record or target.resource: record}


def _target(resource: str) -> Searchable:
    if resource not in _SEARCHABLE:
        raise AWSError(
            "UnsupportedOperation", f"Search: this studio does not support the Resource {resource}."
        )
    return _SEARCHABLE[resource]


def _hits(view: _View, expression: Expression, sort: Property) -> list[Hit]:
    hits = []
    for resource in _all(view.call, view.target.kind):
        record = view.record(resource)
        if record is not None and expression(record):
            hits.append((_key(sort.values(record)), resource.created, resource.uid))
    return hits


def _all(call: Call[Studio], kind: Kind) -> Iterator[Resource]:
    """Yield the caller's resources of a kind, a batch in memory at a time."""
    last = ""
    while True:
        query = (
            select(resources)
            .where(*_own(call, kind), resources.c.uid > last)
            .order_by(resources.c.uid)
            .limit(_BATCH)
        )
        with call.app.store.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        yield from map(from_row, rows)
        if len(rows) < _BATCH:
            return
        last = rows[-1]["uid"]


def _own(call: Call[Studio], kind: Kind) -> tuple[Any, ...]:
    return (
        resources.c.kind == kind.name,
        resources.c.account == call.account,
        resources.c.region == call.region,
    )


def _key(values: list[Any]) -> Key:
    """Return what a record is sorted by: nothing before text before numbers."""
    if not values or isinstance(values[0], Mapping):
        return (0, "")
    value = values[0].timestamp() if isinstance(values[0], datetime) else values[0]
    number = as_number(value) if isinstance(value, str) else float(value)
    if number is None or number != number:
        return (1, str(value))
    return (2, number)


def _page(
    call: Call[Studio], request: Mapping[str, Any], hits: list[Hit]
) -> tuple[list[Hit], str | None]:
    """Return the hits after those that the token says were seen, and the next token."""
    signer = Tokens(call.app.keys.derive("page-token"))
    scope = query_scope(call, "Search", request)
    descending = request.get("SortOrder", "Descending") == "Descending"
    if token := request.get("NextToken"):
        rank, value, created, uid = signer.open(token, scope)
        seen = ((rank, value), created, uid)
        hits = [hit for hit in hits if (hit < seen if descending else hit > seen)]
    size = request.get("MaxResults", PAGE)
    page = hits[:size]
    if len(hits) <= size:
        return page, None
    (rank, value), created, uid = page[-1]
    return page, signer.seal([rank, value, created, uid], scope)

"""GetMetricData."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...core.clock import timestamp
from ...core.listing import Tokens
from ...core.samples import Metric
from ...core.studio import Studio
from ...wire.errors import AWSError
from ...wire.operation import Call, Response, operation
from .errors import bad_query
from .expressions import Expression, Series
from .put import dimensions
from .statistics import check_period, periods, statistic, window

if TYPE_CHECKING:
    from types_boto3_cloudwatch import type_defs as t

MOST_DATAPOINTS = 100_800
MOST_QUERIES = 500
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")

Query = Mapping[str, Any]


@operation("cloudwatch", "GetMetricData")
def get_metric_data(call: Call[Studio], request: t.GetMetricDataInputTypeDef) -> Response:
    """Return series of statistics, and expressions of them, a page of datapoints at a time."""
    queries: Sequence[Query] = request["MetricDataQueries"]
    expressions = _check(queries)
    size = request.get("MaxDatapoints", MOST_DATAPOINTS)
    if not 1 <= size <= MOST_DATAPOINTS:
        raise bad_query(f"MaxDatapoints must be between 1 and {MOST_DATAPOINTS}.")
    tokens = Tokens(call.app.keys.derive("cloudwatch-token"))
    rest = {name: value for name, value in request.items() if name != "NextToken"}
    scope = f"GetMetricData {call.account} {call.region} {json.dumps(rest, default=str)}"
    token = request.get("NextToken")
    first, last = _position(tokens, token, scope) if token else (0, None)
    series = _read(call, request, queries)
    _evaluate(expressions, series)
    wanted = [query for query in queries if query.get("ReturnData", True)]
    ascending = request.get("ScanBy") == "TimestampAscending"
    results: list[dict[str, Any]] = []
    for index, query in enumerate(wanted[first:], first):
        points = sorted(series[query["Id"]].items(), reverse=not ascending)
        if last is not None:
            points = [each for each in points if (each[0] > last) == ascending and each[0] != last]
            last = None
        page, left = points[:size], points[size:]
        size -= len(page)
        results.append(_result(query, page, complete=not left))
        more = index + 1 < len(wanted)
        if left or (size <= 0 and more):
            place = [index, page[-1][0]] if left else [index + 1, None]
            return {"MetricDataResults": results, "NextToken": tokens.seal(place, scope)}
    return {"MetricDataResults": results}


def _check(queries: Sequence[Query]) -> dict[str, Expression]:
    """Return the expressions by id, or say what is wrong with the queries."""
    if not queries:
        raise bad_query("At least one MetricDataQuery is needed.")
    if len(queries) > MOST_QUERIES:
        raise bad_query(f"There are more than {MOST_QUERIES} MetricDataQueries.")
    ids = [query["Id"] for query in queries]
    for each in ids:
        if not _ID.fullmatch(each):
            raise bad_query(
                f"The value {each} for parameter Id is not matching the expected pattern "
                f"^{_ID.pattern}$."
            )
    if len(set(ids)) < len(ids):
        raise bad_query("The values for parameter Id in MetricDataQueries are not unique.")
    if not any(query.get("ReturnData", True) for query in queries):
        raise bad_query("At least one of the MetricDataQueries must have ReturnData true.")
    for query in queries:
        _check_query(query)
    expressions = {
        query["Id"]: Expression(query["Expression"]) for query in queries if "Expression" in query
    }
    for name, expression in expressions.items():
        if unknown := sorted(expression.ids - set(ids)):
            raise bad_query(
                f"The expression of {name} refers to unknown Ids: {', '.join(unknown)}."
            )
    return expressions


def _check_query(query: Query) -> None:
    name = query["Id"]
    if ("MetricStat" in query) == ("Expression" in query):
        raise bad_query(f"The query {name} needs either MetricStat or Expression.")
    if "${" in query.get("Label", ""):
        raise bad_query(f"The label of {name}: dynamic labels are not supported by this studio.")
    if "MetricStat" in query:
        stat = query["MetricStat"]
        missing = {"MetricName", "Namespace"} - stat["Metric"].keys()
        if missing:
            raise bad_query(f"The metric of {name} needs {' and '.join(sorted(missing))}.")
        try:
            check_period(stat["Period"])
            statistic(stat["Stat"])
        except AWSError as error:
            raise bad_query(f"The query {name}: {error.message}") from None


def _read(
    call: Call[Studio],
    request: t.GetMetricDataInputTypeDef,
    queries: Sequence[Query],
) -> dict[str, Series]:
    now = time.time()
    found: dict[str, Series] = {}
    for query in queries:
        if query.get("AccountId", call.account) != call.account:
            raise bad_query(f"The query {query['Id']}: this studio has no other accounts.")
        if "MetricStat" not in query:
            continue
        stat = query["MetricStat"]
        metric = Metric(
            call.account,
            call.region,
            stat["Metric"]["Namespace"],
            stat["Metric"]["MetricName"],
            dimensions(stat["Metric"].get("Dimensions", []), query["Id"]),
        )
        start, end = window(request["StartTime"], request["EndTime"], stat["Period"], now)  # type: ignore[arg-type]  # decoded
        of = statistic(stat["Stat"])
        samples = periods(call.app, metric, start, end, stat["Period"], stat.get("Unit"))
        values = ((moment, of(sample)) for moment, sample in samples)
        found[query["Id"]] = {moment: value for moment, value in values if value is not None}
    return found


def _evaluate(expressions: Mapping[str, Expression], series: dict[str, Series]) -> None:
    """Add the series of every expression, those first that others need."""
    left = dict(expressions)
    while left:
        ready = [name for name, each in left.items() if each.ids <= series.keys()]
        if not ready:
            raise bad_query(f"The expressions {', '.join(sorted(left))} refer to each other.")
        for name in ready:
            series[name] = left.pop(name).values(series)


def _result(query: Query, page: Sequence[tuple[float, float]], *, complete: bool) -> dict[str, Any]:
    default = query["MetricStat"]["Metric"]["MetricName"] if "MetricStat" in query else query["Id"]
    return {
        "Id": query["Id"],
        "Label": query.get("Label", default),
        "Timestamps": [timestamp(moment) for moment, _ in page],
        "Values": [value for _, value in page],
        "StatusCode": "Complete" if complete else "PartialData",
    }


def _position(tokens: Tokens, token: str, scope: str) -> tuple[int, float | None]:
    try:
        index, last = tokens.open(token, scope)
    except AWSError:
        raise AWSError("InvalidNextToken", "The next token is not valid.") from None
    return index, last

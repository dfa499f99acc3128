"""GetMetricStatistics and ListMetrics."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from ...core.clock import timestamp
from ...core.cloudwatch import Wanted
from ...core.listing import Tokens
from ...core.samples import Metric
from ...core.studio import Studio
from ...wire.errors import AWSError
from ...wire.operation import Call, Response, operation
from .errors import contradiction, invalid, missing
from .put import dimensions
from .statistics import PLAIN, check_period, periods, statistic, window

if TYPE_CHECKING:
    from types_boto3_cloudwatch import type_defs as t

MOST_DATAPOINTS = 1440
PAGE = 500
TWO_WEEKS, THREE_HOURS = 14 * 86_400.0, 3 * 3600.0


@operation("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(
    call: Call[Studio], request: t.GetMetricStatisticsInputTypeDef
) -> Response:
    """Return statistics of one metric by period; points of different units are kept apart."""
    plain, extended = request.get("Statistics", []), request.get("ExtendedStatistics", [])
    if not plain and not extended:
        raise missing("Must specify either Statistics or ExtendedStatistics.")
    for name in extended:
        if name in PLAIN:
            raise invalid(f"The value {name} for parameter ExtendedStatistics is invalid.")
    wanted = {name: statistic(name) for name in (*plain, *extended)}
    period = request["Period"]
    check_period(period)
    start, end = window(request["StartTime"], request["EndTime"], period, time.time())  # type: ignore[arg-type]  # decoded
    points = math.ceil((end - start) / period)
    if points > MOST_DATAPOINTS:
        raise contradiction(
            f"You have requested up to {points:,} datapoints, which exceeds the limit of "
            f"{MOST_DATAPOINTS:,}. You may reduce the datapoints requested by increasing Period, "
            "or decreasing the time range."
        )
    metric = Metric(
        call.account,
        call.region,
        request["Namespace"],
        request["MetricName"],
        dimensions(request.get("Dimensions", []), "request"),
    )
    datapoints = []
    for moment, sample in periods(
        call.app, metric, start, end, period, request.get("Unit"), by_unit=True
    ):
        found = {name: value for name in wanted if (value := wanted[name](sample)) is not None}
        point: dict[str, Any] = {name: found[name] for name in plain if name in found}
        if extended:
            point["ExtendedStatistics"] = {name: found[name] for name in extended if name in found}
        datapoints.append({"Timestamp": timestamp(moment), "Unit": sample.unit, **point})
    return {"Label": request["MetricName"], "Datapoints": datapoints}


@operation("cloudwatch", "ListMetrics")
def list_metrics(call: Call[Studio], request: t.ListMetricsInputTypeDef) -> Response:
    """List metrics that had a point in the last two weeks (``RecentlyActive``: three hours)."""
    if request.get("OwningAccount", call.account) != call.account:
        return {"Metrics": []}
    age = THREE_HOURS if request.get("RecentlyActive") else TWO_WEEKS
    wanted = Wanted(
        call.account,
        call.region,
        time.time() - age,
        request.get("Namespace"),
        request.get("MetricName"),
        tuple((each["Name"], each.get("Value")) for each in request.get("Dimensions", [])),
    )
    found = call.app.cloudwatch.metrics(wanted)
    tokens = Tokens(call.app.keys.derive("cloudwatch-token"))
    rest = {name: value for name, value in request.items() if name != "NextToken"}
    scope = f"ListMetrics {call.account} {call.region} {sorted(rest.items())}"
    if token := request.get("NextToken"):
        last = _opened(tokens, token, scope)
        found = [metric for metric in found if _place(metric) > last]
    page = found[:PAGE]
    answer: Response = {"Metrics": [_document(metric) for metric in page]}
    if request.get("IncludeLinkedAccounts"):
        answer["OwningAccounts"] = [call.account] * len(page)
    if len(found) > PAGE:
        answer["NextToken"] = tokens.seal(_place(page[-1]), scope)
    return answer


def _place(metric: Metric) -> list[Any]:
    return [metric.namespace, metric.name, [list(pair) for pair in metric.dimensions]]


def _opened(tokens: Tokens, token: str, scope: str) -> Any:  # noqa: ANN401 - what was sealed
    try:
        return tokens.open(token, scope)
    except AWSError:
        raise invalid("The value for parameter NextToken is invalid.") from None


def _document(metric: Metric) -> dict[str, Any]:
    return {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
    }

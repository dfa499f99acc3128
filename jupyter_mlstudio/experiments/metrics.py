"""The sagemaker-metrics service: metrics that running code sends itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..core.clock import seconds
from ..core.metrics import Point
from ..core.studio import Studio
from ..wire.operation import Call, Response, operation
from .kind import TRIAL_COMPONENT

if TYPE_CHECKING:
    from types_boto3_sagemaker_metrics import type_defs as t

_PERIODS = {"OneMinute": 60, "FiveMinute": 300, "OneHour": 3600}


@operation("sagemaker-metrics", "BatchPutMetrics")
def batch_put_metrics(call: Call[Studio], request: t.BatchPutMetricsRequestTypeDef) -> Response:
    """Store metrics of a trial component; what is answered without an error is on disk.

    A value that is not finite is an error of its own, and so are all of an unknown component.
    """
    store = call.app.store
    name = request["TrialComponentName"]
    component = store.find(TRIAL_COMPONENT, call.account, call.region, name)
    wrong = [
        number
        for number, item in enumerate(request["MetricData"])
        if component is None or not math.isfinite(item["Value"])
    ]
    errors = [{"Code": "VALIDATION_ERROR", "MetricIndex": number} for number in wrong]
    if component is None:
        return {"Errors": errors}
    points = [
        Point(
            item["MetricName"],
            item["Value"],
            seconds(item["Timestamp"]) or 0.0,
            item.get("Step"),
        )
        for number, item in enumerate(request["MetricData"])
        if number not in wrong
    ]
    if points:
        call.app.metrics.append(component.wish.get("SourceArn", component.arn), points)
    return {"Errors": errors}


@operation("sagemaker-metrics", "BatchGetMetrics")
def batch_get_metrics(call: Call[Studio], request: t.BatchGetMetricsRequestTypeDef) -> Response:
    """Return statistics of metrics over steps or over periods of time."""
    results = []
    for query in request["MetricQueries"]:
        component = call.app.store.by_arn(query["ResourceArn"])
        arn = query["ResourceArn"]
        if component is not None and component.kind == TRIAL_COMPONENT.name:
            arn = component.wish.get("SourceArn", arn)
        found = call.app.metrics.series(arn, [query["MetricName"]])
        if component is None or not found:
            message = f"Could not find metric {query['MetricName']} of {query['ResourceArn']}"
            results.append({"Status": "ValidationError", "Message": message})
            continue
        results.append(_aggregate(query, found[0].steps, found[0].times, found[0].values))
    return {"MetricQueryResults": results}


def _aggregate(
    query: Any,  # noqa: ANN401 - MetricQueryTypeDef
    steps: list[int | None],
    times: list[float],
    values: list[float],
) -> dict[str, Any]:
    by_step = query["XAxisType"] == "IterationNumber"
    period = _PERIODS.get(query["Period"])
    start, end = query.get("Start"), query.get("End")
    buckets: dict[int, list[float]] = {}
    for number, (step, time, value) in enumerate(zip(steps, times, values, strict=True)):
        if (start is not None and time < start) or (end is not None and time >= end):
            continue
        x = (number if step is None else step) if by_step else int(time)
        key = x if period is None or by_step else x - x % period
        buckets.setdefault(key, []).append(value)
    statistic = _STATISTICS[query["MetricStat"]]
    ordered = sorted(buckets)
    return {
        "Status": "Complete",
        "XAxisValues": ordered,
        "MetricValues": [statistic(buckets[x]) for x in ordered],
    }


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation; infinite, or no number, where a float cannot hold it."""
    mean = sum(values) / len(values)
    # A product that is too great is infinite; a power would be an OverflowError.
    return math.sqrt(sum((value - mean) * (value - mean) for value in values) / len(values))


_STATISTICS: dict[str, Any] = {
    "Min": min,
    "Max": max,
    "Avg": lambda values: sum(values) / len(values),
    "Count": len,
    "StdDev": deviation,
    "Last": lambda values: values[-1],
}

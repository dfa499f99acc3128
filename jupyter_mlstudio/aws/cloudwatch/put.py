"""PutMetricData."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...core.clock import seconds
from ...core.cloudwatch import Entry
from ...core.samples import Metric, Sample
from ...core.studio import Studio
from ...wire.errors import AWSError
from ...wire.operation import Call, operation
from .errors import contradiction, invalid, missing

if TYPE_CHECKING:
    from types_boto3_cloudwatch import type_defs as t

MOST_METRICS = 1000
MOST_VALUES = 150
MOST_DIMENSIONS = 30
GREATEST = 2.0**360
PAST, FUTURE = 14 * 86_400.0, 2 * 3600.0
"""Seconds a point may lie before and after now."""


@operation("cloudwatch", "PutMetricData")
def put_metric_data(call: Call[Studio], request: t.PutMetricDataInputTypeDef) -> None:
    """Store points of metrics: all of them, or none."""
    namespace = request["Namespace"]
    if request.get("EntityMetricData"):
        raise AWSError(
            "UnsupportedOperation",
            "PutMetricData: this studio does not support EntityMetricData; send MetricData.",
        )
    if namespace.startswith("AWS/"):
        raise invalid(f"The value {namespace} for parameter Namespace is invalid.")
    data = request.get("MetricData")
    if not data:
        raise missing("The parameter MetricData is required.")
    if len(data) > MOST_METRICS:
        raise invalid(
            f"The collection MetricData must not have a size greater than {MOST_METRICS}."
        )
    now = time.time()
    entries = [
        _entry(call, namespace, datum, f"MetricData.member.{number}", now)
        for number, datum in enumerate(data, 1)
    ]
    call.app.cloudwatch.tables.put(entry for entry in entries if entry is not None)


def _entry(
    call: Call[Studio],
    namespace: str,
    datum: Any,  # noqa: ANN401 - MetricDatumTypeDef
    path: str,
    now: float,
) -> Entry | None:
    """Return what to store of a datum; nothing if its counts say that there were no values."""
    metric = Metric(
        call.account,
        call.region,
        namespace,
        datum["MetricName"],
        dimensions(datum.get("Dimensions", []), path),
    )
    moment = _moment(datum, path, now)
    resolution = datum.get("StorageResolution", 60)
    if resolution not in (1, 60):
        raise invalid(f"The parameter {path}.StorageResolution must be 1 or 60.")
    unit = datum.get("Unit", "None")
    given = [name for name in ("Value", "StatisticValues", "Values") if name in datum]
    if not given:
        raise missing(f"{path}: one of Value, Values and StatisticValues must be given.")
    if len(given) > 1:
        first, second = given[:2]
        raise contradiction(
            f"The parameters {path}.{first} and {path}.{second} are mutually exclusive and you "
            "have specified both."
        )
    if given == ["StatisticValues"]:
        return metric, _statistics(datum["StatisticValues"], path, moment, resolution, unit)
    values, counts = _values(datum, given[0], path)
    counted: dict[float, float] = {}
    for value, count in zip(values, counts, strict=True):
        if count:
            counted[value] = counted.get(value, 0) + count
    return (metric, Sample.counted(counted, moment, resolution, unit)) if counted else None


def dimensions(pairs: Sequence[Any], path: str) -> tuple[tuple[str, str], ...]:
    """Return the dimensions of a metric as they are kept.

    Raises
    ------
    AWSError
        ``InvalidParameterValue`` for a name twice, or too many.
    """
    if len(pairs) > MOST_DIMENSIONS:
        raise invalid(
            f"The collection {path}.Dimensions must not have a size greater than {MOST_DIMENSIONS}."
        )
    found = {pair["Name"]: pair["Value"] for pair in pairs}
    if len(found) != len(pairs):
        raise invalid(f"The parameter {path}.Dimensions names a dimension twice.")
    return tuple(sorted(found.items()))


def _moment(datum: Any, path: str, now: float) -> float:  # noqa: ANN401 - MetricDatumTypeDef
    moment = seconds(datum.get("Timestamp"))
    if moment is None:
        return now
    if moment < now - PAST:
        raise invalid(
            f"The parameter {path}.Timestamp must specify a time no more than two weeks in the "
            "past."
        )
    if moment > now + FUTURE:
        raise invalid(
            f"The parameter {path}.Timestamp must specify a time no more than two hours in the "
            "future."
        )
    return moment


def _values(
    datum: Any,  # noqa: ANN401 - MetricDatumTypeDef
    member: str,
    path: str,
) -> tuple[list[float], list[float]]:
    if member == "Value":
        if "Counts" in datum:
            raise contradiction(f"{path}.Counts goes with Values, not with Value.")
        return [_number(datum["Value"], f"{path}.Value")], [1]
    values = [
        _number(value, f"{path}.Values.member.{n}") for n, value in enumerate(datum["Values"], 1)
    ]
    counts = datum.get("Counts", [1] * len(values))
    if not values:
        raise missing(f"The parameter {path}.Values must have at least one member.")
    if len(values) > MOST_VALUES:
        raise invalid(
            f"The collection {path}.Values must not have a size greater than {MOST_VALUES}."
        )
    if len(counts) != len(values):
        raise invalid(f"The parameters {path}.Values and {path}.Counts must be of the same size.")
    for number, count in enumerate(counts, 1):
        name = f"{path}.Counts.member.{number}"
        if _number(count, name) < 0:
            raise invalid(f"The value {count} for parameter {name} must not be negative.")
    return values, list(counts)


def _statistics(
    given: Any,  # noqa: ANN401 - StatisticSetTypeDef
    path: str,
    moment: float,
    resolution: int,
    unit: str,
) -> Sample:
    count, total, minimum, maximum = (
        _number(given[name], f"{path}.StatisticValues.{name}")
        for name in ("SampleCount", "Sum", "Minimum", "Maximum")
    )
    if count <= 0:
        raise invalid(f"The parameter {path}.StatisticValues.SampleCount must be greater than 0.")
    if minimum > maximum:
        raise invalid(
            f"The parameter {path}.StatisticValues.Maximum must not be less than its Minimum."
        )
    start = math.floor(moment / resolution) * resolution
    return Sample(start, count, total, minimum, maximum, resolution, unit)


def _number(value: float, path: str) -> float:
    if not abs(value) <= GREATEST:  # nor is it for NaN
        raise invalid(f"The value {value} for parameter {path} is invalid.")
    return value

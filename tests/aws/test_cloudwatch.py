"""CloudWatch through boto3, in every protocol it has been spoken in."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conftest import RunningStudio
from tests.jobs.jobs import unique
from tests.protocols import CLOUDWATCH, session_speaking

NOW = datetime.fromtimestamp(time.time() // 3600 * 3600, UTC) - timedelta(hours=1)
"""A whole hour, so that periods begin where the points of a test do."""

HOUR = {"StartTime": NOW, "EndTime": NOW + timedelta(hours=1)}


@pytest.fixture(scope="module", params=CLOUDWATCH)
def cloudwatch(request: pytest.FixtureRequest, process_studio: RunningStudio) -> Iterator[Any]:
    """Give a client of each protocol."""
    region = process_studio.settings.region
    session = session_speaking(request.param, region)
    client = process_studio.client("cloudwatch", session=session)
    yield client
    client.close()


@pytest.fixture(scope="module")
def one(process_studio: RunningStudio) -> Iterator[Any]:
    """Give the client boto3 makes by itself, where the protocol does not matter."""
    client = process_studio.client("cloudwatch")
    yield client
    client.close()


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def datum(name: str = "m", seconds: float = 0, **members: Any) -> dict[str, Any]:
    return {"MetricName": name, "Timestamp": at(seconds), **members}


def by_time(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])


def code_of(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_points_come_back_as_statistics(cloudwatch: Any) -> None:
    space = unique("space")
    host = [{"Name": "Host", "Value": "algo-1/ü"}, {"Name": "A", "Value": "b"}]
    cloudwatch.put_metric_data(
        Namespace=space,
        MetricData=[
            datum(seconds=0, Value=1.5, Dimensions=host),
            datum(seconds=30, Value=2.5, Dimensions=host),
            datum(seconds=60, Values=[1.0, 2.0, 9.0], Counts=[1, 8, 1], Dimensions=host),
            datum(
                seconds=120,
                StatisticValues={"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 4},
                Dimensions=host,
            ),
            datum(seconds=0, Value=1000),
        ],
    )
    answer = cloudwatch.get_metric_statistics(
        Namespace=space,
        MetricName="m",
        Dimensions=host[::-1],
        Period=60,
        Statistics=["SampleCount", "Average", "Sum", "Minimum", "Maximum"],
        **HOUR,
    )
    assert answer["Label"] == "m"
    rows = [
        (p["Timestamp"], p["SampleCount"], p["Average"], p["Sum"], p["Minimum"], p["Maximum"])
        for p in by_time(answer)
    ]
    assert rows == [
        (at(0), 2, 2.0, 4.0, 1.5, 2.5),
        (at(60), 10, 2.6, 26.0, 1.0, 9.0),
        (at(120), 4, 2.5, 10.0, 1.0, 4.0),
    ]
    assert {point["Unit"] for point in answer["Datapoints"]} == {"None"}
    percentiles = cloudwatch.get_metric_statistics(
        Namespace=space,
        MetricName="m",
        Dimensions=host,
        Period=60,
        ExtendedStatistics=["p50", "p99.9"],
        **HOUR,
    )
    assert [point.get("ExtendedStatistics") for point in by_time(percentiles)] == [
        {"p50": 1.5, "p99.9": 2.5},
        {"p50": 2.0, "p99.9": 9.0},
        {},
    ]


def test_metrics_are_listed_by_what_they_are_called(cloudwatch: Any) -> None:
    space = unique("space")
    red = {"Name": "Colour", "Value": "red"}
    size = {"Name": "Size", "Value": "1"}
    cloudwatch.put_metric_data(
        Namespace=space,
        MetricData=[
            datum("m", Value=1, Dimensions=[size, red]),
            datum("m", Value=1, Dimensions=[red]),
            datum("n", Value=1),
            datum("old", seconds=-4 * 3600, Value=1),
        ],
    )

    def found(**wanted: Any) -> list[tuple[str, int]]:
        answer = cloudwatch.list_metrics(Namespace=space, **wanted)
        return [(each["MetricName"], len(each["Dimensions"])) for each in answer["Metrics"]]

    assert found() == [("m", 1), ("m", 2), ("n", 0), ("old", 0)]
    assert found(MetricName="m") == [("m", 1), ("m", 2)]
    assert found(Dimensions=[{"Name": "Size"}]) == [("m", 2)]
    assert found(Dimensions=[red, {"Name": "Size", "Value": "2"}]) == []
    assert found(RecentlyActive="PT3H") == [("m", 1), ("m", 2), ("n", 0)]
    assert cloudwatch.list_metrics(Namespace=f"{space}x")["Metrics"] == []


def test_series_and_arithmetic_of_them(cloudwatch: Any) -> None:
    space = unique("space")
    cloudwatch.put_metric_data(
        Namespace=space,
        MetricData=[
            *(datum("errors", 60 * n, Value=n) for n in range(4)),
            *(datum("all", 60 * n, Value=10.0 * (n - 2)) for n in range(5)),
        ],
    )

    def stat(name: str) -> dict[str, Any]:
        metric = {"Namespace": space, "MetricName": name}
        return {"Metric": metric, "Period": 60, "Stat": "Sum"}

    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[
            {"Id": "rate", "Expression": "100 * (e + 1) / twice - -1", "Label": "Rate"},
            {"Id": "twice", "Expression": "a*2", "ReturnData": False},
            {"Id": "e", "MetricStat": stat("errors")},
            {"Id": "a", "MetricStat": stat("all"), "ReturnData": False},
        ],
        ScanBy="TimestampAscending",
        **HOUR,
    )
    rate, errors = answer["MetricDataResults"]
    assert (rate["Id"], rate["Label"], rate["StatusCode"]) == ("rate", "Rate", "Complete")
    # Divided by -40, -20, 0 and 20; by zero there is nothing, and no fifth error.
    assert dict(zip(rate["Timestamps"], rate["Values"], strict=True)) == {
        at(0): -1.5,
        at(60): -9.0,
        at(180): 21.0,
    }
    assert (errors["Id"], errors["Label"], errors["Values"]) == ("e", "errors", [0, 1, 2, 3])
    newest_first = cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "e", "MetricStat": stat("errors")}], **HOUR
    )
    assert newest_first["MetricDataResults"][0]["Values"] == [3, 2, 1, 0]


def test_errors_are_the_modelled_ones(cloudwatch: Any) -> None:
    code, message = code_of(
        cloudwatch.get_metric_statistics,
        Namespace="n",
        MetricName="m",
        Period=60,
        Statistics=["Sum"],
        StartTime=NOW,
        EndTime=NOW,
    )
    assert (code, "StartTime must be less than" in message) == ("InvalidParameterValue", True)
    errors = cloudwatch.exceptions
    with pytest.raises(errors.InvalidParameterCombinationException, match="1,440"):
        cloudwatch.get_metric_statistics(
            Namespace="n",
            MetricName="m",
            Period=60,
            Statistics=["Sum"],
            StartTime=NOW - timedelta(days=1),
            EndTime=at(60),
        )
    with pytest.raises(errors.MissingRequiredParameterException):
        cloudwatch.put_metric_data(Namespace="n")


@pytest.mark.parametrize(
    ("members", "code", "names"),
    [
        ({}, "MissingParameter", "MetricData.member.2"),
        ({"Value": 1, "Values": [1]}, "InvalidParameterCombination", "Value"),
        ({"Value": 1, "Counts": [1]}, "InvalidParameterCombination", "Counts"),
        ({"Value": math.nan}, "InvalidParameterValue", "MetricData.member.2.Value"),
        ({"Value": math.inf}, "InvalidParameterValue", "MetricData.member.2.Value"),
        ({"Value": 2.0**361}, "InvalidParameterValue", "MetricData.member.2.Value"),
        ({"Values": [1, 2], "Counts": [1]}, "InvalidParameterValue", "Counts"),
        ({"Values": [1], "Counts": [-1]}, "InvalidParameterValue", "Counts.member.1"),
        ({"Values": [1.0] * 151}, "InvalidParameterValue", "Values"),
        ({"Value": 1, "StorageResolution": 5}, "InvalidParameterValue", "StorageResolution"),
        ({"Value": 1, "seconds": -15 * 86_400}, "InvalidParameterValue", "two weeks"),
        ({"Value": 1, "seconds": 4 * 3600}, "InvalidParameterValue", "two hours"),
        (
            {"StatisticValues": {"SampleCount": 0, "Sum": 1, "Minimum": 1, "Maximum": 1}},
            "InvalidParameterValue",
            "SampleCount",
        ),
        (
            {"StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 2, "Maximum": 1}},
            "InvalidParameterValue",
            "Maximum",
        ),
        (
            {"Value": 1, "Dimensions": [{"Name": "a", "Value": v} for v in "bc"]},
            "InvalidParameterValue",
            "Dimensions",
        ),
    ],
)
def test_bad_points_are_named_and_nothing_is_stored(
    one: Any, members: dict[str, Any], code: str, names: str
) -> None:
    space = unique("space")
    data = [datum(Value=1), datum(**members)]
    found, message = code_of(one.put_metric_data, Namespace=space, MetricData=data)
    assert (found, names in message) == (code, True), message
    assert one.list_metrics(Namespace=space)["Metrics"] == []


def test_what_is_aws_or_too_much_is_refused(one: Any) -> None:
    data = [datum(Value=1)]
    assert "AWS/X" in code_of(one.put_metric_data, Namespace="AWS/X", MetricData=data)[1]
    assert "1000" in code_of(one.put_metric_data, Namespace="n", MetricData=data * 1001)[1]
    entity = [{"Entity": {}, "MetricData": data}]
    with pytest.raises(ClientError, match="EntityMetricData") as caught:
        one.put_metric_data(Namespace="n", EntityMetricData=entity)
    assert caught.value.response["Error"]["Code"] == "UnsupportedOperation"


def query(name: str, **members: Any) -> dict[str, Any]:
    stat = {"Metric": {"Namespace": "n", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    return {"Id": name, **(members or {"MetricStat": stat})}


@pytest.mark.parametrize(
    ("queries", "says"),
    [
        ([], "At least one MetricDataQuery"),
        ([query("a"), query("a")], "not unique"),
        ([query("A")], "Id"),
        ([{"Id": "a"}], "either MetricStat or Expression"),
        ([query("a", Expression="b")], "unknown Ids: b"),
        ([query("a", Expression="b"), query("b", Expression="a")], "refer to each other"),
        ([query("a", Expression="a")], "refer to each other"),
        ([query("a", Expression="SUM(METRICS())")], "function SUM is not supported"),
        ([query("a", Expression="SELECT AVG(x) FROM y")], "Metrics Insights"),
        ([query("b"), query("a", Expression="b ^ 2")], "operator ^"),
        ([query("b"), query("a", Expression="b +")], "ends early"),
        ([query("b"), query("a", Expression="(b")], "parenthesis"),
        ([query("b"), query("a", Expression="b b")], "unexpected 'b'"),
        ([query("b"), query("a", Expression="b $ 1")], "unexpected '$'"),
        ([query("a", Expression="1 + 1")], "at least one metric"),
        ([query("b"), query("a", Expression="(" * 1000 + "b")], "nests deeper"),
        ([query("b"), query("a", Expression="-" * 1000 + "b")], "nests deeper"),
        ([{**query("a"), "Label": "${MAX}"}], "dynamic labels"),
        ([{**query("a"), "ReturnData": False}], "ReturnData"),
        ([query("a", MetricStat={**query("a")["MetricStat"], "Stat": "tm90"})], "tm90"),
        ([query("a", MetricStat={**query("a")["MetricStat"], "Period": 61})], "multiple of 60"),
    ],
)
def test_queries_that_cannot_be_answered_say_why(one: Any, queries: list[Any], says: str) -> None:
    code, message = code_of(one.get_metric_data, MetricDataQueries=queries, **HOUR)
    assert (code, says in message) == ("ValidationError", True), message


def test_series_are_read_a_page_at_a_time(one: Any) -> None:
    space = unique("space")
    data = [datum(name, 60 * n, Value=n) for name in ("m", "n") for n in range(5)]
    one.put_metric_data(Namespace=space, MetricData=data)
    stats = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": {"Namespace": space, "MetricName": name},
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for name in ("m", "n", "nothing")
    ]
    for scan, size in (("TimestampAscending", 3), ("TimestampDescending", 5)):
        pages = []
        request: dict[str, Any] = {"MetricDataQueries": stats, "ScanBy": scan, **HOUR}
        request["MaxDatapoints"] = size
        token: dict[str, str] = {}
        while True:
            answer = one.get_metric_data(**request, **token)
            pages.append(answer["MetricDataResults"])
            if "NextToken" not in answer:
                break
            token = {"NextToken": answer["NextToken"]}
        assert all(sum(len(r["Values"]) for r in page) <= size for page in pages)
        values: dict[str, list[float]] = {}
        for page in pages:
            for result in page:
                values.setdefault(result["Id"], []).extend(result["Values"])
        expected = [0.0, 1.0, 2.0, 3.0, 4.0]
        expected = expected if scan == "TimestampAscending" else expected[::-1]
        assert values == {"m": expected, "n": expected, "nothing": []}
    assert pages[0][0]["StatusCode"] == "Complete"
    other = {**request, "MaxDatapoints": 2}
    assert code_of(one.get_metric_data, **other, **token)[0] in ("InvalidNextToken",)


def test_many_metrics_are_listed_by_page(one: Any) -> None:
    space = unique("space")
    data = [datum(f"m{number:04}", Value=1) for number in range(600)]
    one.put_metric_data(Namespace=space, MetricData=data)
    first = one.list_metrics(Namespace=space)
    assert len(first["Metrics"]) == 500
    second = one.list_metrics(Namespace=space, NextToken=first["NextToken"])
    names = [each["MetricName"] for each in first["Metrics"] + second["Metrics"]]
    assert names == [each["MetricName"] for each in data]
    assert "NextToken" not in second
    code, _ = code_of(one.list_metrics, Namespace="other", NextToken=first["NextToken"])
    assert code == "InvalidParameterValue"


def test_units_and_resolutions_are_kept_apart(one: Any) -> None:
    space = unique("space")
    one.put_metric_data(
        Namespace=space,
        MetricData=[
            datum(Value=1, Unit="Seconds"),
            datum(Value=2, Unit="Bytes"),
            datum("fast", 1, Value=1, StorageResolution=1),
            datum("fast", 2, Value=2, StorageResolution=1),
            datum("slow", 2, Value=2),
        ],
    )

    def sums(name: str, period: int, **more: Any) -> list[tuple[str, float]]:
        answer = one.get_metric_statistics(
            Namespace=space,
            MetricName=name,
            Period=period,
            Statistics=["Sum"],
            StartTime=NOW,
            EndTime=at(60),
            **more,
        )
        return [(point["Unit"], point["Sum"]) for point in by_time(answer)]

    assert sorted(sums("m", 60)) == [("Bytes", 2), ("Seconds", 1)]
    assert sums("m", 60, Unit="Bytes") == [("Bytes", 2)]
    assert sums("m", 60, Unit="Count") == []
    assert sums("fast", 1) == [("None", 1), ("None", 2)]
    assert sums("fast", 60) == [("None", 3)]
    assert sums("slow", 1) == []
    assert sums("slow", 60) == [("None", 2)]


def test_accounts_see_their_region_only(process_studio: RunningStudio, one: Any) -> None:
    space = unique("space")
    one.put_metric_data(Namespace=space, MetricData=[datum(Value=1)])
    config = Config(retries={"max_attempts": 0})
    elsewhere = process_studio.client("cloudwatch", region_name="eu-west-1", config=config)
    assert elsewhere.list_metrics(Namespace=space)["Metrics"] == []
    elsewhere.close()

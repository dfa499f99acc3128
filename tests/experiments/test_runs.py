"""Runs side by side: the operations of the studio's own service, through boto3."""

from __future__ import annotations

import math
from array import array
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from jupyter_mlstudio.wire.services import MODELS
from tests.conftest import RunningStudio

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def mlstudio(process_studio: RunningStudio, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_DATA_PATH", str(MODELS))
    return process_studio.client("mlstudio")


def numbers(packed: bytes) -> list[float]:
    """Return packed doubles as a list."""
    return array("d", packed).tolist()


def make(studio: RunningStudio, name: str, **parameters: Any) -> None:
    """Make a run of the user's own."""
    studio.client("sagemaker").create_trial_component(
        TrialComponentName=name, DisplayName=f"The-{name}", StartTime=START, Parameters=parameters
    )


def measure(studio: RunningStudio, name: str, metric: str, values: list[float]) -> None:
    """Give a run points, a second apart."""
    data = [
        {
            "MetricName": metric,
            "Timestamp": START + timedelta(seconds=step),
            "Step": step,
            "Value": value,
        }
        for step, value in enumerate(values)
    ]
    for start in range(0, len(data), 10):
        answer = studio.client("sagemaker-metrics").batch_put_metrics(
            TrialComponentName=name, MetricData=data[start : start + 10]
        )
        assert not answer.get("Errors")


def test_runs_are_rows_and_parameters_columns(process_studio: RunningStudio, mlstudio: Any) -> None:
    make(process_studio, "table-a", lr={"NumberValue": 0.1}, depth={"NumberValue": 3})
    make(process_studio, "table-b", lr={"NumberValue": 0.2}, kind={"StringValue": "wide"})
    names = ["table-a", "table-b"]
    table = mlstudio.get_run_table(
        TrialComponentNames=names, ParameterNames=["lr", "kind", "depth", "none"]
    )
    runs = table["Runs"]
    assert runs["TrialComponentNames"] == ["table-b", "table-a"]
    assert runs["DisplayNames"] == ["The-table-b", "The-table-a"]
    assert runs["SourceArns"] == ["", ""]
    assert numbers(runs["StartTimes"]) == [START.timestamp()] * 2
    assert all(map(math.isnan, numbers(runs["EndTimes"])))
    assert table["ParameterSummaries"] == [
        {"ParameterName": "depth", "RunCount": 1, "ValueCount": 1},
        {"ParameterName": "kind", "RunCount": 1, "ValueCount": 1},
        {"ParameterName": "lr", "RunCount": 2, "ValueCount": 2},
    ]
    columns = {
        each["ParameterName"]: [
            each["Texts"][code] if code >= 0 else None for code in array("i", each["Codes"])
        ]
        for each in table["Parameters"]
    }
    assert columns == {
        "lr": ["0.2", "0.1"],
        "kind": ["wide", None],
        "depth": [None, "3"],
        "none": [None, None],
    }
    everything = mlstudio.get_run_table()
    assert {*names} <= {*everything["Runs"]["TrialComponentNames"]}
    assert everything["Truncated"] is False


def test_metrics_are_columns_in_the_order_of_the_runs(
    process_studio: RunningStudio, mlstudio: Any
) -> None:
    for name in ("metric-a", "metric-b"):
        make(process_studio, name)
    measure(process_studio, "metric-a", "compare:loss", [3.0, 1.0, 2.0])
    answer = mlstudio.get_run_metrics(
        TrialComponentNames=["metric-b", "metric-a"], MetricNames=["compare:loss", "none"]
    )
    loss, none = answer["Metrics"]
    assert [numbers(loss[each])[1] for each in ("Last", "Minima", "Maxima")] == [2.0, 1.0, 3.0]
    assert math.isnan(numbers(loss["Last"])[0])
    assert all(map(math.isnan, numbers(none["Last"])))
    assert "compare:loss" in mlstudio.list_run_metric_names()["MetricNames"]
    for run, names in (("metric-a", ["compare:loss"]), ("metric-b", [])):
        found = mlstudio.list_run_metric_names(TrialComponentNames=[run])
        assert found["MetricNames"] == names


def test_curves_have_no_more_points_than_asked_for(
    process_studio: RunningStudio, mlstudio: Any
) -> None:
    for name, count in (("curve-a", 40), ("curve-b", 5), ("curve-c", 0)):
        make(process_studio, name)
        measure(process_studio, name, "loss", [float(n % 7) for n in range(count)])
    request = {"TrialComponentNames": ["curve-a", "curve-b", "curve-c"], "MetricName": "loss"}
    found = mlstudio.get_run_series(**request, MaxPoints=10)["Series"]
    assert {each["TrialComponentName"]: each["Count"] for each in found} == {
        "curve-a": 40,
        "curve-b": 5,
    }
    curves = {each["TrialComponentName"]: each for each in found}
    assert numbers(curves["curve-b"]["Values"]) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert "Minima" not in curves["curve-b"]
    assert len(numbers(curves["curve-a"]["Values"])) == 10
    assert numbers(curves["curve-a"]["Steps"])[:2] == [3.0, 7.0]
    assert numbers(curves["curve-a"]["Maxima"])[:2] == [3.0, 6.0]
    (zoomed,) = mlstudio.get_run_series(
        **{**request, "TrialComponentNames": ["curve-a"]}, Axis="RelativeTime", Start=10, End=12
    )["Series"]
    assert numbers(zoomed["Steps"]) == [9.0, 10.0, 11.0, 12.0, 13.0]


def test_all_points_can_be_had(process_studio: RunningStudio, mlstudio: Any) -> None:
    make(process_studio, "points-a")
    measure(process_studio, "points-a", "loss", [float(n) for n in range(12)])
    measure(process_studio, "points-a", "auc", [0.5])
    request = {"TrialComponentName": "points-a", "MaxResults": 5}
    pages = [mlstudio.list_run_points(**request)]
    while token := pages[-1].get("NextToken"):
        pages.append(mlstudio.list_run_points(**request, NextToken=token))
    read = [
        (series["MetricName"], value)
        for page in pages
        for series in page["Series"]
        for value in numbers(series["Values"])
    ]
    assert read == [("auc", 0.5), *(("loss", float(n)) for n in range(12))]
    with pytest.raises(ClientError, match="NextToken must come from"):
        mlstudio.list_run_points(TrialComponentName="points-a", NextToken="abcd")


def test_what_is_not_there_is_said_by_name(process_studio: RunningStudio, mlstudio: Any) -> None:
    make(process_studio, "there")
    missing = ["there", "not-there"]
    for call, more in (
        (mlstudio.get_run_metrics, {"MetricNames": ["loss"]}),
        (mlstudio.get_run_series, {"MetricName": "loss"}),
        (mlstudio.list_run_metric_names, {}),
    ):
        with pytest.raises(mlstudio.exceptions.ResourceNotFound, match="'not-there' does not"):
            call(TrialComponentNames=missing, **more)
    with pytest.raises(mlstudio.exceptions.ResourceNotFound):
        mlstudio.list_run_points(TrialComponentName="not-there")
    assert mlstudio.get_run_table(TrialComponentNames=missing)["Runs"]["TrialComponentNames"] == [
        "there"
    ]
    with pytest.raises(ClientError, match="Start must not be greater than End"):
        mlstudio.get_run_series(
            TrialComponentNames=["there"], MetricName="loss", Start=2.0, End=1.0
        )

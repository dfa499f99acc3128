"""The studio's own operations through boto3."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlstudio import __version__
from jupyter_mlstudio.aws.mlstudio import thinned
from jupyter_mlstudio.compute.protocol import LogLine
from jupyter_mlstudio.core.logs import LogStore
from jupyter_mlstudio.wire.services import MODELS
from tests.conftest import RunningStudio

GROUP = "/aws/sagemaker/LineTests"


@pytest.fixture
def mlstudio(process_studio: RunningStudio, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_DATA_PATH", str(MODELS))
    return process_studio.client("mlstudio")


def test_the_status_says_what_runs_where(mlstudio: Any, process_studio: RunningStudio) -> None:
    status = mlstudio.get_studio_status()
    settings = process_studio.settings
    assert status["StudioId"] == settings.studio_id
    assert status["Version"] == __version__
    assert status["EngineName"] == "process"
    assert status["Urls"]["S3"] == settings.s3_url
    assert status["Capacity"]["Cpus"] > 0
    assert status["Capacity"]["MemoryInBytes"] > status["Reserved"]["MemoryInBytes"] >= 0
    assert status["WaitingCount"] >= 0


def test_lines_are_read_from_a_cursor(mlstudio: Any, process_studio: RunningStudio) -> None:
    store = LogStore(process_studio.log_folder)
    store.append(GROUP, "a/1", [LogLine(n * 1_000_000, f"line {n}") for n in range(10)])
    request = {"LogGroupName": GROUP, "LogStreamName": "a/1"}
    first = mlstudio.get_log_lines(**request, Limit=4)
    assert [line["Message"] for line in first["Lines"]] == [f"line {n}" for n in range(4)]
    assert first["EndReached"] is False
    rest = mlstudio.get_log_lines(**request, Cursor=first["NextCursor"])
    assert len(rest["Lines"]) == 6
    assert rest["EndReached"] is True
    assert mlstudio.get_log_lines(**request, Cursor=rest["NextCursor"])["Lines"] == []
    last = mlstudio.get_log_lines(**request, FromEnd=True, Limit=2)
    assert [line["Time"] for line in last["Lines"]] == [8, 9]
    assert last["NextCursor"] == rest["NextCursor"]


def test_unknown_streams_and_cursors_are_refused(mlstudio: Any) -> None:
    with pytest.raises(mlstudio.exceptions.ResourceNotFound, match="no log stream x/y"):
        mlstudio.get_log_lines(LogGroupName=GROUP, LogStreamName="x/y")
    with pytest.raises(mlstudio.exceptions.ClientError, match="no cursor"):
        mlstudio.get_log_lines(LogGroupName=GROUP, LogStreamName="x/y", Cursor="abc")
    with pytest.raises(mlstudio.exceptions.ResourceNotFound, match="no resource"):
        mlstudio.get_metric_series(
            ResourceArn="arn:aws:sagemaker:us-east-1:000000000000:training-job/none"
        )


def test_events_are_waited_for(mlstudio: Any, process_studio: RunningStudio) -> None:
    sagemaker = process_studio.client("sagemaker")
    now = mlstudio.list_events()
    assert now["Events"] == []

    def later() -> None:
        time.sleep(0.5)
        sagemaker.create_model_package_group(ModelPackageGroupName="events")

    maker = threading.Thread(target=later)
    maker.start()
    before = time.monotonic()
    answer = mlstudio.list_events(Since=now["NextCursor"], WaitSeconds=15)
    assert time.monotonic() - before < 10
    maker.join()
    (event,) = answer["Events"]
    assert (event["Kind"], event["Name"]) == ("ModelPackageGroup", "events")
    assert answer["NextCursor"] == event["Cursor"]
    again = mlstudio.list_events(Since=answer["NextCursor"])
    assert (again["Events"], again["Reset"]) == ([], False)
    status = mlstudio.get_studio_status()
    assert status["ResourceCounts"]["ModelPackageGroup"] == 1


def test_a_cursor_of_another_life_starts_over(mlstudio: Any) -> None:
    answer = mlstudio.list_events(Since="999999999", WaitSeconds=10)
    assert answer["Reset"] is True


def test_waiting_ends_with_the_time(mlstudio: Any) -> None:
    now = mlstudio.list_events()["NextCursor"]
    before = time.monotonic()
    assert mlstudio.list_events(Since=now, WaitSeconds=1)["Events"] == []
    assert 0.9 < time.monotonic() - before < 8


@given(
    st.lists(st.floats(allow_nan=True), min_size=1, max_size=300),
    st.integers(min_value=4, max_value=50),
)
def test_thinning_keeps_what_matters(values: list[float], most: int) -> None:
    kept = thinned(values, most)
    assert kept == sorted(set(kept))
    assert len(kept) <= most
    assert {kept[0], kept[-1]} == {0, len(values) - 1}
    numbers = [value for value in values if not math.isnan(value)]
    if numbers:
        shown = [values[index] for index in kept if not math.isnan(values[index])]
        assert (min(shown), max(shown)) == (min(numbers), max(numbers))


def test_the_status_names_the_bucket_and_the_role_of_jobs(
    mlstudio: Any, process_studio: RunningStudio
) -> None:
    status = mlstudio.get_studio_status()
    assert status["DefaultBucket"] == process_studio.bucket
    assert status["ExecutionRoleArn"] == process_studio.role


def test_instance_types_say_what_they_are_here(mlstudio: Any) -> None:
    found = {each["InstanceType"]: each for each in mlstudio.list_instance_types()["InstanceTypes"]}
    assert len(found) > 100
    large = found["ml.m5.large"]
    assert (large["VCpus"], large["MemoryInBytes"], large["Gpus"]) == (2, 8 << 30, 0)
    assert 0 < large["GivenVCpus"] <= 2
    assert 0 < large["GivenMemoryInBytes"] <= 8 << 30
    assert isinstance(large["FitsNow"], bool)
    assert "VCpus" not in found["local"]
    assert found["local"]["GivenVCpus"] >= large["GivenVCpus"]
    accelerator = found["ml.trn1.2xlarge"]
    assert accelerator["Refusal"].startswith("ml.trn1.2xlarge has AWS Neuron")
    assert accelerator["FitsNow"] is False
    assert "GivenVCpus" not in accelerator

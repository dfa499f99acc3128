"""Joined views over the operations of a studio."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyter_mlstudio.core.packed import doubles
from jupyter_mlstudio.server.points import ParquetWriter
from jupyter_mlstudio.wire.errors import AWSError, validation_error

from .conftest import Answer, FakeStudio

Document = dict[str, Any]

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ARN = "arn:aws:sagemaker:us-east-1:000000000000"


def add_jobs(studio: FakeStudio, *statuses: str) -> None:
    """Give the studio jobs ``job-0``, ``job-1`` … in these statuses."""

    def summary(number: int) -> dict[str, Any]:
        return {
            "TrainingJobName": f"job-{number}",
            "TrainingJobArn": f"{ARN}:training-job/job-{number}",
            "CreationTime": START + timedelta(minutes=number),
            "LastModifiedTime": START + timedelta(minutes=number, seconds=30),
            "TrainingJobStatus": statuses[number],
        }

    def listed(request: Document) -> Document:
        first = int(request.get("NextToken", 0))
        last = first + request["MaxResults"]
        page: dict[str, Any] = {
            "TrainingJobSummaries": [summary(n) for n in range(len(statuses))[first:last]]
        }
        return page | ({"NextToken": str(last)} if last < len(statuses) else {})

    def described(request: Document) -> Document:
        number = int(request["TrainingJobName"].removeprefix("job-"))
        if number >= len(statuses):
            raise validation_error("Requested resource not found.")
        metric = {"MetricName": "validation:auc", "Value": 0.5, "Timestamp": START}
        return {
            **summary(number),
            "SecondaryStatus": "Training",
            "ModelArtifacts": {"S3ModelArtifacts": ""},
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "FinalMetricDataList": [metric],
        }

    studio.on("sagemaker", "ListTrainingJobs", listed)
    studio.on("sagemaker", "DescribeTrainingJob", described)


def test_a_row_of_a_job_joins_summary_and_description(
    fetch: Callable[..., Answer], fake_studio: FakeStudio
) -> None:
    add_jobs(fake_studio, "InProgress")
    [row] = fetch("jobs").document["items"]
    assert row["TrainingJobName"] == "job-0"
    assert row["CreationTime"] == "2026-11-22T10:00:00+00:00"
    assert row["ResourceConfig"]["InstanceType"] == "ml.m5.large"
    assert row["FinalMetricDataList"][0]["Value"] == 0.5
    assert "StoppingCondition" not in row


def test_jobs_are_listed_latest_first(
    fetch: Callable[..., Answer], fake_studio: FakeStudio
) -> None:
    add_jobs(fake_studio)
    assert fetch("jobs").document == {"items": [], "nextToken": None}
    [request] = fake_studio.named("ListTrainingJobs")
    assert (request["SortBy"], request["SortOrder"]) == ("CreationTime", "Descending")


def test_pages_follow_their_tokens(fetch: Callable[..., Answer], fake_studio: FakeStudio) -> None:
    add_jobs(fake_studio, *["InProgress"] * 3)
    first = fetch("jobs", params={"maxResults": "2"}).document
    assert [row["TrainingJobName"] for row in first["items"]] == ["job-0", "job-1"]
    params = {"maxResults": "2", "nextToken": first["nextToken"]}
    second = fetch("jobs", params=params).document
    assert [row["TrainingJobName"] for row in second["items"]] == ["job-2"]
    assert second["nextToken"] is None


@pytest.mark.parametrize("size", ["0", "101", "x", "-1", "1e2"])
def test_a_page_has_1_to_100_rows(
    fetch: Callable[..., Answer], fake_studio: FakeStudio, size: str
) -> None:
    answer = fetch("jobs", params={"maxResults": size})
    assert (answer.status, answer.document["code"]) == (400, "ValidationException")
    assert fake_studio.calls == []


def test_only_jobs_that_may_have_changed_are_described_again(
    fetch: Callable[..., Answer], fake_studio: FakeStudio
) -> None:
    add_jobs(fake_studio, "Completed", "InProgress", "Failed")
    first = fetch("jobs").document
    fake_studio.calls.clear()
    assert fetch("jobs").document == first
    assert fake_studio.named("DescribeTrainingJob") == [{"TrainingJobName": "job-1"}]


def test_a_job_that_runs_says_where_it_waits_and_how_long_it_may_take(
    fetch: Callable[..., Answer], fake_studio: FakeStudio
) -> None:
    add_jobs(fake_studio, "InProgress", "Completed")
    fake_studio.on(
        "mlstudio", "GetQueuePosition", lambda request: {"Position": 2, "WaitingCount": 5}
    )
    runs = [{"TrainingJob": {"TrainingTimeInSeconds": seconds}} for seconds in (10, 90, 20)]
    fake_studio.on("sagemaker", "Search", lambda request: {"Results": runs})
    document = fetch("jobs", "job-0").document
    assert document["job"]["SecondaryStatus"] == "Training"
    assert document["waiting"] == {"position": 2, "count": 5}
    assert document["expected"] == 20
    [request] = fake_studio.named("Search")
    names = [each["Name"] for each in request["SearchExpression"]["Filters"]]
    assert names == ["TrainingJobStatus", "ResourceConfig.InstanceType"]
    assert set(fetch("jobs", "job-1").document) == {"job"}


def test_a_job_that_is_the_first_of_its_kind_and_waits_for_nobody(
    fetch: Callable[..., Answer], fake_studio: FakeStudio
) -> None:
    add_jobs(fake_studio, "InProgress")
    fake_studio.on("mlstudio", "GetQueuePosition", lambda request: {"WaitingCount": 0})
    fake_studio.on("sagemaker", "Search", lambda request: {"Results": []})
    assert set(fetch("jobs", "job-0").document) == {"job"}


def test_a_log_comes_whole_page_by_page(
    fetch: Callable[..., Answer], fake_studio: FakeStudio
) -> None:
    def filtered(request: Document) -> Document:
        page = int(request.get("nextToken", 0))
        event = {
            "logStreamName": f"job-0/algo-{page + 1}-1",
            "timestamp": 1_700_000_000_000 + page,
            "message": f"line {page} \N{GREEK SMALL LETTER ALPHA}",
            "ingestionTime": 1,
            "eventId": "1",
        }
        return {"events": [event], **({"nextToken": str(page + 1)} if page < 2 else {})}

    fake_studio.on("logs", "FilterLogEvents", filtered)
    answer = fetch("logs", "TrainingJob", "job-0")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.text.splitlines() == [
        f"2023-11-14T22:13:20.00{page}Z algo-{page + 1}-1 line {page} \N{GREEK SMALL LETTER ALPHA}"
        for page in range(3)
    ]
    first, *_ = fake_studio.named("FilterLogEvents")
    assert first["logGroupName"] == "/aws/sagemaker/TrainingJobs"
    assert first["logStreamNamePrefix"] == "job-0/"


def test_only_some_streams_of_an_endpoint_are_downloaded(
    fetch: Callable[..., Answer], fake_studio: FakeStudio
) -> None:
    fake_studio.on("logs", "FilterLogEvents", lambda request: {"events": []})
    assert fetch("logs", "Endpoint", "e", params={"stream": "AllTraffic/i-1"}).text == ""
    [request] = fake_studio.named("FilterLogEvents")
    assert request["logGroupName"] == "/aws/sagemaker/Endpoints/e"
    assert request["logStreamNames"] == ["AllTraffic/i-1"]


def test_a_log_that_cannot_be_had_says_why(
    fetch: Callable[..., Answer], fake_studio: FakeStudio
) -> None:
    def missing(request: Document) -> Document:
        raise AWSError("ResourceNotFoundException", "The specified log group does not exist.")

    fake_studio.on("logs", "FilterLogEvents", missing)
    answer = fetch("logs", "TrainingJob", "job-0")
    assert (answer.status, answer.document["code"]) == (400, "ResourceNotFoundException")
    answer = fetch("logs", "Model", "m")
    assert (answer.status, answer.document["message"]) == (400, "There are no logs of a Model")


def test_errors_of_the_studio_arrive_as_they_are(
    fetch: Callable[..., Answer], fake_studio: FakeStudio
) -> None:
    add_jobs(fake_studio)
    answer = fetch("jobs", "job-9")
    assert answer.status == 400
    assert answer.document == {
        "code": "ValidationException",
        "message": "Requested resource not found.",
        "fields": {},
    }


def test_endpoints_are_described(fetch: Callable[..., Answer], fake_studio: FakeStudio) -> None:
    summary = {
        "EndpointName": "e",
        "EndpointArn": f"{ARN}:endpoint/e",
        "CreationTime": START,
        "LastModifiedTime": START,
        "EndpointStatus": "InService",
    }
    variant = {"VariantName": "AllTraffic", "CurrentInstanceCount": 1, "DesiredInstanceCount": 2}
    fake_studio.on("sagemaker", "ListEndpoints", lambda request: {"Endpoints": [summary]})
    fake_studio.on(
        "sagemaker",
        "DescribeEndpoint",
        lambda request: {**summary, "ProductionVariants": [variant]},
    )
    [row] = fetch("endpoints").document["items"]
    assert row["ProductionVariants"] == [variant]
    details = fetch("endpoints", "e").document
    assert details["endpoint"]["EndpointName"] == "e"


def test_groups_come_with_their_latest_version(
    fetch: Callable[..., Answer], fake_studio: FakeStudio
) -> None:
    groups = [
        {
            "ModelPackageGroupName": name,
            "ModelPackageGroupArn": f"{ARN}:model-package-group/{name}",
            "CreationTime": START,
            "ModelPackageGroupStatus": "Completed",
        }
        for name in ("full", "empty")
    ]
    package = {
        "ModelPackageArn": f"{ARN}:model-package/full/3",
        "ModelPackageGroupName": "full",
        "ModelPackageVersion": 3,
        "CreationTime": START,
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "Approved",
    }
    fake_studio.on(
        "sagemaker",
        "ListModelPackageGroups",
        lambda request: {"ModelPackageGroupSummaryList": groups},
    )
    fake_studio.on(
        "sagemaker",
        "ListModelPackages",
        lambda request: {
            "ModelPackageSummaryList": [package]
            if request["ModelPackageGroupName"] == "full"
            else []
        },
    )
    full, empty = fetch("registry").document["items"]
    assert full["LatestModelPackage"]["ModelPackageVersion"] == 3
    assert full["LatestModelPackage"]["ModelApprovalStatus"] == "Approved"
    assert empty["LatestModelPackage"] is None


def test_versions_come_with_their_approvals(
    fetch: Callable[..., Answer], fake_studio: FakeStudio
) -> None:
    package = {
        "ModelPackageArn": f"{ARN}:model-package/g/1",
        "ModelPackageGroupName": "g",
        "ModelPackageVersion": 1,
        "CreationTime": START,
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "Approved",
    }
    who = {"UserProfileName": "ann", "IamIdentity": {"Arn": f"{ARN}:user/ann"}}
    approval = {"Status": "Approved", "By": who, "Time": START, "Comment": "good AUC"}
    fake_studio.on(
        "sagemaker", "ListModelPackages", lambda request: {"ModelPackageSummaryList": [package]}
    )
    fake_studio.on("mlstudio", "ListModelApprovals", lambda request: {"Approvals": [approval]})
    [row] = fetch("registry", "g").document["items"]
    assert row["ModelPackageVersion"] == 1
    [shown] = row["Approvals"]
    assert (shown["Status"], shown["By"], shown["Comment"]) == ("Approved", who, "good AUC")
    [listed] = fake_studio.named("ListModelPackages")
    assert (listed["ModelPackageGroupName"], listed["SortOrder"]) == ("g", "Descending")
    [asked] = fake_studio.named("ListModelApprovals")
    assert asked["ModelPackageArn"] == package["ModelPackageArn"]


def test_trial_components_are_listed(fetch: Callable[..., Answer], fake_studio: FakeStudio) -> None:
    component = {"TrialComponentName": "run-1", "CreationTime": START}
    fake_studio.on(
        "sagemaker",
        "ListTrialComponents",
        lambda request: {"TrialComponentSummaries": [component]},
    )
    [row] = fetch("experiments").document["items"]
    assert row["TrialComponentName"] == "run-1"


def test_the_studio_can_go_and_come_back(
    fetch: Callable[..., Answer], fake_studio: FakeStudio, run: Callable[[Any], Any]
) -> None:
    add_jobs(fake_studio, "InProgress")
    assert fetch("jobs").status == 200
    run(fake_studio.stop())
    lost = fetch("jobs")
    assert (lost.status, lost.document["code"]) == (503, "StudioUnavailable")
    run(fake_studio.start())
    assert fetch("jobs").status == 200


def post(fetch: Callable[..., Answer], operation: str, params: object, service: str) -> Answer:
    """Call an operation through the proxy."""
    return fetch("api", service, operation, method="POST", body=json.dumps(params))


class TestProxy:
    """Operations called with JSON."""

    def test_timestamps_are_iso_8601_both_ways(
        self, fetch: Callable[..., Answer], fake_studio: FakeStudio
    ) -> None:
        add_jobs(fake_studio, "InProgress")
        params = {"CreationTimeAfter": "2026-11-22T10:00:00Z", "MaxResults": 5}
        answer = post(fetch, "ListTrainingJobs", params, "sagemaker")
        [request] = fake_studio.named("ListTrainingJobs")
        assert request["CreationTimeAfter"] == START
        [summary] = answer.document["TrainingJobSummaries"]
        assert summary["CreationTime"] == "2026-11-22T10:00:00+00:00"

    def test_numbers_that_are_not_finite_stay_json(
        self, fetch: Callable[..., Answer], fake_studio: FakeStudio
    ) -> None:
        series = {"MetricName": "m", "Steps": [0], "Times": [0.0], "Values": [float("nan")]}
        fake_studio.on("mlstudio", "GetMetricSeries", lambda request: {"Series": [series]})
        params = {"ResourceArn": f"{ARN}:training-job/x"}
        answer = post(fetch, "GetMetricSeries", params, "mlstudio")
        assert answer.document["Series"][0]["Values"] == ["NaN"]

    def test_a_query_protocol_works_as_well(
        self, fetch: Callable[..., Answer], fake_studio: FakeStudio
    ) -> None:
        identity = {"Account": "000000000000", "UserId": "u", "Arn": "arn:aws:iam::0:user/u"}
        fake_studio.on("sts", "GetCallerIdentity", lambda request: identity)
        assert post(fetch, "GetCallerIdentity", {}, "sts").document == identity

    @pytest.mark.parametrize(
        ("service", "operation", "status", "code"),
        [
            ("sagemaker", "NoSuchOperation", 404, "UnknownOperationException"),
            ("ec2", "DescribeInstances", 404, "UnknownService"),
            ("logs", "StartLiveTail", 501, "UnsupportedOperation"),
        ],
    )
    def test_what_cannot_be_called_is_refused(
        self,
        fetch: Callable[..., Answer],
        fake_studio: FakeStudio,
        service: str,
        operation: str,
        status: int,
        code: str,
    ) -> None:
        answer = post(fetch, operation, {}, service)
        assert (answer.status, answer.document["code"]) == (status, code)
        assert fake_studio.calls == []

    @pytest.mark.parametrize("body", ["", "[]", "{", "1", "\xff", "[" * 100_000])
    def test_the_body_is_a_json_object(
        self, fetch: Callable[..., Answer], fake_studio: FakeStudio, body: str
    ) -> None:
        fake_studio.on("sagemaker", "ListEndpoints", lambda request: {"Endpoints": []})
        answer = fetch("api", "sagemaker", "ListEndpoints", method="POST", body=body)
        expected = (200, None) if body == "" else (400, "ValidationException")
        assert (answer.status, answer.document.get("code")) == expected

    def test_input_the_model_refuses_never_leaves(
        self, fetch: Callable[..., Answer], fake_studio: FakeStudio
    ) -> None:
        answer = post(fetch, "DescribeTrainingJob", {}, "sagemaker")
        assert (answer.status, answer.document["code"]) == (400, "ValidationException")
        assert "TrainingJobName" in answer.document["message"]

    def test_a_blob_is_base64(self, fetch: Callable[..., Answer], fake_studio: FakeStudio) -> None:
        answer = post(fetch, "Encrypt", {"KeyId": "k", "Plaintext": "?"}, "kms")
        assert "base64" in answer.document["message"]
        fake_studio.on(
            "kms", "Encrypt", lambda request: {"CiphertextBlob": request["Plaintext"][::-1]}
        )
        document = post(fetch, "Encrypt", {"KeyId": "k", "Plaintext": "YWI="}, "kms").document
        assert document["CiphertextBlob"] == "YmE="


def test_what_runs_is_joined_with_what_the_machine_has(
    fetch: Callable[..., Answer], fake_studio: FakeStudio
) -> None:
    part = {"Cpus": 1.0, "MemoryInBytes": 2, "Gpus": 0}
    status = {
        "StudioId": "abcd1234",
        "Version": "1",
        "EngineName": "docker",
        "Notes": [],
        "ResourceCounts": {},
        "Urls": {"Endpoint": "http://a", "S3": "http://b", "Runtime": "http://c"},
        "Capacity": part,
        "Reserved": part,
        "WaitingCount": 0,
    }
    endpoint = {
        "EndpointName": "a",
        "EndpointArn": f"{ARN}:endpoint/a",
        "CreationTime": START,
        "LastModifiedTime": START,
        "EndpointStatus": "InService",
    }
    add_jobs(fake_studio, "InProgress")
    fake_studio.on("mlstudio", "GetStudioStatus", lambda request: status)
    fake_studio.on("sagemaker", "ListEndpoints", lambda request: {"Endpoints": [endpoint]})
    document = fetch("running").document
    assert document["studio"]["Capacity"] == part
    assert [job["TrainingJobName"] for job in document["trainingJobs"]] == ["job-0"]
    assert [each["EndpointName"] for each in document["endpoints"]] == ["a"]
    [jobs], [endpoints] = (
        fake_studio.named(name) for name in ("ListTrainingJobs", "ListEndpoints")
    )
    assert jobs["StatusEquals"] == "InProgress"
    assert endpoints["StatusEquals"] == "InService"


def test_the_quickstart_comes_with_the_extension(fetch: Callable[..., Answer]) -> None:
    notebook = fetch("quickstart").document
    assert notebook["nbformat"] == 4
    assert any("create_training_job" in "".join(cell["source"]) for cell in notebook["cells"])


def add_points(studio: FakeStudio, count: int) -> None:
    """Give every run ``count`` points of ``loss``, two a page."""

    def listed(request: Document) -> Document:
        first = int(request.get("NextToken", 0))
        last = min(count, first + 2)
        if request["TrialComponentName"] == "gone":
            raise AWSError("ResourceNotFound", "Trial Component 'gone' does not exist.")
        page: Document = {"Series": []}
        if first < last:
            numbers = [float(n) for n in range(first, last)]
            packed = doubles(numbers)
            page["Series"].append(
                {
                    "TrialComponentName": request["TrialComponentName"],
                    "MetricName": "=loss",
                    "Count": count,
                    "Steps": packed,
                    "Times": packed,
                    "Values": packed,
                }
            )
        return page | ({"NextToken": str(last)} if last < count else {})

    studio.on("mlstudio", "ListRunPoints", listed)


def export(fetch: Callable[..., Answer], **body: object) -> Answer:
    """Ask for a file of points."""
    return fetch("experiments", "points", method="POST", body=json.dumps(body))


def test_all_points_come_as_csv(fetch: Callable[..., Answer], fake_studio: FakeStudio) -> None:
    add_points(fake_studio, 5)
    answer = export(fetch, runs=["a", "b"], metrics=["=loss"])
    assert (answer.status, answer.content_type) == (200, "text/csv; charset=utf-8")
    lines = answer.text.splitlines()
    assert lines[0] == "run,metric,step,time,value"
    assert lines[1] == "a,'=loss,0,0.0,0.0"
    assert len(lines) == 11
    assert {request["TrialComponentName"] for request in fake_studio.named("ListRunPoints")} == {
        "a",
        "b",
    }


def test_a_file_of_no_points_has_its_columns(
    fetch: Callable[..., Answer], fake_studio: FakeStudio
) -> None:
    add_points(fake_studio, 0)
    assert export(fetch, runs=["a"]).text == "run,metric,step,time,value\r\n"


@pytest.mark.parametrize("count", [0, 5])
def test_all_points_come_as_parquet(count: int) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    packed = doubles([float(n) for n in range(count)])
    series = {"TrialComponentName": "a", "MetricName": "loss", "Steps": packed, "Times": packed}
    writer = ParquetWriter()
    data = b"".join([*(writer.write([{**series, "Values": packed}]) for _ in "ab"), writer.close()])
    table = parquet.read_table(io.BytesIO(data)).to_pydict()
    assert table["value"] == [float(n) for n in range(count)] * 2
    assert set(table["run"]) == ({"a"} if count else set())
    assert all(time.tzinfo for time in table["time"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "runs must be a list"),
        ({"runs": "a"}, "runs must be a list"),
        ({"runs": ["a"], "metrics": [1]}, "metrics must be a list"),
        ({"runs": ["a"], "format": "xls"}, "format must be one of csv, parquet"),
        ({"runs": ["gone"]}, "'gone' does not exist"),
    ],
)
def test_a_file_that_cannot_be_made_is_an_error(
    fetch: Callable[..., Answer], fake_studio: FakeStudio, body: Document, message: str
) -> None:
    add_points(fake_studio, 1)
    answer = export(fetch, **body)
    assert answer.status == 400
    assert message in answer.document["message"]

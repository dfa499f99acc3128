"""Trial components and the sagemaker-metrics service, through boto3, without containers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningStudio
from tests.jobs.jobs import XGBOOST, channel, request, wait

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_job_has_a_trial_component_that_shows_it(process_studio: RunningStudio) -> None:
    studio, name = process_studio, "component-job"
    rows = "".join(f"{n % 2},{n},{n % 2 * 3}\n" for n in range(60))
    studio.client("s3").put_object(Bucket=studio.bucket, Key=f"{name}/a.csv", Body=rows.encode())
    studio.client("sagemaker").create_training_job(
        **request(
            studio,
            XGBOOST,
            name,
            HyperParameters={"num_round": "4", "objective": "binary:logistic"},
            ResourceConfig={"InstanceType": "local", "InstanceCount": 1, "VolumeSizeInGB": 1},
            InputDataConfig=[channel(studio, "train", name, ContentType="text/csv")],
        )
    )
    job = wait(studio, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    component = studio.client("sagemaker").describe_trial_component(
        TrialComponentName=f"{name}-aws-training-job"
    )
    assert component["Source"] == {
        "SourceArn": job["TrainingJobArn"],
        "SourceType": "SageMakerTrainingJob",
    }
    assert component["Status"]["PrimaryStatus"] == "Completed"
    assert component["Parameters"]["num_round"] == {"NumberValue": 4.0}
    assert component["Parameters"]["objective"] == {"StringValue": "binary:logistic"}
    assert component["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"].endswith(".tar.gz")
    (metric,) = component["Metrics"]
    assert (metric["MetricName"], metric["Count"]) == ("train:logloss", 4)
    assert metric["Min"] <= metric["Last"] <= metric["Max"]
    listed = studio.client("sagemaker").list_trial_components(SourceArn=job["TrainingJobArn"])
    assert [c["TrialComponentName"] for c in listed["TrialComponentSummaries"]] == [
        f"{name}-aws-training-job"
    ]


def test_a_run_of_the_users_own_keeps_what_it_is_given(process_studio: RunningStudio) -> None:
    client = process_studio.client("sagemaker")
    client.create_trial_component(
        TrialComponentName="run-1",
        Status={"PrimaryStatus": "InProgress"},
        StartTime=START,
        Parameters={"lr": {"NumberValue": 0.1}, "old": {"StringValue": "x"}},
    )
    with pytest.raises(ClientError, match="already exists"):
        client.create_trial_component(TrialComponentName="run-1")
    client.update_trial_component(
        TrialComponentName="run-1",
        Status={"PrimaryStatus": "Completed"},
        EndTime=START + timedelta(hours=1),
        Parameters={"lr": {"NumberValue": 0.2}},
        ParametersToRemove=["old"],
    )
    component = client.describe_trial_component(TrialComponentName="run-1")
    assert component["Parameters"] == {"lr": {"NumberValue": 0.2}}
    assert component["Status"] == {"PrimaryStatus": "Completed"}
    assert component["EndTime"] - component["StartTime"] == timedelta(hours=1)
    client.delete_trial_component(TrialComponentName="run-1")
    with pytest.raises(client.exceptions.ResourceNotFound, match="'run-1' does not exist"):
        client.describe_trial_component(TrialComponentName="run-1")


def test_metrics_sent_by_code_are_read_back(process_studio: RunningStudio) -> None:
    sagemaker = process_studio.client("sagemaker")
    arn = sagemaker.create_trial_component(TrialComponentName="run-2")["TrialComponentArn"]
    metrics = process_studio.client("sagemaker-metrics")
    points = [
        {"MetricName": "loss", "Timestamp": START + timedelta(seconds=n), "Step": n, "Value": 5 - n}
        for n in range(5)
    ]
    assert metrics.batch_put_metrics(TrialComponentName="run-2", MetricData=points)["Errors"] == []
    query = {
        "MetricName": "loss",
        "ResourceArn": arn,
        "MetricStat": "Last",
        "Period": "IterationNumber",
        "XAxisType": "IterationNumber",
    }
    (result,) = metrics.batch_get_metrics(MetricQueries=[query])["MetricQueryResults"]
    assert result["Status"] == "Complete"
    assert (result["XAxisValues"], result["MetricValues"]) == ([0, 1, 2, 3, 4], [5, 4, 3, 2, 1])
    minute = {**query, "MetricStat": "Avg", "Period": "OneMinute", "XAxisType": "Timestamp"}
    (result,) = metrics.batch_get_metrics(MetricQueries=[minute])["MetricQueryResults"]
    assert (result["XAxisValues"], result["MetricValues"]) == ([int(START.timestamp())], [3])


def test_metrics_of_an_unknown_component_are_errors_by_index(
    process_studio: RunningStudio,
) -> None:
    metrics = process_studio.client("sagemaker-metrics")
    point = {"MetricName": "loss", "Timestamp": START, "Value": 1.0}
    answer = metrics.batch_put_metrics(TrialComponentName="nobody", MetricData=[point, point])
    assert [error["MetricIndex"] for error in answer["Errors"]] == [0, 1]
    assert {error["Code"] for error in answer["Errors"]} == {"VALIDATION_ERROR"}

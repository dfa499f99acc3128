"""Bad input to CreateTrainingJob: the error SageMaker gives, and nothing changed."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conftest import RunningStudio

from .jobs import XGBOOST, channel, request

LIMIT = "failed to satisfy constraint: Member must"


def algorithm(**more: Any) -> dict[str, Any]:
    return {"TrainingImage": XGBOOST, "TrainingInputMode": "File", **more}


def resources(**more: Any) -> dict[str, Any]:
    return {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1, **more}


CASES: list[tuple[dict[str, Any], str, str]] = [
    (
        {"TrainingJobName": "../x"},
        "ValidationException",
        f"Value '../x' at 'trainingJobName' {LIMIT} satisfy regular expression pattern",
    ),
    (
        {"TrainingJobName": "a" * 64},
        "ValidationException",
        f"at 'trainingJobName' {LIMIT} have length less than or equal to 63",
    ),
    (
        {"ResourceConfig": resources(InstanceType="ml.m5.tiny")},
        "ValidationException",
        f"Value 'ml.m5.tiny' at 'resourceConfig.instanceType' {LIMIT} satisfy enum value set: [",
    ),
    (
        {"ResourceConfig": resources(InstanceType="ml.p4d.24xlarge")},
        "ResourceLimitExceeded",
        "ml.p4d.24xlarge needs 8 GPUs, and this machine has none",
    ),
    (
        {"ResourceConfig": resources(InstanceCount=0)},
        "ValidationException",
        f"at 'resourceConfig.instanceCount' {LIMIT} have value greater than or equal to 1",
    ),
    (
        {"ResourceConfig": resources(InstanceCount=2)},
        "UnsupportedOperation",
        "Several instances need a container engine: this studio runs jobs as plain processes.",
    ),
    (
        {"StoppingCondition": {"MaxRuntimeInSeconds": 0}},
        "ValidationException",
        f"at 'stoppingCondition.maxRuntimeInSeconds' {LIMIT} have value greater than or equal to 1",
    ),
    (
        {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}},
        "ValidationException",
        "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set",
    ),
    (
        {
            "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 30},
            "EnableManagedSpotTraining": True,
        },
        "ValidationException",
        "Invalid MaxWaitTimeInSeconds. It must be equal to or greater than MaxRuntimeInSeconds.",
    ),
    (
        {"AlgorithmSpecification": {"TrainingInputMode": "File"}},
        "ValidationException",
        "Provide exactly one of TrainingImage and AlgorithmName",
    ),
    (
        {
            "AlgorithmSpecification": algorithm(
                MetricDefinitions=[{"Name": "loss", "Regex": "loss=("}]
            )
        },
        "ValidationException",
        "Invalid regular expression for metric loss",
    ),
    (
        {"HyperParameters": {f"p{n}": "1" for n in range(101)}},
        "ValidationException",
        "at 'hyperParameters' failed to satisfy constraint",
    ),
    (
        {"HyperParameters": {"p": "x" * 2501}},
        "ValidationException",
        "Member must have length less than or equal to 2500",
    ),
    (
        {"Environment": {"FOO=BAR": "x"}},
        "ValidationException",
        "failed to satisfy constraint",
    ),
    (
        {"Environment": {"AWS_SECRET_ACCESS_KEY": "x"}},
        "ValidationException",
        "Environment variable AWS_SECRET_ACCESS_KEY is reserved",
    ),
    (
        {"OutputDataConfig": {"S3OutputPath": "file:///etc"}},
        "ValidationException",
        "'outputDataConfig.s3OutputPath' failed to satisfy constraint",
    ),
    (
        {"RoleArn": "not-an-arn-but-long-enough"},
        "ValidationException",
        f"at 'roleArn' {LIMIT} satisfy regular expression pattern",
    ),
    (
        {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]},
        "ValidationException",
        "Duplicate tag keys found: a",
    ),
]


@pytest.mark.parametrize(("changes", "code", "message"), CASES)
def test_bad_input_is_refused_by_name_and_changes_nothing(
    process_studio: RunningStudio, changes: dict[str, Any], code: str, message: str
) -> None:
    studio = process_studio
    sagemaker = studio.client("sagemaker", config=Config(parameter_validation=False))
    before = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    events = studio.client("mlstudio").list_events()["NextCursor"]
    with pytest.raises(ClientError) as caught:
        sagemaker.create_training_job(**{**request(studio, XGBOOST, "refused"), **changes})
    error = caught.value.response
    assert error["Error"]["Code"] == code
    assert message in error["Error"]["Message"]
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert sagemaker.list_training_jobs()["TrainingJobSummaries"] == before
    assert studio.client("mlstudio").list_events()["NextCursor"] == events


def test_a_required_member_that_is_missing_is_named(process_studio: RunningStudio) -> None:
    client = process_studio.client("sagemaker", config=Config(parameter_validation=False))
    with pytest.raises(ClientError, match=r"at 'roleArn' failed .* Member must not be null"):
        body = request(process_studio, XGBOOST, "refused")
        del body["RoleArn"]
        client.create_training_job(**body)


@pytest.mark.parametrize(
    ("source", "more", "message"),
    [
        ({"S3Uri": "https://169.254.169.254/latest"}, {}, "Member must "),
        ({"S3DataType": "Converse"}, {}, "does not support S3DataType Converse (channel train)"),
        ({"InstanceGroupNames": ["x"]}, {}, "InstanceGroupNames names x, and ResourceConfig"),
        ({"AttributeNames": ["a"]}, {}, "AttributeNames needs S3DataType AugmentedManifestFile"),
        (
            {"S3DataType": "AugmentedManifestFile", "AttributeNames": ["a"]},
            {},
            "S3DataType AugmentedManifestFile needs InputMode Pipe, and is File",
        ),
        (
            {"S3DataType": "ManifestFile"},
            {"InputMode": "FastFile"},
            "InputMode FastFile needs S3DataType S3Prefix, not ManifestFile",
        ),
        ({}, {"CompressionType": "Gzip"}, "CompressionType Gzip needs InputMode Pipe, and is File"),
        (
            {},
            {"RecordWrapperType": "RecordIO", "InputMode": "FastFile"},
            "RecordWrapperType RecordIO needs InputMode Pipe, and is FastFile",
        ),
    ],
)
def test_channels_that_cannot_be_read_are_refused(
    process_studio: RunningStudio, source: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    entry = channel(process_studio, "train", "x", **more)
    entry["DataSource"]["S3DataSource"].update(source)
    with pytest.raises(ClientError) as caught:
        process_studio.client("sagemaker").create_training_job(
            **request(process_studio, XGBOOST, "refused", InputDataConfig=[entry])
        )
    assert message in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize("name", [".", ".."])
def test_a_channel_name_is_no_path(process_studio: RunningStudio, name: str) -> None:
    with pytest.raises(ClientError, match=r"at 'inputDataConfig\.1\.member\.channelName' failed"):
        process_studio.client("sagemaker").create_training_job(
            **request(
                process_studio,
                XGBOOST,
                "refused",
                InputDataConfig=[channel(process_studio, name, "x")],
            )
        )


def test_two_channels_of_one_name_are_refused(process_studio: RunningStudio) -> None:
    channels = [channel(process_studio, "train", "x"), channel(process_studio, "train", "y")]
    with pytest.raises(ClientError, match="Duplicate channel name: train"):
        process_studio.client("sagemaker").create_training_job(
            **request(process_studio, XGBOOST, "refused", InputDataConfig=channels)
        )


def test_an_operation_that_is_not_built_names_itself(process_studio: RunningStudio) -> None:
    with pytest.raises(ClientError) as caught:
        process_studio.client("sagemaker").list_hubs()
    assert caught.value.response["Error"]["Code"] == "UnsupportedOperation"
    assert "ListHubs" in caught.value.response["Error"]["Message"]

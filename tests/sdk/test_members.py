"""Answers have what the SageMaker SDKs index: a missing member is a KeyError in the user's face.

``members.json`` lists, per operation, the members that SDK v2 2.257.7 or v3 3.27.0 read without
asking whether they are there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunningStudio

from .conftest import Ended

pytestmark = [pytest.mark.docker, pytest.mark.sdk]

INDEXED: dict[str, list[str]] = json.loads(Path(__file__).with_name("members.json").read_text())


def missing(value: Any, path: str, where: str = "") -> Iterator[str]:
    """Say where ``A.B[].C`` is not to be found; an empty list has nothing to look into."""
    first, _, rest = path.partition(".")
    name = first.removesuffix("[]")
    if name not in value:
        yield f"{where}{name}"
        return
    inner = value[name]
    for each in inner if first.endswith("[]") else [inner]:
        if first.endswith("[]"):
            assert inner, f"{where}{name} is empty: the test shows nothing"
        if rest:
            yield from missing(each, rest, f"{where}{first}.")


def asked(studio: RunningStudio, ended: Ended) -> dict[str, dict[str, Any]]:
    """Return, per operation, a request about a resource in its usual state."""
    group = "/aws/sagemaker/TrainingJobs"
    streams = studio.client("logs").describe_log_streams(
        logGroupName=group, logStreamNamePrefix=f"{ended.training}/"
    )
    metric = {
        "MetricName": "loss",
        "Value": 1.0,
        "Step": 1,
        "Timestamp": ended.description["CreationTime"],
    }
    endpoint = {"EndpointName": ended.endpoint}
    return {
        "cloudwatch:GetMetricStatistics": {
            "Namespace": "/aws/sagemaker/TrainingJobs",
            "MetricName": "loss",
            "Dimensions": [{"Name": "TrainingJobName", "Value": ended.training}],
            "StartTime": ended.description["CreationTime"],
            "EndTime": ended.description["TrainingEndTime"],
            "Period": 60,
            "Statistics": ["Average"],
        },
        "iam:SimulatePrincipalPolicy": {
            "PolicySourceArn": studio.role,
            "ActionNames": ["sagemaker:CreateTrainingJob"],
        },
        "iam:GetRole": {"RoleName": studio.role.rpartition("/")[2]},
        "logs:DescribeLogStreams": {"logGroupName": group, "logStreamNamePrefix": ended.training},
        "logs:FilterLogEvents": {"logGroupName": group, "logStreamNamePrefix": ended.training},
        "logs:GetLogEvents": {
            "logGroupName": group,
            "logStreamName": streams["logStreams"][0]["logStreamName"],
            "startFromHead": True,
        },
        "s3:GetObject": {"Bucket": studio.bucket, "Key": ended.key},
        "s3:HeadObject": {"Bucket": studio.bucket, "Key": ended.key},
        "s3:ListBuckets": {},
        "s3:ListObjects": {"Bucket": studio.bucket, "Prefix": ended.key},
        "s3:ListObjectsV2": {"Bucket": studio.bucket, "Prefix": ended.key},
        "sagemaker:AddTags": {
            "ResourceArn": ended.description["TrainingJobArn"],
            "Tags": [{"Key": "a", "Value": "b"}],
        },
        "sagemaker:CreateEndpoint": {
            "EndpointName": f"{ended.endpoint}-too",
            "EndpointConfigName": ended.endpoint,
        },
        "sagemaker:DescribeEndpoint": endpoint,
        "sagemaker:DescribeEndpointConfig": {"EndpointConfigName": ended.endpoint},
        "sagemaker:DescribeModel": {"ModelName": ended.endpoint},
        "sagemaker:DescribeModelPackage": {"ModelPackageName": ended.package},
        "sagemaker:DescribeProcessingJob": {"ProcessingJobName": ended.processing},
        "sagemaker:DescribeTrainingJob": {"TrainingJobName": ended.training},
        "sagemaker:DescribeTrialComponent": {
            "TrialComponentName": f"{ended.training}-aws-training-job"
        },
        "sagemaker:ListEndpoints": {},
        "sagemaker:ListModelPackageGroups": {},
        "sagemaker:ListModelPackages": {"ModelPackageGroupName": ended.package.split("/")[-2]},
        "sagemaker:ListTags": {"ResourceArn": ended.description["TrainingJobArn"]},
        "sagemaker:ListTrialComponents": {},
        "sagemaker:UpdateEndpoint": {**endpoint, "EndpointConfigName": ended.endpoint},
        "sagemaker-metrics:BatchPutMetrics": {
            "TrialComponentName": f"{ended.training}-aws-training-job",
            "MetricData": [metric],
        },
        "sagemaker-runtime:InvokeEndpoint": {**endpoint, "Body": b"1"},
        "sagemaker-runtime:InvokeEndpointWithResponseStream": {**endpoint, "Body": b"1"},
        "sts:GetCallerIdentity": {},
    }


def test_answers_have_what_sdks_index(docker_studio: RunningStudio, ended: Ended) -> None:
    requests = asked(docker_studio, ended)
    assert requests.keys() == INDEXED.keys()
    absent: dict[str, list[str]] = {}
    for name, request in requests.items():
        service, _, operation = name.partition(":")
        answer = docker_studio.client(service)._make_api_call(operation, request)
        if lost := [path for wanted in INDEXED[name] for path in missing(answer, wanted)]:
            absent[name] = lost
    docker_studio.client("sagemaker").delete_endpoint(EndpointName=f"{ended.endpoint}-too")
    assert absent == {}


def test_lists_have_what_the_service_model_requires(
    docker_studio: RunningStudio, ended: Ended
) -> None:
    sagemaker = docker_studio.client("sagemaker")
    model = sagemaker.meta.service_model
    lists = {
        "ListEndpointConfigs": {},
        "ListEndpoints": {},
        "ListModelPackageGroups": {},
        "ListModelPackages": {"ModelPackageGroupName": ended.package.split("/")[-2]},
        "ListModels": {},
        "ListProcessingJobs": {},
        "ListTrainingJobs": {},
        "ListTrialComponents": {},
    }
    for operation, request in lists.items():
        answer = sagemaker._make_api_call(operation, request)
        (name,) = (
            name
            for name, shape in model.operation_model(operation).output_shape.members.items()
            if shape.type_name == "list"
        )
        members = model.operation_model(operation).output_shape.members[name].member
        assert answer[name], f"{operation} lists nothing"
        for each in answer[name]:
            assert set(members.required_members) <= each.keys(), operation

"""One resource of every kind, called ``a`` as the smallest names are, and requests that are good.

What is here beside the smallest request is what SageMaker needs and its model does not say.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from .direct import ACCOUNT, REGION, Direct

ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
IMAGE = "image:1"
_CONTAINER = {"Image": IMAGE}
_SPECIFICATION = {"Containers": [_CONTAINER]}
_VARIANT = {
    "VariantName": "a",
    "ModelName": "a",
    "InstanceType": "ml.m5.large",
    "InitialInstanceCount": 1,
}
_CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}


def arn(path: str) -> str:
    """Return an ARN of SageMaker."""
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{path}"


def base(service: str, operation: str) -> dict[str, Any]:
    """Return what a good request of an operation has beside what its model requires."""
    return BASES.get((service, operation), {})


def seed(direct: Direct) -> None:
    """Make what is not there yet."""
    for service, operation in SEEDS:
        given = BASES[service, operation]
        if operation == "PutLogEvents":
            given = {**given, "logEvents": [{"timestamp": _now(), "message": "a"}]}
        reply = direct.ask(service, operation, given)
        assert reply.status in (200, 400), (operation, reply)


def _now() -> int:
    return int(time.time() * 1000)


_LOG = {"logGroupName": "a", "logStreamName": "a"}
_POINT = {"MetricName": "a", "Value": 1.0}
_QUERY = {
    "Id": "a",
    "MetricStat": {
        "Metric": {"Namespace": "a", "MetricName": "a"},
        "Period": 60,
        "Stat": "Average",
    },
}
_NOW = datetime.now(UTC)
_SPAN = {"StartTime": _NOW - timedelta(hours=1), "EndTime": _NOW}

BASES: dict[tuple[str, str], dict[str, Any]] = {
    ("sagemaker", "CreateTrainingJob"): {
        "TrainingJobName": "a",
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": _CLUSTER,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "HyperParameters": {"a": "1"},
    },
    ("sagemaker", "CreateProcessingJob"): {
        "ProcessingJobName": "a",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": IMAGE},
        "ProcessingResources": {"ClusterConfig": _CLUSTER},
    },
    ("sagemaker", "CreateModel"): {
        "ModelName": "a",
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": _CONTAINER,
    },
    ("sagemaker", "CreateEndpointConfig"): {
        "EndpointConfigName": "a",
        "ProductionVariants": [_VARIANT],
    },
    ("sagemaker", "CreateEndpoint"): {"EndpointName": "a", "EndpointConfigName": "a"},
    ("sagemaker", "UpdateEndpoint"): {"EndpointName": "a", "EndpointConfigName": "a"},
    ("sagemaker", "UpdateEndpointWeightsAndCapacities"): {
        "EndpointName": "a",
        "DesiredWeightsAndCapacities": [{"VariantName": "a"}],
    },
    ("sagemaker", "CreateModelPackageGroup"): {"ModelPackageGroupName": "a"},
    ("sagemaker", "CreateModelPackage"): {
        "ModelPackageGroupName": "a",
        "InferenceSpecification": _SPECIFICATION,
    },
    ("sagemaker", "UpdateModelPackage"): {"ModelPackageArn": arn("model-package/a/1")},
    ("sagemaker", "DescribeModelPackage"): {"ModelPackageName": arn("model-package/a/1")},
    ("sagemaker", "DeleteModelPackage"): {"ModelPackageName": arn("model-package/a/1")},
    ("sagemaker", "CreateTrialComponent"): {"TrialComponentName": "a"},
    ("sagemaker", "AddTags"): {"ResourceArn": arn("training-job/a"), "Tags": []},
    ("sagemaker", "ListTags"): {"ResourceArn": arn("training-job/a")},
    ("sagemaker", "DeleteTags"): {"ResourceArn": arn("training-job/a")},
    ("sagemaker-metrics", "BatchPutMetrics"): {
        "TrialComponentName": "a",
        "MetricData": [{"MetricName": "a", "Timestamp": _NOW, "Value": 1.0}],
    },
    ("sagemaker-metrics", "BatchGetMetrics"): {
        "MetricQueries": [
            {
                "MetricName": "a",
                "ResourceArn": arn("experiment-trial-component/a"),
                "MetricStat": "StdDev",
                "Period": "OneMinute",
                "XAxisType": "Timestamp",
            }
        ]
    },
    ("logs", "CreateLogGroup"): {"logGroupName": "a"},
    ("logs", "CreateLogStream"): _LOG,
    ("logs", "PutLogEvents"): {**_LOG, "logEvents": [{"timestamp": _now(), "message": "a"}]},
    ("logs", "DescribeLogStreams"): {"logGroupName": "a"},
    ("logs", "GetLogEvents"): _LOG,
    ("logs", "FilterLogEvents"): {"logGroupName": "a"},
    ("logs", "PutRetentionPolicy"): {"logGroupName": "a", "retentionInDays": 1},
    ("cloudwatch", "PutMetricData"): {"Namespace": "a", "MetricData": [_POINT]},
    ("cloudwatch", "GetMetricData"): {"MetricDataQueries": [_QUERY], **_SPAN},
    ("cloudwatch", "GetMetricStatistics"): {
        "Namespace": "a",
        "MetricName": "a",
        "Period": 60,
        "Statistics": ["Average"],
        **_SPAN,
    },
    ("sts", "AssumeRole"): {"RoleArn": ROLE, "RoleSessionName": "aa"},
    ("iam", "GetRole"): {"RoleName": "MLStudioExecutionRole"},
    ("iam", "SimulatePrincipalPolicy"): {
        "PolicySourceArn": ROLE,
        "ActionNames": ["s3:GetObject"],
    },
    ("mlstudio", "GetLogLines"): {"LogGroupName": "a", "LogStreamName": "a"},
    ("mlstudio", "GetMetricSeries"): {"ResourceArn": arn("experiment-trial-component/a")},
    ("mlstudio", "GetRunMetrics"): {"TrialComponentNames": ["a"], "MetricNames": ["a"]},
    ("mlstudio", "GetRunSeries"): {"TrialComponentNames": ["a"], "MetricName": "a"},
    ("mlstudio", "ListEvents"): {"Since": "0"},
    ("mlstudio", "ListModelApprovals"): {"ModelPackageArn": arn("model-package/a/1")},
    ("mlstudio", "ListRunPoints"): {"TrialComponentName": "a"},
}

SEEDS = [
    ("sagemaker", "CreateTrainingJob"),
    ("sagemaker", "CreateProcessingJob"),
    ("sagemaker", "CreateModel"),
    ("sagemaker", "CreateEndpointConfig"),
    ("sagemaker", "CreateEndpoint"),
    ("sagemaker", "CreateModelPackageGroup"),
    ("sagemaker", "CreateModelPackage"),
    ("sagemaker", "CreateTrialComponent"),
    ("sagemaker-metrics", "BatchPutMetrics"),
    ("logs", "CreateLogGroup"),
    ("logs", "CreateLogStream"),
    ("logs", "PutLogEvents"),
    ("cloudwatch", "PutMetricData"),
]

"""What is wrong although the model allows every member, by API: refused, and nothing changed."""

from __future__ import annotations

import base64
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlstudio.core.store import Resource
from jupyter_mlstudio.jobs.training.kind import TRAINING_JOB

from .direct import ACCOUNT, REGION, Direct
from .seeds import BASES, IMAGE, ROLE, arn, seed

VALIDATION, IN_USE, LIMIT = "ValidationException", "ResourceInUse", "ResourceLimitExceeded"
SERIALIZATION = "SerializationException"
CONSTRAINT = "failed to satisfy constraint: Member must"


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return ``one`` with the members of ``other``, inside of structures too."""
    result = dict(one)
    for name, value in other.items():
        if isinstance(value, dict) and isinstance(result.get(name), dict):
            value = merged(result[name], value)
        result[name] = value
    return {name: value for name, value in result.items() if value is not None}


def refused(direct: Direct, operation: str, value: Any, service: str = "sagemaker") -> str:
    """Ask for what has to be refused; return ``code: message``."""
    before = direct.state()
    reply = direct.ask(service, operation, value)
    assert 400 <= reply.status < 500, reply
    assert direct.state() == before
    return f"{reply.code}: {reply.message}"


def training(**changes: Any) -> dict[str, Any]:
    return merged({**BASES["sagemaker", "CreateTrainingJob"], "TrainingJobName": "new"}, changes)


def channel(name: str = "train", uri: str = "s3://bucket/x", **more: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


def job(direct: Direct, name: str) -> Resource:
    return direct.studio.store.get(TRAINING_JOB, ACCOUNT, REGION, name)


# CreateTrainingJob -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "-a", "a--", "a_b", "a" * 64, "", " a", "a\n", "a\0", "\u00e4", "a.b"]
)
def test_names_that_are_none(direct: Direct, name: str) -> None:
    said = refused(direct, "CreateTrainingJob", training(TrainingJobName=name))
    assert said.startswith(f"{VALIDATION}: ")
    assert "at 'trainingJobName' failed to satisfy constraint" in said


def test_a_name_that_windows_fears_is_a_name(direct: Direct) -> None:
    assert (
        direct.ask("sagemaker", "CreateTrainingJob", training(TrainingJobName="CON")).status == 200
    )


@pytest.mark.parametrize("name", ["a", "A"])
@pytest.mark.parametrize("status", ["InProgress", "Stopping", "Completed", "Failed", "Stopped"])
def test_a_name_is_taken_as_long_as_there_is_the_job(
    direct: Direct, name: str, status: str
) -> None:
    with direct.studio.store.edit(job(direct, "a").uid) as draft:
        draft.status = status
    said = refused(direct, "CreateTrainingJob", training(TrainingJobName=name))
    assert said.startswith(f"{IN_USE}: ")
    assert "a" in said
    with direct.studio.store.edit(job(direct, "a").uid) as draft:
        draft.status = "InProgress"


def test_a_name_is_taken_after_a_restart(tmp_path: Path) -> None:
    first = Direct(tmp_path / "root")
    seed(first)
    first.close()
    second = Direct(tmp_path / "root")
    for name in ("a", "A"):
        said = refused(second, "CreateTrainingJob", training(TrainingJobName=name))
        assert said.startswith(IN_USE)
    second.close()


TRAINING_RULES: list[tuple[dict[str, Any], str, str]] = [
    ({"RoleArn": "arn:aws:iam::1:role/r" + "x" * 9}, VALIDATION, "'roleArn'"),
    ({"RoleArn": "arn:aws:iam::123456789012:user/somebody"}, VALIDATION, "'roleArn'"),
    ({"RoleArn": f"{ROLE}\n"}, VALIDATION, "'roleArn'"),
    ({"HyperParameters": {"k": 1}}, SERIALIZATION, "NUMBER_VALUE can not be converted to String"),
    ({"HyperParameters": {"k": "v" * 2501}}, VALIDATION, "'hyperParameters'"),
    ({"HyperParameters": {"k": "a\nb"}}, VALIDATION, "'hyperParameters'"),
    ({"HyperParameters": {"k" * 257: "v"}}, VALIDATION, "'hyperParameters'"),
    ({"HyperParameters": {str(n): "v" for n in range(101)}}, VALIDATION, "equal to 100"),
    ({"Environment": {"FOO=BAR": "x"}}, VALIDATION, "'environment'"),
    ({"Environment": {"": "x"}}, VALIDATION, "'environment'"),
    ({"Environment": {"1A": "x"}}, VALIDATION, "'environment'"),
    ({"Environment": {"A": "x" * 513}}, VALIDATION, "'environment'"),
    ({"Environment": {f"A{n}": "x" for n in range(101)}}, VALIDATION, "'environment'"),
    ({"Environment": {"AWS_ACCESS_KEY_ID": "x"}}, VALIDATION, "AWS_ACCESS_KEY_ID is reserved"),
    ({"Environment": {"AWS_SESSION_TOKEN": "x"}}, VALIDATION, "AWS_SESSION_TOKEN is reserved"),
    (
        {"AlgorithmSpecification": {"MetricDefinitions": [{"Name": "l", "Regex": "(a"}]}},
        VALIDATION,
        "Invalid regular expression for metric l",
    ),
    (
        {"AlgorithmSpecification": {"MetricDefinitions": [{"Name": "l", "Regex": "a"}] * 41}},
        VALIDATION,
        "'algorithmSpecification.metricDefinitions'",
    ),
    (
        {"AlgorithmSpecification": {"MetricDefinitions": [{"Name": "l", "Regex": "a" * 501}]}},
        VALIDATION,
        "'algorithmSpecification.metricDefinitions.1.member.regex'",
    ),
    *(
        ({"AlgorithmSpecification": {"TrainingImage": image}}, VALIDATION, "is not of the form")
        for image in ("x y", "../../etc", "a/../b", "-rf", "a:b:c", "A", "a//b", "/a", "a@sha256:z")
    ),
    (
        {"AlgorithmSpecification": {"ContainerEntrypoint": ["sh", "a\0b"]}},
        VALIDATION,
        "AlgorithmSpecification.ContainerEntrypoint holds a NUL character",
    ),
    (
        {"AlgorithmSpecification": {"ContainerArguments": ["\0"]}},
        VALIDATION,
        "AlgorithmSpecification.ContainerArguments holds a NUL character",
    ),
    ({"Environment": {"A": "a\0b"}}, VALIDATION, "variable A holds a NUL character"),
    (
        {"AlgorithmSpecification": {"TrainingImage": "x" * 256}},
        VALIDATION,
        "'algorithmSpecification.trainingImage'",
    ),
    ({"ResourceConfig": {"InstanceCount": 0}}, VALIDATION, "'resourceConfig.instanceCount'"),
    ({"ResourceConfig": {"InstanceCount": -1}}, VALIDATION, "'resourceConfig.instanceCount'"),
    ({"ResourceConfig": {"InstanceCount": 10**6}}, LIMIT, "asks for 1000000 instances"),
    ({"ResourceConfig": {"InstanceCount": 2**31 - 1}}, LIMIT, "asks for 2147483647 instances"),
    (
        {"ResourceConfig": {"InstanceCount": 2**31 - 1, "KeepAlivePeriodInSeconds": 60}},
        "UnsupportedOperation",
        "KeepAlivePeriodInSeconds with several instances",
    ),
    ({"ResourceConfig": {"InstanceType": "ml.none"}}, VALIDATION, "enum value set: [ml.m4.xlarge"),
    ({"ResourceConfig": {"VolumeSizeInGB": -1}}, VALIDATION, "'resourceConfig.volumeSizeInGB'"),
    ({"ResourceConfig": {"VolumeSizeInGB": 10**9}}, LIMIT, "a volume of 1000000000 GB"),
    ({"ResourceConfig": {"KeepAlivePeriodInSeconds": 21_601}}, VALIDATION, "equal to 21600"),
    ({"StoppingCondition": {"MaxRuntimeInSeconds": 0}}, VALIDATION, "maxRuntimeInSeconds"),
    (
        {
            "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 59},
            "EnableManagedSpotTraining": True,
        },
        VALIDATION,
        "Invalid MaxWaitTimeInSeconds. It must be equal to or greater than MaxRuntimeInSeconds.",
    ),
    (
        {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}},
        VALIDATION,
        "It is only supported when EnableManagedSpotTraining is set to true",
    ),
    ({"StoppingCondition": None}, VALIDATION, "StoppingCondition"),
    ({"RetryStrategy": {"MaximumRetryAttempts": 0}}, VALIDATION, "'retryStrategy.maximumRetry"),
    ({"RetryStrategy": {"MaximumRetryAttempts": 31}}, VALIDATION, "less than or equal to 30"),
    ({"InputDataConfig": [channel(), channel()]}, VALIDATION, "Duplicate channel name: train"),
    ({"InputDataConfig": [channel(f"c{n}") for n in range(21)]}, VALIDATION, "equal to 20"),
    ({"InputDataConfig": []}, VALIDATION, "'inputDataConfig'"),
    ({"InputDataConfig": [channel(".")]}, VALIDATION, "1.member.channelName"),
    ({"InputDataConfig": [channel("..")]}, VALIDATION, "1.member.channelName"),
    ({"InputDataConfig": [channel("a/b")]}, VALIDATION, "1.member.channelName"),
    ({"InputDataConfig": [channel(uri="file:///etc/passwd")]}, VALIDATION, "s3DataSource.s3Uri"),
    (
        {"InputDataConfig": [channel(uri="https://169.254.169.254/")]},
        VALIDATION,
        "s3DataSource.s3Uri",
    ),
    ({"InputDataConfig": [channel(uri="s3://b/../../etc")]}, VALIDATION, "s3DataSource.s3Uri"),
    ({"InputDataConfig": [channel(uri="s3://b/%2e%2e/")]}, VALIDATION, "s3DataSource.s3Uri"),
    ({"InputDataConfig": [channel(uri="s3://../x")]}, VALIDATION, "s3DataSource.s3Uri"),
    ({"OutputDataConfig": {"S3OutputPath": "file:///tmp"}}, VALIDATION, "s3OutputPath"),
    (
        {"CheckpointConfig": {"S3Uri": "s3://bucket/c", "LocalPath": "/opt/ml/../../etc"}},
        VALIDATION,
        "CheckpointConfig.LocalPath must be an absolute path",
    ),
    (
        {"CheckpointConfig": {"S3Uri": "s3://bucket/c", "LocalPath": "/opt/ml/model"}},
        VALIDATION,
        "is used by another part of the job",
    ),
    ({"Tags": [{"Key": "k", "Value": "v"}] * 51}, VALIDATION, "'tags'"),
    ({"Tags": [{"Key": "k", "Value": "v"}] * 2}, VALIDATION, "Duplicate tag keys found: k"),
    ({"Tags": [{"Key": "k" * 129, "Value": "v"}]}, VALIDATION, "'tags.1.member.key'"),
    ({"Tags": [{"Key": "", "Value": "v"}]}, VALIDATION, "'tags.1.member.key'"),
]


@pytest.mark.parametrize(("changes", "code", "says"), TRAINING_RULES)
def test_training_jobs(direct: Direct, changes: dict[str, Any], code: str, says: str) -> None:
    said = refused(direct, "CreateTrainingJob", training(**changes))
    assert said.startswith(f"{code}: ")
    assert says in said


def test_what_is_strange_and_allowed_is_kept_as_it_is(direct: Direct) -> None:
    hyperparameters = {"__proto__": "x", '"; rm -rf /': "$(id)", "k": "'; DROP TABLE--", "e": ""}
    environment = {"LD_PRELOAD": "/x.so", "PATH": "/x", "_": "a\nb"}
    request = training(
        TrainingJobName="strange", HyperParameters=hyperparameters, Environment=environment
    )
    request["HyperParameters"] = hyperparameters
    assert direct.ask("sagemaker", "CreateTrainingJob", request).status == 200
    reply = direct.ask("sagemaker", "DescribeTrainingJob", {"TrainingJobName": "strange"})
    assert reply.document["HyperParameters"] == hyperparameters
    assert reply.document["Environment"] == environment


def test_stopping(direct: Direct) -> None:
    said = refused(direct, "StopTrainingJob", {"TrainingJobName": "nowhere"})
    assert said.startswith(f"{VALIDATION}: Requested resource not found")
    for status in ("Completed", "Failed", "Stopped"):
        with direct.studio.store.edit(job(direct, "a").uid) as draft:
            draft.status = status
        said = refused(direct, "StopTrainingJob", {"TrainingJobName": "a"})
        assert said.startswith(f"{VALIDATION}: The request was rejected because the training job")
        assert status in said
    with direct.studio.store.edit(job(direct, "a").uid) as draft:
        draft.status = "Stopping"
    revision = direct.revision()
    assert direct.ask("sagemaker", "StopTrainingJob", {"TrainingJobName": "a"}).status == 200
    assert direct.revision() == revision
    with direct.studio.store.edit(job(direct, "a").uid) as draft:
        draft.status = "InProgress"


def test_updating_a_job_changes_all_or_nothing(direct: Direct) -> None:
    pool = {"KeepAlivePeriodInSeconds": 60}
    said = refused(direct, "UpdateTrainingJob", {"TrainingJobName": "a", "ResourceConfig": pool})
    assert "has no warm pool" in said
    request = training(TrainingJobName="pooled", ResourceConfig=pool)
    assert direct.ask("sagemaker", "CreateTrainingJob", request).status == 200
    longer = {"KeepAlivePeriodInSeconds": 600}
    bad = {"S3OutputPath": "file:///x"}
    said = refused(
        direct,
        "UpdateTrainingJob",
        {"TrainingJobName": "pooled", "ResourceConfig": longer, "ProfilerConfig": bad},
    )
    assert "s3OutputPath" in said
    with direct.studio.store.edit(job(direct, "pooled").uid) as draft:
        draft.status = "Completed"
    said = refused(
        direct, "UpdateTrainingJob", {"TrainingJobName": "pooled", "ResourceConfig": longer}
    )
    assert "no longer available" in said


# Processing ------------------------------------------------------------------------------------


def processing(**changes: Any) -> dict[str, Any]:
    return merged({**BASES["sagemaker", "CreateProcessingJob"], "ProcessingJobName": "n"}, changes)


def given(name: str = "i", path: str = "/opt/ml/processing/i", **more: Any) -> dict[str, Any]:
    source = {
        "S3Uri": "s3://bucket/x",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "LocalPath": path,
        **more,
    }
    return {"InputName": name, "S3Input": source}


def taken(name: str = "o", path: str = "/opt/ml/processing/o") -> dict[str, Any]:
    target = {"S3Uri": "s3://bucket/x", "LocalPath": path, "S3UploadMode": "EndOfJob"}
    return {"OutputName": name, "S3Output": target}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"ProcessingInputs": [given(f"i{n}", f"/opt/ml/processing/{n}") for n in range(11)]},
            "10",
        ),
        ({"ProcessingInputs": [given("a"), given("b")]}, "Duplicate LocalPath"),
        ({"ProcessingInputs": [given("a"), given("a", "/opt/ml/processing/x")]}, "input name: a"),
        ({"ProcessingInputs": [given(path="/etc")]}, "must be a path below /opt/ml/processing"),
        ({"ProcessingInputs": [given(path="/opt/ml/../..")]}, "must be an absolute path"),
        ({"ProcessingInputs": [given(path="/opt/ml/processing/../../x")]}, "an absolute path"),
        ({"ProcessingInputs": [given(path="opt/ml/processing/x")]}, "must be an absolute path"),
        (
            {"ProcessingInputs": [given(path="/opt/ml/processingx")]},
            "begin with /opt/ml/processing",
        ),
        ({"ProcessingInputs": [given(path="/opt/ml/processing/a\0b")]}, "localPath"),
        (
            {"ProcessingInputs": [given(), given("j", "/opt/ml/processing/./i")]},
            "Duplicate LocalPath",
        ),
        ({"ProcessingOutputConfig": {"Outputs": [taken(path="/etc")]}}, "must be a path below"),
        ({"ProcessingOutputConfig": {"Outputs": [taken(path="/opt/ml/output/x")]}}, "a path below"),
        ({"ProcessingOutputConfig": {"Outputs": [taken("a"), taken("a", "/opt/ml/x")]}}, "name: a"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 777_601}}, "less than or equal to 777600"),
        ({"ProcessingResources": {"ClusterConfig": {"VolumeSizeInGB": 16_385}}}, "16384"),
        ({"ProcessingResources": {"ClusterConfig": {"InstanceCount": 101}}}, "equal to 100"),
        ({"AppSpecification": {"ImageUri": "../b"}}, "is not of the form"),
        ({"AppSpecification": {"ContainerArguments": ["a\0"]}}, "holds a NUL character"),
        ({"Environment": {"A": "\0"}}, "variable A holds a NUL character"),
        ({"Environment": {"AWS_SECRET_ACCESS_KEY": "x"}}, "reserved"),
    ],
)
def test_processing_jobs(direct: Direct, changes: dict[str, Any], says: str) -> None:
    said = refused(direct, "CreateProcessingJob", processing(**changes))
    assert said.startswith(f"{VALIDATION}: ")
    assert says in said


def test_names_of_processing_jobs(direct: Direct) -> None:
    said = refused(direct, "CreateProcessingJob", processing(ProcessingJobName="A"))
    assert said.startswith(IN_USE)
    said = refused(direct, "DescribeProcessingJob", {"ProcessingJobName": "nowhere"})
    assert said.startswith(f"{VALIDATION}: Could not find requested job")


# Models and endpoints --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"PrimaryContainer": {"Image": IMAGE}, "Containers": [{"Image": IMAGE}]}, "both"),
        ({"Containers": [{"Image": IMAGE}] * 16}, "less than or equal to 15"),
        (
            {"Containers": [{"Image": IMAGE, "ContainerHostname": "h"}] * 2},
            "Duplicate container hostnames: h",
        ),
        ({"PrimaryContainer": {"Image": "a b"}}, "'primaryContainer.image'"),
        ({"PrimaryContainer": {"Image": "a/../b"}}, "is not of the form"),
        ({"PrimaryContainer": {"Image": IMAGE, "Environment": {"A": "\0"}}}, "a NUL character"),
        (
            {"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.zip"}},
            "must name a .tar.gz archive",
        ),
        (
            {"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "file:///etc/m.tar.gz"}},
            "'primaryContainer.modelDataUrl'",
        ),
        (
            {
                "PrimaryContainer": {
                    "Image": IMAGE,
                    "ModelDataUrl": "https://169.254.169.254/m.tar.gz",
                }
            },
            "odelDataUrl",
        ),
        (
            {"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://bucket/../m.tar.gz"}},
            "Could not find model data",
        ),
    ],
)
def test_models(direct: Direct, request_: dict[str, Any], says: str) -> None:
    request = {"ModelName": "new", "ExecutionRoleArn": ROLE, **request_}
    said = refused(direct, "CreateModel", request)
    assert said.startswith(f"{VALIDATION}: ")
    assert says in said


def variant(**changes: Any) -> dict[str, Any]:
    (known,) = BASES["sagemaker", "CreateEndpointConfig"]["ProductionVariants"]
    return merged(known, changes)


SERVERLESS = {"InstanceType": None, "InitialInstanceCount": None}


@pytest.mark.parametrize(
    ("variants", "says"),
    [
        ([variant(), variant()], "Duplicate variant names"),
        ([variant(VariantName=f"v{n}") for n in range(11)], "less than or equal to 10"),
        ([variant(InitialVariantWeight=0.0)], "weight above 0"),
        ([variant(InitialVariantWeight=-1.0)], "greater than or equal to 0"),
        ([variant(InitialVariantWeight="NaN")], "nitialVariantWeight"),
        ([variant(InitialVariantWeight="Infinity")], "InitialVariantWeight must be a finite"),
        (
            [variant(**SERVERLESS, ServerlessConfig={"MemorySizeInMB": 1000, "MaxConcurrency": 1})],
            "greater than or equal to 1024",
        ),
        (
            [variant(**SERVERLESS, ServerlessConfig={"MemorySizeInMB": 7000, "MaxConcurrency": 1})],
            "less than or equal to 6144",
        ),
        (
            [
                variant(
                    **SERVERLESS, ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 201}
                )
            ],
            "less than or equal to 200",
        ),
        (
            [variant(ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 1})],
            "excludes InstanceType",
        ),
        ([variant(ContainerStartupHealthCheckTimeoutInSeconds=59)], "equal to 60"),
        ([variant(ContainerStartupHealthCheckTimeoutInSeconds=3601)], "equal to 3600"),
        ([variant(ModelDataDownloadTimeoutInSeconds=59)], "equal to 60"),
        ([variant(ModelDataDownloadTimeoutInSeconds=3601)], "equal to 3600"),
        ([variant(ModelName="nowhere")], "Could not find model"),
        ([], "'productionVariants'"),
    ],
)
def test_endpoint_configurations(direct: Direct, variants: list[Any], says: str) -> None:
    request = {"EndpointConfigName": "new", "ProductionVariants": variants}
    said = refused(direct, "CreateEndpointConfig", request)
    assert said.startswith(f"{VALIDATION}: ")
    assert says in said


def test_data_capture_of_more_than_everything(direct: Direct) -> None:
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 101,
        "DestinationS3Uri": "s3://bucket/x",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    request = {
        "EndpointConfigName": "new",
        "ProductionVariants": [variant()],
        "DataCaptureConfig": capture,
    }
    said = refused(direct, "CreateEndpointConfig", request)
    assert "'dataCaptureConfig.initialSamplingPercentage'" in said


def test_endpoints(direct: Direct) -> None:
    request = {"EndpointName": "new", "EndpointConfigName": "nowhere"}
    said = refused(direct, "CreateEndpoint", request)
    assert said.startswith(f'{VALIDATION}: Could not find endpoint configuration "')
    said = refused(direct, "CreateEndpoint", {"EndpointName": "A", "EndpointConfigName": "a"})
    assert said.startswith(f'{VALIDATION}: Cannot create already existing endpoint "')
    update = {"EndpointName": "a", "EndpointConfigName": "a"}
    endpoint = direct.studio.store.by_arn(arn("endpoint/a"))
    assert endpoint is not None
    for status in ("Creating", "Updating", "Failed", "Deleting"):
        with direct.studio.store.edit(endpoint.uid) as draft:
            draft.status = status
        for operation, value in (
            ("UpdateEndpoint", update),
            (
                "UpdateEndpointWeightsAndCapacities",
                {
                    "EndpointName": "a",
                    "DesiredWeightsAndCapacities": [{"VariantName": "a", "DesiredWeight": 1.0}],
                },
            ),
        ):
            said = refused(direct, operation, value)
            assert said.startswith(f'{VALIDATION}: Cannot update in-progress endpoint "')
    many = variant(VariantName="many", InitialInstanceCount=2**31 - 1)
    config = {"EndpointConfigName": "many", "ProductionVariants": [many]}
    assert direct.ask("sagemaker", "CreateEndpointConfig", config).status == 200
    said = refused(direct, "CreateEndpoint", {"EndpointName": "m", "EndpointConfigName": "many"})
    assert said.startswith(f"{LIMIT}: Variant many asks for 2147483647 instances")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"VariantName": "other", "DesiredWeight": 1.0}, 'Could not find variant "other"'),
        ({"VariantName": "a", "DesiredInstanceCount": 0}, "must be at least 1"),
        ({"VariantName": "a", "DesiredInstanceCount": 101}, "asks for 101 instances"),
        ({"VariantName": "a", "DesiredWeight": "Infinity"}, "must be a finite number"),
        ({"VariantName": "a", "DesiredWeight": "NaN"}, "desiredWeight"),
        ({"VariantName": "a", "DesiredWeight": -1.0}, "desiredWeight"),
    ],
)
def test_weights_and_capacities(direct: Direct, change: dict[str, Any], says: str) -> None:
    endpoint = direct.studio.store.by_arn(arn("endpoint/a"))
    assert endpoint is not None
    with direct.studio.store.edit(endpoint.uid) as draft:
        draft.status = "InService"
    request = {"EndpointName": "a", "DesiredWeightsAndCapacities": [change]}
    assert says in refused(direct, "UpdateEndpointWeightsAndCapacities", request)


# Model packages --------------------------------------------------------------------------------


def test_an_unknown_approval(direct: Direct) -> None:
    request = {"ModelPackageArn": arn("model-package/a/1"), "ModelApprovalStatus": "Maybe"}
    assert "enum value set: [Approved, " in refused(direct, "UpdateModelPackage", request)


def test_approving_twice_is_approving_once(direct: Direct) -> None:
    request = {"ModelPackageArn": arn("model-package/a/1"), "ModelApprovalStatus": "Approved"}
    assert direct.ask("sagemaker", "UpdateModelPackage", request).status == 200
    before = direct.state()
    assert direct.ask("sagemaker", "UpdateModelPackage", request).status == 200
    assert direct.state() == before


def test_a_version_that_is_refused_takes_no_number(direct: Direct) -> None:
    group = BASES["sagemaker", "CreateModelPackage"]
    tag = {"Key": "k", "Value": "v"}
    said = refused(direct, "CreateModelPackage", {**group, "Tags": [tag]})
    assert "Tags cannot be given with ModelPackageGroupName" in said
    alone = {"ModelPackageName": "alone", "InferenceSpecification": group["InferenceSpecification"]}
    said = refused(direct, "CreateModelPackage", {**alone, "Tags": [tag, tag]})
    assert "Duplicate tag keys found: k" in said


def test_ten_creators_of_versions_at_once(direct: Direct) -> None:
    made = direct.ask("sagemaker", "CreateModelPackageGroup", {"ModelPackageGroupName": "race"})
    assert made.status == 200
    request = {**BASES["sagemaker", "CreateModelPackage"], "ModelPackageGroupName": "race"}
    found: list[str] = []
    gate = threading.Barrier(10)

    def create() -> None:
        gate.wait()
        reply = direct.ask("sagemaker", "CreateModelPackage", request)
        found.append(reply.document["ModelPackageArn"])

    threads = [threading.Thread(target=create) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(arn(f"model-package/race/{n}") for n in range(1, 11))


# Tags and lists --------------------------------------------------------------------------------

LISTS = {
    "ListTrainingJobs": ("TrainingJobSummaries", "CreationTimeAfter", "CreationTimeBefore"),
    "ListProcessingJobs": ("ProcessingJobSummaries", "CreationTimeAfter", "CreationTimeBefore"),
    "ListModels": ("Models", "CreationTimeAfter", "CreationTimeBefore"),
    "ListEndpointConfigs": ("EndpointConfigs", "CreationTimeAfter", "CreationTimeBefore"),
    "ListEndpoints": ("Endpoints", "LastModifiedTimeAfter", "LastModifiedTimeBefore"),
    "ListModelPackageGroups": (
        "ModelPackageGroupSummaryList",
        "CreationTimeAfter",
        "CreationTimeBefore",
    ),
    "ListModelPackages": ("ModelPackageSummaryList", "CreationTimeAfter", "CreationTimeBefore"),
    "ListTrialComponents": ("TrialComponentSummaries", "CreatedAfter", "CreatedBefore"),
}


@pytest.mark.parametrize("operation", LISTS)
@pytest.mark.parametrize("count", [0, 101, -1])
def test_sizes_of_pages(direct: Direct, operation: str, count: int) -> None:
    assert "'maxResults'" in refused(direct, operation, {"MaxResults": count})


@pytest.mark.parametrize("operation", LISTS)
def test_times_the_wrong_way_round(direct: Direct, operation: str) -> None:
    _, after, before = LISTS[operation]
    said = refused(direct, operation, {after: time.time(), before: time.time() - 60})
    assert said.startswith(f"{VALIDATION}: ")
    assert after in said
    assert before in said


@pytest.mark.parametrize("operation", LISTS)
def test_forged_tokens(direct: Direct, operation: str) -> None:
    sealed = base64.urlsafe_b64encode(b"\0" * 32 + b'[0,"x"]').decode()
    for token in (sealed, "x", "=", "AAAA", "\u2603", "a" * 8192, "../../etc/passwd", "%00"):
        said = refused(direct, operation, {"NextToken": token})
        assert said.startswith(f"{VALIDATION}: ")
        assert "NextToken" in said or "nextToken" in said


def test_tokens_of_other_requests(direct: Direct) -> None:
    for number in range(3):
        name = f"page-{number}"
        for operation, member in (("CreateTrainingJob", "TrainingJobName"),):
            assert direct.ask("sagemaker", operation, training(**{member: name})).status == 200
        request = {"ModelName": name, "PrimaryContainer": {"Image": IMAGE}}
        assert direct.ask("sagemaker", "CreateModel", request).status == 200

    def token(operation: str, **request: Any) -> str:
        reply = direct.ask("sagemaker", operation, {"MaxResults": 1, **request})
        return str(reply.document["NextToken"])

    jobs, models = token("ListTrainingJobs"), token("ListModels")
    assert direct.ask("sagemaker", "ListTrainingJobs", {"NextToken": jobs}).status == 200
    for operation, request in (
        ("ListTrainingJobs", {"NextToken": models}),
        ("ListModels", {"NextToken": jobs}),
        ("ListTrainingJobs", {"NextToken": jobs, "NameContains": "page"}),
        ("ListTrainingJobs", {"NextToken": jobs, "SortOrder": "Descending"}),
        ("ListTrainingJobs", {"NextToken": jobs, "StatusEquals": "Completed"}),
        ("ListTags", {"NextToken": jobs, "ResourceArn": arn("training-job/a")}),
        ("ListProcessingJobs", {"NextToken": jobs}),
    ):
        assert "NextToken" in refused(direct, operation, request)
    for flipped in (jobs[:-5] + ("A" if jobs[-5] != "A" else "B") + jobs[-4:], "A" + jobs[1:]):
        assert "NextToken" in refused(direct, "ListTrainingJobs", {"NextToken": flipped})


@pytest.mark.parametrize("text", ["' OR 1=1 --", "%", "_", "a%", "\\", "a;b", "a\0", "(a+)+$"])
def test_names_that_are_no_part_of_a_name(direct: Direct, text: str) -> None:
    assert "'nameContains'" in refused(direct, "ListTrainingJobs", {"NameContains": text})


def test_what_databases_take_for_a_pattern_is_text(direct: Direct) -> None:
    reply = direct.ask("sagemaker", "ListModelPackageGroups", {"NameContains": "a"})
    assert reply.document["ModelPackageGroupSummaryList"]
    reply = direct.ask("sagemaker", "ListModelPackageGroups", {"NameContains": "a-"})
    assert reply.document["ModelPackageGroupSummaryList"] == []


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ([{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}], "Duplicate tag keys found: k"),
        ([{"Key": f"k{n}", "Value": "v"} for n in range(51)], "'tags'"),
        ([{"Key": "k", "Value": "v" * 257}], "'tags.1.member.value'"),
        ([{"Key": "a\nb", "Value": "v"}], "'tags.1.member.key'"),
        ([{"Key": "aws:x", "Value": "v"}], "aws:"),
    ],
)
def test_tags(direct: Direct, tags: list[dict[str, str]], says: str) -> None:
    request = {"ResourceArn": arn("training-job/a"), "Tags": tags}
    said = refused(direct, "AddTags", request)
    assert said.startswith(f"{VALIDATION}: ")
    assert says in said


def test_tags_of_nothing(direct: Direct) -> None:
    for resource in (
        arn("training-job/nowhere"),
        arn("training-job/a").replace(ACCOUNT, "999999999999"),
        arn("training-job/a").replace(REGION, "eu-west-1"),
        "arn:aws:sagemaker:us-east-1:123456789012:bucket",
    ):
        for operation, more in (
            ("AddTags", {"Tags": [{"Key": "k", "Value": "v"}]}),
            ("ListTags", {}),
            ("DeleteTags", {"TagKeys": ["k"]}),
        ):
            said = refused(direct, operation, {"ResourceArn": resource, **more})
            assert said.startswith(f"{VALIDATION}: Could not find")


def test_searches_that_nest(direct: Direct) -> None:
    def nested(depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {"Filters": [{"Name": "TrainingJobName", "Value": "a"}]}
        for _ in range(depth):
            found = {"SubExpressions": [found]}
        return {"Resource": "TrainingJob", "SearchExpression": found}

    assert direct.ask("sagemaker", "Search", nested(1)).status == 200
    assert direct.ask("sagemaker", "Search", nested(21)).status in (200, 400)
    assert direct.ask("sagemaker", "Search", nested(45)).status in (200, 400)
    assert refused(direct, "Search", nested(200)).startswith(SERIALIZATION)
    many = {"Resource": "TrainingJob", "SearchExpression": {"Filters": [{"Name": "a"}] * 21}}
    assert "'searchExpression.filters'" in refused(direct, "Search", many)


# Metrics, logs and roles -----------------------------------------------------------------------


def test_metrics_that_are_no_numbers_are_errors_of_their_own(direct: Direct) -> None:
    points = [{"MetricName": "n", "Timestamp": 1.0, "Value": v} for v in ("NaN", 1.0, "Infinity")]
    request = {"TrialComponentName": "a", "MetricData": points}
    reply = direct.ask("sagemaker-metrics", "BatchPutMetrics", request)
    wrong = [{"Code": "VALIDATION_ERROR", "MetricIndex": index} for index in (0, 2)]
    assert (reply.status, reply.document["Errors"]) == (200, wrong)


def test_statistics_of_numbers_that_are_too_great(direct: Direct) -> None:
    points = [{"MetricName": "big", "Timestamp": 1.0, "Value": v} for v in (1e300, -1e300)]
    request = {"TrialComponentName": "a", "MetricData": points}
    assert direct.ask("sagemaker-metrics", "BatchPutMetrics", request).status == 200
    described = direct.ask("sagemaker", "DescribeTrialComponent", {"TrialComponentName": "a"})
    (big,) = [each for each in described.document["Metrics"] if each["MetricName"] == "big"]
    assert big["StdDev"] == "Infinity"
    (query,) = BASES["sagemaker-metrics", "BatchGetMetrics"]["MetricQueries"]
    reply = direct.ask(
        "sagemaker-metrics", "BatchGetMetrics", {"MetricQueries": [{**query, "MetricName": "big"}]}
    )
    assert reply.document["MetricQueryResults"][0]["MetricValues"] == ["Infinity"]


@pytest.mark.parametrize("token", ["f/" + "9" * 5000, "b/" + "9" * 57, "f/-1", "f/\u0663", "x/1"])
def test_positions_in_a_log(direct: Direct, token: str) -> None:
    said = refused(direct, "GetLogEvents", {**LOG, "nextToken": token}, "logs")
    assert said == "InvalidParameterException: The specified nextToken is invalid."


LOG = {"logGroupName": "a", "logStreamName": "a"}


@pytest.mark.parametrize("prefix", ["a" * 300 + "/", "\u2603" * 200 + "/x", "../../", "./", "/"])
def test_prefixes_of_streams_are_no_paths(direct: Direct, prefix: str) -> None:
    request = {"logGroupName": "a", "logStreamNamePrefix": prefix}
    reply = direct.ask("logs", "DescribeLogStreams", request)
    assert (reply.status, reply.document["logStreams"]) == (200, [])


def test_what_a_principal_may_do_comes_in_pages(direct: Direct) -> None:
    actions, resources = [f"s3:A{n}" for n in range(30)], [f"arn:aws:s3:::b{n}" for n in range(30)]
    request: dict[str, Any] = {
        "PolicySourceArn": ROLE,
        "ActionNames": actions,
        "ResourceArns": resources,
    }
    reply = direct.ask("iam", "SimulatePrincipalPolicy", request)
    assert reply.body.count(b"<EvalDecision>allowed<") == 100
    assert b"<Marker>100<" in reply.body
    last = direct.ask("iam", "SimulatePrincipalPolicy", {**request, "Marker": "800"})
    assert last.body.count(b"<EvalDecision>allowed<") == 100
    assert b"<IsTruncated>false<" in last.body
    for marker in ("x", "-1", "9" * 10, "\u0663"):
        reply = direct.ask("iam", "SimulatePrincipalPolicy", {**request, "Marker": marker})
        assert (reply.status, reply.code) == (400, "ValidationError")

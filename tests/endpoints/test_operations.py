from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.endpoints.world import IMAGE, World, production


def _refused(function: Any, **arguments: Any) -> tuple[str, str]:
    """Call something that has to fail; return code and message."""
    with pytest.raises(ClientError) as caught:
        function(**arguments)
    error = caught.value.response["Error"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error["Code"], error["Message"]


def _model(world: World, name: str, **container: Any) -> None:
    world.sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": IMAGE, **container})


# Models


def test_model_describes_what_was_created(world: World) -> None:
    url = world.upload_model("described", a="b")
    container = {"Image": IMAGE, "ModelDataUrl": url, "Environment": {"A": "b"}}
    answer = world.sagemaker.create_model(
        ModelName="Described",
        PrimaryContainer=container,
        ExecutionRoleArn=world.settings.role_arn,
        Tags=[{"Key": "team", "Value": "blue"}],
    )
    assert answer["ModelArn"] == world.arn("model/described")
    described = world.sagemaker.describe_model(ModelName="Described")
    assert described["PrimaryContainer"] == {**container, "Mode": "SingleModel"}
    assert described["ModelArn"] == answer["ModelArn"]
    assert described["ExecutionRoleArn"] == world.settings.role_arn
    assert described["EnableNetworkIsolation"] is False
    assert world.studio.store.tags(answer["ModelArn"]) == {"team": "blue"}
    world.sagemaker.delete_model(ModelName="Described")
    code, message = _refused(world.sagemaker.describe_model, ModelName="Described")
    assert (code, message) == (
        "ValidationException",
        f'Could not find model "{world.arn("model/described")}".',
    )
    assert _refused(world.sagemaker.delete_model, ModelName="Described")[1] == message


def test_model_names_are_taken_once(world: World) -> None:
    _model(world, "taken")
    for name in ("taken", "Taken"):
        code, message = _refused(
            world.sagemaker.create_model, ModelName=name, PrimaryContainer={"Image": IMAGE}
        )
        assert code == "ValidationException"
        assert message == f'Cannot create already existing model "{world.arn("model/taken")}".'


_SOURCE = {"S3Uri": "s3://models/x/", "S3DataType": "S3Prefix", "CompressionType": "None"}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, "needs a PrimaryContainer"),
        (
            {"PrimaryContainer": {"Image": IMAGE}, "Containers": [{"Image": IMAGE}]},
            "Cannot specify",
        ),
        ({"PrimaryContainer": {}}, "either an Image or a ModelPackageName"),
        ({"PrimaryContainer": {"Image": IMAGE, "ModelPackageName": "p"}}, "either an Image or"),
        (
            {
                "Containers": [
                    {"Image": IMAGE, "ContainerHostname": "a"},
                    {"Image": IMAGE, "ContainerHostname": "a"},
                ]
            },
            "Duplicate container hostnames: a",
        ),
        (
            {
                "PrimaryContainer": {
                    "Image": IMAGE,
                    "ModelDataUrl": "s3://models/x.tar.gz",
                    "ModelDataSource": {"S3DataSource": _SOURCE},
                }
            },
            "either ModelDataUrl or ModelDataSource",
        ),
        (
            {"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://models/x.zip"}},
            "must name a .tar.gz archive",
        ),
        (
            {"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://models/none.tar.gz"}},
            "Could not find model data at s3://models/none.tar.gz.",
        ),
        (
            {"PrimaryContainer": {"Image": IMAGE, "ModelDataSource": {"S3DataSource": _SOURCE}}},
            "Could not find model data at s3://models/x/.",
        ),
        (
            {
                "PrimaryContainer": {
                    "Image": IMAGE,
                    "ModelDataSource": {"S3DataSource": {**_SOURCE, "CompressionType": "Gzip"}},
                }
            },
            "must be one S3Object",
        ),
        (
            {"PrimaryContainer": {"ModelPackageName": "nowhere"}},
            "model-package/nowhere does not exist",
        ),
        ({"Containers": [{"Image": IMAGE}] * 16}, "less than or equal to 15"),
    ],
)
def test_bad_models_change_nothing(world: World, request_: Any, said: str) -> None:
    code, message = _refused(world.sagemaker.create_model, ModelName="bad-model", **request_)
    assert code == "ValidationException"
    assert said in message
    assert not world.sagemaker.list_models(NameContains="bad-model")["Models"]


@pytest.mark.parametrize(
    "request_",
    [
        {"PrimaryContainer": {"Image": IMAGE, "Mode": "MultiModel"}},
        {"Containers": [{"Image": IMAGE}, {"Image": IMAGE}]},
    ],
)
def test_what_is_not_supported_is_named(world: World, request_: Any) -> None:
    code, message = _refused(world.sagemaker.create_model, ModelName="later", **request_)
    assert code == "UnsupportedOperation"
    assert "MultiModel" in message or "more than one container" in message


def test_models_are_listed_newest_first_in_pages(world: World) -> None:
    for number in range(3):
        _model(world, f"paged-{number}")
    names = [
        model["ModelName"]
        for page in world.sagemaker.get_paginator("list_models").paginate(
            NameContains="paged", PaginationConfig={"PageSize": 2}
        )
        for model in page["Models"]
    ]
    assert names == ["paged-2", "paged-1", "paged-0"]
    by_name = world.sagemaker.list_models(
        NameContains="paged", SortBy="Name", SortOrder="Ascending"
    )
    assert [each["ModelName"] for each in by_name["Models"]] == names[::-1]


# Endpoint configurations


def test_config_describes_what_was_created(world: World) -> None:
    _model(world, "configured")
    answer = world.sagemaker.create_endpoint_config(
        EndpointConfigName="Configured",
        ProductionVariants=[production("configured", InitialVariantWeight=2.0)],
    )
    assert answer["EndpointConfigArn"] == world.arn("endpoint-config/configured")
    described = world.sagemaker.describe_endpoint_config(EndpointConfigName="Configured")
    (variant,) = described["ProductionVariants"]
    assert variant == production("configured", InitialVariantWeight=2.0)
    code, message = _refused(
        world.sagemaker.create_endpoint_config,
        EndpointConfigName="Configured",
        ProductionVariants=[production("configured")],
    )
    assert (code, message) == (
        "ValidationException",
        f'Cannot create already existing endpoint configuration "{answer["EndpointConfigArn"]}".',
    )
    listed = world.sagemaker.list_endpoint_configs(NameContains="Configured")["EndpointConfigs"]
    assert [each["EndpointConfigName"] for each in listed] == ["Configured"]
    world.sagemaker.delete_endpoint_config(EndpointConfigName="Configured")
    for function in (
        world.sagemaker.describe_endpoint_config,
        world.sagemaker.delete_endpoint_config,
    ):
        assert _refused(function, EndpointConfigName="Configured") == (
            "ValidationException",
            f'Could not find endpoint configuration "{answer["EndpointConfigArn"]}".',
        )


def _serverless(memory: int, concurrency: int = 1) -> dict[str, Any]:
    config = {"MemorySizeInMB": memory, "MaxConcurrency": concurrency}
    return {"VariantName": "v", "ModelName": "m", "ServerlessConfig": config}


@pytest.mark.parametrize(
    ("variants", "said"),
    [
        ([production("m"), production("m")], "Duplicate variant names: AllTraffic"),
        ([production("nowhere")], "Could not find model"),
        ([production("m", InitialVariantWeight=0.0)], "weight above 0"),
        ([production("m", 0)], "greater than or equal to 1"),
        ([production("m", ContainerStartupHealthCheckTimeoutInSeconds=59)], "or equal to 60"),
        ([production("m", ContainerStartupHealthCheckTimeoutInSeconds=3601)], "or equal to 3600"),
        ([production("m", ServerlessConfig=_serverless(1024)["ServerlessConfig"])], "excludes"),
        ([_serverless(1000)], "greater than or equal to 1024"),
        ([_serverless(7000)], "less than or equal to 6144"),
        ([_serverless(1500)], "multiple of 1024"),
        ([_serverless(1024, 201)], "less than or equal to 200"),
        ([{"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1}], "InstanceType"),
        (
            [production("m", VariantName="a"), production("m", VariantName="b")],
            "one production variant per endpoint for now; ProductionVariants has 2: a, b",
        ),
        ([production("m", VariantName=f"v{n}") for n in range(11)], "less than or equal to 10"),
    ],
)
def test_bad_configs_change_nothing(world: World, variants: Any, said: str) -> None:
    if not world.sagemaker.list_models(NameContains="m", SortBy="Name", SortOrder="Descending")[
        "Models"
    ] or not world.studio.store.by_arn(world.arn("model/m")):
        _model(world, "m")
    code, message = _refused(
        world.sagemaker.create_endpoint_config,
        EndpointConfigName="bad-config",
        ProductionVariants=variants,
    )
    assert code == "ValidationException"
    assert said in message
    assert not world.sagemaker.list_endpoint_configs(NameContains="bad-config")["EndpointConfigs"]


def test_capture_is_named_as_missing(world: World) -> None:
    _model(world, "captured")
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://models/capture",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    code, message = _refused(
        world.sagemaker.create_endpoint_config,
        EndpointConfigName="captured",
        ProductionVariants=[production("captured")],
        DataCaptureConfig={**capture, "InitialSamplingPercentage": 101},
    )
    assert (code, "100" in message) == ("ValidationException", True)
    code, message = _refused(
        world.sagemaker.create_endpoint_config,
        EndpointConfigName="captured",
        ProductionVariants=[production("captured")],
        DataCaptureConfig=capture,
    )
    assert (code, "DataCaptureConfig" in message) == ("UnsupportedOperation", True)


# Endpoints


def test_unknown_endpoint(world: World) -> None:
    expected = (
        "ValidationException",
        f'Could not find endpoint "{world.arn("endpoint/nowhere")}".',
    )
    assert _refused(world.sagemaker.describe_endpoint, EndpointName="nowhere") == expected
    assert _refused(world.sagemaker.delete_endpoint, EndpointName="nowhere") == expected
    update = {"EndpointName": "nowhere", "EndpointConfigName": "c"}
    assert _refused(world.sagemaker.update_endpoint, **update) == expected


def test_endpoint_needs_its_configuration(world: World) -> None:
    code, message = _refused(
        world.sagemaker.create_endpoint, EndpointName="lost", EndpointConfigName="Lost"
    )
    assert (code, message) == (
        "ValidationException",
        f'Could not find endpoint configuration "{world.arn("endpoint-config/lost")}".',
    )
    assert not world.sagemaker.list_endpoints()["Endpoints"]


def test_endpoint_in_all_its_operations(world: World) -> None:
    world.create_config("whole", Environment={"FAULT": "sick"})
    answer = world.sagemaker.create_endpoint(EndpointName="Whole", EndpointConfigName="whole")
    assert answer["EndpointArn"] == world.arn("endpoint/whole")
    assert _refused(
        world.sagemaker.create_endpoint, EndpointName="Whole", EndpointConfigName="whole"
    ) == (
        "ValidationException",
        f'Cannot create already existing endpoint "{answer["EndpointArn"]}".',
    )
    busy = (
        "ValidationException",
        f'Cannot update in-progress endpoint "{answer["EndpointArn"]}".',
    )
    assert (
        _refused(world.sagemaker.update_endpoint, EndpointName="Whole", EndpointConfigName="whole")
        == busy
    )
    change = {"VariantName": "AllTraffic", "DesiredWeight": 1.0}
    assert (
        _refused(
            world.sagemaker.update_endpoint_weights_and_capacities,
            EndpointName="Whole",
            DesiredWeightsAndCapacities=[change],
        )
        == busy
    )
    described = world.sagemaker.describe_endpoint(EndpointName="Whole")
    assert described["EndpointStatus"] == "Creating"
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 0
    listed = world.sagemaker.list_endpoints(StatusEquals="Creating", NameContains="Whole")
    assert [each["EndpointName"] for each in listed["Endpoints"]] == ["Whole"]
    assert not world.sagemaker.list_endpoints(StatusEquals="InService")["Endpoints"]
    world.delete_endpoints()


@pytest.mark.parametrize(
    "deployment",
    [
        {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {
                    "Type": "CANARY",
                    "WaitIntervalInSeconds": 0,
                    "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
                }
            }
        },
        {
            "RollingUpdatePolicy": {
                "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
                "WaitIntervalInSeconds": 0,
            }
        },
        {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}},
    ],
)
def test_deployments_that_are_not_supported_are_named(world: World, deployment: Any) -> None:
    if not world.studio.store.by_arn(world.arn("endpoint-config/guarded")):
        world.create_config("guarded")
    code, message = _refused(
        world.sagemaker.create_endpoint,
        EndpointName="guarded",
        EndpointConfigName="guarded",
        DeploymentConfig=deployment,
    )
    assert code == "UnsupportedOperation"
    assert "DeploymentConfig" in message

"""Search, through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from jupyter_mlstudio.core.metrics import Point
from jupyter_mlstudio.core.search import records
from jupyter_mlstudio.jobs.training.kind import TRAINING_JOB
from tests.endpoints.world import World

RATES = {"low": "0.1", "middle": "0.5", "high": "1.5", "none": None}


def job(world: World, name: str, rate: str | None, accuracy: float | None, **more: Any) -> None:
    """Store a job that has ended, as its controller would."""
    studio, settings = world.studio, world.settings
    channel = {"S3DataType": "S3Prefix", "S3Uri": f"s3://data/{name}"}
    wish = {
        "TrainingJobName": name,
        "RoleArn": settings.role_arn,
        "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
        "HyperParameters": {"max.depth": "6"} if rate is None else {"rate": rate},
        "InputDataConfig": [
            {"ChannelName": "train", "DataSource": {"S3DataSource": channel}},
            {
                "ChannelName": "test",
                "DataSource": {"S3DataSource": {**channel, "S3Uri": "s3://x"}},
            },
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 9},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **more,
    }
    made = studio.store.create(
        TRAINING_JOB,
        settings.account,
        settings.region,
        name,
        wish=wish,
        status="Completed",
        facts={"SecondaryStatus": "Completed", "EndedAt": 1_700_000_000.0},
        labels={"team": "blue" if rate is None else "red"},
    )
    if accuracy is not None:
        studio.metrics.append(
            made.arn, [Point("accuracy", 0.0, 1.0), Point("accuracy", accuracy, 2.0)]
        )


@pytest.fixture(scope="module", autouse=True)
def _jobs(world: World) -> Iterator[None]:
    for number, (name, rate) in enumerate(RATES.items()):
        job(world, name, rate, None if rate is None else number / 10)
    yield
    for resource in world.studio.store.select(TRAINING_JOB):
        world.studio.store.delete(resource.uid)


def found(world: World, expression: dict[str, Any] | None = None, **request: Any) -> list[str]:
    """Return the names of the jobs that a search finds, over all its pages."""
    if expression:
        request["SearchExpression"] = expression
    pages = world.sagemaker.get_paginator("search").paginate(Resource="TrainingJob", **request)
    return [
        record["TrainingJob"]["TrainingJobName"] for page in pages for record in page["Results"]
    ]


def where(name: str, operator: str | None = None, value: str | None = None) -> dict[str, Any]:
    """Return an expression of one filter."""
    given = {"Name": name, "Operator": operator, "Value": value}
    return {"Filters": [{k: v for k, v in given.items() if v is not None}]}


def test_everything_is_found_the_last_changed_first(world: World) -> None:
    assert found(world) == ["none", "high", "middle", "low"]
    answer = world.sagemaker.search(Resource="TrainingJob", MaxResults=1)
    assert answer["TotalHits"] == {"Value": 4, "Relation": "EqualTo"}


def test_a_record_is_what_describe_says_with_its_tags(world: World) -> None:
    (result,) = world.sagemaker.search(
        Resource="TrainingJob", SearchExpression=where("TrainingJobName", None, "low")
    )["Results"]
    record = dict(result["TrainingJob"])
    assert record.pop("Tags") == [{"Key": "team", "Value": "red"}]
    described = dict(world.sagemaker.describe_training_job(TrainingJobName="low"))
    assert record == {name: described[name] for name in record}
    assert record["FinalMetricDataList"][0]["Value"] == 0.0


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        (where("HyperParameters.rate", "LessThan", "0.2"), {"low"}),
        (where("HyperParameters.rate", "GreaterThanOrEqualTo", "1"), {"high"}),
        (where("HyperParameters.rate", "Equals", "0"), {"low", "middle"}),  # as integers
        (where("HyperParameters.rate", "Equals", "0.50"), {"middle"}),
        (where("HyperParameters.rate", "In", "0.1, 1.5"), {"low", "high"}),
        (where("HyperParameters.rate", "NotExists"), {"none"}),
        (where("HyperParameters.max.depth", "Exists"), {"none"}),
        (where("HyperParameters.rate", "LessThan", "many"), set()),
        (where("Metrics.accuracy", "GreaterThan", "0.05"), {"middle", "high"}),
        (where("metrics.accuracy", "LessThanOrEqualTo", "0"), {"low"}),
        (where("Tags.team", "Equals", "blue"), {"none"}),
        (where("Tags.team", "NotEquals", "blue"), {"low", "middle", "high"}),
        (where("TrainingJobName", "Contains", "i"), {"middle", "high"}),
        (where("TrainingJobStatus", "Equals", "Completed"), set(RATES)),
        (where("FailureReason", "Exists"), set()),
        (where("ResourceConfig.VolumeSizeInGB", "GreaterThan", "8"), set(RATES)),
        (where("TrainingEndTime", "LessThan", "2023-11-15T00:00:00"), set(RATES)),
        (where("TrainingEndTime", "LessThan", "2023-11-14T00:00:00"), set()),
        (where("InputDataConfig.DataSource.S3DataSource.S3Uri", "Contains", "/low"), {"low"}),
        (
            {
                "Operator": "Or",
                "Filters": [{"Name": "TrainingJobName", "Value": "low"}],
                "SubExpressions": [where("HyperParameters.rate", "GreaterThan", "1.4")],
            },
            {"low", "high"},
        ),
        (
            {
                "Filters": [
                    {"Name": "Tags.team", "Value": "red"},
                    {"Name": "Metrics.accuracy", "Operator": "LessThan", "Value": "0.2"},
                ]
            },
            {"low", "middle"},
        ),
    ],
)
def test_filters(world: World, expression: dict[str, Any], names: set[str]) -> None:
    assert set(found(world, expression)) == names


@pytest.mark.parametrize(("channel", "names"), [("train", {"low"}), ("test", set())])
def test_nested_filters_are_about_one_element(world: World, channel: str, names: set[str]) -> None:
    uri = "InputDataConfig.DataSource.S3DataSource.S3Uri"
    nested = {
        "NestedPropertyName": "InputDataConfig",
        "Filters": [
            {"Name": "InputDataConfig.ChannelName", "Value": channel},
            {"Name": uri, "Operator": "Contains", "Value": "data/low"},
        ],
    }
    assert set(found(world, {"NestedFilters": [nested]})) == names


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("HyperParameters.rate", ["none", "low", "middle", "high"]),
        ("Metrics.accuracy", ["none", "low", "middle", "high"]),
        ("TrainingJobName", ["high", "low", "middle", "none"]),
        ("CreationTime", ["low", "middle", "high", "none"]),
    ],
)
def test_pages_in_any_order_have_each_once(
    world: World, sort: str, names: list[str], order: str
) -> None:
    wanted = names if order == "Ascending" else names[::-1]
    assert found(world, SortBy=sort, SortOrder=order, MaxResults=1) == wanted


WITHOUT_DOCUMENTS = [
    where("TrainingJobName", "Equals", "low"),
    where("TrainingJobName", "Equals", "LOW"),
    where("TrainingJobName", "NotEquals", "low"),
    where("TrainingJobName", "In", "low, high,absent"),
    where("TrainingJobName", "Contains", "i"),
    where("TrainingJobName", "Contains", "I"),
    where("TrainingJobName", "Contains", "%"),
    where("TrainingJobArn", "Contains", "middle"),
    where("TrainingJobStatus", "Equals", "Failed"),
    where("TrainingJobStatus", "Exists"),
    where("TrainingJobStatus", "NotExists"),
    where("CreationTime", "LessThan", "2000-01-01T00:00:00"),
    where("LastModifiedTime", "GreaterThanOrEqualTo", "2000-01-01T00:00:00Z"),
    where("Tags.team", "Equals", "blue"),
    where("Tags.team", "NotEquals", "blue"),
    where("Tags.team", "Contains", "e"),
    where("Tags.team", "Contains", "E"),
    where("Tags.team", "In", "red,green"),
    where("Tags.colour", "Exists"),
    where("Tags.colour", "NotExists"),
    where("Tags.colour", "NotEquals", "blue"),
    {
        "Operator": "Or",
        "Filters": [{"Name": "Tags.team", "Value": "blue"}],
        "SubExpressions": [where("TrainingJobName", "Contains", "ow")],
    },
]
OF_ALL = where("RoleArn", "Exists")


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize(
    "sort", ["TrainingJobName", "TrainingJobStatus", "CreationTime", "LastModifiedTime"]
)
def test_the_database_finds_what_a_look_at_each_document_finds(
    world: World, sort: str, order: str
) -> None:
    for expression in WITHOUT_DOCUMENTS:
        request = {"SortBy": sort, "SortOrder": order, "MaxResults": 2}
        wanted = found(world, {"SubExpressions": [expression, OF_ALL]}, **request)
        assert found(world, expression, **request) == wanted, expression


@pytest.mark.parametrize("way", ["Equals", "LessThan", "GreaterThan", "GreaterThanOrEqualTo"])
def test_times_are_compared_to_the_millisecond(world: World, way: str) -> None:
    created = world.sagemaker.describe_training_job(TrainingJobName="middle")["CreationTime"]
    expression = where("CreationTime", way, created.isoformat())
    names = {
        "Equals": {"middle"},
        "LessThan": {"low"},
        "GreaterThan": {"high", "none"},
        "GreaterThanOrEqualTo": {"middle", "high", "none"},
    }
    assert set(found(world, expression)) == names[way]


def test_what_columns_tell_is_found_without_a_look_at_documents(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_rows", None)
    for expression in WITHOUT_DOCUMENTS:
        found(world, expression)
    with pytest.raises(ClientError, match="InternalFailure"):
        found(world, OF_ALL)


MANY = where("TrainingJobStatus", "Exists")["Filters"] * 20


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (where("Colour", "Exists"), "Colour is not a valid property of TrainingJob"),
        (where("CreationTime.x", "Exists"), "CreationTime.x is not a valid property"),
        (where("Metrics.accuracy", "Equals", "high"), "must be an integer or a decimal"),
        (where("CreationTime", "LessThan", "yesterday"), "must be a time as YYYY-mm-dd"),
        (where("EnableNetworkIsolation", "Equals", "maybe"), "must be true or false"),
        (where("TrainingJobName", "LessThan", "m"), "LessThan is not supported for text"),
        (where("CreationTime", "Contains", "1"), "Contains is only supported for text"),
        (where("TrainingJobName", "Equals"), "needs a Value"),
        (where("TrainingJobName", "Exists", "x"), "must not have a Value"),
        ({"Operator": "And"}, "needs at least one of Filters"),
        ({"Filters": MANY, "SubExpressions": [{"Filters": MANY}] * 2}, "at most 50 filters"),
        (
            {"Filters": 2 * where("TrainingJobName", "Contains", "o")["Filters"]},
            "'CONTAINS' operator usage limit of 1 exceeded.",
        ),
    ],
)
def test_what_cannot_be_searched_for_is_named(
    world: World, expression: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message) as caught:
        found(world, expression)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_token_is_good_for_its_query_alone(world: World) -> None:
    token = world.sagemaker.search(Resource="TrainingJob", MaxResults=1)["NextToken"]
    with pytest.raises(ClientError, match="Invalid pagination token"):
        world.sagemaker.search(Resource="TrainingJob", SortBy="TrainingJobName", NextToken=token)


def test_what_other_accounts_share_is_nothing(world: World) -> None:
    assert found(world, CrossAccountFilterOption="CrossAccount") == []


def test_resources_of_other_kinds(world: World) -> None:
    client = world.sagemaker
    client.create_model_package_group(ModelPackageGroupName="group")
    client.create_model_package(ModelPackageGroupName="group", ModelPackageDescription="first")
    client.create_trial_component(
        TrialComponentName="run", Parameters={"lr": {"NumberValue": 0.25}}
    )
    (group,) = client.search(Resource="ModelPackageGroup")["Results"]
    assert group["ModelPackageGroup"]["ModelPackageGroupName"] == "group"
    (package,) = client.search(
        Resource="ModelPackage", SearchExpression=where("ModelPackageVersion", "Equals", "1")
    )["Results"]
    assert package["ModelPackage"]["ModelPackageDescription"] == "first"
    (component,) = client.search(
        Resource="ExperimentTrialComponent",
        SearchExpression=where("Parameters.lr", "LessThan", "0.3"),
    )["Results"]
    assert component["TrialComponent"]["TrialComponentName"] == "run"
    assert client.search(Resource="Endpoint")["Results"] == []
    with pytest.raises(ClientError, match="does not support the Resource FeatureGroup"):
        client.search(Resource="FeatureGroup")

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from jupyter_mlstudio.registry.kinds import PACKAGE
from jupyter_mlstudio.wire.services import MODELS
from tests.endpoints.world import World

SPECIFICATION: Any = {
    "Containers": [{"Image": "model:1", "ModelDataUrl": "s3://models/m.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


@pytest.fixture
def mlstudio(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a client of the studio's own service."""
    monkeypatch.setenv("AWS_DATA_PATH", str(MODELS))
    return world.client("mlstudio", world.settings.url)


def _refused(function: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        function(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def _group(world: World, name: str) -> str:
    answer = world.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return answer["ModelPackageGroupArn"]


def _version(world: World, group: str, **more: Any) -> str:
    answer = world.sagemaker.create_model_package(
        ModelPackageGroupName=group, InferenceSpecification=SPECIFICATION, **more
    )
    return answer["ModelPackageArn"]


def test_group_in_all_its_operations(world: World) -> None:
    sagemaker = world.sagemaker
    arn = sagemaker.create_model_package_group(
        ModelPackageGroupName="Churn",
        ModelPackageGroupDescription="who leaves",
        Tags=[{"Key": "team", "Value": "blue"}],
    )["ModelPackageGroupArn"]
    assert arn == world.arn("model-package-group/churn")
    for reference in ("Churn", arn):
        described = sagemaker.describe_model_package_group(ModelPackageGroupName=reference)
        assert described["ModelPackageGroupName"] == "Churn"
        assert described["ModelPackageGroupDescription"] == "who leaves"
        assert described["ModelPackageGroupStatus"] == "Completed"
        assert described["CreatedBy"]["IamIdentity"]["Arn"] == world.settings.user_arn
    assert world.studio.store.tags(arn) == {"team": "blue"}
    code, message = _refused(sagemaker.create_model_package_group, ModelPackageGroupName="Churn")
    assert (code, message) == ("ValidationException", f"ModelPackageGroup already exists: {arn}")
    listed = sagemaker.list_model_package_groups(NameContains="Churn")
    (summary,) = listed["ModelPackageGroupSummaryList"]
    assert summary["ModelPackageGroupArn"] == arn
    foreign = sagemaker.list_model_package_groups(CrossAccountFilterOption="CrossAccount")
    assert foreign["ModelPackageGroupSummaryList"] == []
    version = _version(world, "Churn")
    code, message = _refused(sagemaker.delete_model_package_group, ModelPackageGroupName="Churn")
    assert code == "ConflictException"
    assert "still contains model packages" in message
    sagemaker.delete_model_package(ModelPackageName=version)
    sagemaker.delete_model_package_group(ModelPackageGroupName="Churn")
    code, message = _refused(sagemaker.describe_model_package_group, ModelPackageGroupName="Churn")
    assert (code, message) == ("ValidationException", f"ModelPackageGroup {arn} does not exist.")


def test_groups_are_listed_oldest_first(world: World) -> None:
    for name in ("order-b", "order-a"):
        _group(world, name)
    listed = world.sagemaker.list_model_package_groups(NameContains="order")
    names = [each["ModelPackageGroupName"] for each in listed["ModelPackageGroupSummaryList"]]
    assert names == ["order-b", "order-a"]


def test_versions_count_up_and_never_again(world: World) -> None:
    _group(world, "Counted")
    arns = [_version(world, "Counted") for _ in range(3)]
    assert arns == [world.arn(f"model-package/counted/{number}") for number in (1, 2, 3)]
    world.sagemaker.delete_model_package(ModelPackageName=arns[-1])
    assert _version(world, "Counted") == world.arn("model-package/counted/4")


def test_versions_are_consecutive_under_a_race(world: World) -> None:
    _group(world, "Raced")
    with ThreadPoolExecutor(10) as pool:
        arns = list(pool.map(lambda _: _version(world, "Raced"), range(10)))
    numbers = sorted(int(arn.rpartition("/")[2]) for arn in arns)
    assert numbers == list(range(1, 11))


def test_a_token_makes_one_version(world: World) -> None:
    _group(world, "Token")
    first = _version(world, "Token", ClientToken="once")
    assert _version(world, "Token", ClientToken="once") == first
    assert _version(world, "Token", ClientToken="twice") != first


def test_version_describes_what_was_registered(world: World) -> None:
    _group(world, "Described")
    report = {"ContentType": "application/json", "S3Uri": "s3://models/report.json"}
    arn = _version(
        world,
        "Described",
        ModelPackageDescription="the first",
        CustomerMetadataProperties={"auc": "0.98"},
        ModelMetrics={"ModelQuality": {"Statistics": report}},
        Domain="MACHINE_LEARNING",
    )
    described = world.sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["ModelPackageArn"] == arn
    assert described["ModelPackageGroupName"] == "Described"
    assert "ModelPackageName" not in described
    assert described["ModelPackageVersion"] == 1
    assert described["ModelPackageStatus"] == "Completed"
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["InferenceSpecification"] == SPECIFICATION
    assert described["CustomerMetadataProperties"] == {"auc": "0.98"}
    assert described["ModelMetrics"]["ModelQuality"]["Statistics"] == report
    assert described["CreatedBy"]["IamIdentity"]["Arn"] == world.settings.user_arn
    assert "LastModifiedBy" not in described
    short = world.sagemaker.describe_model_package(ModelPackageName="Described/1")
    assert short["ModelPackageArn"] == arn
    batch = world.sagemaker.batch_describe_model_package(ModelPackageArnList=[arn, f"{arn}999"])
    assert batch["ModelPackageSummaries"][arn]["ModelPackageVersion"] == 1
    assert set(batch["BatchDescribeModelPackageErrorMap"]) == {f"{arn}999"}


def test_approval_keeps_who_when_and_why(world: World, mlstudio: Any) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    _group(world, "Approved")
    arn = _version(world, "Approved")
    decide = world.sagemaker.update_model_package
    decide(ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="good AUC")
    described = world.sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "good AUC"
    assert described["LastModifiedBy"]["IamIdentity"]["Arn"] == world.settings.user_arn
    assert before < described["LastModifiedTime"] < datetime.now(UTC) + timedelta(seconds=1)
    decide(ModelPackageArn=arn, ModelApprovalStatus="Approved")  # twice is once
    again = world.sagemaker.describe_model_package(ModelPackageName=arn)
    assert again["LastModifiedTime"] == described["LastModifiedTime"]
    decide(ModelPackageArn=arn, ModelApprovalStatus="Rejected", ApprovalDescription="it drifts")
    approvals = mlstudio.list_model_approvals(ModelPackageArn=arn)["Approvals"]
    assert [(each["Status"], each["Comment"]) for each in approvals] == [
        ("PendingManualApproval", ""),
        ("Approved", "good AUC"),
        ("Rejected", "it drifts"),
    ]
    for each in approvals:
        assert each["By"] == described["LastModifiedBy"]
        assert before < each["Time"] < datetime.now(UTC) + timedelta(seconds=1)
    stored = world.studio.store.by_arn(arn)
    assert stored is not None
    steps = world.studio.store.history(stored.uid)
    assert [step.status for step in steps] == ["Approved", "Rejected"]


def test_update_amends_what_is_known(world: World) -> None:
    _group(world, "Amended")
    arn = _version(world, "Amended", CustomerMetadataProperties={"a": "1", "b": "2"})
    world.sagemaker.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"c": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
        SourceUri="s3://models/source",
        AdditionalInferenceSpecificationsToAdd=[
            {"Name": "gpu", "Containers": [{"Image": "model:gpu"}]}
        ],
    )
    described = world.sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["CustomerMetadataProperties"] == {"b": "2", "c": "3"}
    assert described["SourceUri"] == "s3://models/source"
    (additional,) = described["AdditionalInferenceSpecifications"]
    assert additional["Name"] == "gpu"
    code, message = _refused(
        world.sagemaker.update_model_package,
        ModelPackageArn=arn,
        AdditionalInferenceSpecificationsToAdd=[
            {"Name": "gpu", "Containers": [{"Image": "model:gpu"}]}
        ],
    )
    assert (code, "must be unique" in message) == ("ValidationException", True)


def test_unversioned_package(world: World, mlstudio: Any) -> None:
    create = world.sagemaker.create_model_package
    arn = create(
        ModelPackageName="Single",
        InferenceSpecification=SPECIFICATION,
        ModelApprovalStatus="Approved",
    )["ModelPackageArn"]
    assert arn == world.arn("model-package/single")
    described = world.sagemaker.describe_model_package(ModelPackageName="Single")
    assert described["ModelPackageName"] == "Single"
    assert "ModelApprovalStatus" not in described
    assert "ModelPackageVersion" not in described
    code, message = _refused(
        create, ModelPackageName="Single", InferenceSpecification=SPECIFICATION
    )
    assert (code, message) == ("ValidationException", f"ModelPackage already exists: {arn}")
    code, message = _refused(
        world.sagemaker.update_model_package, ModelPackageArn=arn, ModelApprovalStatus="Rejected"
    )
    assert (code, "not a versioned" in message) == ("ValidationException", True)
    assert mlstudio.list_model_approvals(ModelPackageArn=arn)["Approvals"] == []


def test_packages_are_listed_by_type_group_and_approval(world: World) -> None:
    listing = world.sagemaker.list_model_packages
    _group(world, "Listed")
    arns = [_version(world, "Listed") for _ in range(3)]
    world.sagemaker.create_model_package(
        ModelPackageName="listed-alone", InferenceSpecification=SPECIFICATION
    )
    world.sagemaker.update_model_package(ModelPackageArn=arns[1], ModelApprovalStatus="Approved")

    def found(**request: Any) -> list[str]:
        listed = listing(NameContains="listed", **request)["ModelPackageSummaryList"]
        return [each["ModelPackageArn"] for each in listed]

    alone = world.arn("model-package/listed-alone")
    assert found() == [alone]
    assert found(ModelPackageType="Versioned") == arns
    assert found(ModelPackageType="Both") == [*arns, alone]
    assert found(ModelPackageGroupName="Listed") == arns
    group_arn = world.arn("model-package-group/listed")
    assert found(ModelPackageGroupName=group_arn, SortOrder="Descending") == arns[::-1]
    assert found(ModelPackageGroupName="Listed", ModelApprovalStatus="Approved") == [arns[1]]
    newest = listing(ModelPackageGroupName="listed", SortOrder="Descending", MaxResults=1)
    assert newest["ModelPackageSummaryList"][0]["ModelPackageVersion"] == 3
    assert newest["NextToken"]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"ModelPackageName": "a", "ModelPackageGroupName": "b"}, "Cannot determine which one"),
        ({}, "Missing ARN"),
        ({"ModelPackageGroupName": "nowhere"}, "model-package-group/nowhere does not exist."),
        ({"ModelPackageName": "bare"}, "needs an InferenceSpecification"),
        (
            {
                "ModelPackageName": "bare",
                "InferenceSpecification": {
                    "Containers": [{"Image": "model:1", "ModelDataUrl": "https://evil/x"}]
                },
            },
            "Member must be an S3 URI",
        ),
        (
            {"ModelPackageName": "bare", "InferenceSpecification": {"Containers": []}},
            "greater than or equal to 1",
        ),
        ({"ModelPackageGroupName": "x", "ModelApprovalStatus": "Maybe"}, "enum value set"),
    ],
)
def test_bad_packages_change_nothing(world: World, request_: Any, said: str) -> None:
    before = world.studio.store.select(PACKAGE)
    code, message = _refused(world.sagemaker.create_model_package, **request_)
    assert code == "ValidationException"
    assert said in message
    assert world.studio.store.select(PACKAGE) == before


def test_unknown_and_foreign_packages(world: World, mlstudio: Any) -> None:
    describe = world.sagemaker.describe_model_package
    nowhere = world.arn("model-package/nowhere/1")
    missing = ("ValidationException", f"ModelPackage {nowhere} does not exist.")
    assert _refused(describe, ModelPackageName="nowhere/1") == missing
    assert _refused(mlstudio.list_model_approvals, ModelPackageArn=nowhere) == missing
    for arn, said in [
        (
            world.arn("model-package/x").replace("us-east-1", "eu-west-1"),
            "correct region: us-east-1",
        ),
        (world.arn("model-package/x").replace("123456789012", "999999999999"), "correct account"),
        (world.arn("model-package-group/x"), "Invalid ARN of a ModelPackage"),
    ]:
        code, message = _refused(describe, ModelPackageName=arn)
        assert code == "ValidationException"
        assert said in message

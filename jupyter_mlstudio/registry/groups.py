"""The model package group operations of the SageMaker API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.clock import timestamp
from ..core.listing import Listing, tag_map
from ..core.store import Resource
from ..core.studio import Studio
from ..wire.errors import AWSError
from ..wire.operation import Call, Response, operation
from .kinds import GROUP, PACKAGE, name_of
from .people import user_context

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as t


def group_of(call: Call[Studio], reference: str) -> Resource:
    """Return the group a request names, by name or ARN."""
    name = name_of(GROUP, call.account, call.region, reference)
    return call.app.store.get(GROUP, call.account, call.region, name)


@operation("sagemaker", "CreateModelPackageGroup")
def create_model_package_group(
    call: Call[Studio], request: t.CreateModelPackageGroupInputTypeDef
) -> Response:
    """Make a group for the versions of one model."""
    group = call.app.store.create(
        GROUP,
        call.account,
        call.region,
        request["ModelPackageGroupName"],
        wish={key: value for key, value in request.items() if key != "Tags"},
        facts={"CreatedBy": user_context(call), "LastVersion": 0, "Tokens": {}},
        status="Completed",
        labels=tag_map(request.get("Tags")),
    )
    return {"ModelPackageGroupArn": group.arn}


@operation("sagemaker", "DescribeModelPackageGroup")
def describe_model_package_group(
    call: Call[Studio], request: t.DescribeModelPackageGroupInputTypeDef
) -> Response:
    """Return a group."""
    group = group_of(call, request["ModelPackageGroupName"])
    return {**_summary(group), "CreatedBy": group.facts["CreatedBy"]}


@operation("sagemaker", "DeleteModelPackageGroup")
def delete_model_package_group(
    call: Call[Studio], request: t.DeleteModelPackageGroupInputTypeDef
) -> None:
    """Forget a group that has no versions."""
    group = group_of(call, request["ModelPackageGroupName"])
    versions = call.app.store.select(PACKAGE, parent=group.name)
    if any((v.account, v.region) == (group.account, group.region) for v in versions):
        raise AWSError(
            "ConflictException",
            f"ModelPackageGroup {group.arn} cannot be deleted: it still contains model packages.",
        )
    call.app.store.delete(group.uid)


def _summary(group: Resource) -> dict[str, Any]:
    return {
        **group.wish,
        "ModelPackageGroupName": group.name,
        "ModelPackageGroupArn": group.arn,
        "CreationTime": timestamp(group.created),
        "ModelPackageGroupStatus": group.status,
    }


_LISTING = Listing(GROUP, "ModelPackageGroupSummaryList", _summary, order="Ascending")


@operation("sagemaker", "ListModelPackageGroups")
def list_model_package_groups(
    call: Call[Studio], request: t.ListModelPackageGroupsInputTypeDef
) -> Response:
    """List groups, the oldest first. There are none of other accounts."""
    if request.get("CrossAccountFilterOption") == "CrossAccount":
        return {"ModelPackageGroupSummaryList": []}
    return _LISTING.answer(call, request)

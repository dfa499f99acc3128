"""The model package operations of the SageMaker API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select

from ..core.clock import now, timestamp
from ..core.listing import Listing, tag_map
from ..core.schema import resources
from ..core.store import Draft, Resource
from ..core.studio import Studio
from ..wire.errors import AWSError
from ..wire.operation import Call, Request, Response, operation
from .checks import check_create, check_update
from .groups import group_of
from .kinds import GROUP, PACKAGE, PENDING, UNVERSIONED, name_of
from .people import user_context

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as t

_REPLACED = (
    "InferenceSpecification",
    "SourceUri",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
)
_NOT_STORED = frozenset({"Tags", "ClientToken", "ModelApprovalStatus", "ModelPackageGroupName"})
_KEPT_TOKENS = 100


def package_of(call: Call[Studio], reference: str) -> Resource:
    """Return the package a request names: by name, by ``group/version`` or by ARN."""
    name = name_of(PACKAGE, call.account, call.region, reference)
    return call.app.store.get(PACKAGE, call.account, call.region, name)


@operation("sagemaker", "CreateModelPackage")
def create_model_package(call: Call[Studio], request: t.CreateModelPackageInputTypeDef) -> Response:
    """Register a model: the next version of a group, or a package with a name of its own."""
    check_create(request)
    labels = tag_map(request.get("Tags"))
    store = call.app.store
    name, parent, status = request.get("ModelPackageName", ""), None, UNVERSIONED
    if reference := request.get("ModelPackageGroupName"):
        group = group_of(call, reference)
        version = _claim_version(call, group, request.get("ClientToken"))
        name, parent = f"{group.name}/{version}", group.name
        status = request.get("ModelApprovalStatus", PENDING)
        existing = store.find(PACKAGE, call.account, call.region, name)
        if existing is not None:
            return {"ModelPackageArn": existing.arn}
    who = user_context(call)
    facts: dict[str, Any] = {"CreatedBy": who, "Approvals": []}
    if parent is not None:
        facts["Approvals"] = [_approval(status, who, None)]
    package = store.create(
        PACKAGE,
        call.account,
        call.region,
        name,
        parent=parent,
        wish={key: value for key, value in request.items() if key not in _NOT_STORED},
        facts=facts,
        status=status,
        labels=labels,
    )
    return {"ModelPackageArn": package.arn}


def _claim_version(call: Call[Studio], group: Resource, token: str | None) -> int:
    """Return the next version of a group, or the one that was claimed with ``token`` before.

    Numbers are never given twice, also not after a version was deleted.
    """
    with call.app.store.edit(group.uid) as draft:
        tokens: dict[str, int] = draft.facts["Tokens"]
        if token is not None and token in tokens:
            return tokens[token]
        version: int = draft.facts["LastVersion"] + 1
        draft.facts["LastVersion"] = version
        if token is not None:
            tokens[token] = version
            draft.facts["Tokens"] = dict(list(tokens.items())[-_KEPT_TOKENS:])
        return version


def _approval(status: str, who: Mapping[str, Any], comment: str | None) -> dict[str, Any]:
    return {"Status": status, "By": who, "Time": now(), "Comment": comment or ""}


@operation("sagemaker", "DescribeModelPackage")
def describe_model_package(
    call: Call[Studio], request: t.DescribeModelPackageInputTypeDef
) -> Response:
    """Return a package, who made it, and who decided on it last.

    A version has no name but its group's and a number: a ``ModelPackageName`` would mislead the
    SDK v3, which asks for a package again by its name where it has one.
    """
    package = package_of(call, request["ModelPackageName"])
    answer = {
        "CertifyForMarketplace": False,
        "ModelPackageRegistrationType": "Registered",
        **package.wish,
        **_identity(package),
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CreatedBy": package.facts["CreatedBy"],
    }
    if who := package.facts.get("LastModifiedBy"):
        answer["LastModifiedBy"] = who
        answer["LastModifiedTime"] = timestamp(package.modified)
    return answer


@operation("sagemaker", "BatchDescribeModelPackage")
def batch_describe_model_package(
    call: Call[Studio], request: t.BatchDescribeModelPackageInputTypeDef
) -> Response:
    """Return several packages, with an error for each that cannot be had."""
    found: dict[str, Any] = {}
    failed: dict[str, Any] = {}
    for arn in request["ModelPackageArnList"]:
        try:
            package = package_of(call, arn)
        except AWSError as error:
            failed[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
            continue
        specification = package.wish.get("InferenceSpecification", {"Containers": []})
        found[arn] = {**_summary(package), "InferenceSpecification": specification}
        found[arn].pop("ModelLifeCycle", None)
    answer = {"ModelPackageSummaries": found}
    return {**answer, "BatchDescribeModelPackageErrorMap": failed} if failed else answer


@operation("sagemaker", "UpdateModelPackage")
def update_model_package(call: Call[Studio], request: t.UpdateModelPackageInputTypeDef) -> Response:
    """Decide on a version, or change what is known of it."""
    package = package_of(call, request["ModelPackageArn"])
    who = user_context(call)
    with call.app.store.edit(package.uid) as draft:
        check_update(draft, request)
        before = dict(draft.wish)
        decided = _decide(draft, request, who)
        _amend(draft, request)
        if decided or draft.wish != before:
            draft.facts["LastModifiedBy"] = who
    return {"ModelPackageArn": package.arn}


def _decide(draft: Draft, request: Mapping[str, Any], who: Mapping[str, Any]) -> bool:
    """Record a decision; the same one once more, without a new comment, is none."""
    status = request.get("ModelApprovalStatus", draft.status)
    comment = request.get("ApprovalDescription")
    if status == draft.status and comment in (None, draft.wish.get("ApprovalDescription")):
        return False
    draft.status = status
    draft.facts["Approvals"] = [*draft.facts["Approvals"], _approval(status, who, comment)]
    draft.step(status, f"{comment or ''} ({who['IamIdentity']['Arn']})".strip())
    if comment is None:
        draft.wish.pop("ApprovalDescription", None)
    else:
        draft.wish["ApprovalDescription"] = comment
    return True


def _amend(draft: Draft, request: Mapping[str, Any]) -> None:
    for member in _REPLACED:
        if member in request:
            draft.wish[member] = request[member]
    if card := request.get("ModelCard"):
        draft.wish["ModelCard"] = {**draft.wish.get("ModelCard", {}), **card}
    properties = dict(draft.wish.get("CustomerMetadataProperties", {}))
    properties.update(request.get("CustomerMetadataProperties", {}))
    for key in request.get("CustomerMetadataPropertiesToRemove", []):
        properties.pop(key, None)
    if properties != draft.wish.get("CustomerMetadataProperties", {}):
        draft.wish["CustomerMetadataProperties"] = properties
    if added := request.get("AdditionalInferenceSpecificationsToAdd"):
        known = draft.wish.get("AdditionalInferenceSpecifications", [])
        draft.wish["AdditionalInferenceSpecifications"] = [*known, *added]


@operation("sagemaker", "DeleteModelPackage")
def delete_model_package(call: Call[Studio], request: t.DeleteModelPackageInputTypeDef) -> None:
    """Forget a package. Models made from it that serve go on."""
    call.app.store.delete(package_of(call, request["ModelPackageName"]).uid)


def _identity(package: Resource) -> dict[str, Any]:
    identity: dict[str, Any] = {
        "ModelPackageArn": package.arn,
        "CreationTime": timestamp(package.created),
        "ModelPackageStatus": "Completed",
    }
    if package.parent is not None:
        identity["ModelPackageGroupName"] = package.parent
        identity["ModelPackageVersion"] = int(package.name.rpartition("/")[2])
        identity["ModelApprovalStatus"] = package.status
    else:
        identity["ModelPackageName"] = package.name
    return identity


def _summary(package: Resource) -> dict[str, Any]:
    shown = ("ModelPackageDescription", "ModelLifeCycle", "ModelPackageRegistrationType")
    known = {member: package.wish[member] for member in shown if member in package.wish}
    return {**known, **_identity(package)}


@dataclass(frozen=True, slots=True)
class _PackageListing(Listing):
    """Adds the filter by type: versions are only listed when they or their group are asked for."""

    def filtered(self, call: Call[Studio], request: Mapping[str, Any]) -> Select[Any]:
        query = Listing.filtered(self, call, request)
        default = "Versioned" if request.get("ModelPackageGroupName") else "Unversioned"
        match request.get("ModelPackageType", default):
            case "Versioned":
                return query.where(resources.c.parent.is_not(None))
            case "Unversioned":
                return query.where(resources.c.parent.is_(None))
            case _:
                return query


_LISTING = _PackageListing(
    PACKAGE,
    "ModelPackageSummaryList",
    _summary,
    order="Ascending",
    status="ModelApprovalStatus",
    parent="ModelPackageGroupName",
)


@operation("sagemaker", "ListModelPackages")
def list_model_packages(call: Call[Studio], request: t.ListModelPackagesInputTypeDef) -> Response:
    """List packages, the oldest first; the versions of a group when it is named."""
    if reference := request.get("ModelPackageGroupName"):
        name = name_of(GROUP, call.account, call.region, reference)
        group = call.app.store.get(GROUP, call.account, call.region, name)
        return _LISTING.answer(call, {**request, "ModelPackageGroupName": group.name})
    return _LISTING.answer(call, request)


@operation("mlstudio", "ListModelApprovals")
def list_model_approvals(call: Call[Studio], request: Request) -> Response:
    """List every decision on a version, oldest first: who decided what, when and why."""
    package = package_of(call, request["ModelPackageArn"])
    return {
        "Approvals": [
            {**each, "Time": timestamp(each["Time"])} for each in package.facts["Approvals"]
        ]
    }

"""What the model package operations refuse beyond the constraints in the service model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.store import Resource
from ..jobs.s3uri import S3Uri
from ..wire.errors import AWSError, validation_error

_VERSIONED_ONLY = ("ModelApprovalStatus", "ApprovalDescription", "CustomerMetadataProperties")


def check_create(request: Mapping[str, Any]) -> None:
    """Refuse a package that is neither versioned nor unversioned, or contradicts itself.

    Raises
    ------
    AWSError
        ``ValidationException``; ``UnsupportedOperation`` naming what the studio cannot do yet.
    """
    name, group = request.get("ModelPackageName"), request.get("ModelPackageGroupName")
    if name and group:
        raise validation_error(
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot "
            "determine which one to use."
        )
    if not name and not group:
        raise validation_error("Missing ARN.")
    if group and request.get("Tags"):
        raise validation_error(
            "Tags cannot be given with ModelPackageGroupName: a version has the tags of its group."
        )
    if request.get("ValidationSpecification"):
        raise _unsupported("ValidationSpecification")
    if request.get("CertifyForMarketplace"):
        raise _unsupported("CertifyForMarketplace")
    if request.get("SourceAlgorithmSpecification"):
        raise _unsupported("SourceAlgorithmSpecification")
    specification = request.get("InferenceSpecification")
    if specification is None and name:
        raise validation_error("An unversioned model package needs an InferenceSpecification.")
    _check_specifications(request)
    if request.get("ModelPackageRegistrationType") == "Logged" and name:
        raise validation_error("Only versions of a group can be logged.")


def check_update(package: Resource, request: Mapping[str, Any]) -> None:
    """Refuse to decide on an unversioned package, and what makes no package."""
    if package.parent is None:
        for member in _VERSIONED_ONLY:
            if request.get(member):
                raise validation_error(
                    f"{member} cannot be updated: {package.arn} is not a versioned model package."
                )
    _check_specifications(request)
    added = request.get("AdditionalInferenceSpecificationsToAdd", [])
    known = package.wish.get("AdditionalInferenceSpecifications", [])
    _check_names([each["Name"] for each in [*known, *added]])


def _check_specifications(request: Mapping[str, Any]) -> None:
    others = request.get("AdditionalInferenceSpecifications", [])
    _check_names([each["Name"] for each in others])
    added = request.get("AdditionalInferenceSpecificationsToAdd", [])
    for specification in [request.get("InferenceSpecification"), *others, *added]:
        for container in specification["Containers"] if specification else ():
            _check_container(container)


def _check_names(names: list[str]) -> None:
    if len(set(names)) != len(names):
        raise validation_error(
            f"Names of additional inference specifications must be unique: {', '.join(names)}."
        )


def _check_container(container: Mapping[str, Any]) -> None:
    if container.get("ModelDataUrl") and container.get("ModelDataSource"):
        raise validation_error("A container takes either ModelDataUrl or ModelDataSource.")
    for uri in _uris(container):
        S3Uri.parse(uri, "inferenceSpecification.containers.modelDataUrl")


def _uris(container: Mapping[str, Any]) -> Iterator[str]:
    if url := container.get("ModelDataUrl"):
        yield url
    if source := container.get("ModelDataSource", {}).get("S3DataSource"):
        yield source["S3Uri"]


def _unsupported(what: str) -> AWSError:
    return AWSError(
        "UnsupportedOperation", f"CreateModelPackage: this studio does not support {what} yet."
    )

"""From a model package to a container definition.

The service model says of ``ModelApprovalStatus``: "For versioned models, the value of this
parameter must be set to Approved to deploy the model." So a versioned package that is not Approved
is refused wherever it would be deployed; what serves already goes on when approval is withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.store import Store
from ..wire.errors import AWSError, validation_error
from .kinds import APPROVED, PACKAGE, UNVERSIONED, name_of


def deployable(
    store: Store, account: str, region: str, reference: str, specification: str | None = None
) -> Mapping[str, Any]:
    """Return the container of an approved model package.

    Parameters
    ----------
    reference:
        Name, ``group/version`` or ARN.
    specification:
        Name of one of its additional inference specifications instead of the main one.

    Raises
    ------
    AWSError
        ``ValidationException`` where there is no such package or specification, or the package
        is not approved; ``UnsupportedOperation`` for more than one container.
    """
    package = store.get(PACKAGE, account, region, name_of(PACKAGE, account, region, reference))
    if package.status not in (APPROVED, UNVERSIONED):
        raise validation_error(
            f"Cannot deploy ModelPackage {package.arn}: its ModelApprovalStatus is "
            f"{package.status}, and only Approved versions can be deployed."
        )
    found = package.wish.get("InferenceSpecification")
    if specification is not None:
        others = package.wish.get("AdditionalInferenceSpecifications", [])
        found = next((each for each in others if each["Name"] == specification), None)
        if found is None:
            raise validation_error(
                f"ModelPackage {package.arn} has no inference specification {specification}."
            )
    if found is None:
        raise validation_error(
            f"ModelPackage {package.arn} has no InferenceSpecification and cannot be deployed."
        )
    containers = found["Containers"]
    if len(containers) > 1:
        raise AWSError(
            "UnsupportedOperation",
            "This studio does not support model packages of more than one container yet.",
        )
    container: Mapping[str, Any] = containers[0]
    if not container.get("Image"):
        raise validation_error(f"The container of ModelPackage {package.arn} names no Image.")
    return container

"""Model package groups and model packages as the store knows them.

A versioned package is named ``<group>/<version>`` and its parent is the group; an unversioned one
has a name of its own. The status of a package in the store is its approval.
"""

from __future__ import annotations

from ..core.kinds import Kind, Refusal
from ..wire.errors import validation_error

APPROVED = "Approved"
PENDING = "PendingManualApproval"
UNVERSIONED = "Unversioned"
"""Status of a package that knows no approval."""

GROUP = Kind(
    "ModelPackageGroup",
    "model-package-group",
    missing=Refusal("ValidationException", "ModelPackageGroup {arn} does not exist."),
    taken=Refusal("ValidationException", "ModelPackageGroup already exists: {arn}"),
)

PACKAGE = Kind(
    "ModelPackage",
    "model-package",
    missing=Refusal("ValidationException", "ModelPackage {arn} does not exist."),
    taken=Refusal("ValidationException", "ModelPackage already exists: {arn}"),
)


def name_of(kind: Kind, account: str, region: str, reference: str) -> str:
    """Return the name in a reference, which is the name itself or an ARN.

    Raises
    ------
    AWSError
        ``ValidationException`` for an ARN of another region, account or kind.
    """
    if not reference.startswith("arn:"):
        return reference
    parts = reference.split(":", 5)
    if len(parts) < 6 or parts[3] != region:
        raise validation_error(f"ARN should be scoped to correct region: {region}")
    if parts[4] != account:
        raise validation_error(f"ARN should be scoped to correct account: {account}")
    path, _, name = parts[5].partition("/")
    if path != kind.path:
        raise validation_error(f"Invalid ARN of a {kind.name}: {reference}")
    return name

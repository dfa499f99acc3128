"""Model package groups and model packages in Search."""

from __future__ import annotations

from ..core.schema import resources
from ..core.search.records import Searchable
from .kinds import GROUP, PACKAGE

GROUPS = Searchable(
    "ModelPackageGroup",
    GROUP,
    "DescribeModelPackageGroup",
    "ModelPackageGroupName",
    columns={
        "ModelPackageGroupName": resources.c.name,
        "ModelPackageGroupArn": resources.c.arn,
        "ModelPackageGroupStatus": resources.c.status,
        "CreationTime": resources.c.created,
    },
)
PACKAGES = Searchable(
    "ModelPackage",
    PACKAGE,
    "DescribeModelPackage",
    "ModelPackageName",
    by_arn=True,
    columns={"ModelPackageArn": resources.c.arn, "CreationTime": resources.c.created},
)

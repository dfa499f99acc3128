"""Model package groups and model packages in Search."""

from __future__ import annotations

from ..core.search.records import Searchable
from .kinds import GROUP, PACKAGE

GROUPS = Searchable(
    "ModelPackageGroup", GROUP, "DescribeModelPackageGroup", "ModelPackageGroupName"
)
PACKAGES = Searchable(
    "ModelPackage", PACKAGE, "DescribeModelPackage", "ModelPackageName", by_arn=True
)

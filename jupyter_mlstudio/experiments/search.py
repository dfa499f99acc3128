"""Trial components in Search."""

from __future__ import annotations

from ..core.schema import resources
from ..core.search.records import Searchable
from .kind import TRIAL_COMPONENT

SEARCH = Searchable(
    "ExperimentTrialComponent",
    TRIAL_COMPONENT,
    "DescribeTrialComponent",
    "TrialComponentName",
    record="TrialComponent",
    columns={
        "TrialComponentName": resources.c.name,
        "TrialComponentArn": resources.c.arn,
        "CreationTime": resources.c.created,
        "LastModifiedTime": resources.c.modified,
    },
)

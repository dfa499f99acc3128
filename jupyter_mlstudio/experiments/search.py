"""Trial components in Search."""

from __future__ import annotations

from ..core.search.records import Searchable
from .kind import TRIAL_COMPONENT

SEARCH = Searchable(
    "ExperimentTrialComponent",
    TRIAL_COMPONENT,
    "DescribeTrialComponent",
    "TrialComponentName",
    record="TrialComponent",
)

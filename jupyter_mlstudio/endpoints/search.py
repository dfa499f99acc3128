"""Endpoints in Search."""

from __future__ import annotations

from ..core.schema import resources
from ..core.search.records import Searchable
from .kinds import ENDPOINT

SEARCH = Searchable(
    "Endpoint",
    ENDPOINT,
    "DescribeEndpoint",
    "EndpointName",
    columns={
        "EndpointName": resources.c.name,
        "EndpointArn": resources.c.arn,
        "EndpointStatus": resources.c.status,
        "CreationTime": resources.c.created,
        "LastModifiedTime": resources.c.modified,
    },
)

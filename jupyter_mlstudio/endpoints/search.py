"""Endpoints in Search."""

from __future__ import annotations

from ..core.search.records import Searchable
from .kinds import ENDPOINT

SEARCH = Searchable("Endpoint", ENDPOINT, "DescribeEndpoint", "EndpointName")

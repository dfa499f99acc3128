"""Search over every resource that can be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.search import records
from ..core.studio import Studio
from ..wire.operation import Call, Response, operation

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as t


@operation("sagemaker", "Search")
def search(call: Call[Studio], request: t.SearchRequestTypeDef) -> Response:
    """Find resources by their properties, hyperparameters, metrics and tags."""
    return records.search(call, request)

"""Where CloudWatch keeps what the containers of an endpoint use."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.store import Resource
from ..core.usage import Place, usage_of
from .slots import replica_id

NAMESPACE = "/aws/sagemaker/Endpoints"


@usage_of("Endpoint")
def places(endpoint: Resource, part: str) -> Iterator[Place]:
    """Yield the variant's place, over all its instances, and the instance's own."""
    variant = _variant(endpoint, part)
    if variant is None:
        return
    dimensions = (("EndpointName", endpoint.name), ("VariantName", variant))
    yield NAMESPACE, dimensions
    instance = ("InstanceId", replica_id(endpoint, part))
    yield NAMESPACE, (dimensions[0], instance, dimensions[1])


def _variant(endpoint: Resource, part: str) -> str | None:
    """Return the variant of a replica, None while it is not recorded yet."""
    key, _, attempt = part.rpartition("-")
    slot = endpoint.facts.get("Slots", {}).get(key)
    if slot is not None and str(slot["Attempt"]) == attempt:
        return str(slot["Variant"])
    retired = endpoint.facts.get("Retired", {}).get(part)
    return None if retired is None else str(retired["Variant"])

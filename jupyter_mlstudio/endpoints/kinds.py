"""Models, endpoint configurations and endpoints as the store knows them.

The messages are SageMaker's: its clients look for "Could not find" and "Cannot create already
existing" in them.
"""

from __future__ import annotations

from typing import Any

from ..core.clock import timestamp
from ..core.kinds import Kind, Refusal
from ..core.store import Resource
from ..wire import permissions

CREATING = "Creating"
UPDATING = "Updating"
IN_SERVICE = "InService"
OUT_OF_SERVICE = "OutOfService"
DELETING = "Deleting"
FAILED = "Failed"

LOG_GROUP = "/aws/sagemaker/Endpoints"
"""An endpoint's log group is below this; its streams are ``<variant>/<replica>``."""


def _missing(what: str) -> Refusal:
    return Refusal("ValidationException", f'Could not find {what} "{{arn}}".')


def _taken(what: str) -> Refusal:
    return Refusal("ValidationException", f'Cannot create already existing {what} "{{arn}}".')


MODEL = Kind("Model", "model", missing=_missing("model"), taken=_taken("model"))

ENDPOINT_CONFIG = Kind(
    "EndpointConfig",
    "endpoint-config",
    missing=_missing("endpoint configuration"),
    taken=_taken("endpoint configuration"),
)

ENDPOINT = Kind(
    "Endpoint",
    "endpoint",
    missing=_missing("endpoint"),
    taken=_taken("endpoint"),
    final=frozenset({FAILED}),
    scope=permissions.ENDPOINT,
)
"""An endpoint in service is never final: its containers are looked after as long as it lives."""


def identity(resource: Resource) -> dict[str, Any]:
    """Return what every answer about one of these says of it: name, ARN and time of creation."""
    return {
        f"{resource.kind}Name": resource.name,
        f"{resource.kind}Arn": resource.arn,
        "CreationTime": timestamp(resource.created),
    }


def log_group(endpoint: str) -> str:
    """Return the log group of an endpoint by name."""
    return f"{LOG_GROUP}/{endpoint}"

"""Errors of sagemaker-runtime as clients read them."""

from __future__ import annotations

import uuid

from aiohttp import web

from jupyter_mlstudio.endpoints.routes import EndpointRoute, Replica, Variant
from jupyter_mlstudio.wire.encode import encode_error
from jupyter_mlstudio.wire.errors import AWSError

MESSAGE_LIMIT = 2048
"""Longest message the service model allows, in characters."""

_QUOTED = 1024
"""How much of a container's message is quoted inside another one."""


def error_answer(operation: str | None, error: AWSError) -> web.Response:
    """Encode an error as sagemaker-runtime does."""
    response = encode_error("sagemaker-runtime", operation, error, str(uuid.uuid4()))
    return web.Response(status=response.status, body=response.body, headers=response.headers)


def not_found(account: str, name: str) -> AWSError:
    """Return the error for an endpoint that does not answer."""
    return AWSError("ValidationError", f"Endpoint {name} of account {account} not found.")


def too_large(limit: int) -> AWSError:
    """Return the error for a body over ``limit`` bytes."""
    message = f"Payload too large: the request body may have at most {limit} bytes."
    return AWSError("ValidationError", message, status=413)


def no_replica(endpoint: EndpointRoute, variant: Variant) -> AWSError:
    """Return the error for a variant none of whose replicas takes a connection."""
    message = (
        f"Variant {variant.name} of endpoint {endpoint.name} has no healthy replica now; "
        f"see log group {endpoint.log_group}."
    )
    return AWSError("ServiceUnavailable", message)


def model_error(
    endpoint: EndpointRoute, variant: Variant, replica: Replica, status: int, message: str
) -> AWSError:
    """Return the error for an answer that is none; ``status`` 0 means that none came."""
    kind = "client" if 400 <= status < 500 else "server"
    original, quoted = message[:MESSAGE_LIMIT], message[:_QUOTED]
    console = (
        f"https://{endpoint.region}.console.aws.amazon.com/cloudwatch/home"
        f"?region={endpoint.region}#logEventViewer:group={endpoint.log_group}"
    )
    text = (
        f'Received {kind} error ({status}) from {variant.container} with message "{quoted}". '
        f"See {console} in account {endpoint.account} for more information."
    )
    stream = f"{endpoint.log_group}:log-stream:{variant.name}/{replica.id}"
    fields = {
        "OriginalStatusCode": status,
        "OriginalMessage": original,
        "LogStreamArn": f"arn:aws:logs:{endpoint.region}:{endpoint.account}:log-group:{stream}",
    }
    return AWSError("ModelError", text, fields=fields)


def timed_out(endpoint: EndpointRoute, variant: Variant, replica: Replica) -> AWSError:
    """Return the error for a container that let the time limit pass."""
    message = (
        f"Your invocation timed out while waiting for a response from container "
        f"{variant.container}. Review the latency metrics for each container in Amazon "
        f"CloudWatch, resolve the issue, and try again."
    )
    return model_error(endpoint, variant, replica, 0, message)

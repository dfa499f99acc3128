"""The environment that lets code in a container reach the studio as if it were AWS."""

from __future__ import annotations

from ..compute.protocol import NetworkMode
from .store import Resource
from .studio import Studio

_AFTER_RUN = 3600
_ENDLESS = 30 * 86400
"""Keys in the environment of what has no end of its own, in seconds."""


def container_environment(
    studio: Studio, resource: Resource, network: NetworkMode
) -> dict[str, str]:
    """Return region, endpoints and the source of credentials for a container of a resource.

    Without a network there is nothing to reach, and no credentials, as on SageMaker.
    """
    region = {"AWS_REGION": resource.region, "AWS_DEFAULT_REGION": resource.region}
    if network is not NetworkMode.STUDIO:
        return region
    access = studio.engine.access()
    return {
        **region,
        **access.environment,
        **_credentials(studio, resource, access.host, access.serves_credentials),
    }


def _credentials(studio: Studio, resource: Resource, host: str, fetched: bool) -> dict[str, str]:
    path = studio.credential_path(resource.uid)
    if not fetched:
        # From such a host the AWS SDKs fetch no credentials, and so renew none.
        issued = studio.credentials(path, _lifetime(resource)) or {}
        return {
            "AWS_ACCESS_KEY_ID": issued["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": issued["SecretAccessKey"],
            "AWS_SESSION_TOKEN": issued["Token"],
        }
    if studio.credential_port == 80:
        return {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": path}
    port = studio.settings.container_port
    return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{host}:{port}{path}"}


def _lifetime(resource: Resource) -> int:
    """Return for how many seconds a container of a resource may need its keys."""
    limit = resource.wish.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
    return int(limit) + _AFTER_RUN if limit else _ENDLESS

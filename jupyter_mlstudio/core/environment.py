"""The environment that lets code in a container reach the studio as if it were AWS."""

from __future__ import annotations

from ..compute.protocol import NetworkMode
from .store import Resource
from .studio import Studio


def container_environment(
    studio: Studio, resource: Resource, network: NetworkMode
) -> dict[str, str]:
    """Return region, endpoints and the source of credentials for a container of a resource.

    Without a network there is nothing to reach, and no credentials, as on SageMaker.
    """
    settings = studio.settings
    environment = {"AWS_REGION": resource.region, "AWS_DEFAULT_REGION": resource.region}
    if network is not NetworkMode.STUDIO:
        return environment
    access = studio.engine.access()
    studio_url = f"http://{access.host}:{settings.container_port}"
    s3_url = f"http://{access.host}:{settings.s3_port}"
    path = studio.credential_path(resource.uid)
    if studio.credential_port == 80:
        environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = path
    else:
        environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = studio_url + path
    return {
        **environment,
        "AWS_ENDPOINT_URL": studio_url,
        "AWS_ENDPOINT_URL_S3": s3_url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": f"http://{access.host}:{settings.gateway_port}",
        "S3_ENDPOINT_URL": s3_url,
        **access.environment,
    }

"""The services a studio answers for, and their models."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

MODELS = Path(__file__).parent / "models"
"""Folder of our own service models, laid out as botocore's; fits ``AWS_DATA_PATH``."""

SERVICES = (
    "sagemaker",
    "sagemaker-runtime",
    "sagemaker-featurestore-runtime",
    "sagemaker-metrics",
    "logs",
    "cloudwatch",
    "events",
    "scheduler",
    "application-autoscaling",
    "sts",
    "iam",
    "ecr",
    "kms",
    "athena",
    "s3",
    "mlstudio",
)
"""botocore's names of all services we route, in the order of the documentation."""


@cache
def _loader() -> Loader:
    return Loader(extra_search_paths=[str(MODELS)])


@cache
def service_model(name: str) -> ServiceModel:
    """Return botocore's model of a service, or our own.

    Raises
    ------
    botocore.exceptions.UnknownServiceError
        If neither has it.
    """
    return ServiceModel(_loader().load_service_model(name, "service-2"), name)


def operation_model(service: str, operation: str) -> OperationModel:
    """Return the model of one operation."""
    return service_model(service).operation_model(operation)


@cache
def protocols(service: str) -> tuple[str, ...]:
    """Return botocore's names of the protocols a service is spoken to in."""
    metadata = service_model(service).metadata
    return tuple(metadata.get("protocols") or [metadata["protocol"]])


@cache
def signing_name(service: str) -> str:
    """Return the name that stands in the SigV4 scope of a service's requests."""
    name: str = service_model(service).signing_name
    return name


@cache
def by_signing_name(name: str) -> tuple[str, ...]:
    """Return the routed services whose requests are signed for ``name``."""
    return tuple(service for service in SERVICES if signing_name(service) == name)

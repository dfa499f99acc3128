"""The services a studio answers for, and their models."""

from __future__ import annotations

import gzip
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader, Loader
from botocore.model import OperationModel, ServiceModel

MODELS = Path(__file__).parent / "models"
"""Folder of our own service models, laid out as botocore's; fits ``AWS_DATA_PATH``."""

SIGNING_NAMES = {
    "sagemaker": "sagemaker",
    "sagemaker-runtime": "sagemaker",
    "sagemaker-featurestore-runtime": "sagemaker",
    "sagemaker-metrics": "sagemaker",
    "logs": "logs",
    "cloudwatch": "monitoring",
    "events": "events",
    "scheduler": "scheduler",
    "application-autoscaling": "application-autoscaling",
    "sts": "sts",
    "iam": "iam",
    "ecr": "ecr",
    "kms": "kms",
    "athena": "athena",
    "s3": "s3",
    "mlstudio": "mlstudio",
}
"""What stands in the SigV4 scope of each service's requests: known without loading any model."""

SERVICES = tuple(SIGNING_NAMES)
"""botocore's names of all services we route, in the order of the documentation."""


class ModelFiles(JSONFileLoader):
    """Reads the files of service models for botocore, without what only people read in them.

    Documentation is the larger part of a model. Names come in a model time and again, and are
    kept once.
    """

    def load_file(self, file_path: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return what is in a file (named without extension), None where there is none."""
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return json.loads(plain.read_bytes(), object_pairs_hook=_members)
        if packed.is_file():
            text = gzip.decompress(packed.read_bytes())
            return json.loads(text, object_pairs_hook=_members)
        return None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = {k: sys.intern(value) if isinstance(value, str) else value for k, value in pairs}
    # Something of this name that a model defines is no text.
    if isinstance(found.get("documentation"), str):
        found["documentation"] = ""
    return found


def loader() -> Loader:
    """Return what finds models and keeps them.

    A client of botocore needs one of its own: it changes the models it gets.
    """
    return Loader(extra_search_paths=[str(MODELS)], file_loader=ModelFiles())


_loader = cache(loader)


@cache
def service_model(name: str) -> ServiceModel:
    """Return botocore's model of a service, or our own.

    Raises
    ------
    botocore.exceptions.UnknownServiceError
        If neither has it.
    """
    return ServiceModel(_loader().load_service_model(name, "service-2"), name)


@cache
def operation_model(service: str, operation: str) -> OperationModel:
    """Return the model of one operation."""
    return service_model(service).operation_model(operation)


@cache
def protocols(service: str) -> tuple[str, ...]:
    """Return botocore's names of the protocols a service is spoken to in."""
    metadata = service_model(service).metadata
    return tuple(metadata.get("protocols") or [metadata["protocol"]])


@cache
def by_signing_name(name: str) -> tuple[str, ...]:
    """Return the routed services whose requests are signed for ``name``."""
    return tuple(service for service in SERVICES if SIGNING_NAMES[service] == name)

"""boto3 clients that speak a protocol botocore would not choose by itself."""

from __future__ import annotations

from typing import Any

import boto3
import botocore.session
from botocore.loaders import Loader

CLOUDWATCH = ("smithy-rpc-v2-cbor", "json", "query")
"""botocore has spoken all three with CloudWatch, by its version."""


class _Only(Loader):
    """Models as if their services spoke one protocol."""

    def __init__(self, protocol: str) -> None:
        super().__init__(include_default_search_paths=True)
        self._protocol = protocol

    def load_service_model(self, *args: Any, **kwargs: Any) -> Any:
        model = super().load_service_model(*args, **kwargs)
        if "metadata" not in model:
            return model
        only = {"protocol": self._protocol, "protocols": [self._protocol]}
        return {**model, "metadata": {**model["metadata"], **only}}


def session_speaking(protocol: str, region: str) -> boto3.session.Session:
    """Return a session whose clients all speak ``protocol``."""
    session = botocore.session.Session()
    session.register_component("data_loader", _Only(protocol))
    return boto3.session.Session(region_name=region, botocore_session=session)

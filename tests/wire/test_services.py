"""The models we keep are botocore's, but for what people read."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.loaders import Loader

from jupyter_mlstudio.wire.services import MODELS, SERVICES, SIGNING_NAMES, loader, service_model


def without_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: "" if key == "documentation" and isinstance(item, str) else without_text(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [without_text(item) for item in value]
    return value


@pytest.mark.parametrize("service", ["s3", "cloudwatch", "mlstudio"])
def test_models_lack_nothing_but_documentation(service: str) -> None:
    whole = Loader(extra_search_paths=[str(MODELS)]).load_service_model(service, "service-2")
    assert loader().load_service_model(service, "service-2") == without_text(whole)


@pytest.mark.parametrize("service", SERVICES)
def test_services_are_signed_as_their_models_say(service: str) -> None:
    assert service_model(service).signing_name == SIGNING_NAMES[service]

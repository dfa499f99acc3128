"""Let the SageMaker SDK follow the configuration in its STS calls too, and check its own but once.

This file is copied into the studio's root as ``sitecustomize.py`` and put first on a kernel's
``PYTHONPATH``. It runs in whatever Python the kernel has, so it needs nothing but the standard
library and no recent syntax.

SageMaker SDK 2.257.7 (``sagemaker/session.py``) and 3.27.0 (``sagemaker/core/helper``) create STS
clients with ``endpoint_url="https://sts.<region>.amazonaws.com"``, which overrules the endpoint
that the profile names. Where the explicit URL is only AWS's own default and the profile (or
``AWS_ENDPOINT_URL``) names another endpoint, the explicit URL is dropped. A profile without an
endpoint of its own, such as one for AWS proper, is left alone.

Where there is a configuration of the SDK, such as the studio's, both SDKs check it against their
whole schema each time they look at a single setting: some tenths of a second, a hundred times where
an ``Estimator`` is made, fitted and deployed. Here a configuration is checked the first time only.
"""
# What it wraps cannot be imported here, not even for its types.
# ruff: noqa: ANN401

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))
_AWS_STS = r"https://sts\.([a-z0-9-]+\.)?amazonaws\.com(\.cn)?/?"


class _Finder:
    """Waits for the import of what is changed here; costs nothing until then."""

    def __init__(self) -> None:
        self._waiting = {
            "botocore.session": _follow_the_configuration,
            "sagemaker.config.config": _check_once,
            "sagemaker.core.config.config": _check_once,
            "sagemaker.core.config.config_manager": _check_once,
        }

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        change = self._waiting.pop(name, None)
        if change is None:
            return None
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign] # this one import's loader
        return spec


class _Remembering:
    """Stands for ``jsonschema`` in a module that validates the same again and again."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._valid: set[tuple[int, str]] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def validate(self, instance: Any, schema: Any) -> None:
        key = id(schema), repr(instance)
        if key not in self._valid:
            self._library.validate(instance, schema)
            self._valid.add(key)


def _check_once(module: Any) -> None:
    if hasattr(module, "jsonschema"):
        module.jsonschema = _Remembering(module.jsonschema)


def _follow_the_configuration(module: Any) -> None:
    import functools
    import re

    cls = module.Session
    create = cls.create_client

    @functools.wraps(create)
    def create_client(session: Any, service_name: str, *args: Any, **kwargs: Any) -> Any:
        explicit = kwargs.get("endpoint_url")
        if (
            service_name == "sts"
            and explicit
            and re.fullmatch(_AWS_STS, explicit)
            and _names_an_endpoint(session)
        ):
            kwargs["endpoint_url"] = None
        return create(session, service_name, *args, **kwargs)

    cls.create_client = create_client


def _names_an_endpoint(session: Any) -> bool:
    """Say whether botocore would find an STS endpoint in the configuration of the session."""
    if os.environ.get("AWS_ENDPOINT_URL_STS") or os.environ.get("AWS_ENDPOINT_URL"):
        return True
    profile = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(profile.get("services"), {})
    return bool(services.get("sts", {}).get("endpoint_url") or profile.get("endpoint_url"))


def _run_next_sitecustomize() -> None:
    """Run the ``sitecustomize`` that this one hides, such as a distribution's own."""
    others = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if __name__ == "sitecustomize":
    sys.meta_path.insert(0, _Finder())
    _run_next_sitecustomize()

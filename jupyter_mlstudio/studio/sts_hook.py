"""Let the SageMaker SDK's STS calls follow the configuration, as every other call does.

This file is copied into the studio's root as ``sitecustomize.py`` and put first on a kernel's
``PYTHONPATH``. It runs in whatever Python the kernel has, so it needs nothing but the standard
library and no recent syntax.

SageMaker SDK 2.257.7 (``sagemaker/session.py``) and 3.27.0 (``sagemaker/core/helper``) create STS
clients with ``endpoint_url="https://sts.<region>.amazonaws.com"``, which overrules the endpoint
that the profile names. Where the explicit URL is only AWS's own default and the profile (or
``AWS_ENDPOINT_URL``) names another endpoint, the explicit URL is dropped. A profile without an
endpoint of its own, such as one for AWS proper, is left alone.
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
    """Waits for the import of ``botocore.session``; costs nothing until then."""

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "botocore.session":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            _wrap(module.Session)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign] # this one import's loader
        return spec


def _wrap(cls: Any) -> None:
    import functools
    import re

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

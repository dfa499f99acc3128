"""How a capability says that it answers an AWS operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Request = Mapping[str, Any]
Response = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed a request, and for which account and region (from the SigV4 scope).

    ``scope`` limits what it may do, see :mod:`.permissions`; empty, it may do everything.
    """

    account: str
    region: str
    access_key: str
    arn: str
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request on its way to an operation; ``app`` is what the process serves."""

    app: T
    service: str
    operation: str
    caller: Caller
    request_id: str

    @property
    def account(self) -> str:
        """Account of the caller."""
        return self.caller.account

    @property
    def region(self) -> str:
        """Region the request was signed for."""
        return self.caller.region


Handler = Callable[[Call[Any], Any], Response | None]

_HANDLERS: dict[tuple[str, str], Handler] = {}


def operation(service: str, name: str) -> Callable[[Handler], Handler]:
    """Register the decorated function as the answer to ``name`` of ``service``.

    ``service`` is botocore's name of the service (``sagemaker``, ``logs``, ``sts`` ...). The
    function gets the call and the decoded, validated request with AWS member names (timestamps
    are aware datetimes, blobs are bytes), and returns a dictionary with AWS member names, which
    the encoder checks against the output shape. It runs in a worker thread.
    """

    def register(function: Handler) -> Handler:
        key = (service, name)
        if key in _HANDLERS:
            raise RuntimeError(f"{service}.{name} is registered twice")
        _HANDLERS[key] = function
        return function

    return register


def handlers() -> Mapping[tuple[str, str], Handler]:
    """Return every registered operation by (service, name)."""
    return _HANDLERS

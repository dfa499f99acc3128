"""The container's side of an invocation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDict

from jupyter_mlstudio.endpoints.gateway.answers import model_error, no_replica, timed_out
from jupyter_mlstudio.endpoints.gateway.client import Answer, Client, Unreachable
from jupyter_mlstudio.endpoints.gateway.table import RouteTable
from jupyter_mlstudio.endpoints.routes import EndpointRoute, Replica, Variant

HEAD_BYTES = 256 * 1024
"""How much of an answer is read before the client gets any: what fails until then is an error."""

_PASSED_BACK = (
    "X-Amzn-SageMaker-Custom-Attributes",
    "X-Amzn-SageMaker-New-Session-Id",
    "X-Amzn-SageMaker-Closed-Session-Id",
)
_OURS = frozenset({"x-amzn-sagemaker-target-variant", "x-amzn-sagemaker-accept"})
_BROKEN = (aiohttp.ClientError, HttpProcessingError, OSError)


def container_headers(headers: Mapping[str, str], *, stream: bool) -> CIMultiDict[str]:
    """Return what of the request's headers a container gets to see: never a signature."""
    passed: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        lowered = name.lower()
        if lowered == "content-type" or (
            lowered.startswith("x-amzn-sagemaker-") and lowered not in _OURS
        ):
            passed[name] = value
    accept = headers.get("X-Amzn-SageMaker-Accept" if stream else "Accept")
    passed["Accept"] = accept or "*/*"
    passed.setdefault("Content-Type", "application/octet-stream")
    return passed


def client_headers(response: Answer, variant: Variant, *, stream: bool) -> dict[str, str]:
    """Return the headers of a container's answer that the caller gets."""
    passed = {name: response.headers[name] for name in _PASSED_BACK if name in response.headers}
    content_type = response.headers.get("Content-Type", "application/octet-stream")
    passed["X-Amzn-SageMaker-Content-Type" if stream else "Content-Type"] = content_type
    passed["x-Amzn-Invoked-Production-Variant"] = variant.name
    return passed


@dataclass(slots=True)
class Invocation:
    """One request on its way to a container and back."""

    endpoint: EndpointRoute
    variant: Variant
    headers: CIMultiDict[str]
    body: bytes
    stream: bool
    sent: float | None = None
    answered: float | None = None
    """When a container was asked and when its answer was over (event loop's seconds)."""

    @property
    def limit(self) -> float:
        """Seconds the container may take."""
        return self.variant.stream_timeout if self.stream else self.variant.timeout


class Exchange:
    """A container's answer while it is being read; every failure becomes the AWS error."""

    def __init__(
        self,
        invocation: Invocation,
        replica: Replica,
        response: Answer,
        deadline: float,
    ) -> None:
        self.response = response
        self.late = False
        """Whether reading failed because the time was up."""
        self._invocation = invocation
        self._replica = replica
        self._deadline = deadline

    async def head(self) -> tuple[bytes, bool]:
        """Read the first ``HEAD_BYTES``, and say whether that was all."""
        head = bytearray()
        while len(head) < HEAD_BYTES:
            chunk = await self.read()
            if not chunk:
                return bytes(head), True
            head += chunk
        return bytes(head), False

    async def read(self) -> bytes:
        """Read what there is; nothing means the end.

        Raises
        ------
        AWSError
            ``ModelError``: the time is up, or the container broke off.
        """
        invocation, content = self._invocation, self.response.content
        try:
            if (chunk := content.read_nowait()) or content.at_eof():
                return chunk
            async with asyncio.timeout_at(self._deadline):
                chunk = await content.readany()
        except TimeoutError:
            self.late = True
            raise timed_out(invocation.endpoint, invocation.variant, self._replica) from None
        except _BROKEN as error:
            raise _broke_off(invocation, self._replica, error) from None
        return chunk

    async def require_success(self) -> None:
        """Raise the ``ModelError`` for any answer that is not a 2xx."""
        if 200 <= self.response.status < 300:
            return
        message, _ = await self.head()
        text = message.decode("utf-8", "replace")
        invocation = self._invocation
        raise model_error(
            invocation.endpoint, invocation.variant, self._replica, self.response.status, text
        )


@asynccontextmanager
async def exchange(
    client: Client, table: RouteTable, invocation: Invocation
) -> AsyncIterator[Exchange]:
    """Send the invocation to the first replica that takes the connection.

    Raises
    ------
    AWSError
        ``ServiceUnavailable`` where no replica does; ``ModelError`` as :meth:`Exchange.read`.
    """
    loop = asyncio.get_running_loop()
    invocation.sent = loop.time()
    deadline = invocation.sent + invocation.limit
    for replica in table.replicas(invocation.variant):
        with table.occupied(replica):
            response = await _post(client, invocation, replica, deadline)
            if response is None:
                continue
            try:
                with response:
                    yield Exchange(invocation, replica, response, deadline)
            finally:
                invocation.answered = loop.time()
            return
    invocation.sent = None
    raise no_replica(invocation.endpoint, invocation.variant)


async def _post(
    client: Client, invocation: Invocation, replica: Replica, deadline: float
) -> Answer | None:
    """Return the answer's beginning, or None where nobody listens."""
    address = (replica.host, replica.port)
    try:
        async with asyncio.timeout_at(deadline):
            return await client.post(address, "/invocations", invocation.headers, invocation.body)
    except Unreachable:
        return None
    except TimeoutError:
        raise timed_out(invocation.endpoint, invocation.variant, replica) from None
    except _BROKEN as error:
        raise _broke_off(invocation, replica, error) from None


def _broke_off(invocation: Invocation, replica: Replica, error: Exception) -> Exception:
    message = f"The container broke off its answer: {str(error) or type(error).__name__}"
    return model_error(invocation.endpoint, invocation.variant, replica, 0, message)

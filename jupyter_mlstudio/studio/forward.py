"""Pass a request on to the gateway or to S3, byte for byte.

Clients that know only the studio's address (``AWS_ENDPOINT_URL`` alone) send everything there.
The signature covers the ``Host`` they used, so it is passed on; who answers checks it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

log = logging.getLogger(__name__)

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class Forwarder:
    """Forwards to one address over connections that are kept.

    Parameters
    ----------
    base:
        ``http://host:port`` of the process that answers.
    name:
        What an error calls it.
    """

    def __init__(self, base: str, name: str) -> None:
        self._base = base
        self._name = name
        self._client: aiohttp.ClientSession | None = None

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Return the answer of the other process, streamed."""
        try:
            answer = await self._opened().request(
                request.method,
                URL(self._base + request.raw_path, encoded=True),
                headers=_end_to_end(request.headers),
                data=_body(request) if request.body_exists else None,
                allow_redirects=False,
            )
        except aiohttp.ClientConnectionError as error:
            log.warning("%s does not answer: %s", self._name, error)
            return web.json_response(
                {"Message": f"{self._name} is being started; try again in a moment."},
                status=503,
                headers={"x-amzn-ErrorType": "ServiceUnavailable", "Retry-After": "1"},
            )
        async with answer:
            return await _pass_back(request, answer)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None, connect=5),
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        return self._client


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        if name.lower() not in _HOP_BY_HOP:
            kept.add(name, value)
    return kept


async def _body(request: web.Request) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_any():
        yield chunk


async def _pass_back(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, reason=answer.reason)
    response.headers.extend(_end_to_end(answer.headers))
    await response.prepare(request)
    async for chunk in answer.content.iter_any():
        await response.write(chunk)
    await response.write_eof()
    return response

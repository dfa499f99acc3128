"""S3 that is somewhere else: requests signed with our keys, signed anew for the other store.

Whoever uses the studio needs no key of the other store, short-lived keys of jobs end as they do
elsewhere, and containers reach it without a route of their own. A body is read whole, and checked,
before it is sent on.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import aiohttp
import yarl
from aiohttp import web
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError

from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.permissions import authorize
from jupyter_mlstudio.wire.routing import route
from jupyter_mlstudio.wire.sigv4 import Signed

from .bodies import Claims, Received
from .exchange import Exchange, Listener
from .files import ObjectFiles
from .upstream import Upstream

log = logging.getLogger(__name__)

_EMPTY = hashlib.sha256().hexdigest()
_BLOCK = 256 << 10
_RETRY = 30.0
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=120)
# Of one connection only, or about the signature and the framing that are made anew.
_DROPPED = re.compile(
    r"authorization|connection|content-length|expect|host|keep-alive|te|trailer|transfer-encoding"
    r"|upgrade|proxy-.*|accept-encoding|x-amz-(date|security-token|content-sha256|trailer"
    r"|decoded-content-length|expected-bucket-owner|source-expected-bucket-owner)",
    re.IGNORECASE,
)
_NOT_ANSWERED = re.compile(r"connection|keep-alive|transfer-encoding|date|server", re.IGNORECASE)
_PRESIGNED = re.compile(
    r"x-amz-(algorithm|credential|date|expires|signedheaders|signature|security-token"
    r"|content-sha256)|awsaccesskeyid|signature|expires",
    re.IGNORECASE,
)
_OWNERS = ("X-Amz-Expected-Bucket-Owner", "X-Amz-Source-Expected-Bucket-Owner")


class Relay(Listener):
    """Answers S3 requests with what another S3 answers.

    Parameters
    ----------
    spool:
        Folder for bodies on their way; what is in it is deleted.

    Raises
    ------
    ValueError
        If there are no keys for the other store.
    """

    def __init__(
        self, upstream: Upstream, keys: KeyRing, account: str, region: str, spool: Path
    ) -> None:
        super().__init__(keys, account, region)
        self._upstream = upstream
        self._credentials = upstream.credentials()
        self._files = ObjectFiles(spool)
        self._files.prepare()
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Get ready to ask the other store."""
        self._session = aiohttp.ClientSession(
            timeout=_TIMEOUT,
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def end(self) -> None:
        """Close all connections to the other store."""
        if self._session is not None:
            await self._session.close()

    async def ensure_bucket(self, bucket: str) -> None:
        """Make a bucket if it is not there; try until the other store answers."""
        waiting = False
        while True:
            try:
                status = await self._status("HEAD", f"/{bucket}")
                if status == 404:
                    status = await self._status("PUT", f"/{bucket}", _location(self._upstream))
            except (AWSError, aiohttp.ClientError, OSError, BotoCoreError) as error:
                if not waiting:
                    log.warning("Bucket %s cannot be made yet: %s", bucket, error)
                waiting = True
                await asyncio.sleep(_RETRY)
                continue
            if status >= 400:
                log.warning("Bucket %s cannot be had: status %d", bucket, status)
            return

    async def result(self, exchange: Exchange) -> web.StreamResponse:
        """Ask the other store and pass on what it says."""
        request, wire = exchange.request, exchange.wire
        signed = self.admit(exchange)
        exchange.operation = route(wire).operation
        authorize(signed.caller, "s3", exchange.operation)
        self._check_owners(exchange)
        headers = _headers(wire.headers.items())
        body = await self._body(exchange, signed) if request.can_read_body else None
        url = self._url(wire.path, wire.query)
        try:
            payload, data = _EMPTY, None
            if body is not None:
                payload = body.sha256
                if body.claims.algorithm:
                    name = f"x-amz-checksum-{body.claims.algorithm.lower()}"
                    headers[name] = body.checksum(body.claims.algorithm)
                data = _blocks(body.written)
                headers["Content-Length"] = str(body.written.stat().st_size)
            async with self._asked(wire.method, url, headers, payload, data) as answer:
                if body is not None:
                    body.discard()
                return await _passed_on(request, answer)
        finally:
            if body is not None:
                body.discard()

    def _check_owners(self, exchange: Exchange) -> None:
        """Whose the other store's buckets are, nobody here can know: they count as ours."""
        for name in _OWNERS:
            if exchange.wire.headers.get(name) not in (None, self.account):
                raise AWSError("AccessDenied", "Access Denied", status=403)

    async def _body(self, exchange: Exchange, signed: Signed) -> Received:
        claims = Claims.of(exchange.wire.headers, signed.payload)
        received = await self.receive(exchange, signed, Received(self._files, claims, "SHA256"))
        try:
            await self.run(received.finish)
        except BaseException:
            received.discard()
            raise
        return received

    def _url(self, path: str, query: str) -> str:
        kept = [
            piece
            for piece in query.split("&")
            if piece and not _PRESIGNED.fullmatch(unquote(piece.partition("=")[0]))
        ]
        url = self._upstream.endpoint.rstrip("/") + path
        return f"{url}?{'&'.join(kept)}" if kept else url

    @asynccontextmanager
    async def _asked(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        payload: str,
        data: Iterator[bytes] | bytes | None,
    ) -> Any:  # noqa: ANN401 - a context manager
        if self._session is None:
            raise RuntimeError("open() comes first")
        keys = await self.run(self._credentials.get_frozen_credentials)
        signed = _signed(keys, self._upstream.region, method, url, headers, payload)
        body = _streamed(self.run, data) if isinstance(data, Iterator) else data
        try:
            async with self._session.request(
                method,
                yarl.URL(url, encoded=True),
                headers=signed,
                data=body,
                allow_redirects=False,
            ) as answer:
                yield answer
        except aiohttp.ClientError as error:  # what is no HTTP too
            message = f"{self._upstream.endpoint} does not answer: {error}"
            raise AWSError("ServiceUnavailable", message, status=503) from error

    async def _status(self, method: str, path: str, body: bytes = b"") -> int:
        url = self._upstream.endpoint.rstrip("/") + path
        payload = hashlib.sha256(body).hexdigest()
        async with self._asked(method, url, {}, payload, body or None) as answer:
            return int(answer.status)


def _headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers to send on."""
    kept = {name: value for name, value in headers if not _DROPPED.fullmatch(name)}
    for name in list(kept):
        if name.lower() == "content-encoding":
            codings = [coding.strip() for coding in kept.pop(name).split(",")]
            rest = ",".join(coding for coding in codings if coding != "aws-chunked")
            if rest:
                kept["Content-Encoding"] = rest
    return kept


class _Signer(S3SigV4Auth):
    """Signs for a body whose SHA-256 is known."""

    def __init__(self, keys: ReadOnlyCredentials, region: str, payload: str) -> None:
        super().__init__(keys, "s3", region)
        self._payload = payload

    def payload(self, request: AWSRequest) -> str:
        return self._payload


def _signed(
    keys: ReadOnlyCredentials,
    region: str,
    method: str,
    url: str,
    headers: dict[str, str],
    payload: str,
) -> dict[str, str]:
    request = AWSRequest(method, url, headers)
    _Signer(keys, region, payload).add_auth(request)
    return dict(request.headers.items())


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(_BLOCK):
            yield data


async def _streamed(run: Any, data: Iterator[bytes]) -> Any:  # noqa: ANN401 - passed through
    while block := await run(next, data, b""):
        yield block


async def _passed_on(
    request: web.BaseRequest, answer: aiohttp.ClientResponse
) -> web.StreamResponse:
    headers = {
        name: value for name, value in answer.headers.items() if not _NOT_ANSWERED.fullmatch(name)
    }
    if request.method == "HEAD" or answer.status in (204, 304):
        return web.Response(status=answer.status, headers=headers)
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(request)
    try:
        async for block in answer.content.iter_any():
            await response.write(block)
    except aiohttp.ClientError as error:
        # The answer has begun: only its end can say that it is not whole.
        raise ConnectionResetError("the other store stopped answering") from error
    await response.write_eof()
    return response


def _location(upstream: Upstream) -> bytes:
    if upstream.region == "us-east-1":
        return b""
    return (
        '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<LocationConstraint>{upstream.region}</LocationConstraint>"
        "</CreateBucketConfiguration>"
    ).encode()

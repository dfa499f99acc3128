"""An AWS client for handlers: botocore's wire format and signatures over aiohttp."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from functools import cache
from typing import Any, Self, TypeVar

import aiohttp
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, create_request_object, prepare_request_dict
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from botocore.exceptions import ParamValidationError
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import ResponseParser, ResponseParserFactory
from botocore.serialize import create_serializer
from botocore.validate import ParamValidationDecorator
from yarl import URL

from ..wire.errors import AWSError, validation_error
from ..wire.services import service_model

T = TypeVar("T")

UNAVAILABLE = "StudioUnavailable"


class StudioUnavailable(AWSError):
    """There is no studio to ask; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(UNAVAILABLE, message, status=503)


class StoredObject:
    """An object of S3, open for reading: an asynchronous context that ends the request.

    ``status`` is 200 or 206; ``headers`` are S3's. The body is as it was stored.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.headers

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._response.close()

    async def chunks(self, size: int = 1 << 18) -> AsyncIterator[bytes]:
        """Yield the body, up to ``size`` bytes at a time.

        Raises
        ------
        StudioUnavailable
            It broke off.
        """
        try:
            async for chunk in self._response.content.iter_chunked(size):
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise StudioUnavailable(f"S3 broke off: {error}") from error

    async def read(self) -> bytes:
        """Return the whole body, which a ``Range`` should have made short."""
        return b"".join([chunk async for chunk in self.chunks()])


class AWSClient:
    """Calls operations of one studio as one principal.

    Parameters
    ----------
    endpoints:
        URL by botocore's service name; ``""`` is for all services that are not named.
    credentials:
        The key that signs.
    region:
        The region of every request.
    """

    def __init__(self, endpoints: Mapping[str, str], credentials: Credentials, region: str) -> None:
        self._endpoints = dict(endpoints)
        self._credentials = credentials
        self._region = region
        self._http = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
        )

    async def call(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        timeout: float = 30.0,
    ) -> dict[str, Any]:
        """Call one operation and return its output with AWS member names.

        Parameters
        ----------
        service:
            botocore's name of the service.
        params:
            Input as boto3 takes it.
        timeout:
            Seconds for the whole exchange.

        Raises
        ------
        AWSError
            What the studio answered, ``ValidationException`` for input the model refuses.
        StudioUnavailable
            No answer came.
        """
        # Reading a model the first time takes tens of milliseconds.
        model = await asyncio.to_thread(operation_model, service, operation)
        # The digest of a large body takes tens of milliseconds too.
        request = await asyncio.to_thread(self._sign, model, params)
        try:
            async with self._http.request(
                request.method,
                URL(request.url, encoded=True),
                headers=dict(request.headers.items()),
                data=io.BytesIO(request.body) if isinstance(request.body, bytes) else request.body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as response:
                body = await response.read()
        except TimeoutError as error:
            raise StudioUnavailable(
                f"The studio did not answer {operation} within {timeout:g} s"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise StudioUnavailable(f"The studio does not answer at {request.url}") from error
        return _parse(model, response.status, response.headers, body)

    async def open(
        self, bucket: str, key: str, ranges: str = "", silence: float = 60.0
    ) -> StoredObject:
        """Open an object of S3 for reading.

        Parameters
        ----------
        ranges:
            Value of the ``Range`` header; empty for the whole object.
        silence:
            Seconds without a byte after which reading fails.

        Raises
        ------
        AWSError
            What S3 answered.
        StudioUnavailable
            No answer came.
        """
        params = {"Bucket": bucket, "Key": key, **({"Range": ranges} if ranges else {})}
        model = await asyncio.to_thread(operation_model, "s3", "GetObject")
        request = self._sign(model, params)
        try:
            response = await self._http.get(
                URL(request.url, encoded=True),
                headers=dict(request.headers.items()),
                skip_auto_headers=["Accept-Encoding"],
                auto_decompress=False,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=silence),
            )
            if response.status >= 300:
                body = await response.read()
                _parse(model, response.status, response.headers, body)
        except TimeoutError as error:
            raise StudioUnavailable(f"S3 did not answer within {silence:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise StudioUnavailable(f"S3 does not answer at {request.url}") from error
        return StoredObject(response)

    async def close(self) -> None:
        """Close connections that were kept."""
        await self._http.close()

    def _sign(self, model: OperationModel, params: Mapping[str, Any]) -> AWSPreparedRequest:
        service = model.service_model
        try:
            document = _serializer(service).serialize_to_request(dict(params), model)
        except ParamValidationError as error:
            raise validation_error(str(error.kwargs["report"])) from error
        endpoint = self._endpoints.get(service.service_name, self._endpoints[""])
        if model.http_checksum.get("requestChecksumRequired"):
            digest = hashlib.md5(document["body"], usedforsecurity=False).digest()
            document["headers"]["Content-MD5"] = base64.b64encode(digest).decode()
        prepare_request_dict(document, endpoint, context={"signing": {}})
        request = create_request_object(document)
        signer = S3SigV4Auth if service.service_name == "s3" else SigV4Auth
        signer(self._credentials, service.signing_name, self._region).add_auth(request)
        prepared: AWSPreparedRequest = request.prepare()
        return prepared


async def gather(calls: Iterable[Awaitable[T]], limit: int = 8) -> list[T]:
    """Await all ``calls``, at most ``limit`` at a time; results are in their order."""
    slots = asyncio.Semaphore(limit)

    async def one(call: Awaitable[T]) -> T:
        async with slots:
            return await call

    return list(await asyncio.gather(*(one(call) for call in calls)))


def operation_model(service: str, operation: str) -> OperationModel:
    """Return the model of an operation, or raise the error AWS has for an unknown one."""
    model = service_model(service)
    if operation not in model.operation_names:
        raise AWSError(
            "UnknownOperationException", f"{service} has no operation {operation}", status=404
        )
    return model.operation_model(operation)


@cache
def _serializer(service: ServiceModel) -> ParamValidationDecorator:
    return create_serializer(service.resolved_protocol, include_validation=True)


@cache
def _parser(protocol: str) -> ResponseParser:
    return ResponseParserFactory().create_parser(protocol)


def _parse(
    model: OperationModel, status: int, headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    fields = HTTPHeaders()
    for name, value in headers.items():
        fields[name] = value
    response = {"status_code": status, "headers": fields, "body": body}
    parser = _parser(model.service_model.resolved_protocol)
    # The stubs leave out that an operation may have no output.
    document: dict[str, Any] = parser.parse(response, model.output_shape)  # type: ignore[arg-type]
    document.pop("ResponseMetadata", None)
    error = document.pop("Error", None)
    if status >= 300:
        error = error or {}
        raise AWSError(
            error.get("Code") or str(status),
            error.get("Message") or f"The studio answered with HTTP status {status}",
            status=status,
            fields=document,
        )
    return document

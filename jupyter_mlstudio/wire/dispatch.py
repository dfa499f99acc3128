"""From a signed request to the response of its operation, without any web framework."""

from __future__ import annotations

import hashlib
import logging
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Generic, TypeVar

from .check import ResponseShapeError
from .decode import decode
from .encode import encode, encode_error
from .errors import AWSError
from .keys import KeyRing
from .operation import Call, Caller, Handler, handlers
from .permissions import authorize
from .request import WireRequest, WireResponse
from .routing import CBOR, Route, is_rpc, route
from .services import by_signing_name
from .sigv4 import screen, signed_service, verify
from .validate import validate

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_BODY = 10 * 1024 * 1024
"""Bytes of a request body, before and after decompression."""

_FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class Answer:
    """A response, and what the access log says about it."""

    response: WireResponse
    request_id: str
    route: Route | None = None
    caller: Caller | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Dispatcher(Generic[T]):
    """Authenticates, routes, decodes, validates, runs and encodes.

    Attributes
    ----------
    app:
        What operations find as ``call.app``.
    account:
        The only account whose keys are taken.
    default_region:
        Stands in for pseudo regions such as ``aws-global``.
    table:
        Operations by (service, name); what :func:`.operation.operation` registered by default.
    """

    app: T
    keys: KeyRing
    account: str
    default_region: str
    max_body: int = MAX_BODY
    table: Mapping[tuple[str, str], Handler] = field(default_factory=handlers)

    def answer(self, request: WireRequest, now: datetime | None = None) -> Answer:
        """Return the response to a request whose body was read. Never raises."""
        answer = Answer(WireResponse(500, {}), str(uuid.uuid4()))
        try:
            answer.response = self._result(request, answer, now or datetime.now(UTC))
        except AWSError as error:
            self._refuse(request, answer, error)
        except Exception:
            self._refuse(request, answer, _our_failure(answer))
        return answer

    def screen(self, request: WireRequest, now: datetime | None = None) -> Answer | None:
        """Return the refusal of a request that no body can make right; see :func:`.sigv4.screen`.

        Its body need not have been read.
        """
        answer = Answer(WireResponse(500, {}), str(uuid.uuid4()))
        try:
            found = screen(
                self.keys,
                request.method,
                request.path,
                request.query,
                request.headers.items(),
                now or datetime.now(UTC),
            )
            self._check_account(found.identity.account)
        except AWSError as error:
            self._refuse(request, answer, error)
        except Exception:
            self._refuse(request, answer, _our_failure(answer))
        else:
            return None
        return answer

    def refuse(self, request: WireRequest, error: AWSError) -> Answer:
        """Return the response for a request that is refused before its body is looked at."""
        answer = Answer(WireResponse(500, {}), str(uuid.uuid4()))
        self._refuse(request, answer, error)
        return answer

    def _result(self, request: WireRequest, answer: Answer, now: datetime) -> WireResponse:
        found = _route_or_error(request)
        if isinstance(found, Route):
            answer.route = found
        answer.caller = self._caller(request, now)
        request = replace(request, body=_decompressed(request, self.max_body))
        if isinstance(found, AWSError):
            # Only now: who may not ask anything does not learn what there is, nor has a form
            # unpacked that says inside what it asks for.
            answer.route = found = route(request)
        authorize(answer.caller, found.service, found.operation)
        handler = self.table.get((found.service, found.operation))
        if handler is None:
            text = (
                f"The operation {found.operation} of {found.service} is not built in this studio."
            )
            raise AWSError("UnsupportedOperation", text, status=501)
        parameters = decode(found.service, found.operation, request, protocol=found.protocol)
        validate(found.service, found.operation, parameters)
        call = Call(self.app, found.service, found.operation, answer.caller, answer.request_id)
        result = handler(call, parameters)
        return encode(
            found.service,
            found.operation,
            result,
            protocol=found.protocol,
            request_id=answer.request_id,
        )

    def _caller(self, request: WireRequest, now: datetime) -> Caller:
        digest = hashlib.sha256(request.body or b"").hexdigest()
        signed = verify(
            self.keys,
            request.method,
            request.path,
            request.query,
            request.headers.items(),
            digest,
            now,
            region=self.default_region,
        )
        self._check_account(signed.caller.account)
        if signed.caller.region.startswith("aws-"):
            return replace(signed.caller, region=self.default_region)
        return signed.caller

    def _check_account(self, account: str) -> None:
        if account != self.account:
            text = "The key belongs to an account this studio does not serve."
            raise AWSError("AccessDeniedException", text, status=403)

    def _refuse(self, request: WireRequest, answer: Answer, error: AWSError) -> None:
        found = answer.route or _guess(request)
        operation = answer.route.operation if answer.route else None
        answer.code = error.code
        try:
            answer.response = encode_error(
                found.service, operation, error, answer.request_id, protocol=found.protocol
            )
        except ResponseShapeError:
            # The fields of the error are not those of its shape.
            self._refuse(request, answer, _our_failure(answer))


def _route_or_error(request: WireRequest) -> Route | AWSError:
    try:
        return route(request)
    except AWSError as error:
        return error


def _our_failure(answer: Answer) -> AWSError:
    """Log the exception being handled and return what the client is told of it."""
    what = f"{answer.route.service}.{answer.route.operation}" if answer.route else "no route"
    logger.exception("Request %s failed: %s", answer.request_id, what)
    message = f"The studio failed; its log has the details under {answer.request_id}."
    return AWSError("InternalFailure", message, status=500)


def _guess(request: WireRequest) -> Route:
    """Return in whose name and protocol to refuse a request that has no route."""
    name = signed_service(request.query, request.headers.items())
    services = by_signing_name(name) if name else ()
    if "s3" in services:
        return Route("s3", "", "rest-xml")
    if is_rpc(request):
        return Route(services[0] if services else "cloudwatch", "", CBOR)
    if request.headers.get("Content-Type", "").lower().startswith(_FORM) or name in ("sts", "iam"):
        return Route(services[0] if services else "sts", "", "query")
    return Route(services[0] if services else "sagemaker", "", "json")


def _decompressed(request: WireRequest, limit: int) -> bytes:
    body = request.body or b""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        text = f"Content-Encoding {encoding[:64]!r} is not supported; send it plain or as gzip."
        raise AWSError("SerializationException", text, status=400)
    machine = zlib.decompressobj(wbits=31)
    try:
        plain = machine.decompress(body, limit + 1)
    except zlib.error:
        raise AWSError("SerializationException", "The body is not gzip", status=400) from None
    if len(plain) > limit:
        raise too_large(limit)
    if not machine.eof:
        raise AWSError("SerializationException", "The gzip body ends early", status=400)
    return plain


def too_slow(seconds: float) -> AWSError:
    """Return the error for a body that takes too long to arrive."""
    text = f"The request body did not arrive within {seconds:g} s."
    return AWSError("RequestTimeout", text, status=408)


def too_large(limit: int) -> AWSError:
    """Return the error for a body over the limit."""
    text = f"The request body is larger than {limit} bytes."
    return AWSError("RequestEntityTooLargeException", text, status=413)

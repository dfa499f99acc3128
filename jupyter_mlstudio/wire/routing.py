"""Find out which operation of which service a request asks for.

The signing name in the SigV4 scope comes first, because it tells S3 from REST paths; among the
services signed with that name the path of a Smithy RPC, ``X-Amz-Target``, ``Action`` of a form or
query string, and the REST path templates of the models decide, in this order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from botocore.model import OperationModel

from .errors import AWSError
from .query_codec import parse_form
from .request import WireRequest
from .services import SERVICES, by_signing_name, protocols, service_model
from .sigv4 import signed_service

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/x-amz-json-"
CBOR = "smithy-rpc-v2-cbor"
"""botocore's name of the protocol."""
_RPC_PATH = re.compile(r"/service/(\w+)/operation/(\w+)")


@dataclass(frozen=True, slots=True)
class Route:
    """An operation, and the protocol it is asked in and answered in."""

    service: str
    operation: str
    protocol: str


@dataclass(frozen=True, slots=True)
class RestPath:
    """A path template of a model, and what else tells its operation from its neighbours.

    ``literals`` are query parameters written in the template (``?acl``, ``?list-type=2``);
    ``query`` and ``headers`` are required members that live there. Of several that match, the one
    with the greatest ``weight`` is meant: it is the most specific.
    """

    operation: str
    pattern: re.Pattern[str]
    literals: tuple[tuple[str, str], ...]
    query: frozenset[str]
    headers: frozenset[str]
    weight: tuple[int, int, bool]

    def matches(self, request: WireRequest, query: dict[str, str]) -> bool:
        """Whether the request is one for this operation, among others perhaps."""
        return (
            all(query.get(name) == value for name, value in self.literals)
            and self.query <= query.keys()
            and all(name in request.headers for name in self.headers)
            and self.pattern.fullmatch(request.path) is not None
        )

    @property
    def telling(self) -> str:
        """A query parameter without which no request is for this operation; "" when none is."""
        return self.literals[0][0] if self.literals else min(self.query, default="")


def route(request: WireRequest) -> Route:
    """Return what a request asks for.

    Raises
    ------
    AWSError
        ``UnknownOperationException`` if no service we route has it, ``UnsupportedOperation`` if it
        is signed for a service that we do not route at all.
    """
    services = _candidates(request)
    if is_rpc(request):
        return _by_rpc_path(services, request)
    target = request.headers.get("X-Amz-Target")
    if target is not None:
        return _by_target(services, target, request)
    action = _action(request)
    if action is not None:
        return _by_action(services, action)
    for service in services:
        operation = match_path(service, request)
        if operation is not None:
            return Route(service, operation, str(service_model(service).metadata["protocol"]))
    raise _unknown(f"{request.method} {request.path[:200]}")


def is_rpc(request: WireRequest) -> bool:
    """Say whether a request is one of Smithy RPC v2 with CBOR."""
    return request.headers.get("Smithy-Protocol") == "rpc-v2-cbor"


def match_path(service: str, request: WireRequest) -> str | None:
    """Return the REST operation of ``service`` that the request is for, if any.

    A request that names a subresource is for no operation on the resource itself, also where it
    lacks something: ``PUT /bucket/key?renameObject`` does not put an object.
    """
    query = dict(parse_form(request.query))
    paths = rest_paths(service)
    found = [
        path
        for parameter in ("", *query)
        for path in paths.get((request.method, parameter), ())
        if path.matches(request, query)
    ]
    if not found:
        return None
    best = max(found, key=lambda path: path.weight)
    stray = (subresources(service) & query.keys()) - {name for name, _ in best.literals}
    return None if stray else best.operation


@cache
def subresources(service: str) -> frozenset[str]:
    """Return the query parameters that name a part of a resource, such as ``tagging``."""
    paths = (path for entries in rest_paths(service).values() for path in entries)
    return frozenset(name for path in paths for name, value in path.literals if not value)


@cache
def rest_paths(service: str) -> dict[tuple[str, str], tuple[RestPath, ...]]:
    """Return the path templates of a service by HTTP method and telling query parameter.

    There are none if it is not a REST service.
    """
    model = service_model(service)
    if not str(model.metadata["protocol"]).startswith("rest"):
        return {}
    paths: dict[tuple[str, str], list[RestPath]] = {}
    for name in model.operation_names:
        operation = model.operation_model(name)
        path = _rest_path(operation)
        paths.setdefault((operation.http["method"], path.telling), []).append(path)
    return {key: tuple(entries) for key, entries in paths.items()}


@cache
def template_pattern(template: str) -> re.Pattern[str]:
    """Return a pattern for a path template with a group per label, in the order of the labels."""
    parts = re.split(r"\{([^}]+)\}", template)
    pattern = re.escape(parts[0])
    for label, literal in zip(parts[1::2], parts[2::2], strict=True):
        pattern += ("(.+)" if label.endswith("+") else "([^/]+)") + re.escape(literal)
    # S3 clients write a bucket with and without the closing slash.
    optional_slash = "/?" if parts[-1] == "" and not parts[-2].endswith("+") else ""
    return re.compile(pattern + optional_slash, re.DOTALL)


@cache
def labels(template: str) -> tuple[str, ...]:
    """Return the names of the labels in a path template."""
    return tuple(label.rstrip("+") for label in re.findall(r"\{([^}]+)\}", template))


def _rest_path(operation: OperationModel) -> RestPath:
    template, _, query = operation.http["requestUri"].partition("?")
    pairs = (piece.partition("=") for piece in query.split("&") if piece)
    literals = tuple((name, value) for name, _, value in pairs if name != "x-id")
    required: dict[str, set[str]] = {"querystring": set(), "header": set()}
    shape = operation.input_shape
    members = {} if shape is None else {n: shape.members[n] for n in shape.required_members}
    for name, member in members.items():
        location = member.serialization.get("location")
        # An empty list is not sent at all, so a required one tells nothing.
        if location in required and member.type_name not in ("list", "map"):
            required[location].add(member.serialization.get("name", name))
    evidence = len(literals) + len(required["querystring"]) + len(required["header"])
    written_out = sum(1 for part in template.split("/") if part and "{" not in part)
    return RestPath(
        operation.name,
        template_pattern(template),
        literals,
        frozenset(required["querystring"]),
        frozenset(required["header"]),
        (evidence, written_out, not operation.deprecated),
    )


def _candidates(request: WireRequest) -> tuple[str, ...]:
    name = signed_service(request.query, request.headers)
    if name is None:
        return SERVICES
    services = by_signing_name(name)
    if not services:
        text = f"The service {name[:64]!r} is not built in this studio."
        raise AWSError("UnsupportedOperation", text, status=501)
    return services


def _by_rpc_path(services: tuple[str, ...], request: WireRequest) -> Route:
    match = _RPC_PATH.fullmatch(request.path)
    if match is not None and request.method == "POST":
        prefix, operation = match.groups()
        for service in services:
            model = service_model(service)
            known = model.metadata.get("targetPrefix") == prefix and CBOR in protocols(service)
            if known and operation in model.operation_names:
                return Route(service, operation, CBOR)
    raise _unknown(f"{request.method} {request.path[:200]}")


def _by_target(services: tuple[str, ...], target: str, request: WireRequest) -> Route:
    prefix, _, operation = target.rpartition(".")
    content_type = request.headers.get("Content-Type", "")
    if request.method == "POST" and content_type.lower().startswith(_JSON):
        for service in services:
            model = service_model(service)
            if model.metadata.get("targetPrefix") == prefix and operation in model.operation_names:
                return Route(service, operation, "json")
    raise _unknown(target[:200])


def _by_action(services: tuple[str, ...], action: str) -> Route:
    for service in services:
        if "query" in protocols(service) and action in service_model(service).operation_names:
            return Route(service, action, "query")
    raise _unknown(action[:200])


def _action(request: WireRequest) -> str | None:
    """Return ``Action`` of a form, or of the query of a presigned URL."""
    if request.headers.get("Content-Type", "").lower().startswith(_FORM) and request.body:
        fields = dict(parse_form(request.body.decode("utf-8", "replace")))
        if "Action" in fields:
            return fields["Action"]
    if request.path in ("", "/") and "Action=" in request.query:
        return dict(parse_form(request.query)).get("Action")
    return None


def _unknown(what: str) -> AWSError:
    return AWSError("UnknownOperationException", f"There is no operation {what}.", status=400)

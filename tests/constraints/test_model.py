"""Every constraint of every operation, broken one at a time; and values at the edge of what may be.

``complete`` tries each constraint at each place of the input, the short form once per shape.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape

from jupyter_mlstudio.studio import capabilities
from jupyter_mlstudio.wire.operation import handlers
from jupyter_mlstudio.wire.services import operation_model

from .breaks import CONSTRAINT, Break, Breaker, raw_bodies
from .direct import Direct, Reply, as_json, on_wire
from .seeds import base, seed
from .shapes import LONGEST, Wrong, at, entries, items, matches, places, text_of

capabilities.load()
SERVICES = ("sagemaker", "sagemaker-metrics", "logs", "cloudwatch", "sts", "iam", "mlstudio")
CODES = {
    "sagemaker": "ValidationException",
    "sagemaker-metrics": "ValidationException",
    "logs": "InvalidParameterException",
    "cloudwatch": "ValidationError",
    "sts": "ValidationError",
    "iam": "ValidationError",
    "mlstudio": "ValidationException",
}
SPOKEN = {
    "sagemaker": ("json",),
    "sagemaker-metrics": ("rest-json",),
    "logs": ("json",),
    "cloudwatch": ("json", "smithy-rpc-v2-cbor", "query"),
    "sts": ("query",),
    "iam": ("query",),
    "mlstudio": ("json",),
}
OPERATIONS = sorted(key for key in handlers() if key[0] in SERVICES)
BUILT = [(s, o, p) for s, o in OPERATIONS for p in SPOKEN[s]]
NAMES = [f"{s}.{o} {p}" for s, o, p in BUILT]
LEAKS = re.compile(rb"Traceback|File \"|jupyter_mlstudio|site-packages|sqlite|psycopg", re.I)
COUNTS: Counter[str] = Counter()


def input_shape(service: str, operation: str) -> StructureShape | None:
    shape = operation_model(service, operation).input_shape
    assert shape is None or isinstance(shape, StructureShape)
    return shape


def breaks(service: str, operation: str, *, complete: bool) -> Iterator[Break]:
    """Yield what to try; in the short form each constraint of each shape once."""
    root = input_shape(service, operation)
    if root is None:
        return
    breaker = Breaker(root, base(service, operation))
    seen: set[tuple[str, str]] = set()
    for place in ((), *places(root)):
        for each in breaker.breaks(place):
            if complete or each.constraint not in seen:
                seen.add(each.constraint)
                yield each


def on_the_wire(each: Break, protocol: str) -> bool:
    """Say whether a protocol can carry what is wrong: a form knows neither null nor types."""
    if protocol == "json" or protocol == "rest-json":
        return True
    if each.what.startswith(("null", "wrong type", "lone", "2^63", "union")):
        return False
    if protocol != "query":
        return True
    # An empty list or structure is not sent at all in a form.
    return not each.what.startswith(("too few", "missing")) and "{}" not in repr(each.value)


def clean(direct: Direct, reply: Reply) -> bool:
    """Say whether an answer keeps what is ours to itself."""
    return not LEAKS.search(reply.body) and str(direct.root).encode() not in reply.body


def complaint(each: Break, reply: Reply, code: str) -> str | None:
    """Say what is wrong with a refusal."""
    if (reply.status, reply.code) != (400, code if each.kind == CONSTRAINT else SERIALIZATION):
        return "another error"
    missing = [text for text in each.says if text not in reply.message]
    if missing:
        return f"does not say {missing}"
    if each.kind == CONSTRAINT and not re.match(
        r"\d+ validation errors? detected: ", reply.message
    ):
        return "not AWS's words"
    return None


SERIALIZATION = "SerializationException"


def try_all(direct: Direct, service: str, operation: str, protocol: str, *, complete: bool) -> None:
    before, revision = direct.state(), direct.revision()
    wrong: list[str] = []
    for each in breaks(service, operation, complete=complete):
        if not on_the_wire(each, protocol):
            continue
        reply = direct.ask(service, operation, each.value, protocol)
        COUNTS["requests"] += 1
        problem = complaint(each, reply, CODES[service])
        if not clean(direct, reply):
            problem = "shows what is ours"
        if direct.revision() != revision:
            problem, revision = "changed something", direct.revision()
        if problem:
            wrong.append(f"{each.what} at {each.where!r}: {problem}: {reply}")
    assert not wrong, "\n".join([f"{len(wrong)} wrong", *wrong[:20]])
    assert direct.state() == before


@pytest.mark.parametrize(("service", "operation", "protocol"), BUILT, ids=NAMES)
def test_every_constraint(direct: Direct, service: str, operation: str, protocol: str) -> None:
    try_all(direct, service, operation, protocol, complete=False)


@pytest.mark.soak
@pytest.mark.parametrize(("service", "operation", "protocol"), BUILT, ids=NAMES)
def test_every_constraint_at_every_place(
    direct: Direct, service: str, operation: str, protocol: str
) -> None:
    try_all(direct, service, operation, protocol, complete=True)


JSON = [(s, o, p) for s, o, p in BUILT if "json" in p]


@pytest.mark.parametrize(("service", "operation", "protocol"), JSON)
def test_bodies_that_are_no_plain_json(
    direct: Direct, service: str, operation: str, protocol: str
) -> None:
    root = input_shape(service, operation)
    good = as_json(Breaker(root, base(service, operation)).smallest() if root else {})
    before = direct.state()
    for what, body in raw_bodies(good):
        method, target, headers, _ = on_wire(service, operation, {}, protocol)
        reply = direct.send(service, method, target, headers, body)
        if root is None or (root.required_members == [] and what == "null"):
            continue
        assert (reply.status, reply.code) == (400, SERIALIZATION), (what, reply)
        assert clean(direct, reply)
    assert direct.state() == before


# Values that the model allows ------------------------------------------------------------------

HOSTILE = (
    "../../etc/passwd",
    "..",
    "a/../../b",
    "a" * 255 + "/b",
    "a" * 300 + "/b",
    "\u00e9" * 200 + "/",
    "a/" + "\u2603" * 150,
    "%2e%2e%2f",
    "a\0b",
    "a\r\nSet-Cookie: x=y",
    "\u202eevil",
    "\U0001f600" * 100,
    "'; DROP TABLE resources; --",
    "%_%",
    "__proto__",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "CON",
    "-rf",
    "$(id)",
    "NaN",
    "9" * 5000,
    "f/" + "9" * 5000,
    "b/" + "9" * 30,
    "arn:aws:sagemaker:us-east-1:123456789012:",
    "arn:::::",
    "(a+)+$",
    "{ $.a = %(%}",
    "file:///etc/passwd",
    "s3://bucket/%2e%2e/",
    "https://169.254.169.254/latest/",
    "MAX(METRICS())",
)
NUMBERS = (0, 1, -1, 59, 60, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63))
FLOATS = (0.0, -0.0, 1e-308, 1e308, -1e308, 1e154)
MOMENTS = (
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
)


def extremes(shape: Shape) -> Iterator[Any]:
    """Yield values that a shape allows, at its edges and as hostile as it allows them to be."""
    limits = shape.metadata
    least, most = limits.get("min"), limits.get("max")
    match shape:
        case ListShape():
            yield items(shape, least or 0)
            yield items(shape, min(most or 100, 100))
            return
        case MapShape():
            if most and (full := entries(shape, min(most, 100))):
                yield full
            return
        case StructureShape():
            if not shape.required_members and not shape.is_tagged_union:
                yield {}
            return
    kind = shape.type_name
    if kind in ("string", "character") and "enum" in limits:
        yield from {limits["enum"][0], limits["enum"][len(limits["enum"]) // 2], limits["enum"][-1]}
    elif kind in ("string", "character"):
        longest = text_of(limits.get("pattern"), min(most or 4096, LONGEST))
        for text in (*HOSTILE, *([longest] if longest is not None else [])):
            if (least or 0) <= len(text) <= (most or LONGEST) and (
                "pattern" not in limits or matches(limits["pattern"], text)
            ):
                yield text
    elif kind in ("integer", "long"):
        bits = 31 if kind == "integer" else 63
        low = least if least is not None else -(2**bits)
        high = most if most is not None else 2**bits - 1
        yield from sorted({n for n in (*NUMBERS, low, high) if low <= n <= high})
    elif kind in ("float", "double"):
        for number in (*FLOATS, *(n for n in (least, most) if n is not None)):
            if (least is None or number >= least) and (most is None or number <= most):
                yield float(number)
        yield from (Wrong("Infinity"), Wrong("-Infinity"), Wrong("NaN"))
    elif kind == "boolean":
        yield from (True, False)
    elif kind == "timestamp":
        yield from MOMENTS
    elif kind == "blob":
        yield b"\0" * min(most or 1024, 1024)


TRIED: set[tuple[str, str, str]] = set()


def allowed(
    breaker: Breaker, service: str, protocol: str, *, complete: bool
) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield a place, a value for it and the request with it.

    In the short form a shape is tried once in an operation, and if it is not itself a member of a
    request, once in a service.
    """
    seen: set[str] = set()
    for place in places(breaker.root):
        shape = at(breaker.root, place)
        known = (service, protocol, shape.name)
        if not complete and (shape.name in seen or (len(place) > 1 and known in TRIED)):
            continue
        seen.add(shape.name)
        TRIED.add(known)
        where = ".".join(step.member or "*" for step in place)
        for value in extremes(shape):
            if "json" in protocol or not isinstance(value, Wrong):
                yield where, value, breaker.within(place, value)


def try_allowed(
    direct: Direct, service: str, operation: str, protocol: str, *, complete: bool
) -> None:
    root = input_shape(service, operation)
    if root is None:
        return
    breaker = Breaker(root, base(service, operation))
    wrong: list[str] = []
    for where, value, request in allowed(breaker, service, protocol, complete=complete):
        before = direct.revision()
        reply = direct.ask(service, operation, request, protocol)
        COUNTS["allowed"] += 1
        problem = None
        if reply.status >= 500 and reply.status != 501:
            problem = "a failure"
        elif reply.status >= 400 and direct.revision() != before:
            problem = "changed something"
        elif not clean(direct, reply):
            problem = "shows what is ours"
        if problem:
            wrong.append(f"{where} = {str(value)[:80]!r}: {problem}: {reply}")
        if reply.status == 200 and operation.startswith(("Delete", "Stop")):
            seed(direct)
    assert not wrong, "\n".join([f"{len(wrong)} wrong", *wrong[:20]])


@pytest.mark.parametrize(("service", "operation", "protocol"), BUILT, ids=NAMES)
def test_what_the_model_allows_is_taken_or_refused_whole(
    direct: Direct, service: str, operation: str, protocol: str
) -> None:
    try_allowed(direct, service, operation, protocol, complete=False)


@pytest.mark.soak
@pytest.mark.parametrize(("service", "operation", "protocol"), BUILT, ids=NAMES)
def test_what_the_model_allows_at_every_place(
    direct: Direct, service: str, operation: str, protocol: str
) -> None:
    try_allowed(direct, service, operation, protocol, complete=True)


def test_what_is_tried() -> None:
    """The fuzz means something only as long as it meets all there is."""
    kinds = {each.what for s, o in OPERATIONS for each in breaks(s, o, complete=False)}
    assert kinds >= {
        *("missing", "null", "too many items", "too few items", "null item", "null value"),
        *("too long", "too short", "too great", "too small", "pattern", "enum"),
        *("key: pattern", "key: too long", "lone surrogate", "2^63", "union of two"),
    }
    assert {s for s, _ in OPERATIONS} == set(SERVICES)
    assert {s for s, _ in handlers()} - set(SERVICES) <= {"s3"}

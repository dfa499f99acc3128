"""CloudWatch Logs: reading what containers and users wrote."""

from __future__ import annotations

import hashlib
import heapq
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.listing import Tokens
from ..core.logs import LogEvent, LogStore, StreamInfo
from ..core.studio import Studio
from ..wire.errors import AWSError
from ..wire.operation import Call, Request, Response, operation
from .log_patterns import matcher
from .log_retention import kept_since

_PAGE = 50
_MOST_EVENTS = 10_000
_MOST_BYTES = 1_048_576
_MOST_SCANNED = 200_000
"""Events one FilterLogEvents looks at before it answers with what it has and a token."""

_CHUNK = 1000
_DIGITS = 56
"""Digits of a position in a token."""


@operation("logs", "DescribeLogGroups")
def describe_log_groups(call: Call[Studio], request: Request) -> Response:
    """List log groups by name."""
    prefix, pattern = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "")
    if prefix and pattern:
        raise _invalid("logGroupNamePrefix and logGroupNamePattern cannot be used together.")
    names = [
        name
        for name in call.app.logs(call).groups(prefix)
        if pattern.lower() in name.lower() and _chosen(call, request, name)
    ]
    page, token = _page(call, request, [(name,) for name in names])
    answer: Response = {"logGroups": [_group_document(call, name) for (name,) in page]}
    return {**answer, "nextToken": token} if token else answer


@operation("logs", "DescribeLogStreams")
def describe_log_streams(call: Call[Studio], request: Request) -> Response:
    """List the streams of a group by name or by the time of their last event."""
    group = _group(call, request)
    prefix = request.get("logStreamNamePrefix", "")
    by_time = request.get("orderBy") == "LastEventTime"
    if by_time and prefix:
        raise _invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    streams = {stream.name: stream for stream in call.app.logs(call).streams(group, prefix)}
    keys = sorted(
        (stream.last_ms or 0, name) if by_time else (name,) for name, stream in streams.items()
    )
    if request.get("descending"):
        keys.reverse()
    page, token = _page(call, request, keys)
    answer: Response = {"logStreams": [_stream_document(call, streams[key[-1]]) for key in page]}
    return {**answer, "nextToken": token} if token else answer


@operation("logs", "GetLogEvents")
def get_log_events(call: Call[Studio], request: Request) -> Response:
    """Return a page of a stream, the newest events unless ``startFromHead``.

    The tokens are positions: at the end of the stream the forward token comes back unchanged.
    """
    group, stream = _group(call, request), request["logStreamName"]
    token = request.get("nextToken")
    forward, offset = _position(token) if token else (request.get("startFromHead", False), None)
    try:
        page = call.app.logs(call).read(
            group,
            stream,
            offset,
            request.get("limit", _MOST_EVENTS),
            backwards=not forward,
            start_ms=_start(call, group, request),
            end_ms=request.get("endTime"),
            max_bytes=_MOST_BYTES,
        )
    except KeyError:
        raise _no_stream() from None
    except ValueError:
        raise _invalid("The specified nextToken is invalid.") from None
    return {
        "events": [
            # Lines are stored as they come, so one time serves for both.
            {"timestamp": e.time_ms, "message": e.message, "ingestionTime": e.time_ms}
            for e in page.events
        ],
        "nextForwardToken": f"f/{page.next_offset:0{_DIGITS}d}",
        "nextBackwardToken": f"b/{page.previous_offset:0{_DIGITS}d}",
    }


@operation("logs", "FilterLogEvents")
def filter_log_events(call: Call[Studio], request: Request) -> Response:
    """Return events of several streams in the order of time, those that match a pattern."""
    group = _group(call, request)
    matches = matcher(request.get("filterPattern", ""))
    scope = _scope(call, request)
    tokens = Tokens(call.app.keys.derive("log-token"))
    token = request.get("nextToken")
    state = _open(tokens, token, scope) if token else {}
    forward = bool(state.get("forward", request.get("startFromHead", True)))
    offsets: dict[str, int] = state.get("offsets", {})
    limit = request.get("limit", _MOST_EVENTS)
    found: list[dict[str, Any]] = []
    weight = 0
    for scanned, entry in enumerate(_merged(call, group, request, offsets, forward)):
        event, wanted = entry.event, matches(entry.event.message)
        weight += len(event.message) if wanted else 0
        if scanned >= _MOST_SCANNED or len(found) >= limit or (found and weight > _MOST_BYTES):
            position = {"forward": forward, "offsets": offsets}
            return {"events": found, "nextToken": tokens.seal([position], scope)}
        offsets[entry.stream] = entry.after
        if wanted:
            found.append(_filtered_document(group, entry))
    return {"events": found, "searchedLogStreams": []}


@dataclass(frozen=True, slots=True)
class _Entry:
    """An event of a stream and the offset at which to go on behind it."""

    stream: str
    event: LogEvent
    after: int


def _merged(
    call: Call[Studio], group: str, request: Request, offsets: Mapping[str, int], forward: bool
) -> Iterator[_Entry]:
    store, start = call.app.logs(call), _start(call, group, request)
    sign = 1 if forward else -1
    entries = [
        _entries(store, group, name, offsets.get(name), request, forward, start)
        for name in _searched(store, group, request)
    ]
    return heapq.merge(*entries, key=lambda e: (sign * e.event.time_ms, e.stream))


def _searched(store: LogStore, group: str, request: Request) -> list[str]:
    names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix", "")
    if names and prefix:
        raise _invalid("logStreamNames and logStreamNamePrefix cannot be used together.")
    found = [stream.name for stream in store.streams(group, prefix)]
    if names is None:
        return found
    if not set(names) <= set(found):
        raise _no_stream()
    return sorted(set(names))


def _entries(
    store: LogStore,
    group: str,
    stream: str,
    offset: int | None,
    request: Request,
    forward: bool,
    start: int | None,
) -> Iterator[_Entry]:
    end = request.get("endTime")
    while True:
        page = store.read(
            group,
            stream,
            offset,
            _CHUNK,
            backwards=not forward,
            start_ms=start,
            end_ms=None if end is None else end + 1,
        )
        if not page.events:
            return
        if forward:
            ends = [event.offset for event in page.events[1:]] + [page.next_offset]
            yield from (_Entry(stream, e, end) for e, end in zip(page.events, ends, strict=True))
            offset = page.next_offset
        else:
            yield from (_Entry(stream, e, e.offset) for e in reversed(page.events))
            offset = page.previous_offset


def _start(call: Call[Studio], group: str, request: Request) -> int | None:
    """Return the time in ms from which on events are read: none that are kept no longer."""
    asked = request.get("startTime")
    days = call.app.logs(call).describe(group).get("retentionInDays")
    return asked if days is None else max(asked or 0, kept_since(days))


def _page(
    call: Call[Studio], request: Request, keys: list[tuple[Any, ...]]
) -> tuple[list[tuple[Any, ...]], str | None]:
    """Return the keys of one page and the token of the next; it names the last key seen."""
    scope, size = _scope(call, request), request.get("limit", _PAGE)
    tokens = Tokens(call.app.keys.derive("log-token"))
    first = 0
    if token := request.get("nextToken"):
        last = tuple(_open(tokens, token, scope)["last"])
        past = operator.lt if request.get("descending") else operator.gt
        first = next((n for n, key in enumerate(keys) if past(key, last)), len(keys))
    page = keys[first : first + size]
    more = first + size < len(keys)
    return page, tokens.seal([{"last": page[-1]}], scope) if more else None


def _scope(call: Call[Studio], request: Request) -> str:
    rest = {k: v for k, v in request.items() if k not in ("nextToken", "limit")}
    return f"{call.operation} {call.account} {call.region} {sorted(rest.items())}"


def _open(tokens: Tokens, token: str, scope: str) -> dict[str, Any]:
    try:
        (state,) = tokens.open(token, scope)
    except AWSError:
        raise _invalid("The specified nextToken is invalid.") from None
    return dict(state)


def _position(token: str) -> tuple[bool, int]:
    way, _, digits = token.partition("/")
    good = digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS
    if way not in ("f", "b") or not good:
        raise _invalid("The specified nextToken is invalid.")
    return way == "f", int(digits)


def _group(call: Call[Studio], request: Request) -> str:
    """Return the group a request names, by name or by ARN."""
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise _invalid("Exactly one of logGroupName and logGroupIdentifier is required.")
    group = str(name or _name_in(str(identifier)))
    if group not in call.app.logs(call).groups(group):
        raise AWSError("ResourceNotFoundException", "The specified log group does not exist.")
    return group


def _name_in(identifier: str) -> str:
    return identifier.split(":log-group:")[-1].removesuffix(":*")


def _chosen(call: Call[Studio], request: Request, name: str) -> bool:
    wanted = request.get("logGroupIdentifiers")
    return wanted is None or name in {_name_in(identifier) for identifier in wanted}


def _arn(call: Call[Studio], group: str) -> str:
    return f"arn:aws:logs:{call.region}:{call.account}:log-group:{group}"


def _group_document(call: Call[Studio], name: str) -> dict[str, Any]:
    store = call.app.logs(call)
    streams, kept = store.streams(name), store.describe(name)
    document = {
        "logGroupName": name,
        "metricFilterCount": 0,
        "arn": f"{_arn(call, name)}:*",
        "logGroupArn": _arn(call, name),
        "storedBytes": sum(stream.size for stream in streams),
        "logGroupClass": "STANDARD",
    }
    if streams or "creationTime" in kept:
        first = min((stream.created_ms for stream in streams), default=None)
        document["creationTime"] = kept.get("creationTime", first)
    if "retentionInDays" in kept:
        document["retentionInDays"] = kept["retentionInDays"]
    return document


def _stream_document(call: Call[Studio], stream: StreamInfo) -> dict[str, Any]:
    document = {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "arn": f"{_arn(call, stream.group)}:log-stream:{stream.name}",
        "storedBytes": stream.size,
    }
    if stream.first_ms is not None and stream.last_ms is not None:
        document["firstEventTimestamp"] = stream.first_ms
        document["lastEventTimestamp"] = stream.last_ms
        document["lastIngestionTime"] = stream.last_ms
    return document


def _filtered_document(group: str, entry: _Entry) -> dict[str, Any]:
    place = f"{group}\0{entry.stream}\0{entry.event.offset}".encode()
    return {
        "logStreamName": entry.stream,
        "timestamp": entry.event.time_ms,
        "message": entry.event.message,
        "ingestionTime": entry.event.time_ms,
        "eventId": f"{int(hashlib.sha256(place).hexdigest(), 16) % 10**56:056d}",
    }


def _no_stream() -> AWSError:
    return AWSError("ResourceNotFoundException", "The specified log stream does not exist.")


def _invalid(message: str) -> AWSError:
    return AWSError("InvalidParameterException", message)

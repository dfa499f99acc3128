"""Reading and searching logs of any size by the numbers of their lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import regex

from ..core.log_index import StreamReplaced
from ..core.log_levels import at_least, hints, level_of
from ..core.log_search import Wanted, search, text_of
from ..core.log_text import as_shown, without_colours
from ..core.log_view import LogView, Place
from ..core.logs import StreamInfo, fits
from ..core.studio import Studio
from ..wire.errors import AWSError, validation_error
from ..wire.operation import Call, Request, Response, operation
from .log_expressions import Expression

_LINES = 1000
_MATCHES = 100
_MOST_CHARACTERS = 1_048_576
"""Characters of one answer's lines together; one line may be longer."""

_GLANCE = 0.02
_LOOK = 0.3
"""Seconds for which lines are counted before an answer that needs no numbers, and one that does."""

_SEARCH = 0.4
"""Seconds for which one request searches."""


@operation("mlstudio", "ReadLog")
def read_log(call: Call[Studio], request: Request) -> Response:
    """Read lines of one or more streams in the order of time."""
    _one_start(request)
    limit, width = request.get("Limit", _LINES), request.get("MaxLength")
    streams = _streams(call, request)
    with _viewed(call, request, streams, _GLANCE if request.get("FromEnd") else _LOOK) as view:
        names = [stream.name for stream in streams]
        if not view.complete:
            last = view.last(limit) if request.get("FromEnd") else []
            lines = [_document(names, None, number, line, width) for number, line in last]
        else:
            first = _first(view, names, request, limit)
            places = ((place, line) for place, line in view.read(first))
            lines = _page(names, places, limit, width)
        return {"Lines": lines, "Log": _log_document(view, streams)}


@operation("mlstudio", "SearchLog")
def search_log(call: Call[Studio], request: Request) -> Response:
    """Look for lines by text, expression or level, for a moment; say where to go on."""
    wanted = _wanted(request)
    limit, width = request.get("Limit", _MATCHES), request.get("MaxLength")
    backwards = bool(request.get("Backwards"))
    streams = _streams(call, request)
    with _viewed(call, request, streams, _LOOK) as view:
        names = [stream.name for stream in streams]
        first = request.get("FirstLine", view.lines if backwards else 0)
        if not view.complete:
            return {"Lines": [], "NextLine": first, "Log": _log_document(view, streams)}
        found = search(view, wanted, first, limit, _SEARCH, backwards=backwards)
        lines = _page(names, found.lines, limit, width)
        following = found.next
        if len(lines) < len(found.lines):
            following = lines[-1]["LineNumber"] + (0 if backwards else 1)
        answer: Response = {"Lines": lines, "Log": _log_document(view, streams)}
        return answer if following is None else {**answer, "NextLine": following}


def _one_start(request: Request) -> None:
    given = [n for n in ("FirstLine", "FromEnd", "Time", "Line") if request.get(n) is not None]
    if len(given) > 1:
        raise validation_error(f"Only one of {' and '.join(given)} can say where to start.")


def _streams(call: Call[Studio], request: Request) -> list[StreamInfo]:
    """Return the streams that a request names, by name; a prefix may have none."""
    names, prefix = request.get("LogStreamNames"), request.get("LogStreamNamePrefix")
    if (names is None) == (prefix is None):
        raise validation_error(
            "Exactly one of LogStreamNames and LogStreamNamePrefix must be given."
        )
    group = request["LogGroupName"]
    found = call.app.logs(call).streams(group, prefix or "") if fits(group) else []
    if names is None:
        return found
    missing = sorted(set(names) - {stream.name for stream in found})
    if missing:
        raise _no_stream(group, missing[0])
    return [stream for stream in found if stream.name in names]


@contextmanager
def _viewed(
    call: Call[Studio], request: Request, streams: Iterable[StreamInfo], seconds: float
) -> Iterator[LogView]:
    group = request["LogGroupName"]
    names = [stream.name for stream in streams]
    try:
        view = call.app.log_views(call).of(group, names, seconds)
        with view.guard:
            yield view
    except (StreamReplaced, FileNotFoundError):
        raise AWSError(
            "ResourceNotFound", f"A stream of {group} was deleted meanwhile. Try again."
        ) from None


def _first(view: LogView, names: list[str], request: Request, limit: int) -> int:
    """Return the number of the line that an answer starts with."""
    if request.get("FromEnd"):
        return max(0, view.lines - limit)
    if (time_ms := request.get("Time")) is not None:
        return view.number_at(int(time_ms) * 1_000_000)
    if (line := request.get("Line")) is not None:
        if line["LogStreamName"] not in names:
            raise _no_stream(request["LogGroupName"], line["LogStreamName"])
        stream = names.index(line["LogStreamName"])
        last = view.streams[stream].lines - 1
        return 0 if last < 0 else view.number_of(stream, min(line["StreamLineNumber"], last))
    return int(request.get("FirstLine", 0))


def _wanted(request: Request) -> Wanted:
    level, pattern = request.get("MinimumLevel"), request.get("Pattern")
    if level is None and pattern is None:
        raise validation_error("One of Pattern and MinimumLevel must be given.")
    if level is None:
        return _looked_for(*_containing(request, str(pattern)))
    levels = at_least(level)
    if pattern is None:
        return _looked_for(lambda text: level_of(text) in levels, hints(level))
    contains, found = _containing(request, pattern)
    return _looked_for(
        lambda text: level_of(text) in levels and contains(text), found or hints(level)
    )


def _looked_for(matches: Callable[[str], bool], hints: tuple[bytes, ...]) -> Wanted:
    """Return the search of what is seen of lines: colours may stand between the letters."""
    return Wanted(
        lambda text: matches(without_colours(as_shown(text))),
        (*hints, b"\x1b", b"\r") if hints else (),
    )


def _containing(request: Request, pattern: str) -> tuple[Callable[[str], bool], tuple[bytes, ...]]:
    exact = bool(request.get("MatchCase"))
    if request.get("Regex"):
        flags = 0 if exact else regex.IGNORECASE
        expression = Expression(pattern, pattern, lambda what: validation_error(f"{what}."), flags)
        return expression.search, ()
    # Bytes have small letters in ASCII only.
    found = (pattern.encode().lower(),) if exact or pattern.isascii() else ()
    if exact:
        return lambda text: pattern in text, found
    folded = pattern.casefold()
    return lambda text: folded in text.casefold(), found


def _page(
    names: list[str], lines: Iterable[tuple[Place, bytes]], limit: int, width: int | None
) -> list[dict[str, Any]]:
    page: list[dict[str, Any]] = []
    weight = 0
    for place, line in lines:
        if len(page) >= limit:
            break
        document = _document(names, place, place.stream, line, width)
        weight += len(document["Message"])
        if page and weight > _MOST_CHARACTERS:
            break
        page.append(document)
    return page


def _document(
    names: list[str], place: Place | None, stream: int, line: bytes, width: int | None
) -> dict[str, Any]:
    message = as_shown(text_of(line))
    document: dict[str, Any] = {
        "Time": int(line[: line.index(b" ")]) // 1_000_000,
        "LogStreamName": names[stream],
        "Message": message if width is None else message[:width],
        "Length": len(message),
    }
    if place is not None:
        document |= {"LineNumber": place.number, "StreamLineNumber": place.index}
    level = level_of(message)
    return document if level is None else {**document, "Level": level}


def _log_document(view: LogView, streams: list[StreamInfo]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "Order": view.order,
        "ByteCount": sum(max(s.size, v.end) for s, v in _pairs(view, streams)),
        "CountedByteCount": sum(stream.end for stream in view.streams),
        "Streams": [
            {
                "LogStreamName": info.name,
                "LineCount": stream.lines,
                **({} if info.first_ms is None else {"FirstTime": info.first_ms}),
                **({} if info.last_ms is None else {"LastTime": info.last_ms}),
            }
            for info, stream in _pairs(view, streams)
        ],
    }
    if view.complete:
        document |= {"LineCount": view.lines, "SettledLineCount": view.settled}
    return document


def _pairs(view: LogView, streams: list[StreamInfo]) -> Iterable[tuple[StreamInfo, Any]]:
    return zip(streams, view.streams, strict=True)


def _no_stream(group: str, stream: str) -> AWSError:
    return AWSError("ResourceNotFound", f"There is no log stream {stream} in {group}.")

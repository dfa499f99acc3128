"""The studio's own service: what AWS has no operation for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from math import isnan
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import func, select

from .. import __version__
from ..compute.machine import Machine
from ..core.clock import now, timestamp
from ..core.metrics import Series
from ..core.schema import events, resources
from ..core.store import Event
from ..core.studio import Studio
from ..wire.errors import AWSError, validation_error
from ..wire.operation import Call, Request, Response, operation

_STARTED = datetime.fromtimestamp(now(), UTC)
_LINES = 1000
_POINTS = 1000
_EVENTS = 100


@operation("mlstudio", "GetStudioStatus")
def get_studio_status(call: Call[Studio], request: Request) -> Response:
    """Say what this studio is, what it runs on, where it answers and what it holds."""
    studio = call.app
    settings = studio.settings
    note = studio.engine.note
    query = (
        select(resources.c.kind, func.count().label("number"))
        .where(resources.c.account == call.account, resources.c.region == call.region)
        .group_by(resources.c.kind)
    )
    with studio.database.read() as connection:
        counts = {row.kind: row.number for row in connection.execute(query)}
    return {
        "StudioId": settings.studio_id,
        "Version": __version__,
        "EngineName": studio.engine.name,
        "Notes": [note[:1024]] if note else [],
        "ResourceCounts": counts,
        "Urls": {
            "Endpoint": settings.url,
            "S3": settings.s3_url,
            "Runtime": settings.gateway_url,
        },
        "DefaultBucket": settings.default_bucket,
        "ExecutionRoleArn": settings.role_arn,
        "StartTime": _STARTED,
        "Capacity": _document_of(studio.admission.capacity()),
        "Reserved": _document_of(studio.admission.reserved()),
        "WaitingCount": len(studio.admission.waiting()),
    }


@operation("mlstudio", "GetLogLines")
def get_log_lines(call: Call[Studio], request: Request) -> Response:
    """Read lines of a log stream from a cursor, from its start or its last ones."""
    group, stream = request["LogGroupName"], request["LogStreamName"]
    limit = request.get("Limit", _LINES)
    cursor = request.get("Cursor")
    offset = None if cursor is None else _number(cursor)
    backwards = cursor is None and bool(request.get("FromEnd"))
    logs = call.app.logs(call)
    if "/" not in stream:
        raise _no_stream(group, stream)
    try:
        page = logs.read(group, stream, offset, limit, backwards=backwards)
        ended = not logs.read(group, stream, page.next_offset, 1).events
    except KeyError:
        raise _no_stream(group, stream) from None
    except ValueError:
        raise _bad_cursor(str(cursor)) from None
    lines = [{"Time": event.time_ms, "Message": event.message} for event in page.events]
    return {"Lines": lines, "NextCursor": str(page.next_offset), "EndReached": ended}


@operation("mlstudio", "GetMetricSeries")
def get_metric_series(call: Call[Studio], request: Request) -> Response:
    """Read metrics of a resource as arrays, thinned to what can be drawn."""
    arn = request["ResourceArn"]
    found = call.app.metrics.series(arn, request.get("MetricNames"))
    if not found and call.app.store.by_arn(arn) is None:
        raise _not_found(f"There is no resource {arn}.")
    points = request.get("MaxPoints", _POINTS)
    return {"Series": [_series_document(series, points) for series in found]}


@operation("mlstudio", "ListEvents")
def list_events(call: Call[Studio], request: Request) -> Response:
    """List changes of resources after a cursor, waiting for one if asked to."""
    store = call.app.store
    since = request.get("Since")
    if since is None:
        return {"Events": [], "NextCursor": str(store.last_cursor()), "Reset": False}
    after = _number(since)
    first, last = _kept(call.app)
    if after > last or after < first - 1:
        return {"Events": [], "NextCursor": str(last), "Reset": True}
    limit = request.get("MaxResults", _EVENTS)
    changes = _changes(call.app, after, limit, request.get("WaitSeconds", 0))
    return {
        "Events": [_event_document(event) for event in changes],
        "NextCursor": str(changes[-1].cursor if changes else after),
        "Reset": False,
    }


def thinned(values: Sequence[float], most: int) -> list[int]:
    """Return the indices, at most ``most``, that draw ``values`` as all of them would.

    The first and the last are kept, and of each stretch between the lowest and the highest.
    """
    count = len(values)
    if count <= most:
        return list(range(count))
    kept = {0, count - 1}
    stretches = (most - 2) // 2
    for number in range(stretches):
        start = 1 + number * (count - 2) // stretches
        end = 1 + (number + 1) * (count - 2) // stretches
        numbers = [index for index in range(start, end) if not isnan(values[index])]
        stretch = numbers or [start]
        kept.add(min(stretch, key=values.__getitem__))
        kept.add(max(stretch, key=values.__getitem__))
    return sorted(kept)


def _document_of(machine: Machine) -> dict[str, Any]:
    return {
        "Cpus": machine.cpus,
        "MemoryInBytes": machine.memory,
        "Gpus": machine.gpus,
    }


def _series_document(series: Series, points: int) -> dict[str, Any]:
    indices = thinned(series.values, points)
    steps = [number if step is None else step for number, step in enumerate(series.steps)]
    return {
        "MetricName": series.name,
        "Steps": [steps[index] for index in indices],
        "Times": [series.times[index] for index in indices],
        "Values": [series.values[index] for index in indices],
    }


def _event_document(event: Event) -> dict[str, Any]:
    return {
        "Cursor": str(event.cursor),
        "Kind": event.kind,
        "Name": event.name,
        "Arn": event.arn,
        "Status": event.status,
        "Time": timestamp(event.time),
    }


def _kept(studio: Studio) -> tuple[int, int]:
    """Return the cursors of the oldest and the newest event there is; (1, 0) when none."""
    query = select(func.min(events.c.cursor), func.max(events.c.cursor))
    with studio.database.read() as connection:
        first, last = connection.execute(query).one()
    return first or 1, last or 0


class _Bell(threading.Condition):
    """Rings whenever a resource of the studio changed, and once more when it closes."""

    closed = False

    def ring(self) -> None:
        with self:
            self.notify_all()


_BELLS: WeakKeyDictionary[Studio, _Bell] = WeakKeyDictionary()
_MAKING = threading.Lock()


def stop_waiting(studio: Studio) -> None:
    """Let every request that waits for a change answer now, as the studio ends."""
    bell = _bell(studio)
    bell.closed = True
    bell.ring()


def _bell(studio: Studio) -> _Bell:
    with _MAKING:
        bell = _BELLS.get(studio)
        if bell is None:
            bell = _BELLS[studio] = _Bell()
            studio.store.subscribe(lambda _: bell.ring())
        return bell


def _changes(studio: Studio, after: int, limit: int, wait: int) -> list[Event]:
    bell = _bell(studio)
    deadline = monotonic() + wait
    with bell:
        while True:
            changes = studio.store.changes(after, limit)
            left = deadline - monotonic()
            if changes or left <= 0 or bell.closed:
                return changes
            bell.wait(left)


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit()):
        raise _bad_cursor(cursor)
    return int(cursor)


def _bad_cursor(cursor: str) -> AWSError:
    return validation_error(f"{cursor} is no cursor of an earlier answer.")


def _no_stream(group: str, stream: str) -> AWSError:
    return _not_found(f"There is no log stream {stream} in {group}.")


def _not_found(message: str) -> AWSError:
    return AWSError("ResourceNotFound", message)

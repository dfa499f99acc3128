"""CloudWatch Logs: groups and streams of users, what they put there, and how long it is kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..compute.protocol import LogLine
from ..core.logs import LogStore, fits
from ..core.studio import Studio
from ..wire.errors import AWSError
from ..wire.operation import Call, Request, Response, operation
from .log_retention import DAYS, in_use, kept_since

if TYPE_CHECKING:
    from types_boto3_logs import type_defs as t

OURS = "/aws/sagemaker/"
"""Groups that containers write: what follows them goes by time and offset."""

MOST_BYTES, EVENT_BYTES = 1_048_576, 26
"""Bytes of a batch of events, and what each counts beside its message in UTF-8."""
DAY_MS = 86_400_000
PAST_MS, FUTURE_MS = 14 * DAY_MS, 2 * 3_600_000


@operation("logs", "CreateLogGroup")
def create_log_group(call: Call[Studio], request: t.CreateLogGroupRequestTypeDef) -> None:
    """Make an empty group."""
    store, name = call.app.logs(call), request["logGroupName"]
    for member in ("kmsKeyId", "tags", "deletionProtectionEnabled"):
        if request.get(member):
            raise _unsupported(f"CreateLogGroup with {member}")
    if request.get("logGroupClass", "STANDARD") != "STANDARD":
        raise _unsupported("a logGroupClass other than STANDARD")
    _check_length(name)
    if name in store.groups(name):
        raise AWSError("ResourceAlreadyExistsException", "The specified log group already exists")
    store.note(name, creationTime=int(time.time() * 1000))


@operation("logs", "DeleteLogGroup")
def delete_log_group(call: Call[Studio], request: Request) -> None:
    """Delete a group with all its streams."""
    store, name = call.app.logs(call), _group(call, request)
    for stream in store.streams(name):
        _check_deletable(call, name, stream.name)
    store.delete_group(name)


@operation("logs", "CreateLogStream")
def create_log_stream(call: Call[Studio], request: Request) -> None:
    """Make an empty stream in a group."""
    store, group, stream = call.app.logs(call), _group(call, request), request["logStreamName"]
    _check_writable(group)
    _check_length(group, stream)
    if store.exists(group, stream):
        raise AWSError("ResourceAlreadyExistsException", "The specified log stream already exists")
    store.create(group, stream)


@operation("logs", "DeleteLogStream")
def delete_log_stream(call: Call[Studio], request: Request) -> None:
    """Delete a stream with its events."""
    store, group, stream = _stream(call, request)
    _check_deletable(call, group, stream)
    store.delete(group, stream)


@operation("logs", "PutLogEvents")
def put_log_events(call: Call[Studio], request: t.PutLogEventsRequestTypeDef) -> Response:
    """Add events to a stream; those too old, too new or expired are left out, and said.

    What is answered is on disk. Sequence tokens are no longer needed, and not looked at.
    """
    store, group, stream = _stream(call, request)
    _check_writable(group)
    if "entity" in request:
        raise _unsupported("PutLogEvents with entity")
    events = request["logEvents"]
    times = [event["timestamp"] for event in events]
    if any(later < earlier for earlier, later in pairwise(times)):
        raise _invalid(
            "Log events in a single PutLogEvents request must be in chronological order."
        )
    if times[-1] - times[0] > DAY_MS:
        raise _invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 "
            "hours."
        )
    size = sum(len(_bytes(event["message"])) + EVENT_BYTES for event in events)
    if size > MOST_BYTES:
        raise _invalid(
            f"Upload too large: {size} bytes exceeds limit of {MOST_BYTES}. The size of an event "
            f"is that of its message in UTF-8 and {EVENT_BYTES} bytes."
        )
    first, last, rejected = _accepted(times, store.describe(group).get("retentionInDays"))
    lines = [LogLine(e["timestamp"] * 1_000_000, e["message"]) for e in events[first:last]]
    if lines and store.append(group, stream, lines, durable=True):
        raise AWSError("LimitExceededException", "The stream is as long as a stream may be here.")
    answer: Response = {"nextSequenceToken": f"{time.time_ns():056d}"}
    return {**answer, "rejectedLogEventsInfo": rejected} if rejected else answer


@operation("logs", "PutRetentionPolicy")
def put_retention_policy(call: Call[Studio], request: Request) -> None:
    """Say for how many days the events of a group are kept."""
    group, days = _group(call, request), request["retentionInDays"]
    if days not in DAYS:
        choices = ", ".join(map(str, sorted(DAYS)))
        raise _invalid(f"Invalid retentionInDays {days}: it must be one of {choices}.")
    call.app.logs(call).note(group, retentionInDays=days)
    call.app.controllers.look("LogRetention", "")


@operation("logs", "DeleteRetentionPolicy")
def delete_retention_policy(call: Call[Studio], request: Request) -> None:
    """Keep the events of a group for ever."""
    call.app.logs(call).note(_group(call, request), retentionInDays=None)


def _accepted(times: Sequence[int], days: int | None) -> tuple[int, int, dict[str, int]]:
    """Return the range of events that are taken, and what is said of the others."""
    now = int(time.time() * 1000)
    too_old = sum(moment < now - PAST_MS for moment in times)
    too_new = sum(moment > now + FUTURE_MS for moment in times)
    expired = 0 if days is None else sum(moment < kept_since(days) for moment in times)
    last = len(times) - too_new
    said = {
        "tooOldLogEventEndIndex": too_old,
        "expiredLogEventEndIndex": expired,
    }
    rejected = {name: count for name, count in said.items() if count}
    if too_new:
        rejected["tooNewLogEventStartIndex"] = last
    return max(too_old, expired), last, rejected


def _group(call: Call[Studio], request: Any) -> str:  # noqa: ANN401 - a request
    name = str(request["logGroupName"])
    if name not in call.app.logs(call).groups(name):
        raise AWSError("ResourceNotFoundException", "The specified log group does not exist.")
    return name


def _stream(
    call: Call[Studio],
    request: Any,  # noqa: ANN401 - a request
) -> tuple[LogStore, str, str]:
    store, group, stream = call.app.logs(call), _group(call, request), request["logStreamName"]
    if not store.exists(group, stream):
        raise AWSError("ResourceNotFoundException", "The specified log stream does not exist.")
    return store, group, stream


def _check_writable(group: str) -> None:
    if f"{group}/".startswith(OURS):
        raise _invalid(f"The streams of {group} are written by the studio alone.")


def _check_deletable(call: Call[Studio], group: str, stream: str) -> None:
    if in_use(call.app, group, stream):
        raise AWSError(
            "OperationAbortedException",
            f"The stream {stream} is being written by a job or an endpoint; delete it afterwards.",
        )


def _check_length(group: str, stream: str = "-") -> None:
    if not fits(group, stream):
        raise _invalid(
            "The name is too long for this studio: 255 bytes, of which anything but letters, "
            "digits, '_', '-' and '~' takes three."
        )


def _bytes(message: str) -> bytes:
    return message.encode(errors="replace")


def _invalid(message: str) -> AWSError:
    return AWSError("InvalidParameterException", message)


def _unsupported(what: str) -> AWSError:
    return AWSError("UnsupportedOperation", f"This studio does not support {what} yet.")

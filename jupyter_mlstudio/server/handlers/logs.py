"""The last lines of a resource's logs."""

from __future__ import annotations

from typing import Any

from ...wire.errors import AWSError
from ..client import gather
from ..connection import StudioConnection

LINES = 500
STREAMS = 10


async def tails(studio: StudioConnection, group: str, prefix: str) -> list[dict[str, Any]]:
    """Return the last lines of the log streams of ``group`` that start with ``prefix``.

    A resource that has not logged yet has no streams.
    """
    request = {"logGroupName": group, "limit": STREAMS}
    if prefix:
        request["logStreamNamePrefix"] = prefix
    try:
        answer = await studio.call("logs", "DescribeLogStreams", request)
    except AWSError as error:
        if error.code == "ResourceNotFoundException":
            return []
        raise
    names = [stream["logStreamName"] for stream in answer["logStreams"]]
    return await gather([_tail(studio, group, name) for name in names])


async def _tail(studio: StudioConnection, group: str, stream: str) -> dict[str, Any]:
    params = {
        "LogGroupName": group,
        "LogStreamName": stream,
        "Limit": LINES,
        "FromEnd": True,
    }
    lines = (await studio.call("mlstudio", "GetLogLines", params))["Lines"]
    return {"stream": stream, "lines": lines, "truncated": len(lines) == LINES}

"""Changes of resources reach Jupyter's event stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from jupyter_events import EventLogger

from jupyter_mlstudio.server.client import StudioUnavailable
from jupyter_mlstudio.server.events import relay
from jupyter_mlstudio.server.events.relay import SCHEMA_ID, EventRelay


class Script:
    """Answers ListEvents with one thing after the other, then waits for ever."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[Mapping[str, Any]] = []
        self.done = asyncio.Event()

    async def __call__(
        self, service: str, operation: str, params: Mapping[str, Any], timeout: float
    ) -> dict[str, Any]:
        assert (service, operation) == ("mlstudio", "ListEvents")
        assert timeout > params.get("WaitSeconds", 0)
        self.requests.append(params)
        if not self.answers:
            self.done.set()
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def page(cursor: str, *events: tuple[str, str, str], reset: bool = False) -> dict[str, Any]:
    """Return an answer of ListEvents."""
    listed = [{"Kind": kind, "Name": name, "Status": status} for kind, name, status in events]
    return {"Events": listed, "NextCursor": cursor, "Reset": reset}


async def relayed(script: Script) -> list[tuple[str, str, str]]:
    """Run a relay over ``script`` and return what Jupyter's subscribers saw."""
    seen: list[tuple[str, str, str]] = []

    async def listener(logger: EventLogger, schema_id: str, data: dict[str, Any]) -> None:
        seen.append((data["kind"], data["name"], data["status"]))

    events = EventLogger()
    under_test = EventRelay(script, events, logging.getLogger("test"))
    events.add_listener(schema_id=SCHEMA_ID, listener=listener)
    task = asyncio.create_task(under_test.run())
    await asyncio.wait_for(script.done.wait(), 10)
    await events.gather_listeners()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return seen


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "FIRST_PAUSE", 0.001)


async def test_changes_are_emitted_in_their_order() -> None:
    changes = [("TrainingJob", "a", "InProgress"), ("TrainingJob", "a", "Completed")]
    script = Script(page("1"), page("2", changes[0]), page("3", changes[1]))
    assert await relayed(script) == [("Studio", "", "Connected"), *changes]


async def test_it_goes_on_from_the_last_cursor_and_waits_there() -> None:
    script = Script(page("1"), page("2"))
    await relayed(script)
    assert "Since" not in script.requests[0]
    assert "WaitSeconds" not in script.requests[0]
    assert [request["Since"] for request in script.requests[1:]] == ["1", "2"]
    assert all(request["WaitSeconds"] == 20 for request in script.requests[1:])


async def test_an_outage_is_told_once_and_changes_meanwhile_are_not_lost() -> None:
    lost = StudioUnavailable("gone")
    late = ("Endpoint", "e", "InService")
    script = Script(page("1"), lost, lost, lost, page("2", late))
    assert await relayed(script) == [
        ("Studio", "", "Connected"),
        ("Studio", "", "Disconnected"),
        ("Studio", "", "Connected"),
        late,
    ]
    assert script.requests[4]["Since"] == "1"


async def test_a_reset_tells_readers_to_read_again() -> None:
    script = Script(page("1"), page("9", reset=True))
    assert await relayed(script) == [("Studio", "", "Connected"), ("Studio", "", "Reset")]

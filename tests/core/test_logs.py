"""Log streams: pages both ways, crashes, and names that are no paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mlstudio.compute.protocol import LogLine
from jupyter_mlstudio.core.logs import LogStore

GROUP, STREAM = "/aws/sagemaker/TrainingJobs", "job/algo-1-1700000000"


def lines(count: int, first: int = 0) -> list[LogLine]:
    return [LogLine((first + n) * 1_000_000, f"line {first + n}") for n in range(count)]


@pytest.fixture
def logs(tmp_path: Path) -> LogStore:
    return LogStore(tmp_path / "logs")


def test_pages_forward_are_whole_and_end_at_the_same_offset(logs: LogStore) -> None:
    logs.append(GROUP, STREAM, lines(25))
    seen, offset = [], 0
    while True:
        page = logs.read(GROUP, STREAM, offset, limit=10)
        if page.next_offset == offset:
            break
        seen += [event.message for event in page.events]
        offset = page.next_offset
    assert seen == [line.text for line in lines(25)]
    logs.append(GROUP, STREAM, lines(1, first=25))
    assert [e.message for e in logs.read(GROUP, STREAM, offset).events] == ["line 25"]


def test_pages_backwards_meet_the_start(logs: LogStore) -> None:
    logs.append(GROUP, STREAM, lines(25))
    page = logs.read(GROUP, STREAM, limit=10, backwards=True)
    assert [e.message for e in page.events] == [f"line {n}" for n in range(15, 25)]
    page = logs.read(GROUP, STREAM, page.previous_offset, limit=100, backwards=True)
    assert [e.message for e in page.events] == [f"line {n}" for n in range(15)]
    assert page.previous_offset == 0


def test_backwards_over_blocks_and_carriage_returns(logs: LogStore) -> None:
    texts = [f"{n}\r{'x' * 5000}" for n in range(100)]
    logs.append(GROUP, STREAM, [LogLine(n, text) for n, text in enumerate(texts)])
    page = logs.read(GROUP, STREAM, limit=1000, backwards=True, max_bytes=10**9)
    assert [event.message for event in page.events] == texts
    assert logs.tail(GROUP, STREAM, 2) == texts[-2:]


def test_times_filter_with_an_exclusive_end(logs: LogStore) -> None:
    logs.append(GROUP, STREAM, lines(10))
    page = logs.read(GROUP, STREAM, start_ms=3, end_ms=6)
    assert [event.time_ms for event in page.events] == [3, 4, 5]


def test_a_record_that_a_crash_cut_short_is_dropped(logs: LogStore) -> None:
    logs.append(GROUP, STREAM, lines(2))
    path = logs.streams(GROUP)[0].path
    with path.open("ab") as file:
        file.write(b"99999 half a li")
    assert logs.last_ns(GROUP, STREAM) == 1_000_000
    assert logs.tail(GROUP, STREAM, 5) == ["line 0", "line 1"]
    logs.append(GROUP, STREAM, lines(1, first=2))
    assert [e.message for e in logs.read(GROUP, STREAM).events] == ["line 0", "line 1", "line 2"]


def test_a_page_holds_one_event_however_long(logs: LogStore) -> None:
    logs.append(GROUP, STREAM, [LogLine(1, "x" * 100), LogLine(2, "y")])
    page = logs.read(GROUP, STREAM, max_bytes=10)
    assert [len(event.message) for event in page.events] == [100]


def test_an_offset_inside_a_record_is_refused(logs: LogStore) -> None:
    logs.append(GROUP, STREAM, lines(2))
    with pytest.raises(ValueError, match="not the start"):
        logs.read(GROUP, STREAM, 3)
    with pytest.raises(KeyError):
        logs.read(GROUP, "job/none")


def test_names_are_no_paths(logs: LogStore, tmp_path: Path) -> None:
    hostile = "../../outside/x"
    logs.append("../group", hostile, lines(1))
    assert [s.name for s in logs.streams("../group")] == [hostile]
    assert logs.groups() == ["../group"]
    assert not (tmp_path / "outside").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["logs"]


def test_streams_of_a_prefix(logs: LogStore) -> None:
    for stream in ("a/1", "a/2", "ab/1"):
        logs.append(GROUP, stream, lines(1))
    assert [s.name for s in logs.streams(GROUP, "a/")] == ["a/1", "a/2"]
    assert [s.name for s in logs.streams(GROUP, "a")] == ["a/1", "a/2", "ab/1"]


def test_a_stream_that_is_too_long_is_cut_once_and_says_so(tmp_path: Path) -> None:
    logs = LogStore(tmp_path / "logs", limit=100)
    assert not logs.append(GROUP, STREAM, lines(3))
    assert logs.append(GROUP, STREAM, lines(50, first=3))
    size = logs.streams(GROUP)[0].size
    assert logs.append(GROUP, STREAM, lines(50, first=53))
    assert logs.streams(GROUP)[0].size == size
    messages = [event.message for event in logs.read(GROUP, STREAM).events]
    assert messages[:4] == [f"line {n}" for n in range(4)]
    assert messages[-1].startswith("[The log is cut here")
    assert messages[:-1] == [f"line {n}" for n in range(len(messages) - 1)]

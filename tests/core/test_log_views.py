"""Logs by the numbers of their lines, against what a plain merge of all lines says."""

from __future__ import annotations

import itertools
import random
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlstudio.compute.protocol import LogLine
from jupyter_mlstudio.core import log_index
from jupyter_mlstudio.core.log_index import StreamReplaced
from jupyter_mlstudio.core.log_levels import LEVELS, hints, level_of
from jupyter_mlstudio.core.log_search import Wanted, search, text_of
from jupyter_mlstudio.core.log_view import LogView, LogViews
from jupyter_mlstudio.core.logs import LogStore

GROUP = "/aws/sagemaker/TrainingJobs"
NAMES = ["job/algo-1-1", "job/algo-2-1", "job/algo-3-1"]

Line = tuple[int, int, int, str]
"""Time, stream, number in the stream, text."""


def written(store: LogStore, count: int, seed: int = 1) -> list[Line]:
    """Write as many lines to each stream; return all by time."""
    draw = random.Random(seed)
    everything: list[Line] = []
    for stream, name in enumerate(NAMES):
        now, lines = time.time_ns() - 10**13, []
        for number in range(count):
            now += draw.choice([0, 0, 1, 7, 1000, 10**6])
            text = f"{name} says {number} {'x' * draw.randrange(400)}"
            lines.append(LogLine(now, text))
            everything.append((now, stream, number, text))
        store.append(GROUP, name, lines)
    return sorted(everything)


def read(view: LogView, first: int, count: int) -> list[tuple[int, int, int, str]]:
    lines = itertools.islice(view.read(first), count)
    return [(place.number, place.stream, place.index, text_of(line)) for place, line in lines]


@pytest.fixture
def store(tmp_path: Path) -> LogStore:
    return LogStore(tmp_path / "logs")


@pytest.mark.parametrize("block", [200, 5000, 1 << 17])
def test_any_page_is_what_a_merge_of_all_lines_has_there(
    store: LogStore, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(log_index, "_BLOCK", block)
    everything = written(store, 700)
    view = LogViews(store).of(GROUP, NAMES, 10)
    assert view.complete
    assert view.lines == len(everything) == view.settled
    draw = random.Random(2)
    for first in [0, 1, 2099, 2100, *(draw.randrange(2100) for _ in range(30))]:
        expected = [
            (first + index, stream, number, text)
            for index, (_, stream, number, text) in enumerate(everything[first : first + 20])
        ]
        assert read(view, first, 20) == expected
    for place in draw.sample(range(2100), 50):
        _, stream, number, _ = everything[place]
        assert view.number_of(stream, number) == place
        before = [line for line in everything if line[0] < everything[place][0]]
        assert view.number_at(everything[place][0]) == len(before)


@settings(max_examples=40, deadline=None)
@given(
    streams=st.lists(
        st.lists(st.tuples(st.integers(1, 9), st.text(max_size=5)), max_size=40),
        min_size=1,
        max_size=3,
    ),
    block=st.integers(30, 300),
)
def test_pages_have_every_line_once_also_when_times_run_back(
    tmp_path_factory: pytest.TempPathFactory,
    streams: list[list[tuple[int, str]]],
    block: int,
) -> None:
    store = LogStore(tmp_path_factory.mktemp("logs"))
    for number, lines in enumerate(streams):
        store.create(GROUP, NAMES[number])
        store.append(GROUP, NAMES[number], [LogLine(stamp, text) for stamp, text in lines])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_index, "_BLOCK", block)
        view = LogViews(store).of(GROUP, NAMES[: len(streams)], 10)
        seen: list[tuple[int, int, int, str]] = []
        while page := read(view, len(seen), 7):
            seen += page
        for number, stream, index, _ in seen:
            assert view.number_of(stream, index) == number
    assert [number for number, *_ in seen] == list(range(view.lines))
    for number, lines in enumerate(streams):
        assert [text for _, s, _, text in seen if s == number] == [text for _, text in lines]


def test_what_is_being_written_is_followed(store: LogStore) -> None:
    views = LogViews(store)
    store.append(GROUP, NAMES[0], [LogLine(1, "one")])
    assert views.of(GROUP, NAMES[:1], 1).lines == 1
    with store.path(GROUP, NAMES[0]).open("ab") as file:
        file.write(b"2 half a li")
    assert views.of(GROUP, NAMES[:1], 1).lines == 1
    store.append(GROUP, NAMES[0], [LogLine(2, "two"), LogLine(3, "three\nlines\0")])
    view = views.of(GROUP, NAMES[:1], 1)
    assert [text for *_, text in read(view, 0, 9)] == ["one", "two", "three\nlines\0"]


def test_a_line_above_settled_ones_changes_the_order(store: LogStore) -> None:
    views, now = LogViews(store), time.time_ns()
    store.append(GROUP, NAMES[0], [LogLine(now - 10**11, "old"), LogLine(now, "new")])
    store.append(GROUP, NAMES[1], [LogLine(now - 10**11, "old")])
    view = views.of(GROUP, NAMES[:2], 1)
    order = view.order
    assert (view.lines, view.settled) == (3, 2)
    store.append(GROUP, NAMES[1], [LogLine(now - 10**9, "late, but not settled")])
    assert views.of(GROUP, NAMES[:2], 1).order == order
    store.append(GROUP, NAMES[1], [LogLine(now + 1, "x")])
    assert views.of(GROUP, NAMES[:2], 1).order == order
    store.append(GROUP, NAMES[0], [LogLine(now - 10**10, "from before what was settled")])
    # It is written behind a later line of its stream, and counts as of that time.
    assert views.of(GROUP, NAMES[:2], 1).order == order
    store.append(GROUP, NAMES[2], [LogLine(now - 10**12, "first")])
    three = views.of(GROUP, NAMES, 1)
    order = three.order
    store.append(GROUP, NAMES[2], [LogLine(now - 10**11, "second")])
    assert views.of(GROUP, NAMES, 1).order != order


def test_a_stream_that_is_another_now_is_read_anew(store: LogStore) -> None:
    views = LogViews(store)
    store.append(GROUP, NAMES[0], [LogLine(1, "one"), LogLine(2, "two")])
    order = views.of(GROUP, NAMES[:1], 1).order
    store.delete(GROUP, NAMES[0])
    with pytest.raises(StreamReplaced):
        views.of(GROUP, NAMES[:1], 1)
    store.append(GROUP, NAMES[0], [LogLine(1, "other")])
    view = views.of(GROUP, NAMES[:1], 1)
    assert (view.lines, view.order == order) == (1, False)


def test_the_last_lines_are_there_before_any_are_counted(store: LogStore) -> None:
    everything = written(store, 500)
    view = LogView([store.path(GROUP, name) for name in NAMES])
    assert [text_of(line) for _, line in view.last(200)] == [text for *_, text in everything[-200:]]
    assert view.lines == 0


@pytest.mark.parametrize("quick", [True, False])
def test_a_search_finds_what_a_loop_finds(store: LogStore, quick: bool) -> None:
    everything = written(store, 700)
    view = LogViews(store).of(GROUP, NAMES, 10)
    expected = [place for place, line in enumerate(everything) if re.search("says 7", line[3])]
    wanted = Wanted(lambda text: "says 7" in text, (b"says 7",) if quick else ())

    def numbers(start: int, limit: int, *, backwards: bool) -> tuple[list[int], int | None]:
        found = search(view, wanted, start, limit, 10, backwards=backwards)
        return [place.number for place, _ in found.lines], found.next

    assert numbers(0, 1000, backwards=False) == (expected, None)
    assert numbers(2100, 1000, backwards=True) == (expected[::-1], None)
    assert numbers(expected[3] + 1, 2, backwards=False) == (expected[4:6], expected[5] + 1)
    assert numbers(expected[3], 2, backwards=True) == (expected[1:3][::-1], expected[1])


def test_a_search_ends_with_its_time_and_goes_on_where_it_was(
    store: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mlstudio.core.log_search._SLOW_SLICE", 2000)
    everything = written(store, 700)
    view = LogViews(store).of(GROUP, NAMES, 10)
    wanted = Wanted(lambda text: "says 7" in text)
    seen: list[int] = []
    start: int | None = 0
    turns = 0
    while start is not None:
        found = search(view, wanted, start, 1000, 0, backwards=False)
        seen += [place.number for place, _ in found.lines]
        start, turns = found.next, turns + 1
    assert turns > 10
    assert seen == [place for place, line in enumerate(everything) if "says 7" in line[3]]


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("2026-11-22 10:00:00,000 - root - ERROR - no", "ERROR"),
        ("WARNING:root:careful", "WARNING"),
        ("[INFO] epoch 1", "INFO"),
        ("\x1b[31mCRITICAL\x1b[0m down", "ERROR"),
        ('{"level": "warn", "message": "INFORMAL"}', "WARNING"),
        ("time=10 level=debug msg=x", "DEBUG"),
        ("Traceback (most recent call last):", "ERROR"),
        ('  File "train.py", line 3, in main', "ERROR"),
        ("torch.cuda.OutOfMemoryError: no", "ERROR"),
        ("KeyboardInterrupt", "ERROR"),
        ("x.py:3: UserWarning: deprecated", "WARNING"),
        ("validation error: 0.1", None),
        ("train-error:0.3", None),
        ("ERRORS-PER-EPOCH 3", None),
        ("", None),
    ],
)
def test_levels_are_read_as_loggers_write_them(text: str, level: str | None) -> None:
    assert level_of(text) == level
    if level is not None:
        for least in LEVELS[: LEVELS.index(level) + 1]:
            assert any(hint in text.lower().encode() for hint in hints(least))

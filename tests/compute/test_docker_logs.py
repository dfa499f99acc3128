"""Docker's log frames joined to lines."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlstudio.compute.docker_logs import (
    CUT,
    LOST,
    MAX_LINE,
    OVERLAP_NS,
    cut_after,
    join_lines,
    parse_time,
    read_frames,
    since_parameter,
    stored,
)
from jupyter_mlstudio.compute.protocol import LogCut

SECOND = 1_000_000_000


def stamp(time_ns: int) -> bytes:
    return f"1970-01-01T00:00:{time_ns // SECOND:02d}.{time_ns % SECOND:09d}Z ".encode()


def frame(time_ns: int, text: bytes, stream: int = 1) -> bytes:
    payload = stamp(time_ns) + text
    return struct.pack(">BxxxL", stream, len(payload)) + payload


def lines(data: bytes, since_ns: int = 0) -> list[tuple[int, str]]:
    frames = read_frames(data[start : start + 7] for start in range(0, len(data), 7))
    return [(line.time_ns, line.text) for line in join_lines(frames, since_ns)]


def test_times_have_nanoseconds() -> None:
    assert parse_time("2026-11-22T11:15:33.959654871Z") == 1795346133_959654871
    assert parse_time("2026-11-22T11:15:33.5Z") == 1795346133_500000000
    assert parse_time("2026-11-22T11:15:33Z") == 1795346133_000000000


def test_reading_begins_a_little_early() -> None:
    assert since_parameter(0) == "0.000000000"
    assert since_parameter(OVERLAP_NS + 1_000_000_007) == "1.000000007"


def test_pieces_of_a_line_are_joined_per_stream() -> None:
    data = frame(1, b"a") + frame(2, b"err\n", stream=2) + frame(1, b"b\n")
    assert lines(data) == [(2, "err"), (3, "ab")]


def test_lines_of_one_instant_are_told_apart() -> None:
    data = frame(5, b"x\n") + frame(5, b"y\n") + frame(4, b"z\n")
    assert lines(data) == [(5, "x"), (6, "y"), (7, "z")]
    assert lines(data, since_ns=5) == [(6, "y"), (7, "z")]
    assert lines(data, since_ns=7) == []


def test_a_line_is_cut_once() -> None:
    pieces = [b"x" * MAX_LINE, b"y" * 10, b"z\n"]
    frames = read_frames([*(frame(1, piece) for piece in pieces), frame(2, b"n\n")])
    assert [line.text for line in join_lines(frames)] == ["x" * MAX_LINE + CUT, "n"]


def test_an_unfinished_line_waits_for_the_end() -> None:
    frames = list(read_frames([frame(1, b"half")]))
    assert [line.text for line in join_lines(frames, ended=lambda: True)] == ["half"]
    assert list(join_lines(frames, ended=lambda: False)) == []


def test_what_the_engine_says_in_place_of_a_line_is_named() -> None:
    payload = b"Error grabbing logs: invalid character 'l' after object key"
    spoilt = frame(SECOND, b"a\n") + struct.pack(">BxxxL", 2, len(payload)) + payload
    with pytest.raises(ValueError, match=r"in place of a line: b.Error grabbing logs: invalid"):
        lines(spoilt)


def test_a_frame_that_was_cut_off_is_left_out() -> None:
    data = frame(1, b"whole\n") + frame(2, b"broken\n")[:-3]
    assert lines(data) == [(1, "whole")]


entries = st.lists(st.tuples(st.integers(0, 40), st.sampled_from([1, 2])), max_size=40)


@given(entries, st.integers(0, 45))
def test_resuming_anywhere_gives_the_rest(entries: list[tuple[int, int]], cut: int) -> None:
    data = b"".join(
        frame(time_ns, b"%d\n" % number, stream) for number, (time_ns, stream) in enumerate(entries)
    )
    every = lines(data)
    seen = every[:cut]
    assert seen + lines(data, seen[-1][0] if seen else 0) == every or not every


def test_a_log_that_lost_its_lines_says_so() -> None:
    """Those that were read are not among what is left, so more may be gone."""
    data = frame(20, b"new\n") + frame(21, b"newer\n")
    assert lines(data, since_ns=7) == [(19, LOST), (20, "new"), (21, "newer")]
    assert lines(data, since_ns=20) == [(21, "newer")]


def until_cut(frames: list[tuple[int, bytes]], size: int) -> list[str]:
    seen: list[str] = []
    with pytest.raises(LogCut):
        seen.extend(line.text for line in join_lines(cut_after(frames, size)))
    return seen


def test_reading_ends_before_docker_may_drop_what_comes_next() -> None:
    frames = [(1, stamp(n) + b"%d\n" % n) for n in range(5)]
    size = 3 * stored(frames[0][1])
    assert until_cut(frames, size) == ["0", "1", "2"]
    assert until_cut([(1, stamp(1) + b"x" * 100)] * 9, 1000) == ["x" * 400]
    assert len(list(cut_after(frames, 5 * stored(frames[0][1])))) == 5


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_what_docker_needs_for_a_line_is_never_taken_for_less(text: bytes) -> None:
    document = {
        "log": text.decode("utf-8", "replace"),
        "stream": "stdout",
        "time": "2026-11-22T11:15:33.959654871Z",
    }
    written = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029\x7f":
        written = written.replace(letter, "\\u0000")
    # Go writes what is no UTF-8 as an escape.
    grown = written.encode().replace("\ufffd".encode(), b"\\ufffd")
    assert len(grown) + 1 <= stored(text)

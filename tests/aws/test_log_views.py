"""Reading and searching logs by line numbers, through boto3."""

from __future__ import annotations

import time
from typing import Any

import pytest

from jupyter_mlstudio.compute.protocol import LogLine
from jupyter_mlstudio.core.log_text import as_shown, without_colours
from jupyter_mlstudio.core.logs import LogStore
from jupyter_mlstudio.wire.services import MODELS
from tests.conftest import RunningStudio

GROUP = "/aws/sagemaker/LineTests"
SCOPE = {"LogGroupName": GROUP, "LogStreamNamePrefix": "views/"}
START = 1_700_000_000_000
FAILED = "ValueError: no such column"
DONE = "d\x1b[1mone\x1b[0m \u017f"


@pytest.fixture
def mlstudio(process_studio: RunningStudio, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a client of a studio that has the log of two hosts."""
    monkeypatch.setenv("AWS_DATA_PATH", str(MODELS))
    store = LogStore(process_studio.log_folder)
    if not store.exists(GROUP, "views/algo-1"):
        for host in (1, 2):
            lines = [
                LogLine((START + 2 * n + host - 1) * 1_000_000, f"host {host} line {n}")
                for n in range(50)
            ]
            if host == 2:
                texts = [
                    "Traceback (most recent call last):",
                    FAILED,
                    "10%\r50%\rd\x1b[1mone\x1b[0m \u017f",
                ]
                lines += [LogLine((START + 200 + n) * 1_000_000, t) for n, t in enumerate(texts)]
            store.append(GROUP, f"views/algo-{host}", lines)
    return process_studio.client("mlstudio")


def numbers(answer: dict[str, Any]) -> list[int]:
    return [line["LineNumber"] for line in answer["Lines"]]


def test_hosts_are_one_log_by_time(mlstudio: Any) -> None:
    answer = mlstudio.read_log(**SCOPE, FirstLine=10, Limit=4)
    assert [(line["LineNumber"], line["Message"]) for line in answer["Lines"]] == [
        (10, "host 1 line 5"),
        (11, "host 2 line 5"),
        (12, "host 1 line 6"),
        (13, "host 2 line 6"),
    ]
    log = answer["Log"]
    assert (log["LineCount"], log["SettledLineCount"]) == (103, 103)
    assert [stream["LineCount"] for stream in log["Streams"]] == [50, 53]
    assert log["ByteCount"] == log["CountedByteCount"]


def test_a_page_starts_at_the_end_a_time_or_a_line(mlstudio: Any) -> None:
    last = mlstudio.read_log(**SCOPE, FromEnd=True, Limit=2)
    assert [line["Message"] for line in last["Lines"]] == [FAILED, DONE]
    at = mlstudio.read_log(**SCOPE, Time=START + 7, Limit=1)
    assert at["Lines"][0]["Message"] == "host 2 line 3"
    line = {"LogStreamName": "views/algo-2", "StreamLineNumber": 3}
    assert mlstudio.read_log(**SCOPE, Line=line, Limit=1)["Lines"] == at["Lines"]
    beyond = mlstudio.read_log(**SCOPE, Line={**line, "StreamLineNumber": 9999}, Limit=1)
    assert beyond["Lines"][0]["Message"] == DONE
    alone = mlstudio.read_log(LogGroupName=GROUP, LogStreamNames=["views/algo-2"], FirstLine=3)
    assert alone["Lines"][0]["LineNumber"] == 3
    assert alone["Lines"][0]["Message"] == "host 2 line 3"


def test_long_lines_are_cut_and_say_how_long_they_are(
    mlstudio: Any, process_studio: RunningStudio
) -> None:
    store = LogStore(process_studio.log_folder)
    if not store.exists(GROUP, "long/1"):
        store.append(GROUP, "long/1", [LogLine(1, "y" * 200_000), *[LogLine(2, "z" * 700_000)] * 3])
    scope = {"LogGroupName": GROUP, "LogStreamNames": ["long/1"]}
    cut = mlstudio.read_log(**scope, MaxLength=10)["Lines"]
    assert [(line["Message"], line["Length"]) for line in cut[:2]] == [
        ("y" * 10, 200_000),
        ("z" * 10, 700_000),
    ]
    # An answer has about a million characters, but one line at least.
    assert numbers(mlstudio.read_log(**scope)) == [0, 1]
    assert mlstudio.read_log(**scope, FirstLine=3)["Lines"][0]["Length"] == 700_000


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"Pattern": "LINE 7"}, [14, 15]),
        ({"Pattern": "LINE 7", "MatchCase": True}, []),
        ({"Pattern": r"^host 1 line [12]$", "Regex": True}, [2, 4]),
        ({"Pattern": r"HOST 2 line 4\d", "Regex": True, "Limit": 2}, [81, 83]),
        ({"Pattern": "DONE \u017f"}, [102]),
        ({"Pattern": "done"}, [102]),
        ({"Pattern": "^done", "Regex": True}, [102]),
        ({"Pattern": "50%"}, []),
        ({"MinimumLevel": "ERROR"}, [100, 101]),
        ({"MinimumLevel": "ERROR", "Pattern": "column"}, [101]),
        ({"Pattern": "line 7", "Backwards": True}, [15, 14]),
        ({"Pattern": "line 7", "Backwards": True, "FirstLine": 15}, [14]),
        ({"Pattern": "line", "FirstLine": 98}, [98, 99]),
    ],
)
def test_lines_are_found(mlstudio: Any, wanted: dict[str, Any], found: list[int]) -> None:
    answer = mlstudio.search_log(**SCOPE, **wanted)
    assert numbers(answer) == found
    assert ("NextLine" in answer) == ("Limit" in wanted)


def test_a_hostile_expression_is_refused_and_others_are_answered(
    mlstudio: Any, process_studio: RunningStudio
) -> None:
    store = LogStore(process_studio.log_folder)
    if not store.exists(GROUP, "hostile/1"):
        store.append(GROUP, "hostile/1", [LogLine(n, "a" * 60 + "b") for n in range(300)])
    before = time.monotonic()
    with pytest.raises(mlstudio.exceptions.ClientError, match="takes too long"):
        mlstudio.search_log(
            LogGroupName=GROUP, LogStreamNames=["hostile/1"], Pattern="(a|aa)+$", Regex=True
        )
    assert time.monotonic() - before < 30


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"LogGroupName": GROUP}, "Exactly one of LogStreamNames and LogStreamNamePrefix"),
        ({**SCOPE, "FirstLine": 1, "FromEnd": True}, "Only one of FirstLine and FromEnd"),
        ({"LogGroupName": GROUP, "LogStreamNames": ["views/no"]}, "no log stream views/no"),
        (
            {**SCOPE, "Line": {"LogStreamName": "views/no", "StreamLineNumber": 1}},
            "no log stream views/no",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(
    mlstudio: Any, request_: dict[str, Any], words: str
) -> None:
    with pytest.raises(mlstudio.exceptions.ClientError, match=words):
        mlstudio.read_log(**request_)


def test_what_cannot_be_looked_for_is_refused(mlstudio: Any) -> None:
    with pytest.raises(mlstudio.exceptions.ClientError, match="One of Pattern and MinimumLevel"):
        mlstudio.search_log(**SCOPE)
    with pytest.raises(mlstudio.exceptions.ClientError, match="cannot be read"):
        mlstudio.search_log(**SCOPE, Pattern="(", Regex=True)
    with pytest.raises(mlstudio.exceptions.ClientError, match="no log stream x/y"):
        mlstudio.search_log(LogGroupName=GROUP, LogStreamNames=["x/y"], Pattern="x")


def test_a_resource_that_has_not_logged_yet_has_no_lines(mlstudio: Any) -> None:
    answer = mlstudio.read_log(LogGroupName="/aws/sagemaker/None", LogStreamNamePrefix="x/")
    assert (answer["Lines"], answer["Log"]["LineCount"]) == ([], 0)


def test_a_terminal_shows_what_came_after_the_carriage_return() -> None:
    assert as_shown("plain") == "plain"
    assert as_shown(" 10%|#   \r 50%|##  \r100%|####") == "100%|####"
    assert as_shown("long text\rshort") == "shorttext"
    assert as_shown("windows\r") == "windows"
    assert as_shown("old\r\x1b[32mnew\x1b[0m") == "\x1b[32mnew\x1b[0m"
    assert (
        without_colours("\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07") == "red link"
    )

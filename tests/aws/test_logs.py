"""CloudWatch Logs through boto3, over streams written here."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from jupyter_mlstudio.aws.log_patterns import matcher
from jupyter_mlstudio.compute.protocol import LogLine
from jupyter_mlstudio.core.logs import LogStore
from jupyter_mlstudio.wire.errors import AWSError
from tests.conftest import RunningStudio
from tests.jobs.jobs import unique

GROUP = "/aws/sagemaker/LogTests"
START = 1_700_000_000_000


@pytest.fixture(scope="module")
def logs(process_studio: RunningStudio) -> Iterator[Any]:
    """Give a client, and three streams: one line a second, the second stream half a second on."""
    store = LogStore(process_studio.log_folder)
    for stream, first, count in (
        ("a/algo-1-1", 0, 25),
        ("a/algo-2-1", 500, 25),
        ("b/x", 60_000, 1),
    ):
        times = [(START + first + 1000 * number) * 1_000_000 for number in range(count)]
        lines = [LogLine(time, f"{stream} line {n}") for n, time in enumerate(times)]
        store.append(GROUP, stream, lines)
    store.create(GROUP, "c/empty")
    client = process_studio.client("logs")
    yield client
    client.close()


def messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"] for event in answer["events"]]


def test_groups_are_described(logs: Any) -> None:
    (group,) = logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    assert group["logGroupName"] == GROUP
    assert group["arn"].endswith(f":log-group:{GROUP}:*")
    assert group["creationTime"] == START
    assert logs.describe_log_groups(logGroupNamePattern="logtest")["logGroups"] == [group]
    assert logs.describe_log_groups(logGroupNamePrefix="/none")["logGroups"] == []


def test_streams_are_described_by_name(logs: Any) -> None:
    streams = logs.describe_log_streams(
        logGroupName=GROUP, logStreamNamePrefix="a/", orderBy="LogStreamName"
    )["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == ["a/algo-1-1", "a/algo-2-1"]
    assert streams[0]["firstEventTimestamp"] == START
    assert streams[0]["lastEventTimestamp"] == START + 24_000
    every = logs.describe_log_streams(logGroupName=GROUP, descending=True)["logStreams"]
    assert [stream["logStreamName"][0] for stream in every] == ["c", "b", "a", "a"]
    assert "firstEventTimestamp" not in every[0]


def test_streams_are_described_by_time(logs: Any) -> None:
    streams = logs.describe_log_streams(
        logGroupName=GROUP, orderBy="LastEventTime", descending=True
    )["logStreams"]
    names = [stream["logStreamName"] for stream in streams]
    assert names == ["b/x", "a/algo-2-1", "a/algo-1-1", "c/empty"]
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.describe_log_streams(
            logGroupName=GROUP, orderBy="LastEventTime", logStreamNamePrefix="a"
        )


@pytest.mark.parametrize("descending", [False, True])
def test_streams_come_in_pages(logs: Any, descending: bool) -> None:
    request = {"logGroupName": GROUP, "descending": descending}
    pages = logs.get_paginator("describe_log_streams").paginate(
        **request, PaginationConfig={"PageSize": 1}
    )
    found = [stream for page in pages for stream in page["logStreams"]]
    assert found == logs.describe_log_streams(**request)["logStreams"]
    assert len(found) == 4


def test_a_token_of_another_request_is_refused(logs: Any) -> None:
    token = logs.describe_log_streams(logGroupName=GROUP, limit=1)["nextToken"]
    for request in ({"descending": True, "nextToken": token}, {"nextToken": "forged"}):
        with pytest.raises(logs.exceptions.InvalidParameterException, match="nextToken"):
            logs.describe_log_streams(logGroupName=GROUP, **request)


def test_missing_groups_and_streams(logs: Any) -> None:
    missing = logs.exceptions.ResourceNotFoundException
    with pytest.raises(missing, match=r"The specified log group does not exist\."):
        logs.describe_log_streams(logGroupName="/none")
    with pytest.raises(missing, match=r"The specified log group does not exist\."):
        logs.get_log_events(logGroupName="/none", logStreamName="a/b")
    with pytest.raises(missing, match=r"The specified log stream does not exist\."):
        logs.get_log_events(logGroupName=GROUP, logStreamName="a/none")
    with pytest.raises(missing, match=r"The specified log stream does not exist\."):
        logs.get_log_events(logGroupName=GROUP, logStreamName="noslash")


def test_events_are_followed_as_the_sdk_does(logs: Any, process_studio: RunningStudio) -> None:
    request = {"logGroupName": GROUP, "logStreamName": "d/algo-1", "startFromHead": True}
    store = LogStore(process_studio.log_folder)
    store.append(GROUP, "d/algo-1", [LogLine(START * 1_000_000, "one")])
    answer = logs.get_log_events(**request)
    assert messages(answer) == ["one"]
    end = answer["nextForwardToken"]
    assert end.startswith("f/")
    empty = logs.get_log_events(**request, nextToken=end)
    assert (messages(empty), empty["nextForwardToken"]) == ([], end)
    store.append(GROUP, "d/algo-1", [LogLine(START * 1_000_000, "two")])
    more = logs.get_log_events(**request, nextToken=end)
    assert messages(more) == ["two"]
    assert more["nextForwardToken"] != end


def test_events_are_read_back_from_the_end(logs: Any) -> None:
    request = {"logGroupName": GROUP, "logStreamName": "a/algo-1-1", "limit": 10}
    last = logs.get_log_events(**request)
    assert messages(last) == [f"a/algo-1-1 line {n}" for n in range(15, 25)]
    middle = logs.get_log_events(**request, nextToken=last["nextBackwardToken"])
    assert messages(middle) == [f"a/algo-1-1 line {n}" for n in range(5, 15)]
    first = logs.get_log_events(**request, nextToken=middle["nextBackwardToken"])
    assert len(first["events"]) == 5
    before = logs.get_log_events(**request, nextToken=first["nextBackwardToken"])
    assert before["events"] == []
    assert before["nextBackwardToken"] == first["nextBackwardToken"]


def test_events_of_a_time_range(logs: Any) -> None:
    answer = logs.get_log_events(
        logGroupName=GROUP,
        logStreamName="a/algo-1-1",
        startTime=START + 2000,
        endTime=START + 4000,
        startFromHead=True,
    )
    assert messages(answer) == ["a/algo-1-1 line 2", "a/algo-1-1 line 3"]


@pytest.mark.parametrize("token", ["x", "f/", "f/1", "f/99999999", "z/0", "f/²"])
def test_tokens_that_are_no_position_are_refused(logs: Any, token: str) -> None:
    with pytest.raises(logs.exceptions.InvalidParameterException, match="nextToken is invalid"):
        logs.get_log_events(logGroupName=GROUP, logStreamName="a/algo-1-1", nextToken=token)


def test_filtering_interleaves_streams_by_time(logs: Any) -> None:
    answer = logs.filter_log_events(logGroupName=GROUP, logStreamNamePrefix="a/")
    times = [event["timestamp"] for event in answer["events"]]
    assert times == sorted(times)
    assert len(times) == 50
    assert len({event["eventId"] for event in answer["events"]}) == 50
    back = logs.filter_log_events(logGroupName=GROUP, logStreamNamePrefix="a/", startFromHead=False)
    assert back["events"] == answer["events"][::-1]


@pytest.mark.parametrize("forward", [True, False])
def test_filtered_events_come_in_pages(logs: Any, forward: bool) -> None:
    request = {
        "logGroupName": GROUP,
        "logStreamNames": ["a/algo-1-1", "a/algo-2-1"],
        "filterPattern": '"line 1"',
        "startFromHead": forward,
    }
    pages = list(
        logs.get_paginator("filter_log_events").paginate(
            **request, PaginationConfig={"PageSize": 3}
        )
    )
    assert len(pages) > 5
    found = [event for page in pages for event in page["events"]]
    assert found == logs.filter_log_events(**request)["events"]
    assert len(found) == 22


def test_filtering_includes_the_end_of_the_range(logs: Any) -> None:
    answer = logs.filter_log_events(
        logGroupName=GROUP, logStreamNames=["a/algo-1-1"], startTime=START, endTime=START + 1000
    )
    assert messages(answer) == ["a/algo-1-1 line 0", "a/algo-1-1 line 1"]


def test_a_group_is_named_once(logs: Any) -> None:
    by_arn = logs.get_log_events(
        logGroupIdentifier=f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}",
        logStreamName="b/x",
    )
    assert messages(by_arn) == ["b/x line 0"]
    with pytest.raises(ClientError, match="Exactly one of"):
        logs.get_log_events(logGroupName=GROUP, logGroupIdentifier=GROUP, logStreamName="b/x")


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("ERROR", "[ERROR] it broke", True),
        ("error", "[ERROR] it broke", False),
        ("ERROR broke", "[ERROR] it broke", True),
        ("ERROR held", "[ERROR] it broke", False),
        ('"it broke"', "[ERROR] it broke", True),
        ('"broke it"', "[ERROR] it broke", False),
        ("?WARN ?ERROR", "[ERROR] it broke", True),
        ("?WARN ?INFO", "[ERROR] it broke", False),
        ("ERROR -broke", "[ERROR] it broke", False),
        ('ERROR -"it held"', "[ERROR] it broke", True),
        (r'"say \"no\""', 'they say "no" again', True),
    ],
)
def test_filter_patterns(pattern: str, message: str, matches: bool) -> None:
    assert matcher(pattern)(message) is matches


JSON = '{"level": "ERROR", "code": 500, "ok": false, "none": null, "a": {"b": [1, {"c d": "x"}]}}'


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ('{ $.level = "ERROR" }', True),
        ("{ $.level = ERROR }", True),
        ('{ $.level = "ERR*" }', True),
        ('{ $.level = "*R*O*" }', True),
        ('{ $.level = "*X*" }', False),
        ('{ $.level = "ERRORS*" }', False),
        ('{ $.level != "INFO" }', True),
        ('{ $.level != "ERROR" }', False),
        ('{ $.other != "ERROR" }', False),
        ("{ $.level = %^ERR% }", True),
        ("{ $.level != %^ERR% }", False),
        ("{ $.code = 500 }", True),
        ("{ $.code = 5e2 }", True),
        ('{ $.code = "500" }', False),
        ("{ $.code >= 500 }", True),
        ("{ $.code > 500 }", False),
        ("{ $.code < 500.5 }", True),
        ("{ $.code <= -1 }", False),
        ("{ $.level > 1 }", False),
        ("{ $.ok IS FALSE }", True),
        ("{ $.ok IS TRUE }", False),
        ("{ $.ok = 0 }", False),
        ("{ $.none IS NULL }", True),
        ("{ $.other IS NULL }", False),
        ("{ $.none EXISTS }", True),
        ("{ $.other NOT EXISTS }", True),
        ("{ $.code NOT EXISTS }", False),
        ("{ $.a.b[0] = 1 }", True),
        ("{ $.a.b[1]['c d'] = x }", True),
        ("{ $.a.b[7] = 1 }", False),
        ("{ $.level.b = 1 }", False),
        ("{ $.code = 1 || $.code = 500 && $.ok IS FALSE }", True),
        ("{ ($.code = 500 || $.code = 1) && $.ok IS TRUE }", False),
        ("{($.code=500)&&(($.ok IS FALSE))}", True),
    ],
)
def test_json_patterns(pattern: str, matches: bool) -> None:
    of = matcher(pattern)
    assert of(JSON) is matches
    assert not of("no JSON"), "what is no object matches nothing"
    assert not of("{" * 100_000)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("%ERR[A-Z]+%", True),
        ("%^ERR%", False),
        ("%a{2}%", False),
        ("level %5[0-9]{2}%", True),
        ("-%ERROR%", False),
        ("?nothing ?%code%", True),
    ],
)
def test_expressions_in_patterns(pattern: str, matches: bool) -> None:
    assert matcher(pattern)(JSON) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        "[a, b]",
        "a.b",
        '"open',
        "a%b%",
        "- a",
        "%(%",
        "{ $.a }",
        "{ $.a = }",
        "{ a = 1 }",
        "{ $.a = 1",
        "{ $.a = 1 } b",
        "{ $.a = 1 && }",
        "{ $.a IS MAYBE }",
        "{ $.a NOT 1 }",
        "{ $.a < x }",
        "{ $.a = 1 $.b = 1 }",
        "{" + "(" * 500 + "$.a = 1" + ")" * 500 + "}",
        "{ $.a = \x00\x01 ) }",
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(AWSError, match="Invalid filter pattern") as error:
        matcher(pattern)
    assert error.value.code == "InvalidParameterException"


def test_hostile_expressions_end() -> None:
    began = time.monotonic()
    of = matcher("%(a|aa)+$%")
    with pytest.raises(AWSError, match="takes too long"):
        for _ in range(100_000):
            of("a" * 60 + "!")
    stars = matcher("{ $.a = " + '"' + "a*" * 200 + 'b" }')
    assert not stars(json.dumps({"a": "a" * 100_000}))
    assert time.monotonic() - began < 30


# What users write


@pytest.fixture
def group(logs: Any) -> Iterator[str]:
    name = unique("users/group.x#")
    logs.create_log_group(logGroupName=name)
    yield name
    logs.delete_log_group(logGroupName=name)


def now_ms() -> int:
    return int(time.time() * 1000)


@pytest.mark.parametrize("stream", ["plain", "a/b", "/lead", "trail/", "a//b", "ü é%2F", "."])
def test_what_is_put_comes_back_whole(logs: Any, group: str, stream: str) -> None:
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    (described,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)[
        "logStreams"
    ]
    assert described["logStreamName"] == stream
    assert described["storedBytes"] == 0
    now = now_ms()
    texts = ["one", "two\nlines\r\n", "nul \0n \0", "ü 😀", "x" * 10_000]
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": now + n, "message": text} for n, text in enumerate(texts)],
    )
    answer = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
    assert messages(answer) == texts
    assert [event["timestamp"] for event in answer["events"]] == [now + n for n in range(5)]
    found = logs.filter_log_events(logGroupName=group, filterPattern='"lines"')
    assert messages(found) == texts[1:2]
    logs.delete_log_stream(logGroupName=group, logStreamName=stream)
    assert logs.describe_log_streams(logGroupName=group)["logStreams"] == []
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_log_events(logGroupName=group, logStreamName=stream)


def test_groups_and_streams_are_made_once(logs: Any, group: str) -> None:
    errors = logs.exceptions
    with pytest.raises(errors.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)
    (described,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert abs(described["creationTime"] - now_ms()) < 60_000
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    with pytest.raises(errors.ResourceAlreadyExistsException):
        logs.create_log_stream(logGroupName=group, logStreamName="s")
    for call, more in (
        (logs.create_log_stream, {"logStreamName": "s"}),
        (logs.delete_log_stream, {"logStreamName": "s"}),
        (logs.delete_log_group, {}),
        (logs.put_retention_policy, {"retentionInDays": 1}),
    ):
        with pytest.raises(errors.ResourceNotFoundException):
            call(logGroupName="nobody/made/it", **more)
    with pytest.raises(errors.ResourceNotFoundException):
        logs.put_log_events(
            logGroupName=group,
            logStreamName="other",
            logEvents=[{"timestamp": now_ms(), "message": "m"}],
        )
    with pytest.raises(errors.InvalidParameterException, match="too long"):
        logs.create_log_stream(logGroupName=group, logStreamName="ü" * 300)
    with pytest.raises(errors.ResourceNotFoundException):
        logs.get_log_events(logGroupName=group, logStreamName="x" * 500)


def test_events_out_of_range_are_left_out_and_said(logs: Any, group: str) -> None:
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now, hour, day = now_ms(), 3_600_000, 86_400_000

    def put(*times: int) -> dict[str, Any]:
        answer = logs.put_log_events(
            logGroupName=group,
            logStreamName="s",
            logEvents=[{"timestamp": moment, "message": str(moment)} for moment in times],
        )
        rejected: dict[str, Any] = answer.get("rejectedLogEventsInfo", {})
        return rejected

    assert put(now, now + hour, now + 3 * hour) == {"tooNewLogEventStartIndex": 2}
    assert put(now - 15 * day, now - 15 * day + 1) == {"tooOldLogEventEndIndex": 2}
    found = logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True)
    assert messages(found) == [str(now), str(now + hour)]
    invalid = logs.exceptions.InvalidParameterException
    with pytest.raises(invalid, match="chronological"):
        put(now, now - 1)
    with pytest.raises(invalid, match="24 hours"):
        put(now - 2 * day, now)
    big = [{"timestamp": now, "message": "x" * 100_000}] * 11
    with pytest.raises(invalid, match="too large"):
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=big)


def test_retention_hides_what_is_old_and_deletes_streams_of_nothing_else(
    logs: Any, group: str, process_studio: RunningStudio
) -> None:
    store = LogStore(process_studio.log_folder)
    now, day = now_ms(), 86_400_000
    for stream, age in (("old", 5), ("mixed", 5), ("mixed", 1), ("new", 0)):
        time_ns = (now - age * day) * 1_000_000
        store.append(group, stream, [LogLine(time_ns, f"{stream} {age}")])
    with pytest.raises(logs.exceptions.InvalidParameterException, match="2922"):
        logs.put_retention_policy(logGroupName=group, retentionInDays=2)
    logs.put_retention_policy(logGroupName=group, retentionInDays=3)
    (described,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert described["retentionInDays"] == 3
    assert messages(logs.filter_log_events(logGroupName=group)) == ["mixed 1", "new 0"]
    mixed = logs.get_log_events(logGroupName=group, logStreamName="mixed", startTime=0)
    assert messages(mixed) == ["mixed 1"]
    deadline = time.monotonic() + 20
    while store.exists(group, "old") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [stream.name for stream in store.streams(group)] == ["mixed", "new"]
    logs.create_log_stream(logGroupName=group, logStreamName="more")
    expired = logs.put_log_events(
        logGroupName=group,
        logStreamName="more",
        logEvents=[{"timestamp": now - 4 * day, "message": "m"}],
    )
    assert expired["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    logs.delete_retention_policy(logGroupName=group)
    (described,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert "retentionInDays" not in described
    assert len(logs.filter_log_events(logGroupName=group)["events"]) == 3


def test_streams_of_containers_are_not_written_by_others(logs: Any) -> None:
    with pytest.raises(logs.exceptions.InvalidParameterException, match="studio alone"):
        logs.put_log_events(
            logGroupName=GROUP,
            logStreamName="b/x",
            logEvents=[{"timestamp": now_ms(), "message": "m"}],
        )
    with pytest.raises(logs.exceptions.InvalidParameterException, match="studio alone"):
        logs.create_log_stream(logGroupName=GROUP, logStreamName="mine")
    with pytest.raises(ClientError, match="kmsKeyId") as caught:
        logs.create_log_group(logGroupName="mine", kmsKeyId="k")
    assert caught.value.response["Error"]["Code"] == "UnsupportedOperation"

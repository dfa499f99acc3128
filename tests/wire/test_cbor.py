"""CBOR bodies that no AWS client sends."""

from __future__ import annotations

import math
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlstudio.wire.cbor_codec import parse_cbor, read_cbor
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.services import operation_model

TAGS = [0, 2, 3, 4, 25, 28, 29, 30, 35, 37, 258, 260, 55799, 12345, 2**64 - 1]


def read(body: bytes, operation: str = "PutMetricData") -> Any:
    return read_cbor(operation_model("cloudwatch", operation).input_shape, parse_cbor(body))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xa0\x00", id="more behind it"),
        pytest.param(b"\x81" * 100_000 + b"\x01", id="deep lists"),
        pytest.param(b"\xa1\x61a" * 100_000, id="deep maps"),
        pytest.param(b"\xc1" * 100_000 + b"\x01", id="deep tags"),
        pytest.param(b"\x9b" + b"\xff" * 8, id="a list of 2**64 items"),
        pytest.param(b"\xba\x7f\xff\xff\xff", id="a map of 2**31 entries"),
        pytest.param(b"\x7b\x7f" + b"\xff" * 7, id="a text of 2**63 bytes"),
        pytest.param(b"\xbf\x61a", id="indefinite, without an end"),
        pytest.param(b"\x7f\x41a\xff", id="bytes inside a text"),
        pytest.param(b"\xff", id="an end without a start"),
        pytest.param(b"\xa2\x61a\x01\x61a\x02", id="a key twice"),
        pytest.param(b"\xa1\x01\x01", id="a number as key"),
        pytest.param(b"\xa1\x80\x01", id="a list as key"),
        pytest.param(b"\x61\xff", id="not UTF-8"),
        pytest.param(b"\x63\xed\xa0\x80", id="a lone surrogate"),
        pytest.param(b"\x1c", id="a reserved length"),
        pytest.param(b"\xc1\x61a", id="a time that is text"),
        pytest.param(b"\xc1\xc1\x01", id="a time of a time"),
    ],
)
def test_broken_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(AWSError) as caught:
        parse_cbor(body)
    assert caught.value.code == "SerializationException"
    assert caught.value.status == 400


@pytest.mark.parametrize("tag", TAGS)
def test_only_times_are_tagged(tag: int) -> None:
    for content in (1, "a", b"a", [1, 2], None):
        with pytest.raises(AWSError, match="SerializationException"):
            parse_cbor(cbor2.dumps({"Namespace": cbor2.CBORTag(tag, content)}))


@pytest.mark.parametrize(
    "value",
    [
        {"Namespace": 1},
        {"Namespace": b"n"},
        {"Namespace": [True]},
        {b"Namespace": "n"},
        {"MetricData": {}},
        {"MetricData": [{"Value": "1"}]},
        {"MetricData": [{"Value": True}]},
        {"MetricData": [{"StorageResolution": 1.0}]},
        {"MetricData": [{"StorageResolution": 2**31}]},
        {"MetricData": [{"Timestamp": 1.0}]},
        {"MetricData": [{"Timestamp": cbor2.CBORTag(1, math.nan)}]},
        {"MetricData": [{"Timestamp": cbor2.CBORTag(1, 2**63)}]},
        {"MetricData": [{"Timestamp": cbor2.CBORTag(1, True)}]},
        {"StrictEntityValidation": 1},
        {"Namespace": cbor2.CBORSimpleValue(99)},
        ["Namespace"],
        "Namespace",
        None,
    ],
)
def test_wrong_types_are_refused(value: object) -> None:
    with pytest.raises(AWSError) as caught:
        read(cbor2.dumps(value))
    assert caught.value.code == "SerializationException"


def test_indefinite_items_null_and_unknown_members_are_read() -> None:
    body = b"\xbf\x69Namespace\x7f\x61a\x61b\xff\x61x\x01\x6aMetricData\x9f\xff\xff"
    assert read(body) == {"Namespace": "ab", "MetricData": []}
    given = {"Namespace": None, "MetricData": [None], "EntityMetricData": cbor2.undefined}
    assert read(cbor2.dumps(given)) == {"MetricData": [None]}
    assert read(b"") == {}


def test_numbers_come_in_every_width() -> None:
    values = b"\xf9\x3c\x00\xfa\x3f\x80\x00\x00\x01\xf9\x7e\x00\x20"
    (datum,) = read(b"\xa1\x6aMetricData\x81\xa1\x66Values\x85" + values)["MetricData"]
    assert datum["Values"][:3] == [1.0, 1.0, 1.0]
    assert math.isnan(datum["Values"][3])
    assert datum["Values"][4] == -1.0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """Whatever comes, it is a value or an error that a client can read."""
    try:
        read(body)
    except AWSError as error:
        assert error.code == "SerializationException"


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_requests_are_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(
        cbor2.dumps(
            {
                "Namespace": "n",
                "MetricData": [
                    {"MetricName": "m", "Timestamp": cbor2.CBORTag(1, 1.5), "Values": [1.0]}
                ],
            }
        )
    )
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(whole))
    except AWSError as error:
        assert error.code == "SerializationException"

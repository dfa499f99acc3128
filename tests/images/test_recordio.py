"""RecordIO-protobuf against Google's own protobuf, and against broken bytes."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlstudio_runtime import recordio
from scipy.sparse import csr_matrix


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + _varint(number >> 7)


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _sparse(keys: list[int], values: list[float], width: int) -> bytes:
    tensor = (
        _field(1, struct.pack(f"<{len(values)}f", *values))
        + _field(2, b"".join(map(_varint, keys)))
        + _field(3, _varint(width))
    )
    value = _field(2, tensor)
    return _field(1, _field(1, b"values") + _field(2, value))


def _frame(payload: bytes) -> bytes:
    padding = b"\0" * (-len(payload) % 4)
    return struct.pack("<II", recordio.MAGIC, len(payload)) + payload + padding


@given(rows=st.integers(1, 20), width=st.integers(1, 300), labelled=st.booleans())
def test_rows_come_back_as_written(rows: int, width: int, labelled: bool) -> None:
    random = np.random.default_rng(rows * width)
    features = random.random((rows, width), dtype=np.float32)
    labels = random.random(rows, dtype=np.float32) if labelled else None
    records = recordio.read(recordio.write(features, labels))
    np.testing.assert_array_equal(records.features, features)
    if labels is None:
        assert records.labels is None
    else:
        np.testing.assert_array_equal(records.labels, labels)


def test_written_bytes_are_those_of_protobuf() -> None:
    from google.protobuf import descriptor_pb2 as descriptor
    from google.protobuf import descriptor_pool as pool
    from google.protobuf import message_factory as factory

    file = descriptor.FileDescriptorProto(name="record.proto", package="aialgs")
    kind = descriptor.FieldDescriptorProto
    tensor = file.message_type.add(name="Float32Tensor")
    tensor.field.add(name="values", number=1, type=kind.TYPE_FLOAT, label=3).options.packed = True
    value = file.message_type.add(name="Value")
    value.field.add(
        name="float32_tensor", number=2, type=11, label=1, type_name=".aialgs.Float32Tensor"
    )
    record = file.message_type.add(name="Record")
    for number, name in ((1, "features"), (2, "label")):
        entry = record.nested_type.add(name=f"{name.title()}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=9, label=1)
        entry.field.add(name="value", number=2, type=11, label=1, type_name=".aialgs.Value")
        record.field.add(
            name=name,
            number=number,
            type=11,
            label=3,
            type_name=f".aialgs.Record.{name.title()}Entry",
        )
    messages = pool.DescriptorPool()
    messages.Add(file)
    message = factory.GetMessageClass(messages.FindMessageTypeByName("aialgs.Record"))()
    message.features["values"].float32_tensor.values.extend([1.5, 2.5, -3.0])
    message.label["values"].float32_tensor.values.append(1.0)
    expected = _frame(message.SerializeToString(deterministic=True))
    assert recordio.write(np.array([[1.5, 2.5, -3.0]]), np.array([1.0])) == expected


def test_sparse_records_make_one_matrix() -> None:
    data = _frame(_sparse([0, 300], [1.0, 2.0], 400)) + _frame(_sparse([7], [3.0], 400))
    features = recordio.read(data).features
    assert isinstance(features, csr_matrix)
    assert features.shape == (2, 400)
    assert features[0, 300] == 2.0
    assert features[1, 7] == 3.0


def test_dense_records_of_different_framing_are_read_one_by_one() -> None:
    one = recordio.write(np.array([[1.0, 2.0]]))
    extra = _frame(one[8:][: -(len(one) % 4) or None] + _field(3, b"an id"))
    np.testing.assert_array_equal(recordio.read(one + extra).features, [[1, 2], [1, 2]])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no records"),
        (b"abc", "cut short"),
        (b"1,2,3,4,5,6,7,8", "no RecordIO frame"),
        (struct.pack("<II", recordio.MAGIC, 100), "cut short"),
        (_frame(b"\x0a\x7f"), "protobuf"),
        (_frame(b""), "values"),
    ],
)
def test_broken_bytes_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recordio.read(data)


@given(st.binary(max_size=64), st.integers(0, 63))
def test_no_bytes_do_worse_than_a_value_error(noise: bytes, place: int) -> None:
    data = bytearray(recordio.write(np.ones((2, 3), np.float32), np.ones(2)))
    data[place % len(data) : place % len(data) + len(noise)] = noise
    try:
        recordio.read(bytes(data))
    except ValueError:
        return


def test_answers_come_back_as_written() -> None:
    rows = [{"score": [0.5], "labels": [0.0, 1.0]}, {"score": [0.25], "labels": [0.0, 1.0]}]
    assert recordio.read_fields(recordio.write_fields(rows)) == rows

"""RecordIO-protobuf, the record format of SageMaker's own algorithms, in numpy.

A file is a sequence of frames ``<u32 magic><u32 length><payload><padding to 4 bytes>``; each
payload is a ``Record`` message: ``map<string, Value> features = 1`` and ``label = 2``, where a
``Value`` holds one tensor of packed ``values = 1``, and ``keys = 2`` and ``shape = 3`` where it is
sparse. Records of one shape differ in their numbers only, so they are read and written as slices
of one byte matrix.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

MAGIC = 0xCED7230A
VALUES = "values"
_HEADER = struct.Struct("<II")
_LENGTH_DELIMITED = 2
_FLOAT32, _FLOAT64, _INT32 = 2, 3, 7
_DTYPES: dict[int, np.dtype[Any]] = {_FLOAT32: np.dtype("<f4"), _FLOAT64: np.dtype("<f8")}

_MAX_WIDTH = 2**31 - 1

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Records:
    """Decoded records: ``features`` of shape (n, d), ``labels`` of shape (n,) where there are."""

    features: Array | csr_matrix
    labels: Array | None


@dataclass(frozen=True, slots=True)
class _Tensor:
    values: Array
    keys: Array | None
    width: int | None
    start: int
    """Offset of the packed values in the frame's payload, -1 where they are not one slice."""


def read(data: bytes) -> Records:
    """Decode a RecordIO-protobuf file.

    Raises
    ------
    ValueError
        The bytes are not RecordIO, or the records do not have one shape.
    """
    if not data:
        raise ValueError("there are no records")
    return _read_uniform(data) or _read_each(data)


def write(features: Array, labels: Array | None = None) -> bytes:
    """Encode dense rows, of shape (n, d), and their labels, of shape (n,), as float32 records."""
    columns = {"features": np.asarray(features, dtype="<f4")}
    if labels is not None:
        columns["labels"] = np.asarray(labels, dtype="<f4").reshape(-1, 1)
    head = _entry(1, VALUES, columns["features"].shape[1])
    parts: list[bytes | Array] = [head, columns["features"]]
    if labels is not None:
        parts += [_entry(2, VALUES, 1), columns["labels"]]
    return _frames(parts, len(columns["features"]))


def write_fields(rows: Sequence[Mapping[str, Sequence[float]]]) -> bytes:
    """Encode answers: one record a row, whose label map has each field's values."""
    return b"".join(
        _frames(
            [
                part
                for name, values in row.items()
                for part in (
                    _entry(2, name, len(values)),
                    np.asarray(values, dtype="<f4").reshape(1, -1),
                )
            ],
            1,
        )
        for row in rows
    )


def read_fields(data: bytes) -> list[dict[str, list[float]]]:
    """Decode what :func:`write_fields` makes."""
    return [
        {name: tensor.values.tolist() for name, tensor in _record(payload)[1].items()}
        for payload in _payloads(data)
    ]


def _frames(parts: Sequence[bytes | Array], count: int) -> bytes:
    """Frame ``count`` records made of the same bytes and of one row of each array."""
    columns = [
        np.broadcast_to(np.frombuffer(part, np.uint8), (count, len(part)))
        if isinstance(part, bytes)
        else np.ascontiguousarray(part).view(np.uint8).reshape(count, -1)
        for part in parts
    ]
    length = sum(column.shape[1] for column in columns)
    header = np.frombuffer(_HEADER.pack(MAGIC, length), np.uint8)
    padding = np.zeros((count, -length % 4), np.uint8)
    return np.hstack([np.broadcast_to(header, (count, 8)), *columns, padding]).tobytes()


def _entry(field: int, key: str, count: int) -> bytes:
    """Return a map entry up to its ``count`` float32 values, which end the entry."""
    size = 4 * count
    name = _prefixed(1, key.encode())
    tensor = b"\x0a" + _varint(size)
    value = bytes([_FLOAT32 << 3 | _LENGTH_DELIMITED]) + _varint(len(tensor) + size) + tensor
    value_field = b"\x12" + _varint(len(value) + size) + value
    head = name + value_field
    return bytes([field << 3 | _LENGTH_DELIMITED]) + _varint(len(head) + size) + head


def _prefixed(field: int, data: bytes) -> bytes:
    return bytes([field << 3 | _LENGTH_DELIMITED]) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_uniform(data: bytes) -> Records | None:
    """Decode records that differ in their numbers only; None where they do otherwise."""
    payload = next(_payloads(data))
    stride = len(payload) + 8 + -len(payload) % 4
    if len(data) % stride:
        return None
    features, labels = (tensors.get(VALUES) for tensors in _record(payload))
    slices = [tensor for tensor in (features, labels) if tensor is not None]
    if features is None or any(t.start < 0 or t.keys is not None for t in slices):
        return None
    frames = np.frombuffer(data, np.uint8).reshape(-1, stride)
    fixed = np.ones(stride, bool)
    for tensor in slices:
        fixed[_span(tensor)] = False
    if (frames[:, fixed] != frames[0, fixed]).any():
        return None
    columns = [np.ascontiguousarray(frames[:, _span(t)]).view(t.values.dtype) for t in slices]
    return Records(columns[0], columns[1].ravel() if len(columns) > 1 else None)


def _span(tensor: _Tensor) -> slice:
    start = 8 + tensor.start
    return slice(start, start + tensor.values.nbytes)


def _read_each(data: bytes) -> Records:
    rows, labels = [], []
    for payload in _payloads(data):
        features, label = _record(payload)
        if VALUES not in features:
            raise ValueError('a record has no feature "values"')
        rows.append(features[VALUES])
        if VALUES in label:
            if len(label[VALUES].values) != 1:
                raise ValueError("a record does not have one label")
            labels.append(label[VALUES].values[0])
    if labels and len(labels) != len(rows):
        raise ValueError("some records have a label and some have none")
    return Records(_matrix(rows), np.array(labels) if labels else None)


def _matrix(rows: Sequence[_Tensor]) -> Array | csr_matrix:
    if all(row.keys is None for row in rows):
        if len({len(row.values) for row in rows}) > 1:
            raise ValueError("the records differ in their number of features")
        return np.stack([row.values for row in rows])
    keys = [np.arange(len(r.values)) if r.keys is None else r.keys for r in rows]
    if any(len(row.values) != len(key) for row, key in zip(rows, keys, strict=True)):
        raise ValueError("a sparse record has more keys than values, or fewer")
    width = max(
        row.width or (int(key.max()) + 1 if len(key) else 0)
        for row, key in zip(rows, keys, strict=True)
    )
    if not 0 < width <= _MAX_WIDTH or any(int(k.max()) >= width for k in keys if len(k)):
        raise ValueError("a sparse record has a key outside its shape")
    ends = np.cumsum([0, *(len(row.values) for row in rows)])
    data = np.concatenate([row.values for row in rows])
    return csr_matrix((data, np.concatenate(keys), ends), shape=(len(rows), width))


def _payloads(data: bytes) -> Iterator[memoryview]:
    view, offset = memoryview(data), 0
    while offset < len(view):
        if len(view) - offset < _HEADER.size:
            raise ValueError("the last frame is cut short")
        magic, length = _HEADER.unpack_from(view, offset)
        if magic != MAGIC:
            raise ValueError(f"there is no RecordIO frame at byte {offset}")
        offset += _HEADER.size
        if offset + length > len(view):
            raise ValueError("the last frame is cut short")
        yield view[offset : offset + length]
        offset += length + -length % 4


def _record(payload: memoryview) -> tuple[dict[str, _Tensor], dict[str, _Tensor]]:
    """Return the features and the labels of one ``Record``."""
    maps: tuple[dict[str, _Tensor], dict[str, _Tensor]] = {}, {}
    for field, start, entry in _fields(payload, 0):
        if field in (1, 2):
            key, tensor = "", None
            for part, offset, content in _fields(entry, start):
                if part == 1:
                    key = bytes(content).decode()
                else:
                    tensor = _value(content, offset)
            if tensor is not None:
                maps[field - 1][key] = tensor
    return maps


def _value(message: memoryview, base: int) -> _Tensor | None:
    for kind, start, tensor in _fields(message, base):
        if kind in (_FLOAT32, _FLOAT64, _INT32):
            return _tensor(kind, tensor, start)
    return None


def _tensor(kind: int, message: memoryview, base: int) -> _Tensor:
    chunks: list[memoryview] = []
    keys: list[int] = []
    shape: list[int] = []
    start = -1
    for field, offset, content in _fields(message, base):
        if field == 1:
            start = offset if not chunks and kind in _DTYPES else -1
            chunks.append(content)
        elif field in (2, 3):
            (keys if field == 2 else shape).extend(_varints(content))
    packed = b"".join(chunks)
    values: Array = (
        np.frombuffer(packed, _DTYPES[kind])
        if kind in _DTYPES
        else np.array(list(_varints(memoryview(packed))), np.uint64).astype(np.int32)
    )
    return _Tensor(values, np.array(keys) if keys else None, shape[-1] if shape else None, start)


def _fields(message: memoryview, base: int) -> Iterator[tuple[int, int, memoryview]]:
    """Yield field number, offset from the payload's start, and content of each field."""
    offset = 0
    while offset < len(message):
        tag, offset = _read_varint(message, offset)
        wire = tag & 7
        if wire == 0:
            begin = offset
            _, offset = _read_varint(message, offset)
        else:
            size = {1: 8, 5: 4}.get(wire)
            if wire == _LENGTH_DELIMITED:
                size, offset = _read_varint(message, offset)
            if size is None or offset + size > len(message):
                raise ValueError("a record is not a valid protobuf message")
            begin, offset = offset, offset + size
        yield tag >> 3, base + begin, message[begin:offset]


def _varints(packed: memoryview) -> Iterator[int]:
    offset = 0
    while offset < len(packed):
        number, offset = _read_varint(packed, offset)
        yield number


def _read_varint(message: memoryview, offset: int) -> tuple[int, int]:
    number = shift = 0
    while offset < len(message) and shift < 64:
        byte = message[offset]
        offset += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, offset
        shift += 7
    raise ValueError("a record is not a valid protobuf message")

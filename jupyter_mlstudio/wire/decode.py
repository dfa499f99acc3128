"""From a request to the parameters of its operation."""

from __future__ import annotations

from typing import Any

from botocore.model import OperationModel, Shape

from .cbor_codec import parse_cbor, read_cbor
from .errors import AWSError
from .json_codec import parse_json, read_json
from .query_codec import parse_form, read_form
from .request import WireRequest
from .rest import read_locations
from .scalars import Value
from .services import operation_model, service_model
from .xml_codec import parse_xml, read_xml

Parameters = dict[str, Any]


def decode(
    service: str, operation: str, request: WireRequest, *, protocol: str | None = None
) -> Parameters:
    """Return the parameters of a request under AWS's member names.

    Timestamps are aware datetimes, blobs bytes. A streamed payload whose body was not read is
    left out.

    Parameters
    ----------
    protocol:
        What :func:`.routing.route` found; by default the model's own.

    Raises
    ------
    AWSError
        ``SerializationException``, ``MalformedInput`` or ``MalformedXML`` if the request cannot be
        read as what it says it is.
    """
    model = operation_model(service, operation)
    match protocol or service_model(service).metadata["protocol"]:
        case "query":
            return _decode_query(model, request)
        case "rest-json" | "rest-xml" as rest:
            return _decode_rest(model, request, rest)
        case "smithy-rpc-v2-cbor":
            return _decode_cbor(model, request)
        case _:
            return _decode_json(model, request)


def _decode_json(model: OperationModel, request: WireRequest) -> Parameters:
    value = parse_json(request.body or b"")
    if model.input_shape is None:
        return {}
    parameters: Parameters = read_json(model.input_shape, value)
    return parameters


def _decode_cbor(model: OperationModel, request: WireRequest) -> Parameters:
    value = parse_cbor(request.body or b"")
    if model.input_shape is None:
        return {}
    parameters: Parameters = read_cbor(model.input_shape, value)
    return parameters


def _decode_query(model: OperationModel, request: WireRequest) -> Parameters:
    if model.input_shape is None:
        return {}
    try:
        body = (request.body or b"").decode("utf-8")
    except UnicodeDecodeError:
        raise AWSError("MalformedInput", "The form of the request is not UTF-8") from None
    return read_form(model.input_shape, parse_form(request.query) + parse_form(body))


def _decode_rest(model: OperationModel, request: WireRequest, protocol: str) -> Parameters:
    shape = model.input_shape
    if shape is None:
        return {}
    parameters = read_locations(model, request)
    payload = shape.serialization.get("payload")
    if request.body is None:
        return parameters
    if payload is not None:
        value = _read_payload(shape.members[payload], request.body, protocol)
        if value is not None:
            parameters[payload] = value
    elif request.body:
        body = _read_body(shape, request.body, protocol)
        located = {name for name, member in shape.members.items() if _located(member)}
        parameters.update({name: value for name, value in body.items() if name not in located})
    return parameters


def _read_payload(member: Shape, body: bytes, protocol: str) -> Value:
    if member.type_name == "blob":
        # An empty body for an optional payload means that it is absent.
        return body or None
    if member.type_name == "string":
        try:
            return body.decode("utf-8") or None
        except UnicodeDecodeError:
            raise AWSError("SerializationException", "The body is not UTF-8") from None
    return _read_body(member, body, protocol) if body else None


def _read_body(shape: Shape, body: bytes, protocol: str) -> Value:
    if protocol == "rest-xml":
        return read_xml(shape, parse_xml(body))
    return read_json(shape, parse_json(body))


def _located(member: Shape) -> bool:
    return "location" in member.serialization

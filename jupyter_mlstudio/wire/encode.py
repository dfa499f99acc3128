"""From the result of an operation, or an error, to a response."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

from botocore.model import OperationModel, Shape, StructureShape

from .cbor_codec import dump_cbor, write_cbor
from .check import ResponseShapeError, check_result
from .errors import AWSError
from .eventstream import CONTENT_TYPE, encode_events, initial_response
from .json_codec import dump_json, write_json
from .request import WireResponse
from .rest import located, write_headers
from .s3_names import NAMESPACE, root_name, url_encoded
from .scalars import Value
from .services import operation_model, service_model
from .xml_codec import (
    element,
    escape,
    readable,
    write_document,
    write_members,
    write_structure,
)

Result = Mapping[str, Any]


def encode(
    service: str,
    operation: str,
    result: Result | None,
    *,
    protocol: str | None = None,
    request_id: str = "",
) -> WireResponse:
    """Return the response for the result of an operation.

    Parameters
    ----------
    result:
        AWS member names. Members that are None are left out. A streaming payload passes through
        untouched as the body; the events of an event stream are framed when they are iterated.
    protocol:
        The protocol of the request; by default the model's own.

    Raises
    ------
    ResponseShapeError
        If the result does not fit the output shape.
    """
    model = operation_model(service, operation)
    result = result or {}
    if model.output_shape is not None:
        check_result(model.output_shape, result, operation)
    elif result:
        raise ResponseShapeError(f"{operation} has no output, but {sorted(result)} was returned")
    match protocol or service_model(service).metadata["protocol"]:
        case "query":
            response = _query(model, result, request_id)
        case "rest-json":
            response = _rest(model, result, "rest-json")
        case "rest-xml":
            response = _rest(model, result, "rest-xml")
        case "smithy-rpc-v2-cbor":
            response = _cbor(model, result)
        case _:
            response = _json(model, result)
    return _identified(response, service, request_id)


def encode_error(
    service: str,
    operation: str | None,
    error: AWSError,
    request_id: str,
    *,
    protocol: str | None = None,
) -> WireResponse:
    """Return the response for an error, modelled or not.

    ``operation`` is None if it never became clear which one was asked for.
    """
    shape = _error_shape(service, operation, error.code)
    code, status = error.code, error.status
    if shape is not None:
        details = shape.metadata.get("error") or {}
        code = details.get("code", shape.name)
        status = status or details.get("httpStatusCode")
    status = status or 400
    match protocol or service_model(service).metadata["protocol"]:
        case "query":
            response = _query_error(service, code, status, error, shape, request_id)
        case "rest-xml":
            response = _s3_error(code, status, error, request_id)
        case "smithy-rpc-v2-cbor":
            response = _cbor_error(service, code, status, error, shape)
        case _:
            response = _json_error(service, code, status, error, shape)
    return _identified(response, service, request_id)


def _json(model: OperationModel, result: Result) -> WireResponse:
    shape = model.output_shape
    version = model.metadata.get("jsonVersion", "1.1")
    headers = {"Content-Type": f"application/x-amz-json-{version}"}
    if shape is None:
        return WireResponse(200, headers, b"{}")
    for name, member in shape.members.items():
        if member.serialization.get("eventstream") and isinstance(member, StructureShape):
            others = {key: value for key, value in result.items() if key != name}
            first = initial_response(dump_json(write_json(shape, others)))
            events = encode_events(member, result[name], "json")
            return WireResponse(200, {"Content-Type": CONTENT_TYPE}, chain([first], events))
    return WireResponse(200, headers, dump_json(write_json(shape, result)))


def _cbor(model: OperationModel, result: Result) -> WireResponse:
    headers = {"Smithy-Protocol": "rpc-v2-cbor"}
    if model.output_shape is None:
        return WireResponse(200, headers, b"")
    headers["Content-Type"] = "application/cbor"
    return WireResponse(200, headers, dump_cbor(write_cbor(model.output_shape, result)))


def _query(model: OperationModel, result: Result, request_id: str) -> WireResponse:
    shape = model.output_shape
    content = ""
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{model.name}Result")
        content = element(wrapper, write_members(shape, result))
    content += element("ResponseMetadata", element("RequestId", escape(request_id)))
    root = element(f"{model.name}Response", content, _xmlns(model.metadata.get("xmlNamespace")))
    return WireResponse(200, {"Content-Type": "text/xml"}, write_document(root))


def _rest(model: OperationModel, result: Result, protocol: str) -> WireResponse:
    shape = model.output_shape
    if shape is None:
        return WireResponse(int(model.http.get("responseCode", 200)), {}, b"")
    status = int(model.http.get("responseCode", 200))
    members = located(shape)
    for name, _, _ in members.get("statusCode", ()):
        status = result.get(name, status)
    headers = write_headers(shape, result)
    payload = shape.serialization.get("payload")
    if payload is not None:
        content_type, body = _payload(shape.members[payload], result.get(payload), protocol)
    elif "" not in members:
        content_type, body = (None, b"") if protocol == "rest-xml" else ("application/json", b"{}")
    elif protocol == "rest-xml":
        content_type, body = "application/xml", _s3_document(model, shape, result)
    else:
        inside = {name: result[name] for name, _, _ in members[""] if name in result}
        content_type, body = "application/json", dump_json(write_json(shape, inside))
    if content_type is not None:
        headers.setdefault("Content-Type", content_type)
    return WireResponse(status, headers, body)


def _payload(member: Shape, value: Value, protocol: str) -> tuple[str | None, Value]:
    """Return the content type of a payload, if it has one of its own, and the body."""
    if isinstance(member, StructureShape) and member.serialization.get("eventstream"):
        return CONTENT_TYPE, encode_events(member, value or (), protocol)
    if value is None:
        return None, b""
    if member.type_name == "blob":
        return None, value
    if member.type_name == "string":
        return None, value.encode() if isinstance(value, str) else value
    if protocol == "rest-xml" and isinstance(member, StructureShape):
        name = member.serialization.get("name", member.name)
        root = write_structure(member, value, name)
        return "application/xml", write_document(root)
    return "application/json", dump_json(write_json(member, value))


def _s3_document(model: OperationModel, shape: StructureShape, result: Result) -> bytes:
    if model.name == "GetBucketLocation":
        content = escape(result.get("LocationConstraint") or "")
    else:
        content = write_members(shape, url_encoded(model.name, result))
    return write_document(element(root_name(model.name), content, _xmlns(NAMESPACE)))


def _error_shape(service: str, operation: str | None, code: str) -> StructureShape | None:
    """Return the shape of an error by its name or its code."""
    model = service_model(service)
    own = model.operation_model(operation).error_shapes if operation else []
    shapes = [shape for shape in (*own, *model.error_shapes) if isinstance(shape, StructureShape)]
    by_code = (s for s in shapes if (s.metadata.get("error") or {}).get("code") == code)
    return next((s for s in shapes if s.name == code), None) or next(by_code, None)


def _error_members(shape: StructureShape | None, error: AWSError) -> Result:
    """Return the modelled members of an error beside its message."""
    if shape is None:
        return {}
    known = {name: value for name, value in error.fields.items() if name in shape.members}
    check_result(shape, known, error.code)
    return known


def _cbor_error(
    service: str, code: str, status: int, error: AWSError, shape: StructureShape | None
) -> WireResponse:
    body = _named(code, error, shape)
    if shape is not None:
        body.update(write_cbor(shape, _error_members(shape, error)))
    headers = {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}
    headers.update(_query_compatible(service, code, status))
    return WireResponse(status, headers, dump_cbor(body))


def _named(code: str, error: AWSError, shape: StructureShape | None) -> dict[str, Any]:
    """Return the type and message of an error; clients look it up by the name of its shape."""
    upper = shape is not None and "Message" in shape.members
    return {
        "__type": code if shape is None else shape.name,
        "Message" if upper else "message": error.message,
    }


def _query_compatible(service: str, code: str, status: int) -> dict[str, str]:
    """Return the header with the code a service used when it spoke the query protocol."""
    if "awsQueryCompatible" not in service_model(service).metadata:
        return {}
    return {"x-amzn-query-error": f"{code};{'Receiver' if status >= 500 else 'Sender'}"}


def _json_error(
    service: str, code: str, status: int, error: AWSError, shape: StructureShape | None
) -> WireResponse:
    body = _named(code, error, shape)
    if shape is not None:
        body.update(write_json(shape, _error_members(shape, error)))
    metadata = service_model(service).metadata
    headers = {
        "Content-Type": f"application/x-amz-json-{metadata.get('jsonVersion', '1.1')}",
        "x-amzn-ErrorType": str(body["__type"]),
    }
    if metadata["protocol"] == "rest-json":
        headers["Content-Type"] = "application/json"
    headers.update(_query_compatible(service, code, status))
    return WireResponse(status, headers, dump_json(body))


def _query_error(
    service: str,
    code: str,
    status: int,
    error: AWSError,
    shape: StructureShape | None,
    request_id: str,
) -> WireResponse:
    content = element("Type", "Receiver" if status >= 500 else "Sender")
    content += element("Code", escape(code)) + element("Message", escape(readable(error.message)))
    if shape is not None:
        content += write_members(shape, _error_members(shape, error))
    root = element(
        "ErrorResponse",
        element("Error", content) + element("RequestId", escape(request_id)),
        _xmlns(service_model(service).metadata.get("xmlNamespace")),
    )
    return WireResponse(status, {"Content-Type": "text/xml"}, write_document(root))


def _s3_error(code: str, status: int, error: AWSError, request_id: str) -> WireResponse:
    fields = {"Code": code, "Message": error.message, **error.fields, "RequestId": request_id}
    content = "".join(element(name, escape(readable(str(value)))) for name, value in fields.items())
    document = write_document(element("Error", content))
    return WireResponse(status, {"Content-Type": "application/xml"}, document)


def _identified(response: WireResponse, service: str, request_id: str) -> WireResponse:
    if request_id:
        name = "x-amz-request-id" if service == "s3" else "x-amzn-RequestId"
        response.headers[name] = request_id
    return response


def _xmlns(uri: str | None) -> str:
    return f' xmlns="{escape(uri)}"' if uri else ""

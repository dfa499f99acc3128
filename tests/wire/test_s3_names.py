"""Listings whose keys are URL-encoded, undone by botocore's own handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore import handlers
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser

from jupyter_mlstudio.wire.encode import encode
from jupyter_mlstudio.wire.services import operation_model

HOSTILE = "a b+c/\x01\r\n&<ü>%2F"


@pytest.mark.parametrize(
    ("operation", "undo", "members", "lists"),
    [
        (
            "ListObjects",
            handlers.decode_list_object,
            # S3 encodes Prefix here as well, but botocore leaves it so.
            ["Delimiter", "Marker", "NextMarker"],
            {"Contents": "Key", "CommonPrefixes": "Prefix"},
        ),
        (
            "ListObjectsV2",
            handlers.decode_list_object_v2,
            ["Prefix", "Delimiter", "StartAfter"],
            {"Contents": "Key", "CommonPrefixes": "Prefix"},
        ),
        (
            "ListObjectVersions",
            handlers.decode_list_object_versions,
            ["Prefix", "Delimiter", "KeyMarker", "NextKeyMarker"],
            {"Versions": "Key", "DeleteMarkers": "Key", "CommonPrefixes": "Prefix"},
        ),
    ],
)
def test_url_encoding(
    operation: str, undo: Callable[..., None], members: list[str], lists: dict[str, str]
) -> None:
    result: dict[str, Any] = dict.fromkeys(members, HOSTILE)
    result |= {name: [{key: HOSTILE}] for name, key in lists.items()}
    response = encode("s3", operation, {**result, "EncodingType": "url"})
    raw = {
        "status_code": 200,
        "headers": HeadersDict(response.headers),
        "body": response.body,
    }
    parsed = create_parser("rest-xml").parse(raw, operation_model("s3", operation).output_shape)
    undo(parsed=parsed, context={"encoding_type_auto_set": True})
    assert {name: parsed[name] for name in result} == result


def test_keys_stay_as_they_are_unless_asked() -> None:
    response = encode("s3", "ListObjectsV2", {"Contents": [{"Key": "a b/ü"}]})
    assert "<Key>a b/ü</Key>" in response.body.decode()
    assert "<ListBucketResult xmlns=" in response.body.decode()

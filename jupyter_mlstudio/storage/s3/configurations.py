"""Configurations of buckets: checked, kept and returned.

What a store like this does not act on is listed in docs/parity.md.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.operation import Call, operation

from .app import S3, Request, Response, checked_tags

_METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
_POLICY_BYTES = 20 << 10
_MOST_RULES = 100
_MOST_TAGS = 50
_PUBLIC_ACCESS = (
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """One kind of configuration.

    Attributes
    ----------
    put, get, delete:
        The operations.
    member:
        What carries it in a request; ``check`` returns it as it is kept, or raises.
    missing:
        Code and message of the error when there is none.
    unwrapped:
        The answer has the members of ``member`` instead of ``member`` itself.
    """

    name: str
    put: str
    get: str
    delete: str
    member: str
    missing: tuple[str, str]
    check: Callable[[Any], Any]
    unwrapped: bool = False

    def register(self) -> None:
        """Answer the three operations."""
        operation("s3", self.put)(self._put)
        operation("s3", self.get)(self._get)
        operation("s3", self.delete)(self._delete)

    def _put(self, call: Call[S3], request: Request) -> Response:
        value = self.check(request[self.member])
        call.app.store.configure(request["Bucket"], self.name, json.dumps(value))
        return {}

    def _get(self, call: Call[S3], request: Request) -> Response:
        text = call.app.store.configuration(request["Bucket"], self.name)
        if text is None:
            code, message = self.missing
            fields = {"BucketName": request["Bucket"]}
            raise AWSError(code, message, status=404, fields=fields)
        value: Response = json.loads(text)
        return value if self.unwrapped else {self.member: value}

    def _delete(self, call: Call[S3], request: Request) -> Response:
        call.app.store.configure(request["Bucket"], self.name, None)
        return {}


def malformed() -> AWSError:
    """Return the error for a document that does not make sense."""
    return AWSError(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
        status=400,
    )


def _tags(value: dict[str, Any]) -> dict[str, Any]:
    pairs = [(tag["Key"], tag["Value"]) for tag in value["TagSet"]]
    checked_tags(pairs, "Bucket", _MOST_TAGS)
    return value


def _policy(text: str) -> str:
    if len(text.encode()) > _POLICY_BYTES:
        message = "Policies must not exceed the maximum allowed document size of 20480 bytes"
        raise _malformed_policy(message)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _malformed_policy("Policies must be valid JSON and the first byte must be '{'")
    statements = document.get("Statement")
    if not isinstance(statements, (dict, list)):
        raise _malformed_policy("Missing required field Statement")
    for statement in [statements] if isinstance(statements, dict) else statements:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise _malformed_policy("Invalid effect: it must be Allow or Deny")
        for field in ("Principal", "Action", "Resource"):
            if field not in statement and f"Not{field}" not in statement:
                raise _malformed_policy(f"Missing required field {field}")
    return text


def _malformed_policy(message: str) -> AWSError:
    return AWSError("MalformedPolicy", message, status=400)


def _cors(value: dict[str, Any]) -> dict[str, Any]:
    if not 1 <= len(value["CORSRules"]) <= _MOST_RULES:
        raise malformed()
    for rule in value["CORSRules"]:
        for method in rule["AllowedMethods"]:
            if method not in _METHODS:
                raise AWSError(
                    "InvalidRequest",
                    "Found unsupported HTTP method in CORS config. Unsupported method is"
                    f" {method[:64]}",
                    status=400,
                )
        for member in ("AllowedOrigins", "AllowedHeaders"):
            for item in rule.get(member, ()):
                if Counter(item)["*"] > 1:
                    name = member.removesuffix("s")
                    message = f'{name} "{item[:200]}" can not have more than one wildcard.'
                    raise AWSError("InvalidRequest", message, status=400)
    return value


def _encryption(value: dict[str, Any]) -> dict[str, Any]:
    if len(value["Rules"]) != 1:
        raise malformed()
    default = value["Rules"][0].get("ApplyServerSideEncryptionByDefault", {})
    if default.get("KMSMasterKeyID") and default["SSEAlgorithm"] == "AES256":
        message = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms"
        raise AWSError("InvalidArgument", f"{message} or aws:kms:dsse", status=400)
    return value


def _public_access(value: dict[str, Any]) -> dict[str, Any]:
    return {name: bool(value.get(name)) for name in _PUBLIC_ACCESS}


def _ownership(value: dict[str, Any]) -> dict[str, Any]:
    if len(value["Rules"]) != 1:
        raise malformed()
    return value


for configuration in (
    Configuration(
        "tagging",
        "PutBucketTagging",
        "GetBucketTagging",
        "DeleteBucketTagging",
        "Tagging",
        ("NoSuchTagSet", "The TagSet does not exist"),
        _tags,
        unwrapped=True,
    ),
    Configuration(
        "policy",
        "PutBucketPolicy",
        "GetBucketPolicy",
        "DeleteBucketPolicy",
        "Policy",
        ("NoSuchBucketPolicy", "The bucket policy does not exist"),
        _policy,
    ),
    Configuration(
        "cors",
        "PutBucketCors",
        "GetBucketCors",
        "DeleteBucketCors",
        "CORSConfiguration",
        ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
        _cors,
        unwrapped=True,
    ),
    Configuration(
        "encryption",
        "PutBucketEncryption",
        "GetBucketEncryption",
        "DeleteBucketEncryption",
        "ServerSideEncryptionConfiguration",
        (
            "ServerSideEncryptionConfigurationNotFoundError",
            "The server side encryption configuration was not found",
        ),
        _encryption,
    ),
    Configuration(
        "public-access-block",
        "PutPublicAccessBlock",
        "GetPublicAccessBlock",
        "DeletePublicAccessBlock",
        "PublicAccessBlockConfiguration",
        (
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        ),
        _public_access,
    ),
    Configuration(
        "ownership-controls",
        "PutBucketOwnershipControls",
        "GetBucketOwnershipControls",
        "DeleteBucketOwnershipControls",
        "OwnershipControls",
        ("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
        _ownership,
    ),
):
    configuration.register()

"""Lifecycle configurations of buckets."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.operation import Call, operation

from .. import lifecycle
from .app import S3, Request, Response, invalid
from .configurations import malformed

_MOST_RULES = 1000
_MOST_NEWER = 100
_SIZES = "all_storage_classes_128K"
_ACTIONS = (
    "Expiration",
    "Transitions",
    "NoncurrentVersionTransitions",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
)


@operation("s3", "PutBucketLifecycleConfiguration")
def put_bucket_lifecycle_configuration(call: Call[S3], request: Request) -> Response:
    """Keep rules in place of those before; they are applied at once and then every hour."""
    rules = request.get("LifecycleConfiguration", {}).get("Rules", ())
    if not 1 <= len(rules) <= _MOST_RULES:
        raise malformed()
    kept = [_checked(rule) for rule in rules]
    if len({rule["ID"] for rule in kept}) < len(kept):
        raise invalid("Rule ID must be unique. Found same ID for more than one rule")
    sizes = request.get("TransitionDefaultMinimumObjectSize", _SIZES)
    document = {"Rules": kept, "TransitionDefaultMinimumObjectSize": sizes}
    text = json.dumps(document, default=datetime.isoformat)
    call.app.store.configure(request["Bucket"], lifecycle.NAME, text)
    call.app.configured(lifecycle.NAME)
    return {"TransitionDefaultMinimumObjectSize": sizes}


@operation("s3", "GetBucketLifecycleConfiguration")
def get_bucket_lifecycle_configuration(call: Call[S3], request: Request) -> Response:
    """Return the rules of a bucket."""
    text = call.app.store.configuration(request["Bucket"], lifecycle.NAME)
    if text is None:
        raise AWSError(
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
            status=404,
            fields={"BucketName": request["Bucket"]},
        )
    answer: Response = json.loads(text)
    for dated in (action for rule in answer["Rules"] for action in _dated(rule)):
        dated["Date"] = datetime.fromisoformat(dated["Date"])
    return answer


@operation("s3", "DeleteBucketLifecycle")
def delete_bucket_lifecycle(call: Call[S3], request: Request) -> Response:
    """Forget the rules of a bucket."""
    call.app.store.configure(request["Bucket"], lifecycle.NAME, None)
    return {}


def _checked(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule with an id, or raise what S3 does."""
    if ("Prefix" in rule) == ("Filter" in rule):
        raise malformed()
    given = [name for name, value in rule.get("Filter", {}).items() if value is not None]
    if len(given) > 1:
        raise malformed()
    if not any(rule.get(name) for name in _ACTIONS):
        message = "At least one action needs to be specified in a rule."
        raise AWSError("InvalidRequest", message, status=400)
    if len(rule.get("ID", "")) > 255:
        raise invalid("ID length should not exceed allowed limit of 255")
    _check_expiration(rule)
    _check_others(rule)
    for dated in _dated(rule):
        if dated["Date"].timestamp() % (24 * 3600):
            raise invalid("'Date' must be at midnight GMT")
    return {**rule, "ID": rule.get("ID") or secrets.token_urlsafe(24)}


def _check_expiration(rule: Mapping[str, Any]) -> None:
    expiration = rule.get("Expiration")
    if expiration is None:
        return
    if len(expiration) != 1:
        raise malformed()
    _positive(expiration, "Days", "Expiration")
    if expiration.get("ExpiredObjectDeleteMarker") and lifecycle.Rule.of({"ID": "", **rule}).tags:
        message = "ExpiredObjectDeleteMarker cannot be specified with Tags."
        raise AWSError("InvalidRequest", message, status=400)


def _check_others(rule: Mapping[str, Any]) -> None:
    noncurrent = rule.get("NoncurrentVersionExpiration")
    if noncurrent is not None:
        _positive(
            {"NoncurrentDays": 0, **noncurrent}, "NoncurrentDays", "NoncurrentVersionExpiration"
        )
        if not 1 <= noncurrent.get("NewerNoncurrentVersions", 1) <= _MOST_NEWER:
            raise invalid(
                "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be a"
                f" positive integer not greater than {_MOST_NEWER}"
            )
    abort = rule.get("AbortIncompleteMultipartUpload")
    if abort is not None:
        if lifecycle.Rule.of({"ID": "", **rule}).tags:
            message = "AbortIncompleteMultipartUpload cannot be specified with Tags."
            raise AWSError("InvalidRequest", message, status=400)
        _positive(
            {"DaysAfterInitiation": 0, **abort},
            "DaysAfterInitiation",
            "AbortIncompleteMultipartUpload",
        )


def _positive(action: Mapping[str, Any], name: str, what: str) -> None:
    if action.get(name, 1) < 1:
        raise invalid(f"'{name}' for {what} action must be a positive integer")


def _dated(rule: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for action in (rule.get("Expiration", {}), *rule.get("Transitions", ())):
        if "Date" in action:
            yield action

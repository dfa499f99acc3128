"""Which buckets send events, and where to: only EventBridge can be had (see :mod:`..events`)."""

from __future__ import annotations

import json

from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.operation import Call, operation

from .app import S3, Request, Response, not_implemented

_NAME = "notification"
_TARGETS = {
    "TopicConfigurations": ("TopicArn", "topic"),
    "QueueConfigurations": ("QueueArn", "queue"),
    "LambdaFunctionConfigurations": ("LambdaFunctionArn", "Lambda function"),
}


@operation("s3", "PutBucketNotificationConfiguration")
def put_bucket_notification_configuration(call: Call[S3], request: Request) -> Response:
    """Say where events go from now on; nowhere if nothing is named."""
    store, wish = call.app.store, request["NotificationConfiguration"]
    store.bucket(request["Bucket"])
    for name, (member, what) in _TARGETS.items():
        for target in wish.get(name, ()):
            if request.get("SkipDestinationValidation"):
                raise not_implemented(f"Delivery to {target[member][:300]}")
            raise AWSError(
                "InvalidArgument",
                "Unable to validate the following destination configurations",
                status=400,
                fields={
                    "ArgumentName": target[member][:1024],
                    "ArgumentValue": f"The destination {what} does not exist",
                },
            )
    kept = {name: value for name, value in wish.items() if value is not None}
    sends = "EventBridgeConfiguration" in kept
    store.configure(request["Bucket"], _NAME, json.dumps(kept) if sends else None)
    return {}


@operation("s3", "GetBucketNotificationConfiguration")
def get_bucket_notification_configuration(call: Call[S3], request: Request) -> Response:
    """Return where events go."""
    text = call.app.store.configuration(request["Bucket"], _NAME)
    answer: Response = json.loads(text) if text else {}
    return answer

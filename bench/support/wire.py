"""Requests of which only the sending and the waiting is measured."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .studio import Bench


class Caller:
    """Calls operations of SageMaker over one connection, signing each call beforehand."""

    def __init__(self, bench: Bench) -> None:
        self._url = bench.settings.url
        self._connection = http.client.HTTPConnection(urlsplit(self._url).netloc)
        key = bench.key
        self._signer = SigV4Auth(
            Credentials(key.access_key, key.secret_key), "sagemaker", bench.settings.region
        )

    def call(self, operation: str, **members: Any) -> tuple[float, dict[str, Any]]:  # noqa: ANN401
        """Return the seconds until the answer is there, and the answer."""
        headers = {
            "X-Amz-Target": f"SageMaker.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
        }
        body = json.dumps(members)
        request = AWSRequest("POST", f"{self._url}/", data=body, headers=headers)
        self._signer.add_auth(request)
        started = time.perf_counter()
        self._connection.request("POST", "/", body, dict(request.headers))
        answer = self._connection.getresponse()
        found = answer.read()
        seconds = time.perf_counter() - started
        if answer.status != 200:
            raise SystemExit(f"{operation}: {answer.status} {found.decode()}")
        return seconds, json.loads(found)

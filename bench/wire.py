"""What the wire layer costs a request: CPU time, against botocore signing the same request.

Prints for an invocation and for a small S3 GET the CPU time (µs, p50 and p99) of checking the
signature, finding the operation, reading the parameters and writing the answer; and how many
times botocore's signing of that request that is, which every client pays.

    python bench/wire.py [--rounds 2000]
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from jupyter_mlstudio.wire.decode import decode
from jupyter_mlstudio.wire.encode import encode
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.request import WireRequest
from jupyter_mlstudio.wire.routing import route
from jupyter_mlstudio.wire.sigv4 import verify

ACCOUNT, REGION, URL = "123456789012", "us-east-1", "http://127.0.0.1:8000"
KEYS = KeyRing(b"m" * 32)
HEADERS = {
    "User-Agent": "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.11",
    "amz-sdk-invocation-id": "7d1b1c0e-5f0e-4d6c-9b0a-1d2c3e4f5a6b",
    "amz-sdk-request": "attempt=1",
    "Accept-Encoding": "identity",
}
BATCH = 10
"""Calls that are timed together: the clock of CPU time is coarse."""


def microseconds(
    steps: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, tuple[float, float]]:
    """Return p50 and p99 of the CPU time of a call of each step, all measured in turns."""
    seen: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds // BATCH):
        for name, function in steps.items():
            started = time.process_time_ns()
            for _ in range(BATCH):
                function()
            seen[name].append((time.process_time_ns() - started) / BATCH / 1e3)
    cuts = {name: statistics.quantiles(values, n=100) for name, values in seen.items()}
    return {name: (each[49], each[98]) for name, each in cuts.items()}


def signed(signer: SigV4Auth, method: str, path: str, body: bytes) -> AWSRequest:
    """Sign a request as a client does."""
    request = AWSRequest(method, URL + path, dict(HEADERS), body)
    signer.add_auth(request)
    return request


def arrived(request: AWSRequest) -> WireRequest:
    """Return a signed request as a server sees it."""
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    headers = {"Host": parts.netloc, **prepared.headers}
    return WireRequest.of(str(prepared.method), target, headers, b"")


def main() -> None:
    """Measure each kind of request and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2000)
    rounds = parser.parse_args().rounds
    user = KEYS.user_key(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/mlstudio")
    role = KEYS.issue(ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s", 900, {"resource": "u"})
    by_user = Credentials(user.access_key, user.secret_key)
    by_role = Credentials(role.access_key, role.secret_key, role.token)
    header, url = partial(S3SigV4Auth, service_name="s3"), partial(S3SigV4QueryAuth, expires=600)
    call, get = ("POST", "/endpoints/ep/invocations", b"x" * 1024), ("GET", "/b/small-1", b"")
    answer = {
        "LastModified": datetime.now(UTC),
        "ContentLength": 1024,
        "ETag": '"d41d8cd98f00b204e9800998ecf8427e"',
        "AcceptRanges": "bytes",
        "ContentType": "binary/octet-stream",
        "Metadata": {},
        "Body": b"x" * 1024,
    }
    print(f"{'':34} {'p50 µs':>8} {'p99 µs':>8}   times signing it")
    for name, signer, request, result in (
        ("invocation, user", SigV4Auth(by_user, "sagemaker", REGION), call, None),
        ("invocation, role", SigV4Auth(by_role, "sagemaker", REGION), call, None),
        ("S3 GET, header", header(by_user, region_name=REGION), get, answer),
        ("S3 GET, role", header(by_role, region_name=REGION), get, answer),
        ("S3 GET, URL", url(by_user, "s3", REGION), get, answer),
    ):
        _table(name, signer, request, result, rounds)


def _table(
    name: str,
    signer: SigV4Auth,
    request: tuple[str, str, bytes],
    result: Mapping[str, Any] | None,
    rounds: int,
) -> None:
    wire = arrived(signed(signer, *request))
    digest = hashlib.sha256(request[2]).hexdigest() if result is None else None
    found = route(wire)
    steps: dict[str, Callable[[], object]] = {
        "sign (botocore)": lambda: signed(signer, *request),
        "verify": lambda: verify(
            KEYS, wire.method, wire.path, wire.query, wire.headers, digest, datetime.now(UTC)
        ),
        "route": lambda: route(wire),
    }
    if result is not None:
        steps["decode"] = lambda: decode(found.service, found.operation, wire)
        steps["encode"] = lambda: encode(found.service, found.operation, result, request_id="r")
    spent = microseconds(steps, rounds)
    limit = spent["sign (botocore)"][0]
    for step, (p50, p99) in spent.items():
        print(f"{name:18} {step:15} {p50:8.1f} {p99:8.1f}   {p50 / limit:.2f}x")
    ours = sum(p50 for p50, _ in spent.values()) - limit
    print(f"{name:18} {'sum of ours':15} {ours:8.1f} {'':8}   {ours / limit:.2f}x")


if __name__ == "__main__":
    main()

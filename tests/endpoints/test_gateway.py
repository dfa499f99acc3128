from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
import pytest
from aiohttp import web
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EventStreamError

from jupyter_mlstudio.endpoints.gateway.table import POLL_SECONDS, RouteTable
from jupyter_mlstudio.endpoints.routes import (
    EndpointRoute,
    Replica,
    Variant,
    read_state,
    state_path,
    write_routes,
)
from tests.endpoints.conftest import ACCOUNT, REGION, ModelServer, RunningGateway

if TYPE_CHECKING:
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient

Start = Callable[..., ModelServer]


def _variant(*servers: ModelServer, name: str = "AllTraffic", **fields: float) -> Variant:
    return Variant(name, tuple(server.replica() for server in servers), **fields)


def _invoked(client: SageMakerRuntimeClient, **arguments: str) -> str:
    answer = client.invoke_endpoint(EndpointName="ep", Body=b"x", **arguments)
    assert answer["Body"].read()
    return answer["InvokedProductionVariant"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_headers_and_body_pass_both_ways(gateway: RunningGateway, model: Start) -> None:
    async def answer(request: web.Request) -> web.Response:
        headers = {"X-Amzn-SageMaker-Custom-Attributes": "back", "X-Private": "no"}
        return web.Response(body=b"1.5\n", content_type="text/csv", headers=headers)

    server = model(answer)
    gateway.route(_variant(server))
    response = gateway.client().invoke_endpoint(
        EndpointName="ep",
        Body=b"5.1,3.5\n\xff",
        ContentType="text/csv",
        Accept="application/json",
        CustomAttributes="there",
        InferenceId="id-1",
    )
    assert response["Body"].read() == b"1.5\n"
    assert response["ContentType"] == "text/csv"
    assert response["InvokedProductionVariant"] == "AllTraffic"
    assert response["CustomAttributes"] == "back"
    assert "x-private" not in response["ResponseMetadata"]["HTTPHeaders"]
    headers, body = server.seen[0]
    assert body == b"5.1,3.5\n\xff"
    assert headers["Content-Type"] == "text/csv"
    assert headers["Accept"] == "application/json"
    assert headers["X-Amzn-SageMaker-Custom-Attributes"] == "there"
    assert headers["X-Amzn-SageMaker-Inference-Id"] == "id-1"
    assert not {name for name in headers if name.lower().startswith(("authorization", "x-amz-"))}


def test_weights_share_the_traffic_exactly(gateway: RunningGateway, model: Start) -> None:
    one, two = model(name="one"), model(name="two")
    gateway.route(_variant(one, name="A", weight=4.0), _variant(two, name="B", weight=1.0))
    client = gateway.client()
    invoked = Counter(_invoked(client) for _ in range(20))
    assert invoked == {"A": 16, "B": 4}


def test_target_variant_overrides_weights(gateway: RunningGateway, model: Start) -> None:
    one, two = model(name="one"), model(name="two")
    gateway.route(_variant(one, name="A"), _variant(two, name="B", weight=0.0))
    client = gateway.client()
    for _ in range(3):
        assert _invoked(client, TargetVariant="B") == "B"
    with pytest.raises(ClientError, match="Could not find variant C") as caught:
        client.invoke_endpoint(EndpointName="ep", Body=b"x", TargetVariant="C")
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_unknown_endpoint(gateway: RunningGateway) -> None:
    with pytest.raises(ClientError) as caught:
        gateway.client().invoke_endpoint(EndpointName="nope", Body=b"x")
    error = caught.value.response
    assert error["Error"]["Code"] == "ValidationError"
    assert error["Error"]["Message"] == f"Endpoint nope of account {ACCOUNT} not found."
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize("status", ["Creating", "Failed", "Deleting"])
def test_endpoint_that_does_not_serve(gateway: RunningGateway, model: Start, status: str) -> None:
    gateway.route(_variant(model()), status=status)
    with pytest.raises(ClientError, match="not found"):
        gateway.client().invoke_endpoint(EndpointName="ep", Body=b"x")


def test_other_region_has_other_endpoints(gateway: RunningGateway, model: Start) -> None:
    gateway.route(_variant(model()))
    client = gateway.client("eu-west-1")
    with pytest.raises(ClientError, match="not found"):
        client.invoke_endpoint(EndpointName="ep", Body=b"x")


@pytest.mark.parametrize(("status", "kind"), [(400, "client"), (503, "server")])
def test_container_error_is_a_model_error(
    gateway: RunningGateway, model: Start, status: int, kind: str
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=status, text="bad features")

    gateway.route(_variant(model(refuse, name="r1")))
    with pytest.raises(ClientError) as caught:
        gateway.client().invoke_endpoint(EndpointName="ep", Body=b"x")
    error = caught.value.response
    assert error["Error"]["Code"] == "ModelError"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error["OriginalStatusCode"] == status
    assert error["OriginalMessage"] == "bad features"
    assert error["LogStreamArn"] == (
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/ep"
        ":log-stream:AllTraffic/r1"
    )
    assert error["Error"]["Message"] == (
        f'Received {kind} error ({status}) from primary with message "bad features". See '
        f"https://{REGION}.console.aws.amazon.com/cloudwatch/home?region={REGION}"
        "#logEventViewer:group=/aws/sagemaker/Endpoints/ep in account "
        f"{ACCOUNT} for more information."
    )


def test_time_limit_is_a_model_error(gateway: RunningGateway, model: Start) -> None:
    async def hang(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    server = model(hang)
    gateway.route(_variant(server, timeout=0.3))
    with pytest.raises(ClientError) as caught:
        gateway.client().invoke_endpoint(EndpointName="ep", Body=b"x")
    error = caught.value.response
    assert error["Error"]["Code"] == "ModelError"
    assert error["OriginalStatusCode"] == 0
    assert error["Error"]["Message"].startswith(
        'Received server error (0) from primary with message "Your invocation timed out while '
        "waiting for a response from container primary."
    )
    _until(lambda: server.cancelled == 1)


def test_wrong_content_length_is_a_model_error(gateway: RunningGateway, model: Start) -> None:
    async def lie(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 100
        await response.prepare(request)
        await response.write(b"short")
        assert request.transport is not None
        request.transport.close()
        return response

    gateway.route(_variant(model(lie)))
    with pytest.raises(ClientError, match="broke off") as caught:
        gateway.client().invoke_endpoint(EndpointName="ep", Body=b"x")
    assert caught.value.response["Error"]["Code"] == "ModelError"


def test_long_answers_are_streamed(gateway: RunningGateway, model: Start) -> None:
    size = 5 * 2**20

    async def big(request: web.Request) -> web.Response:
        return web.Response(body=b"z" * size)

    gateway.route(_variant(model(big)))
    assert gateway.client().invoke_endpoint(EndpointName="ep", Body=b"x")["Body"].read() == (
        b"z" * size
    )


def test_body_limit(gateway: RunningGateway, model: Start) -> None:
    server = model()
    gateway.route(_variant(server))
    client = gateway.client()
    largest = b"x" * 6_291_456
    assert client.invoke_endpoint(EndpointName="ep", Body=largest)["Body"].read()
    assert server.seen[-1][1] == largest
    with pytest.raises(ClientError) as caught:
        client.invoke_endpoint(EndpointName="ep", Body=largest + b"x")
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert len(server.seen) == 1


def test_empty_body_and_bad_headers(gateway: RunningGateway, model: Start) -> None:
    server = model()
    gateway.route(_variant(server))
    client = gateway.client()
    for arguments, said in [
        ({"Body": b""}, "'body'"),
        ({"Body": b"x", "CustomAttributes": "a" * 1025}, "'customAttributes'"),
        ({"Body": b"x", "TargetModel": "../../x"}, "TargetModel"),
        ({"Body": b"x", "InferenceComponentName": "c"}, "inference components"),
        ({"Body": b"x", "TargetContainerHostname": "other"}, "no container other"),
    ]:
        with pytest.raises(ClientError, match=said) as caught:
            client.invoke_endpoint(EndpointName="ep", **arguments)
        assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert server.seen == []


def test_refused_connections_go_to_another_replica(gateway: RunningGateway, model: Start) -> None:
    server = model()
    gone = Replica("gone", "127.0.0.1", _free_port())
    gateway.route(Variant("AllTraffic", (gone, server.replica())))
    client = gateway.client()
    for _ in range(6):
        assert client.invoke_endpoint(EndpointName="ep", Body=b"x")["Body"].read()
    gateway.route(Variant("AllTraffic", (gone,)))
    with pytest.raises(ClientError) as caught:
        client.invoke_endpoint(EndpointName="ep", Body=b"x")
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_response_stream(gateway: RunningGateway, model: Start) -> None:
    proceed = threading.Event()

    async def tokens(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(b"first")
        await asyncio.to_thread(proceed.wait, 10)
        await response.write(b"second")
        return response

    server = model(tokens)
    gateway.route(_variant(server))
    answer = gateway.client().invoke_endpoint_with_response_stream(
        EndpointName="ep", Body=b"x", Accept="text/plain"
    )
    assert answer["ContentType"] == "text/plain"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    parts = iter(answer["Body"])
    assert next(parts)["PayloadPart"]["Bytes"] == b"first"  # while the container still works
    proceed.set()
    assert b"".join(part["PayloadPart"]["Bytes"] for part in parts) == b"second"
    assert server.seen[0][0]["Accept"] == "text/plain"


def test_stream_that_breaks(gateway: RunningGateway, model: Start) -> None:
    async def die(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        await asyncio.sleep(0.1)
        assert request.transport is not None
        request.transport.abort()
        return response

    gateway.route(_variant(model(die)))
    answer = gateway.client().invoke_endpoint_with_response_stream(EndpointName="ep", Body=b"x")
    parts = iter(answer["Body"])
    assert next(parts)["PayloadPart"]["Bytes"] == b"half"
    with pytest.raises(EventStreamError, match="ModelStreamError"):
        next(parts)
    answer["Body"].close()


def test_asynchronous_invocations_are_named_as_missing(gateway: RunningGateway) -> None:
    with pytest.raises(ClientError, match="InvokeEndpointAsync") as caught:
        gateway.client().invoke_endpoint_async(EndpointName="ep", InputLocation="s3://b/k")
    assert caught.value.response["Error"]["Code"] == "UnsupportedOperation"


def test_unsigned_and_badly_signed_requests(gateway: RunningGateway, model: Start) -> None:
    server = model()
    gateway.route(_variant(server))
    unsigned = botocore.session.Session().create_client(
        "sagemaker-runtime",
        region_name=REGION,
        endpoint_url=gateway.settings.gateway_url,
        config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0}),
    )
    with pytest.raises(ClientError) as caught:
        unsigned.invoke_endpoint(EndpointName="ep", Body=b"x")
    unsigned.close()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    forged = gateway.client()
    forged._request_signer._credentials.secret_key = "other"
    with pytest.raises(ClientError) as caught:
        forged.invoke_endpoint(EndpointName="ep", Body=b"x")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    tampered = gateway.client()
    tampered.meta.events.register(
        "before-send.*", lambda request, **_: setattr(request, "body", b"y")
    )
    with pytest.raises(ClientError):
        tampered.invoke_endpoint(EndpointName="ep", Body=b"x")
    assert server.seen == []


def test_browsers_are_refused(gateway: RunningGateway, model: Start) -> None:
    server = model()
    gateway.route(_variant(server))
    client = gateway.client()
    client.meta.events.register(
        "before-send.*", lambda request, **_: request.headers.update(Origin="http://evil")
    )
    with pytest.raises(ClientError, match="Origin"):
        client.invoke_endpoint(EndpointName="ep", Body=b"x")
    assert server.seen == []


def test_hot_reload_under_load_drops_nothing(gateway: RunningGateway, model: Start) -> None:
    old, new = model(name="old"), model(name="new")
    gateway.route(_variant(old))
    client = gateway.client(max_pool_connections=8)
    halt = threading.Event()

    def hammer(_: int) -> Counter[str]:
        served: Counter[str] = Counter()
        while not halt.is_set():
            answer = client.invoke_endpoint(EndpointName="ep", Body=b"x")
            served[json.load(answer["Body"])["from"]] += 1
        return served

    with ThreadPoolExecutor(4) as pool:
        workers = pool.map(hammer, range(4))
        time.sleep(0.5)
        revision = gateway.route(_variant(new))
        gateway.wait_for(lambda state: state["revision"] == revision and "old" not in state["busy"])
        old.close()
        gateway.settings.routes.with_name("torn").write_text('{"endpoints": [')
        gateway.settings.routes.with_name("torn").replace(gateway.settings.routes)
        time.sleep(0.5)
        halt.set()
        served = sum(workers, Counter[str]())
    assert served["old"] > 0
    assert served["new"] > 0


def test_state_tells_when_a_retired_replica_is_done(gateway: RunningGateway, model: Start) -> None:
    proceed = threading.Event()

    async def slow(request: web.Request) -> web.Response:
        await asyncio.to_thread(proceed.wait, 10)
        return web.Response(body=b"late")

    old = model(slow, name="old")
    gateway.route(_variant(old))
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(gateway.client().invoke_endpoint, EndpointName="ep", Body=b"x")
        _until(lambda: len(old.seen) == 1)
        revision = gateway.route(_variant(model(name="new")))
        gateway.wait_for(lambda s: s["revision"] == revision and s["busy"] == ["old"])
        proceed.set()
        assert pending.result()["Body"].read() == b"late"
    gateway.wait_for(lambda state: state["busy"] == [])


def test_state_that_cannot_be_written_is_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def follow(path: Path, revision: str) -> None:
        table = RouteTable(path)
        watching = asyncio.create_task(table.watch())
        with monkeypatch.context() as patch:
            patch.setattr("jupyter_mlstudio.endpoints.gateway.table.write_state", full)
            for _ in range(3):
                await asyncio.sleep(POLL_SECONDS)
                assert table.find((ACCOUNT, REGION, "ep")) is not None
            assert read_state(state_path(path)) is None
        for _ in range(50):
            await asyncio.sleep(POLL_SECONDS)
            if (state := read_state(state_path(path))) is not None:
                assert state.revision == revision
                break
        else:
            pytest.fail("it is never told")
        watching.cancel()

    route = EndpointRoute(ACCOUNT, REGION, "ep", "InService", "g", ())
    revision = write_routes(tmp_path / "routes.json", [route])
    asyncio.run(follow(tmp_path / "routes.json", revision))
    assert caplog.text.count("No space left on device") == 1


def test_client_that_leaves_cancels_the_container_call(
    gateway: RunningGateway, model: Start
) -> None:
    async def hang(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    server = model(hang)
    gateway.route(_variant(server))
    with _signed(gateway, b"x") as connection:
        _until(lambda: len(server.seen) == 1)
        connection.close()
        _until(lambda: server.cancelled == 1)


def test_sigterm_drains(own_gateway: RunningGateway, model: Start) -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.Response(body=b"done")

    server = model(slow)
    own_gateway.route(_variant(server))
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(own_gateway.client().invoke_endpoint, EndpointName="ep", Body=b"x")
        _until(lambda: len(server.seen) == 1)
        own_gateway.process.terminate()
        assert pending.result()["Body"].read() == b"done"
    assert own_gateway.process.wait(10) == 0


def test_slow_headers_are_cut_off(tmp_path: Path) -> None:
    running = RunningGateway(tmp_path / "root", "--idle", "1")
    try:
        with socket.create_connection(
            ("127.0.0.1", running.settings.gateway_port), timeout=10
        ) as loris:
            loris.sendall(b"POST /endpoints/ep/invocations HTTP/1.1\r\nHost: x\r\n")
            start = time.monotonic()
            assert loris.recv(1) == b""
            assert time.monotonic() - start < 5
    finally:
        running.close()


def test_metrics_are_spooled(own_gateway: RunningGateway, model: Start) -> None:
    async def sometimes(request: web.Request) -> web.Response:
        return web.Response(status=500 if await request.read() == b"bad" else 200, text="x")

    own_gateway.route(_variant(model(sometimes)))
    client = own_gateway.client()
    for body in (b"good", b"bad", b"good"):
        try:
            client.invoke_endpoint(EndpointName="ep", Body=body)
        except ClientError as error:
            assert body == b"bad", error
    own_gateway.close()
    (spool,) = (own_gateway.settings.routes.parent / "metrics").glob("*.jsonl")
    (line,) = map(json.loads, spool.read_text().splitlines())
    assert (line["endpoint"], line["variant"], line["region"]) == ("ep", "AllTraffic", REGION)
    assert (line["Invocations"], line["Invocation5XXErrors"]) == (3, 1)
    assert line["Invocation4XXErrors"] == 0
    assert sum(count for _, count in line["ModelLatency"]) == 3
    assert all(0 < value < 10e6 for value, _ in line["OverheadLatency"])


def test_ready_file(gateway: RunningGateway) -> None:
    ready = json.loads(gateway.ready.read_text())
    assert ready["pid"] == gateway.process.pid
    assert ready["port"] == gateway.settings.gateway_port
    assert ready["version"]
    assert abs(ready["started"] - time.time()) < 60


def _signed(gateway: RunningGateway, body: bytes) -> socket.socket:
    """Send one signed request over a bare socket, which the caller may then mistreat."""
    key = gateway.keys.user_key(ACCOUNT, gateway.settings.user_arn)
    request = AWSRequest("POST", f"{gateway.settings.gateway_url}/endpoints/ep/invocations")
    request.data = body
    SigV4Auth(Credentials(key.access_key, key.secret_key), "sagemaker", REGION).add_auth(request)
    port = gateway.settings.gateway_port
    lines = [f"{name}: {value}" for name, value in request.headers.items()]
    head = ["POST /endpoints/ep/invocations HTTP/1.1", f"Host: 127.0.0.1:{port}", *lines]
    head.append(f"Content-Length: {len(body)}")
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
    return connection


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)

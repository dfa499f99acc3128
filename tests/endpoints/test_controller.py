from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError, WaiterError

from jupyter_mlstudio.compute.admission import SERVICE_SHARE
from jupyter_mlstudio.compute.protocol import EngineError
from jupyter_mlstudio.core import stumbles
from jupyter_mlstudio.core.logs import LogStore
from jupyter_mlstudio.core.store import Resource
from jupyter_mlstudio.endpoints.replicas import Replicas
from jupyter_mlstudio.endpoints.slots import Slot
from tests.endpoints.world import IMAGE, World, production, until


@pytest.fixture(autouse=True)
def _clean(world: World) -> Iterator[None]:
    """Leave nothing behind: this machine has room for a few endpoints, and names are used again."""
    yield
    world.clear()


def _failure(world: World, name: str) -> str:
    with pytest.raises(WaiterError):
        world.wait_in_service(name)
    answer = world.sagemaker.describe_endpoint(EndpointName=name)
    assert answer["EndpointStatus"] == "Failed"
    return answer["FailureReason"]


def test_model_to_prediction(world: World) -> None:
    data = world.upload_model("first", weights="w1")
    world.deploy("first", count=2, ModelDataUrl=data, Environment={"GREETING": "hello"})
    answer = world.sagemaker.describe_endpoint(EndpointName="first")
    (variant,) = answer["ProductionVariants"]
    assert answer["EndpointConfigName"] == "first"
    assert variant["CurrentInstanceCount"] == variant["DesiredInstanceCount"] == 2
    assert variant["CurrentWeight"] == 1.0
    assert variant["DeployedImages"][0]["SpecifiedImage"] == IMAGE
    answers = [world.invoke("first", "abc") for _ in range(4)]
    assert len({each["pid"] for each in answers}) == 2
    assert answers[0]["files"] == {"weights": "w1"}
    assert (answers[0]["greeting"], answers[0]["region"]) == ("hello", "us-east-1")
    settings = world.studio.settings
    logs = LogStore(settings.logs(settings.account, settings.region))
    lines = logs.streams("/aws/sagemaker/Endpoints/first", "AllTraffic/")
    assert len(lines) == 2
    world.sagemaker.delete_endpoint(EndpointName="first")
    world.sagemaker.get_waiter("endpoint_deleted").wait(
        EndpointName="first", WaiterConfig={"Delay": 0.1, "MaxAttempts": 200}
    )
    with pytest.raises(ClientError, match="not found"):
        world.invoke("first")
    assert not any((world.settings.root / "models").iterdir())


def test_serving_outlives_model_and_configuration(world: World) -> None:
    world.deploy("outlives", ModelDataUrl=world.upload_model("outlives", a="1"))
    world.sagemaker.delete_endpoint_config(EndpointConfigName="outlives")
    world.sagemaker.delete_model(ModelName="outlives")
    os.kill(world.invoke("outlives")["pid"], signal.SIGKILL)
    until(lambda: world.status("outlives") == "OutOfService")
    world.wait_in_service("outlives")
    assert world.invoke("outlives")["files"] == {"a": "1"}


def test_what_nobody_foresaw_fails_the_deployment_and_what_serves_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Replicas.advance

    def fail(replicas: Replicas, endpoint: Resource, slot: Slot) -> None:
        if endpoint.name == "odd" or slot.key.startswith("2-"):
            raise RuntimeError("nobody foresaw this")
        advance(replicas, endpoint, slot)

    monkeypatch.setattr(stumbles, "pause", lambda _: 0.02)
    monkeypatch.setattr(Replicas, "advance", fail)
    world.deploy("even", ModelDataUrl=world.upload_model("even", weights="w1"))
    world.create_config("odd")
    world.sagemaker.create_endpoint(EndpointName="odd", EndpointConfigName="odd")
    assert _failure(world, "odd") == (
        "InternalServerError: RuntimeError: nobody foresaw this. This is a fault of the studio; "
        "its log has the details."
    )
    world.sagemaker.update_endpoint(EndpointName="even", EndpointConfigName="odd")
    world.wait_in_service("even")
    after = world.sagemaker.describe_endpoint(EndpointName="even")
    assert after["EndpointConfigName"] == "even"
    assert "nobody foresaw this" in after["FailureReason"]
    assert world.invoke("even")["files"] == {"weights": "w1"}


def test_container_that_exits_fails_the_endpoint_with_its_log(world: World) -> None:
    world.create_config("exits", Environment={"FAULT": "exit"})
    world.sagemaker.create_endpoint(EndpointName="exits", EndpointConfigName="exits")
    reason = _failure(world, "exits")
    assert "ended with exit code 1" in reason
    assert "no such model" in reason
    assert world.containers("exits") == []
    assert not any(world.settings.jobs.iterdir())
    with pytest.raises(ClientError, match="not found"):
        world.invoke("exits")
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        world.sagemaker.update_endpoint(EndpointName="exits", EndpointConfigName="exits")


def test_container_that_is_never_healthy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_mlstudio.endpoints.plan.STARTUP_SECONDS", 2)
    world.create_config("sick", Environment={"FAULT": "sick"})
    world.sagemaker.create_endpoint(EndpointName="sick", EndpointConfigName="sick")
    reason = _failure(world, "sick")
    assert "did not pass the ping health check" in reason
    assert "serving with fault 'sick'" in reason
    until(lambda: world.containers("sick") == [])


def test_image_that_is_not_there(world: World) -> None:
    world.create_config("absent", Image="nobody/has:this")
    world.sagemaker.create_endpoint(EndpointName="absent", EndpointConfigName="absent")
    assert "nobody/has:this" in _failure(world, "absent")


def test_archive_that_is_none(world: World) -> None:
    world.s3.put_object(Bucket="models", Key="bad/model.tar.gz", Body=b"not gzip")
    world.create_config("bad", ModelDataUrl="s3://models/bad/model.tar.gz")
    world.sagemaker.create_endpoint(EndpointName="bad", EndpointConfigName="bad")
    reason = _failure(world, "bad")
    assert 'Failed to extract model data archive for container "primary"' in reason
    assert "s3://models/bad/model.tar.gz" in reason


WHOLE_MACHINE = {"InstanceType": "ml.m5.24xlarge"}
"""So much that a machine has room for ``SERVICE_SHARE`` endpoints of it, and for no more."""


def test_endpoints_that_fail_hold_no_room(world: World) -> None:
    world.s3.put_object(Bucket="models", Key="room/model.tar.gz", Body=b"not gzip")
    world.create_config("room", variant=WHOLE_MACHINE, ModelDataUrl="s3://models/room/model.tar.gz")
    names = [f"room-{number}" for number in range(SERVICE_SHARE)]
    for name in names:
        world.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="room")
    until(lambda: {world.status(name) for name in names} == {"Failed"})
    world.deploy("good", variant=WHOLE_MACHINE)
    assert world.invoke("good")["pid"]


def test_endpoints_deleted_before_they_start_hold_no_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object) -> None:
        raise EngineError("The engine does not answer.", retryable=True)

    monkeypatch.setattr(world.studio.engine, "start", hang)
    world.create_config("never", variant=WHOLE_MACHINE)
    for number in range(SERVICE_SHARE + 1):
        world.sagemaker.create_endpoint(EndpointName=f"n-{number}", EndpointConfigName="never")
    until(lambda: world.studio.admission.waiting())
    world.delete_endpoints()
    assert world.studio.admission.waiting() == []
    monkeypatch.undo()
    world.deploy("late", variant=WHOLE_MACHINE)


def test_endpoint_that_finds_no_room_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDKs raise ``CapacityError`` where a reason begins with it."""

    def hang(*_: object) -> None:
        raise EngineError("The engine does not answer.", retryable=True)

    monkeypatch.setattr(world.studio.engine, "start", hang)
    monkeypatch.setattr("jupyter_mlstudio.endpoints.replicas.ROOM_SECONDS", 1)
    world.create_config("full", variant=WHOLE_MACHINE)
    names = [f"full-{number}" for number in range(SERVICE_SHARE + 1)]
    for name in names:
        world.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="full")
    until(lambda: "Failed" in {world.status(name) for name in names})
    (late,) = (name for name in names if world.status(name) == "Failed")
    assert _failure(world, late).startswith("CapacityError: Unable to provision ml.m5.24xlarge")


def test_no_request_is_answered_once_deletion_is_accepted(world: World) -> None:
    world.deploy("withdrawn")
    assert world.invoke("withdrawn")["pid"]
    world.sagemaker.delete_endpoint(EndpointName="withdrawn")
    with pytest.raises(ClientError) as caught:
        world.invoke("withdrawn")
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_crash_is_replaced_and_the_status_is_honest(world: World) -> None:
    world.deploy("crash")
    pid = world.invoke("crash")["pid"]
    with pytest.raises(ClientError) as caught:
        world.invoke("crash", "die")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    until(lambda: world.status("crash") == "OutOfService")
    reason = world.sagemaker.describe_endpoint(EndpointName="crash")["FailureReason"]
    assert "exit code 3" in reason
    assert "dying as told" in reason
    with pytest.raises(ClientError) as caught:
        world.invoke("crash")
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"
    world.wait_in_service("crash")
    answer = world.sagemaker.describe_endpoint(EndpointName="crash")
    assert "FailureReason" not in answer
    assert world.invoke("crash")["pid"] != pid


def test_one_crash_of_two_is_not_felt(world: World) -> None:
    world.deploy("pair", count=2)
    os.kill(world.invoke("pair")["pid"], signal.SIGKILL)
    for _ in range(30):
        try:
            assert world.invoke("pair")["pid"]
        except ClientError as error:  # the one request the dead process had
            assert error.response["Error"]["Code"] == "ModelError"
    assert world.status("pair") == "InService"
    variants = world.sagemaker.describe_endpoint(EndpointName="pair")["ProductionVariants"]
    assert variants[0]["DesiredInstanceCount"] == 2
    until(lambda: len(world.containers("pair")) == 2)


def test_update_drops_no_request(world: World) -> None:
    world.deploy("update", ModelDataUrl=world.upload_model("update-1", version="1"))
    world.create_config("update-2", ModelDataUrl=world.upload_model("update-2", version="2"))
    halt = threading.Event()

    def hammer(_: int) -> list[str]:
        seen = []
        while not halt.is_set():
            seen.append(world.invoke("update")["files"]["version"])
        return seen

    with ThreadPoolExecutor(4) as pool:
        workers = pool.map(hammer, range(3))
        slow = pool.submit(world.invoke, "update", "sleep 2")
        until(lambda: world.invoke("update"))
        old = world.containers("update")
        world.sagemaker.update_endpoint(EndpointName="update", EndpointConfigName="update-2")
        assert world.status("update") == "Updating"
        world.wait_in_service("update")
        assert world.invoke("update")["files"] == {"version": "2"}
        assert slow.result()["files"] == {"version": "1"}
        halt.set()
        for seen in workers:
            assert seen == sorted(seen)
            assert {"1", "2"} >= set(seen)
    until(lambda: not set(old) & set(world.containers("update")))
    answer = world.sagemaker.describe_endpoint(EndpointName="update")
    assert answer["EndpointConfigName"] == "update-2"
    until(lambda: len(list((world.settings.root / "models").iterdir())) == 1)


def test_update_that_fails_leaves_the_old_one(world: World) -> None:
    world.deploy("rollback")
    pid = world.invoke("rollback")["pid"]
    world.create_config("rollback-2", Environment={"FAULT": "exit"})
    world.sagemaker.update_endpoint(EndpointName="rollback", EndpointConfigName="rollback-2")
    world.wait_in_service("rollback")
    answer = world.sagemaker.describe_endpoint(EndpointName="rollback")
    assert answer["EndpointConfigName"] == "rollback"
    assert "no such model" in answer["FailureReason"]
    assert world.invoke("rollback")["pid"] == pid
    until(lambda: len(world.containers("rollback")) == 1)
    world.create_config("rollback-3", Environment={"GREETING": "third"})
    world.sagemaker.update_endpoint(EndpointName="rollback", EndpointConfigName="rollback-3")
    world.wait_in_service("rollback")
    assert world.invoke("rollback")["greeting"] == "third"
    assert "FailureReason" not in world.sagemaker.describe_endpoint(EndpointName="rollback")


def test_capacity_grows_and_shrinks(world: World) -> None:
    world.deploy("capacity")
    first = world.containers("capacity")
    for count in (2, 1):
        world.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName="capacity",
            DesiredWeightsAndCapacities=[
                {"VariantName": "AllTraffic", "DesiredInstanceCount": count, "DesiredWeight": 3.0}
            ],
        )
        if count == 2:  # to end one takes no longer than to ask
            assert world.status("capacity") == "Updating"
        world.wait_in_service("capacity")
        (variant,) = world.sagemaker.describe_endpoint(EndpointName="capacity")[
            "ProductionVariants"
        ]
        assert variant["CurrentInstanceCount"] == variant["DesiredInstanceCount"] == count
        assert variant["CurrentWeight"] == 3.0
        until(lambda: len(world.containers("capacity")) == count)  # noqa: B023 - called at once
    assert world.containers("capacity") == first


def test_serves_on_while_the_studio_restarts(world: World) -> None:
    world.deploy("adopted")
    before = world.invoke("adopted")["pid"]
    world.stop_studio()
    assert world.invoke("adopted")["pid"] == before
    world.start_studio()
    assert world.status("adopted") == "InService"
    assert world.invoke("adopted")["pid"] == before
    world.stop_studio()
    with pytest.raises(ClientError):
        world.invoke("adopted", "die")
    world.start_studio()
    until(lambda: world.status("adopted") == "OutOfService")
    world.wait_in_service("adopted")
    assert world.invoke("adopted")["pid"] != before


def test_gateway_that_is_restarted_knows_its_routes(world: World) -> None:
    world.deploy("rerouted")
    world.gateway.terminate()
    world.gateway.wait(70)
    world.gateway = world.start_gateway()
    assert world.invoke("rerouted")["pid"]


def test_delete_while_creating(world: World) -> None:
    world.create_config("early", Environment={"FAULT": "sick"})
    world.sagemaker.create_endpoint(EndpointName="early", EndpointConfigName="early")
    until(lambda: world.containers("early"))
    world.sagemaker.delete_endpoint(EndpointName="early")
    with pytest.raises(ClientError, match="Cannot update in-progress"):
        world.sagemaker.update_endpoint(EndpointName="early", EndpointConfigName="early")
    world.sagemaker.get_waiter("endpoint_deleted").wait(
        EndpointName="early", WaiterConfig={"Delay": 0.1, "MaxAttempts": 200}
    )
    world.sagemaker.create_endpoint(EndpointName="early", EndpointConfigName="early")
    assert world.status("early") == "Creating"
    world.sagemaker.delete_endpoint(EndpointName="early")


def test_prefix_of_uncompressed_files(world: World) -> None:
    world.s3.put_object(Bucket="models", Key="plain/model/weights", Body=b"plain")
    source = {
        "S3Uri": "s3://models/plain/model/",
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }
    world.deploy("plain", ModelDataSource={"S3DataSource": source})
    assert world.invoke("plain")["files"] == {"weights": "plain"}


def test_approved_package_serves(world: World) -> None:
    world.sagemaker.create_model_package_group(ModelPackageGroupName="served")
    container = {"Image": IMAGE, "ModelDataUrl": world.upload_model("served", a="packaged")}
    arn = world.sagemaker.create_model_package(
        ModelPackageGroupName="served",
        InferenceSpecification={"Containers": [{**container, "Environment": {"GREETING": "p"}}]},
    )["ModelPackageArn"]
    with pytest.raises(ClientError, match="only Approved versions can be deployed"):
        world.sagemaker.create_model(ModelName="served", PrimaryContainer={"ModelPackageName": arn})
    world.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    world.sagemaker.create_model(
        ModelName="served",
        PrimaryContainer={"ModelPackageName": arn},
        ExecutionRoleArn=world.settings.role_arn,
    )
    world.sagemaker.create_endpoint_config(
        EndpointConfigName="served",
        ProductionVariants=[production("served")],
    )
    world.sagemaker.create_endpoint(EndpointName="served", EndpointConfigName="served")
    world.wait_in_service("served")
    answer = world.invoke("served")
    assert answer["files"] == {"a": "packaged"}
    assert answer["greeting"] == "p"
    world.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    assert world.invoke("served")["files"] == {"a": "packaged"}
    routes = json.loads(world.settings.routes.read_text())
    assert "served" in {each["name"] for each in routes["endpoints"]}
    with pytest.raises(ClientError, match="its ModelApprovalStatus is Rejected"):
        world.sagemaker.update_endpoint(EndpointName="served", EndpointConfigName="served")

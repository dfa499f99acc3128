"""An endpoint on Docker, from an image that knows nothing of us."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningStudio
from tests.endpoints import shell
from tests.endpoints.world import production, until

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    client = docker.APIClient(version="auto", timeout=60)
    yield shell.image(client)
    client.close()


def test_shell_container_serves(docker_studio: RunningStudio, image: str) -> None:
    studio = docker_studio
    sagemaker, runtime = studio.client("sagemaker"), studio.client("sagemaker-runtime")
    studio.client("s3").put_object(
        Bucket=studio.bucket, Key="shell/model.tar.gz", Body=shell.pack({"name": "shelly"}, "w:gz")
    )
    url = f"s3://{studio.bucket}/shell/model.tar.gz"
    sagemaker.create_model(
        ModelName="shell", PrimaryContainer={"Image": image, "ModelDataUrl": url}
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="shell", ProductionVariants=[production("shell", 2)]
    )
    sagemaker.create_endpoint(EndpointName="shell", EndpointConfigName="shell")

    def wait(name: str) -> None:
        waiter = sagemaker.get_waiter(name)
        waiter.wait(EndpointName="shell", WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})

    def invoke(body: bytes) -> bytes:
        answer = runtime.invoke_endpoint(EndpointName="shell", Body=body)
        content: bytes = answer["Body"].read()
        return content

    wait("endpoint_in_service")
    assert invoke(b"1,2,3") == b"1,2,3 shelly read-only"
    with pytest.raises(ClientError, match="ModelError"):
        invoke(b"die")
    assert invoke(b"again") == b"again shelly read-only"  # from the other one

    def count() -> int:
        (variant,) = sagemaker.describe_endpoint(EndpointName="shell")["ProductionVariants"]
        return int(variant["CurrentInstanceCount"])

    def streams() -> int:
        found = studio.client("logs").describe_log_streams(
            logGroupName="/aws/sagemaker/Endpoints/shell", logStreamNamePrefix="AllTraffic/"
        )
        return len(found["logStreams"])

    until(lambda: streams() == 3, 60)
    until(lambda: count() == 2, 60)
    studio.restart()
    assert sagemaker.describe_endpoint(EndpointName="shell")["EndpointStatus"] == "InService"
    assert invoke(b"after") == b"after shelly read-only"
    sagemaker.delete_endpoint(EndpointName="shell")
    wait("endpoint_deleted")
    client = docker.APIClient(version="auto", timeout=10)
    ours = {"ancestor": image, "name": f"mls-{studio.settings.studio_id}-"}
    assert client.containers(all=True, filters=ours) == []
    client.close()

"""An endpoint on Docker, from an image that knows nothing of us: a shell, nc and the contract."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import docker
import pytest
from botocore.exceptions import ClientError

from tests.compute.conftest import BUSYBOX, make_image
from tests.conftest import RunningStudio
from tests.endpoints.world import production, until

IMAGE = "mlstudio-test/shell-model:1"
SERVE = "#!/bin/sh\necho serving\nexec nc -ll -p 8080 -e /bin/answer\n"
ANSWER = r"""#!/bin/sh
CR=$(printf '\r')
read -r method path rest
length=0
while read -r line; do
  line=${line%"$CR"}
  [ -z "$line" ] && break
  case $line in [Cc]ontent-[Ll]ength:*) length=${line#*: } ;; esac
done
body=
[ "$length" -gt 0 ] && body=$(head -c "$length")
[ "$body" = die ] && kill -9 -1
mode=read-only
touch /opt/ml/model/x 2>/dev/null && mode=writable
[ "$path" = /ping ] || body="$body $(cat /opt/ml/model/name) $mode"
printf 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n'
printf 'Content-Length: %d\r\n\r\n%s' "${#body}" "$body"
"""
DOCKERFILE = f"FROM {BUSYBOX}\nCOPY serve answer /bin/\n"

pytestmark = pytest.mark.docker


def _pack(files: dict[str, str], mode: str = "w") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload] # any mode
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    client = docker.APIClient(version="auto", timeout=60)
    if not client.images(BUSYBOX):
        make_image(client)
    context = _pack({"Dockerfile": DOCKERFILE, "serve": SERVE, "answer": ANSWER})
    steps = client.build(fileobj=io.BytesIO(context), custom_context=True, tag=IMAGE, decode=True)
    errors = [step["error"] for step in steps if "error" in step]
    assert not errors, errors
    yield IMAGE
    client.close()


def test_shell_container_serves(docker_studio: RunningStudio, image: str) -> None:
    studio = docker_studio
    sagemaker, runtime = studio.client("sagemaker"), studio.client("sagemaker-runtime")
    studio.client("s3").put_object(
        Bucket=studio.bucket, Key="shell/model.tar.gz", Body=_pack({"name": "shelly"}, "w:gz")
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

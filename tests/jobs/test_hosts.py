"""Jobs on several hosts, in real containers."""

from __future__ import annotations

import json
import time

import docker
import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningStudio

from .jobs import get, log_streams, members, request, run, shell, unique, wait, wait_for

pytestmark = pytest.mark.docker

MEET = r"""
cat /opt/ml/input/config/resourceconfig.json; echo
perl -MIO::Socket::INET -e '
if ($ENV{HOSTNAME} eq "algo-1") {
    my $server = IO::Socket::INET->new(LocalPort => 7777, Listen => 5, ReuseAddr => 1) or die $!;
    for (2 .. $ARGV[0]) { my $c = $server->accept; print "met ", <$c>; }
} else {
    my $c;
    for (1 .. 200) {
        last if $c = IO::Socket::INET->new(PeerAddr => "algo-1:7777", Timeout => 2);
        select undef, undef, undef, 0.1;
    }
    print $c "$ENV{HOSTNAME}\n"; print "met algo-1\n";
}
my $out = IO::Socket::INET->new(PeerAddr => "169.254.170.2:80", Timeout => 2);
print "studio ", ($out ? "open" : "closed"), "\n";
' "$1"
echo "$HOSTNAME" > "/opt/ml/model/$HOSTNAME"
echo "$HOSTNAME" > /opt/ml/model/both
mkdir -p /opt/ml/model/sub && echo x > "/opt/ml/model/sub/$HOSTNAME"
"""


def cluster(count: int, kind: str = "ml.t3.medium") -> dict[str, object]:
    return {"InstanceType": kind, "InstanceCount": count, "VolumeSizeInGB": 1}


def networks(studio: RunningStudio) -> list[str]:
    client = docker.from_env()
    names = [network.name or "" for network in client.networks.list()]
    client.close()
    return [name for name in names if name.startswith(f"mls-{studio.settings.studio_id}-")]


@pytest.mark.parametrize("isolated", [False, True])
def test_hosts_find_each_other_and_leave_one_model(
    docker_studio: RunningStudio, foreign_image: str, isolated: bool
) -> None:
    studio, name = docker_studio, unique("hosts")
    job = run(
        studio,
        foreign_image,
        name,
        **shell(studio, foreign_image, name, MEET, "3"),
        ResourceConfig=cluster(3),
        EnableNetworkIsolation=isolated,
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    streams = log_streams(studio, name)
    said = {stream.split("/")[1].rsplit("-", 1)[0]: lines for stream, lines in streams.items()}
    assert list(said) == ["algo-1", "algo-2", "algo-3"]
    for host, lines in said.items():
        config = json.loads(lines[0])
        assert config["current_host"] == host
        assert config["hosts"] == ["algo-1", "algo-2", "algo-3"]
        assert config["instance_groups"][0]["instance_group_name"] == "homogeneousCluster"
        assert f"studio {'closed' if isolated else 'open'}" in lines
    assert {"met algo-2", "met algo-3"} <= set(said["algo-1"])
    assert "met algo-1" in said["algo-3"]
    model = members(get(studio, job["ModelArtifacts"]["S3ModelArtifacts"]))
    assert {key: value.decode().strip() for key, value in model.items()} == {
        **{f"algo-{n}": f"algo-{n}" for n in (1, 2, 3)},
        **{f"sub/algo-{n}": "x" for n in (1, 2, 3)},
        "both": "algo-1",
    }
    assert job["BillableTimeInSeconds"] == 3 * job["TrainingTimeInSeconds"]
    assert not any(job["TrainingJobName"] in network for network in networks(studio))


def test_one_failing_host_fails_the_job(docker_studio: RunningStudio, foreign_image: str) -> None:
    fail = (
        'if [ "$HOSTNAME" = algo-2 ]; then echo broken > /opt/ml/output/failure; exit 3; fi; '
        "trap 'echo told to stop; exit 9' TERM; sleep 100 & wait"
    )
    studio, name = docker_studio, unique("half")
    began = time.monotonic()
    job = run(
        studio,
        foreign_image,
        name,
        **shell(studio, foreign_image, name, fail),
        ResourceConfig=cluster(2),
    )
    assert time.monotonic() - began < 60
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: broken, exit code: 3 on algo-2"


def test_instance_groups(docker_studio: RunningStudio, foreign_image: str) -> None:
    studio, name = docker_studio, unique("groups")
    groups = [
        {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "InstanceGroupName": "data"},
        {"InstanceType": "ml.m5.large", "InstanceCount": 1, "InstanceGroupName": "train"},
    ]
    job = run(
        studio,
        foreign_image,
        name,
        **shell(studio, foreign_image, name, "cat /opt/ml/input/config/resourceconfig.json; echo"),
        ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 1},
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    configs = [json.loads(lines[0]) for lines in log_streams(studio, name).values()]
    assert [config["current_group_name"] for config in configs] == ["data", "train"]
    assert [config["current_instance_type"] for config in configs] == [
        "ml.t3.medium",
        "ml.m5.large",
    ]
    assert configs[0]["instance_groups"][1] == {
        "instance_group_name": "train",
        "instance_type": "ml.m5.large",
        "hosts": ["algo-2"],
    }


def test_a_lost_container_is_retried_where_the_job_asks_for_it(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("retry")
    once = "echo attempt; sleep $WAIT"
    client = studio.client("sagemaker")
    client.create_training_job(
        **request(
            studio,
            foreign_image,
            name,
            **shell(studio, foreign_image, name, once),
            Environment={"WAIT": "5"},
            ResourceConfig=cluster(2),
            RetryStrategy={"MaximumRetryAttempts": 2},
        )
    )
    wait_for(studio, name, "Training")
    engine = docker.from_env()
    label = f"mlstudio.studio={studio.settings.studio_id}"
    victim = next(
        container
        for container in engine.containers.list(filters={"label": label})
        if (container.name or "").endswith("-2")
    )
    victim.remove(force=True)
    engine.close()
    job = wait(studio, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    messages = [step["StatusMessage"] for step in job["SecondaryStatusTransitions"]]
    assert any(text.startswith("Retry 1 of 2 after: InternalServerError") for text in messages)
    assert job["RetryStrategy"] == {"MaximumRetryAttempts": 2}


@pytest.mark.parametrize(
    ("resources", "code", "message"),
    [
        (cluster(0), "ValidationException", "resourceConfig.instanceCount"),
        (cluster(101), "ResourceLimitExceeded", "101 instances"),
        (
            {
                **cluster(1),
                "InstanceGroups": [
                    {"InstanceType": "ml.m5.large", "InstanceCount": 1, "InstanceGroupName": "a"}
                ],
            },
            "ValidationException",
            "either InstanceGroups or InstanceType",
        ),
        ({"VolumeSizeInGB": 1}, "ValidationException", "resourceConfig must have InstanceType"),
        (cluster(2, "ml.p4d.24xlarge"), "ResourceLimitExceeded", "GPU"),
    ],
)
def test_what_can_never_run_is_refused(
    docker_studio: RunningStudio,
    resources: dict[str, object],
    code: str,
    message: str,
) -> None:
    with pytest.raises(ClientError, match=message) as refused:
        run(docker_studio, "img", unique("refused"), ResourceConfig=resources)
    assert refused.value.response["Error"]["Code"] == code

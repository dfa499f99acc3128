"""Instance types: the table, and what a type becomes on a machine."""

from __future__ import annotations

import botocore.session
import pytest

from jupyter_mlstudio.compute.instances import (
    GIB,
    InstanceType,
    Machine,
    capped_note,
    instance_type,
    limits,
    usable_memory,
)
from jupyter_mlstudio.wire.errors import AWSError

LAPTOP = Machine(cpus=8, memory=16 * GIB)
SERVER = Machine(cpus=128, memory=1024 * GIB, gpus=8)
SHAPES = (
    "TrainingInstanceType",
    "ProcessingInstanceType",
    "ProductionVariantInstanceType",
    "TransformInstanceType",
)


def test_every_instance_type_of_the_model_has_a_size() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    names = {name for shape in SHAPES for name in model.shape_for(shape).enum}
    assert len(names) > 300
    for name in names:
        found = instance_type(name)
        assert found.vcpus >= 1
        assert found.memory >= GIB
        is_gpu = name.split(".")[1][0] in "gp"
        assert bool(found.gpus) is is_gpu, name


@pytest.mark.parametrize(
    ("name", "vcpus", "gib", "gpus"),
    [
        ("ml.m5.xlarge", 4, 16, 0),
        ("ml.m5.24xlarge", 96, 384, 0),
        ("ml.c5.9xlarge", 36, 72, 0),
        ("ml.c4.8xlarge", 36, 60, 0),
        ("ml.c5n.4xlarge", 16, 42, 0),
        ("ml.m4.10xlarge", 40, 160, 0),
        ("ml.t3.medium", 2, 4, 0),
        ("ml.t2.2xlarge", 8, 32, 0),
        ("ml.r5.large", 2, 16, 0),
        ("ml.r7gd.medium", 1, 8, 0),
        ("ml.p3.2xlarge", 8, 61, 1),
        ("ml.p4d.24xlarge", 96, 1152, 8),
        ("ml.g4dn.12xlarge", 48, 192, 4),
        ("ml.g5.48xlarge", 192, 768, 8),
    ],
)
def test_sizes_are_those_of_ec2(name: str, vcpus: int, gib: int, gpus: int) -> None:
    assert instance_type(name) == InstanceType(name, vcpus, gib * GIB, gpus)


@pytest.mark.parametrize(
    "name", ["ml.m5", "ml.zz9.large", "m5.large.x", "ml.m5.huge", "ml.p3.9xlarge", ""]
)
def test_unknown_types_are_bad_input(name: str) -> None:
    with pytest.raises(AWSError, match="ValidationException: Unknown instance type"):
        instance_type(name)


def test_a_small_type_is_given_as_it_is() -> None:
    found = limits("ml.m5.large", LAPTOP)
    assert (found.cpus, found.memory, found.gpus) == (2, 8 * GIB, 0)
    assert found.shm == 4 * GIB
    assert capped_note("ml.m5.large", LAPTOP) is None


def test_a_big_type_gets_the_whole_machine_and_says_so() -> None:
    found = limits("ml.m5.24xlarge", LAPTOP)
    assert (found.cpus, found.memory) == (8, usable_memory(LAPTOP))
    note = capped_note("ml.m5.24xlarge", LAPTOP)
    assert note == (
        "ml.m5.24xlarge has 96 vCPU and 384 GiB; on this machine it gets 8 and 14.0 GiB."
    )


def test_strict_refuses_what_never_fits() -> None:
    with pytest.raises(AWSError, match=r"ml\.m5\.24xlarge needs 96 vCPU and 384 GiB") as caught:
        limits("ml.m5.24xlarge", LAPTOP, strict=True)
    assert caught.value.code == "ResourceLimitExceeded"
    assert limits("ml.m5.large", LAPTOP, strict=True).cpus == 2
    assert limits("local", LAPTOP, strict=True).cpus == 8


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ml.p3.2xlarge", "needs 1 GPU, and this machine has none"),
        ("ml.p4d.24xlarge", "needs 8 GPUs"),
        ("local_gpu", "none was found"),
        ("ml.trn1.2xlarge", "AWS Neuron"),
        ("ml.inf2.xlarge", "AWS Neuron"),
        ("ml.dl1.24xlarge", "Gaudi"),
    ],
)
def test_a_missing_accelerator_is_named(name: str, said: str) -> None:
    with pytest.raises(AWSError, match=said) as caught:
        limits(name, LAPTOP)
    assert caught.value.code == "ResourceLimitExceeded"


def test_gpus_are_given_where_there_are_some() -> None:
    assert limits("ml.p3.8xlarge", SERVER).gpus == 4
    assert limits("local_gpu", SERVER).gpus == 8
    assert limits("local", SERVER).gpus == 0
    with pytest.raises(AWSError, match=r"3 of ml\.p3\.8xlarge needs 12 GPUs, and .* has 8"):
        limits("ml.p3.8xlarge", SERVER, count=3)


def test_several_hosts_share_the_machine() -> None:
    found = limits("ml.m5.24xlarge", LAPTOP, count=2)
    assert (found.cpus, found.memory) == (4, usable_memory(LAPTOP) // 2)
    with pytest.raises(AWSError, match=r"1000000 instances of .* do not fit this machine"):
        limits("ml.m5.large", LAPTOP, count=1_000_000)


def test_this_machine_is_measured() -> None:
    machine = Machine.detect()
    assert machine.cpus >= 1
    assert machine.memory > 256 * 1024**2
    assert usable_memory(machine) < machine.memory

"""Admission: first come, first served, nobody starves, nobody waits for what never comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlstudio.compute.admission import Admission
from jupyter_mlstudio.compute.instances import GIB, usable_memory
from jupyter_mlstudio.compute.machine import Machine
from jupyter_mlstudio.compute.protocol import Limits
from jupyter_mlstudio.wire.errors import AWSError

MACHINE = Machine(cpus=8, memory=34 * GIB, gpus=2)


def need(cpus: float, gib: float = 1, gpus: int = 0) -> Limits:
    return Limits(cpus=cpus, memory=int(gib * GIB), gpus=gpus)


def test_what_fits_starts_and_what_does_not_waits() -> None:
    admission = Admission(MACHINE)
    assert admission.reserve("a", need(6))
    assert admission.reserve("a", need(6))
    assert not admission.reserve("b", need(4))
    assert admission.waiting() == ["b"]
    admission.release("a")
    assert admission.reserve("b", need(4))
    assert admission.waiting() == []


def test_who_waits_is_told_when_there_is_room() -> None:
    admission = Admission(MACHINE)
    told: list[str] = []
    admission.subscribe(told.append)
    admission.reserve("running", need(6))
    for name, cpus in (("first", 5), ("second", 3), ("third", 4)):
        assert not admission.reserve(name, need(cpus))
    assert admission.waits("first")
    assert not admission.waits("running")
    admission.release("third")
    admission.release("unknown")
    assert told == []
    admission.release("running")
    assert told == ["first", "second"]
    assert not admission.waits("first")
    assert admission.reserve("first", need(5))


def test_who_is_only_asked_whether_it_waits_keeps_its_place() -> None:
    now = [0.0]
    admission = Admission(MACHINE, clock=lambda: now[0])
    admission.reserve("running", need(6))
    assert not admission.reserve("waiting", need(8))
    for now[0] in (50, 100):
        assert admission.waits("waiting")
    assert not admission.reserve("next", need(2))


def test_the_first_in_the_queue_is_not_passed_by() -> None:
    admission = Admission(MACHINE)
    admission.reserve("running", need(6))
    assert not admission.reserve("big", need(8))
    assert not admission.reserve("small", need(1))
    admission.release("running")
    assert not admission.reserve("small", need(1))
    assert admission.reserve("big", need(8))
    assert not admission.reserve("small", need(1))


def test_what_takes_nothing_from_those_before_may_pass() -> None:
    admission = Admission(MACHINE)
    assert admission.reserve("gpus", need(1, gpus=2))
    assert not admission.reserve("another gpu", need(2, gpus=1))
    assert admission.reserve("cpu only", need(5))
    admission.release("gpus")
    assert admission.reserve("another gpu", need(2, gpus=1))


def test_one_that_asks_no_more_loses_its_place() -> None:
    now = [0.0]
    admission = Admission(MACHINE, clock=lambda: now[0])
    admission.reserve("running", need(6))
    assert not admission.reserve("gone", need(8))
    now[0] = 61
    assert admission.reserve("next", need(2))
    assert admission.waiting() == []


def test_a_job_that_is_stopped_while_it_waits_leaves_the_queue() -> None:
    admission = Admission(MACHINE)
    admission.reserve("running", need(6))
    admission.reserve("stopped", need(8))
    admission.release("stopped")
    assert admission.reserve("next", need(2))
    admission.release("never heard of")


def test_endpoints_do_not_keep_jobs_from_running() -> None:
    admission = Admission(MACHINE)
    whole = admission.limits("local")
    for number in range(8):
        assert admission.reserve(f"endpoint-{number}", whole, service=True)
    assert not admission.reserve("endpoint-8", whole, service=True)
    assert admission.reserve("job", whole)


def test_gpus_are_counted_over_jobs_and_endpoints() -> None:
    admission = Admission(MACHINE)
    assert admission.reserve("endpoint", need(1, gpus=1), service=True)
    assert admission.reserve("job", need(1, gpus=1))
    assert not admission.reserve("another", need(1, gpus=1))


def test_what_runs_after_a_restart_counts_even_when_it_does_not_fit() -> None:
    admission = Admission(MACHINE)
    admission.restore("a", need(8))
    admission.restore("b", need(8))
    admission.release("a")
    assert not admission.reserve("c", need(1))
    admission.release("b")
    assert admission.reserve("c", need(1))


def test_what_never_fits_is_refused() -> None:
    admission = Admission(MACHINE)
    admission.check("ml.m5.24xlarge")
    assert "on this machine it gets" in (admission.note("ml.m5.24xlarge") or "")
    with pytest.raises(AWSError, match="ResourceLimitExceeded"):
        admission.check("ml.p4d.24xlarge")
    with pytest.raises(AWSError, match="ResourceLimitExceeded"):
        Admission(MACHINE, strict=True).check("ml.m5.24xlarge")


needs = st.builds(need, st.integers(1, 8), st.integers(1, 32), st.integers(0, 2))


@given(st.lists(needs, max_size=20))
def test_the_machine_is_never_overbooked_and_everybody_has_a_turn(wanted: list[Limits]) -> None:
    admission = Admission(MACHINE)
    waiting = {str(number): need for number, need in enumerate(wanted)}
    running: dict[str, Limits] = {}
    order: list[str] = []
    for _ in range(len(wanted) + 1):
        for name, limits in list(waiting.items()):
            if admission.reserve(name, limits):
                running[name] = waiting.pop(name)
                order.append(name)
        assert sum(limits.cpus or 0 for limits in running.values()) <= MACHINE.cpus
        assert sum(limits.memory or 0 for limits in running.values()) <= usable_memory(MACHINE)
        assert sum(limits.gpus for limits in running.values()) <= MACHINE.gpus
        for name in list(running)[:1]:
            admission.release(name)
            del running[name]
    assert len(order) == len(wanted)


def test_what_jobs_have_is_told_beside_what_there_is() -> None:
    admission = Admission(MACHINE)
    assert admission.capacity() == Machine(8, usable_memory(MACHINE), 2)
    assert admission.reserved() == Machine(0, 0, 0)
    admission.reserve("job", need(6, 4, gpus=1))
    admission.reserve("endpoint", need(4, 8, gpus=1), service=True)
    assert not admission.reserve("waiting", need(4))
    assert admission.reserved() == Machine(6, 4 * GIB, 2)
    admission.release("job")
    admission.release("endpoint")
    assert admission.reserved() == Machine(0, 0, 0)


def test_room_is_what_who_asks_now_would_get_behind_those_who_wait() -> None:
    admission = Admission(MACHINE)
    assert admission.has_room(need(8))
    admission.reserve("running", need(4))
    assert admission.has_room(need(4))
    assert not admission.has_room(need(5))
    assert not admission.reserve("waiting", need(8))
    assert not admission.has_room(need(1))
    assert admission.waiting() == ["waiting"]

"""The work queue: one at a time per key, again when added meanwhile, later when it raised."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from jupyter_mlstudio.core.queue import Key, WorkQueue


def wait_for(condition: threading.Event) -> None:
    assert condition.wait(10)


def test_a_key_is_never_worked_on_twice_at_once() -> None:
    active: dict[Key, int] = {}
    worst = 0
    runs = 0
    lock = threading.Lock()

    def work(key: Key) -> None:
        nonlocal worst, runs
        with lock:
            active[key] = active.get(key, 0) + 1
            worst = max(worst, active[key])
            runs += 1
        time.sleep(0.002)
        with lock:
            active[key] -= 1

    queue = WorkQueue(work, workers=8)
    queue.start()
    for number in range(200):
        queue.add(("kind", str(number % 3)))
        time.sleep(0.0005)
    while not queue.idle():
        time.sleep(0.01)
    queue.close()
    assert worst == 1
    assert runs >= 3


def test_a_key_added_while_it_is_worked_on_is_worked_on_again() -> None:
    started, release, second = threading.Event(), threading.Event(), threading.Event()
    runs = 0

    def work(_key: Key) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            started.set()
            release.wait(10)
        else:
            second.set()

    queue = WorkQueue(work)
    queue.start()
    queue.add(("kind", "a"))
    wait_for(started)
    queue.add(("kind", "a"))
    release.set()
    wait_for(second)
    queue.close()


def test_a_failure_is_tried_again_and_does_not_stop_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    recovered, other = threading.Event(), threading.Event()
    attempts = 0

    def work(key: Key) -> None:
        nonlocal attempts
        if key[1] == "good":
            other.set()
            return
        attempts += 1
        if attempts < 3:
            raise RuntimeError("not yet")
        recovered.set()

    queue = WorkQueue(work, workers=1)
    queue.start()
    queue.add(("kind", "bad"))
    queue.add(("kind", "good"))
    wait_for(other)
    wait_for(recovered)
    queue.close()


def test_what_work_changes_itself_does_not_shorten_its_pause() -> None:
    times: list[float] = []
    done = threading.Event()

    def work(key: Key) -> float | None:
        times.append(time.monotonic())
        queue.add(key)
        queue.add(("kind", "other"))
        if key[1] == "other" and len(times) > 2:
            done.set()
        if len(times) == 1:
            return 0.1
        raise RuntimeError("not yet")

    queue = WorkQueue(work, workers=1)
    queue.start()
    queue.add(("kind", "a"))
    wait_for(done)
    queue.close()
    assert len(times) < 10


def test_what_work_returns_is_when_to_look_again() -> None:
    times: list[float] = []
    done = threading.Event()

    def work(_key: Key) -> float | None:
        times.append(time.monotonic())
        if len(times) == 2:
            done.set()
            return None
        return 0.05

    queue = WorkQueue(work)
    queue.start()
    queue.add(("kind", "a"))
    wait_for(done)
    queue.close()
    assert times[1] - times[0] >= 0.05


def test_an_earlier_time_wins_over_a_later_one() -> None:
    done = threading.Event()
    queue = WorkQueue(lambda _key: done.set())
    queue.start()
    queue.add(("kind", "a"), delay=60)
    queue.add(("kind", "a"))
    wait_for(done)
    queue.close()

"""Resources: identity, history, events, and changes that happen wholly or not at all."""

from __future__ import annotations

import subprocess
import sys
from threading import Thread

import pytest

from jupyter_mlstudio.core.opening import open_database
from jupyter_mlstudio.core.settings import Settings
from jupyter_mlstudio.core.store import Resource, Store
from jupyter_mlstudio.wire.errors import AWSError

from .conftest import ACCOUNT, REGION, WIDGET


def make(store: Store, name: str = "one") -> Resource:
    return store.create(
        WIDGET,
        ACCOUNT,
        REGION,
        name,
        wish={"Size": 1},
        status="InProgress",
        labels={"team": "a"},
        step=("Starting", "made"),
    )


def test_a_resource_is_found_by_name_uid_and_arn(store: Store) -> None:
    made = make(store, "Mixed-Case")
    assert made.arn == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:widget/mixed-case"
    assert store.get(WIDGET, ACCOUNT, REGION, "mixed-case") == made
    assert store.by_uid(made.uid) == made
    assert store.by_arn(made.arn) == made
    assert store.find(WIDGET, ACCOUNT, "us-east-1", "Mixed-Case") is None


def test_a_missing_name_gives_the_error_of_the_kind(store: Store) -> None:
    with pytest.raises(AWSError, match=r"ValidationException: Could not find widget x\."):
        store.get(WIDGET, ACCOUNT, REGION, "x")


def test_a_taken_name_is_refused_in_any_case_and_changes_nothing(store: Store) -> None:
    make(store)
    cursor = store.last_cursor()
    with pytest.raises(AWSError, match="ResourceInUse: Widget ONE exists: arn:aws"):
        make(store, "ONE")
    assert store.counts() == {("TestWidget", "InProgress"): 1}
    assert store.last_cursor() == cursor


def test_an_edit_is_stored_with_its_history_and_announced(store: Store) -> None:
    told: list[Resource] = []
    made = make(store)
    store.subscribe(told.append)
    with store.edit(made.uid) as draft:
        draft.status = "Done"
        draft.facts["Weight"] = 3
        draft.step("Done", "finished")
    now = store.by_uid(made.uid)
    assert now is not None
    assert (now.status, now.facts, now.revision) == ("Done", {"Weight": 3}, 2)
    first, last = store.history(made.uid)
    assert (first.status, last.status) == ("Starting", "Done")
    assert first.ended == last.started
    assert last.ended is None
    assert [resource.status for resource in told] == ["Done"]
    assert [event.status for event in store.changes(0, 10)] == ["InProgress", "Done"]


def test_an_edit_that_raises_changes_nothing(store: Store) -> None:
    made = make(store)
    with pytest.raises(ZeroDivisionError), store.edit(made.uid) as draft:
        draft.status = "Done"
        _ = 1 / 0
    assert store.by_uid(made.uid) == made


def test_an_edit_that_changes_nothing_is_no_event(store: Store) -> None:
    made = make(store)
    with store.edit(made.uid) as draft:
        draft.step("Starting", "made")
    assert store.by_uid(made.uid) == made
    assert len(store.changes(0, 10)) == 1


def test_concurrent_edits_lose_none(store: Store) -> None:
    made = make(store)

    def add() -> None:
        for _ in range(20):
            with store.edit(made.uid) as draft:
                draft.facts["n"] = draft.facts.get("n", 0) + 1

    threads = [Thread(target=add) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = store.by_uid(made.uid)
    assert now is not None
    assert now.facts["n"] == 100


def test_changes_within_a_write_happen_together_and_are_told_afterwards(store: Store) -> None:
    told: list[str] = []
    store.subscribe(lambda resource: told.append(f"{resource.name} {resource.status}"))
    one, two = make(store, "one"), make(store, "two")
    told.clear()
    with pytest.raises(OSError, match="in between"), store.database.write():
        store.delete(one.uid)
        with store.edit(two.uid) as draft:
            draft.status = "Changed"
        raise OSError("in between")
    assert store.by_uid(one.uid) == one
    assert store.by_uid(two.uid) == two
    assert told == []
    with store.database.write():
        store.delete(one.uid)
        with store.edit(two.uid) as draft:
            draft.status = "Changed"
        assert told == []
    assert told == ["one Deleted", "two Changed"]
    assert store.by_uid(one.uid) is None


def test_deleting_frees_the_name_and_forgets_history_and_tags(store: Store) -> None:
    made = make(store)
    store.delete(made.uid)
    store.delete(made.uid)
    assert store.tags(made.arn) == {}
    again = make(store)
    assert len(store.history(again.uid)) == 1


def test_tags_have_a_limit_that_changes_nothing_when_passed(store: Store) -> None:
    made = make(store)
    assert store.tag(made.arn, {"team": "b", "x": "1"}, limit=2)
    assert not store.tag(made.arn, {"y": "2"}, limit=2)
    assert store.tags(made.arn) == {"team": "b", "x": "1"}
    store.untag(made.arn, ["x", "unknown"])
    assert store.tags(made.arn) == {"team": "b"}


def test_only_unsettled_resources_are_looked_at_again(store: Store) -> None:
    first, second = make(store, "a"), make(store, "b")
    with store.edit(second.uid) as draft:
        draft.status = "Done"
    assert (WIDGET.name, first.uid) in store.unsettled()
    assert (WIDGET.name, second.uid) not in store.unsettled()


_WRITER = """
import os, sys
from pathlib import Path
from jupyter_mlstudio.core.opening import open_database
from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.core.store import Store
from tests.core.conftest import ACCOUNT, REGION, WIDGET
store = Store(open_database(load_settings(Path(sys.argv[1]))))
for number in range(10**6):
    store.create(WIDGET, ACCOUNT, REGION, f"n{number}", wish={}, status="InProgress")
    print(number, flush=True)
"""


def test_kill_9_loses_nothing_acknowledged(database_settings: Settings) -> None:
    command = [sys.executable, "-c", _WRITER, str(database_settings.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) >= 40:
                break
        writer.kill()
        acknowledged = int(line) + sum(1 for _ in writer.stdout)
    database = open_database(database_settings)
    counts = Store(database).counts()
    database.close()
    assert counts[(WIDGET.name, "InProgress")] >= acknowledged + 1

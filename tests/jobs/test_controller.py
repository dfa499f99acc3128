"""The training controller against an engine whose behaviour the test dictates."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import pytest
from boto3.exceptions import S3UploadFailedError

from jupyter_mlstudio.compute.protocol import ContentsLost, EngineError, Folder, Overlay
from jupyter_mlstudio.core.clock import moment
from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.core.store import Resource
from jupyter_mlstudio.core.studio import Studio
from jupyter_mlstudio.jobs.controller import UPLOAD_RETRY
from jupyter_mlstudio.jobs.patience import STORE_PATIENCE
from jupyter_mlstudio.jobs.status import COMPLETED, FAILED, IN_PROGRESS, STOPPING
from jupyter_mlstudio.jobs.training.controller import TrainingController
from jupyter_mlstudio.jobs.training.kind import TRAINING_JOB
from jupyter_mlstudio.jobs.warm.cache import CACHE
from jupyter_mlstudio.storage.objects import ObjectStore
from tests.core.fake_engine import FakeEngine
from tests.postgres import chosen

SMALL = {"InstanceType": "ml.t3.medium", "InstanceCount": 1}
KEPT_ALIVE = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "KeepAlivePeriodInSeconds": 60}


def is_cache(mount: Folder | Overlay) -> TypeGuard[Folder]:
    return mount.target == CACHE


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    settings = load_settings(tmp_path / "root", **chosen())
    made = Studio(settings, FakeEngine())
    objects = ObjectStore(settings.objects)
    objects.create_bucket(settings.default_bucket, settings.region)
    objects.close()
    yield made
    made.close()


def create(studio: Studio, name: str = "job", **changes: Any) -> Resource:
    wish = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": "img", "TrainingInputMode": "File"},
        "RoleArn": studio.settings.role_arn,
        "OutputDataConfig": {"S3OutputPath": f"s3://{studio.settings.default_bucket}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 10**9},
        **changes,
    }
    return studio.store.create(
        TRAINING_JOB,
        studio.settings.account,
        studio.settings.region,
        name,
        wish=wish,
        status=IN_PROGRESS,
        facts={"SecondaryStatus": "Starting", "Accepted": moment()},
        step=("Starting", "Starting the training job"),
    )


def engine(studio: Studio) -> FakeEngine:
    assert isinstance(studio.engine, FakeEngine)
    return studio.engine


def now(studio: Studio, job: Resource) -> Resource:
    found = studio.store.by_uid(job.uid)
    assert found is not None
    return found


def test_every_step_may_be_repeated_and_starts_one_container(studio: Studio) -> None:
    job = create(studio)
    for _ in range(4):
        TrainingController(studio).reconcile(job.uid)
    assert engine(studio).starts == 1
    assert now(studio, job).facts["SecondaryStatus"] == "Training"
    assert [s.status for s in studio.store.history(job.uid)] == [
        "Starting",
        "Downloading",
        "Training",
    ]


def test_what_does_not_fit_waits_and_says_so(studio: Studio) -> None:
    first, second = create(studio, "first"), create(studio, "second")
    controller = TrainingController(studio)
    controller.reconcile(first.uid)
    assert controller.reconcile(second.uid) is not None
    assert engine(studio).starts == 1
    assert "Waiting for room" in studio.store.history(second.uid)[-1].message
    engine(studio).remove(studio.container_name(first))
    controller.reconcile(first.uid)
    controller.reconcile(first.uid)
    controller.reconcile(second.uid)
    assert engine(studio).starts == 2


@pytest.mark.parametrize("step", ["Downloading", "DownloadingTrainingImage"])
def test_a_job_does_not_go_back_when_its_room_is_lost_over_a_crash(
    studio: Studio, step: str
) -> None:
    first, second = create(studio, "first"), create(studio, "second")
    for _ in range(2):
        TrainingController(studio).reconcile(first.uid)
    with studio.store.edit(second.uid) as draft:
        draft.facts["SecondaryStatus"] = step
        draft.step(step, "as a studio left it that was killed")
    TrainingController(studio).reconcile(second.uid)
    assert now(studio, second).facts["SecondaryStatus"] == step
    engine(studio).exit(studio.container_name(first), 0)
    studio.admission.release(f"mls-{studio.settings.studio_id}-{first.uid}")
    for _ in range(2):
        TrainingController(studio).reconcile(second.uid)
    steps = [entry.status for entry in studio.store.history(second.uid)]
    assert steps == ["Starting", step, "Training"]


def test_a_claim_that_was_not_granted_is_no_claim(studio: Studio) -> None:
    job = create(studio, ResourceConfig=KEPT_ALIVE)
    with studio.store.edit(job.uid) as draft:
        draft.facts["WarmPool"] = "of-another-job"
    controller = TrainingController(studio)
    for _ in range(3):
        controller.reconcile(job.uid)
    assert engine(studio).starts == 1
    assert now(studio, job).facts["SecondaryStatus"] == "Training"
    assert "WarmPool" not in now(studio, job).facts


def test_an_engine_out_of_reach_is_waited_for(studio: Studio) -> None:
    job = create(studio)
    controller = TrainingController(studio)
    controller.reconcile(job.uid)
    controller.reconcile(job.uid)
    engine(studio).down = True
    assert controller.reconcile(job.uid) is not None
    assert now(studio, job).status == IN_PROGRESS
    engine(studio).down = False
    controller.reconcile(job.uid)
    assert now(studio, job).facts["SecondaryStatus"] == "Training"


def test_a_container_that_vanished_fails_the_job_with_what_to_do(studio: Studio) -> None:
    job = create(studio)
    controller = TrainingController(studio)
    controller.reconcile(job.uid)
    controller.reconcile(job.uid)
    engine(studio).states.clear()
    assert controller.reconcile(job.uid) is None
    ended = now(studio, job)
    assert ended.status == "Failed"
    assert ended.facts["FailureReason"].startswith("InternalServerError: A container of the job")
    assert "Start the job again" in ended.facts["FailureReason"]


def test_a_job_on_an_engine_we_do_not_see_is_not_given_up(studio: Studio) -> None:
    job = create(studio)
    controller = TrainingController(studio)
    controller.reconcile(job.uid)
    controller.reconcile(job.uid)
    engine(studio).states.clear()
    engine(studio).name = "process"
    assert controller.reconcile(job.uid) is not None
    assert now(studio, job).status == IN_PROGRESS


def test_a_step_that_fails_on_this_machine_is_tried_again_and_given_up(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create(studio)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("jupyter_mlstudio.jobs.training.controller.prepare_folders", full)
    controller = TrainingController(studio)
    delays = [controller.reconcile(job.uid) for _ in range(6)]
    assert delays == [2.0, 4.0, 8.0, 16.0, 32.0, None]
    ended = now(studio, job)
    assert ended.status == "Failed"
    assert "No space left on device" in ended.facts["FailureReason"]
    other = create(studio, "other")
    monkeypatch.undo()
    controller.reconcile(other.uid)
    assert engine(studio).starts == 1


def unforeseen(*_: object, **__: object) -> None:
    raise RuntimeError("nobody foresaw this")


def test_what_nobody_foresaw_fails_a_job_at_last_and_says_so_before(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create(studio)
    monkeypatch.setattr("jupyter_mlstudio.jobs.training.controller.prepare_folders", unforeseen)
    controller = TrainingController(studio)
    assert controller.reconcile(job.uid) == 2.0
    waiting = studio.store.history(job.uid)[-1]
    assert (waiting.status, now(studio, job).status) == ("Downloading", IN_PROGRESS)
    assert "tried again after: InternalServerError: RuntimeError: nobody" in waiting.message
    assert [controller.reconcile(job.uid) for _ in range(5)] == [4.0, 8.0, 16.0, 32.0, None]
    ended = now(studio, job)
    assert ended.status == FAILED
    assert ended.facts["FailureReason"] == (
        "InternalServerError: RuntimeError: nobody foresaw this. This is a fault of the studio; "
        "its log has the details."
    )


def test_an_engine_that_refuses_for_good_fails_a_job_at_last(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create(studio)
    controller = TrainingController(studio)
    controller.reconcile(job.uid)

    def refuse(*_: object) -> None:
        raise EngineError("The container belongs to somebody else.")

    monkeypatch.setattr(FakeEngine, "inspect", refuse)
    for _ in range(6):
        controller.reconcile(job.uid)
    assert now(studio, job).facts["FailureReason"] == (
        "InternalServerError: The container belongs to somebody else."
    )


def test_only_failures_in_a_row_count(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    job = create(studio)
    controller = TrainingController(studio)
    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(TrainingController, "_step", unforeseen)
            assert [controller.reconcile(job.uid) for _ in range(4)] == [2.0, 4.0, 8.0, 16.0]
        controller.reconcile(job.uid)
    assert now(studio, job).facts["SecondaryStatus"] == "Training"


def test_a_job_whose_container_runs_goes_on_unless_it_is_to_stop(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (create(studio, name, ResourceConfig=SMALL) for name in ("first", "second"))
    controller = TrainingController(studio)
    for job in (first, second):
        for _ in range(2):
            controller.reconcile(job.uid)
    with monkeypatch.context() as patch:
        patch.setattr(TrainingController, "accompany", unforeseen)
        assert [controller.reconcile(first.uid) for _ in range(8)][-3:] == [32.0] * 3
        patch.setattr(TrainingController, "_accompany", unforeseen)
        with studio.store.edit(second.uid) as draft:
            draft.status = STOPPING
            draft.facts["SecondaryStatus"] = "Stopping"
            draft.step("Stopping", "Stopping the job")
        for _ in range(6):
            controller.reconcile(second.uid)
    assert now(studio, second).status == FAILED
    engine(studio).exit(studio.container_name(first), 0)
    for _ in range(3):
        controller.reconcile(first.uid)
        time.sleep(0.2)
    assert now(studio, first).facts["Outcome"] == COMPLETED


def test_a_job_that_has_ended_stays_what_it_is_when_clean_up_fails(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create(studio)
    controller = TrainingController(studio)
    monkeypatch.setattr(controller, "publish", lambda *_: {})
    for _ in range(2):
        controller.reconcile(job.uid)
    engine(studio).exit(studio.container_name(job), 0)
    with monkeypatch.context() as patch:
        patch.setattr("jupyter_mlstudio.jobs.controller.stop_pipes", unforeseen)
        deadline = time.monotonic() + 10
        while now(studio, job).status == IN_PROGRESS:
            assert time.monotonic() < deadline
            controller.reconcile(job.uid)
        for _ in range(8):
            with pytest.raises(RuntimeError):
                controller.reconcile(job.uid)
    assert now(studio, job).status == COMPLETED
    assert controller.reconcile(job.uid) is None
    assert not (studio.settings.jobs / job.uid).exists()


def test_stopping_before_the_start_needs_no_container(studio: Studio) -> None:
    job = create(studio)
    with studio.store.edit(job.uid) as draft:
        draft.status = STOPPING
    TrainingController(studio).reconcile(job.uid)
    assert now(studio, job).status == "Stopped"
    assert engine(studio).starts == 0


def test_stopping_gives_the_container_120_seconds(studio: Studio) -> None:
    job = create(studio)
    controller = TrainingController(studio)
    controller.reconcile(job.uid)
    controller.reconcile(job.uid)
    with studio.store.edit(job.uid) as draft:
        draft.status = STOPPING
    controller.reconcile(job.uid)
    assert engine(studio).stopped == [(studio.container_name(job), 120)]


def test_an_upload_that_fails_is_tried_again_while_the_artifact_is_kept(studio: Studio) -> None:
    job = create(studio)
    controller = TrainingController(studio)
    controller.reconcile(job.uid)
    model = studio.run_folder(job) / "opt/ml/model/weights"
    model.write_text("precious")
    controller.reconcile(job.uid)
    engine(studio).exit(studio.container_name(job), 0)
    for _ in range(200):
        delay = controller.reconcile(job.uid)
        if "Outcome" in now(studio, job).facts and delay and delay > 1:
            break
    assert now(studio, job).facts["SecondaryStatus"] == "Uploading"
    assert now(studio, job).status == IN_PROGRESS
    assert model.read_text() == "precious"


def test_an_upload_that_s3_keeps_refusing_fails_the_job_at_last(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing:
        def upload_file(self, path: str, bucket: str, key: str) -> None:
            raise S3UploadFailedError(f"Failed to upload {path}: NoSuchBucket")

    monkeypatch.setattr(studio, "s3", lambda region: Refusing())
    job = create(studio)
    controller = TrainingController(studio)
    controller.reconcile(job.uid)
    controller.reconcile(job.uid)
    engine(studio).exit(studio.container_name(job), 0)
    while "Outcome" not in now(studio, job).facts:
        controller.reconcile(job.uid)
        time.sleep(0.02)
    assert controller.reconcile(job.uid) == UPLOAD_RETRY
    with studio.store.edit(job.uid) as draft:
        draft.facts["UploadingSince"] = moment(ago=STORE_PATIENCE)
    assert controller.reconcile(job.uid) is None
    ended = now(studio, job)
    assert ended.status == FAILED
    assert "ClientError: Artifact upload failed" in ended.facts["FailureReason"]
    assert "NoSuchBucket" in ended.facts["FailureReason"]


@pytest.mark.parametrize("jump", [86_400, -86_400])
def test_no_limit_is_reached_because_the_clock_is_set(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    job = create(
        studio,
        StoppingCondition={
            "MaxRuntimeInSeconds": 10**9,
            "MaxWaitTimeInSeconds": 200,
            "MaxPendingTimeInSeconds": 7200,
        },
    )
    controller = TrainingController(studio)
    for _ in range(3):
        controller.reconcile(job.uid)
    with studio.store.edit(job.uid) as draft:  # containers of this engine began long ago
        draft.wish["StoppingCondition"]["MaxRuntimeInSeconds"] = 100
        draft.facts.update(StartedAt=time.time(), Started=moment(), FirstStarted=moment())
    real = time.time
    monkeypatch.setattr("time.time", lambda: real() + jump)
    for _ in range(2):
        controller.reconcile(job.uid)
    assert now(studio, job).status == IN_PROGRESS
    engine(studio).exit(studio.container_name(job), 0)
    while "Outcome" not in now(studio, job).facts:
        controller.reconcile(job.uid)
        time.sleep(0.02)
    facts = now(studio, job).facts
    assert 0 <= facts["EndedAt"] - facts["StartedAt"] < 30
    steps = [step.started for step in studio.store.history(job.uid)]
    assert steps == sorted(steps)


def test_a_model_that_is_lost_fails_the_job(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(path: Path) -> None:
        raise ContentsLost("What the container wrote is gone: no such volume.")

    job = create(studio)
    controller = TrainingController(studio)
    controller.reconcile(job.uid)
    controller.reconcile(job.uid)
    monkeypatch.setattr(studio.engine, "readable_tree", lost)
    engine(studio).exit(studio.container_name(job), 0)
    for _ in range(100):
        if controller.reconcile(job.uid) is None:
            break
        time.sleep(0.05)
    ended = now(studio, job)
    assert ended.status == FAILED
    assert ended.facts["FailureReason"] == (
        "InternalServerError: What the container wrote is gone: no such volume."
    )
    assert "ModelArtifacts" not in ended.facts


@pytest.mark.parametrize("stopped", [False, True])
def test_what_a_container_makes_of_part_of_its_input_is_no_success(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    reason = "InternalServerError: The process that feeds it was killed."
    job = create(studio, RetryStrategy={"MaximumRetryAttempts": 1})
    controller = TrainingController(studio)
    for attempt in range(2):
        monkeypatch.undo()
        while now(studio, job).facts["SecondaryStatus"] != "Training":
            controller.reconcile(job.uid)
        monkeypatch.setattr("jupyter_mlstudio.jobs.controller.feed_problem", lambda *_: reason)
        controller.reconcile(job.uid)
        assert engine(studio).stopped == [(studio.container_name(job), 0)] * (attempt + 1)
        if stopped:
            with studio.store.edit(job.uid) as draft:
                draft.status = STOPPING
        engine(studio).exit(studio.container_name(job), 0)
        while controller.reconcile(job.uid) is not None:
            time.sleep(0.02)
            if "InputProblem" not in now(studio, job).facts:
                break
        if stopped:
            break
        expected = IN_PROGRESS if attempt == 0 else FAILED
        assert now(studio, job).status == expected
    ended = now(studio, job)
    assert engine(studio).starts == (1 if stopped else 2)
    assert ended.status == ("Stopped" if stopped else FAILED)
    assert ended.facts.get("FailureReason") == (None if stopped else reason)


def test_what_a_kill_left_of_an_ended_job_is_cleaned_up(studio: Studio) -> None:
    job = create(studio)
    controller = TrainingController(studio)
    controller.reconcile(job.uid)
    with studio.store.edit(job.uid) as draft:
        draft.status = "Completed"
    studio.start()
    deadline = time.monotonic() + 10
    while (engine(studio).states or any(studio.settings.jobs.iterdir())) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.02)
    assert engine(studio).states == {}
    assert list(studio.settings.jobs.iterdir()) == []

"""Training and processing with the SageMaker SDK v3."""

from __future__ import annotations

import io
import logging
from functools import partial

from botocore.exceptions import ClientError
from flow import Place, flow, printed, raises
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.processing import FrameworkProcessor, Processor, ScriptProcessor
from sagemaker.core.resources import ProcessingJob, TrainingJob
from sagemaker.core.shapes import (
    AlgorithmSpecification,
    OutputDataConfig,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
    ResourceConfig,
    ResourceConfigForUpdate,
    StoppingCondition,
)
from sagemaker.core.utils.exceptions import FailedStatusError
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
from v3 import SESSION, SMALL

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
FOLDER = "/opt/ml/processing"
SCRIPT = """
import pathlib, sys
text = pathlib.Path("/opt/ml/processing/in/words.txt").read_text()
pathlib.Path("/opt/ml/processing/out/upper.txt").write_text(text.upper() + sys.argv[1])
"""
FRAMEWORK = """
import pathlib
from helper import NAME
pathlib.Path("/opt/ml/processing/out/said.txt").write_text("hello " + NAME)
"""


def training(place: Place, name: str, **parameters: str) -> TrainingJob:
    """Start a training job of the foreign image by the resource class."""
    job = TrainingJob.create(
        training_job_name=name,
        algorithm_specification=AlgorithmSpecification(
            training_image=place.foreign, training_input_mode="File"
        ),
        role_arn=place.role,
        hyper_parameters=parameters,
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{place.bucket}/v3"),
        resource_config=ResourceConfig(instance_type=SMALL, instance_count=1, volume_size_in_gb=1),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=300),
    )
    assert job is not None
    return job


def output(place: Place, prefix: str) -> ProcessingOutput:
    """Return where a processing job leaves its files: below a prefix of the bucket."""
    target = ProcessingS3Output(
        s3_uri=f"s3://{place.bucket}/{prefix}",
        local_path=f"{FOLDER}/out",
        s3_upload_mode="EndOfJob",
    )
    return ProcessingOutput(output_name="out", s3_output=target)


@flow
def session(place: Place) -> None:
    """Buckets, files and the role, as the first cells of a notebook want them."""
    assert SESSION.default_bucket() == place.bucket
    assert SESSION.account_id() == place.account
    assert get_execution_role(SESSION) == place.role
    assert SESSION.expand_role(place.role.rpartition("/")[2]) == place.role
    folder = place.folder("session", {"a.csv": "1,2\n", "b.txt": "b"})
    uri = SESSION.upload_data(folder, key_prefix="v3/session")
    assert uri == f"s3://{place.bucket}/v3/session"
    keys = SESSION.list_s3_files(place.bucket, "v3/session")
    assert sorted(keys) == ["v3/session/a.csv", "v3/session/b.txt"]
    back = place.work / "back"
    back.mkdir()
    SESSION.download_data(str(back), place.bucket, key_prefix="v3/session/")
    assert (back / "b.txt").read_text() == "b"
    other = Session(SESSION.boto_session, default_bucket="made-by-v3")
    assert other.default_bucket() == "made-by-v3"
    SESSION.boto_session.client("s3").head_bucket(Bucket="made-by-v3")


@flow
def processor(place: Place) -> None:
    """A command in an image of the user's own that fails, and one that is stopped."""

    def command(*words: str) -> Processor:
        return Processor(
            place.role, place.foreign, 1, SMALL, entrypoint=[*words], sagemaker_session=SESSION
        )

    failing = command("sh", "-c", "exit 4")
    failing.run(wait=False, logs=False)
    # run(wait=True) of 3.27.0 stumbles over its own UnexpectedStatusException.
    with raises(FailedStatusError, "AlgorithmError"):
        failing.latest_job.wait(poll=1)
    waiting = command("sleep", "300")
    waiting.run(wait=False, logs=False)
    waiting.latest_job.stop()
    waiting.latest_job.wait(poll=1)
    assert waiting.latest_job.refresh().processing_job_status == "Stopped"


@flow
def trainer(place: Place) -> None:
    """An image's own algorithm, by the name of a role."""
    folder = place.folder("numbers", {"numbers.csv": "0,1\n0,3\n"})
    trainer = ModelTrainer(
        training_image=place.foreign,
        role=place.role.rpartition("/")[2],
        compute=Compute(instance_type=SMALL, instance_count=1, volume_size_in_gb=1),
        hyperparameters={"lines": 2},
        base_job_name="v3-trainer",
        sagemaker_session=SESSION,
    )
    data = InputData(channel_name="train", data_source=folder)
    log = io.StringIO()
    logger = logging.getLogger("sagemaker.core.resources")
    logger.addHandler(logging.StreamHandler(log))
    logger.setLevel(logging.INFO)
    trainer.train(input_data_config=[data], wait=True, logs=True)
    assert "line 2 loss=0.2;" in log.getvalue()
    job = trainer._latest_training_job
    job.refresh()
    assert job.training_job_status == "Completed"
    assert job.role_arn == place.role
    assert job.model_artifacts.s3_model_artifacts.endswith("/output/model.tar.gz")


@flow
def training_resources(place: Place) -> None:
    """``TrainingJob`` by itself: create, get, list, stop, wait, fail, delete."""
    waiting = training(place, "v3-stopped", wait="300")
    assert TrainingJob.get("v3-stopped").training_job_arn == waiting.training_job_arn
    listed = TrainingJob.get_all(name_contains="v3-stop", sort_by="Name")
    assert [job.training_job_name for job in listed] == ["v3-stopped"]
    waiting.stop()
    waiting.wait(poll=1)
    assert waiting.training_job_status == "Stopped"
    waiting.delete()
    with raises(ClientError, "Requested resource not found"):
        waiting.refresh()
    failing = training(place, "v3-failed", failure="no luck", exit="3")
    with raises(FailedStatusError, "no luck"):
        failing.wait(poll=1)
    with raises(ClientError, "ResourceInUse"):
        training(place, "v3-failed")


@flow
def warm_pool(place: Place) -> None:
    """A job leaves a warm pool, and the next one starts there."""
    trainer = ModelTrainer(
        training_image=SKLEARN,
        source_code=SourceCode(
            source_dir=place.folder("warm", {"train.py": "print('trained')"}),
            entry_script="train.py",
        ),
        compute=Compute(
            instance_type=SMALL,
            instance_count=1,
            volume_size_in_gb=1,
            keep_alive_period_in_seconds=600,
        ),
        role=place.role,
        base_job_name="v3-warm",
        sagemaker_session=SESSION,
    )
    jobs = []
    for _ in range(2):
        trainer.train(wait=False)
        jobs.append(trainer._latest_training_job)
        assert jobs[-1].refresh().warm_pool_status.status == "InUse"
        jobs[-1].wait(poll=1)
        assert jobs[-1].refresh().warm_pool_status.status == "Available"
    first = jobs[0].refresh().warm_pool_status
    assert (first.status, first.reused_by_job) == ("Reused", jobs[1].training_job_name)
    jobs[1].update(resource_config=ResourceConfigForUpdate(keep_alive_period_in_seconds=1))


@flow
def script_processor(place: Place) -> None:
    """A local script on a local file, found again as a resource."""
    folder = place.folder("script", {"process.py": SCRIPT, "words.txt": "one"})
    processor = ScriptProcessor(
        role=place.role,
        image_uri=SKLEARN,
        command=["python3"],
        instance_count=1,
        instance_type=SMALL,
        base_job_name="v3-script",
        sagemaker_session=SESSION,
    )
    words = SESSION.upload_data(f"{folder}/words.txt", key_prefix="v3/words")
    source = ProcessingS3Input(
        s3_uri=words, local_path=f"{FOLDER}/in", s3_data_type="S3Prefix", s3_input_mode="File"
    )
    processor.run(
        f"{folder}/process.py",
        inputs=[ProcessingInput(input_name="words", s3_input=source)],
        outputs=[output(place, "v3/script")],
        arguments=["!"],
        logs=False,
    )
    assert SESSION.read_s3_file(place.bucket, "v3/script/upper.txt") == "ONE!"
    (found,) = ProcessingJob.get_all(name_contains="v3-script")
    assert found.refresh().processing_job_status == "Completed"
    found.delete()
    with raises(ClientError, "Could not find requested job"):
        found.refresh()


@flow
def framework_processor(place: Place) -> None:
    """A folder of code."""
    source = place.folder("framework", {"process.py": FRAMEWORK, "helper.py": "NAME = 'world'\n"})
    processor = FrameworkProcessor(
        image_uri=SKLEARN,
        role=place.role,
        instance_count=1,
        instance_type=SMALL,
        command=["python3"],
        sagemaker_session=SESSION,
    )
    run = partial(processor.run, "process.py", source_dir=source)
    log = printed(lambda: run(outputs=[output(place, "v3/framework")]))
    assert "helper.py" in log
    assert SESSION.read_s3_file(place.bucket, "v3/framework/said.txt") == "hello world"

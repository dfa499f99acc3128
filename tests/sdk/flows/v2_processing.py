"""Processing with the SageMaker SDK v2."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

from botocore.exceptions import ClientError
from flow import Place, flow, printed, raises
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.image_uris import retrieve
from sagemaker.processing import (
    FrameworkProcessor,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    Processor,
    ScriptProcessor,
)
from sagemaker.sklearn import SKLearn
from sagemaker.sklearn.processing import SKLearnProcessor
from v2 import SESSION, SMALL

FOLDER = "/opt/ml/processing"

SCRIPT = """
import pathlib, sys
text = pathlib.Path("/opt/ml/processing/in/words.txt").read_text()
pathlib.Path("/opt/ml/processing/out/upper.txt").write_text(text.upper())
print("arguments", *sys.argv[1:])
"""
FRAMEWORK = """
import pathlib
import greeting
from helper import NAME
pathlib.Path("/opt/ml/processing/out/said.txt").write_text(greeting.TEXT + " " + NAME)
"""


def output(job: ProcessingJob, name: str) -> str:
    """Return the text of a file of a job's first output."""
    uri = job.describe()["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return SESSION.read_s3_file(bucket, f"{prefix}/{name}")


def wheel(path: Path) -> None:
    """Write a package of one module, for where there is no package index."""
    files = {
        "greeting.py": "TEXT = 'hello'\n",
        "greeting-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
        "greeting-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    record = ""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
            record += f"{name},sha256={digest.decode()},{len(text)}\n"
            archive.writestr(name, text)
        archive.writestr("greeting-1.0.dist-info/RECORD", record)


@flow
def processor(place: Place) -> None:
    """A command in an image of the user's own, with local files as input; failing, stopping."""
    words = place.folder("words", {"words.txt": "one two\n"})
    command = "wc -w < /opt/ml/processing/in/words.txt > /opt/ml/processing/out/count"
    processor = Processor(
        place.role,
        place.foreign,
        1,
        SMALL,
        entrypoint=["sh", "-c", f"echo counting; {command}"],
        sagemaker_session=SESSION,
    )
    log = printed(
        lambda: processor.run(
            inputs=[ProcessingInput(words, f"{FOLDER}/in", input_name="words")],
            outputs=[ProcessingOutput(f"{FOLDER}/out", output_name="counts")],
        )
    )
    assert "counting" in log
    job = processor.latest_job
    assert output(job, "count").strip() == "2"
    found = ProcessingJob.from_processing_name(SESSION, job.job_name)
    assert found.outputs[0].destination == job.outputs[0].destination
    with raises(ClientError, "ResourceInUse", "already exists"):
        processor.run(job_name=job.job_name, wait=False, logs=False)

    failing = Processor(
        place.role,
        place.foreign,
        1,
        SMALL,
        entrypoint=["sh", "-c", "exit 4"],
        sagemaker_session=SESSION,
    )
    with raises(UnexpectedStatusException, "AlgorithmError"):
        failing.run(logs=False)
    waiting = Processor(
        place.role, place.foreign, 1, SMALL, entrypoint=["sleep", "300"], sagemaker_session=SESSION
    )
    waiting.run(wait=False, logs=False)
    waiting.latest_job.stop()
    waiting.latest_job.wait(logs=False)
    assert waiting.latest_job.describe()["ProcessingJobStatus"] == "Stopped"


@flow
def script_processor(place: Place) -> None:
    """A script, in an image that is named and in the one for scikit-learn."""
    folder = Path(place.folder("script", {"process.py": SCRIPT, "words.txt": "one"}))
    image = retrieve("sklearn", place.region, version="1.2-1")
    for processor in (
        ScriptProcessor(
            role=place.role,
            image_uri=image,
            command=["python3"],
            instance_count=1,
            instance_type=SMALL,
            sagemaker_session=SESSION,
        ),
        SKLearnProcessor(
            "1.2-1", place.role, instance_type=SMALL, instance_count=1, sagemaker_session=SESSION
        ),
    ):
        processor.run(
            str(folder / "process.py"),
            inputs=[ProcessingInput(str(folder / "words.txt"), f"{FOLDER}/in")],
            outputs=[ProcessingOutput(f"{FOLDER}/out")],
            arguments=["--how", "loud"],
            logs=False,
        )
        assert output(processor.latest_job, "upper.txt") == "ONE"
    assert "arguments --how loud" in printed(lambda: processor.latest_job.wait(logs=True))


@flow
def framework_processor(place: Place) -> None:
    """A folder of code with a helper and requirements."""
    source = place.folder(
        "framework",
        {
            "process.py": FRAMEWORK,
            "helper.py": "NAME = 'world'\n",
            "requirements.txt": "./greeting-1.0-py3-none-any.whl\n",
        },
    )
    wheel(Path(source) / "greeting-1.0-py3-none-any.whl")
    processor = FrameworkProcessor(
        SKLearn,
        framework_version="1.2-1",
        role=place.role,
        instance_count=1,
        instance_type=SMALL,
        sagemaker_session=SESSION,
    )
    processor.run(
        "process.py", source_dir=source, outputs=[ProcessingOutput(f"{FOLDER}/out")], logs=False
    )
    assert output(processor.latest_job, "said.txt") == "hello world"

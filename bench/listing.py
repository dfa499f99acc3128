"""List, Search and Describe with 100 training jobs and with 100 000, in turns.

Two studios: the rows of one are written in bulk, with history, tag and trial component, one in
ten with a metric; those of the other are the first hundred of them. Of a call the sending and the
waiting counts. Filters are chosen so that the larger studio has many more rows that do not match.
What takes long is called less often.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from support.figures import p50, percentile
from support.studio import IMAGE, studio
from support.wire import Caller

from jupyter_mlstudio.core.metrics import MetricStore, Point
from jupyter_mlstudio.core.opening import open_database
from jupyter_mlstudio.core.schema import resources, tags, transitions
from jupyter_mlstudio.core.settings import Settings, load_settings

SMALL = 100
EPOCH = 1.79e9
STEPS = ("Starting", "Downloading", "Training", "Uploading", "Completed")
CHUNK = 5_000
PAGE = 20
EVERY = 5
"""One of so many jobs failed."""
MEASURED = 10
"""One of so many jobs has a metric."""
LONGEST = 10.0
"""Seconds after which a kind of call has been measured often enough."""


def main() -> None:
    """Print p50 and p99 of every call with both, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=100)
    options = parser.parse_args()
    with ExitStack() as stack:
        callers = []
        for number in (SMALL, options.jobs):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            fill(load_settings(folder / "root", compute="process"), number)
            callers.append((number, Caller(stack.enter_context(studio("process", folder)))))
        print(f"{'':34} {SMALL:>8} p50/p99 ms {options.jobs:>9} p50/p99 ms   ratio p50/p99")
        for name, operation, small, large in (*calls(*callers), *searches(*callers)):
            measure(name, operation, options.calls, (callers[0][1], small), (callers[1][1], large))


def calls(
    small: tuple[int, Caller], large: tuple[int, Caller]
) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Yield a name, an operation, and its members for the small studio and the large one."""
    page = {"MaxResults": PAGE}
    newest = {**page, "SortOrder": "Descending"}
    same = {
        "newest first": newest,
        "oldest first": page,
        "by Name": {**newest, "SortBy": "Name"},
        "by Status": {**newest, "SortBy": "Status"},
        "StatusEquals=Failed (20 %)": {**newest, "StatusEquals": "Failed"},
        "StatusEquals=InProgress (none)": {**newest, "StatusEquals": "InProgress"},
        "Failed, by Name": {**newest, "StatusEquals": "Failed", "SortBy": "Name"},
        "NameContains, 10 match": {**newest, "NameContains": "-00001"},
        "NameContains, none matches": {**newest, "NameContains": "nobody"},
    }
    for name, members in same.items():
        yield f"List, {name}", "ListTrainingJobs", members, members
    for name in ("CreationTime", "LastModifiedTime"):
        both = [
            {**page, f"{name}After": EPOCH + number * 0.4, f"{name}Before": EPOCH + number * 0.6}
            for number, _ in (small, large)
        ]
        yield f"List, {name} between", "ListTrainingJobs", *both
    both = [{**newest, "NextToken": deep(*each, newest)} for each in (small, large)]
    yield "List, a page in the middle", "ListTrainingJobs", *both
    both = [{"TrainingJobName": job_name(number // 2)} for number, _ in (small, large)]
    yield "Describe", "DescribeTrainingJob", *both


def searches(
    small: tuple[int, Caller], large: tuple[int, Caller]
) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Yield the same of searches."""
    everything = {"Resource": "TrainingJob", "MaxResults": PAGE}
    yield "Search, last changed first", "Search", everything, everything
    created = {**everything, "SortBy": "CreationTime"}
    failed = where("TrainingJobStatus", "Equals", "Failed")
    same = {
        "by creation": created,
        "Failed (20 %)": {**everything, **failed},
        "Failed, by creation": {**created, **failed},
        "the tag of 1 %": {**created, **where("Tags.team", "Equals", "blue")},
        "name contains, 10 match": {
            **created, **where("TrainingJobName", "Contains", "-00001")
        },
        "a metric, 0.1 %": {**created, **where("Metrics.accuracy", "GreaterThan", "0.985")},
        "by a metric": {**everything, "SortBy": "Metrics.accuracy"},
        "a hyperparameter, 1 %": {
            **created, **where("HyperParameters.parameter-0", "LessThan", "0.01")
        },
    }  # fmt: skip
    for name, members in same.items():
        yield f"Search, {name}", "Search", members, members
    for name, operator in (("one by name", "Equals"), ("no such name", "Contains")):
        wanted = "nobody" if operator == "Contains" else None
        both = [
            {**created, **where("TrainingJobName", operator, wanted or job_name(number // 2))}
            for number, _ in (small, large)
        ]
        yield f"Search, {name}", "Search", *both


def where(name: str, operator: str, value: str) -> dict[str, Any]:
    """Return the expression of one filter."""
    return {"SearchExpression": {"Filters": [{"Name": name, "Operator": operator, "Value": value}]}}


def deep(number: int, caller: Caller, members: Mapping[str, Any]) -> str:
    """Return the token of a page in the middle (at most of the 300th)."""
    answer: dict[str, Any] = {}
    for _ in range(min(300, number // PAGE // 2)):
        token = {"NextToken": answer["NextToken"]} if answer else {}
        answer = caller.call("ListTrainingJobs", **members, **token)[1]
    return str(answer["NextToken"])


def measure(name: str, operation: str, count: int, *both: tuple[Caller, dict[str, Any]]) -> None:
    """Call both in turns and print one line."""
    seconds: list[list[float]] = [[], []]
    end = time.monotonic() + LONGEST
    while len(seconds[0]) < count and (time.monotonic() < end or len(seconds[0]) < 3):
        for found, (caller, members) in zip(seconds, both, strict=True):
            found.append(caller.call(operation, **members)[0])
    small, large = [(1e3 * p50(each), 1e3 * percentile(each, 0.99)) for each in seconds]
    print(
        f"{name:34} {small[0]:9.2f} /{small[1]:7.2f}   {large[0]:9.2f} /{large[1]:7.2f}"
        f"   {large[0] / small[0]:6.2f} /{large[1] / small[1]:6.2f}"
    )


def job_name(number: int) -> str:
    """Return the name of a job."""
    return f"job-{number:06d}"


def fill(settings: Settings, count: int) -> None:
    """Write so many jobs."""
    database = open_database(settings)
    metrics = MetricStore(database)
    for start in range(0, count, CHUNK):
        numbers = range(start, min(start + CHUNK, count))
        with database.write() as connection:
            rows = [row for number in numbers for row in job(settings, number)]
            connection.execute(insert(resources), rows)
            steps = [step for number in numbers for step in history(number)]
            connection.execute(insert(transitions), steps)
            arns = {number: job_arn(settings, number) for number in numbers}
            for number, arn in list(arns.items())[::MEASURED]:
                value = number // MEASURED % 100 / 100
                metrics.append(arn, [Point("accuracy", value, EPOCH + number)])
            teams = [{"arn": arn, "key": "team", "value": team(n)} for n, arn in arns.items()]
            connection.execute(insert(tags), teams)
    database.close()


def job_arn(settings: Settings, number: int) -> str:
    """Return the ARN of a job."""
    return f"arn:aws:sagemaker:{settings.region}:{settings.account}:training-job/{job_name(number)}"


def team(number: int) -> str:
    """Return the tag of a job."""
    return "blue" if number % 100 == 0 else "red"


def job(settings: Settings, number: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of a job and of its trial component."""
    name = job_name(number)
    prefix = f"arn:aws:sagemaker:{settings.region}:{settings.account}"
    arn = job_arn(settings, number)
    created = EPOCH + number
    output = f"s3://{settings.default_bucket}/bench"
    wish = {
        "TrainingJobName": name,
        "HyperParameters": {
            f"parameter-{each}": str(number % 100 / 100) for each in range(20)
        },
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": settings.role_arn,
        "OutputDataConfig": {"S3OutputPath": output},
        "ResourceConfig": {
            "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }  # fmt: skip
    status = "Completed" if number % EVERY else "Failed"
    facts = {
        "SecondaryStatus": status,
        "Launched": True,
        "StartedAt": created,
        "FirstStartedAt": created,
        "EndedAt": created + 1,
        "LogStreams": [f"{name}/algo-1-{int(created)}"],
        "ModelArtifacts": f"{output}/{name}/output/model.tar.gz",
    }
    common = {
        "account": settings.account,
        "region": settings.region,
        "created": created,
        "modified": created,
        "revision": 9,
    }
    yield {
        **common,
        "uid": f"{number:016x}",
        "kind": "TrainingJob",
        "name": name,
        "folded": name,
        "arn": arn,
        "parent": None,
        "status": status,
        "wish": wish,
        "facts": facts,
    }
    component = f"{name}-aws-training-job"
    yield {
        **common,
        "uid": f"c{number:015x}",
        "kind": "ExperimentTrialComponent",
        "name": component,
        "folded": component,
        "arn": f"{prefix}:experiment-trial-component/{component}",
        "parent": arn,
        "status": "",
        "wish": {"DisplayName": component, "SourceArn": arn},
        "facts": {},
    }


def history(number: int) -> Iterator[dict[str, Any]]:
    """Yield the steps of a job."""
    for place, step in enumerate(STEPS, 1):
        moment = EPOCH + number + place / 10
        yield {
            "uid": f"{number:016x}",
            "number": place,
            "status": step,
            "message": f"{step} the training job",
            "started": moment,
            "ended": moment + 0.1,
        }


if __name__ == "__main__":
    main()

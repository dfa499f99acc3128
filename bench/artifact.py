"""A model of 1 GiB, from the end of its container to S3, against tar and gzip of the same.

The model is what weights look like: 32-bit floats, normally distributed. Ours is packed, checked,
uploaded and durable when the job is *Completed*; the peer is ``tar -cz`` of the same file in the
same file system, and ``sync`` of what it made.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from pathlib import Path

import numpy as np
from support.figures import p50
from support.studio import Bench, run, step, studio

COPY = ["cp", "/opt/ml/input/data/weights/weights.bin", "/opt/ml/model/"]


def main() -> None:
    """Print both, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--mib", type=int, default=1024)
    options = parser.parse_args()
    with studio() as bench:
        folder = bench.settings.root / "weights"
        folder.mkdir()
        write(folder / "weights.bin", options.mib)
        s3, bucket = bench.client("s3"), bench.settings.default_bucket
        s3.upload_file(str(folder / "weights.bin"), bucket, "weights/weights.bin")
        ours, theirs = [], []
        for number in range(options.rounds):
            theirs.append(tar(folder))
            ours.append(upload(bench, number))
    for name, found in (("tar -cz, sync", theirs), ("ours, to S3", ours)):
        seconds, size = p50([one for one, _ in found]), found[0][1]
        rate = options.mib / seconds
        print(f"{name:14} {seconds:6.1f} s   {rate:5.0f} MiB/s   {size / options.mib:.2f} of it")
    ratio = p50([one for one, _ in ours]) / p50([one for one, _ in theirs])
    print(f"ratio {ratio:.2f}")


def write(path: Path, mib: int) -> None:
    """Write normally distributed floats."""
    random = np.random.default_rng(7)
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(random.standard_normal(1 << 18, dtype=np.float32).tobytes())


def tar(folder: Path) -> tuple[float, float]:
    """Return the seconds that tar takes, and the MiB of what it made."""
    made = folder.with_name("weights.tar.gz")
    started = time.perf_counter()
    subprocess.run(["tar", "-czf", str(made), "-C", str(folder), "."], check=True)
    subprocess.run(["sync", str(made)], check=True)
    seconds = time.perf_counter() - started
    size = made.stat().st_size
    made.unlink()
    return seconds, size / (1 << 20)


def upload(bench: Bench, number: int) -> tuple[float, float]:
    """Return the seconds that the step *Uploading* of a job takes, and the MiB of its model."""
    bucket = bench.settings.default_bucket
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/weights/"}
    channel = {"ChannelName": "weights", "DataSource": {"S3DataSource": source}}
    job = run(bench, bench.request(f"model-{number}", COPY, InputDataConfig=[channel]))
    began, ended = step(job, "Uploading")
    key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{bucket}/")
    s3 = bench.client("s3")
    size = s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    s3.delete_object(Bucket=bucket, Key=key)
    return ended - began, size / (1 << 20)


if __name__ == "__main__":
    main()

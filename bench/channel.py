"""From asking for a job to its first line: with a channel of 5 GB, and with one of a byte.

In turns, in one run. The channel has five objects of 1 GiB; the first is uploaded, the others are
copies of it. The peer is a plain copy of as much, which is what a download would at least be.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from support.figures import p50, percentile
from support.studio import Bench, first_line, studio

SAY = ["sh", "-c", "date +%s.%N; ls /opt/ml/input/data/train | wc -l"]


def main() -> None:
    """Print p50 and p90 of both, and the difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--objects", type=int, default=5, help="objects of 1 GiB")
    options = parser.parse_args()
    with studio() as bench, tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "object"
        with whole.open("wb") as file:
            file.truncate(1 << 30)
        fill(bench, whole, options.objects)
        seconds: dict[str, list[float]] = {"one-byte": [], "large": []}
        job(bench, "one-byte", -1)
        for number in range(options.rounds):
            for prefix, found in seconds.items():
                found.append(job(bench, prefix, number))
        copied = copy(whole, options.objects)
    for prefix, found in seconds.items():
        print(f"{prefix:10} p50 {p50(found):.3f} s   p90 {percentile(found, 0.9):.3f} s")
    print(f"the large channel takes {p50(seconds['large']) - p50(seconds['one-byte']):+.3f} s more")
    print(f"a plain copy of {options.objects} GiB took {copied:.1f} s")


def fill(bench: Bench, whole: Path, objects: int) -> None:
    """Upload what the channels have."""
    s3, bucket = bench.client("s3"), bench.settings.default_bucket
    s3.put_object(Bucket=bucket, Key="one-byte/object", Body=b"x")
    s3.upload_file(str(whole), bucket, "large/0")
    for number in range(1, objects):
        s3.copy_object(Bucket=bucket, Key=f"large/{number}", CopySource=f"{bucket}/large/0")


def job(bench: Bench, prefix: str, number: int) -> float:
    """Return the seconds to the first line of a job with a channel."""
    uri = f"s3://{bench.settings.default_bucket}/{prefix}/"
    source = {"S3DataType": "S3Prefix", "S3Uri": uri}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
    request = bench.request(f"{prefix}-{number + 1}", SAY, InputDataConfig=[channel])
    return first_line(bench, request)


def copy(whole: Path, objects: int) -> float:
    """Return the seconds that plain copies take."""
    # Bytes, no holes: else there would be nothing to copy.
    full = whole.with_name("full")
    full.write_bytes(b"x" * (1 << 30))
    started = time.perf_counter()
    for _ in range(objects):
        with full.open("rb") as source, whole.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

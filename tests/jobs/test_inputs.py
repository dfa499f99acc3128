"""Which objects become which files of which host, without a container."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlstudio.compute.protocol import Overlay
from jupyter_mlstudio.jobs.inputs.channels import (
    channels_of,
    input_data_config,
    prepare_channels,
)
from jupyter_mlstudio.jobs.inputs.errors import InputError
from jupyter_mlstudio.jobs.inputs.order import order, shard
from jupyter_mlstudio.jobs.inputs.sources import S3Source, relative_path
from jupyter_mlstudio.jobs.inputs.trees import make_tree
from jupyter_mlstudio.jobs.s3uri import S3Uri

from .local import BUCKET, files, job_row, local_studio, s3_channel

SEGMENT = st.text("ab-.", min_size=1, max_size=3)
KEY = st.lists(SEGMENT, min_size=1, max_size=4).map("/".join)


@given(st.lists(st.integers()), st.integers(1, 7), st.none() | st.integers(), st.integers(0, 3))
def test_every_item_goes_to_exactly_one_host(
    items: list[int], hosts: int, seed: int | None, epoch: int
) -> None:
    shuffled = [items[index] for index in order(len(items), seed, epoch)]
    shards = [shard(shuffled, host, hosts) for host in range(1, hosts + 1)]
    assert Counter(item for part in shards for item in part) == Counter(items)
    sizes = [len(part) for part in shards]
    assert max(sizes) - min(sizes) <= 1


def test_a_seed_gives_each_epoch_its_own_order_again_and_again() -> None:
    first, second = order(50, 7, 0), order(50, 7, 1)
    assert first != second
    assert first != order(50, 8, 0)
    assert first == order(50, 7, 0)
    assert list(order(3, None, 5)) == [0, 1, 2]


@given(KEY, st.sampled_from(["", "/"]), KEY)
def test_a_prefix_is_taken_off_up_to_its_last_folder(prefix: str, slash: str, rest: str) -> None:
    key = f"{prefix}{slash}{rest}"
    path = relative_path(prefix, key)
    assert key.endswith(path)
    assert not path.startswith("/")
    assert path.endswith(rest)
    assert relative_path(f"{prefix}/", f"{prefix}/{rest}") == rest


@given(KEY, KEY)
def test_what_lies_in_a_prefix_never_leaves_its_folder(prefix: str, rest: str) -> None:
    path = PurePosixPath(relative_path(prefix, f"{prefix}/{rest}"))
    assert not path.is_absolute()
    assert path == PurePosixPath(rest)


def prepare(
    root: Path, objects: dict[str, bytes], *channels: dict[str, Any], hosts: int = 1
) -> list[list[dict[str, bytes]]]:
    """Return what each host finds in each channel."""
    with local_studio(root, objects) as studio:
        job = job_row(studio)
        found = []
        for host in range(1, hosts + 1):
            mounts = prepare_channels(studio, job, channels, host=host, hosts=hosts)
            again = prepare_channels(studio, job, channels, host=host, hosts=hosts)
            assert mounts == again
            found.append([files(mount.lower) for mount in mounts if isinstance(mount, Overlay)])
    return found


def failure(root: Path, objects: dict[str, bytes], *channels: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        prepare(root, objects, *channels)
    assert str(caught.value).startswith("ClientError: Data download failed: ")
    assert "inputs" not in [path.name for path in root.glob("jobs/*/inputs/*/all")]
    return str(caught.value)


def test_shards_hold_all_objects_once_and_copies_are_shared(tmp_path: Path) -> None:
    objects = {f"in/{number:02}": b"%d" % number for number in range(10)}
    with local_studio(tmp_path, objects) as studio:
        job = job_row(studio)
        channels = [s3_channel("cut", "in/", sharded=True), s3_channel("whole", "in/")]
        parts, wholes, scratch = [], set(), set()
        for host in (1, 2, 3):
            cut, whole = prepare_channels(studio, job, channels, host=host, hosts=3)
            assert isinstance(cut, Overlay)
            assert isinstance(whole, Overlay)
            parts.append(files(cut.lower))
            wholes.add(whole.lower)
            scratch |= {cut.scratch, whole.scratch}
            listed = studio.run_folder(job, str(host)) / "opt/ml/input/data/cut-manifest"
            prefix, *names = json.loads(listed.read_text())
            assert prefix == {"prefix": f"s3://{BUCKET}/in/"}
            assert names == list(parts[-1])
        assert [list(part) for part in parts] == [
            ["00", "03", "06", "09"],
            ["01", "04", "07"],
            ["02", "05", "08"],
        ]
        assert len(wholes) == 1
        assert files(wholes.pop()) == {key[3:]: body for key, body in objects.items()}
        assert len(scratch) == 6


def test_a_host_without_objects_has_an_empty_folder(tmp_path: Path) -> None:
    channel = s3_channel("train", "in/", sharded=True)
    assert prepare(tmp_path, {"in/a": b"1"}, channel, hosts=2) == [[{"a": b"1"}], [{}]]


def test_a_shuffle_changes_who_gets_what(tmp_path: Path) -> None:
    objects = {f"in/{number:02}": b"" for number in range(20)}
    dealt = []
    for seed in (1, 1, 2):
        channel = s3_channel("train", "in/", sharded=True, ShuffleConfig={"Seed": seed})
        root = tmp_path / str(len(dealt))
        (first,), (second,) = prepare(root, objects, channel, hosts=2)
        assert len(first) == len(second) == 10
        assert not first.keys() & second.keys()
        dealt.append(set(first))
    assert dealt[0] == dealt[1] != dealt[2]


def test_a_manifest_names_what_is_there(tmp_path: Path) -> None:
    objects = {
        "raw/a/1.csv": b"1",
        "raw/b/2.csv": b"2",
        "raw/b/3.csv": b"3",
        "m": json.dumps(
            [{"prefix": f"s3://{BUCKET}/raw/"}, "a/1.csv", "b/3.csv", "a/1.csv"]
        ).encode(),
        "bucket-only": json.dumps([{"prefix": f"s3://{BUCKET}"}, "raw/b/2.csv"]).encode(),
        "half": json.dumps([{"prefix": f"s3://{BUCKET}/ra"}, "w/b/2.csv"]).encode(),
    }
    assert prepare(
        tmp_path,
        objects,
        *(s3_channel(key, key, kind="ManifestFile") for key in ("m", "bucket-only", "half")),
    ) == [[{"a/1.csv": b"1", "b/3.csv": b"3"}, {"raw/b/2.csv": b"2"}, {"raw/b/2.csv": b"2"}]]


def test_a_manifest_of_a_hundred_thousand_objects_is_read_in_seconds(tmp_path: Path) -> None:
    names = [f"{number:06}" for number in range(100_000)]
    manifest = json.dumps([{"prefix": f"s3://{BUCKET}/x/"}, *names]).encode()
    started = time.monotonic()
    reason = failure(
        tmp_path, {"m": manifest, "x/000000": b""}, s3_channel("t", "m", kind="ManifestFile")
    )
    assert '"s3://data/x/000001", which it names, does not exist' in reason
    assert time.monotonic() - started < 20


PREFIX = {"prefix": f"s3://{BUCKET}/x/"}


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (b'[\n{"prefix": "s3://data/x/"},\n"a"\n"b"]', "line 4 is not JSON"),
        (b"", "line 1 is not JSON"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'[{"prefix": "s3://data/x/"}, ' + b"9" * 5000 + b"]", "it cannot be read"),
        (b'{"prefix": "s3://data/x/"}', "it is not a JSON array"),
        (b"[]", "its first element is not"),
        (b'["a"]', "its first element is not"),
        (b'[{"prefix": 1}, "a"]', "its first element is not"),
        (b'[{"prefix": "s3://"}, "a"]', 'its prefix is not an S3 URI: "s3://"'),
        (b'[{"prefix": "/x/"}, "a"]', "its prefix is not an S3 URI"),
        (b'[{"prefix": "s3://data/x/"}, "a", 7]', "element 3 is not the rest of a key: 7"),
        (b'[{"prefix": "s3://data/x/"}, "\\ud800"]', "element 2 is not the rest of a key"),
        (b'[{"prefix": "s3://data/x/"}]', 'No S3 objects found under S3 URL "s3://data/x/"'),
        (b'[{"prefix": "s3://data/x/"},\n"\xff"]', "line 2 is not UTF-8"),
        (b'[{"prefix": "s3://data/x/"}, "gone"]', '"s3://data/x/gone", which it names'),
        (b'[{"prefix": "s3://data/x/"}, "a\\u0000"]', "which it names, does not exist"),
        (b'[{"prefix": "s3://other/x/"}, "a"]', '"s3://other/x/a", which it names'),
    ],
)
def test_a_hostile_manifest_fails_with_what_is_wrong(
    tmp_path: Path, manifest: bytes, reason: str
) -> None:
    assert reason in failure(
        tmp_path, {"m": manifest, "x/a": b"1"}, s3_channel("train", "m", kind="ManifestFile")
    )


def test_a_manifest_that_is_not_there_is_named(tmp_path: Path) -> None:
    reason = failure(tmp_path, {}, s3_channel("train", "none.json", kind="ManifestFile"))
    assert "The manifest s3://data/none.json does not exist" in reason


@pytest.mark.parametrize(
    "keys",
    [
        ["../../etc/passwd"],
        ["a/../../b"],
        ["/absolute"],
        ["back\\slash"],
        ["a//b"],
        ["a/./b"],
        ["x" * 1000],
        ["a", "a/b"],
    ],
)
@pytest.mark.parametrize("listed", [False, True])
def test_a_key_that_cannot_be_a_path_fails_by_name(
    tmp_path: Path, keys: list[str], listed: bool
) -> None:
    objects = {f"in/{key}": b"x" for key in keys}
    objects["manifest"] = json.dumps([{"prefix": f"s3://{BUCKET}/in/"}, *keys]).encode()
    channel = (
        s3_channel("train", "manifest", kind="ManifestFile")
        if listed
        else s3_channel("train", "in/")
    )
    reason = failure(tmp_path, objects, channel)
    assert repr(keys[0][:300]) in reason
    written = [path for path in tmp_path.rglob("*") if path.name in ("passwd", "b", "absolute")]
    assert written == []


def test_a_tree_can_lie_anywhere_in_a_container(tmp_path: Path) -> None:
    with local_studio(tmp_path, {"in/a": b"1"}) as studio:
        job = job_row(studio)
        source = S3Source.of_processing_input(
            {"S3Uri": f"s3://{BUCKET}/in/", "S3DataType": "S3Prefix"}
        )
        assert source == S3Source(S3Uri(BUCKET, "in/"))
        mounts = [
            make_tree(studio, job, source, f"/opt/ml/processing/{name}") for name in ("../x", "y")
        ]
        assert [mount.target for mount in mounts] == [
            "/opt/ml/processing/../x",
            "/opt/ml/processing/y",
        ]
        assert [files(mount.lower) for mount in mounts] == [{"a": b"1"}] * 2
        job_folder = studio.settings.jobs / job.uid
        assert all(mount.lower.resolve().is_relative_to(job_folder) for mount in mounts)


def test_containers_are_told_of_their_channels() -> None:
    channels = [
        s3_channel("train", "x", ContentType="text/csv", CompressionType="None"),
        s3_channel("fast", "x", InputMode="FastFile", sharded=True),
        s3_channel("pipe", "x", InputMode="Pipe", RecordWrapperType="RecordIO"),
    ]
    assert input_data_config(channels, "File") == {
        "train": {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
            "ContentType": "text/csv",
            "CompressionType": "None",
        },
        "fast": {
            "TrainingInputMode": "File",
            "S3DistributionType": "ShardedByS3Key",
            "RecordWrapperType": "None",
        },
        "pipe": {
            "TrainingInputMode": "Pipe",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "RecordIO",
        },
    }


def test_only_hosts_of_its_instance_groups_get_a_channel(tmp_path: Path) -> None:
    groups = [
        {"InstanceGroupName": name, "InstanceType": "ml.m5.large", "InstanceCount": count}
        for name, count in (("first", 1), ("second", 2))
    ]
    channel = s3_channel("train", "in/", sharded=True)
    channel["DataSource"]["S3DataSource"]["InstanceGroupNames"] = ["second"]
    both = s3_channel("both", "in/")
    objects = {f"in/{name}": b"" for name in "abc"}
    with local_studio(tmp_path, objects) as studio:
        job = job_row(studio, ResourceConfig={"InstanceGroups": groups})
        found = []
        for host in (1, 2, 3):
            mounts = prepare_channels(studio, job, [channel, both], host=host, hosts=3)
            trees = [mount for mount in mounts if isinstance(mount, Overlay)]
            found.append([list(files(tree.lower)) for tree in trees])
    assert found == [
        [["a", "b", "c"]],
        [["a", "c"], ["a", "b", "c"]],
        [["b"], ["a", "b", "c"]],
    ]
    assert channels_of([channel, both], "first") == [both]
    assert channels_of([channel, both], "second") == [channel, both]

"""FIFOs and the process that feeds them, read by the test itself."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import stat
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_mlstudio.core import runfile
from jupyter_mlstudio.core.store import Resource
from jupyter_mlstudio.core.studio import Studio
from jupyter_mlstudio.jobs.inputs.channels import prepare_channels
from jupyter_mlstudio.jobs.inputs.errors import InputError
from jupyter_mlstudio.jobs.inputs.feeder import Channel, TakenAway
from jupyter_mlstudio.jobs.inputs.order import order, shard
from jupyter_mlstudio.jobs.inputs.pipes import feed_problem, stop_pipes

from .local import BUCKET, job_row, local_studio, s3_channel

PATIENCE = 20.0


class Fed:
    """A job whose containers are the test."""

    def __init__(self, studio: Studio, job: Resource, channels: list[dict[str, Any]]) -> None:
        self.studio, self.job, self.channels = studio, job, channels

    def start(self, host: int = 1, hosts: int = 1) -> None:
        assert prepare_channels(self.studio, self.job, self.channels, host=host, hosts=hosts) == []

    def data(self, host: int = 1) -> Path:
        return self.studio.run_folder(self.job, str(host)) / "opt/ml/input/data"

    def read(self, fifo: str, host: int = 1) -> bytes:
        """Wait for a FIFO and read it to its end."""
        path = self.data(host) / fifo
        eventually(path.exists)
        assert stat.S_ISFIFO(path.stat().st_mode)
        return path.read_bytes()

    def feeder(self, host: int = 1) -> psutil.Process:
        folder = self.studio.settings.jobs / self.job.uid / "feeders" / str(host)
        found = runfile.read(folder / "feeder.json")
        assert found is not None
        return psutil.Process(found.pid)

    @property
    def problem(self) -> str | None:
        return feed_problem(self.studio, self.job.uid)


@contextmanager
def feeding(
    root: Path, objects: dict[str, bytes], *channels: dict[str, Any], hosts: int = 1
) -> Iterator[Fed]:
    with local_studio(root, objects) as studio:
        job = job_row(studio)
        fed = Fed(studio, job, [{"InputMode": "Pipe", **channel} for channel in channels])
        try:
            for host in range(1, hosts + 1):
                fed.start(host, hosts)
            yield fed
        finally:
            stop_pipes(studio, job.uid)


def eventually(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def records(data: bytes) -> list[bytes]:
    found, offset = [], 0
    while offset < len(data):
        magic, length = struct.unpack_from("<II", data, offset)
        assert magic == 0xCED7230A
        found.append(data[offset + 8 : offset + 8 + length])
        offset += 8 + length
        padding = data[offset : offset + -length % 4]
        assert padding == bytes(-length % 4)
        offset += len(padding)
    return found


OBJECTS = {f"in/{number}": os.urandom(number * 30_000 + number) for number in range(5)}
BODIES = list(OBJECTS.values())


def test_every_epoch_is_a_fifo_with_all_objects_in_the_order_of_their_keys(tmp_path: Path) -> None:
    with feeding(tmp_path, {**OBJECTS, "in/": b""}, s3_channel("train", "in/")) as fed:
        assert [path.name for path in fed.data().iterdir()] == ["train_0"]
        for epoch in range(3):
            assert fed.read(f"train_{epoch}") == b"".join(BODIES)
        eventually(lambda: [path.name for path in fed.data().iterdir()] == ["train_3"])
        assert fed.problem is None


def test_objects_become_records_decompressed_or_not(tmp_path: Path) -> None:
    packed = {f"gz/{key}": gzip.compress(body) for key, body in OBJECTS.items()}
    two = {"two/a": gzip.compress(b"first ") + gzip.compress(b"second")}
    with feeding(
        tmp_path,
        {**OBJECTS, **packed, **two},
        s3_channel("plain", "in/", RecordWrapperType="RecordIO"),
        s3_channel("packed", "gz/", CompressionType="Gzip"),
        s3_channel("both", "gz/", CompressionType="Gzip", RecordWrapperType="RecordIO"),
        s3_channel("members", "two/", CompressionType="Gzip"),
    ) as fed:
        assert records(fed.read("plain_0")) == BODIES
        assert fed.read("packed_0") == b"".join(BODIES)
        assert records(fed.read("both_0")) == BODIES
        assert fed.read("members_0") == b"first second"


def test_an_augmented_manifest_sends_a_record_for_each_attribute(tmp_path: Path) -> None:
    lines = [
        {"image-ref": f"s3://{BUCKET}/in/1", "label": 1, "name": "ä b", "extra": [1]},
        {"label": 0.5, "image-ref": f"s3://{BUCKET}/in/2", "name": "", "box": {"x": [1, None]}},
        {"image-ref": f"s3://{BUCKET}/in/1", "label": True, "name": "again"},
    ]
    manifest = "\n".join(json.dumps(line) for line in lines).encode() + b"\n\n"
    names = ["label", "image-ref", "name"]
    more = {"kind": "AugmentedManifestFile", "AttributeNames": names}
    with feeding(
        tmp_path,
        {**OBJECTS, "m": manifest},
        s3_channel("train", "m", RecordWrapperType="RecordIO", **more),
        s3_channel("raw", "m", **more),
    ) as fed:
        parts = [b"1", BODIES[1], "ä b".encode(), b"0.5", BODIES[2], b""]
        parts += [b"true", BODIES[1], b"again"]
        assert records(fed.read("train_0")) == parts
        assert fed.read("raw_0") == b"".join(parts)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (b'{"a": 1}\n{"a": 1', "line 2 is not JSON"),
        (b'{"a": 1}\n[1]\n', "line 2 is not a JSON object"),
        (b'{"a": NaN}', "line 1 is not JSON: NaN"),
        (b'{"b": 1}', 'line 1 has no attribute "a"'),
        (b'{"a": "\\udc00"}', 'attribute "a" of line 1 is not valid Unicode'),
        (
            b'{"a": 1, "x-ref": "file:///etc/passwd"}',
            'attribute "x-ref" of line 1 is not an S3 URI',
        ),
        (b'{"a": 1, "x-ref": 5}', 'attribute "x-ref" of line 1 is not an S3 URI: 5'),
        (
            b'{"a": 1, "x-ref": "s3://data/gone"}',
            '"s3://data/gone", which it names, does not exist',
        ),
        (b"\n", "No S3 objects found"),
    ],
)
def test_a_hostile_augmented_manifest_fails_with_what_is_wrong(
    tmp_path: Path, manifest: bytes, reason: str
) -> None:
    names = ["a", "x-ref"] if b"x-ref" in manifest else ["a"]
    channel = s3_channel("t", "m", kind="AugmentedManifestFile", AttributeNames=names)
    with (
        pytest.raises(InputError) as caught,
        feeding(tmp_path, {"m": manifest}, channel),
    ):
        pass
    assert str(caught.value).startswith("ClientError: Data download failed: ")
    assert reason in str(caught.value)


def test_hosts_share_what_each_epoch_shuffles_anew(tmp_path: Path) -> None:
    objects = {f"in/{number:02}": b"%d " % number for number in range(11)}
    channel = s3_channel("train", "in/", sharded=True, ShuffleConfig={"Seed": 3})
    with feeding(tmp_path, objects, channel, hosts=2) as fed:
        for epoch in range(2):
            for host in (1, 2):
                mine = shard(order(11, 3, epoch), host, 2)
                expected = "".join(f"{number} " for number in mine).encode()
                assert fed.read(f"train_{epoch}", host) == expected
    assert order(11, 3, 0) != order(11, 3, 1)


def test_what_happens_to_objects_after_the_start_does_not_matter(tmp_path: Path) -> None:
    with feeding(tmp_path, {"in/a": b"first"}, s3_channel("train", "in/")) as fed:
        (stored,) = (tmp_path / "objects" / "data").glob("*/*")
        stored.unlink()
        assert fed.read("train_0") == b"first"


def test_a_reader_that_has_enough_gets_the_next_epoch(tmp_path: Path) -> None:
    body = os.urandom(5 << 20)
    with feeding(tmp_path, {"in/a": body}, s3_channel("train", "in/")) as fed:
        with (fed.data() / "train_0").open("rb") as fifo:
            assert fifo.read(10) == body[:10]
        assert fed.read("train_1") == body
        assert fed.problem is None


def test_a_reader_that_stops_holds_up_nobody_else(tmp_path: Path) -> None:
    body = os.urandom(5 << 20)
    channels = [s3_channel(name, "in/") for name in ("slow", "never", "quick")]
    with feeding(tmp_path, {"in/a": body}, *channels) as fed:
        with (fed.data() / "slow_0").open("rb") as slow:
            assert slow.read(1) == body[:1]
            for epoch in range(20):
                assert fed.read(f"quick_{epoch}") == body
            assert fed.feeder().num_threads() == 4
            fed.start()
            assert slow.read() == body[1:]
        stop_pipes(fed.studio, fed.job.uid)
        eventually(lambda: fed.problem is not None)


def test_nothing_but_its_own_fifo_is_ever_written_to(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    channels = [s3_channel(name, "in/") for name in ("link", "file", "other", "ahead", "good")]
    with feeding(tmp_path / "root", {"in/a": b"data" * 50_000}, *channels) as fed:
        data = fed.data()
        outside = tmp_path / "outside"
        outside.mkdir()
        for name in ("link", "file", "other"):
            with (data / f"{name}_0").open("rb") as fifo:
                fifo.read(1)
        (data / "ahead_1").symlink_to(victim)
        assert fed.read("ahead_0") == b"data" * 50_000
        for name in ("link", "file", "other"):
            eventually((data / f"{name}_1").exists)
            (data / f"{name}_1").unlink()
        (data / "link_1").symlink_to(victim)
        (data / "file_1").write_text("mine")
        os.mkfifo(data / "other_1")
        # The folder itself gives way to a link as well.
        data.rename(data.with_name("moved"))
        data.symlink_to(outside)
        moved = data.with_name("moved")
        assert (moved / "good_0").read_bytes() == b"data" * 50_000
        eventually((moved / "good_1").exists)
        assert list(outside.iterdir()) == []
        assert victim.read_text() == "precious"
        assert (moved / "file_1").read_text() == "mine"
        assert fed.problem is None


@pytest.mark.parametrize("by", ["link", "file", "fifo", "nothing"])
def test_a_fifo_that_was_replaced_is_not_written_to(tmp_path: Path, by: str) -> None:
    for name, text in (("entries", ""), ("names", "[]"), ("victim", "precious")):
        (tmp_path / name).write_text(text)
    plan = {
        "folder": str(tmp_path),
        "name": "train",
        "objects": str(tmp_path),
        "entries": str(tmp_path / "entries"),
        "names": str(tmp_path / "names"),
        "gzip": False,
        "record_io": False,
        "seed": None,
        "share": [1, 1],
    }
    channel = Channel(plan)
    fifo = tmp_path / "train_0"
    fifo.rename(tmp_path / "kept")
    if by == "link":
        fifo.symlink_to(tmp_path / "victim")
    elif by == "file":
        fifo.write_text("mine")
    elif by == "fifo":
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(TakenAway):
        channel.feed()
    if by == "fifo":
        assert os.read(reader, 1) == b""
        os.close(reader)
    assert (tmp_path / "victim").read_text() == "precious"
    if by == "file":
        assert fifo.read_text() == "mine"


def test_an_object_that_is_no_gzip_never_looks_like_the_end_of_the_data(tmp_path: Path) -> None:
    whole = gzip.compress(os.urandom(200_000))
    objects = {"in/a": gzip.compress(b"good"), "in/b": whole[:-50_000]}
    with feeding(tmp_path, objects, s3_channel("train", "in/", CompressionType="Gzip")) as fed:
        seen: list[bytes] = []
        reader = threading.Thread(target=lambda: seen.append(fed.read("train_0")), daemon=True)
        reader.start()
        eventually(lambda: fed.problem is not None)
        assert fed.problem == (
            "ClientError: Data download failed: Channel train: s3://data/in/b is not gzip, or is "
            "cut short."
        )
        time.sleep(0.3)
        assert reader.is_alive()
    reader.join(PATIENCE)


def test_a_killed_feeder_is_noticed(tmp_path: Path) -> None:
    with feeding(tmp_path, {"in/a": b"x"}, s3_channel("train", "in/"), hosts=2) as fed:
        assert fed.problem is None
        os.kill(fed.feeder(2).pid, signal.SIGKILL)
        eventually(lambda: fed.problem is not None)
        assert str(fed.problem).startswith(
            "InternalServerError: The process that feeds the Pipe mode channels of "
            "algo-2 was killed"
        )


def test_a_feeder_is_found_again_and_one_that_died_before_the_start_replaced(
    tmp_path: Path,
) -> None:
    with feeding(tmp_path, {"in/a": b"x"}, s3_channel("train", "in/")) as fed:
        first = fed.feeder()
        fed.start()
        assert fed.feeder() == first
        first.kill()
        eventually(lambda: fed.problem is not None)
        fed.start()
        assert fed.problem is None
        assert fed.read("train_0") == b"x"


def test_a_feeder_of_an_attempt_before_stays_out_of_the_next_one(tmp_path: Path) -> None:
    with feeding(tmp_path, {"in/a": b"x"}, s3_channel("train", "in/")) as fed:
        old = fed.feeder()
        old.suspend()
        fed.studio.engine.remove_tree(fed.studio.settings.jobs / fed.job.uid)
        fed.start()
        new = fed.feeder()
        old.resume()
        psutil.wait_procs([old], PATIENCE)
        assert not old.is_running() or old.status() == psutil.STATUS_ZOMBIE
        assert fed.feeder() == new != old
        assert fed.read("train_0") == b"x"


def test_a_feeder_ends_with_the_folder_of_its_job(tmp_path: Path) -> None:
    with feeding(tmp_path, {"in/a": b"x"}, s3_channel("train", "in/")) as fed:
        process = fed.feeder()
        fed.studio.engine.remove_tree(fed.studio.settings.jobs / fed.job.uid)
        psutil.wait_procs([process], PATIENCE)
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_an_engine_without_our_fifos_refuses_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with local_studio(tmp_path, {"in/a": b"x"}) as studio:
        monkeypatch.setattr(studio.engine, "shares_fifos", lambda: False)
        channel = s3_channel("train", "in/", InputMode="Pipe")
        with pytest.raises(InputError, match=r"^ClientError: Pipe mode \(.*/data/train\) needs"):
            prepare_channels(studio, job_row(studio), [channel])


def test_hundreds_of_megabytes_arrive_as_they_are(tmp_path: Path) -> None:
    block = os.urandom(1 << 20)
    objects = {f"in/{number}": block * 100 for number in range(3)}
    with feeding(tmp_path, objects, s3_channel("train", "in/")) as fed:
        digest = hashlib.sha256()
        with (fed.data() / "train_0").open("rb") as fifo:
            while data := fifo.read(1 << 20):
                digest.update(data)
    expected = hashlib.sha256()
    for _ in range(300):
        expected.update(block)
    assert digest.digest() == expected.digest()

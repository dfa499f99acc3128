"""What a container may have put into an archive, and what becomes of it."""

from __future__ import annotations

import io
import logging
import os
import socket
import tarfile
from pathlib import Path

import pytest

from jupyter_mlstudio.compute import archives
from jupyter_mlstudio.compute.archives import Packed, pack, unpack
from jupyter_mlstudio.compute.protocol import EngineError


def archive(*entries: tuple[str, dict[str, object], bytes]) -> bytes:
    """Make a tar of entries, each with a name, fields of TarInfo and content."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, fields, content in (("m/", DIR, b""), *entries):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in fields.items():
                setattr(info, field, value)
            tar.addfile(info, io.BytesIO(content))
    return made.getvalue()


DIR: dict[str, object] = {"type": tarfile.DIRTYPE, "mode": 0}
FILE: dict[str, object] = {"mode": 0}


def link(target: str, kind: bytes = tarfile.SYMTYPE) -> dict[str, object]:
    return {"type": kind, "linkname": target}


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (("../out", FILE, b"x"), "no name below"),
        (("m/../../out", FILE, b"x"), "no name below"),
        (("m//out", FILE, b"x"), "no name below"),
        (("/etc/out", FILE, b"x"), "no name below"),
        (("out", FILE, b"x"), "no name below"),
        (("m/nowhere/out", FILE, b"x"), "in no folder"),
        (("m/l", link("/etc"), b""), "outside of its folder"),
        (("m/l", link(".."), b""), "outside of its folder"),
        (("m/l", link("./../x"), b""), "outside of its folder"),
        (("m/l", link("a/../../x"), b""), "outside of its folder"),
        (("m/l", link(""), b""), "outside of its folder"),
        (("m/l", link("/etc/passwd", tarfile.LNKTYPE), b""), "in the archive"),
        (("m/l", link("m/../../passwd", tarfile.LNKTYPE), b""), "in the archive"),
        (("m/l", link("m/good-link", tarfile.LNKTYPE), b""), "no file of the archive"),
        (("m/l", link("m/nothing", tarfile.LNKTYPE), b""), "no file of the archive"),
        (("m/dev", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}, b""), "device"),
        (("m/dev", {"type": tarfile.BLKTYPE}, b""), "device"),
        (("m/fifo", {"type": tarfile.FIFOTYPE}, b""), "FIFO"),
        (("m/good-link/f", FILE, b"x"), "in no folder"),
        (("m/good", FILE, b"second"), "there twice"),
        (("m/good-link", FILE, b"second"), "there twice"),
        (("m/" + "x" * 300, FILE, b"x"), "cannot be a name here"),
    ],
)
def test_what_is_not_safe_is_left_out(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    entry: tuple[str, dict[str, object], bytes],
    said: str,
) -> None:
    good = ("m/good", FILE, b"good")
    packed = archive(good, ("m/good-link", link("good"), b""), entry, ("m/last", FILE, b"last"))
    (tmp_path / "passwd").write_text("secret")
    with caplog.at_level(logging.WARNING):
        unpack(io.BytesIO(packed), tmp_path / "to")
    assert tree(tmp_path) == {"passwd", "to", "to/good", "to/good-link", "to/last"}
    assert (tmp_path / "to/good").read_bytes() == b"good"
    assert os.readlink(tmp_path / "to/good-link") == "good"
    assert said in caplog.text


def test_links_inside_stay_as_they_are(tmp_path: Path) -> None:
    packed = archive(
        ("m/deep/", DIR, b""),
        ("m/deep/f", {"mtime": 1_000_000_000, "mode": 0o4510}, b"1"),
        ("m/deep/up", link("../deep/f"), b""),
        ("m/dangling", link("not/there"), b""),
        ("m/here", link("."), b""),
        ("m/hard", link("m/deep/f", tarfile.LNKTYPE), b""),
    )
    unpack(io.BytesIO(packed), tmp_path / "to")
    to = tmp_path / "to"
    links = {name: os.readlink(to / name) for name in ("deep/up", "dangling", "here")}
    assert links == {"deep/up": "../deep/f", "dangling": "not/there", "here": "."}
    assert (to / "hard").samefile(to / "deep/f")
    found = (to / "hard").stat()
    assert (found.st_mode & 0o7777, found.st_mtime) == (0o754, 1_000_000_000)
    assert (to / "deep").stat().st_mode & 0o777 == 0o755


def test_odd_times_are_no_reason_to_lose_a_model(tmp_path: Path) -> None:
    early, late = {"mtime": -(10**9)}, {"mtime": 10**18}
    packed = archive(("m/early", early, b"1"), ("m/late", late, b"2"))
    unpack(io.BytesIO(packed), tmp_path / "to")
    assert tree(tmp_path / "to") == {"early", "late"}


@pytest.mark.parametrize("length", [0, 100, 512, 600, 1024, 1500])
def test_an_archive_that_breaks_off_is_tried_again(tmp_path: Path, length: int) -> None:
    packed = archive(("m/f", FILE, b"x" * 1000))
    with pytest.raises(EngineError, match="breaks off") as caught:
        unpack(io.BytesIO(packed[:length]), tmp_path / "to")
    assert caught.value.retryable


def test_a_file_larger_than_the_disk_is_refused_before_it_is_written(tmp_path: Path) -> None:
    huge = tarfile.TarInfo("m/huge")
    huge.size = 1 << 60
    packed = archive()[:512] + huge.tobuf(tarfile.GNU_FORMAT) + bytes(4096)
    with pytest.raises(EngineError, match=r"no room for 'm/huge' \(1152921504606846976 bytes\)"):
        unpack(io.BytesIO(packed), tmp_path / "to")
    assert tree(tmp_path / "to") == set()


def test_what_is_packed_is_unpacked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = tmp_path / "from"
    (source / "deep/empty").mkdir(parents=True)
    content = os.urandom(archives.STEP * 2 + 7)
    (source / "deep/\u00fc\n").write_bytes(content)
    (source / "none").touch()
    (source / ("n" * 255)).write_text("long")
    (source / "to").symlink_to("none")
    os.mkfifo(source / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(source / "s"))
    steps = list(pack([Packed(source, "m", shared=False)]))
    assert max(map(len, steps)) < 3 * archives.STEP
    unpack(io.BytesIO(b"".join(steps)), tmp_path / "copy")
    assert tree(tmp_path / "copy") == tree(source) - {"fifo", "s"}
    assert (tmp_path / "copy/deep/\u00fc\n").read_bytes() == content
    assert os.readlink(tmp_path / "copy/to") == "none"
    assert caplog.text.count("neither a file nor a folder nor a link") == 2


def test_whoever_reads_a_channel_may_read_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "c/deep").mkdir(parents=True, mode=0o700)
    (tmp_path / "c/deep/f").touch(0o600)
    (tmp_path / "c").chmod(0o700)

    def modes(*, shared: bool) -> dict[str, int]:
        stream = io.BytesIO(b"".join(pack([Packed(tmp_path / "c", "c", shared=shared)])))
        with tarfile.open(fileobj=stream) as tar:
            return {member.name: member.mode for member in tar}

    assert modes(shared=True) == {"c": 0o777, "c/deep": 0o755, "c/deep/f": 0o644}
    assert modes(shared=False) == {"c": 0o700, "c/deep": 0o700, "c/deep/f": 0o600}


def test_a_file_that_cannot_be_copied_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="nothing") as caught:
        list(pack([Packed(tmp_path / "nothing", "m", shared=False)]))
    assert not caught.value.retryable


def test_a_file_that_shrinks_meanwhile_is_no_whole_file(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/f").write_bytes(bytes(5 * archives.STEP))
    steps = pack([Packed(tmp_path / "c", "c", shared=False)])
    next(steps)
    os.truncate(tmp_path / "c/f", 2 * archives.STEP)
    with pytest.raises(EngineError, match="changed while") as caught:
        list(steps)
    assert caught.value.retryable

"""Folders of links, and archives: honest and malicious ones."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mlstudio.storage import files, trees
from jupyter_mlstudio.storage.trees import Limits, UnsafeArchive, link_tree, safe_extract, tar_gz


@pytest.fixture
def body(tmp_path: Path) -> Path:
    path = tmp_path / "body"
    path.write_bytes(b"bytes")
    return path


def members(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# Trees of links --------------------------------------------------------------------------------


def test_a_tree_is_made_of_links(tmp_path: Path, body: Path) -> None:
    folder = tmp_path / "deep" / "channel"
    assert link_tree([("a", body), ("b/c/d", body), ("b/e ☃", body)], folder) == folder
    assert members(folder) == ["a", "b", "b/c", "b/c/d", "b/e ☃"]
    assert (folder / "b/c/d").stat().st_ino == body.stat().st_ino


def test_an_existing_tree_is_left_alone(tmp_path: Path, body: Path) -> None:
    folder = link_tree([("a", body)], tmp_path / "channel")
    assert link_tree([("b", body)], folder) == folder
    assert members(folder) == ["a"]


def test_folder_markers_are_skipped(tmp_path: Path, body: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    folder = link_tree([("", empty), ("a/", empty), ("a/b", body)], tmp_path / "channel")
    assert members(folder) == ["a", "a/b"]
    with pytest.raises(ValueError, match="'c/'"):
        link_tree([("c/", body)], tmp_path / "other")


HOSTILE_NAMES = [
    "/etc/passwd",
    "..",
    "../x",
    "a/../../x",
    "a/..",
    "./a",
    "a/./b",
    "a//b",
    "a\0b",
    "..\\..\\x",
    "a\\b",
    "C:\\x",
    "\ud800",
    "x" * 256,
    "é" * 128,
    "a/" * 1025 + "b",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_that_is_no_path_below_the_folder_is_refused(
    tmp_path: Path, body: Path, name: str
) -> None:
    with pytest.raises(ValueError, match="cannot be a file name") as error:
        link_tree([("fine", body), (name, body)], tmp_path / "channel")
    assert repr(name[:300]) in str(error.value)
    assert members(tmp_path) == ["body"]


@pytest.mark.parametrize("names", [["x", "x/y"], ["x/y", "x"], ["x/y/z", "x/y"], ["x", "x"]])
def test_a_name_that_is_file_and_folder_is_refused(
    tmp_path: Path, body: Path, names: list[str]
) -> None:
    with pytest.raises(ValueError, match=r"both a file and a folder|there twice"):
        link_tree([(name, body) for name in names], tmp_path / "channel")
    assert members(tmp_path) == ["body"]


def test_files_that_cannot_be_linked_are_copied(
    tmp_path: Path, body: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, destination: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(files.os, "link", refuse)
    folder = link_tree([("a", body)], tmp_path / "channel")
    assert (folder / "a").read_bytes() == b"bytes"
    assert (folder / "a").stat().st_ino != body.stat().st_ino


# Archives --------------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "code" / "empty").mkdir(parents=True)
    (folder / "model.bin").write_bytes(os.urandom(3 << 20))
    (folder / "code" / "inference.py").write_text("print('hello')")
    (folder / "run.sh").write_text("#!/bin/sh")
    (folder / "run.sh").chmod(0o4755)
    (folder / "code" / "link").symlink_to("../model.bin")
    os.link(folder / "model.bin", folder / "same.bin")
    os.mkfifo(folder / "pipe")
    return folder


def test_what_is_packed_is_unpacked(tmp_path: Path, model: Path) -> None:
    file = tmp_path / "model.tar.gz"
    tar_gz(model, file)
    folder = safe_extract(file, tmp_path / "out")
    (model / "pipe").unlink()
    assert members(folder) == members(model)
    assert (folder / "same.bin").read_bytes() == (model / "model.bin").read_bytes()
    assert os.readlink(folder / "code/link") == "../model.bin"
    assert (folder / "run.sh").stat().st_mode & 0o7777 == 0o755
    assert (folder / "model.bin").stat().st_mode & 0o7777 == 0o644


def test_archives_are_deterministic_and_readable_by_tar(tmp_path: Path, model: Path) -> None:
    first, second = tmp_path / "1.tar.gz", tmp_path / "2.tar.gz"
    tar_gz(model, first)
    tar_gz(model, second)
    assert first.read_bytes() == second.read_bytes()
    listed = subprocess.run(["tar", "tzf", first], capture_output=True, text=True, check=True)
    assert listed.stdout.split() == [
        "code/",
        "code/empty/",
        "code/inference.py",
        "code/link",
        "model.bin",
        "run.sh",
        "same.bin",
    ]


def test_an_archive_of_gnu_tar_is_unpacked(tmp_path: Path, model: Path) -> None:
    (model / "pipe").unlink()
    (model / ("long" * 50)).write_text("long name")
    file = tmp_path / "model.tar.gz"
    subprocess.run(["tar", "czf", file, "-C", model, "."], check=True)
    assert members(safe_extract(file, tmp_path / "out")) == members(model)


def test_a_failed_pack_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tar_gz(tmp_path / "missing", tmp_path / "model.tar.gz")
    assert members(tmp_path) == []


Maker = Callable[[tarfile.TarFile], None]


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", **fields: object) -> Maker:
    def add(archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        for field, value in fields.items():
            setattr(info, field, value)
        if kind == tarfile.REGTYPE:
            info.size = 4
            archive.addfile(info, io.BytesIO(b"evil"))
        else:
            archive.addfile(info)

    return add


def symlink(name: str, target: str) -> Maker:
    return entry(name, tarfile.SYMTYPE, target)


def hardlink(name: str, target: str) -> Maker:
    return entry(name, tarfile.LNKTYPE, target)


def archive_of(*makers: Maker) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for maker in makers:
            maker(archive)
    return gzip.compress(buffer.getvalue())


def raw_header(name: str, size: bytes = b"00000000004\0", kind: bytes = b"0") -> bytes:
    """Return a header that tarfile itself would not write, with a good checksum."""
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    block[124:136], block[156:157], block[148:156] = size, kind, b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def raw(*blocks: bytes) -> bytes:
    padded = (block + bytes(-len(block) % 512) for block in blocks)
    return gzip.compress(b"".join(padded) + bytes(1024))


EVIL = b"evil"
DEEP = "d" * 247
CHAIN = [
    *(entry("/".join([DEEP] * depth), tarfile.DIRTYPE) for depth in range(1, 9)),
    symlink("a", "/".join([DEEP] * 8)),
    symlink("b", "a/" + "../" * 8 + "../../etc"),
    entry("b/x"),
]

CORPUS: dict[str, tuple[bytes, str]] = {
    "climbing": (archive_of(entry("../evil")), "not allowed"),
    "climbing inside": (archive_of(entry("a/../../evil")), "not allowed"),
    "absolute": (archive_of(entry("/tmp/evil")), "not allowed"),
    "backslash": (archive_of(entry("..\\evil")), "not allowed"),
    "nul": (archive_of(entry("x", pax_headers={"path": "a\0b"})), "not allowed|damaged"),
    "long segment": (archive_of(entry("n" * 256)), "too long"),
    "long path": (archive_of(entry("n/" * 2048 + "x")), "too long"),
    "absolute link": (archive_of(symlink("l", "/etc")), "outside"),
    "climbing link": (archive_of(symlink("a/l", "../../etc")), "outside"),
    "empty link": (archive_of(symlink("l", "")), "outside"),
    "through a link": (archive_of(symlink("l", "."), entry("l/x")), "below a file or link"),
    "through a link's link": (
        archive_of(entry("a/b", tarfile.DIRTYPE), symlink("a/b/up", "../.."), entry("a/b/up/x")),
        "below a file or link",
    ),
    "link up, then past it": (
        archive_of(
            entry("a/b", tarfile.DIRTYPE), symlink("a/b/up", "../.."), symlink("l", "a/b/up/../x")
        ),
        "outside",
    ),
    "chain of long links": (archive_of(*CHAIN), "outside"),
    "file over a link": (archive_of(symlink("l", "x"), entry("l")), "twice"),
    "folder over a link": (
        archive_of(symlink("l", "x"), entry("l", tarfile.DIRTYPE)),
        "twice",
    ),
    "hard link out": (archive_of(hardlink("h", "../../etc/passwd")), "no file of the archive"),
    "absolute hard link": (archive_of(hardlink("h", "/etc/passwd")), "no file of the archive"),
    "hard link to a link": (
        archive_of(symlink("l", "x"), hardlink("h", "l")),
        "no file of the archive",
    ),
    "character device": (archive_of(entry("d", tarfile.CHRTYPE)), "device"),
    "block device": (archive_of(entry("d", tarfile.BLKTYPE)), "device"),
    "fifo": (archive_of(entry("d", tarfile.FIFOTYPE)), "device"),
    "duplicate": (archive_of(entry("x"), entry("x")), "twice"),
    "duplicate by dot": (archive_of(entry("x"), entry("./x")), "twice"),
    "file then folder": (archive_of(entry("x"), entry("x/y")), "below a file or link"),
    "not gzip": (gzip.decompress(archive_of(entry("x"))), "not gzip"),
    "empty file": (b"", "not gzip"),
    "not tar": (gzip.compress(b"hello" * 1000), "damaged"),
    "truncated gzip": (archive_of(entry("x"))[:-20], "damaged"),
    "truncated tar": (gzip.compress(gzip.decompress(archive_of(entry("x")))[:514]), "damaged"),
    "wrong checksum": (archive_of(entry("x"))[:-8] + b"\0" * 8, "damaged"),
    "trailing garbage": (archive_of(entry("x")) + b"garbage", "damaged"),
    "hidden second archive": (
        gzip.compress(gzip.decompress(archive_of(entry("x"))) * 2),
        "other data behind",
    ),
    "path by a pax header": (
        archive_of(entry("fine", pax_headers={"path": "../evil"})),
        "not allowed",
    ),
    "link by a pax header": (
        archive_of(
            entry("fine", tarfile.SYMTYPE, "x", pax_headers={"linkpath": "../../etc/passwd"})
        ),
        "outside",
    ),
    "path by a header for all": (
        raw(
            raw_header("g", b"00000000022\0", b"g"), b"18 path=../../evil\n", raw_header("x"), EVIL
        ),
        "not allowed",
    ),
    "climbing by a long name": (
        raw(
            raw_header("././@LongLink", b"00000000010\0", b"L"), b"../evil\0", raw_header("x"), EVIL
        ),
        "not allowed",
    ),
    "a long name without end": (
        raw(raw_header("././@LongLink", b"77777777777\0", b"L"), b"x"),
        "too large|damaged",
    ),
    "a size below zero": (raw(raw_header("x", b"\xff" * 12), EVIL), "not valid|damaged"),
    "a size of exabytes": (
        raw(raw_header("x", b"\x80\0\0\0\x7f" + b"\xff" * 7), EVIL),
        "damaged|too large",
    ),
    "a size that is none": (raw(raw_header("x", b"zzzzzzzzzzz\0"), EVIL), "damaged"),
    "a continued file": (raw(raw_header("x", kind=b"M"), EVIL), "device|unknown|damaged"),
    "a file of many volumes": (raw(raw_header("x", kind=b"V"), EVIL), "device|unknown"),
    "a folder of names": (raw(raw_header("x", kind=b"D"), EVIL), "device|unknown"),
    "a sparse file": (raw(raw_header("x", kind=b"S"), EVIL), "sparse|damaged"),
    "pax bomb": (
        archive_of(entry("x", pax_headers={"comment": "c" * (2 << 20)})),
        "header .* too large",
    ),
}


@pytest.mark.parametrize("case", CORPUS)
def test_a_malicious_archive_is_refused_and_leaves_nothing(tmp_path: Path, case: str) -> None:
    data, reason = CORPUS[case]
    file = tmp_path / "in" / "model.tar.gz"
    file.parent.mkdir()
    file.write_bytes(data)
    with pytest.raises(UnsafeArchive, match=reason):
        safe_extract(file, tmp_path / "out" / "model")
    assert members(tmp_path) == ["in", "in/model.tar.gz", "out"]


def test_a_sparse_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(1 << 30)
    archive = tmp_path / "model.tar.gz"
    subprocess.run(["tar", "czSf", archive, "-C", tmp_path, "holes"], check=True)
    with pytest.raises(UnsafeArchive, match="sparse"):
        safe_extract(archive, tmp_path / "out")


def test_a_bomb_is_stopped_before_it_fills_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "_GRACE", 1 << 20)
    model = tmp_path / "model"
    model.mkdir()
    (model / "zeros").write_bytes(bytes(64 << 20))
    archive = tmp_path / "model.tar.gz"
    tar_gz(model, archive)
    with pytest.raises(UnsafeArchive, match="too large once unpacked"):
        safe_extract(archive, tmp_path / "out", Limits(ratio=10))
    with pytest.raises(UnsafeArchive, match="too large once unpacked"):
        safe_extract(archive, tmp_path / "out", Limits(size=1 << 20))
    assert not (tmp_path / "out").exists()
    safe_extract(archive, tmp_path / "out", Limits(ratio=10_000))


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(archive_of(*(entry(str(number)) for number in range(11))))
    with pytest.raises(UnsafeArchive, match="more than 10 entries"):
        safe_extract(archive, tmp_path / "out", Limits(entries=10))
    safe_extract(archive, tmp_path / "out", Limits(entries=11))


def test_names_that_differ_in_case_are_two_files(tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(archive_of(entry("readme"), entry("README")))
    assert members(safe_extract(archive, tmp_path / "out")) == ["README", "readme"]

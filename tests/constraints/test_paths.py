"""Paths that lead elsewhere, in every encoding we know, in every name, key and URI of a request.

They are names or nothing: written under them is inside, read through them is nothing else's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from botocore.model import StructureShape

from jupyter_mlstudio.endpoints.artifacts import ModelDataError, fetch
from jupyter_mlstudio.jobs.processing import contract
from jupyter_mlstudio.jobs.processing.checks import check
from jupyter_mlstudio.jobs.s3uri import S3Uri
from jupyter_mlstudio.jobs.training.folders import check_folders, mounts, synced_folders
from jupyter_mlstudio.storage.catalog import Details
from jupyter_mlstudio.storage.objects import Conditions, ObjectStore
from jupyter_mlstudio.storage.reader import ObjectReader
from jupyter_mlstudio.storage.trees import link_tree
from jupyter_mlstudio.wire.errors import AWSError

from .breaks import Breaker
from .direct import Direct
from .seeds import BASES, base
from .shapes import Place, at, places
from .test_model import OPERATIONS, clean, input_shape

SECRET = "the content of a file outside"
_TARGETS = ("..", "../", "../x", "../../etc/passwd", "a/../../b", "../secret", "/etc/passwd")
_DOTS = (
    "%2e",
    "%2E",
    "%252e",
    "%25252e",
    "%c0%ae",
    "%e0%80%ae",
    "%uff0e",
    "\uff0e",
    "\u2024",
    ".%00",
)
_SLASHES = (
    "%2f",
    "%2F",
    "%252f",
    "%c0%af",
    "%5c",
    "%255c",
    "\\",
    "\u2215",
    "\uff0f",
    "\u2044",
    "//",
)
_WHOLE = (
    *(
        "",
        ".",
        "./",
        "...",
        "..../",
        "....//....//etc/passwd",
        "..;/",
        "..;/..;/etc",
        ".. /",
        "..\t",
    ),
    *(
        "/",
        "//",
        "///etc/passwd",
        "//evil/share",
        "\\\\evil\\share",
        "C:\\x",
        "c:/x",
        "~",
        "~root/",
    ),
    *(
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "FILE:///etc/passwd",
        "file:/etc/passwd",
    ),
    *(
        "s3://../x",
        "s3:///etc/passwd",
        "s3://bucket/../../etc",
        "s3://bucket/%2e%2e/",
        "s3://b/../x",
    ),
    *("s3://bucket/..%2f..%2fetc", "S3://bucket/x", "s3://bucket\\..\\x", "s3://user@bucket/x"),
    *("https://169.254.169.254/latest/", "http://127.0.0.1/", "http://[::1]/", "gopher://x/"),
    *("https://0x7f000001/", "https://2130706433/", "ftp://x/y", "jar:file:///x!/y", "data:,x"),
    *(
        "a\0b",
        "a\0/../../b",
        "..\0",
        "a\n../b",
        "a\r\n..",
        "\u202e../x",
        "a/\u2028../b",
        "\ufeff../x",
    ),
    *(
        "a/" * 600 + "x",
        "../" * 200,
        "x" * 256,
        "\u00e9" * 128,
        "CON",
        "NUL",
        "aux.txt",
        "a.",
        "a ",
    ),
    *("/proc/self/environ", "/dev/zero", "/dev/stdin", "/proc/self/fd/0", "/var/run/docker.sock"),
    *(
        "-rf",
        "--help",
        "$(id)",
        "`id`",
        "${HOME}",
        "%HOME%",
        "*",
        "?",
        "[a-z]",
        "{a,b}",
        "a|b",
        "a;b",
    ),
)


def corpus() -> list[str]:
    """Return every path that means no good, once."""
    found = dict.fromkeys(_WHOLE)
    for target in _TARGETS:
        found[target] = None
        for dot in _DOTS:
            found[target.replace(".", dot)] = None
            for slash in _SLASHES[:6]:
                found[target.replace(".", dot).replace("/", slash)] = None
        for slash in _SLASHES:
            found[target.replace("/", slash)] = None
    return list(found)


CORPUS = corpus()


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 400


# S3 keys ---------------------------------------------------------------------------------------


def outside(root: Path) -> set[str]:
    """Return everything there is beside a root."""
    return {
        str(path.relative_to(root.parent))
        for path in root.parent.rglob("*")
        if not path.is_relative_to(root)
    }


PARTS = pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.soak)])
"""How much of the corpus is tried: every so-many-th path."""


@PARTS
def test_keys_are_only_data(tmp_path: Path, step: int) -> None:
    root = tmp_path / "root"
    (tmp_path / "secret").write_text(SECRET)
    store = ObjectStore(root)
    store.create_bucket("bucket", "us-east-1")
    before = outside(root)
    kept: dict[str, bytes] = {}
    for key in CORPUS[::step]:
        body = store.files.new()
        body.write(key.encode())
        try:
            store.put("bucket", key, body, "etag", Details(), Conditions())
        except AWSError as error:
            assert error.code in ("InvalidArgument", "KeyTooLongError"), key
            continue
        kept[key] = key.encode()
    reader = ObjectReader(root)
    assert {item.key: item.path.read_bytes() for item in reader.list("bucket")} == kept
    assert len(kept) > len(CORPUS) / step - 15
    for number, item in enumerate(reader.list("bucket")):
        folder = root / f"tree-{number}"
        try:
            link_tree([(item.key, item.path)], folder)
        except ValueError as error:
            assert "cannot be a file name" in str(error)
            assert not folder.exists()
        else:
            (made,) = [path for path in folder.rglob("*") if path.is_file()]
            assert made.relative_to(folder).parts == PurePosixPath(item.key).parts
            assert made.read_bytes() == kept[item.key]
    store.close()
    assert outside(root) == before


# Requests --------------------------------------------------------------------------------------

_NAMES = ("Uri", "URI", "Url", "Path", "Name", "Prefix", "Arn", "Image", "Key", "Id", "Token")
WRITING = [
    (service, operation, protocol)
    for service, operation, protocol in (
        (s, o, "rest-json" if s == "sagemaker-metrics" else "json") for s, o in OPERATIONS
    )
    if service not in ("sts", "iam")
]


def fields(service: str, operation: str) -> Iterator[tuple[Breaker, Place]]:
    """Yield every member of a request that is a name, a path, a key or a URI."""
    root = input_shape(service, operation)
    if root is None:
        return
    breaker = Breaker(root, base(service, operation))
    for place in places(root):
        member = place[-1].member or (place[-2].member if len(place) > 1 else "") or ""
        shape = at(root, place)
        wanted = member.lower().endswith(tuple(name.lower() for name in _NAMES))
        if shape.type_name == "string" and "enum" not in shape.metadata and wanted:
            yield breaker, place


def send_all(direct: Direct, service: str, operation: str, protocol: str, step: int) -> None:
    """Send the corpus in every field; every ``step``-th of it, beginning elsewhere each time."""
    wrong = []
    for number, (breaker, place) in enumerate(fields(service, operation)):
        for text in CORPUS[number % step :: step]:
            reply = direct.ask(service, operation, breaker.within(place, text), protocol)
            where = ".".join(each.member or "*" for each in place)
            if reply.status >= 500 and reply.status != 501:
                wrong.append(f"{where} = {text[:60]!r}: {reply}")
            elif not clean(direct, reply) or SECRET.encode() in reply.body:
                wrong.append(f"{where} = {text[:60]!r} shows something: {reply}")
    assert not wrong, "\n".join(wrong[:20])


@pytest.fixture(scope="module")
def beside(direct: Direct) -> Iterator[None]:
    """Check that nothing beside the studio's root changes."""
    (direct.root.parent / "secret").write_text(SECRET)
    before = outside(direct.root)
    yield
    assert outside(direct.root) == before
    assert (direct.root.parent / "secret").read_text() == SECRET


@pytest.mark.parametrize(("service", "operation", "protocol"), WRITING)
def test_paths_in_requests(
    direct: Direct, beside: None, service: str, operation: str, protocol: str
) -> None:
    send_all(direct, service, operation, protocol, step=200)


@pytest.mark.soak
@pytest.mark.parametrize(("service", "operation", "protocol"), WRITING)
def test_more_paths_in_requests(
    direct: Direct, beside: None, service: str, operation: str, protocol: str
) -> None:
    send_all(direct, service, operation, protocol, step=8)


# What is made of those that were taken ----------------------------------------------------------


def inside(folder: Path, place: Path) -> bool:
    """Say whether a path, links and dots resolved, is below another."""
    return place.resolve().is_relative_to(folder.resolve())


def test_folders_of_training_jobs_stay_in_their_own(tmp_path: Path) -> None:
    accepted = 0
    for text in CORPUS:
        for member in ("CheckpointConfig", "TensorBoardOutputConfig", "DebugHookConfig"):
            target = "S3Uri" if member == "CheckpointConfig" else "S3OutputPath"
            wish = {
                **BASES["sagemaker", "CreateTrainingJob"],
                member: {"LocalPath": text, target: "s3://bucket/c"},
            }
            try:
                check_folders(wish)
            except AWSError as error:
                assert error.code == "ValidationException"
                continue
            accepted += 1
            for folder in mounts(wish, tmp_path / "base"):
                assert inside(tmp_path / "base", folder.source), text
                assert PurePosixPath(folder.target).is_absolute()
            for synced in synced_folders(wish):
                assert ".." not in PurePosixPath(synced.local).parts
    assert 0 < accepted < len(CORPUS)


def test_folders_of_processing_jobs_stay_in_their_own(direct: Direct, tmp_path: Path) -> None:
    accepted = 0
    for text in (*CORPUS, *(f"/opt/ml/processing/{each}" for each in CORPUS)):
        output = {"S3Uri": "s3://bucket/c", "LocalPath": text, "S3UploadMode": "EndOfJob"}
        wish = {
            **BASES["sagemaker", "CreateProcessingJob"],
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": output}]},
        }
        try:
            check(direct.studio, wish)
        except AWSError as error:
            assert error.code == "ValidationException"
            continue
        accepted += 1
        for folder in contract._folders(wish, tmp_path / "base"):
            assert inside(tmp_path / "base", folder.source), text
    assert 0 < accepted < len(CORPUS)


@pytest.mark.parametrize("prefix", ["s3://bucket/", ""])
def test_model_data_is_what_the_key_names(direct: Direct, prefix: str) -> None:
    for text in CORPUS:
        try:
            S3Uri.parse(prefix + text, "x")
        except AWSError as error:
            assert error.code == "ValidationException"
            continue
        for form in ("Archive", "Prefix", "Object"):
            with pytest.raises(ModelDataError, match="Could not find model data"):
                fetch(direct.studio, {"Uri": prefix + text, "Form": form}, "primary")


@PARTS
def test_logs_stay_in_their_folder(direct: Direct, beside: None, step: int) -> None:
    logs = direct.settings.logs(direct.settings.account, direct.settings.region)
    made = 0
    for text in CORPUS[::step]:
        for value in ({"logGroupName": text}, {"logGroupName": "a", "logStreamName": text}):
            operation = "CreateLogStream" if "logStreamName" in value else "CreateLogGroup"
            reply = direct.ask("logs", operation, value)
            assert reply.status == 200 or reply.status == 400, (value, reply)
            made += reply.status == 200
    files = [path for path in direct.root.rglob("*") if path.is_file()]
    named = [path for path in files if "passwd" in path.name or "secret" in path.name]
    assert all(path.is_relative_to(logs) for path in named)
    assert made > 10


def test_shapes_are_structures() -> None:
    assert all(isinstance(input_shape(s, o), StructureShape | None) for s, o, _ in WRITING)

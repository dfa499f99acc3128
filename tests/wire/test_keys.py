"""The key ring."""

from __future__ import annotations

import base64
import json
import multiprocessing
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.keys import KeyRing

ACCOUNT = "000000000042"
ARN = f"arn:aws:iam::{ACCOUNT}:user/mlstudio"
NOW = datetime.now(UTC)


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.load(tmp_path / "secrets" / "master.key")


def test_master_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "master.key"
    first = KeyRing.load(path)
    content = path.read_bytes()
    assert KeyRing.load(path).user_key(ACCOUNT, ARN) == first.user_key(ACCOUNT, ARN)
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["master.key"]


def _secret(path: str) -> str:
    return KeyRing.load(Path(path)).user_key(ACCOUNT, ARN).secret_key


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(6) as pool:
        for turn in range(5):
            assert len(set(pool.map(_secret, [str(tmp_path / f"{turn}.key")] * 6))) == 1


def test_a_short_master_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        KeyRing.load(path)


def test_user_keys(ring: KeyRing) -> None:
    made = ring.user_key(ACCOUNT, ARN)
    assert made == ring.user_key(ACCOUNT, ARN)
    assert made.access_key.startswith("AKIA")
    assert 16 <= len(made.access_key) <= 128
    assert made.access_key.isalnum()
    assert made.secret_key not in repr(made)
    found = ring.resolve(made.access_key, None, NOW)
    assert (found.account, found.arn, found.secret_key) == (ACCOUNT, ARN, made.secret_key)
    assert made.secret_key not in repr(found)
    other = ring.user_key(ACCOUNT, ARN + "2")
    assert other.access_key != made.access_key
    assert other.secret_key != made.secret_key


def test_a_role_in_use_has_a_key(ring: KeyRing) -> None:
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/Role/session"
    assert ring.resolve(ring.user_key(ACCOUNT, arn).access_key, None, NOW).arn == arn


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::000000000043:user/x",
        f"arn:aws:sts::{ACCOUNT}:user/x",
        f"arn:aws:iam::{ACCOUNT}:assumed-role/Role/x",
        "user/x",
    ],
)
def test_arns_a_key_cannot_carry(ring: KeyRing, arn: str) -> None:
    with pytest.raises(ValueError, match="not a principal"):
        ring.user_key(ACCOUNT, arn)
    with pytest.raises(ValueError, match="too long"):
        ring.user_key(ACCOUNT, ARN + "x" * 100)


def test_ids_we_never_made(ring: KeyRing) -> None:
    genuine = ring.user_key(ACCOUNT, ARN).access_key
    other = KeyRing(b"o" * 32).user_key(ACCOUNT, ARN).access_key
    for position in range(4, len(genuine)):
        replacement = "A" if genuine[position] != "A" else "B"
        forged = genuine[:position] + replacement + genuine[position + 1 :]
        with pytest.raises(AWSError, match="UnrecognizedClientException"):
            ring.resolve(forged, None, NOW)
    for forged in (other, "", "AKIA", "AKIA====", "AKIAé", genuine.lower(), genuine + "A", "ASIAX"):
        with pytest.raises(AWSError, match="UnrecognizedClientException"):
            ring.resolve(forged, None, NOW)


def test_temporary_keys(ring: KeyRing) -> None:
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/r/ü"
    made = ring.issue(ACCOUNT, arn, 60, {"job": "j", "n": [1]})
    assert made.access_key.startswith("ASIA")
    assert len(made.access_key) == 20
    assert made.token
    assert made.token not in repr(made)
    assert made.expires is not None
    assert timedelta(0) < made.expires - datetime.now(UTC) <= timedelta(seconds=60)
    found = ring.resolve(made.access_key, made.token, datetime.now(UTC))
    assert (found.account, found.arn, found.secret_key) == (ACCOUNT, arn, made.secret_key)
    assert found.claims == {"job": "j", "n": [1]}
    with pytest.raises(AWSError, match="ExpiredTokenException"):
        ring.resolve(made.access_key, made.token, made.expires)


def test_tokens_that_are_not_genuine(ring: KeyRing) -> None:
    made, second = ring.issue(ACCOUNT, ARN, 60), ring.issue(ACCOUNT, ARN, 60)
    assert made.token is not None
    raw = base64.urlsafe_b64decode(made.token)
    document = json.loads(raw[32:])
    document["claims"] = {"admin": True}
    forged = base64.urlsafe_b64encode(raw[:32] + json.dumps(document).encode()).decode()
    for token in (
        None,
        "",
        "x",
        "é",
        "AAAA",
        forged,
        second.token,
        made.token[:-8],
        made.token + "A",
    ):
        with pytest.raises(AWSError, match="UnrecognizedClientException"):
            ring.resolve(made.access_key, token, NOW)


def test_remembered_keys_still_expire(ring: KeyRing) -> None:
    made = ring.issue(ACCOUNT, ARN, 60, {"job": "j"})
    assert made.expires is not None
    before = made.expires - timedelta(microseconds=1)
    first = ring.resolve(made.access_key, made.token, before)
    assert ring.resolve(made.access_key, made.token, before) == first
    for _ in range(2):
        with pytest.raises(AWSError, match="ExpiredTokenException"):
            ring.resolve(made.access_key, made.token, made.expires)
    with pytest.raises(TypeError):
        first.claims["job"] = "other"  # type: ignore[index] # that it cannot is what is tested


def test_a_remembered_token_is_good_for_its_own_key_only(ring: KeyRing) -> None:
    one, other = ring.issue(ACCOUNT, ARN, 60), ring.issue(ACCOUNT, ARN, 60)
    for key in (one, other):
        ring.resolve(key.access_key, key.token, NOW)
    for access_key, token in (
        (one.access_key, other.token),
        (other.access_key, one.token),
        (one.access_key, None),
    ):
        with pytest.raises(AWSError, match="UnrecognizedClientException"):
            ring.resolve(access_key, token, NOW)


def test_only_genuine_keys_are_remembered(ring: KeyRing) -> None:
    user = ring.user_key(ACCOUNT, ARN)
    for access_key, token in (("AKIA" + "A" * 40, None), ("ASIA" + "A" * 16, "bm90IG91cnM=")):
        for _ in range(3):
            with pytest.raises(AWSError):
                ring.resolve(access_key, token, NOW)
    for _ in range(3):
        ring.resolve(user.access_key, None, NOW)
    assert (ring._user.cache_info().currsize, ring._user.cache_info().hits) == (1, 2)
    assert ring._temporary.cache_info().currsize == 0


def test_keys_end_with_their_session_in_every_ring(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    ring, other = KeyRing.load(path), KeyRing.load(path)
    ring.begin_session("job")
    made = ring.issue(ACCOUNT, ARN, 60, {"session": "job"})
    assert made.token
    now = datetime.now(UTC)
    for each in (ring, other):
        assert each.resolve(made.access_key, made.token, now).arn == ARN
    assert other.sessions() == ["job"]
    ring.end_session("job")
    ring.end_session("job")
    for each in (ring, other):
        with pytest.raises(AWSError, match="token included in the request is expired"):
            each.resolve(made.access_key, made.token, now)
    assert other.sessions() == []

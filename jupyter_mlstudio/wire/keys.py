"""Access keys that every process of a studio can check without shared state.

One master key (a 0600 file) stands behind all of them. A long-lived key (``AKIA…``) carries its
account, its principal and a MAC in the id; a temporary key (``ASIA…``) carries them in a signed
session token. Secrets are derived from ids by HMAC and are never stored.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .._drafts import draft_of
from .errors import AWSError

_MASTER_BYTES = 32
_MAC_BYTES = 8
_ACCOUNT_BYTES = 5
_MAX_KEY_ID = 128
_REMEMBERED = 1024
"""Keys of each sort that are resolved from memory."""

_INVALID = "The security token included in the request is invalid."


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair; temporary ones have a session token and the time they end."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an access key speaks for, and the secret its signatures are made with."""

    account: str
    arn: str
    secret_key: str = field(repr=False)
    claims: Mapping[str, Any] = field(default_factory=dict)


class KeyRing:
    """Makes and resolves access keys below one master key.

    Parameters
    ----------
    master:
        At least 32 secret bytes. Use :meth:`load` for the key of a studio.
    sessions:
        Folder with a file for each session that has not ended; without one, sessions end with
        their keys.
    """

    def __init__(self, master: bytes, sessions: Path | None = None) -> None:
        if len(master) < _MASTER_BYTES:
            raise ValueError(f"a master key has at least {_MASTER_BYTES} bytes")
        self._master = master
        self._sessions = sessions
        # What is refused is not remembered, so that nobody can fill these but with genuine keys.
        self._user = lru_cache(_REMEMBERED)(self._resolve_user)
        self._temporary = lru_cache(_REMEMBERED)(self._resolve_temporary)

    @classmethod
    def load(cls, path: Path) -> KeyRing:
        """Read the master key at ``path``, making it first if there is none.

        Several processes may do so at once: all end with the same key, which is on disk before
        any of them returns.
        """
        sessions = path.with_name("sessions")
        try:
            return cls(path.read_bytes(), sessions)
        except FileNotFoundError:
            _create_once(path, secrets.token_bytes(_MASTER_BYTES))
            return cls(path.read_bytes(), sessions)

    def user_key(self, account: str, arn: str) -> Credentials:
        """Return the long-lived key of a principal; it is always the same.

        Raises
        ------
        ValueError
            If ``arn`` is no principal of ``account`` or too long for an access key id.
        """
        name = arn.rpartition(f"::{account}:")[2]
        if arn != _principal(account, name):
            raise ValueError(f"{arn} is not a principal of account {account}")
        payload = int(account).to_bytes(_ACCOUNT_BYTES, "big") + name.encode()
        access_key = "AKIA" + _base32(self._mac("user", payload)[:_MAC_BYTES] + payload)
        if len(access_key) > _MAX_KEY_ID:
            raise ValueError(f"{arn} is too long for an access key id")
        return Credentials(access_key, self._secret(access_key))

    def issue(
        self, account: str, arn: str, seconds: int, claims: Mapping[str, Any] | None = None
    ) -> Credentials:
        """Return a new temporary key for ``arn``.

        Parameters
        ----------
        seconds:
            How long it is good.
        claims:
            JSON values that travel, signed, in the token, e.g. the job the key was made for.
        """
        access_key = "ASIA" + _base32(secrets.token_bytes(10))
        expires = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        document = {
            "key": access_key,
            "account": account,
            "arn": arn,
            "expires": int(expires.timestamp()),
            "claims": dict(claims or {}),
        }
        payload = json.dumps(document, separators=(",", ":")).encode()
        token = base64.urlsafe_b64encode(self._mac("token", payload) + payload).decode()
        return Credentials(access_key, self._secret(access_key), token, expires)

    def resolve(self, access_key: str, token: str | None, now: datetime) -> Identity:
        """Return whom an access key speaks for.

        Raises
        ------
        AWSError
            ``UnrecognizedClientException`` if we never issued it, or the token is missing or not
            its own; ``ExpiredTokenException`` if its time is over at ``now``, or its session.
        """
        if access_key.startswith("ASIA") and token:
            identity, expires = self._temporary(access_key, token)
            if now.timestamp() >= expires or self._has_ended(identity):
                raise AWSError(
                    "ExpiredTokenException",
                    "The security token included in the request is expired",
                    status=403,
                )
            return identity
        if access_key.startswith("AKIA") and not token:
            return self._user(access_key)
        raise _unrecognized()

    def begin_session(self, name: str) -> None:
        """Let keys issued with the claim ``session`` ``name`` be good until it is ended."""
        if self._sessions is not None:
            self._sessions.mkdir(mode=0o700, exist_ok=True)
            (self._sessions / name).touch()

    def end_session(self, name: str) -> None:
        """Refuse the keys of a session from now on, in every process that has this ring."""
        if self._sessions is not None:
            (self._sessions / name).unlink(missing_ok=True)

    def sessions(self) -> list[str]:
        """Return the sessions that have not ended."""
        if self._sessions is None or not self._sessions.is_dir():
            return []
        return sorted(path.name for path in self._sessions.iterdir())

    def _has_ended(self, identity: Identity) -> bool:
        name = identity.claims.get("session")
        return bool(name and self._sessions and not (self._sessions / name).exists())

    def derive(self, purpose: str) -> bytes:
        """Return 32 secret bytes for another use, e.g. signing page tokens."""
        return self._mac("derived", purpose.encode())

    def _resolve_user(self, access_key: str) -> Identity:
        encoded = access_key[4:]
        try:
            raw = base64.b32decode(encoded + "=" * (-len(encoded) % 8))
        except (binascii.Error, ValueError):
            raise _unrecognized() from None
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        genuine = hmac.compare_digest(mac, self._mac("user", payload)[:_MAC_BYTES])
        if not genuine or _base32(raw) != encoded:
            raise _unrecognized()
        account = f"{int.from_bytes(payload[:_ACCOUNT_BYTES], 'big'):012d}"
        arn = _principal(account, payload[_ACCOUNT_BYTES:].decode())
        return Identity(account, arn, self._secret(access_key))

    def _resolve_temporary(self, access_key: str, token: str) -> tuple[Identity, float]:
        """Return whom a genuine token speaks for and when it ends; the caller checks that."""
        try:
            raw = base64.b64decode(token, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _unrecognized() from None
        mac, payload = raw[: hashlib.sha256().digest_size], raw[hashlib.sha256().digest_size :]
        if not hmac.compare_digest(mac, self._mac("token", payload)):
            raise _unrecognized()
        document = json.loads(payload)
        if document["key"] != access_key:
            raise _unrecognized()
        secret = self._secret(access_key)
        claims = MappingProxyType(document["claims"])
        return Identity(document["account"], document["arn"], secret, claims), document["expires"]

    def _secret(self, access_key: str) -> str:
        return base64.b64encode(self._mac("secret", access_key.encode())[:30]).decode()

    def _mac(self, purpose: str, message: bytes) -> bytes:
        return hmac.digest(self._master, purpose.encode() + b"\0" + message, "sha256")


def _principal(account: str, name: str) -> str:
    """Return the ARN of ``user/NAME``, or of ``assumed-role/ROLE/SESSION``."""
    service = "sts" if name.startswith("assumed-role/") else "iam"
    return f"arn:aws:{service}::{account}:{name}"


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=")


def _unrecognized() -> AWSError:
    return AWSError("UnrecognizedClientException", _INVALID, status=403)


def _create_once(path: Path, content: bytes) -> None:
    """Make ``path`` with ``content`` unless it exists; never shows a half-written file."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = draft_of(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
        _sync_folder(path.parent)
    finally:
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

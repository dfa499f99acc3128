"""The principals of a studio's account: its user, its execution role, roles in use."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

ROLE = re.compile(
    r"arn:aws:iam::(?P<account>\d{12}):role/(?P<path>(?:[!-~]+/)?)(?P<name>[\w+=,.@-]+)"
)
ASSUMED_ROLE = re.compile(
    r"arn:aws:sts::(?P<account>\d{12}):assumed-role/(?P<name>[\w+=,.@-]+)/(?P<session>[\w+=,.@-]+)"
)


@dataclass(frozen=True, slots=True)
class Role:
    """A role of an account. ``path`` begins and ends with a slash."""

    account: str
    path: str
    name: str

    @property
    def arn(self) -> str:
        """The ARN that jobs name."""
        return f"arn:aws:iam::{self.account}:role{self.path}{self.name}"

    @property
    def id(self) -> str:
        """The unique id, as AWS forms it."""
        return unique_id("AROA", f"{self.account}/{self.name}")


def parse_role(arn: str) -> Role | None:
    """Return the role an ARN names, or None when it names none."""
    match = ROLE.fullmatch(arn)
    return Role(match["account"], "/" + match["path"], match["name"]) if match else None


def user_id(arn: str) -> str:
    """Return the ``UserId`` that STS gives for a principal."""
    assumed = ASSUMED_ROLE.fullmatch(arn)
    if assumed is None:
        return unique_id("AIDA", arn)
    role = Role(assumed["account"], "/", assumed["name"])
    return f"{role.id}:{assumed['session']}"


def unique_id(prefix: str, text: str) -> str:
    """Return an id of 21 characters that is always the same for ``text``."""
    digest = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()
    return prefix + digest[:17]

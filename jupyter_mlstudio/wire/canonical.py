"""The canonical form of a request, which Signature Version 4 signs."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

from botocore.utils import normalize_url_path
from multidict import CIMultiDictProxy

_UNRESERVED = "-_.~"
# What is canonical as it stands: for most of what clients send, nothing has to be rewritten.
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_.~/-]+")
_NORMAL_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.~-]+)+/?|/")


def query_pairs(raw: str) -> list[tuple[str, str]]:
    """Return names and values of a raw query string, decoded."""
    pairs = (piece.partition("=") for piece in raw.split("&") if piece)
    return [(decoded(name), decoded(value)) for name, _, value in pairs]


def decoded(text: str) -> str:
    """Return percent-encoded text decoded; bytes that are not UTF-8 become surrogates."""
    if "%" not in text and text.isascii():
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode(
        "utf-8", "surrogateescape"
    )


def canonical_path(raw_path: str, service: str) -> str:
    """Return the canonical path: S3's is encoded once, that of others is normalised as well."""
    if (_PLAIN_PATH if service == "s3" else _NORMAL_PATH).fullmatch(raw_path):
        return raw_path
    if service == "s3":
        return _encoded(decoded(raw_path), "/" + _UNRESERVED) or "/"
    return _encoded(normalize_url_path(raw_path or "/"), "/" + _UNRESERVED)


def canonical_query(pairs: list[tuple[str, str]]) -> str:
    """Return the canonical query string, without the signature in it."""
    encoded = sorted(
        (_encoded(name), _encoded(value)) for name, value in pairs if name != "X-Amz-Signature"
    )
    return "&".join(f"{name}={value}" for name, value in encoded)


def header_value(headers: CIMultiDictProxy[str], name: str) -> str:
    """Return the canonical value of a header that may be repeated."""
    return ",".join(" ".join(value.split()) for value in headers.getall(name))


def _encoded(text: str, safe: str = _UNRESERVED) -> str:
    if _PLAIN.fullmatch(text):
        return text
    return quote(text.encode("utf-8", "surrogateescape"), safe=safe)

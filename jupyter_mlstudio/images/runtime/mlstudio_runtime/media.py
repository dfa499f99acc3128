"""Media types of requests, answers and channels."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from functools import lru_cache

CSV = "text/csv"
JSON = "application/json"
JSONLINES = "application/jsonlines"
LIBSVM = "text/libsvm"
NPY = "application/x-npy"
PARQUET = "application/x-parquet"
RECORDIO = "application/x-recordio-protobuf"

_ALIASES = {
    "csv": CSV,
    "json": JSON,
    "jsonlines": JSONLINES,
    "application/x-jsonlines": JSONLINES,
    "libsvm": LIBSVM,
    "text/x-libsvm": LIBSVM,
    "parquet": PARQUET,
    "recordio-protobuf": RECORDIO,
}


@lru_cache(maxsize=256)
def parse(value: str) -> tuple[str, Mapping[str, str]]:
    """Split ``text/csv; label_size=1`` into the type, lower case, and its parameters.

    SageMaker's short and old names (``csv``, ``text/x-libsvm``) come back as the usual ones.
    """
    message = Message()
    message["Content-Type"] = value
    name, *parameters = message.get_params(failobj=[("", "")])
    kind = name[0].strip().lower()
    return _ALIASES.get(kind, kind), {key.lower(): text.lower() for key, text in parameters}

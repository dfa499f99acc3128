"""Where a studio keeps what, and what the user may set.

Everything a studio writes lies under its root. ``studio.json`` there is its identity: it is made
once, so that ports, account and studio id stay the same over restarts.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._drafts import draft_of
from .._failpoints import reached

ROOT_VARIABLE = "MLSTUDIO_ROOT"
DATABASE_VARIABLE = "MLSTUDIO_DATABASE"
SQLITE = "sqlite"


def default_root() -> Path:
    """Return the root of the user's own studio."""
    configured = os.environ.get(ROOT_VARIABLE)
    return Path(configured) if configured else Path.home() / ".local" / "share" / "mlstudio"


@dataclass(frozen=True, slots=True)
class Settings:
    """Identity and configuration of one studio.

    ``compute`` is ``docker``, ``process`` or ``auto`` (Docker where an engine answers). ``pull``
    says whether an image that is not here is looked for in its registry.
    ``database`` is ``sqlite`` or the URL of a PostgreSQL database, which may hold a password: the
    variable ``MLSTUDIO_DATABASE`` overrules it, and is written nowhere.
    ``usage_seconds`` is how often it is looked at what containers use; 0 means never.
    ``metric_days`` is how long CloudWatch's metrics are kept.
    ``file_systems`` maps a ``FileSystemId`` to the folder of this machine that jobs find as such.
    ``idle_exit`` is seconds without work or clients after which the studio ends; 0 means never.
    ``s3_endpoint`` is the URL of another S3 to use instead of our own, in ``s3_region``, with the
    keys of the AWS profile ``s3_profile`` or, without one, of the environment. ``s3_bucket`` names
    the default bucket there. ``s3_cache`` is how many bytes of its objects are kept here.
    """

    root: Path
    studio_id: str
    account: str = "000000000000"
    region: str = "us-east-1"
    host: str = "127.0.0.1"
    port: int = 0
    s3_port: int = 0
    gateway_port: int = 0
    container_port: int = 0
    compute: str = "auto"
    database: str = field(default=SQLITE, repr=False)
    pull: bool = True
    usage_seconds: float = 10.0
    metric_days: int = 455
    idle_exit: int = 4 * 3600
    file_systems: Mapping[str, str] = field(default_factory=dict)
    s3_endpoint: str = ""
    s3_region: str = "us-east-1"
    s3_profile: str = ""
    s3_bucket: str = ""
    s3_cache: int = 50 << 30

    @property
    def role_arn(self) -> str:
        """The role jobs run with unless the request names another."""
        return f"arn:aws:iam::{self.account}:role/MLStudioExecutionRole"

    @property
    def user_arn(self) -> str:
        """The principal of the panels, and of the studio itself."""
        return f"arn:aws:iam::{self.account}:user/mlstudio"

    @property
    def kernel_arn(self) -> str:
        """The principal of notebooks and shells: the execution role, as in SageMaker Studio.

        The SageMaker SDK's ``get_execution_role()`` refuses any other.
        """
        return f"arn:aws:sts::{self.account}:assumed-role/MLStudioExecutionRole/mlstudio"

    @property
    def default_bucket(self) -> str:
        """The bucket the SageMaker SDK would choose for this account and region, or the user's."""
        return self.s3_bucket or f"sagemaker-{self.region}-{self.account}"

    @property
    def url(self) -> str:
        """Endpoint of every AWS service but S3."""
        return f"http://{self.host}:{self.port}"

    @property
    def s3_url(self) -> str:
        """Endpoint of S3."""
        return f"http://{self.host}:{self.s3_port}"

    @property
    def gateway_url(self) -> str:
        """Endpoint of sagemaker-runtime, without the detour over :attr:`url`."""
        return f"http://{self.host}:{self.gateway_port}"

    @property
    def master_key(self) -> Path:
        """The secret all keys derive from (mode 0600)."""
        return self.root / "secrets" / "master.key"

    @property
    def database_file(self) -> Path:
        """The studio's SQLite file, where that is its database."""
        return self.root / "db" / "studio.db"

    @property
    def copies(self) -> Path:
        """Copies of the SQLite file; apart from it, as its disk may be what is lost."""
        return self.root / "copies"

    @property
    def objects(self) -> Path:
        """Root of the embedded object store: object files and ``objects.db``."""
        return self.root / "objects"

    @property
    def fetched(self) -> Path:
        """Objects of another S3 that have been fetched, and bodies on their way there."""
        return self.root / "fetched"

    @property
    def jobs(self) -> Path:
        """Run folders of jobs and replicas, one per container."""
        return self.root / "jobs"

    def logs(self, account: str, region: str) -> Path:
        """Log streams of an account and region; they outlive containers."""
        return self.root / "logs" / account / region

    @property
    def run(self) -> Path:
        """Lock, pid and address files of the processes."""
        return self.root / "run"

    @property
    def routes(self) -> Path:
        """What the gateway routes where: written by the studio, watched by the gateway."""
        return self.root / "gateway" / "routes.json"


def load_settings(root: Path, **overrides: Any) -> Settings:  # noqa: ANN401 - any field of Settings
    """Read the studio at ``root``, giving it an identity the first time.

    ``overrides`` that are not None are kept in ``studio.json``. Processes that do so at once end
    with the same identity.
    """
    root = root.expanduser().resolve()
    path = root / "studio.json"
    if not path.exists():
        _create_identity(path)
    stored: dict[str, Any] = json.loads(path.read_text())
    wanted = {**stored, **{key: value for key, value in overrides.items() if value is not None}}
    database = os.environ.get(DATABASE_VARIABLE) or wanted.get("database", SQLITE)
    settings = Settings(root=root, **{**wanted, "database": database})
    if wanted != stored:
        write_atomically(path, json.dumps(wanted, indent=2))
    return settings


def _create_identity(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    identity: dict[str, Any] = {"studio_id": secrets.token_hex(4)}
    for port in ("port", "s3_port", "gateway_port", "container_port"):
        identity[port] = _free_port()
    draft = draft_of(path)
    write_atomically(draft, json.dumps(identity, indent=2))
    try:
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace ``path`` in one step, durably: readers see the old text or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = draft_of(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        reached("file.written")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    reached("file.replaced")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

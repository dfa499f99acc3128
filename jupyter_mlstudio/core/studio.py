"""The services that operations and controllers share, put together once per process."""

from __future__ import annotations

import hmac
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import boto3
import botocore.session
from botocore.config import Config

from ..compute.admission import Admission
from ..compute.machine import Machine
from ..compute.protocol import Engine
from ..storage.fetched import ObjectCache, RemoteReader
from ..storage.reader import ObjectReader, Objects
from ..wire.keys import Credentials, KeyRing
from ..wire.permissions import SCOPE
from ..wire.services import loader
from . import local_types
from .cloudwatch import CloudWatch
from .collector import LogCollector
from .controllers import Controllers
from .copies import Copier
from .database import DatabaseUnavailable
from .kinds import kind
from .log_view import LogViews
from .logs import LogStore
from .metrics import MetricStore
from .opening import open_database
from .settings import Settings
from .store import Resource, Store
from .usage import Sampler

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CREDENTIAL_SECONDS = 3600
REMEMBERED = 1024
"""Resources with containers that get credentials while the database is away."""


class Scoped(Protocol):
    """What belongs to an account and a region: a resource, a call."""

    @property
    def account(self) -> str:
        """The account."""

    @property
    def region(self) -> str:
        """The region."""


class Studio:
    """Everything an operation or a controller may use.

    Parameters
    ----------
    settings:
        Identity and folders.
    engine:
        Where containers run.
    machine:
        What there is to give to containers; what the engine says when it is not given.
    """

    def __init__(self, settings: Settings, engine: Engine, machine: Machine | None = None) -> None:
        local_types.allow()
        self.settings = settings
        self.engine = engine
        self.keys = KeyRing.load(settings.master_key)
        self.database = open_database(settings)
        self.store = Store(self.database)
        self.metrics = MetricStore(self.database)
        self.cloudwatch = CloudWatch(self)
        self.objects = self._objects()
        self.collector = LogCollector(engine)
        self.admission = Admission(machine or engine.machine())
        self._latest: OrderedDict[str, Resource] = OrderedDict()
        self._guard = threading.Lock()
        self.store.subscribe(self._changed)
        self.credential_port: int | None = None
        """Port 80 on the containers' side when it could be bound (relative credential URIs)."""
        self._s3: dict[str, S3Client] = {}
        self._logs: dict[tuple[str, str], LogStore] = {}
        self._log_views: dict[Path, LogViews] = {}
        self.sampler = Sampler(self)
        self.copier = Copier(settings)
        self.controllers = Controllers(self)

    def start(self) -> None:
        """Start to reconcile."""
        self.end_sessions()
        self.controllers.start()
        self.sampler.start()
        self.copier.start()

    def close(self) -> None:
        """Finish the steps being taken and let go of everything. Containers go on."""
        self.copier.close()
        self.sampler.close()
        self.controllers.close()
        self.collector.close()
        self.engine.close()
        self.database.close()

    def s3(self, region: str | None = None) -> S3Client:
        """Return a client of the object store with the studio's own key."""
        region = region or self.settings.region
        if region not in self._s3:
            user = self.keys.user_key(self.settings.account, self.settings.user_arn)
            session = botocore.session.get_session()
            session.register_component("data_loader", loader())
            self._s3[region] = boto3.session.Session(botocore_session=session).client(
                "s3",
                region_name=region,
                endpoint_url=self.settings.s3_url,
                aws_access_key_id=user.access_key,
                aws_secret_access_key=user.secret_key,
                config=Config(retries={"max_attempts": 3, "mode": "standard"}),
            )
        return self._s3[region]

    def _objects(self) -> Objects:
        if not self.settings.s3_endpoint:
            return ObjectReader(self.settings.objects)
        cache = ObjectCache(self.settings.fetched / "cache", self.settings.s3_cache)
        return RemoteReader(self.s3, cache)

    def logs(self, owner: Scoped) -> LogStore:
        """Return the logs of the account and region of a resource or a call."""
        scope = (owner.account, owner.region)
        return self._logs.setdefault(scope, LogStore(self.settings.logs(*scope)))

    def log_views(self, owner: Scoped) -> LogViews:
        """Return the views of these logs as lines with numbers."""
        store = self.logs(owner)
        return self._log_views.setdefault(store.root, LogViews(store))

    def container_name(self, resource: Resource, part: str = "1") -> str:
        """Return the name of a container of a resource; it makes creation idempotent."""
        return f"mls-{self.settings.studio_id}-{resource.uid}-{part}"

    def owner_uid(self, container: str) -> str:
        """Return the uid of the resource that a container with this name belongs to."""
        return container.removeprefix(f"mls-{self.settings.studio_id}-").split("-")[0]

    def run_folder(self, resource: Resource, part: str = "1") -> Path:
        """Return the host folder that stands for ``/`` in a container of a resource."""
        return self.settings.jobs / resource.uid / part

    # Credentials of containers

    def credential_path(self, uid: str) -> str:
        """Return the path at which a container of a resource gets its credentials."""
        return f"/v2/credentials/{uid}-{self._credential_mac(uid)}"

    def credentials(self, path: str, seconds: int = CREDENTIAL_SECONDS) -> dict[str, Any] | None:
        """Return credentials for a credential path that are good for ``seconds``.

        None when it is not ours, or when the job it was for has ended.

        The document is what the AWS SDKs expect from a container credential provider.
        """
        uid, _, mac = path.removeprefix("/v2/credentials/").partition("-")
        if not hmac.compare_digest(mac, self._credential_mac(uid)):
            return None
        try:
            resource = self.store.by_uid(uid)
        except DatabaseUnavailable:
            # SDKs in containers ask three times within seconds, and then fail.
            resource = self._latest.get(uid)
            if resource is None:
                raise
        if resource is None or resource.status in (kind(resource.kind).final or ()):
            return None
        self._remember(resource)
        role = resource.wish.get("RoleArn") or resource.wish.get("ExecutionRoleArn")
        self.keys.begin_session(uid)
        issued = self._assume(role or self.settings.role_arn, resource, seconds)
        return {
            "AccessKeyId": issued.access_key,
            "SecretAccessKey": issued.secret_key,
            "Token": issued.token,
            "Expiration": issued.expires,
            "RoleArn": role or self.settings.role_arn,
        }

    def end_sessions(self) -> None:
        """Refuse the keys of what has ended meanwhile."""
        for uid in self.keys.sessions():
            resource = self.store.by_uid(uid)
            if resource is None or resource.status in (kind(resource.kind).final or ()):
                self.keys.end_session(uid)

    def _changed(self, resource: Resource) -> None:
        final = kind(resource.kind).final
        if resource.status in (final or ()):
            self._latest.pop(resource.uid, None)
            self.keys.end_session(resource.uid)
        elif final is not None:
            self._remember(resource)

    def _remember(self, resource: Resource) -> None:
        """Keep who gets credentials while the database is away."""
        with self._guard:
            self._latest[resource.uid] = resource
            self._latest.move_to_end(resource.uid)
            if len(self._latest) > REMEMBERED:
                self._latest.popitem(last=False)

    def _assume(self, role: str, resource: Resource, seconds: int) -> Credentials:
        name = role.rpartition("/")[2]
        principal = f"arn:aws:sts::{self.settings.account}:assumed-role/{name}/SageMaker"
        claims = {"session": resource.uid, SCOPE: kind(resource.kind).scope}
        return self.keys.issue(self.settings.account, principal, seconds, claims)

    def _credential_mac(self, uid: str) -> str:
        key = self.keys.derive("container-credentials")
        return hmac.digest(key, uid.encode(), "sha256").hex()[:32]

"""The way from this Jupyter server to its studio."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.credentials import Credentials
from botocore.session import Session

from .. import __version__
from ..core.settings import Settings, load_settings
from ..studio import client as studio
from ..studio import kernels
from ..wire.keys import KeyRing
from .client import AWSClient, StoredObject, StudioUnavailable

PROFILE = kernels.PROFILE

_START = "Start it with 'Start the studio' or 'jupyter mlstudio start'."


class StudioConnection:
    """Finds the studio, starts it when asked to, and calls its operations.

    Parameters
    ----------
    root:
        Root of this machine's studio.
    compute:
        What its jobs run on: ``auto``, ``docker`` or ``process``; empty keeps what the root says.
    url:
        A studio on another machine. It is never started from here; requests are signed with the
        credentials of the AWS profile ``mlstudio``.
    """

    def __init__(self, root: Path, compute: str, url: str, log: logging.Logger) -> None:
        self._root = root
        self._compute = compute
        self._url = url
        self._log = log
        self._client: AWSClient | None = None
        self._connecting = asyncio.Lock()
        self._starting = asyncio.Lock()
        self._failure = ""
        self._environment: dict[str, str | None] = {}

    async def call(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        timeout: float = 30.0,
    ) -> dict[str, Any]:
        """Call an operation of the studio; see :meth:`.client.AWSClient.call`."""
        client = await self._connect()
        try:
            return await client.call(service, operation, params, timeout)
        except StudioUnavailable as error:
            raise await self._lost(client, error) from error

    async def open(self, bucket: str, key: str, ranges: str = "") -> StoredObject:
        """Open an object for reading; see :meth:`.client.AWSClient.open`."""
        client = await self._connect()
        try:
            return await client.open(bucket, key, ranges)
        except StudioUnavailable as error:
            raise await self._lost(client, error) from error

    async def start(self) -> None:
        """Start the studio where it does not run.

        Raises
        ------
        StudioUnavailable
            It could not be started; the message says why.
        """
        if self._url:
            raise StudioUnavailable(
                f"The studio at {self._url} belongs to another machine; start it there."
            )
        async with self._starting:
            try:
                settings = await self._settings()
                await asyncio.to_thread(studio.ensure, settings)
            except (studio.StudioError, OSError, ValueError) as error:
                self._failure = str(error)
                self._log.warning("The studio could not be started: %s", error)
                raise StudioUnavailable(str(error)) from error
            self._failure = ""

    async def prepare_kernels(self) -> None:
        """Let kernels and terminals, which inherit our environment, know the studio."""
        if self._url:
            return
        try:
            settings = await self._settings()
            variables = await asyncio.to_thread(kernels.prepare, settings)
        except (OSError, ValueError) as error:
            self._log.warning("Kernels will not know the studio: %s", error)
            return
        for name, value in variables.items():
            self._environment.setdefault(name, os.environ.get(name))
            os.environ[name] = value

    async def close(self) -> None:
        """Close connections and give the environment back as it was found."""
        for name, value in self._environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._environment.clear()
        if self._client is not None:
            await self._forget(self._client)

    async def _connect(self) -> AWSClient:
        async with self._connecting:
            if self._client is None:
                remote = bool(self._url)
                self._client = await (self._connect_remote() if remote else self._connect_local())
            return self._client

    async def _connect_local(self) -> AWSClient:
        settings = await self._settings()
        info = await asyncio.to_thread(studio.find, settings)
        if info is None:
            raise StudioUnavailable(self._absence())
        if info.version != __version__:
            raise StudioUnavailable(
                f"The studio is of version {info.version}, JupyterLab's extension of version "
                f"{__version__}. Restart the older of the two."
            )
        keys = await asyncio.to_thread(KeyRing.load, settings.master_key)
        key = keys.user_key(settings.account, settings.user_arn)
        endpoints = {"": info.url, "s3": info.s3_url, "sagemaker-runtime": info.gateway_url}
        credentials = Credentials(key.access_key, key.secret_key)
        return AWSClient(endpoints, credentials, settings.region)

    async def _connect_remote(self) -> AWSClient:
        session = Session(profile=PROFILE)
        if PROFILE not in session.available_profiles:
            raise StudioUnavailable(
                f"There is no AWS profile {PROFILE!r} with the key of the studio at {self._url}. "
                f"Ask who runs the studio for it, and add it to ~/.aws/config."
            )
        found = await asyncio.to_thread(session.get_credentials)
        if found is None:
            raise StudioUnavailable(f"The AWS profile {PROFILE!r} has no credentials.")
        region = session.get_config_variable("region") or "us-east-1"
        return AWSClient({"": self._url}, found, region)

    async def _settings(self) -> Settings:
        try:
            return await asyncio.to_thread(load_settings, self._root, compute=self._compute or None)
        except (OSError, ValueError, TypeError) as error:
            raise StudioUnavailable(
                f"The studio's folder {self._root} cannot be used: {error}"
            ) from error

    def _absence(self) -> str:
        if self._starting.locked():
            return "The studio is starting."
        if self._failure:
            return f"The studio could not be started: {self._failure}"
        return f"The studio does not run. {_START}"

    async def _lost(self, client: AWSClient, error: StudioUnavailable) -> StudioUnavailable:
        """Forget a client that gets no answers, and return what to say of that."""
        await self._forget(client)
        return StudioUnavailable(f"{error.message}. {'' if self._url else _START}")

    async def _forget(self, client: AWSClient) -> None:
        if self._client is client:
            self._client = None
        await client.close()

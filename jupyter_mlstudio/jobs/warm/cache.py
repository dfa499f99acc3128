"""The folder that jobs of one warm pool leave to the next: what they download, packages say.

It goes from a job to the pool it opens, and on to the job that starts there, which has the same
role and image (:func:`.kind.shape`). Where no pool is opened, and when one ends, it is removed.

Source: "Persistent cache" in "Train Using SageMaker AI Managed Warm Pools", AWS's developer guide.
"""

from __future__ import annotations

import logging
from pathlib import Path

from ..._failpoints import reached
from ...compute.protocol import Folder
from ...core.store import Resource
from ...core.studio import Studio
from .kind import AVAILABLE, keep_alive, pool_of

log = logging.getLogger(__name__)

CACHE = "/opt/ml/sagemaker/warmpoolcache"
VARIABLE = "SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY"


def cache_mount(studio: Studio, owner: Resource) -> list[Folder]:
    """Return the mount of the cache of a job or a pool, where it has one."""
    if not keep_alive(owner.wish) or studio.engine.name == "process":
        return []
    return [Folder(_kept(studio, owner) / "cache", CACHE)]


def make_cache(studio: Studio, owner: Resource) -> None:
    """Make the cache of a job or a pool, empty where it has been left none."""
    for mount in cache_mount(studio, owner):
        if not mount.source.exists():
            mount.source.mkdir(parents=True)
            mount.source.chmod(0o777)


def take_cache(studio: Studio, giver: Resource, taker: Resource) -> None:
    """Move a cache, which may be mounted. Safe to repeat."""
    given, taken = _kept(studio, giver), _kept(studio, taker)
    if given.is_dir() and not taken.exists():
        taken.parent.mkdir(parents=True, exist_ok=True)
        given.rename(taken)


def hand_over(studio: Studio, job: Resource) -> None:
    """Give the cache of a job that has ended to the pool it has opened. Safe to repeat."""
    pool = pool_of(studio, job)
    if pool is None or pool.status != AVAILABLE or pool.facts.get("Given"):
        return
    take_cache(studio, job, pool)
    reached("warm.cache.given")
    with studio.store.edit(pool.uid) as draft:
        draft.facts["Given"] = True


def _kept(studio: Studio, owner: Resource) -> Path:
    """Return the host folder above the cache: containers cannot change its mode or owner."""
    return studio.settings.jobs / owner.uid / "kept"

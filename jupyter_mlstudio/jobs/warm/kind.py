"""What a warm pool is to the store: one per job that asked for one, named as the job.

Source: ``WarmPoolStatus`` in AWS's API reference, and "Train Using SageMaker AI Managed Warm Pools"
in AWS's developer guide.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ...core.clock import moment, now
from ...core.kinds import Kind, Refusal
from ...core.store import Resource
from ...core.studio import Studio
from ..images import resolve_image
from ..status import IN_PROGRESS, STOPPING

AVAILABLE = "Available"
REUSED = "Reused"
TERMINATED = "Terminated"

WARM_POOL = Kind(
    name="WarmPool",
    path="warm-pool",
    missing=Refusal("ResourceNotFound", "Warm pool {name} does not exist."),
    taken=Refusal("ResourceInUse", "Warm pool {name} exists already."),
    final=frozenset({REUSED, TERMINATED}),
)


def keep_alive(wish: Mapping[str, Any]) -> int:
    """Return for how many seconds a job's container is to be replaced by one made ready."""
    return int(wish["ResourceConfig"].get("KeepAlivePeriodInSeconds", 0))


def shape(studio: Studio, wish: Mapping[str, Any]) -> str:
    """Return what two jobs must share for one to start where the other ran."""
    resources = {k: v for k, v in wish["ResourceConfig"].items() if k != "KeepAlivePeriodInSeconds"}
    parts = [
        resolve_image(studio, wish["AlgorithmSpecification"]["TrainingImage"]),
        resources,
        wish["RoleArn"],
        wish.get("EnableNetworkIsolation", False),
        wish.get("EnableInterContainerTrafficEncryption", False),
        wish.get("VpcConfig", {}),
        wish.get("CheckpointConfig", {}).get("LocalPath"),
        "CheckpointConfig" in wish,
        wish.get("DebugHookConfig", {}).get("LocalPath"),
        wish.get("TensorBoardOutputConfig", {}).get("LocalPath"),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def pool_of(studio: Studio, job: Resource) -> Resource | None:
    """Return the pool that a job left, None while there is none."""
    return studio.store.find(WARM_POOL, job.account, job.region, job.name)


def open_pool(studio: Studio, job: Resource) -> None:
    """Have a container made ready for the next job like this one. Safe to repeat."""
    if not keep_alive(job.wish) or pool_of(studio, job) is not None:
        return
    studio.store.create(
        WARM_POOL,
        job.account,
        job.region,
        job.name,
        wish=job.wish,
        facts={
            "Shape": shape(studio, job.wish),
            "Opened": moment(),
            "Kept": keep_alive(job.wish),
        },
        status=AVAILABLE,
        parent=job.arn,
    )


def close_pool(studio: Studio, job: Resource) -> None:
    """Forget the pool of a job that is deleted; its container goes with the next sweep."""
    pool = pool_of(studio, job)
    if pool is not None:
        studio.store.delete(pool.uid)


def extend(studio: Studio, job: Resource, seconds: int) -> bool:
    """Keep an available pool for ``seconds`` from the job's end; say whether there is one."""
    pool = pool_of(studio, job)
    if pool is None or pool.status != AVAILABLE:
        return False
    with studio.store.edit(pool.uid) as draft:
        draft.facts["Kept"] = seconds
    return True


def pools_of(studio: Studio, jobs: Sequence[Resource]) -> dict[str, Resource]:
    """Return the pools that jobs of one account and region left, by the jobs' names."""
    if not jobs:
        return {}
    names = [job.name for job in jobs]
    found = studio.store.named(WARM_POOL, jobs[0].account, jobs[0].region, names)
    return {pool.name: pool for pool in found}


def describe(studio: Studio, job: Resource) -> dict[str, Any] | None:
    """Return the ``WarmPoolStatus`` of a job, None where it asked for no pool."""
    return status_of(job, pool_of(studio, job))


def status_of(job: Resource, pool: Resource | None) -> dict[str, Any] | None:
    """Return the ``WarmPoolStatus`` of a job that left a pool or none; None as above."""
    if pool is None and not keep_alive(job.wish):
        return None
    if job.status in (IN_PROGRESS, STOPPING):
        return {"Status": "InUse"}
    if pool is None:
        # One that ran is about to get its pool.
        return {"Status": AVAILABLE if job.facts.get("Launched") else TERMINATED}
    ended = pool.facts.get("EndedAt", now())
    answer = {
        "Status": pool.status,
        "ResourceRetainedBillableTimeInSeconds": max(0, round(ended - pool.created)),
    }
    if pool.status == REUSED:
        answer["ReusedByJob"] = pool.facts["ReusedByJob"]
    return answer

"""Trial components: what one run was given and what came out of it.

Every job has one of its own (``<job name>-aws-training-job``). It is made with the job and shows
the job as it is now; what users write to it (parameters, artifacts) is added on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..core.clock import timestamp
from ..core.listing import Listing, tag_map
from ..core.store import Resource
from ..core.studio import Studio
from ..wire.operation import Call, Response, operation
from .kind import TRIAL_COMPONENT
from .metrics import deviation
from .sources import component_name, inputs, outputs, parameters, source_type

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as t

_MAPS = ("Parameters", "InputArtifacts", "OutputArtifacts")
_REMOVALS = {
    "ParametersToRemove": "Parameters",
    "InputArtifactsToRemove": "InputArtifacts",
    "OutputArtifactsToRemove": "OutputArtifacts",
}


def track(studio: Studio, job: Resource) -> None:
    """See that a job has its trial component. Safe to repeat."""
    name = component_name(job)
    if studio.store.find(TRIAL_COMPONENT, job.account, job.region, name) is None:
        studio.store.create(
            TRIAL_COMPONENT,
            job.account,
            job.region,
            name,
            wish={"DisplayName": name, "SourceArn": job.arn},
            status="",
            parent=job.arn,
        )


def forget(studio: Studio, job: Resource) -> None:
    """Drop the trial component and the metrics of a job that is deleted."""
    component = studio.store.find(TRIAL_COMPONENT, job.account, job.region, component_name(job))
    if component is not None:
        studio.store.delete(component.uid)
    studio.metrics.forget(job.arn)


@operation("sagemaker", "CreateTrialComponent")
def create_trial_component(
    call: Call[Studio], request: t.CreateTrialComponentRequestTypeDef
) -> Response:
    """Make a trial component of a run that is no job of ours."""
    name = request["TrialComponentName"]
    wish = {k: _plain(v) for k, v in request.items() if k not in ("Tags", "TrialComponentName")}
    wish.setdefault("DisplayName", name)
    made = call.app.store.create(
        TRIAL_COMPONENT,
        call.account,
        call.region,
        name,
        wish=wish,
        status="",
        facts={"CreatedBy": call.caller.arn},
        labels=tag_map(request.get("Tags")),
    )
    return {"TrialComponentArn": made.arn}


@operation("sagemaker", "DescribeTrialComponent")
def describe_trial_component(
    call: Call[Studio], request: t.DescribeTrialComponentRequestTypeDef
) -> Response:
    """Return a trial component with the last, least and greatest value of its metrics."""
    component = call.app.store.get(
        TRIAL_COMPONENT, call.account, call.region, request["TrialComponentName"]
    )
    job, view = _view(call.app, component)
    for member in _MAPS:
        view[member] = {**_from_job(job).get(member, {}), **component.wish.get(member, {})}
    view["Metrics"] = _metrics(call.app, component)
    return view


@operation("sagemaker", "UpdateTrialComponent")
def update_trial_component(
    call: Call[Studio], request: t.UpdateTrialComponentRequestTypeDef
) -> Response:
    """Change name, status, times; add and remove parameters and artifacts."""
    store = call.app.store
    changes: Mapping[str, Any] = request
    found = store.get(TRIAL_COMPONENT, call.account, call.region, request["TrialComponentName"])
    with store.edit(found.uid) as draft:
        for member in ("DisplayName", "Status", "StartTime", "EndTime"):
            if member in changes:
                draft.wish[member] = _plain(changes[member])
        for member in _MAPS:
            given = changes.get(member, {})
            draft.wish[member] = {**draft.wish.get(member, {}), **_plain(given)}
        for removal, member in _REMOVALS.items():
            for key in changes.get(removal, []):
                draft.wish[member].pop(key, None)
    return {"TrialComponentArn": found.arn}


@operation("sagemaker", "DeleteTrialComponent")
def delete_trial_component(
    call: Call[Studio], request: t.DeleteTrialComponentRequestTypeDef
) -> Response:
    """Forget a trial component."""
    store = call.app.store
    found = store.get(TRIAL_COMPONENT, call.account, call.region, request["TrialComponentName"])
    store.delete(found.uid)
    return {"TrialComponentArn": found.arn}


@operation("sagemaker", "ListTrialComponents")
def list_trial_components(
    call: Call[Studio], request: t.ListTrialComponentsRequestTypeDef
) -> Response:
    """List trial components, newest first."""
    listing = Listing(
        TRIAL_COMPONENT,
        "TrialComponentSummaries",
        lambda component: _view(call.app, component, "TrialComponentSource")[1],
        parent="SourceArn",
    )
    return listing.answer(call, {**request, **_created(request)})


def _created(request: Mapping[str, Any]) -> dict[str, Any]:
    names = {"CreatedAfter": "CreationTimeAfter", "CreatedBefore": "CreationTimeBefore"}
    return {ours: request[theirs] for theirs, ours in names.items() if theirs in request}


def _view(
    studio: Studio, component: Resource, member: str = "Source"
) -> tuple[Resource | None, dict[str, Any]]:
    wish = component.wish
    source = wish.get("SourceArn")
    job = studio.store.by_arn(source) if source else None
    view: dict[str, Any] = {
        "TrialComponentName": component.name,
        "TrialComponentArn": component.arn,
        "DisplayName": wish["DisplayName"],
        "CreationTime": timestamp(component.created),
        "LastModifiedTime": timestamp(component.modified),
    }
    if source:
        view[member] = {"SourceArn": source, "SourceType": source_type(source)}
    view.update(_from_job(job, summary=True))
    if "Status" in wish:
        view["Status"] = wish["Status"]
    for time in ("StartTime", "EndTime"):
        if time in wish:
            view[time] = timestamp(wish[time])
    return job, view


def _from_job(job: Resource | None, *, summary: bool = False) -> dict[str, Any]:
    if job is None:
        return {}
    facts = job.facts
    view: dict[str, Any] = {"Status": {"PrimaryStatus": job.status}}
    if reason := facts.get("FailureReason"):
        view["Status"]["Message"] = reason
    if started := facts.get("StartedAt"):
        view["StartTime"] = timestamp(started)
    if ended := facts.get("EndedAt"):
        view["EndTime"] = timestamp(ended)
    if summary:
        return view
    view["Parameters"] = parameters(job)
    view["InputArtifacts"] = inputs(job)
    view["OutputArtifacts"] = outputs(job)
    return view


def _metrics(studio: Studio, component: Resource) -> list[dict[str, Any]]:
    arn = component.wish.get("SourceArn", component.arn)
    return [
        {
            "MetricName": series.name,
            "SourceArn": arn,
            "TimeStamp": timestamp(series.times[-1]),
            "Max": max(series.values),
            "Min": min(series.values),
            "Last": series.values[-1],
            "Count": len(series.values),
            "Avg": sum(series.values) / len(series.values),
            "StdDev": deviation(series.values),
        }
        for series in studio.metrics.series(arn)
    ]


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a request's value as JSON: times become seconds since the epoch."""
    if hasattr(value, "timestamp"):
        return value.timestamp()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value

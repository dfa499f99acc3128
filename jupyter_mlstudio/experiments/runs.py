"""Runs side by side, for whoever compares many: operations of the studio's own service.

A run is a trial component. AWS's ``Search`` describes each of them whole, with statistics over all
its points; here a table gets the columns it shows, and a chart as many points as it has pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

from sqlalchemy import Select, select

from ..core.curves import Curve, Curves, Window
from ..core.listing import Tokens, query_scope
from ..core.packed import doubles, integers
from ..core.schema import resources
from ..core.store import Resource, from_row
from ..core.studio import Studio
from ..wire.errors import AWSError, validation_error
from ..wire.operation import Call, Request, Response, operation
from .kind import TRIAL_COMPONENT
from .table import Run, RunColumns

MOST_RUNS = 10_000
_CHUNK = 500
_POINTS = 1000
_PAGE = 100_000


@operation("mlstudio", "GetRunTable")
def get_run_table(call: Call[Studio], request: Request) -> Response:
    """Return runs, latest first, which parameters they have, and the values of some of these."""
    components, more = _components(call, request.get("TrialComponentNames"))
    jobs = _sources(call, components)
    runs = [Run(each, jobs.get(each.parent or "")) for each in components]
    columns = RunColumns(runs)
    return {
        "Runs": {
            "TrialComponentNames": [run.component.name for run in runs],
            "DisplayNames": [run.component.wish["DisplayName"] for run in runs],
            "TrialComponentArns": [run.component.arn for run in runs],
            "SourceArns": [run.source_arn for run in runs],
            "Statuses": [run.status for run in runs],
            "CreationTimes": doubles(run.component.created for run in runs),
            "StartTimes": doubles(_or_nan(run.started) for run in runs),
            "EndTimes": doubles(_or_nan(run.ended) for run in runs),
        },
        "Truncated": more,
        "ParameterSummaries": columns.summaries(),
        "Parameters": [
            {"ParameterName": name, "Texts": texts, "Codes": integers(codes)}
            for name in request.get("ParameterNames", [])
            for texts, codes in (columns.coded(name),)
        ],
    }


@operation("mlstudio", "GetRunMetrics")
def get_run_metrics(call: Call[Studio], request: Request) -> Response:
    """Return the last, lowest and highest value of metrics of runs, in the order of the runs."""
    arns = _metric_arns(call, request["TrialComponentNames"])
    curves = Curves(call.app.database)
    missing = (nan, nan, nan)
    columns = []
    for name in request["MetricNames"]:
        found = curves.summaries(name, _prefix(call))
        values = [found.get(arn, missing) for arn in arns]
        columns.append(
            {
                "MetricName": name,
                "Last": doubles(last for last, _, _ in values),
                "Minima": doubles(low for _, low, _ in values),
                "Maxima": doubles(high for _, _, high in values),
            }
        )
    return {"Metrics": columns}


@operation("mlstudio", "ListRunMetricNames")
def list_run_metric_names(call: Call[Studio], request: Request) -> Response:
    """List the names of the metrics of some runs, or of all."""
    curves = Curves(call.app.database)
    names = request.get("TrialComponentNames")
    if names is None:
        return {"MetricNames": curves.names(_prefix(call))}
    return {"MetricNames": curves.names_of(_metric_arns(call, names))}


@operation("mlstudio", "GetRunSeries")
def get_run_series(call: Call[Studio], request: Request) -> Response:
    """Return a metric of runs as curves of no more points than asked for."""
    start, end = request.get("Start"), request.get("End")
    if start is not None and end is not None and start > end:
        raise validation_error("Start must not be greater than End.")
    names = request["TrialComponentNames"]
    runs = dict(zip(_metric_arns(call, names), names, strict=True))
    window = Window(request.get("Axis", "Step"), start, end)
    most = request.get("MaxPoints", _POINTS)
    found = Curves(call.app.database).curves(runs, request["MetricName"], window, most)
    return {"Series": [_document(runs[curve.arn], curve) for curve in found]}


@operation("mlstudio", "ListRunPoints")
def list_run_points(call: Call[Studio], request: Request) -> Response:
    """List all points of a run, by metric and in the order they came."""
    name = request["TrialComponentName"]
    (arn,) = _metric_arns(call, [name])
    signer, scope = Tokens(call.app.keys.derive("page-token")), query_scope(call, "Points", request)
    token = request.get("NextToken")
    after = signer.open(token, scope) if token else ("", 0)
    size = request.get("MaxResults", _PAGE)
    page = list(Curves(call.app.database).page(arn, request.get("MetricNames"), after, size))
    answer: dict[str, Any] = {
        "Series": [{"MetricName": metric, **_document(name, curve)} for metric, _, curve in page]
    }
    if sum(len(curve.values) for *_, curve in page) >= size:
        metric, number, _ = page[-1]
        answer["NextToken"] = signer.seal([metric, number], scope)
    return answer


def _document(name: str, curve: Curve) -> dict[str, Any]:
    document = {
        "TrialComponentName": name,
        "Count": curve.count,
        "Origin": curve.origin,
        "Steps": doubles(curve.steps),
        "Times": doubles(curve.times),
        "Values": doubles(curve.values),
    }
    if curve.minima:
        document |= {"Minima": doubles(curve.minima), "Maxima": doubles(curve.maxima)}
    return document


def _prefix(call: Call[Studio]) -> str:
    return f"arn:aws:sagemaker:{call.region}:{call.account}:"


def _own(call: Call[Studio], *columns: Any) -> Select[Any]:  # noqa: ANN401 - what select takes
    return select(*columns).where(
        resources.c.kind == TRIAL_COMPONENT.name,
        resources.c.account == call.account,
        resources.c.region == call.region,
    )


def _components(call: Call[Studio], names: Sequence[str] | None) -> tuple[list[Resource], bool]:
    """Return the runs of these names, or the latest, and whether there are more."""
    if names is not None:
        found = [
            each
            for start in range(0, len(names), _CHUNK)
            for each in call.app.store.named(
                TRIAL_COMPONENT, call.account, call.region, names[start : start + _CHUNK]
            )
        ]
        return sorted(found, key=lambda each: (each.created, each.uid), reverse=True), False
    latest = (resources.c.created.desc(), resources.c.uid.desc())
    query = _own(call, resources).order_by(*latest).limit(MOST_RUNS + 1)
    with call.app.database.read() as connection:
        rows = [from_row(row) for row in connection.execute(query).mappings()]
    return rows[:MOST_RUNS], len(rows) > MOST_RUNS


def _sources(call: Call[Studio], components: Sequence[Resource]) -> Mapping[str, Resource]:
    """Return the jobs of runs by ARN."""
    arns = [each.parent for each in components if each.parent]
    found = {}
    with call.app.database.read() as connection:
        for start in range(0, len(arns), _CHUNK):
            query = select(resources).where(resources.c.arn.in_(arns[start : start + _CHUNK]))
            for row in connection.execute(query).mappings():
                found[row["arn"]] = from_row(row)
    return found


def _metric_arns(call: Call[Studio], names: Sequence[str]) -> list[str]:
    """Return for each run the ARN that its metrics are kept under; refuse one that is none."""
    found: dict[str, str] = {}
    with call.app.database.read() as connection:
        for start in range(0, len(names), _CHUNK):
            chunk = [name.lower() for name in names[start : start + _CHUNK]]
            query = _own(call, resources.c.folded, resources.c.parent, resources.c.arn)
            for row in connection.execute(query.where(resources.c.folded.in_(chunk))):
                found[row.folded] = row.parent or row.arn
    for name in names:
        if name.lower() not in found:
            raise AWSError("ResourceNotFound", f"Trial Component '{name}' does not exist.")
    return [found[name.lower()] for name in names]


def _or_nan(moment: float | None) -> float:
    return nan if moment is None else moment

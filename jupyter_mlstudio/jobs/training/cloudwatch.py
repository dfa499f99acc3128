"""Metrics of training jobs as CloudWatch shows them; they are read where the jobs keep them."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select

from ...core.cloudwatch import Wanted, metric_source
from ...core.samples import Metric, Sample
from ...core.schema import metric_points, metric_series, resources
from ...core.studio import Studio
from .kind import LOG_GROUP, TRAINING_JOB

NAMESPACE = LOG_GROUP
DIMENSION = "TrainingJobName"


@metric_source
class TrainingMetrics:
    """What jobs print and their algorithms report, by the name of the job."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def metrics(self, wanted: Wanted) -> Iterator[Metric]:
        """Yield the metrics asked for."""
        if wanted.namespace not in (None, NAMESPACE):
            return
        last = (
            select(metric_points.c.time)
            .where(metric_points.c.series == metric_series.c.id)
            .order_by(metric_points.c.number.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = (
            select(resources.c.name.label("job"), metric_series.c.name)
            .join(metric_series, metric_series.c.arn == resources.c.arn)
            .where(
                resources.c.kind == TRAINING_JOB.name,
                resources.c.account == wanted.account,
                resources.c.region == wanted.region,
                func.coalesce(last, 0) >= wanted.since,
            )
        )
        if wanted.name is not None:
            query = query.where(metric_series.c.name == wanted.name)
        for name, value in wanted.dimensions:
            if name == DIMENSION and value is not None:
                query = query.where(resources.c.name == value)
        with self._studio.database.read() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            dimensions = ((DIMENSION, row.job),)
            if wanted.matches(dimensions):
                yield Metric(wanted.account, wanted.region, NAMESPACE, row.name, dimensions)

    def samples(self, metric: Metric, start: float, end: float) -> Iterator[Sample]:
        """Yield a sample per point."""
        if metric.namespace != NAMESPACE or [name for name, _ in metric.dimensions] != [DIMENSION]:
            return
        ((_, name),) = metric.dimensions
        job = self._studio.store.find(TRAINING_JOB, metric.account, metric.region, name)
        if job is not None:
            for time, value in self._studio.metrics.points(job.arn, metric.name, start, end):
                yield Sample.of(value, time, 1)

"""Keep with each series of a metric what tables show of it, and find series by their name."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SUMMARY: dict[str, TypeEngine[Any]] = {
    "points": sa.BigInteger(),
    "last": sa.Float(),
    "minimum": sa.Float(),
    "maximum": sa.Float(),
}


def upgrade() -> None:
    """Add the columns, fill them from the points, and make the index."""
    for name, type_ in _SUMMARY.items():
        op.add_column("metric_series", sa.Column(name, type_))
    points = sa.table("metric_points", sa.column("series"), sa.column("number"), sa.column("value"))
    series = sa.table("metric_series", sa.column("id"), *map(sa.column, _SUMMARY))
    own = points.c.series == series.c.id
    connection = op.get_bind()
    connection.execute(sa.delete(series).where(~sa.exists().where(own)))
    connection.execute(
        sa.update(series).values(
            points=_of(sa.func.max(points.c.number), own),
            minimum=_of(sa.func.min(points.c.value), own),
            maximum=_of(sa.func.max(points.c.value), own),
        )
    )
    newest = own & (points.c.number == series.c.points)
    connection.execute(sa.update(series).values(last=_of(points.c.value, newest)))
    with op.batch_alter_table("metric_series") as table:
        for name, type_ in _SUMMARY.items():
            table.alter_column(name, existing_type=type_, nullable=False)
    op.create_index("series_by_name", "metric_series", ["name", "arn"])


def _of(value: sa.ColumnElement[float], where: sa.ColumnElement[bool]) -> sa.ScalarSelect[float]:
    return sa.select(value).where(where).scalar_subquery()


def downgrade() -> None:
    """Drop them again."""
    op.drop_index("series_by_name", "metric_series")
    with op.batch_alter_table("metric_series") as table:
        for name in _SUMMARY:
            table.drop_column(name)

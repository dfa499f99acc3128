"""Make the tables of CloudWatch's metrics, and let endpoints keep theirs there."""

import sqlalchemy as sa
from alembic import op

from jupyter_mlstudio.core.columns import Number, Words

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make metrics with dimensions and their points."""
    op.create_table(
        "cloudwatch_metrics",
        sa.Column("id", Number, primary_key=True),
        sa.Column("account", Words(12), nullable=False),
        sa.Column("region", Words(32), nullable=False),
        sa.Column("namespace", Words(255), nullable=False),
        sa.Column("name", Words(255), nullable=False),
        sa.Column("dimensions", Words(), nullable=False),
        sa.Column("last", sa.Float, nullable=False),
        sa.UniqueConstraint(
            "account", "region", "namespace", "name", "dimensions", name="one_cloudwatch_metric"
        ),
    )
    op.create_table(
        "cloudwatch_points",
        sa.Column(
            "metric",
            Number,
            sa.ForeignKey("cloudwatch_metrics.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("time", sa.Float, primary_key=True),
        sa.Column("resolution", sa.Integer, primary_key=True),
        sa.Column("unit", Words(32), primary_key=True),
        sa.Column("count", sa.Float, nullable=False),
        sa.Column("total", sa.Float, nullable=False),
        sa.Column("minimum", sa.Float, nullable=False),
        sa.Column("maximum", sa.Float, nullable=False),
        sa.Column("values", Words()),
        sqlite_with_rowid=False,
    )
    op.create_index("cloudwatch_by_age", "cloudwatch_points", ["resolution", "time"])
    op.execute("DELETE FROM metric_series WHERE arn LIKE '%_endpoint/%'")


def downgrade() -> None:
    """Drop them again, children first."""
    op.drop_table("cloudwatch_points")
    op.drop_table("cloudwatch_metrics")

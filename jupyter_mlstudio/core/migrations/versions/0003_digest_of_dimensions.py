"""Tell CloudWatch's metrics apart by a digest: dimensions can be longer than an index holds."""

import hashlib

import sqlalchemy as sa
from alembic import op

from jupyter_mlstudio.core.columns import Words

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NAME = "one_cloudwatch_metric"
_SCOPE = ["account", "region", "namespace", "name"]


def upgrade() -> None:
    """Add the digest of each metric's dimensions, and make it part of its identity."""
    op.add_column("cloudwatch_metrics", sa.Column("digest", Words(64)))
    metrics = sa.table(
        "cloudwatch_metrics", sa.column("id"), sa.column("dimensions"), sa.column("digest")
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(metrics.c.id, metrics.c.dimensions)).all():
        digest = hashlib.sha256(row.dimensions.encode()).hexdigest()
        connection.execute(sa.update(metrics).where(metrics.c.id == row.id).values(digest=digest))
    with op.batch_alter_table("cloudwatch_metrics") as table:
        table.alter_column("digest", existing_type=Words(64), nullable=False)
        table.drop_constraint(_NAME, type_="unique")
        table.create_unique_constraint(_NAME, [*_SCOPE, "digest"])


def downgrade() -> None:
    """Compare dimensions themselves again."""
    with op.batch_alter_table("cloudwatch_metrics") as table:
        table.drop_constraint(_NAME, type_="unique")
        table.create_unique_constraint(_NAME, [*_SCOPE, "dimensions"])
        table.drop_column("digest")

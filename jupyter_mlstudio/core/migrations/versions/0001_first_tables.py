"""Make the first tables."""

import sqlalchemy as sa
from alembic import op

from jupyter_mlstudio.core.columns import Document, Number, Words

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make resources, their history and tags, the change feed, and metrics."""
    op.create_table(
        "resources",
        sa.Column("uid", Words(32), primary_key=True),
        sa.Column("kind", Words(64), nullable=False),
        sa.Column("account", Words(12), nullable=False),
        sa.Column("region", Words(32), nullable=False),
        sa.Column("name", Words(512), nullable=False),
        sa.Column("folded", Words(512), nullable=False),
        sa.Column("arn", Words(2048), nullable=False, unique=True),
        sa.Column("parent", Words(512)),
        sa.Column("status", Words(64), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("modified", sa.Float, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("wish", Document, nullable=False),
        sa.Column("facts", Document, nullable=False),
        sa.UniqueConstraint("kind", "account", "region", "folded", name="one_name"),
    )
    scope = ["kind", "account", "region"]
    op.create_index("by_created", "resources", [*scope, "created", "uid"])
    op.create_index("by_name", "resources", [*scope, "name", "uid"])
    op.create_index("by_modified", "resources", [*scope, "modified", "uid"])
    op.create_index("by_status", "resources", ["kind", "status"])
    op.create_index("by_parent", "resources", [*scope, "parent", "created"])
    op.create_table(
        "transitions",
        sa.Column(
            "uid",
            Words(32),
            sa.ForeignKey("resources.uid", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("status", Words(64), nullable=False),
        sa.Column("message", Words(), nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
    )
    op.create_table(
        "tags",
        sa.Column("arn", Words(2048), primary_key=True),
        sa.Column("key", Words(128), primary_key=True),
        sa.Column("value", Words(256), nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("cursor", Number, primary_key=True, autoincrement=True),
        sa.Column("time", sa.Float, nullable=False),
        sa.Column("kind", Words(64), nullable=False),
        sa.Column("account", Words(12), nullable=False),
        sa.Column("region", Words(32), nullable=False),
        sa.Column("name", Words(512), nullable=False),
        sa.Column("arn", Words(2048), nullable=False),
        sa.Column("status", Words(64), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "metric_series",
        sa.Column("id", Number, primary_key=True),
        sa.Column("arn", Words(2048), nullable=False),
        sa.Column("name", Words(256), nullable=False),
        sa.UniqueConstraint("arn", "name", name="one_series"),
    )
    op.create_table(
        "metric_points",
        sa.Column(
            "series",
            Number,
            sa.ForeignKey("metric_series.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("step", sa.BigInteger),
        sa.Column("time", sa.Float, nullable=False),
        sa.Column("value", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_cursors",
        sa.Column(
            "uid",
            Words(32),
            sa.ForeignKey("resources.uid", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("stream", Words(512), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop them again, children first."""
    for table in (
        "log_cursors",
        "metric_points",
        "metric_series",
        "events",
        "tags",
        "transitions",
        "resources",
    ):
        op.drop_table(table)

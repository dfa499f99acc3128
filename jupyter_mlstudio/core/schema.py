"""The tables of the studio. Alembic's migrations make them; a test keeps the two equal."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
)

from .columns import Document, Number, Words

metadata = MetaData()

resources = Table(
    "resources",
    metadata,
    Column("uid", Words(32), primary_key=True),
    Column("kind", Words(64), nullable=False),
    Column("account", Words(12), nullable=False),
    Column("region", Words(32), nullable=False),
    Column("name", Words(512), nullable=False),
    Column("folded", Words(512), nullable=False),
    Column("arn", Words(2048), nullable=False, unique=True),
    Column("parent", Words(512)),
    Column("status", Words(64), nullable=False),
    Column("created", Float, nullable=False),
    Column("modified", Float, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("wish", Document, nullable=False),
    Column("facts", Document, nullable=False),
    UniqueConstraint("kind", "account", "region", "folded", name="one_name"),
    Index("by_created", "kind", "account", "region", "created", "uid", "folded"),
    Index("by_name", "kind", "account", "region", "name", "uid"),
    Index(
        "by_modified", "kind", "account", "region", "modified", "uid", "created", "name", "status"
    ),
    Index("by_status", "kind", "status"),
    Index("by_status_created", "kind", "account", "region", "status", "created", "uid"),
    Index("by_parent", "kind", "account", "region", "parent", "created"),
)

transitions = Table(
    "transitions",
    metadata,
    Column("uid", Words(32), ForeignKey("resources.uid", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("status", Words(64), nullable=False),
    Column("message", Words(), nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
)

tags = Table(
    "tags",
    metadata,
    Column("arn", Words(2048), primary_key=True),
    Column("key", Words(128), primary_key=True),
    Column("value", Words(256), nullable=False),
)

properties = Table(
    "properties",
    metadata,
    Column("name", Words(64), primary_key=True),
    Column("value", Words(), nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("cursor", Number, primary_key=True, autoincrement=True),
    Column("time", Float, nullable=False),
    Column("kind", Words(64), nullable=False),
    Column("account", Words(12), nullable=False),
    Column("region", Words(32), nullable=False),
    Column("name", Words(512), nullable=False),
    Column("arn", Words(2048), nullable=False),
    Column("status", Words(64), nullable=False),
    sqlite_autoincrement=True,
)

metric_series = Table(
    "metric_series",
    metadata,
    Column("id", Number, primary_key=True),
    Column("arn", Words(2048), nullable=False),
    Column("name", Words(256), nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("last", Float, nullable=False),
    Column("minimum", Float, nullable=False),
    Column("maximum", Float, nullable=False),
    UniqueConstraint("arn", "name", name="one_series"),
    Index("series_by_name", "name", "arn"),
)

metric_points = Table(
    "metric_points",
    metadata,
    Column("series", Number, ForeignKey("metric_series.id", ondelete="CASCADE"), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("step", BigInteger),
    Column("time", Float, nullable=False),
    Column("value", Float, nullable=False),
    sqlite_with_rowid=False,
)

log_cursors = Table(
    "log_cursors",
    metadata,
    Column("uid", Words(32), ForeignKey("resources.uid", ondelete="CASCADE"), primary_key=True),
    Column("stream", Words(512), primary_key=True),
    Column("position", BigInteger, nullable=False),
)

cloudwatch_metrics = Table(
    "cloudwatch_metrics",
    metadata,
    Column("id", Number, primary_key=True),
    Column("account", Words(12), nullable=False),
    Column("region", Words(32), nullable=False),
    Column("namespace", Words(255), nullable=False),
    Column("name", Words(255), nullable=False),
    Column("dimensions", Words(), nullable=False),
    Column("last", Float, nullable=False),
    Column("digest", Words(64), nullable=False),
    UniqueConstraint(
        "account", "region", "namespace", "name", "digest", name="one_cloudwatch_metric"
    ),
)

cloudwatch_points = Table(
    "cloudwatch_points",
    metadata,
    Column(
        "metric", Number, ForeignKey("cloudwatch_metrics.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("time", Float, primary_key=True),
    Column("resolution", Integer, primary_key=True),
    Column("unit", Words(32), primary_key=True),
    Column("count", Float, nullable=False),
    Column("total", Float, nullable=False),
    Column("minimum", Float, nullable=False),
    Column("maximum", Float, nullable=False),
    Column("values", Words()),
    Index("cloudwatch_by_age", "resolution", "time"),
    sqlite_with_rowid=False,
)

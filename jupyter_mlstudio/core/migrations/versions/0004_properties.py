"""Add what a database says of itself: whose it is."""

import sqlalchemy as sa
from alembic import op

from jupyter_mlstudio.core.columns import Words

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "properties",
        sa.Column("name", Words(64), primary_key=True),
        sa.Column("value", Words(), nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("properties")

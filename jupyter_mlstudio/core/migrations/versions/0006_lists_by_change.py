"""Keep in the index of changes what lists and searches of a span of time go by."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_CHANGES = ["kind", "account", "region", "modified", "uid"]


def upgrade() -> None:
    """Add creation, name and status."""
    op.drop_index("by_modified", "resources")
    op.create_index("by_modified", "resources", [*_CHANGES, "created", "name", "status"])


def downgrade() -> None:
    """Go back to the index there was."""
    op.drop_index("by_modified", "resources")
    op.create_index("by_modified", "resources", _CHANGES)

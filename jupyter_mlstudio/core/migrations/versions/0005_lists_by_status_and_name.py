"""Keep in indexes what lists by status, of one status, and of some names go by."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SCOPE = ["kind", "account", "region"]


def upgrade() -> None:
    """Make an index for statuses, and add the name to that for times."""
    op.create_index("by_status_created", "resources", [*_SCOPE, "status", "created", "uid"])
    op.drop_index("by_created", "resources")
    op.create_index("by_created", "resources", [*_SCOPE, "created", "uid", "folded"])


def downgrade() -> None:
    """Go back to the indexes there were."""
    op.drop_index("by_created", "resources")
    op.create_index("by_created", "resources", [*_SCOPE, "created", "uid"])
    op.drop_index("by_status_created", "resources")

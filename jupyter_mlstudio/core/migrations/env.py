"""Run migrations on the connection that :class:`core.database.Database` holds."""

from alembic import context

from jupyter_mlstudio.core.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

"""Runs the migrations on the connection that :mod:`dragoman.server.state.migrating` opened and locked."""

from alembic import context

from dragoman.server.state.migrating import VERSION_TABLE
from dragoman.server.state.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite changes a table by copying it
    transactional_ddl=True,  # the transaction is open already; a migration happens as a whole or not at all
)
context.run_migrations()

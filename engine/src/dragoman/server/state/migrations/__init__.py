"""The history of the tables, as Alembic migrations; ``versions`` holds one file for each step."""

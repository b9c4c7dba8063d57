"""Migrations of the tables, one file each under `versions/`, run by Alembic through `store.migrating`."""

"""Durable state in SQL: `base` is the promise, `sql` keeps it for SQLite and PostgreSQL."""

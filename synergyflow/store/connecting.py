"""Engines of SQLAlchemy as this product wants them, and the two kinds of transactions on them.

SQLite: foreign keys on, durable commits, 30 s of patience; a writing transaction takes the write lock as it begins, so
that it never fails half-way. A file is only created where `create` says so. PostgreSQL: psycopg 3, with time-outs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from synergyflow.errors import StoreError
from synergyflow.store.column_types import to_json
from synergyflow.store.faults import malformed_url, translated

BUSY_SECONDS = 30
_TIMEOUTS = {"connect_timeout": 10, "tcp_user_timeout": 30_000}
_WRITES = "synergyflow_writes"
_PRAGMAS = ("PRAGMA foreign_keys=ON", "PRAGMA synchronous=FULL", f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")

_WRITE_AHEAD = "PRAGMA journal_mode=WAL"  # readers and the writer don't wait for each other; the file remembers it


def parsed(url: str) -> URL:
    """The address, with the driver that we use.

    Raises:
        StoreError: it is no address, or an SQLite database without a file.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise malformed_url() from None
    if address.drivername in ("postgresql", "postgres"):
        return address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() == "sqlite" and _is_no_file(address.database):
        raise StoreError(
            "database_url names an SQLite database that is not a plain file",
            hint="for example sqlite:///logs/synergyflow.db",
        )
    return address


def file_of(url: URL) -> Path | None:
    """The file of an SQLite database, None for other databases."""
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def is_missing(url: URL) -> bool:
    """Whether it is an SQLite database whose file is not there, or has nothing in it yet."""
    path = file_of(url)
    if path is None:
        return False
    with translated(url):
        return not path.exists() or (path.is_file() and path.stat().st_size == 0)


def upgrades_itself(url: URL) -> bool:
    """Whether the tables are made when a mode begins; elsewhere an administrator makes them."""
    return file_of(url) is not None


def open_engine(url: URL, *, create: bool = False) -> Engine:
    """An engine; nothing is connected yet.

    Raises:
        StoreError: the kind of database is unknown, or its driver is not installed.
    """
    options: dict[str, Any] = {"json_serializer": to_json}
    path = file_of(url)
    if path is not None:
        options |= {"creator": lambda: _connect(path, create=create), "paramstyle": "named"}
    else:
        options["pool_pre_ping"] = True
    if url.get_backend_name() == "postgresql":
        options["connect_args"] = {key: value for key, value in _TIMEOUTS.items() if key not in url.query}
    with translated(url):
        engine = create_engine(url, **options)
    if path is not None:
        event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view of the database; nothing can be written.

    Raises:
        StoreError: the database could not be reached or refused.
    """
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    ours = engine.execution_options(**options) if engine.dialect.name == "postgresql" else engine
    with translated(engine.url), ours.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that is durable when this returns, and never happened if it raises.

    Raises:
        StoreError: the database could not be reached or refused; where the commit itself failed, it may have happened.
    """
    with (
        translated(engine.url),
        engine.connect().execution_options(**{_WRITES: True}) as connection,
        connection.begin(),
    ):
        yield connection


def _is_no_file(database: str | None) -> bool:
    return not database or database == ":memory:" or database.startswith("file:")


def _connect(path: Path, *, create: bool) -> sqlite3.Connection:
    """A connection on which transactions begin when we say so."""
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    for pragma in (*_PRAGMAS, *((_WRITE_AHEAD,) if create else ())):
        connection.execute(pragma)
    return connection


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

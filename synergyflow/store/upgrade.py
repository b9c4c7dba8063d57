"""Brings the tables to this program's version: by itself for SQLite when a mode begins, else when asked to.

Nothing else in the store changes a schema. Everything happens in one transaction under a lock, so that of two
processes the second finds the work done; a file with data in it is copied first; a database that an engine works on is
left alone.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, func, inspect, select
from sqlalchemy.engine import URL

from synergyflow.core.records import Owner
from synergyflow.errors import SchemaError
from synergyflow.store import ownership
from synergyflow.store.connecting import file_of, is_missing, open_engine, parsed, reading, writing
from synergyflow.store.faults import shown, translated
from synergyflow.store.revisions import is_known, refusal, revision_of
from synergyflow.store.schema import REVISION, flow

_ADVISORY_LOCK = 0x53594E4652
IsAlive = Callable[[Owner], bool | None]


def prepare(url: str, *, is_alive: IsAlive = ownership.is_alive) -> None:
    """Make sure that a mode can begin on the database. A current one is only looked at.

    Raises:
        SchemaError: the tables are newer than this program; or are missing or older, on a database that does not
            upgrade itself or that a living engine works on.
        StoreError: the database could not be reached or written.
    """
    address = parsed(url)
    if not is_missing(address):
        with _engine(address) as engine, reading(engine) as connection:
            found = revision_of(connection)
            if found == REVISION:
                return
            if file_of(address) is None:
                raise refusal(connection, found)
    upgrade(url, is_alive=is_alive)


def upgrade(url: str, *, is_alive: IsAlive = ownership.is_alive) -> tuple[str | None, str]:
    """Create or migrate the tables; the revision before (None where there was none) and after.

    Raises:
        SchemaError: the tables are newer than this program, a living engine works on them, or an SQLite file holds
            the tables of something else.
        StoreError: the database could not be reached or written.
    """
    address = parsed(url)
    path = file_of(address)
    if path is None:
        with _engine(address) as engine:
            return _upgrade(engine, is_alive)
    with translated(address):
        path.parent.mkdir(parents=True, exist_ok=True)
    with translated(address), _one_at_a_time(path.parent), _engine(address, create=True) as engine:
        return _upgrade(engine, is_alive)


def _upgrade(engine: Engine, is_alive: IsAlive) -> tuple[str | None, str]:
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        found = revision_of(connection)
        if found == REVISION:
            return found, REVISION
        if found is not None:
            _refuse_newer(connection, found)
            _refuse_held(connection, is_alive)
            _back_up(connection, found)
        elif file_of(engine.url) is not None:
            _refuse_foreign(connection)
        from synergyflow.store.migrating import migrate

        migrate(connection)
        return found, REVISION


def _refuse_newer(connection: Connection, found: str) -> None:
    if not is_known(found):
        raise refusal(connection, found)


def _refuse_held(connection: Connection, is_alive: IsAlive) -> None:
    """Raise if an engine that lives, or may live, holds a flow run."""
    columns = (flow.c.owner_host, flow.c.owner_pid, flow.c.owner_process, flow.c.owner_since, flow.c.owner_user)
    lease = flow.c.lease_expires_at
    for host, pid, process, since, user, expires in connection.execute(
        select(*columns, lease).where(flow.c.owner_host.is_not(None))
    ):
        owner = Owner(host=host, pid=pid, process=process or "", since=since, user=user or "")
        lives = is_alive(owner)
        if lives or (lives is None and expires is not None and expires > datetime.now(UTC)):
            raise SchemaError(
                f"database {shown(connection.engine.url)} can't be upgraded while an engine works on it: {owner}",
                hint="wait for that engine to finish, or stop it",
            )


def _refuse_foreign(connection: Connection) -> None:
    tables = inspect(connection).get_table_names()
    if tables:
        raise SchemaError(
            f"database {shown(connection.engine.url)} belongs to something else: it has a table {tables[0]!r}",
            hint="let database_url name a file of its own",
        )


def _back_up(connection: Connection, revision: str) -> None:
    """Copy an SQLite file that has data; the lock that `connection` holds keeps others from writing meanwhile."""
    path = file_of(connection.engine.url)
    if path is None or connection.execute(select(flow.c.id).limit(1)).first() is None:
        return
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    backup = path.with_name(f"{path.name}.backup-{revision}-{stamp}")
    unfinished = backup.with_name(f"{backup.name}.unfinished")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(unfinished)) as target:
        source.backup(target)
    unfinished.chmod(path.stat().st_mode & 0o777)
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.rename(backup)


@contextmanager
def _engine(url: URL, *, create: bool = False) -> Iterator[Engine]:
    engine = open_engine(url, create=create)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Other processes that come here with the same folder wait. Leaves nothing behind."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)

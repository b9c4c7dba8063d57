"""Keeps the promise of `base` on SQLite and PostgreSQL. What is written is decided elsewhere; here are transactions.

All that an execution writes first moves the revision of its flow on, under its epoch: that one statement is the fence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, func, select, text, update

from synergyflow.core.events import Event, RunBegan
from synergyflow.core.plan import Plan
from synergyflow.core.records import Owner, RunRecord
from synergyflow.errors import LeaseLost
from synergyflow.store import ownership
from synergyflow.store.base import Lease, Store
from synergyflow.store.beginning import Beginning, begin
from synergyflow.store.changes import batches
from synergyflow.store.column_types import UtcDateTime
from synergyflow.store.connecting import is_missing, open_engine, parsed, reading, upgrades_itself, writing
from synergyflow.store.event_rows import event_row
from synergyflow.store.faults import missing_database
from synergyflow.store.journal import Journal
from synergyflow.store.revisions import is_empty, require_current, revision_of
from synergyflow.store.run_records import flow_row, owner_of, run_record
from synergyflow.store.schema import flow, installation

LEASE_SECONDS = 60

_RENEW = update(flow).where(
    (flow.c.id == bindparam("of_flow")) & (flow.c.epoch == bindparam("of_epoch")) & flow.c.owner_host.is_not(None)
)
_WRITTEN = select(flow).where(flow.c.id == bindparam("of_flow"))
_SERVER_CLOCK = select(func.clock_timestamp(type_=UtcDateTime))


class SqlStore(Store):
    """State in one database.

    `now` is the clock of leases on SQLite (PostgreSQL has its own), `is_alive` says whether an owner lives; None means
    that it can't be seen from here, and then the lease decides.
    """

    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        is_alive: Callable[[Owner], bool | None] = ownership.is_alive,
    ) -> None:
        self._url = parsed(url)
        self._engine: Engine = open_engine(self._url)
        self._journal = Journal(self._engine.dialect)
        self._now = now
        self._is_alive = is_alive
        self._installation: str | None = None

    def installation(self) -> str:
        """See `Store`. Raises `SchemaError` where the tables are missing or of another version."""
        if self._installation is None:
            self._require_file()
            with reading(self._engine) as connection:
                require_current(connection)
                self._installation = str(connection.execute(select(installation.c.id)).scalar_one())
        return self._installation

    def load(self, flow_name: str, timeperiod: str) -> RunRecord | None:
        """See `Store`. An SQLite file that is not there yet holds no flow run."""
        if is_missing(self._url):
            return None
        with reading(self._engine) as connection:
            if revision_of(connection) is None and upgrades_itself(self._url) and is_empty(connection):
                return None
            require_current(connection)
            row = flow_row(connection, flow_name, timeperiod)
            if row is None:
                return None
            return run_record(connection, row, owner_is_alive=self._holds(connection, row))

    def begin(
        self, plan: Plan, owner: Owner, *, parameters: Mapping[str, Any], fingerprints: Mapping[str, str]
    ) -> Lease:
        """See `Store`."""
        self._require_file()
        with writing(self._engine) as connection:
            require_current(connection)
            asked = Beginning(
                plan=plan,
                owner=owner,
                parameters=parameters,
                fingerprints=fingerprints,
                at=self._now(),
                lease_expires_at=self._lease_end(),
                holds=lambda row: self._holds(connection, row),
            )
            lease, told = begin(connection, asked)
            self._journal.append(connection, told)
            return lease

    def commit(self, lease: Lease, revision: int, events: Sequence[Event]) -> None:
        """See `Store`. `RunBegan` is in the journal since `begin` and is not written again."""
        changed = batches(events, lease)
        rows = [
            event_row(event, lease.flow_id, lease.execution_id) for event in events if not isinstance(event, RunBegan)
        ]
        with writing(self._engine) as connection:
            if self._journal.move_on(connection, flow_id=lease.flow_id, epoch=lease.epoch, revision=revision):
                self._journal.apply(connection, changed)
                self._journal.append(connection, rows)
            else:
                _refuse_unless_written(connection, lease, revision)

    def renew(self, lease: Lease) -> None:
        """See `Store`."""
        key = {"of_flow": lease.flow_id, "of_epoch": lease.epoch}
        renewed = _RENEW.values(lease_expires_at=self._lease_end())
        with writing(self._engine) as connection:
            if connection.execute(renewed, key).rowcount == 0:
                raise _lost(connection, lease)

    def close(self) -> None:
        """See `Store`."""
        self._engine.dispose()

    def _require_file(self) -> None:
        if is_missing(self._url):
            raise missing_database(self._url)

    def _holds(self, connection: Connection, row: Row[Any]) -> bool:
        """Whether the owner of the flow's row still has it."""
        owner = owner_of(row)
        if owner is None:
            return False
        lives = self._is_alive(owner)
        if lives is not None:
            return lives
        return row.lease_expires_at is not None and row.lease_expires_at > self._lease_clock(connection)

    def _lease_clock(self, connection: Connection) -> datetime:
        if self._has_own_clock:
            return connection.execute(_SERVER_CLOCK).scalar_one()
        return self._now()

    def _lease_end(self) -> Any:
        if self._has_own_clock:
            return func.clock_timestamp() + text(f"interval '{LEASE_SECONDS} seconds'")
        return self._now() + timedelta(seconds=LEASE_SECONDS)

    @property
    def _has_own_clock(self) -> bool:
        return self._engine.dialect.name == "postgresql"


def _refuse_unless_written(connection: Connection, lease: Lease, revision: int) -> None:
    """Return if this very commit was made before: its revision and epoch are there.

    Raises:
        LeaseLost: they are not.
    """
    row = connection.execute(_WRITTEN, {"of_flow": lease.flow_id}).first()
    if row is None or row.epoch != lease.epoch or row.revision != revision:
        raise _lost(connection, lease)


def _lost(connection: Connection, lease: Lease) -> LeaseLost:
    row = connection.execute(_WRITTEN, {"of_flow": lease.flow_id}).first()
    owner = owner_of(row) if row is not None else None
    if owner is None or row is None or row.epoch == lease.epoch:
        return LeaseLost("this engine has given the flow run back, so it can write no more of it")
    return LeaseLost(f"another engine has taken the flow run: {owner}", hint="let that engine finish")

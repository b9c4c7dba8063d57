"""The contract of the store: what is recorded, by whom, and what a return guarantees.

Three verbs write: `begin`, `commit`, `renew`. All that a return acknowledges is durable. Every write of an
execution is fenced by the epoch of its lease: an engine that has lost the flow run can change nothing more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synergyflow.core.events import Event
from synergyflow.core.plan import Plan
from synergyflow.core.records import Owner, RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on one flow run. `epoch` grows with every owner; `revision` is the record's after `begin`."""

    flow_id: int
    execution_id: int
    epoch: int
    revision: int
    owner: Owner


class Store(ABC):
    """State of flow runs. Safe to be used from several threads."""

    @abstractmethod
    def installation(self) -> str:
        """The random id of this database, part of every name given to a cloud."""

    @abstractmethod
    def load(self, flow_name: str, timeperiod: str) -> RunRecord | None:
        """The flow run as committed, or None if it was never run. Changes nothing, creates nothing."""

    @abstractmethod
    def begin(
        self, plan: Plan, owner: Owner, *, parameters: Mapping[str, Any], fingerprints: Mapping[str, str]
    ) -> Lease:
        """Take the lease, write the execution, and reset the steps as the plan says: in one transaction.

        In mode `run` the current state of all steps is purged; executions, attempts and events never are.

        Raises:
            PlanOutdated: the record moved on since the plan was made.
            RunOwned: a living engine holds the flow run.
            SchemaError: the tables are missing, or of another version than this program's.
        """

    @abstractmethod
    def commit(self, lease: Lease, revision: int, events: Sequence[Event]) -> None:
        """Write the events and the states that they change, in their order, in one durable transaction.

        `revision` is the number that the record has afterwards: one more than after the call before (the first one:
        `lease.revision + 1`). A `RunEnded` ends the execution and gives the lease back.

        Raises:
            LeaseLost: another engine has taken the flow run; nothing was written.
            StoreUnavailable: the database could not be reached; it is unknown whether this was written. Repeating the
                call with the same revision and events is safe: what was written already is not written twice.
            StoreError: the database refused, and would refuse again; nothing was written.
        """

    @abstractmethod
    def renew(self, lease: Lease) -> None:
        """Say that the owner is alive. Raises `LeaseLost` if it no longer is the owner."""

    @abstractmethod
    def close(self) -> None:
        """Give back connections. May be repeated."""

"""What is on record of a flow run, for the commands that look at the past. Reads, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from synergyflow.cli.invocation import Invocation
from synergyflow.cli.surroundings import checked_timeperiod, known_flow, needed_parameters
from synergyflow.config.suggest import did_you_mean
from synergyflow.core.records import RunRecord
from synergyflow.errors import NotFoundError

if TYPE_CHECKING:
    from synergyflow.config.environment import Environment
    from synergyflow.store.base import Store
    from synergyflow.store.views import Views


@contextmanager
def store_of(environment: Environment) -> Iterator[Store]:
    """The store of a context. Nothing is created by opening it."""
    from synergyflow.store.sql import SqlStore

    store = SqlStore(environment.database_url)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def views_of(environment: Environment) -> Iterator[Views]:
    """The read-only queries on the database of a context."""
    from synergyflow.store.views import Views

    views = Views(environment.database_url)
    try:
        yield views
    finally:
        views.close()


def record_of(
    invocation: Invocation, store: Store, environment: Environment, flow_name: str, timeperiod: str
) -> RunRecord:
    """The flow run as it stands. A flow that is no longer defined still has its runs.

    Raises:
        NotFoundError: the timeperiod is none, there is no such flow, or it was never run for that timeperiod.
    """
    checked_timeperiod(environment, flow_name, timeperiod)
    record = store.load(flow_name, timeperiod)
    if record is None:
        flow = known_flow(environment, flow_name)
        line = invocation.command("run", "--flow", flow_name, "--timeperiod", timeperiod)
        raise NotFoundError(
            f"flow {flow_name!r} for {timeperiod} was never run before", hint=line + needed_parameters(flow)
        )
    return record


def require_step(record: RunRecord, step_name: str, *others: str) -> None:
    """Return if the run ever had the step, or it is one of the other names allowed.

    Raises:
        NotFoundError: it had not.
    """
    known = {*record.steps, *record.last_attempts}
    if step_name not in known and step_name not in others:
        raise NotFoundError(
            f"flow {record.flow_name!r} has no step {step_name!r} on record for {record.timeperiod}",
            hint=did_you_mean(step_name, known, what="its steps are"),
        )

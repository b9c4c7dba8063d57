"""What people want to see of flow runs: read-only, one query each, as frozen values. Nothing is decided upon these.

A database that is not there is `NotFoundError`, one of another version `SchemaError`; neither is created nor changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from synergyflow.core.modes import Mode
from synergyflow.core.records import ExecutionRecord
from synergyflow.core.states import FailureClass, FlowState, StepState
from synergyflow.errors import NotFoundError
from synergyflow.store.connecting import is_missing, open_engine, parsed, reading
from synergyflow.store.faults import shown
from synergyflow.store.revisions import require_current
from synergyflow.store.run_records import execution_record
from synergyflow.store.schema import attempt, cluster, event, execution, flow


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A flow run in a list of them."""

    flow_name: str
    timeperiod: str
    state: FlowState
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One try at a step; `log_begin` and `log_end` say where its lines are."""

    execution_id: int
    mode: Mode
    step_name: str
    number: int
    state: StepState
    cluster: str | None
    first_action: int
    actions_done: int
    started_at: datetime
    finished_at: datetime | None
    error: str | None
    failure_class: FailureClass | None
    log_begin: str | None
    log_end: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """A cluster that an execution asked for; `state` is one of the words in `store.writes`."""

    execution_id: int
    name: str
    profile: str
    type: str
    token: str
    cluster_id: str | None
    state: str
    requested_at: datetime
    ready_at: datetime | None
    ended_at: datetime | None
    reason: str | None
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """A line of the journal. `number` is in the order of commits, over all flow runs."""

    number: int
    flow_name: str
    timeperiod: str
    execution_id: int
    at: datetime
    kind: str
    step_name: str | None
    attempt: int | None
    payload: Mapping[str, Any]


class Views:
    """Questions to one database. Safe to be used from several threads."""

    def __init__(self, url: str) -> None:
        self._url = parsed(url)
        self._engine = open_engine(self._url)

    def recent_runs(self, flow_name: str, limit: int = 20) -> tuple[RunView, ...]:
        """The runs of a flow, the one begun last first."""
        found = self._rows(
            select(*(flow.c[name] for name in RunView.__dataclass_fields__))
            .where(flow.c.flow_name == flow_name)
            .order_by(flow.c.started_at.desc(), flow.c.id.desc())
            .limit(limit)
        )
        return tuple(RunView(**{**row, "state": FlowState(row["state"])}) for row in found)

    def executions(self, flow_name: str, timeperiod: str) -> tuple[ExecutionRecord, ...]:
        """Every execution of a flow run, oldest first."""
        with self._reading() as connection:
            chosen = _of_run(select(execution), execution.c.flow_id, flow_name, timeperiod)
            found = connection.execute(chosen.order_by(execution.c.id))
            return tuple(execution_record(row) for row in found)

    def attempts(self, flow_name: str, timeperiod: str, step_name: str | None = None) -> tuple[AttemptView, ...]:
        """Every attempt of a flow run, or of one of its steps, oldest first."""
        columns = [attempt.c[name] for name in AttemptView.__dataclass_fields__ if name != "mode"]
        chosen = select(*columns, execution.c.mode).join(execution, execution.c.id == attempt.c.execution_id)
        if step_name is not None:
            chosen = chosen.where(attempt.c.step_name == step_name)
        found = self._rows(_of_run(chosen, attempt.c.flow_id, flow_name, timeperiod).order_by(attempt.c.id))
        return tuple(_attempt_view(row) for row in found)

    def clusters(self, flow_name: str, timeperiod: str) -> tuple[ClusterView, ...]:
        """Every cluster that a flow run asked for, oldest first."""
        chosen = select(*(cluster.c[name] for name in ClusterView.__dataclass_fields__))
        found = self._rows(_of_run(chosen, cluster.c.flow_id, flow_name, timeperiod).order_by(cluster.c.id))
        return tuple(ClusterView(**row) for row in found)

    def events_after(
        self, number: int, *, flow_name: str | None = None, timeperiod: str | None = None, limit: int = 1000
    ) -> tuple[EventView, ...]:
        """The next events after that number; 0 begins at the first. Going on from the last one seen misses none."""
        columns = [event.c[name] for name in EventView.__dataclass_fields__ if name in event.c]
        chosen = select(*columns, flow.c.flow_name, flow.c.timeperiod).join(flow, flow.c.id == event.c.flow_id)
        if flow_name is not None:
            chosen = chosen.where(flow.c.flow_name == flow_name)
        if timeperiod is not None:
            chosen = chosen.where(flow.c.timeperiod == timeperiod)
        found = self._rows(chosen.where(event.c.number > number).order_by(event.c.number).limit(limit))
        return tuple(EventView(**row) for row in found)

    def close(self) -> None:
        """Give back connections. May be repeated."""
        self._engine.dispose()

    def _rows(self, chosen: Select[Any]) -> list[dict[str, Any]]:
        with self._reading() as connection:
            return [dict(row) for row in connection.execute(chosen).mappings()]

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        if is_missing(self._url):
            raise NotFoundError(
                f"nothing was run yet: there is no database {shown(self._url)}",
                hint="engine run begins one; if there should be one, check database_url in the context",
            )
        with reading(self._engine) as connection:
            require_current(connection)
            yield connection


def _of_run(chosen: Select[Any], flow_id: Any, flow_name: str, timeperiod: str) -> Select[Any]:
    """The rows of one flow run."""
    mine = (flow.c.flow_name == flow_name) & (flow.c.timeperiod == timeperiod)
    return chosen.join(flow, flow.c.id == flow_id).where(mine)


def _attempt_view(row: Mapping[str, Any]) -> AttemptView:
    failure = row["failure_class"]
    typed = {
        "mode": Mode(row["mode"]),
        "state": StepState(row["state"]),
        "failure_class": FailureClass(failure) if failure else None,
    }
    return AttemptView(**{**row, **typed})

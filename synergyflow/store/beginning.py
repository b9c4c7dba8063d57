"""The transaction that begins an execution: takes the flow run, closes what dead engines left, resets the steps.

Each function takes the connection of that transaction. The flow's row is locked first, so two engines come one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from synergyflow.core.events import RunBegan, RunEnded, StepEnded
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Decision, Plan, PlannedStep
from synergyflow.core.records import Owner
from synergyflow.core.states import FailureClass, FlowState, GroupState, StepState
from synergyflow.errors import PlanOutdated, RunOwned
from synergyflow.store.base import Lease
from synergyflow.store.event_rows import event_row
from synergyflow.store.run_records import owner_of
from synergyflow.store.schema import attempt, execution, flow, step

ENGINE_GONE = "its engine is gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What is asked for, and the moment; `holds` says whether the owner of a flow row still has it."""

    plan: Plan
    owner: Owner
    parameters: Mapping[str, Any]
    fingerprints: Mapping[str, str]
    at: datetime
    lease_expires_at: Any
    holds: Callable[[Row[Any]], bool]


def begin(connection: Connection, asked: Beginning) -> tuple[Lease, list[dict[str, Any]]]:
    """Take the flow run and prepare its rows; the lease, and the event rows that tell of it.

    Raises:
        PlanOutdated, RunOwned: see `Store.begin`.
    """
    before = _locked_flow(connection, asked)
    _refuse_held(before, asked)
    _refuse_outdated(before, asked.plan)
    lease = _take(connection, before, asked)
    told = _close_executions(connection, lease, asked) + _close_attempts(connection, lease, asked)
    _close_steps(connection, lease, asked)
    _reset_steps(connection, lease, asked.plan)
    began = event_row(RunBegan(at=asked.at), lease.flow_id, lease.execution_id)
    payload = {"mode": asked.plan.mode.value, "requested_step": asked.plan.requested_step}
    return lease, [*told, {**began, "payload": payload}]


# -- taking the flow run ---------------------------------------------------------------------------------------------


def _locked_flow(connection: Connection, asked: Beginning) -> Row[Any]:
    """The flow's row, made if there is none; nobody else can write to it until the commit."""
    plan = asked.plan
    mine = (flow.c.flow_name == plan.flow_name) & (flow.c.timeperiod == plan.timeperiod)
    locked = select(flow).where(mine).with_for_update()
    row = connection.execute(locked).first()
    if row is None:
        with suppress(IntegrityError), connection.begin_nested():  # where another engine makes it at this very moment
            connection.execute(insert(flow), _new_flow(asked))
        row = connection.execute(locked).one()
    return row


def _new_flow(asked: Beginning) -> dict[str, Any]:
    return {
        "flow_name": asked.plan.flow_name,
        "timeperiod": asked.plan.timeperiod,
        "state": FlowState.EMBRYO.value,
        "revision": 0,
        "parameters": {},
        "created_at": asked.at,
        "epoch": 0,
    }


def _refuse_held(row: Row[Any], asked: Beginning) -> None:
    owner = owner_of(row)
    if owner is not None and asked.holds(row):
        raise RunOwned(
            f"flow {row.flow_name!r} for {row.timeperiod} is in the hands of another engine: {owner}",
            hint="wait for it to finish, or stop that engine first",
        )


def _refuse_outdated(row: Row[Any], plan: Plan) -> None:
    if row.revision != (plan.revision or 0):
        raise PlanOutdated(
            f"flow {row.flow_name!r} for {row.timeperiod} has changed since this was planned",
            hint="plan again: repeat the command",
        )


def _take(connection: Connection, before: Row[Any], asked: Beginning) -> Lease:
    plan, owner = asked.plan, asked.owner
    values: dict[str, Any] = {
        "revision": before.revision + 1,
        "epoch": before.epoch + 1,
        "owner_host": owner.host,
        "owner_pid": owner.pid,
        "owner_process": owner.process,
        "owner_user": owner.user,
        "owner_since": owner.since,
        "lease_expires_at": asked.lease_expires_at,
    }
    if plan.mode.is_managed:
        values |= {"state": FlowState.IN_PROGRESS.value, "started_at": asked.at, "finished_at": None, "error": None}
    if plan.mode is Mode.RUN:
        values["parameters"] = dict(asked.parameters)
    connection.execute(update(flow).where(flow.c.id == before.id).values(values))
    made = connection.execute(insert(execution).returning(execution.c.id), _new_execution(before, asked))
    return Lease(
        flow_id=before.id,
        execution_id=int(made.scalar_one()),
        epoch=before.epoch + 1,
        revision=before.revision + 1,
        owner=owner,
    )


def _new_execution(before: Row[Any], asked: Beginning) -> dict[str, Any]:
    plan, owner = asked.plan, asked.owner
    return {
        "flow_id": before.id,
        "mode": plan.mode.value,
        "state": FlowState.IN_PROGRESS.value,
        "requested_step": plan.requested_step,
        "started_at": asked.at,
        "host": owner.host,
        "pid": owner.pid,
        "process": owner.process,
        "user": owner.user,
        "epoch": before.epoch + 1,
        "plan": asdict(plan),
        "parameters": dict(asked.parameters),
        "fingerprints": dict(asked.fingerprints),
        "number_of_clusters": len(plan.clusters),
    }


# -- what dead engines left ------------------------------------------------------------------------------------------


def _close_executions(connection: Connection, lease: Lease, asked: Beginning) -> list[dict[str, Any]]:
    """Earlier executions that never ended are canceled; their ends, as event rows."""
    open_ones = (execution.c.flow_id == lease.flow_id) & (execution.c.id != lease.execution_id)
    open_ones &= execution.c.state == FlowState.IN_PROGRESS.value
    found = connection.execute(select(execution.c.id).where(open_ones)).scalars().all()
    if not found:
        return []
    end = {"state": StepState.CANCELED.value, "finished_at": asked.at, "error": ENGINE_GONE}
    connection.execute(update(execution).where(open_ones).values(end))
    ended = RunEnded(at=asked.at, state=FlowState.INVALID, error=ENGINE_GONE, interrupted=True)
    return [event_row(ended, lease.flow_id, number) for number in found]


def _close_attempts(connection: Connection, lease: Lease, asked: Beginning) -> list[dict[str, Any]]:
    """Attempts that neither ended nor go on are invalid, for want of an engine; their ends, as event rows."""
    going_on = [planned.name for planned in asked.plan.steps if planned.decision is Decision.CONTINUE]
    open_ones = (attempt.c.flow_id == lease.flow_id) & (attempt.c.state == StepState.IN_PROGRESS.value)
    columns = (attempt.c.id, attempt.c.step_name, attempt.c.number, attempt.c.actions_done)
    found = [row for row in connection.execute(select(*columns).where(open_ones)) if row.step_name not in going_on]
    if not found:
        return []
    end = {**_lost(), "finished_at": asked.at}
    connection.execute(update(attempt).where(attempt.c.id.in_([row.id for row in found])).values(end))
    return [event_row(_attempt_lost(row, asked.at), lease.flow_id, lease.execution_id) for row in found]


def _close_steps(connection: Connection, lease: Lease, asked: Beginning) -> None:
    """Steps that were interrupted and that this execution leaves alone show it."""
    touched = {planned.name for planned in asked.plan.steps if planned.runs or planned.decision is Decision.SKIP}
    open_ones = (step.c.flow_id == lease.flow_id) & (step.c.state == StepState.IN_PROGRESS.value)
    found = connection.execute(select(step.c.id, step.c.step_name).where(open_ones)).all()
    left = [row.id for row in found if row.step_name not in touched]
    if left:
        connection.execute(update(step).where(step.c.id.in_(left)).values({**_lost(), "finished_at": asked.at}))


def _lost() -> dict[str, Any]:
    lost = FailureClass.ENGINE_LOST.value
    return {"state": StepState.INVALID.value, "error": ENGINE_GONE, "failure_class": lost}


def _attempt_lost(row: Any, at: datetime) -> StepEnded:
    return StepEnded(
        at=at,
        step=row.step_name,
        attempt=row.number,
        state=StepState.INVALID,
        error=ENGINE_GONE,
        failure_class=FailureClass.ENGINE_LOST,
        actions_done=row.actions_done,
    )


# -- the steps -------------------------------------------------------------------------------------------------------


def _reset_steps(connection: Connection, lease: Lease, plan: Plan) -> None:
    """Every planned step has a row; those to run or skip are embryo; in mode `run` there are no others.

    A managed mode decides the state of the flow run by the steps of its definition, so an unfinished step that is no
    longer one of them goes; its attempts stay.
    """
    if plan.mode is Mode.RUN:
        connection.execute(delete(step).where(step.c.flow_id == lease.flow_id))
    elif plan.mode.is_managed and plan.removed:
        unfinished = step.c.state.not_in([state.value for state in StepState if state.is_success])
        of_flow = (step.c.flow_id == lease.flow_id) & step.c.step_name.in_(plan.removed)
        connection.execute(delete(step).where(of_flow & unfinished))
    known = {
        row.step_name: row
        for row in connection.execute(
            select(step.c.id, step.c.step_name, step.c.pre_state, step.c.main_state, step.c.post_state).where(
                step.c.flow_id == lease.flow_id
            )
        )
    }
    new = [_new_step(lease, planned) for planned in plan.steps if planned.name not in known]
    if new:
        connection.execute(insert(step), new)
    reset = [
        {"of_id": known[planned.name].id, **_embryo(planned, known[planned.name])}
        for planned in plan.steps
        if planned.name in known and planned.decision in (Decision.RUN, Decision.SKIP)
    ]
    if reset:
        connection.execute(update(step).where(step.c.id == bindparam("of_id")), reset)


def _new_step(lease: Lease, planned: PlannedStep) -> dict[str, Any]:
    made = planned.attempt - 1 if planned.decision is Decision.RUN else planned.attempt
    return {"flow_id": lease.flow_id, "step_name": planned.name, "attempt": made, **_embryo(planned, None)}


def _embryo(planned: PlannedStep, row: Any) -> dict[str, Any]:
    """As before its first attempt; complete groups stay where the next attempt begins behind them."""
    pending, complete = GroupState.PENDING.value, GroupState.COMPLETE.value
    groups = {"pre_state": pending, "main_state": pending, "post_state": pending}
    if row is not None and planned.first_action:
        groups |= {name: complete for name in groups if getattr(row, name) == complete}
    return {
        "state": StepState.EMBRYO.value,
        **groups,
        "actions_done": planned.first_action,
        "rolled_back": False,
        "cluster": None,
        "started_at": None,
        "finished_at": None,
        "retry_at": None,
        "error": None,
        "failure_class": None,
    }

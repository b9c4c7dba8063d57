"""Rows of a flow run as the frozen values that `plan` decides upon. Six small queries, however large the flow."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select

from synergyflow.core.jobs import JobState
from synergyflow.core.modes import Mode
from synergyflow.core.records import ClusterRecord, ExecutionRecord, JobRecord, Owner, RunRecord, StepRecord
from synergyflow.core.states import FailureClass, FlowState, GroupState, StepState
from synergyflow.store.schema import attempt, cluster, execution, flow, job, step

_FLOW = select(flow).where(
    (flow.c.flow_name == bindparam("of_name")) & (flow.c.timeperiod == bindparam("of_timeperiod"))
)
_STEPS = select(step).where(step.c.flow_id == bindparam("of_flow")).order_by(step.c.id)
_LAST_ATTEMPTS = (
    select(attempt.c.step_name, func.max(attempt.c.number).label("number"))
    .where(attempt.c.flow_id == bindparam("of_flow"))
    .group_by(attempt.c.step_name)
)
_OPEN_JOBS = (
    select(job)
    .join(
        attempt,
        (attempt.c.flow_id == job.c.flow_id)
        & (attempt.c.step_name == job.c.step_name)
        & (attempt.c.number == job.c.attempt),
    )
    .where(
        (job.c.flow_id == bindparam("of_flow"))
        & or_(
            job.c.state.not_in([state.value for state in JobState if state.is_final]),
            attempt.c.state == StepState.IN_PROGRESS.value,
        )
    )
    .order_by(job.c.id)
)
_LAST_EXECUTION = (
    select(execution).where(execution.c.flow_id == bindparam("of_flow")).order_by(execution.c.id.desc()).limit(1)
)
_CLUSTERS = select(cluster).where(cluster.c.execution_id == bindparam("of_execution")).order_by(cluster.c.id)


def flow_row(connection: Connection, flow_name: str, timeperiod: str) -> Row[Any] | None:
    """The row of that flow run, if there is one."""
    return connection.execute(_FLOW, {"of_name": flow_name, "of_timeperiod": timeperiod}).first()


def run_record(connection: Connection, row: Row[Any], *, owner_is_alive: bool) -> RunRecord:
    """The flow run of that row with everything about it that planning needs."""
    key = {"of_flow": row.id}
    last = connection.execute(_LAST_EXECUTION, key).first()
    clusters = connection.execute(_CLUSTERS, {"of_execution": last.id}).all() if last is not None else []
    return RunRecord(
        flow_id=row.id,
        flow_name=row.flow_name,
        timeperiod=row.timeperiod,
        state=FlowState(row.state),
        revision=row.revision,
        parameters=row.parameters,
        owner=owner_of(row),
        owner_is_alive=owner_is_alive,
        steps={found.step_name: step_record(found) for found in connection.execute(_STEPS, key)},
        last_attempts={found.step_name: found.number for found in connection.execute(_LAST_ATTEMPTS, key)},
        open_jobs=tuple(job_record(found) for found in connection.execute(_OPEN_JOBS, key)),
        clusters={found.name: cluster_record(found) for found in clusters},
        last_execution=execution_record(last) if last is not None else None,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        error=row.error,
    )


def owner_of(row: Row[Any]) -> Owner | None:
    """Who holds the flow run of that row, dead or alive."""
    if row.owner_host is None:
        return None
    return Owner(
        host=row.owner_host,
        pid=row.owner_pid,
        process=row.owner_process or "",
        since=row.owner_since,
        user=row.owner_user or "",
    )


def step_record(row: Row[Any]) -> StepRecord:
    """A row of `step` as a value."""
    return StepRecord(
        step_name=row.step_name,
        state=StepState(row.state),
        attempt=row.attempt,
        groups=(GroupState(row.pre_state), GroupState(row.main_state), GroupState(row.post_state)),
        actions_done=row.actions_done,
        rolled_back=row.rolled_back,
        fingerprint=row.fingerprint,
        cluster=row.cluster,
        started_at=row.started_at,
        finished_at=row.finished_at,
        retry_at=row.retry_at,
        error=row.error,
        failure_class=FailureClass(row.failure_class) if row.failure_class else None,
    )


def job_record(row: Row[Any]) -> JobRecord:
    """A row of `job` as a value."""
    return JobRecord(
        token=row.token,
        step_name=row.step_name,
        attempt=row.attempt,
        action=row.action,
        ordinal=row.ordinal,
        kind=row.kind,
        digest=row.digest,
        cluster=row.cluster,
        profile=row.profile,
        cluster_id=row.cluster_id,
        job_id=row.job_id,
        state=row.state,
    )


def cluster_record(row: Row[Any]) -> ClusterRecord:
    """A row of `cluster` as a value."""
    return ClusterRecord(
        name=row.name,
        profile=row.profile,
        type=row.type,
        token=row.token,
        cluster_id=row.cluster_id,
        state=row.state,
    )


def execution_record(row: Row[Any]) -> ExecutionRecord:
    """A row of `execution` as a value."""
    return ExecutionRecord(
        execution_id=row.id,
        mode=Mode(row.mode),
        state=row.state,
        requested_step=row.requested_step,
        started_at=row.started_at,
        finished_at=row.finished_at,
        host=row.host,
        pid=row.pid,
        user=row.user,
        process=row.process,
        error=row.error,
    )

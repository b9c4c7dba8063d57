"""What each kind of event changes, as statements built once. No connection is used here.

A step may only move as `core.states` allows, and a write that must hit its row says so (`must_hit`): the journal
refuses the batch otherwise. Reports about an attempt that may come late (groups, actions, jobs) change nothing once it
has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, insert, or_, update
from sqlalchemy.sql.dml import UpdateBase

from synergyflow.core.jobs import JobState
from synergyflow.core.modes import Mode
from synergyflow.core.states import GROUP_MOVES, STEP_MOVES, Group, GroupState, StepState
from synergyflow.store.schema import attempt, cluster, execution, flow, job, step

Row = dict[str, Any]

CLUSTER_REQUESTED = "requested"
CLUSTER_STARTING = "starting"
CLUSTER_READY = "ready"
CLUSTER_FAILED = "failed"
CLUSTER_LOST = "lost"
CLUSTER_ENDED = "ended"
CLUSTER_UNCONFIRMED = "unconfirmed"
CLUSTER_KEPT = "kept"


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """A statement and what it does in words; `must_hit`: each set of parameters changes exactly one row."""

    statement: UpdateBase
    does: str
    must_hit: bool = False


def _moving_to(new: StepState) -> list[str]:
    """The states from which a step may become `new`."""
    return [old.value for old, allowed in STEP_MOVES.items() if new in allowed]


def _among(column: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    """Whether the column has one of the values, as SQL of a fixed form."""
    return or_(*(column == value for value in values))


_this_step = (step.c.flow_id == bindparam("of_flow")) & (step.c.step_name == bindparam("of_step"))
_in_attempt = _this_step & (step.c.attempt == bindparam("of_attempt")) & (step.c.state == StepState.IN_PROGRESS.value)
_this_attempt = (
    (attempt.c.flow_id == bindparam("of_flow"))
    & (attempt.c.step_name == bindparam("of_step"))
    & (attempt.c.number == bindparam("of_attempt"))
    & (attempt.c.state == StepState.IN_PROGRESS.value)
)
_GROUPS = {Group.PRE: step.c.pre_state, Group.MAIN: step.c.main_state, Group.POST: step.c.post_state}
_PENDING = {column.name: GroupState.PENDING.value for column in _GROUPS.values()}


def _start(groups: dict[str, Any], does: str) -> Write:
    return Write(
        update(step)
        .where(_this_step & _among(step.c.state, _moving_to(StepState.IN_PROGRESS)))
        .values(
            state=StepState.IN_PROGRESS.value,
            attempt=bindparam("new_attempt"),
            actions_done=bindparam("new_actions_done"),
            rolled_back=False,
            fingerprint=bindparam("new_fingerprint"),
            cluster=bindparam("new_cluster"),
            started_at=bindparam("new_started_at"),
            finished_at=None,
            retry_at=None,
            error=None,
            failure_class=None,
            **groups,
        ),
        does,
        must_hit=True,
    )


def _if_complete(column: ColumnElement[str]) -> ColumnElement[str]:
    complete, pending = GroupState.COMPLETE.value, GroupState.PENDING.value
    return case((column == complete, complete), else_=pending)


START_STEP = _start(_PENDING, "start step")
RESUME_STEP = _start({c.name: _if_complete(c) for c in _GROUPS.values()}, "start step")
CONTINUE_STEP = Write(
    update(step).where(_in_attempt).values(cluster=bindparam("new_cluster")), "continue step", must_hit=True
)
BEGIN_ATTEMPT = Write(insert(attempt).inline(), "begin attempt at step")
CONTINUE_ATTEMPT = Write(
    update(attempt).where(_this_attempt).values(cluster=bindparam("new_cluster")),
    "continue attempt at step",
    must_hit=True,
)


def _move_group(column: ColumnElement[str], new: GroupState) -> Write:
    before = [old.value for old, allowed in GROUP_MOVES.items() if new in allowed]
    moved = update(step).where(_in_attempt & _among(column, before)).values({column: new.value})
    return Write(moved, "move group of step")


MOVE_GROUP = {(group, new): _move_group(column, new) for group, column in _GROUPS.items() for new in GroupState}
COUNT_STEP_ACTION = Write(
    update(step).where(_in_attempt).values(actions_done=bindparam("new_actions_done")), "count action of step"
)
COUNT_ATTEMPT_ACTION = Write(
    update(attempt).where(_this_attempt).values(actions_done=bindparam("new_actions_done")), "count action of step"
)
END_STEP = Write(
    update(step)
    .where(_in_attempt)
    .values(
        state=bindparam("new_state"),
        pre_state=bindparam("new_pre_state"),
        main_state=bindparam("new_main_state"),
        post_state=bindparam("new_post_state"),
        actions_done=bindparam("new_actions_done"),
        rolled_back=bindparam("new_rolled_back"),
        finished_at=bindparam("new_finished_at"),
        error=bindparam("new_error"),
        failure_class=bindparam("new_failure_class"),
    ),
    "end step",
    must_hit=True,
)
END_ATTEMPT = Write(
    update(attempt)
    .where(_this_attempt)
    .values(
        state=bindparam("new_state"),
        actions_done=bindparam("new_actions_done"),
        finished_at=bindparam("new_finished_at"),
        error=bindparam("new_error"),
        failure_class=bindparam("new_failure_class"),
        log_begin=bindparam("new_log_begin"),
        log_end=bindparam("new_log_end"),
    ),
    "end attempt at step",
    must_hit=True,
)
SKIP_STEP = Write(
    update(step)
    .where(_this_step & (step.c.state == StepState.EMBRYO.value))
    .values(state=StepState.NOOP.value, finished_at=bindparam("new_finished_at")),
    "skip step",
    must_hit=True,
)
SCHEDULE_RETRY = Write(
    update(step).where(_this_step).values(retry_at=bindparam("new_retry_at")), "schedule retry of step"
)

_this_job = (
    (job.c.token == bindparam("of_token"))
    & (job.c.flow_id == bindparam("of_flow"))
    & ~_among(job.c.state, [state.value for state in JobState if state.is_final])
)
INTEND_JOB = Write(insert(job).inline(), "intend job")
SUBMIT_JOB = Write(
    update(job).where(_this_job).values(job_id=bindparam("new_job_id"), state=JobState.RUNNING.value), "submit job"
)
END_JOB = Write(
    update(job)
    .where(_this_job)
    .values(
        state=bindparam("new_state"),
        exit_code=bindparam("new_exit_code"),
        message=bindparam("new_message"),
        started_at=bindparam("new_started_at"),
        finished_at=bindparam("new_finished_at"),
    ),
    "end job",
)

_this_cluster = (cluster.c.execution_id == bindparam("of_execution")) & (cluster.c.name == bindparam("of_cluster"))
REQUEST_CLUSTER = Write(insert(cluster).inline(), "request cluster")
LAUNCH_CLUSTER = Write(
    update(cluster).where(_this_cluster).values(cluster_id=bindparam("new_cluster_id"), state=CLUSTER_STARTING),
    "launch cluster",
)
READY_CLUSTER = Write(
    update(cluster).where(_this_cluster).values(state=CLUSTER_READY, ready_at=bindparam("new_ready_at")),
    "ready cluster",
)
END_CLUSTER = Write(
    update(cluster)
    .where(_this_cluster)
    .values(
        state=bindparam("new_state"),
        ended_at=bindparam("new_ended_at"),
        reason=bindparam("new_reason"),
        kept=bindparam("new_kept"),
    ),
    "end cluster",
)

END_EXECUTION = Write(
    update(execution)
    .where(execution.c.id == bindparam("of_execution"))
    .values(state=bindparam("new_state"), finished_at=bindparam("new_finished_at"), error=bindparam("new_error")),
    "end execution",
    must_hit=True,
)
RELEASE_FLOW = Write(
    update(flow)
    .where(flow.c.id == bindparam("of_flow"))
    .values(
        owner_host=None,
        owner_pid=None,
        owner_process=None,
        owner_user=None,
        owner_since=None,
        lease_expires_at=None,
    ),
    "release flow",
    must_hit=True,
)
END_FLOW = Write(
    update(flow)
    .where(
        (flow.c.id == bindparam("of_flow"))
        & flow.c.id.in_(
            execution.select()
            .with_only_columns(execution.c.flow_id)
            .where(
                (execution.c.id == bindparam("of_execution"))
                & _among(execution.c.mode, [mode.value for mode in Mode if mode.is_managed])
            )
        )
    )
    .values(state=bindparam("new_state"), finished_at=bindparam("new_finished_at"), error=bindparam("new_error")),
    "end flow",
)

"""From events to writes: which statements each event stands for, in batches that keep the order of each subject.

Pure: events in, batches out. Writes of one statement are gathered where nothing about the same subject comes between,
so that a commit of two hundred ended steps costs a handful of statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from synergyflow.core import events as facts
from synergyflow.core.events import Event
from synergyflow.core.jobs import JobState
from synergyflow.core.states import STEP_MOVES, FlowState, StepState, move
from synergyflow.store import writes
from synergyflow.store.base import Lease
from synergyflow.store.writes import Row, Write

Change = tuple[Write, Row, str]
_RUN = "run"


@dataclass(slots=True)
class Batch:
    """One statement and the rows of parameters that it is executed with, in their order."""

    write: Write
    rows: list[Row] = field(default_factory=list)


def batches(events: Sequence[Event], lease: Lease) -> list[Batch]:
    """What the events change, to be written in this order."""
    made: list[Batch] = []
    latest: dict[Write, int] = {}
    touched: dict[str, int] = {}
    ends = {(event.step, event.attempt) for event in events if isinstance(event, facts.StepEnded)}
    for event in events:
        if isinstance(event, facts.ActionCompleted) and (event.step, event.attempt) in ends:
            continue  # the end counts the actions itself
        changes = _CHANGES.get(type(event))
        if changes is None:
            continue
        for write, row, subject in changes(event, lease):
            position = latest.get(write, -1)
            if position < touched.get(subject, 0):
                position = len(made)
                made.append(Batch(write))
                latest[write] = position
            made[position].rows.append(row)
            touched[subject] = position
    return made


def _step_started(event: facts.StepStarted, lease: Lease) -> Iterable[Change]:
    key = _attempt_key(event, lease)
    if event.continued:
        return (
            (writes.CONTINUE_STEP, {**key, "new_cluster": event.cluster}, event.step),
            (writes.CONTINUE_ATTEMPT, {**key, "new_cluster": event.cluster}, event.step),
        )
    started = {
        "of_flow": lease.flow_id,
        "of_step": event.step,
        "new_attempt": event.attempt,
        "new_actions_done": event.first_action,
        "new_fingerprint": event.fingerprint,
        "new_cluster": event.cluster,
        "new_started_at": event.at,
    }
    attempt = {
        "flow_id": lease.flow_id,
        "execution_id": lease.execution_id,
        "step_name": event.step,
        "number": event.attempt,
        "state": StepState.IN_PROGRESS.value,
        "cluster": event.cluster,
        "first_action": event.first_action,
        "actions_done": event.first_action,
        "fingerprint": event.fingerprint,
        "started_at": event.at,
    }
    start = writes.RESUME_STEP if event.first_action else writes.START_STEP
    return (start, started, event.step), (writes.BEGIN_ATTEMPT, attempt, event.step)


def _group_moved(event: facts.GroupMoved, lease: Lease) -> Iterable[Change]:
    return ((writes.MOVE_GROUP[event.group, event.state], _attempt_key(event, lease), event.step),)


def _action_completed(event: facts.ActionCompleted, lease: Lease) -> Iterable[Change]:
    row = {**_attempt_key(event, lease), "new_actions_done": event.action + 1}
    return (writes.COUNT_STEP_ACTION, row, event.step), (writes.COUNT_ATTEMPT_ACTION, row, event.step)


def _step_ended(event: facts.StepEnded, lease: Lease) -> Iterable[Change]:
    move(STEP_MOVES, StepState.IN_PROGRESS, event.state)
    pre, main, post = event.groups
    ended = {
        **_attempt_key(event, lease),
        "new_state": event.state.value,
        "new_actions_done": event.actions_done,
        "new_finished_at": event.at,
        "new_error": event.error,
        "new_failure_class": event.failure_class.value if event.failure_class else None,
    }
    step = {
        **ended,
        "new_pre_state": pre.value,
        "new_main_state": main.value,
        "new_post_state": post.value,
        "new_rolled_back": event.rolled_back,
    }
    attempt = {**ended, "new_log_begin": event.log_begin, "new_log_end": event.log_end}
    return (writes.END_STEP, step, event.step), (writes.END_ATTEMPT, attempt, event.step)


def _step_skipped(event: facts.StepSkipped, lease: Lease) -> Iterable[Change]:
    row = {"of_flow": lease.flow_id, "of_step": event.step, "new_finished_at": event.at}
    return ((writes.SKIP_STEP, row, event.step),)


def _retry_scheduled(event: facts.RetryScheduled, lease: Lease) -> Iterable[Change]:
    row = {"of_flow": lease.flow_id, "of_step": event.step, "new_retry_at": event.retry_at}
    return ((writes.SCHEDULE_RETRY, row, event.step),)


def _job_intended(event: facts.JobIntended, lease: Lease) -> Iterable[Change]:
    row = {
        "token": event.token,
        "flow_id": lease.flow_id,
        "execution_id": lease.execution_id,
        "step_name": event.step,
        "attempt": event.attempt,
        "action": event.action,
        "ordinal": event.ordinal,
        "kind": event.kind,
        "digest": event.digest,
        "cluster": event.cluster,
        "profile": event.profile,
        "cluster_id": event.cluster_id,
        "state": JobState.PENDING.value,
        "intended_at": event.at,
    }
    return ((writes.INTEND_JOB, row, event.step),)


def _job_submitted(event: facts.JobSubmitted, lease: Lease) -> Iterable[Change]:
    row = {"of_token": event.token, "of_flow": lease.flow_id, "new_job_id": event.job_id}
    return ((writes.SUBMIT_JOB, row, event.step),)


def _job_ended(event: facts.JobEnded, lease: Lease) -> Iterable[Change]:
    row = {
        "of_token": event.token,
        "of_flow": lease.flow_id,
        "new_state": event.state,
        "new_exit_code": event.exit_code,
        "new_message": event.message or None,
        "new_started_at": event.started_at,
        "new_finished_at": event.finished_at or event.at,
    }
    return ((writes.END_JOB, row, event.step),)


def _cluster_requested(event: facts.ClusterRequested, lease: Lease) -> Iterable[Change]:
    row = {
        "execution_id": lease.execution_id,
        "flow_id": lease.flow_id,
        "name": event.cluster,
        "profile": event.profile,
        "type": event.type,
        "token": event.token,
        "state": writes.CLUSTER_REQUESTED,
        "requested_at": event.at,
        "kept": False,
    }
    return ((writes.REQUEST_CLUSTER, row, _cluster(event.cluster)),)


def _cluster_launched(event: facts.ClusterLaunched, lease: Lease) -> Iterable[Change]:
    row = {**_cluster_key(event, lease), "new_cluster_id": event.cluster_id}
    return ((writes.LAUNCH_CLUSTER, row, _cluster(event.cluster)),)


def _cluster_ready(event: facts.ClusterReady, lease: Lease) -> Iterable[Change]:
    row = {**_cluster_key(event, lease), "new_ready_at": event.at}
    return ((writes.READY_CLUSTER, row, _cluster(event.cluster)),)


def _cluster_failed(event: facts.ClusterFailed, lease: Lease) -> Iterable[Change]:
    return _cluster_over(event, lease, writes.CLUSTER_FAILED, event.reason)


def _cluster_lost(event: facts.ClusterLost, lease: Lease) -> Iterable[Change]:
    return _cluster_over(event, lease, writes.CLUSTER_LOST, event.reason)


def _cluster_ended(event: facts.ClusterEnded, lease: Lease) -> Iterable[Change]:
    if event.kept:
        return _cluster_over(event, lease, writes.CLUSTER_KEPT, event.reason, kept=True)
    state = writes.CLUSTER_UNCONFIRMED if event.reason else writes.CLUSTER_ENDED
    return _cluster_over(event, lease, state, event.reason)


def _run_ended(event: facts.RunEnded, lease: Lease) -> Iterable[Change]:
    outcome = FlowState.INVALID if event.interrupted else event.state
    key = {"of_flow": lease.flow_id, "of_execution": lease.execution_id}
    end = {"new_finished_at": event.at, "new_error": event.error}
    state = StepState.CANCELED.value if event.interrupted else event.state.value
    return (
        (writes.END_EXECUTION, {"of_execution": lease.execution_id, "new_state": state, **end}, _RUN),
        (writes.END_FLOW, {**key, "new_state": outcome.value, **end}, _RUN),
        (writes.RELEASE_FLOW, {"of_flow": lease.flow_id}, _RUN),
    )


def _cluster_over(
    event: facts.ClusterFailed | facts.ClusterLost | facts.ClusterEnded,
    lease: Lease,
    state: str,
    reason: str,
    *,
    kept: bool = False,
) -> Iterable[Change]:
    row = {
        **_cluster_key(event, lease),
        "new_state": state,
        "new_ended_at": None if kept else event.at,
        "new_reason": reason or None,
        "new_kept": kept,
    }
    return ((writes.END_CLUSTER, row, _cluster(event.cluster)),)


def _attempt_key(
    event: facts.StepStarted | facts.GroupMoved | facts.ActionCompleted | facts.StepEnded, lease: Lease
) -> Row:
    return {"of_flow": lease.flow_id, "of_step": event.step, "of_attempt": event.attempt}


def _cluster_key(
    event: facts.ClusterLaunched | facts.ClusterReady | facts.ClusterFailed | facts.ClusterLost | facts.ClusterEnded,
    lease: Lease,
) -> Row:
    return {"of_execution": lease.execution_id, "of_cluster": event.cluster}


def _cluster(name: str) -> str:
    """A subject that no step can be mistaken for."""
    return f"/{name}"


_CHANGES: dict[type, Callable[[Any, Lease], Iterable[Change]]] = {
    facts.ClusterRequested: _cluster_requested,
    facts.ClusterLaunched: _cluster_launched,
    facts.ClusterReady: _cluster_ready,
    facts.ClusterFailed: _cluster_failed,
    facts.ClusterLost: _cluster_lost,
    facts.ClusterEnded: _cluster_ended,
    facts.StepStarted: _step_started,
    facts.GroupMoved: _group_moved,
    facts.ActionCompleted: _action_completed,
    facts.JobIntended: _job_intended,
    facts.JobSubmitted: _job_submitted,
    facts.JobEnded: _job_ended,
    facts.StepEnded: _step_ended,
    facts.StepSkipped: _step_skipped,
    facts.RetryScheduled: _retry_scheduled,
    facts.RunEnded: _run_ended,
}
"""The others (`RunBegan`, `RetryDue`, `StopRequested`) change no row; they are in the journal alone."""

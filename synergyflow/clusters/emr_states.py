"""What EMR says of clusters and steps, in our words: literal tables and pure translators, nothing else.

A state that is in no table is `unknown`: it is watched further and is never a success.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from synergyflow.clusters.base import ClusterState
from synergyflow.core.jobs import JobState, JobStatus

STEP_STATES: Mapping[str, JobState] = {
    "PENDING": JobState.PENDING,
    "RUNNING": JobState.RUNNING,
    "CANCEL_PENDING": JobState.RUNNING,
    "COMPLETED": JobState.SUCCEEDED,
    "CANCELLED": JobState.CANCELED,
    "FAILED": JobState.FAILED,
    "INTERRUPTED": JobState.LOST,
}
"""A step is interrupted when its cluster is taken from under it, so it is the cluster's loss and not its own."""

CLUSTER_STATES: Mapping[str, ClusterState] = {
    "STARTING": ClusterState.STARTING,
    "BOOTSTRAPPING": ClusterState.STARTING,
    "RUNNING": ClusterState.READY,
    "WAITING": ClusterState.READY,
    "TERMINATING": ClusterState.TERMINATING,
    "TERMINATED": ClusterState.GONE,
    "TERMINATED_WITH_ERRORS": ClusterState.FAILED,
}

ACTIVE_CLUSTER_STATES = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
ENDING_CLUSTER_STATES = ("TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS")


def cluster_state(cluster: Mapping[str, Any]) -> ClusterState:
    """The state of a cluster as DescribeCluster tells it."""
    return CLUSTER_STATES.get(native_state(cluster), ClusterState.UNKNOWN)


def cluster_reason(cluster: Mapping[str, Any]) -> str:
    """Why the cluster is in its state: code, message and details, as far as EMR tells."""
    status = cluster.get("Status", {})
    reason = status.get("StateChangeReason", {})
    parts = [reason.get("Code", ""), reason.get("Message", "")]
    parts += [detail.get("ErrorMessage") or detail.get("ErrorCode", "") for detail in status.get("ErrorDetails", [])]
    return ": ".join(dict.fromkeys(part for part in parts if part))


def step_status(step: Mapping[str, Any], job_id: str, *, exit_code: int | None = None) -> JobStatus:
    """The status of a step as ListSteps tells it, for the job that is known here as `job_id`."""
    native = native_state(step)
    state = STEP_STATES.get(native, JobState.UNKNOWN)
    timeline = step.get("Status", {}).get("Timeline", {})
    return JobStatus(
        job_id=job_id,
        state=state,
        native_state=native,
        exit_code=0 if state is JobState.SUCCEEDED else exit_code,
        message="" if state is JobState.SUCCEEDED else step_reason(step),
        started_at=_in_utc(timeline.get("StartDateTime")),
        finished_at=_in_utc(timeline.get("EndDateTime")),
    )


def step_reason(step: Mapping[str, Any]) -> str:
    """Why the step is in its state: reason, message and log file of its failure, as far as EMR tells."""
    status = step.get("Status", {})
    failure, change = status.get("FailureDetails", {}), status.get("StateChangeReason", {})
    told = [failure.get("Reason", ""), failure.get("Message", ""), change.get("Message", "")]
    text = ": ".join(dict.fromkeys(part.strip().rstrip(".") for part in told if part.strip()))
    log = failure.get("LogFile", "")
    return f"{text} (log: {log})" if text and log else text or (f"log: {log}" if log else "")


def native_state(thing: Mapping[str, Any]) -> str:
    """The provider's own word for the state of a cluster or step."""
    state: str = thing.get("Status", {}).get("State", "")
    return state


def _in_utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at is not None else None

"""Qubole's states and answers, in our words: literal tables and pure functions, nothing that calls.

A state that is not in a table is `UNKNOWN`: it is watched on, and never taken for an end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from synergyflow.clusters.base import ClusterState
from synergyflow.core.jobs import JobState, JobStatus

JOB_STATES: Mapping[str, JobState] = {
    "waiting": JobState.PENDING,
    "running": JobState.RUNNING,
    "cancelling": JobState.RUNNING,
    "cancelled": JobState.CANCELED,
    "error": JobState.FAILED,
    "done": JobState.SUCCEEDED,
}

CLUSTER_STATES: Mapping[str, ClusterState] = {
    "PENDING": ClusterState.STARTING,
    "UP": ClusterState.READY,
    "TERMINATING": ClusterState.TERMINATING,
    "DOWN": ClusterState.GONE,
}

ACTIVE = frozenset({"waiting", "running", "cancelling"})
MOST_STALE_LOOKS = 5


def job_status(command: Mapping[str, Any]) -> JobStatus:
    """The status that a command object tells of. It has no exit code; see `qubole_log`."""
    native = str(command.get("status"))
    return JobStatus(
        job_id=str(command["id"]),
        state=JOB_STATES.get(native, JobState.UNKNOWN),
        native_state=native,
        message="" if native in JOB_STATES else f"Qubole says {native!r}, which is not known here",
        started_at=_time(command.get("start_time")),
        finished_at=_time(command.get("end_time")) if native not in ACTIVE else None,
    )


def lost(job_id: str) -> JobStatus:
    """The status of a command that Qubole does not know."""
    return JobStatus(job_id=job_id, state=JobState.LOST, message="Qubole knows of no such command")


def _time(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, (int, float)) and seconds > 0 else None


def cluster_state(answer: Mapping[str, Any]) -> ClusterState:
    """The state that an answer about a cluster tells of, taken by itself."""
    return CLUSTER_STATES.get(str(answer.get("state")), ClusterState.UNKNOWN)


def reason_of(answer: Mapping[str, Any]) -> str:
    """Why the cluster is as it is, in Qubole's words where it has some."""
    native = str(answer.get("state"))
    if native not in CLUSTER_STATES:
        return f"Qubole says {native!r}, which is not known here"
    why = answer.get("terminate_reason")
    return f"it is {native}: {why}" if why and native in ("DOWN", "TERMINATING") else f"it is {native}"


@dataclass(frozen=True, slots=True)
class Start:
    """A start that was asked for, and how far it has come.

    Attributes:
        before: marks of the cluster's former life, as it was when the start was asked for; None if that has not been
            done yet, because the cluster was still going down.
        accepted: whether the call was answered; if not, it is made again as long as the cluster is down.
        seen: whether the cluster has been seen alive since.
        stale: looks in a row at which it seemed as before although it had been seen alive.
    """

    before: tuple[Any, Any] | None = None
    accepted: bool = False
    seen: bool = False
    stale: int = 0


def marks(answer: Mapping[str, Any]) -> tuple[Any, Any]:
    """What tells one life of a cluster from the next."""
    return answer.get("start_at"), answer.get("down_at")


def come_up(start: Start, answer: Mapping[str, Any]) -> tuple[Start, ClusterState, bool]:
    """How the start goes on: what is known of it after this answer, the state, and whether to ask (again) for it now.

    A cluster that is down as it was before the start is not gone: either the start has no effect yet, or the answer is
    an old one.
    """
    native = answer.get("state")
    if native == "TERMINATING" and start.before is None:
        return start, ClusterState.STARTING, False
    if native != "DOWN":
        return replace(start, before=start.before or ("", ""), seen=True, stale=0), cluster_state(answer), False
    if start.before is None:
        return replace(start, before=marks(answer)), ClusterState.STARTING, True
    if marks(answer) != start.before or start.stale >= MOST_STALE_LOOKS:
        return start, ClusterState.GONE, False
    if start.seen:
        return replace(start, stale=start.stale + 1), ClusterState.STARTING, False
    return start, ClusterState.STARTING, not start.accepted

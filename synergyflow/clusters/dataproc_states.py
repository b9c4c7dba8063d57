"""Dataproc's states in one table each, and what is read out of its answers. No client, no clock.

Answers come as plain values: names of states instead of numbers, so that a state which is newer than the library is
just a name that the table does not have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from synergyflow.clusters.base import ClusterState
from synergyflow.core.jobs import JobState, JobStatus

CLUSTER_STATES: Mapping[str, ClusterState] = {
    "UNKNOWN": ClusterState.UNKNOWN,
    "CREATING": ClusterState.STARTING,
    "RUNNING": ClusterState.READY,
    "ERROR": ClusterState.FAILED,
    "ERROR_DUE_TO_UPDATE": ClusterState.READY,  # it still takes jobs; only further updates are refused
    "DELETING": ClusterState.TERMINATING,
    "UPDATING": ClusterState.READY,  # it goes on taking jobs meanwhile
    "STOPPING": ClusterState.TERMINATING,
    "STOPPED": ClusterState.FAILED,
    "STARTING": ClusterState.STARTING,
    "REPAIRING": ClusterState.STARTING,  # not usable, but on its way back
}

JOB_STATES: Mapping[str, JobState] = {
    "STATE_UNSPECIFIED": JobState.UNKNOWN,
    "PENDING": JobState.PENDING,
    "SETUP_DONE": JobState.PENDING,
    "RUNNING": JobState.RUNNING,
    "CANCEL_PENDING": JobState.RUNNING,
    "CANCEL_STARTED": JobState.RUNNING,
    "CANCELLED": JobState.CANCELED,
    "DONE": JobState.SUCCEEDED,
    "ERROR": JobState.FAILED,
    "ATTEMPT_FAILURE": JobState.RUNNING,  # a driver that Dataproc starts again by itself
}

EXIT_MARK = "synergyflow: the command ended with exit code "
"""What the wrapper of a shell command writes last if the command fails: Dataproc itself keeps no exit codes."""

_EXIT = re.compile(re.escape(EXIT_MARK).encode() + rb"(\d{1,3})\b")
_BOILERPLATE = "Google Cloud Dataproc Agent reports job failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeCluster:
    """What Dataproc says of a cluster."""

    name: str
    uuid: str
    state: str
    detail: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeJob:
    """What Dataproc says of a job. `started_at` is when its driver began to run, or was submitted if it never ran."""

    job_id: str
    state: str
    details: str = ""
    cluster_name: str = ""
    cluster_uuid: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    output_uri: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


def cluster_state(native: str) -> ClusterState:
    """The state as the engine knows it; `UNKNOWN` for one that is in no table."""
    return CLUSTER_STATES.get(native, ClusterState.UNKNOWN)


def cluster_reason(cluster: NativeCluster) -> str:
    """Why the cluster is as it is, in a sentence; empty while all is well."""
    match cluster_state(cluster.state):
        case ClusterState.FAILED:
            detail = one_line(cluster.detail)
            return f"Dataproc says {cluster.state}" + (f": {detail}" if detail else "")
        case ClusterState.TERMINATING:
            return f"it is {cluster.state.lower()}, which synergyflow did not ask for"
        case ClusterState.UNKNOWN:
            return f"its state {cluster.state} is not known"
        case _:
            return ""


def job_status(job: NativeJob, *, exit_code: int | None = None) -> JobStatus:
    """The status as the engine knows it; an unknown state is to be watched further."""
    state = JOB_STATES.get(job.state, JobState.UNKNOWN)
    return JobStatus(
        job_id=job.job_id,
        state=state,
        native_state=job.state,
        exit_code=0 if state is JobState.SUCCEEDED else exit_code,
        message=_message(job, state, exit_code),
        started_at=job.started_at,
        finished_at=job.finished_at if state.is_final else None,
    )


def exit_code_in(output: bytes) -> int | None:
    """The exit code that the wrapper of a shell command wrote at the end of its output."""
    found = _EXIT.findall(output)
    return int(found[-1]) if found else None


def one_line(text: str) -> str:
    """The first line that says something, shortened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = lines[0] if lines else ""
    return first if len(first) <= 500 else first[:499] + "…"


def _message(job: NativeJob, state: JobState, exit_code: int | None) -> str:
    if state is JobState.UNKNOWN:
        return f"its state {job.state} is not known"
    if state not in (JobState.FAILED, JobState.CANCELED):
        return ""
    if exit_code is not None:
        return f"exit code {exit_code}"
    line = one_line(job.details)
    if state is JobState.FAILED and line.startswith(_BOILERPLATE):
        return "its driver failed" + (f", see {job.output_uri}*" if job.output_uri else "")
    return line

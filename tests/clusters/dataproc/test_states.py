"""What Dataproc's states mean, as tables, and that no state of its library is left out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from synergyflow.clusters.base import ClusterState
from synergyflow.clusters.dataproc_states import (
    CLUSTER_STATES,
    EXIT_MARK,
    JOB_STATES,
    NativeCluster,
    NativeJob,
    cluster_reason,
    cluster_state,
    exit_code_in,
    job_status,
)
from synergyflow.core.jobs import JobState

BEGUN, ENDED = datetime(2016, 6, 1, 7, tzinfo=UTC), datetime(2016, 6, 1, 8, tzinfo=UTC)


def job(state: str, details: str = "") -> NativeJob:
    return NativeJob(job_id="sf-1", state=state, details=details, started_at=BEGUN, finished_at=ENDED)


def test_every_state_that_the_library_knows_has_its_meaning() -> None:
    dataproc = pytest.importorskip("google.cloud.dataproc_v1")
    assert {state.name for state in dataproc.ClusterStatus.State} == set(CLUSTER_STATES)
    assert {state.name for state in dataproc.JobStatus.State} == set(JOB_STATES)


def test_only_done_is_success_and_only_three_states_are_final() -> None:
    assert [name for name, state in JOB_STATES.items() if state is JobState.SUCCEEDED] == ["DONE"]
    assert {name for name, state in JOB_STATES.items() if state.is_final} == {"DONE", "ERROR", "CANCELLED"}


def test_a_cluster_takes_jobs_in_these_states_only() -> None:
    ready = {name for name, state in CLUSTER_STATES.items() if state is ClusterState.READY}
    assert ready == {"RUNNING", "UPDATING", "ERROR_DUE_TO_UPDATE"}


@pytest.mark.parametrize("state", ["77", "BRAND_NEW", ""])
def test_a_state_that_nobody_knows_is_unknown_and_never_final(state: str) -> None:
    assert cluster_state(state) is ClusterState.UNKNOWN
    status = job_status(job(state))
    assert (status.state, status.finished_at) == (JobState.UNKNOWN, None)
    assert not status.state.is_final


def test_a_job_that_runs_has_no_end_yet() -> None:
    assert job_status(job("RUNNING")).finished_at is None
    assert job_status(job("DONE")).finished_at == ENDED


@pytest.mark.parametrize(
    ("details", "exit_code", "message"),
    [
        ("", None, ""),
        ("Job failed with message [boom].\nmore", None, "Job failed with message [boom]."),
        ("\n  padded  \n", None, "padded"),
        ("x" * 600, None, "x" * 499 + "…"),
        ("whatever", 3, "exit code 3"),
        ("Google Cloud Dataproc Agent reports job failure. If logs are available, …", None, "its driver failed"),
    ],
)
def test_the_message_of_a_failed_job_is_one_line(details: str, exit_code: int | None, message: str) -> None:
    status = job_status(job("ERROR", details), exit_code=exit_code)
    assert (status.message, status.exit_code) == (message, exit_code)


def test_a_success_has_exit_code_zero_and_no_message() -> None:
    status = job_status(job("DONE", "details that nobody needs"))
    assert (status.exit_code, status.message) == (0, "")


@pytest.mark.parametrize(
    ("output", "code"),
    [
        (b"", None),
        (b"exit code 3", None),
        (f"text{EXIT_MARK}37\n".encode(), 37),
        (f"{EXIT_MARK}1\n{EXIT_MARK}255\nstack trace\n".encode(), 255),
        (b"\xff\xfe" + f"{EXIT_MARK}2".encode(), 2),
    ],
)
def test_the_exit_code_is_the_last_one_that_was_written(output: bytes, code: int | None) -> None:
    assert exit_code_in(output) == code


@pytest.mark.parametrize(
    ("state", "detail", "reason"),
    [
        ("RUNNING", "", ""),
        ("ERROR", "Quota\nmore", "Dataproc says ERROR: Quota"),
        ("STOPPED", "", "Dataproc says STOPPED"),
        ("DELETING", "", "it is deleting, which synergyflow did not ask for"),
        ("77", "", "its state 77 is not known"),
    ],
)
def test_a_cluster_that_is_not_well_says_why(state: str, detail: str, reason: str) -> None:
    assert cluster_reason(NativeCluster(name="n", uuid="u", state=state, detail=detail)) == reason

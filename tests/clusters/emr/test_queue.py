"""Jobs on their way to EMR: what EMR has no room for, and what it may or may not have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from synergyflow.clusters.emr import EmrCluster
from synergyflow.core.jobs import Job, JobState, ShellJob
from synergyflow.errors import JobFailed
from synergyflow.testing.emulators.emr import EmrEmulator, Ending, FaultKind

from .emr_clusters import TOKEN, make_emr, wait_until

pytest.importorskip("boto3")


def never(step: object) -> Ending:
    return Ending(seconds=None)


@pytest.fixture
def emulator(credentials: None) -> Iterator[EmrEmulator]:
    """Steps end when a test says so."""
    with EmrEmulator(script=never) as emulator:
        yield emulator


@pytest.fixture
def cluster(emulator: EmrEmulator, tmp_path: Path) -> EmrCluster:
    cluster = make_emr(emulator.url, tmp_path, slots=300)
    cluster.launch("sf-cluster")
    wait_until(lambda: cluster.poll([]).state == "ready")
    emulator.ledger.clear()
    return cluster


def shell(command: str = "true") -> Job:
    return ShellJob(command=command)


def submit_many(cluster: EmrCluster, count: int) -> list[str]:
    return [cluster.submit(shell(), f"sf-{number:032d}") for number in range(count)]


@pytest.mark.parametrize("fault", [FaultKind.LOST_RESPONSE, FaultKind.THROTTLE_AFTER_EFFECT])
def test_a_submit_whose_answer_is_lost_is_one_step_and_is_found_at_once(
    emulator: EmrEmulator, cluster: EmrCluster, fault: FaultKind
) -> None:
    emulator.faults.add("AddJobFlowSteps", fault)
    job_id = cluster.submit(shell(), TOKEN)
    assert [step.id for step in emulator.steps(TOKEN)] == [job_id]
    for _ in range(4):
        cluster.poll([job_id])
    assert emulator.ledger.counts()["AddJobFlowSteps"] == 1


@pytest.mark.parametrize("fault", [FaultKind.LOST_REQUEST, FaultKind.THROTTLE, FaultKind.SERVER_ERROR])
def test_a_submit_without_effect_is_repeated_by_later_looks_once_two_listings_do_not_have_it(
    emulator: EmrEmulator, cluster: EmrCluster, fault: FaultKind
) -> None:
    emulator.faults.add("AddJobFlowSteps", fault)
    job_id = cluster.submit(shell(), TOKEN)
    assert (job_id, cluster.find(TOKEN)) == (TOKEN, TOKEN)
    assert cluster.poll([job_id]).jobs[job_id].state is JobState.PENDING
    wait_until(lambda: cluster.poll([job_id]).jobs[job_id].state is JobState.RUNNING)
    assert len(emulator.steps(TOKEN)) == 1


def test_a_step_that_the_first_listings_do_not_show_is_neither_lost_nor_submitted_again(
    emulator: EmrEmulator, cluster: EmrCluster
) -> None:
    emulator.faults.add("AddJobFlowSteps", FaultKind.LOST_RESPONSE)
    emulator.faults.add("ListSteps", FaultKind.STALE)
    job_id = cluster.submit(shell(), TOKEN)
    assert job_id == TOKEN
    assert cluster.poll([job_id]).jobs[job_id].state in (JobState.PENDING, JobState.RUNNING)
    assert len(emulator.steps(TOKEN)) == 1
    assert cluster.poll([job_id]).jobs[job_id].job_id == TOKEN


def test_a_new_step_that_is_not_listed_yet_is_pending(emulator: EmrEmulator, cluster: EmrCluster) -> None:
    job_id = cluster.submit(shell(), TOKEN)
    emulator.faults.add("ListSteps", FaultKind.STALE, 2)
    assert [cluster.poll([job_id]).jobs[job_id].state for _ in range(3)] == ["pending", "pending", "running"]


def test_beyond_256_unfinished_steps_jobs_wait_here_and_follow_as_room_comes(
    emulator: EmrEmulator, cluster: EmrCluster
) -> None:
    job_ids = submit_many(cluster, 300)
    assert len(emulator.steps()) == 256
    seen = cluster.poll(job_ids).jobs
    assert [seen[job_id].native_state for job_id in job_ids[256:]] == ["QUEUED_HERE"] * 44
    for step in emulator.steps()[:20]:
        emulator.finish(step.id, Ending())
    wait_until(lambda: sum(step.is_active for step in emulator.steps()) == 236)
    cluster.poll(job_ids)
    cluster.poll(job_ids)
    assert len(emulator.steps()) == 276
    assert sum(step.is_active for step in emulator.steps()) == 256


def test_a_look_at_300_jobs_is_one_paged_listing_and_one_look_at_the_cluster(
    emulator: EmrEmulator, cluster: EmrCluster
) -> None:
    job_ids = submit_many(cluster, 300)
    emulator.ledger.clear()
    cluster.poll(job_ids)
    assert emulator.ledger.counts() == {"ListSteps": 6, "DescribeCluster": 1}
    pages = [call.request.get("Marker") for call in emulator.ledger.calls("ListSteps")]
    assert pages == [None, "50", "100", "150", "200", "250"]


def test_a_look_at_few_jobs_is_one_call_however_many_steps_there_are(
    emulator: EmrEmulator, cluster: EmrCluster
) -> None:
    job_ids = submit_many(cluster, 120)
    emulator.ledger.clear()
    cluster.poll(job_ids[:10])
    assert emulator.ledger.counts() == {"ListSteps": 1, "DescribeCluster": 1}


def test_a_listing_ends_with_the_page_that_has_the_last_of_the_jobs(emulator: EmrEmulator, cluster: EmrCluster) -> None:
    job_ids = submit_many(cluster, 120)
    emulator.ledger.clear()
    cluster.poll(job_ids[-40:])
    assert emulator.ledger.counts()["ListSteps"] == 1


def test_where_others_fill_the_cluster_a_job_waits_here(
    emulator: EmrEmulator, cluster: EmrCluster, tmp_path: Path
) -> None:
    other = make_emr(emulator.url, tmp_path, slots=300)
    other.attach(str(cluster.cluster_id))
    submit_many(other, 256)
    job_id = cluster.submit(shell(), TOKEN)
    assert cluster.poll([job_id]).jobs[job_id].native_state == "QUEUED_HERE"
    emulator.finish(emulator.steps()[0].id, Ending())
    wait_until(lambda: cluster.poll([job_id]).jobs[job_id].state is JobState.RUNNING)
    assert len(emulator.steps(TOKEN)) == 1


def test_a_job_that_waits_here_is_canceled_without_ever_reaching_emr(
    emulator: EmrEmulator, cluster: EmrCluster
) -> None:
    job_ids = submit_many(cluster, 257)
    cluster.cancel(job_ids[-1])
    assert cluster.poll([job_ids[-1]]).jobs[job_ids[-1]].state is JobState.CANCELED
    emulator.finish(emulator.steps()[0].id, Ending())
    wait_until(lambda: sum(step.is_active for step in emulator.steps()) == 255)
    cluster.poll(job_ids)
    cluster.poll(job_ids)
    assert len(emulator.steps()) == 256


def test_a_job_that_is_canceled_while_it_is_unclear_is_ended_when_it_turns_up(
    emulator: EmrEmulator, cluster: EmrCluster
) -> None:
    emulator.faults.add("AddJobFlowSteps", FaultKind.LOST_RESPONSE)
    emulator.faults.add("ListSteps", FaultKind.STALE)
    job_id = cluster.submit(shell(), TOKEN)
    cluster.cancel(job_id)
    wait_until(lambda: cluster.poll([job_id]).jobs[job_id].state is JobState.CANCELED)
    assert emulator.steps(TOKEN)[0].state == "CANCELLED"


def test_what_waits_here_ends_with_its_cluster(emulator: EmrEmulator, cluster: EmrCluster) -> None:
    job_ids = submit_many(cluster, 257)
    emulator.end_outside(emulator.clusters()[0])
    assert cluster.poll(job_ids).jobs[job_ids[-1]].state is JobState.LOST


def test_a_job_that_emr_refuses_fails_and_harms_no_other(emulator: EmrEmulator, cluster: EmrCluster) -> None:
    submit_many(cluster, 256)
    good, other = cluster.submit(shell(), "sf-good"), cluster.submit(shell(), "sf-other")
    cluster._queue._waiting["sf-bad"] = type(cluster._queue._waiting["sf-good"])("sf-bad", {"Name": "sf-bad"})
    for step in emulator.steps()[:10]:
        emulator.finish(step.id, Ending())
    wait_until(lambda: sum(step.is_active for step in emulator.steps()) == 246)
    ids = [*[step.id for step in emulator.steps()[:20]], good, other, "sf-bad"]
    seen = wait_until(lambda: (jobs := cluster.poll(ids).jobs)["sf-bad"].state is JobState.FAILED and jobs)
    assert "HadoopJarStep" in seen["sf-bad"].message
    wait_until(lambda: {cluster.poll(ids).jobs[job_id].state for job_id in (good, other)} == {JobState.RUNNING})


def test_a_refused_job_is_told_at_once_where_it_can_be(emulator: EmrEmulator, cluster: EmrCluster) -> None:
    emulator.faults.add("AddJobFlowSteps", FaultKind.QUOTA)
    with pytest.raises(JobFailed, match="refused the shell job"):
        cluster.submit(shell(), TOKEN)

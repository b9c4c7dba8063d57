"""The scripted cluster: it sits the exam of clusters, and does what its script says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from synergyflow.clusters.base import Cluster, ClusterState
from synergyflow.core.jobs import Job, JobState, ShellJob
from synergyflow.errors import ClusterError, ClusterLaunchError, ClusterLost, JobFailed
from synergyflow.testing import Call, Ending, FakeCluster
from synergyflow.testing.conformance.clusters import ClusterExam

JOB = ShellJob(command="true")


def little_shell(job: Job, token: str) -> Ending:
    """What the few commands of the exam would do."""
    assert isinstance(job, ShellJob)
    if job.command.startswith("exit "):
        return Ending(state=JobState.FAILED, exit_code=int(job.command[5:]))
    if "sleep" in job.command:
        return Ending(polls=None)
    printed = re.fullmatch(r"printf '%s' '(.*)'", job.command)
    return Ending(output=printed[1].encode() if printed else b"", polls=2)


class TestFakeCluster(ClusterExam):
    def make_cluster(self, folder: Path) -> Cluster:
        return FakeCluster(script=little_shell)

    def make_another(self, cluster: Cluster, folder: Path) -> Cluster:
        assert isinstance(cluster, FakeCluster)
        return FakeCluster(script=little_shell, provider=cluster.provider)


def launched(**options: object) -> FakeCluster:
    cluster = FakeCluster(**options)  # type: ignore[arg-type]
    cluster.launch("sf-cluster")
    return cluster


def test_a_launch_fails_by_script() -> None:
    cluster = FakeCluster(launch_error="no quota")
    with pytest.raises(ClusterLaunchError, match="no quota"):
        cluster.launch("sf-cluster")
    assert cluster.cluster_id is None


def test_it_is_starting_for_as_many_looks_as_the_script_says() -> None:
    cluster = launched(polls_until_ready=2)
    states = [cluster.poll([]).state for _ in range(3)]
    assert states == [ClusterState.STARTING, ClusterState.STARTING, ClusterState.READY]


def test_it_is_lost_at_the_look_that_the_script_says_with_what_ran_on_it() -> None:
    cluster = launched(lost_at_poll=2, script=lambda job, token: Ending(polls=None))
    job_id = cluster.submit(JOB, "sf-1")
    assert cluster.poll([job_id]).jobs[job_id].state is JobState.RUNNING
    seen = cluster.poll([job_id])
    assert seen.state is ClusterState.GONE
    assert seen.jobs[job_id].state is JobState.LOST
    with pytest.raises(ClusterLost):
        cluster.submit(JOB, "sf-2")


def test_a_job_ends_at_the_look_that_the_script_says() -> None:
    cluster = launched(script=lambda job, token: Ending(polls=2, state=JobState.FAILED, exit_code=4))
    job_id = cluster.submit(JOB, "sf-1")
    states = [cluster.poll([job_id]).jobs[job_id].state for _ in range(3)]
    assert states == [JobState.RUNNING, JobState.RUNNING, JobState.FAILED]


def test_a_job_is_refused_by_script_and_does_not_run() -> None:
    cluster = launched(script=lambda job, token: Ending(refused="no such jar"))
    with pytest.raises(JobFailed, match="no such jar"):
        cluster.submit(JOB, "sf-1")
    assert cluster.find("sf-1") is None


def test_a_job_that_does_not_mind_a_cancel_is_ended_by_force() -> None:
    cluster = launched(script=lambda job, token: Ending(polls=None, minds_cancel=False))
    job_id = cluster.submit(JOB, "sf-1")
    cluster.cancel(job_id)
    assert cluster.poll([job_id]).jobs[job_id].state is JobState.RUNNING
    cluster.cancel(job_id, force=True)
    assert cluster.poll([job_id]).jobs[job_id].state is JobState.CANCELED


def test_a_test_may_end_a_job_itself() -> None:
    cluster = launched(script=lambda job, token: Ending(polls=None))
    job_id = cluster.submit(JOB, "sf-1")
    cluster.provider.clock.advance(60)
    cluster.finish(job_id, Ending(output=b"done"))
    status = cluster.poll([job_id]).jobs[job_id]
    assert status.started_at is not None
    assert status.finished_at is not None
    assert (status.finished_at - status.started_at).total_seconds() == 60
    assert cluster.fetch_log(job_id).data == b"done"


def test_the_ledger_holds_every_call_in_order() -> None:
    cluster = launched()
    job_id = cluster.submit(JOB, "sf-1")
    cluster.poll([job_id])
    cluster.terminate()
    assert cluster.ledger == [
        Call("launch", "sf-cluster"),
        Call("submit", "sf-1"),
        Call("poll", job_id),
        Call("terminate"),
    ]
    assert cluster.verbs() == ["launch", "submit", "terminate"]


def test_it_says_so_when_it_has_no_filesystem() -> None:
    with pytest.raises(ClusterError, match="no filesystem"):
        _ = FakeCluster().filesystem


def test_the_fakes_are_used_without_pytest() -> None:
    check = "import synergyflow.testing, sys; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

"""EMR, over a socket, with the vendor's own client: the exam, and jobs from submission to log."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from synergyflow.clusters.base import Cluster
from synergyflow.clusters.emr import EmrCluster
from synergyflow.core.jobs import Job, JobKind, JobState, JobStatus, PythonJob, ShellJob
from synergyflow.errors import ClusterLost, JobFailed
from synergyflow.testing.clock import ManualClock
from synergyflow.testing.conformance.clusters import ClusterExam
from synergyflow.testing.emulators.emr import Delays, EmrEmulator, Ending

from .emr_clusters import TOKEN, make_emr, wait_until

pytest.importorskip("boto3")


class TestEmrCluster(ClusterExam):
    @pytest.fixture(autouse=True)
    def _emulator(self, credentials: None) -> Iterator[None]:
        with EmrEmulator() as self.emulator:
            yield

    def make_cluster(self, folder: Path) -> Cluster:
        return make_emr(self.emulator.url, folder)


def launched(emulator: EmrEmulator, folder: Path, **options: object) -> EmrCluster:
    cluster = make_emr(emulator.url, folder, **options)
    cluster.launch("sf-cluster")
    wait_until(lambda: cluster.poll([]).state == "ready")
    return cluster


def ended(cluster: EmrCluster, job_id: str) -> JobStatus:
    return wait_until(lambda: (status := cluster.poll([job_id]).jobs[job_id]).state.is_final and status)


def shell(command: str) -> Job:
    return ShellJob(command=command)


def test_a_failed_job_says_why_with_the_last_line_of_its_error_and_its_log_file(
    emulator: EmrEmulator, tmp_path: Path
) -> None:
    cluster = launched(emulator, tmp_path)
    status = ended(cluster, job_id := cluster.submit(shell("echo begun; echo 'no such table' >&2; exit 3"), TOKEN))
    assert (status.state, status.native_state, status.exit_code) == (JobState.FAILED, "FAILED", 3)
    where = f"s3://logs/emr/{cluster.cluster_id}/steps/{job_id}/stderr.gz"
    assert status.message == f"Unknown Error: no such table (log: {where})"
    assert cluster.fetch_log(job_id).data == b"begun\nno such table\n"


def test_without_a_log_folder_a_job_has_no_output_and_no_exit_code_and_ends_all_the_same(
    emulator: EmrEmulator, tmp_path: Path
) -> None:
    cluster = launched(emulator, tmp_path, log_uri=None)
    status = ended(cluster, job_id := cluster.submit(shell("echo begun; exit 3"), TOKEN))
    assert (status.state, status.exit_code) == (JobState.FAILED, None)
    chunk = cluster.fetch_log(job_id)
    assert (chunk.data, chunk.complete) == (b"", True)


def test_a_failed_job_waits_for_its_log_and_a_successful_one_only_says_that_it_is_to_come(
    credentials: None, tmp_path: Path
) -> None:
    clock = ManualClock()
    failing = {"bad": Ending(exit_code=7, stderr=b"broken\n"), "good": Ending(stdout=b"fine")}
    with EmrEmulator(script=lambda step: failing[step.arguments[-1]], clock=clock, delays=Delays(logs=200)) as emulator:
        cluster = make_emr(emulator.url, tmp_path)
        cluster._now = clock.now
        cluster.launch("sf-cluster")
        clock.advance(1)
        bad, good = cluster.submit(shell("bad"), "sf-bad"), cluster.submit(shell("good"), "sf-good")
        clock.advance(1)
        seen = cluster.poll([bad, good]).jobs
        assert (seen[bad].state, seen[bad].native_state) == (JobState.RUNNING, "FAILED")
        assert seen[good].state is JobState.SUCCEEDED
        assert not cluster.fetch_log(good).complete
        clock.advance(200)
        assert (cluster.poll([bad]).jobs[bad].exit_code, cluster.fetch_log(bad).data) == (7, b"broken\n")
        assert (cluster.fetch_log(good).data, cluster.fetch_log(good, 4).complete) == (b"fine", True)


def test_a_log_that_never_comes_is_awaited_for_log_wait_and_no_longer(credentials: None, tmp_path: Path) -> None:
    clock = ManualClock()
    with EmrEmulator(script=lambda step: Ending(exit_code=7), clock=clock, delays=Delays(logs=9000)) as emulator:
        cluster = make_emr(emulator.url, tmp_path, log_wait=300)
        cluster._now = clock.now
        cluster.launch("sf-cluster")
        clock.advance(1)
        job_id = cluster.submit(shell("x"), TOKEN)
        clock.advance(299)
        assert cluster.poll([job_id]).jobs[job_id].state is JobState.RUNNING
        clock.advance(2)
        status = cluster.poll([job_id]).jobs[job_id]
        assert (status.state, status.exit_code, cluster.fetch_log(job_id).complete) == (JobState.FAILED, None, True)


def test_of_a_very_long_log_the_middle_is_left_out(emulator: EmrEmulator, tmp_path: Path) -> None:
    cluster = launched(emulator, tmp_path, log_limit_mb=1)
    job_id = cluster.submit(shell("echo first; head -c 4000000 /dev/zero | tr '\\0' x; echo; echo last"), TOKEN)
    ended(cluster, job_id)
    data = cluster.fetch_log(job_id, 0, 1 << 24).data
    assert data.startswith(b"first\nxxx")
    assert data.endswith(b"xxx\nlast\n")
    assert b"bytes are left out here" in data
    assert len(data) < (1 << 20) + 200


def test_the_log_of_a_driver_that_ran_inside_the_cluster_comes_after_the_step_s_own(
    credentials: None, tmp_path: Path
) -> None:
    with EmrEmulator(script=lambda step: Ending(stderr=b"Submitted application_1_0007\n")) as emulator:
        cluster = launched(emulator, tmp_path)
        for name, text in (("stderr", b"driver error\n"), ("stdout", b"driver output\n")):
            key = f"emr/{cluster.cluster_id}/containers/application_1_0007/container_1_0007_01_000001/{name}.gz"
            emulator.objects.put("logs", key, gzip.compress(text))
        ended(cluster, job_id := cluster.submit(shell("x"), TOKEN))
        assert cluster.fetch_log(job_id).data == b"Submitted application_1_0007\ndriver output\ndriver error\n"


def test_a_state_that_nobody_knows_is_watched_and_never_a_success(scripted: EmrEmulator, tmp_path: Path) -> None:
    cluster = launched(scripted, tmp_path)
    job_id = cluster.submit(shell("x"), TOKEN)
    wait_until(lambda: scripted.steps()[0].state == "COMPLETED")
    scripted.show(scripted.steps()[0], "PONDERING")
    status = cluster.poll([job_id]).jobs[job_id]
    assert (status.state, status.native_state) == (JobState.UNKNOWN, "PONDERING")
    scripted.show(scripted.steps()[0], None)
    assert cluster.poll([job_id]).jobs[job_id].state is JobState.SUCCEEDED


def test_a_step_that_a_dying_cluster_interrupts_is_lost_with_it(emulator: EmrEmulator, tmp_path: Path) -> None:
    cluster = launched(emulator, tmp_path)
    job_id = cluster.submit(shell("exec sleep 3600"), TOKEN)
    emulator.end_outside(emulator.clusters()[0])
    seen = cluster.poll([job_id])
    assert seen.state in ("terminating", "gone")
    assert seen.reason == "USER_REQUEST: Terminated by user request"
    assert seen.jobs[job_id].state is JobState.LOST


def test_the_loss_of_spot_machines_is_seen_together_with_the_failure_of_their_steps(
    emulator: EmrEmulator, tmp_path: Path
) -> None:
    cluster = launched(emulator, tmp_path)
    job_id = cluster.submit(shell("exec sleep 3600"), TOKEN)
    emulator.lose_spot(emulator.clusters()[0])
    seen = cluster.poll([job_id])
    assert seen.state in ("terminating", "failed")
    assert seen.reason == "INSTANCE_FAILURE: Spot instances were reclaimed by EC2"


def test_a_cluster_that_has_vanished_is_gone_and_takes_no_job(emulator: EmrEmulator, tmp_path: Path) -> None:
    cluster = launched(emulator, tmp_path)
    job_id = cluster.submit(shell("exec sleep 3600"), TOKEN)
    emulator.vanish(emulator.clusters()[0])
    seen = cluster.poll([job_id])
    assert (seen.state, seen.reason) == ("gone", "AWS does not know it any more")
    assert seen.jobs[job_id].state is JobState.LOST
    with pytest.raises(ClusterLost):
        cluster.submit(shell("true"), "sf-2")
    cluster.terminate()


def test_a_job_that_asks_for_too_much_text_is_refused_before_a_call(scripted: EmrEmulator, tmp_path: Path) -> None:
    cluster = launched(scripted, tmp_path)
    with pytest.raises(JobFailed, match="EMR takes 10240"):
        cluster.submit(shell("x" * 10_300), TOKEN)
    assert scripted.ledger.calls("AddJobFlowSteps") == []


def test_python_calls_are_none_of_its_jobs(scripted: EmrEmulator, tmp_path: Path) -> None:
    cluster = launched(scripted, tmp_path)
    assert JobKind.PYTHON not in cluster.job_kinds
    with pytest.raises(JobFailed):
        cluster.submit(PythonJob(payload=b""), TOKEN)


def test_it_can_run_what_its_applications_can(tmp_path: Path) -> None:
    assert make_emr("http://127.0.0.1:1", tmp_path, applications=["Hive"]).job_kinds == {"shell", "hadoop", "hive"}


def test_of_two_steps_of_one_token_the_older_counts_and_the_other_is_ended(
    emulator: EmrEmulator, tmp_path: Path
) -> None:
    cluster = launched(emulator, tmp_path)
    first = cluster.submit(shell("exec sleep 3600"), TOKEN)
    step = {**emulator.steps()[0].request}
    second = cluster._client.add_steps(str(cluster.cluster_id), [step])[0]
    other = make_emr(emulator.url, tmp_path)
    other.attach(str(cluster.cluster_id))
    assert other.find(TOKEN) == first
    assert ended(cluster, second).state is JobState.CANCELED
    assert cluster.poll([first]).jobs[first].state is JobState.RUNNING

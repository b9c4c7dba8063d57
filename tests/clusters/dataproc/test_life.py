"""Dataproc clusters and jobs when the cloud does not do as asked, without an engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.dataproc_v1")

from synergyflow.clusters.base import ClusterState
from synergyflow.clusters.dataproc import DataprocCluster
from synergyflow.clusters.dataproc_submissions import SETTLING_LOOKS
from synergyflow.config.profile import Profile
from synergyflow.core.jobs import JobState, PythonJob, ShellJob, SparkJob
from synergyflow.errors import ClusterError, ClusterLaunchError, ConfigurationError, JobFailed
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.testing import ManualClock
from synergyflow.testing.emulators.dataproc import DataprocEmulator, Delays, Ending, FaultKind

from ..local_clusters import wait_until
from .dataproc_clusters import TOKEN, launched, make_dataproc, options

OTHER_TOKEN = "sf-00000000000000000000000000000002"
JOB_TOKEN = "sf-000000000000000000000000000000aa"
UNKNOWN_STATE = 77


@pytest.fixture
def cluster(endless: DataprocEmulator, tmp_path: Path) -> DataprocCluster:
    """Takes jobs, which run until the test ends them."""
    return launched(make_dataproc(endless, tmp_path), TOKEN)


def until_running(cluster: DataprocCluster, job_id: str) -> None:
    wait_until(lambda: cluster.poll([job_id]).jobs[job_id].state is JobState.RUNNING)


def until_ended(cluster: DataprocCluster, job_id: str) -> JobState:
    return wait_until(lambda: (state := cluster.poll([job_id]).jobs[job_id].state).is_final and state)


# -- launching ----------------------------------------------------------------------------------------------------


def test_every_cluster_has_a_label_of_its_token_and_both_limits_on_its_life(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    made = endless.clusters()[0]
    assert made.cluster_name == made.labels["synergyflow-token"] == TOKEN
    life = made.config.lifecycle_config
    assert (life.idle_delete_ttl.total_seconds(), life.auto_delete_ttl.total_seconds()) == (1800, 24 * 3600)


def test_a_cluster_that_somebody_else_made_under_the_name_is_neither_taken_nor_ended(
    endless: DataprocEmulator, tmp_path: Path
) -> None:
    launched(make_dataproc(endless, tmp_path, cluster_name=TOKEN, keep_alive=True), OTHER_TOKEN)
    with pytest.raises(ClusterLaunchError, match="did not launch"):
        make_dataproc(endless, tmp_path).launch(TOKEN)
    assert len(endless.clusters()) == 1


def test_a_second_engine_adopts_the_cluster_of_the_token_even_with_another_request(
    endless: DataprocEmulator, cluster: DataprocCluster, tmp_path: Path
) -> None:
    changed = make_dataproc(endless, tmp_path, workers=4)
    assert changed.launch(TOKEN) == cluster.cluster_id
    assert len(endless.ledger.effects("CreateCluster")) == 1


def test_a_cluster_that_is_being_deleted_when_it_is_read_back_did_not_come_up(tmp_path: Path) -> None:
    with DataprocEmulator(delays=Delays(delete=3600.0)) as emulator:
        emulator.faults.add("CreateCluster", FaultKind.IS_BEING_DELETED)
        with pytest.raises(ClusterLaunchError, match="did not come up"):
            make_dataproc(emulator, tmp_path).launch(TOKEN)


def test_a_broken_cluster_that_is_adopted_is_deleted_since_it_costs(
    endless: DataprocEmulator, cluster: DataprocCluster, tmp_path: Path
) -> None:
    endless.break_cluster(TOKEN, "the disks are full")
    with pytest.raises(ClusterLaunchError, match="the disks are full"):
        make_dataproc(endless, tmp_path).launch(TOKEN)
    assert endless.ledger.effects("DeleteCluster") == [TOKEN]


def test_a_refused_launch_says_why_and_what_to_do(endless: DataprocEmulator, tmp_path: Path) -> None:
    endless.faults.add("CreateCluster", FaultKind.DENIED)
    with pytest.raises(ClusterLaunchError, match="Permission") as raised:
        make_dataproc(endless, tmp_path).launch(TOKEN)
    assert raised.value.hint is not None
    assert "project" in raised.value.hint


def test_a_launch_without_an_answer_is_unclear_and_ended_if_there_is_one_after_all(
    endless: DataprocEmulator, tmp_path: Path
) -> None:
    cluster = make_dataproc(endless, tmp_path)
    endless.lag(1)
    endless.faults.add("CreateCluster", FaultKind.RESPONSE_LOST)
    with pytest.raises(ClusterError) as raised:
        cluster.launch(TOKEN)
    assert not isinstance(raised.value, ClusterLaunchError)
    assert cluster.cluster_id is None
    cluster.terminate()
    assert endless.ledger.effects("DeleteCluster") == [TOKEN]


def test_a_launch_call_is_tried_once_by_the_library(endless: DataprocEmulator, tmp_path: Path) -> None:
    endless.faults.add("CreateCluster", FaultKind.UNAVAILABLE, times=5)
    with pytest.raises(ClusterError):
        make_dataproc(endless, tmp_path).launch(TOKEN)
    assert len(endless.ledger.of("CreateCluster")) == 1


def test_a_cluster_that_reads_do_not_show_yet_is_starting_for_some_looks(
    endless: DataprocEmulator, tmp_path: Path
) -> None:
    endless.lag(1000)
    cluster = make_dataproc(endless, tmp_path)
    cluster.launch(TOKEN)
    seen = [cluster.poll([]).state for _ in range(SETTLING_LOOKS + 1)]
    assert seen == [ClusterState.STARTING] * SETTLING_LOOKS + [ClusterState.GONE]


# -- the end of clusters ------------------------------------------------------------------------------------------


def test_a_cluster_deleted_by_hand_is_gone_with_its_jobs_and_the_reason(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    job_id = cluster.submit(ShellJob(command="true"), JOB_TOKEN)
    until_running(cluster, job_id)
    endless.vanish(TOKEN)
    seen = cluster.poll([job_id])
    assert seen.state is ClusterState.GONE
    assert "deleted from outside" in seen.reason
    assert seen.jobs[job_id].state is JobState.LOST


def test_a_later_cluster_of_the_same_name_is_not_taken_for_the_one_that_is_gone(
    endless: DataprocEmulator, tmp_path: Path
) -> None:
    first = launched(make_dataproc(endless, tmp_path, cluster_name="shared", keep_alive=True), TOKEN)
    endless.vanish("shared")
    launched(make_dataproc(endless, tmp_path, cluster_name="shared", keep_alive=True), OTHER_TOKEN)
    assert first.poll([]).state is ClusterState.GONE
    first.terminate()
    assert endless.ledger.of("DeleteCluster") == ()


def test_a_cluster_that_synergyflow_did_not_launch_is_left_and_reported(
    endless: DataprocEmulator, tmp_path: Path
) -> None:
    foreign_cluster(endless, "theirs")
    cluster = launched(make_dataproc(endless, tmp_path, cluster_name="theirs", keep_alive=True), TOKEN)
    with pytest.raises(ClusterError, match="was not launched by synergyflow"):
        cluster.terminate()
    assert [found.cluster_name for found in endless.clusters()] == ["theirs"]


@pytest.mark.parametrize("state", ["ERROR", "STOPPED"])
def test_a_named_cluster_of_somebody_else_that_is_not_usable_is_told_and_not_touched(
    endless: DataprocEmulator, tmp_path: Path, state: str
) -> None:
    foreign_cluster(endless, "theirs")
    endless.set_cluster_state("theirs", {"ERROR": 3, "STOPPED": 7}[state])
    cluster = make_dataproc(endless, tmp_path, cluster_name="theirs", keep_alive=True)
    with pytest.raises(ClusterLaunchError, match=state):
        cluster.launch(TOKEN)
    cluster.terminate()
    assert endless.ledger.effects("DeleteCluster") == []


def test_a_named_cluster_that_was_stopped_meanwhile_is_not_deleted(endless: DataprocEmulator, tmp_path: Path) -> None:
    cluster = launched(make_dataproc(endless, tmp_path, cluster_name="shared", keep_alive=True), TOKEN)
    endless.set_cluster_state("shared", 7)
    assert cluster.poll([]).state is ClusterState.FAILED
    cluster.terminate()
    assert endless.ledger.effects("DeleteCluster") == []


def foreign_cluster(emulator: DataprocEmulator, name: str) -> None:
    """A cluster that somebody made with the vendor's client."""
    import grpc
    from google.cloud import dataproc_v1

    with grpc.insecure_channel(emulator.endpoint) as channel:
        transport = dataproc_v1.ClusterControllerClient.get_transport_class("grpc")(channel=channel)
        place = {"project_id": "emulated", "region": "us-central1"}
        request = {**place, "cluster": {"cluster_name": name}}
        dataproc_v1.ClusterControllerClient(transport=transport).create_cluster(request=request).result(timeout=30)


def test_the_end_of_a_cluster_is_asked_for_again_while_dataproc_is_overloaded(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    endless.faults.add("DeleteCluster", FaultKind.UNAVAILABLE, times=2)
    cluster.terminate()
    assert wait_until(lambda: endless.clusters() == [])


def test_a_lost_answer_to_a_deletion_is_a_success(endless: DataprocEmulator, cluster: DataprocCluster) -> None:
    endless.faults.add("DeleteCluster", FaultKind.RESPONSE_LOST)
    cluster.terminate()
    assert wait_until(lambda: endless.clusters() == [])
    assert len(endless.ledger.effects("DeleteCluster")) == 1


def test_a_broken_cluster_is_seen_as_failed_with_the_reason(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    endless.break_cluster(TOKEN, "Master is unhealthy")
    seen = cluster.poll([])
    assert (seen.state, seen.reason) == (ClusterState.FAILED, "Dataproc says ERROR: Master is unhealthy")


def test_a_cluster_in_a_state_that_nobody_knows_is_watched_further(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    endless.set_cluster_state(TOKEN, UNKNOWN_STATE)
    seen = cluster.poll([])
    assert seen.state is ClusterState.UNKNOWN
    assert str(UNKNOWN_STATE) in seen.reason


# -- jobs ---------------------------------------------------------------------------------------------------------


def test_a_submission_is_tried_once_by_the_library_and_found_by_its_token(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    endless.faults.add("SubmitJob", FaultKind.RESPONSE_LOST)
    assert cluster.submit(ShellJob(command="true"), JOB_TOKEN) == JOB_TOKEN
    assert len(endless.ledger.of("SubmitJob")) == 1
    assert cluster.find(JOB_TOKEN) == JOB_TOKEN


@pytest.mark.parametrize("kind", [FaultKind.UNAVAILABLE, FaultKind.THROTTLE, FaultKind.INTERNAL])
def test_a_submission_that_was_not_taken_is_sent_again_with_each_look(
    endless: DataprocEmulator, cluster: DataprocCluster, kind: FaultKind
) -> None:
    endless.faults.add("SubmitJob", kind, times=3)
    job_id = cluster.submit(ShellJob(command="true"), JOB_TOKEN)
    seen = [cluster.poll([job_id]).jobs[job_id].native_state for _ in range(2)]
    assert seen == ["QUEUED_HERE"] * 2
    assert cluster.find(JOB_TOKEN) == job_id
    until_running(cluster, job_id)
    assert len(endless.ledger.of("SubmitJob")) == 4
    assert len(endless.jobs()) == 1


def test_a_submission_whose_job_reads_do_not_show_is_sent_again_and_makes_no_second_job(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    endless.lag(1)
    endless.faults.add("SubmitJob", FaultKind.RESPONSE_LOST)
    job_id = cluster.submit(ShellJob(command="true"), JOB_TOKEN)
    until_running(cluster, job_id)
    assert len(endless.ledger.of("SubmitJob")) == 2
    assert len(endless.jobs()) == 1


def test_a_throttle_holds_up_all_that_waits_with_one_call_a_look(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    endless.faults.add("SubmitJob", FaultKind.THROTTLE, times=5)
    ids = [cluster.submit(ShellJob(command="true"), f"sf-{number:032x}") for number in range(4)]
    cluster.poll(ids)
    assert len(endless.ledger.of("SubmitJob")) == 5
    cluster.poll(ids)
    assert [job.reference.job_id for job in endless.jobs()] == ids


def test_a_job_that_waits_can_be_canceled_and_is_never_sent(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    endless.faults.add("SubmitJob", FaultKind.THROTTLE)
    job_id = cluster.submit(ShellJob(command="true"), JOB_TOKEN)
    cluster.cancel(job_id)
    assert until_ended(cluster, job_id) is JobState.CANCELED
    assert endless.jobs() == []


def test_a_job_that_waits_and_is_refused_later_has_failed_with_the_reason(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    endless.faults.add("SubmitJob", FaultKind.THROTTLE)
    endless.faults.add("SubmitJob", FaultKind.DENIED)
    job_id = cluster.submit(ShellJob(command="true"), JOB_TOKEN)
    status = cluster.poll([job_id]).jobs[job_id]
    assert status.state is JobState.FAILED
    assert "Permission" in status.message
    cluster.forget(job_id)
    assert cluster.poll([job_id]).jobs[job_id].state is JobState.LOST


def test_a_job_that_waits_for_a_cluster_that_is_gone_is_lost(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    endless.faults.add("SubmitJob", FaultKind.THROTTLE)
    job_id = cluster.submit(ShellJob(command="true"), JOB_TOKEN)
    endless.vanish(TOKEN)
    assert cluster.poll([job_id]).jobs[job_id].state is JobState.LOST


def test_a_job_that_is_there_already_is_adopted(
    endless: DataprocEmulator, cluster: DataprocCluster, tmp_path: Path
) -> None:
    job_id = cluster.submit(ShellJob(command="true"), JOB_TOKEN)
    other = make_dataproc(endless, tmp_path)
    assert cluster.cluster_id is not None
    other.attach(cluster.cluster_id)
    assert other.submit(ShellJob(command="another command"), JOB_TOKEN) == job_id
    assert len(endless.jobs()) == 1


def test_a_job_that_reads_do_not_show_yet_is_not_lost_for_some_looks(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    endless.lag(3)
    job_id = cluster.submit(ShellJob(command="true"), JOB_TOKEN)
    assert cluster.poll([job_id]).jobs[job_id].state is JobState.UNKNOWN
    until_running(cluster, job_id)


def test_a_job_that_the_listing_misses_is_asked_for_by_its_id(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    job_id = cluster.submit(ShellJob(command="true"), JOB_TOKEN)
    until_running(cluster, job_id)
    endless.lag(0)
    before = len(endless.ledger.of("GetJob"))
    cluster.poll([job_id])
    assert len(endless.ledger.of("GetJob")) == before
    cluster.poll([job_id, "sf-nowhere"])
    assert len(endless.ledger.of("GetJob", "sf-nowhere")) == 1


def test_two_hundred_jobs_are_looked_at_by_as_few_pages_as_hold_them(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    ids = [cluster.submit(ShellJob(command="true"), f"sf-{number:032x}") for number in range(205)]
    before = len(endless.ledger.calls)
    seen = cluster.poll(ids)
    assert set(seen.jobs) == set(ids)
    assert [call.method for call in endless.ledger.calls[before:]] == ["ListJobs"] * 3 + ["GetCluster"]
    before = len(endless.ledger.calls)
    cluster.poll(ids[-3:])
    assert [call.method for call in endless.ledger.calls[before:]] == ["ListJobs", "GetCluster"]


def test_a_job_that_dataproc_refuses_has_failed_for_good(endless: DataprocEmulator, cluster: DataprocCluster) -> None:
    endless.faults.add("SubmitJob", FaultKind.DENIED)
    with pytest.raises(JobFailed, match="Permission"):
        cluster.submit(ShellJob(command="true"), JOB_TOKEN)


def test_a_job_for_a_cluster_that_is_still_coming_up_waits_for_it(tmp_path: Path) -> None:
    clock = ManualClock()
    with DataprocEmulator(delays=Delays(create=60.0), clock=clock, script=lambda job: Ending()) as emulator:
        cluster = make_dataproc(emulator, tmp_path)
        cluster.launch(TOKEN)
        job_id = cluster.submit(ShellJob(command="true"), JOB_TOKEN)
        assert cluster.poll([job_id]).jobs[job_id].native_state == "QUEUED_HERE"
        clock.advance(60.0)
        cluster.poll([job_id])
        clock.advance(1.0)
        assert cluster.poll([job_id]).jobs[job_id].state is JobState.SUCCEEDED


def test_a_python_call_is_refused_with_what_to_use_instead(cluster: DataprocCluster) -> None:
    with pytest.raises(JobFailed, match="python"):
        cluster.submit(PythonJob(payload=b""), JOB_TOKEN)


def test_a_job_that_does_not_mind_is_killed_in_the_end(tmp_path: Path) -> None:
    ending = Ending(seconds=None, minds_cancel=False)
    with DataprocEmulator(script=lambda job: ending, delays=Delays(kill=0.01)) as emulator:
        cluster = launched(make_dataproc(emulator, tmp_path), TOKEN)
        job_id = cluster.submit(ShellJob(command="true"), JOB_TOKEN)
        until_running(cluster, job_id)
        cluster.cancel(job_id)
        assert until_ended(cluster, job_id) is JobState.CANCELED


def test_losing_spot_workers_fails_the_job_with_the_reason(endless: DataprocEmulator, cluster: DataprocCluster) -> None:
    job_id = cluster.submit(SparkJob(uri_script="gs://bucket/job.py"), JOB_TOKEN)
    until_running(cluster, job_id)
    endless.lose_spot_workers(TOKEN, jobs_fail=True)
    status = cluster.poll([job_id]).jobs[job_id]
    assert (status.state, status.exit_code) == (JobState.FAILED, None)
    assert "preempted workers" in status.message


def test_the_first_line_of_what_dataproc_says_is_the_message_of_a_failed_job(
    endless: DataprocEmulator, cluster: DataprocCluster
) -> None:
    job_id = cluster.submit(SparkJob(uri_script="gs://bucket/job.py"), JOB_TOKEN)
    until_running(cluster, job_id)
    endless.finish(
        job_id, 1, "Job failed with message [ValueError: no flights].\nAdditional details can be found at: …"
    )
    status = cluster.poll([job_id]).jobs[job_id]
    assert status.message == "Job failed with message [ValueError: no flights]."


# -- output -------------------------------------------------------------------------------------------------------


@pytest.fixture
def in_pieces() -> Iterator[DataprocEmulator]:
    """Driver output goes on in another object after ten bytes."""
    with DataprocEmulator(script=lambda job: Ending(seconds=None, output=b"first line\n"), piece_bytes=10) as emulator:
        yield emulator


def test_output_is_read_on_through_its_objects_while_the_job_runs(in_pieces: DataprocEmulator, tmp_path: Path) -> None:
    cluster = launched(make_dataproc(in_pieces, tmp_path), TOKEN)
    job_id = cluster.submit(ShellJob(command="true"), JOB_TOKEN)
    until_running(cluster, job_id)
    position, pieces = 0, []
    while (chunk := cluster.fetch_log(job_id, position)).data:
        pieces.append(chunk.data)
        position = chunk.next_position
    assert pieces == [b"first line", b"\n"]
    in_pieces.finish(job_id, output=b"second line\n")
    while (chunk := cluster.fetch_log(job_id, position)).data:
        pieces.append(chunk.data)
        position = chunk.next_position
    assert b"".join(pieces) == b"first line\nsecond line\n"


def test_output_of_a_job_that_has_none_or_is_unknown_is_empty(cluster: DataprocCluster) -> None:
    job_id = cluster.submit(ShellJob(command="true"), JOB_TOKEN)
    assert cluster.fetch_log(job_id).data == b""
    assert cluster.fetch_log("sf-nowhere").data == b""


def test_output_that_cannot_be_read_is_an_error_that_says_so(endless: DataprocEmulator, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:1"
    cluster = launched(make_dataproc(endless, tmp_path, storage_endpoint=nowhere), TOKEN)
    cluster._output.patience = 0.0
    job_id = cluster.submit(ShellJob(command="true"), JOB_TOKEN)
    with pytest.raises(ClusterError, match="driver output can't be read"):
        cluster.fetch_log(job_id)


# -- what must be there before -------------------------------------------------------------------------------------


def test_a_missing_library_says_which_extra_brings_it(
    endless: DataprocEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synergyflow.clusters.dataproc_client.find_spec", lambda name: None)
    cluster = make_dataproc(endless, tmp_path)
    with pytest.raises(ConfigurationError) as raised:
        cluster.check()
    assert raised.value.hint == 'pip install "synergyflow[gcp]"'
    with pytest.raises(ClusterLaunchError):
        cluster.launch(TOKEN)


def test_missing_credentials_are_told_before_anything_is_launched(
    endless: DataprocEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nowhere.json"))
    given = {name: value for name, value in options(endless).items() if name != "endpoint"}
    profile = Profile(name="dataproc", type="dataproc", options=given)
    cluster = DataprocCluster("dataproc-1", profile, filesystem=LocalFilesystem(tmp_path))
    with pytest.raises(ConfigurationError, match=r"nowhere\.json") as raised:
        cluster.check()
    assert raised.value.hint is not None
    assert "gcloud auth" in raised.value.hint


def test_for_an_emulator_no_credentials_are_needed(endless: DataprocEmulator, tmp_path: Path) -> None:
    make_dataproc(endless, tmp_path).check()
    assert endless.ledger.calls == ()

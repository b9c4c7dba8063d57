"""The emulator of Dataproc: it must be as strict and as slow as the real one, or passing on it means nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.dataproc_v1")

import grpc
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import dataproc_v1 as dataproc
from google.cloud import storage

from synergyflow.testing import ManualClock
from synergyflow.testing.emulators.dataproc import DataprocEmulator, Delays, Ending, FaultKind

PLACE = {"project_id": "emulated", "region": "us-central1"}
HOUR = 3600.0


class Clients:
    """Google's own clients of an emulator."""

    def __init__(self, emulator: DataprocEmulator) -> None:
        self.channel = grpc.insecure_channel(emulator.endpoint)
        self.clusters = self._client(dataproc.ClusterControllerClient)
        self.jobs = self._client(dataproc.JobControllerClient)

    def _client(self, kind: Any) -> Any:
        return kind(transport=kind.get_transport_class("grpc")(channel=self.channel))

    def create(self, name: str = "one", **more: Any) -> Any:
        cluster = {"cluster_name": name, **more.pop("cluster", {})}
        return self.clusters.create_cluster(request={**PLACE, "cluster": cluster, **more}, retry=None)

    def cluster(self, name: str = "one") -> str:
        found = self.clusters.get_cluster(request={**PLACE, "cluster_name": name}, retry=None)
        return str(found.status.state.name)

    def delete(self, name: str = "one", **more: Any) -> Any:
        return self.clusters.delete_cluster(request={**PLACE, "cluster_name": name, **more}, retry=None)

    def submit(self, job_id: str = "j", cluster: str = "one", labels: Any = None, **more: Any) -> Any:
        job = {
            "reference": {"job_id": job_id},
            "placement": {"cluster_name": cluster},
            "pig_job": {"query_list": {"queries": ["sh true"]}},
            "labels": labels or {},
        }
        return self.jobs.submit_job(request={**PLACE, "job": job, **more}, retry=None)

    def job(self, job_id: str = "j") -> str:
        return str(self.jobs.get_job(request={**PLACE, "job_id": job_id}, retry=None).status.state.name)

    def cancel(self, job_id: str = "j") -> None:
        self.jobs.cancel_job(request={**PLACE, "job_id": job_id}, retry=None)

    def listed(self, **more: Any) -> list[str]:
        return [job.reference.job_id for job in self.jobs.list_jobs(request={**PLACE, **more}, retry=None)]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


DELAYS = Delays(create=120.0, delete=60.0, stop=30.0, start=30.0, update=30.0, queue=2.0, setup=3.0, cancel=4.0)


@pytest.fixture
def emulator(clock: ManualClock) -> Iterator[DataprocEmulator]:
    """Everything takes its time, which the test moves; jobs run for ten seconds."""
    with DataprocEmulator(clock=clock, delays=DELAYS, script=lambda job: Ending(seconds=10.0, output=b"out")) as made:
        yield made


@pytest.fixture
def clients(emulator: DataprocEmulator) -> Iterator[Clients]:
    clients = Clients(emulator)
    yield clients
    clients.channel.close()


@pytest.fixture
def running(clients: Clients, clock: ManualClock) -> Clients:
    """With a cluster `one` that runs."""
    clients.create()
    clock.advance(120.0)
    return clients


# -- clusters -----------------------------------------------------------------------------------------------------


def test_a_cluster_is_created_and_deleted_in_its_own_time(clients: Clients, clock: ManualClock) -> None:
    operation = clients.create()
    assert (clients.cluster(), operation.done()) == ("CREATING", False)
    clock.advance(119.0)
    assert clients.cluster() == "CREATING"
    clock.advance(1.0)
    assert clients.cluster() == "RUNNING"
    assert operation.result(timeout=30).cluster_name == "one"
    deletion = clients.delete()
    assert clients.cluster() == "DELETING"
    clock.advance(60.0)
    with pytest.raises(exceptions.NotFound):
        clients.cluster()
    assert deletion.done()


def test_a_repeated_request_id_gives_the_first_operation_and_cluster(clients: Clients) -> None:
    first = clients.create(request_id="r-1")
    assert clients.create(request_id="r-1").operation.name == first.operation.name
    with pytest.raises(exceptions.AlreadyExists):
        clients.create(request_id="r-2")


def test_the_operation_says_the_uuid_of_the_cluster_from_the_start(
    clients: Clients, emulator: DataprocEmulator
) -> None:
    assert clients.create().metadata.cluster_uuid == emulator.clusters()[0].cluster_uuid


def test_a_deletion_guarded_by_another_uuid_finds_nothing(running: Clients) -> None:
    with pytest.raises(exceptions.NotFound):
        running.delete(cluster_uuid="another")
    assert running.cluster() == "RUNNING"


def test_an_idle_cluster_is_deleted_at_its_limit_and_not_while_it_works(
    clients: Clients, clock: ManualClock, emulator: DataprocEmulator
) -> None:
    clients.create(cluster={"config": {"lifecycle_config": {"idle_delete_ttl": {"seconds": 600}}}})
    clock.advance(120.0)
    clock.advance(500.0)
    clients.submit()
    clock.advance(599.0)
    assert clients.cluster() == "RUNNING"
    clock.advance(120.0)
    assert emulator.clusters() == []


def test_a_cluster_is_deleted_at_its_age_whatever_runs_on_it(
    clients: Clients, clock: ManualClock, emulator: DataprocEmulator
) -> None:
    clients.create(cluster={"config": {"lifecycle_config": {"auto_delete_ttl": {"seconds": 1800}}}})
    clock.advance(120.0)
    clock.advance(1799.0)
    assert clients.cluster() == "RUNNING"
    clock.advance(1.0)
    assert clients.cluster() == "DELETING"


def test_a_cluster_stops_starts_and_is_updated_by_way_of_its_states(running: Clients, clock: ManualClock) -> None:
    request = {**PLACE, "cluster_name": "one"}
    for change, by, to in (
        (running.clusters.stop_cluster, "STOPPING", "STOPPED"),
        (running.clusters.start_cluster, "STARTING", "RUNNING"),
    ):
        change(request=request, retry=None)
        assert running.cluster() == by
        clock.advance(30.0)
        assert running.cluster() == to
    more = {"cluster": {"config": {"worker_config": {"num_instances": 5}}}}
    mask = {"update_mask": {"paths": ["config.worker_config.num_instances"]}}
    running.clusters.update_cluster(request={**request, **more, **mask}, retry=None)
    assert running.cluster() == "UPDATING"
    running.submit()
    clock.advance(30.0)
    assert running.cluster() == "RUNNING"


def test_a_cluster_that_fails_to_come_up_stays_in_error_and_its_operation_fails(
    clients: Clients, clock: ManualClock, emulator: DataprocEmulator
) -> None:
    emulator.faults.add("CreateCluster", FaultKind.ENDS_IN_ERROR)
    operation = clients.create()
    clock.advance(10 * HOUR)
    assert clients.cluster() == "ERROR"
    assert isinstance(operation.exception(timeout=30), exceptions.GoogleAPICallError)


@pytest.mark.parametrize(
    "cluster",
    [
        {"cluster_name": "Upper"},
        {"cluster_name": "x" * 60},
        {"cluster_name": "ends-"},
        {"labels": {"Upper": "a"}},
        {"config": {"worker_config": {"num_instances": 1}}},
        {"config": {"lifecycle_config": {"idle_delete_ttl": {"seconds": 60}}}},
        {"config": {"lifecycle_config": {"auto_delete_ttl": {"seconds": 60}}}},
    ],
)
def test_a_cluster_that_dataproc_would_refuse_is_refused(clients: Clients, cluster: dict[str, Any]) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        clients.create(cluster=cluster)


def test_clusters_are_listed_by_filter_and_page(clients: Clients) -> None:
    for name in ("a", "b", "c"):
        clients.create(name, cluster={"labels": {"kind": "odd" if name != "b" else "even"}})
    pages = clients.clusters.list_clusters(request={**PLACE, "filter": "labels.kind = odd", "page_size": 1})
    assert [[found.cluster_name for found in page.clusters] for page in pages.pages] == [["a"], ["c"]]


# -- jobs ---------------------------------------------------------------------------------------------------------


def test_a_job_goes_through_its_states_in_its_own_time(running: Clients, clock: ManualClock) -> None:
    running.submit()
    seen = [running.job()]
    for seconds in (2.0, 3.0, 10.0):
        clock.advance(seconds)
        seen.append(running.job())
    assert seen == ["PENDING", "SETUP_DONE", "RUNNING", "DONE"]
    job = running.jobs.get_job(request={**PLACE, "job_id": "j"})
    assert [status.state.name for status in job.status_history] == ["PENDING", "SETUP_DONE", "RUNNING"]
    assert job.done


def test_a_running_job_is_canceled_by_way_of_its_states_and_one_that_waits_at_once(
    running: Clients, clock: ManualClock
) -> None:
    running.submit("waits")
    running.cancel("waits")
    assert running.job("waits") == "CANCELLED"
    running.submit("runs")
    clock.advance(5.0)
    running.cancel("runs")
    assert running.job("runs") == "CANCEL_PENDING"
    clock.advance(4.0)
    clock.advance(0.0)
    assert running.job("runs") == "CANCELLED"
    with pytest.raises(exceptions.FailedPrecondition):
        running.cancel("runs")


def test_a_job_id_stays_taken_until_the_job_is_deleted(running: Clients, clock: ManualClock) -> None:
    running.submit()
    clock.advance(60.0)
    with pytest.raises(exceptions.AlreadyExists):
        running.submit()
    running.jobs.delete_job(request={**PLACE, "job_id": "j"})
    running.submit()


def test_a_repeated_request_id_gives_the_first_job_even_when_it_has_ended(
    running: Clients, clock: ManualClock, emulator: DataprocEmulator
) -> None:
    running.submit(request_id="r-1")
    clock.advance(60.0)
    assert running.submit("another", request_id="r-1").status.state.name == "DONE"
    assert len(emulator.jobs()) == 1


def test_a_job_for_a_cluster_that_is_not_there_or_not_ready_is_refused(clients: Clients) -> None:
    with pytest.raises(exceptions.NotFound):
        clients.submit()
    clients.create()
    with pytest.raises(exceptions.FailedPrecondition, match="CREATING"):
        clients.submit()


def test_jobs_are_listed_newest_first_by_cluster_state_label_and_page(running: Clients, clock: ManualClock) -> None:
    running.submit("old", labels={"kind": "first"})
    clock.advance(60.0)
    for number in range(5):
        running.submit(f"j{number}")
    assert running.listed() == ["j4", "j3", "j2", "j1", "j0", "old"]
    assert running.listed(page_size=2) == running.listed()
    assert running.listed(filter="status.state = NON_ACTIVE AND clusterName = one") == ["old"]
    assert running.listed(filter="labels.kind = first") == ["old"]
    assert running.listed(job_state_matcher="NON_ACTIVE") == ["old"]
    assert running.listed(cluster_name="another") == []
    with pytest.raises(exceptions.InvalidArgument):
        running.listed(filter="what is this")


def test_what_ran_on_a_deleted_cluster_is_stale_and_later_in_error(running: Clients, clock: ManualClock) -> None:
    running.submit()
    clock.advance(6.0)
    running.delete()
    job = running.jobs.get_job(request={**PLACE, "job_id": "j"})
    assert (job.status.state.name, job.status.substate.name) == ("RUNNING", "STALE_STATUS")
    clock.advance(61.0)
    assert running.job() == "ERROR"


# -- faults and the ledger ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "error", "took_effect"),
    [
        (FaultKind.THROTTLE, exceptions.ResourceExhausted, False),
        (FaultKind.UNAVAILABLE, exceptions.ServiceUnavailable, False),
        (FaultKind.INTERNAL, exceptions.InternalServerError, False),
        (FaultKind.DENIED, exceptions.PermissionDenied, False),
        (FaultKind.QUOTA, exceptions.InvalidArgument, False),
        (FaultKind.RESPONSE_LOST, exceptions.ServiceUnavailable, True),
    ],
)
def test_a_fault_hits_the_next_call_and_the_ledger_says_what_came_of_it(
    running: Clients, emulator: DataprocEmulator, kind: FaultKind, error: type[Exception], took_effect: bool
) -> None:
    emulator.faults.add("SubmitJob", kind)
    with pytest.raises(error):
        running.submit()
    (call,) = emulator.ledger.of("SubmitJob", "j")
    assert call.took_effect is took_effect
    assert [job.reference.job_id for job in emulator.jobs()] == (["j"] if took_effect else [])
    running.submit("another")
    assert emulator.ledger.effects("SubmitJob")[-1] == "another"


def test_a_slow_call_is_answered_when_the_clock_says_so(
    running: Clients, emulator: DataprocEmulator, clock: ManualClock
) -> None:
    emulator.faults.add("GetCluster", FaultKind.SLOW, seconds=5.0)
    with pytest.raises(exceptions.DeadlineExceeded):
        running.clusters.get_cluster(request={**PLACE, "cluster_name": "one"}, retry=None, timeout=0.05)
    clock.advance(5.0)
    assert running.cluster() == "RUNNING"


def test_reads_that_lag_show_how_things_were(running: Clients, emulator: DataprocEmulator) -> None:
    emulator.lag(2)
    running.submit()
    assert running.listed() == []
    with pytest.raises(exceptions.NotFound):
        running.job()
    assert running.listed() == ["j"]


def test_spot_workers_that_are_lost_are_gone_and_their_jobs_with_them_if_asked(
    clients: Clients, emulator: DataprocEmulator, clock: ManualClock
) -> None:
    clients.create(
        cluster={"config": {"worker_config": {"num_instances": 2}, "secondary_worker_config": {"num_instances": 2}}}
    )
    clock.advance(120.0)
    clients.submit()
    clock.advance(6.0)
    emulator.lose_spot_workers("one")
    assert list(emulator.clusters()[0].config.secondary_worker_config.instance_names) == []
    assert (clients.cluster(), clients.job()) == ("RUNNING", "RUNNING")
    emulator.lose_spot_workers("one", jobs_fail=True)
    assert clients.job() == "ERROR"


def test_clusters_beyond_the_quota_are_refused(running: Clients, emulator: DataprocEmulator) -> None:
    emulator.allow_clusters(1)
    with pytest.raises(exceptions.InvalidArgument, match="quota"):
        running.create("two")


# -- storage ------------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(emulator: DataprocEmulator) -> Any:
    where = ClientOptions(api_endpoint=emulator.storage_url)
    client = storage.Client(project="emulated", credentials=AnonymousCredentials(), client_options=where)
    return client.bucket("flights")


@pytest.mark.parametrize("size", [0, 10, 9 << 20])
def test_an_object_comes_back_as_it_went_whatever_its_size(bucket: Any, size: int, tmp_path: Path) -> None:
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    bucket.blob("a/b c/ä.bin", chunk_size=1 << 20).upload_from_string(content)
    assert bucket.blob("a/b c/ä.bin").download_as_bytes() == content


def test_objects_are_listed_by_prefix_folder_and_page(bucket: Any) -> None:
    for name in ("a/1", "a/2", "a/b/3", "ab", "c"):
        bucket.blob(name).upload_from_string(name)
    assert [blob.name for blob in bucket.list_blobs(prefix="a/", page_size=2)] == ["a/1", "a/2", "a/b/3"]
    folders = bucket.list_blobs(prefix="a/", delimiter="/")
    assert ([blob.name for blob in folders], folders.prefixes) == (["a/1", "a/2"], {"a/b/"})


def test_objects_are_files_of_a_folder_for_programs_on_this_machine(bucket: Any, emulator: DataprocEmulator) -> None:
    bucket.blob("in/data.csv").upload_from_string("1\n")
    path = Path(emulator.objects.localized("gs://flights/in/data.csv"))
    assert path.read_text() == "1\n"
    (path.parent.parent / "out").mkdir()
    (path.parent.parent / "out" / "part-0").write_text("2\n")
    assert [blob.name for blob in bucket.list_blobs()] == ["in/data.csv", "out/part-0"]


def test_a_name_that_would_leave_the_bucket_is_refused(bucket: Any) -> None:
    with pytest.raises(exceptions.BadRequest):
        bucket.blob("../other/x").upload_from_string("x")


def test_a_copy_a_removal_and_a_missing_object_are_as_in_the_cloud(bucket: Any) -> None:
    bucket.blob("a").upload_from_string("content")
    bucket.copy_blob(bucket.blob("a"), bucket, "b")
    bucket.blob("a").delete()
    assert not bucket.blob("a").exists()
    assert bucket.blob("b").download_as_bytes(start=2, end=4) == b"nte"
    with pytest.raises(exceptions.NotFound):
        bucket.blob("a").delete()
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("b").upload_from_string("x", if_generation_match=0)


# -- as a program -------------------------------------------------------------------------------------------------


@pytest.fixture
def program() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "synergyflow.testing.emulators.dataproc", *arguments]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_it_runs_by_hand_says_how_to_use_it_and_ends_when_asked(
    program: Callable[..., subprocess.Popen[str]],
) -> None:
    process = program()
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first.startswith("Dataproc on 127.0.0.1:")
    address = first.split()[2].rstrip(",")
    with grpc.insecure_channel(address) as channel:
        client = dataproc.JobControllerClient(
            transport=dataproc.JobControllerClient.get_transport_class("grpc")(channel=channel)
        )
        assert list(client.list_jobs(request=PLACE)) == []
    process.terminate()
    assert f'endpoint = "{address}"' in process.stdout.read()
    assert process.wait(60) == 0

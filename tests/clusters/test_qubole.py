"""The Qubole cluster against the emulator, over a socket: the exam first, then what only Qubole has."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synergyflow.clusters.base import Cluster, ClusterState
from synergyflow.clusters.qubole import QuboleCluster
from synergyflow.core.jobs import JobState, JobStatus, ShellJob
from synergyflow.errors import ClusterError, ClusterLaunchError, ClusterLost, JobFailed
from synergyflow.testing import ManualClock
from synergyflow.testing.conformance.clusters import ClusterExam
from synergyflow.testing.emulators.qubole import Delays, Ending, FaultKind, QuboleEmulator

from .local_clusters import wait_until
from .qubole_clusters import LABEL, TOKEN, TOKEN_VARIABLE, make_qubole

LAUNCH = "sf-launch"
JOB = "sf-00000000000000000000000000000001"
ENDLESS = Ending(seconds=None)


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)


class TestQuboleCluster(ClusterExam):
    """Commands really run here."""

    @pytest.fixture(autouse=True)
    def _emulator(self, tmp_path: Path) -> Iterator[None]:
        with QuboleEmulator(LABEL, folder=tmp_path / "qubole", aside_bytes=5) as self.emulator:
            yield

    def make_cluster(self, folder: Path) -> Cluster:
        return make_qubole(self.emulator, folder)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def emulator(clock: ManualClock) -> Iterator[QuboleEmulator]:
    """Scripted; commands run until they are told to end."""
    delays = Delays(start=120, stop=60)
    with QuboleEmulator(
        LABEL, "spare", script=lambda _: ENDLESS, clock=clock, delays=delays, aside_bytes=8
    ) as emulator:
        yield emulator


@pytest.fixture
def paused() -> list[float]:
    return []


@pytest.fixture
def cluster(emulator: QuboleEmulator, tmp_path: Path, paused: list[float]) -> QuboleCluster:
    return make_qubole(emulator, tmp_path, paused=paused)


@pytest.fixture
def ready(cluster: QuboleCluster, clock: ManualClock) -> QuboleCluster:
    """Launched, and up."""
    cluster.launch(LAUNCH)
    clock.advance(120)
    assert cluster.poll([]).state is ClusterState.READY
    return cluster


def submit(cluster: QuboleCluster, token: str = JOB) -> str:
    return cluster.submit(ShellJob(command="true"), token)


def look(cluster: QuboleCluster, job_id: str) -> JobStatus:
    return cluster.poll([job_id]).jobs[job_id]


def read(cluster: QuboleCluster, job_id: str) -> Callable[[], bytes]:
    """A reader that goes on where it was."""
    position = 0

    def more() -> bytes:
        nonlocal position
        data = b""
        while chunk := cluster.fetch_log(job_id, position, 3).data:
            position += len(chunk)
            data += chunk
        return data

    return more


# -- life of the cluster ------------------------------------------------------------------------------------------


def test_a_cluster_that_is_down_is_started_and_stopped(
    cluster: QuboleCluster, emulator: QuboleEmulator, clock: ManualClock
) -> None:
    assert cluster.launch(LAUNCH) == f"10001@{LAUNCH}"
    assert cluster.poll([]).state is ClusterState.STARTING
    clock.advance(120)
    assert cluster.poll([]).state is ClusterState.READY
    cluster.terminate()
    assert cluster.poll([]).state is ClusterState.TERMINATING
    clock.advance(60)
    assert cluster.poll([]).state is ClusterState.GONE
    assert emulator.live_clusters() == []


def test_a_cluster_that_is_up_is_used_and_left_up(
    cluster: QuboleCluster, emulator: QuboleEmulator, clock: ManualClock
) -> None:
    emulator.start_outside(LABEL)
    clock.advance(120)
    assert cluster.launch(LAUNCH) == "10001"
    assert cluster.poll([]).state is ClusterState.READY
    job_id = submit(cluster)
    cluster.terminate()
    assert emulator.cluster(LABEL).state == "UP"
    assert cluster.poll([job_id]).state is ClusterState.GONE
    assert look(cluster, job_id).state is JobState.CANCELED
    with pytest.raises(ClusterLost):
        submit(cluster, "sf-2")


def test_a_cluster_on_which_others_work_is_not_stopped(ready: QuboleCluster, emulator: QuboleEmulator) -> None:
    submit(ready)
    other = emulator.submit(label=LABEL, name="report of somebody")
    with pytest.raises(ClusterError, match="1 commands of others"):
        ready.terminate()
    assert emulator.cluster(LABEL).state == "UP"
    emulator.finish(other, Ending())
    ready.terminate()
    assert emulator.cluster(LABEL).state == "TERMINATING"


def test_an_engine_that_attaches_knows_what_it_may_stop(
    ready: QuboleCluster, emulator: QuboleEmulator, tmp_path: Path
) -> None:
    submit(ready)
    other = make_qubole(emulator, tmp_path)
    assert ready.cluster_id is not None
    other.attach(ready.cluster_id)
    other.terminate()
    assert emulator.cluster(LABEL).state == "TERMINATING"


def test_a_cluster_that_is_still_going_down_is_started_when_it_is_down(
    cluster: QuboleCluster, emulator: QuboleEmulator, clock: ManualClock
) -> None:
    emulator.start_outside(LABEL)
    clock.advance(120)
    emulator.stop_outside(LABEL)
    assert cluster.launch(LAUNCH) == f"10001@{LAUNCH}"
    assert cluster.poll([]).state is ClusterState.STARTING
    clock.advance(60)
    assert cluster.poll([]).state is ClusterState.STARTING
    clock.advance(120)
    assert cluster.poll([]).state is ClusterState.READY


@pytest.mark.parametrize("fault", [FaultKind.LOST_REQUEST, FaultKind.LOST_RESPONSE, FaultKind.THROTTLE, "unavailable"])
def test_a_start_without_an_answer_comes_about_and_is_one_start(
    cluster: QuboleCluster, emulator: QuboleEmulator, clock: ManualClock, fault: FaultKind
) -> None:
    emulator.faults.add("change_cluster", fault)
    cluster.launch(LAUNCH)
    cluster.poll([])
    clock.advance(120)
    assert cluster.poll([]).state is ClusterState.READY
    assert len(emulator.live_clusters()) == 1


def test_an_old_answer_after_the_start_is_not_taken_for_an_end(
    cluster: QuboleCluster, emulator: QuboleEmulator, clock: ManualClock
) -> None:
    emulator.faults.add("jobs", FaultKind.STALE)  # which nobody asks for: old answers are of this moment
    cluster.launch(LAUNCH)
    clock.advance(120)
    assert cluster.poll([]).state is ClusterState.READY
    emulator.faults.add("cluster_state", FaultKind.STALE)
    old = cluster.poll([])
    assert (old.state, old.reason) == (ClusterState.STARTING, "it is DOWN")
    assert cluster.poll([]).state is ClusterState.READY


def test_a_start_that_qubole_refuses_is_a_launch_that_failed(cluster: QuboleCluster, emulator: QuboleEmulator) -> None:
    emulator.faults.add("change_cluster", FaultKind.QUOTA)
    with pytest.raises(ClusterLaunchError, match="Quota of the account exceeded"):
        cluster.launch(LAUNCH)


def test_a_cluster_that_does_not_come_up_says_why(
    cluster: QuboleCluster, emulator: QuboleEmulator, clock: ManualClock
) -> None:
    emulator.next_start_fails("Insufficient capacity")
    cluster.launch(LAUNCH)
    clock.advance(120)
    seen = cluster.poll([])
    assert (seen.state, seen.reason) == (ClusterState.TERMINATING, "it is TERMINATING: Insufficient capacity")
    clock.advance(60)
    assert cluster.poll([]).state is ClusterState.GONE


def test_an_unknown_label_is_refused_with_the_nearest(emulator: QuboleEmulator, tmp_path: Path) -> None:
    with pytest.raises(ClusterLaunchError, match="'etll'") as raised:
        make_qubole(emulator, tmp_path, label="etll").launch(LAUNCH)
    assert "etl" in (raised.value.hint or "")


def test_a_wrong_token_is_said_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "wrong-token-of-a-test")
    with QuboleEmulator(LABEL, tokens={TOKEN: "me"}) as emulator, pytest.raises(ClusterLaunchError) as raised:
        make_qubole(emulator, tmp_path).launch(LAUNCH)
    assert "401" in str(raised.value)
    assert "token" in (raised.value.hint or "")
    assert "wrong-token" not in f"{raised.value!r} {raised.value.hint}"


def test_a_cluster_stopped_or_deleted_from_outside_is_gone(
    ready: QuboleCluster, emulator: QuboleEmulator, clock: ManualClock
) -> None:
    job_id = submit(ready)
    emulator.stop_outside(LABEL, "Terminated by somebody")
    clock.advance(60)
    seen = ready.poll([job_id])
    assert (seen.state, seen.reason) == (ClusterState.GONE, "it is DOWN: Terminated by somebody")
    assert seen.jobs[job_id].state is JobState.FAILED
    emulator.vanish(LABEL)
    assert ready.poll([]).reason == "it was deleted from outside"
    ready.terminate()


def test_a_cluster_that_idled_away_comes_back_for_a_command(
    ready: QuboleCluster, emulator: QuboleEmulator, clock: ManualClock
) -> None:
    emulator.stop_outside(LABEL, "Idle")
    clock.advance(60)
    job_id = submit(ready)
    clock.advance(120)
    seen = ready.poll([job_id])
    assert (seen.state, seen.jobs[job_id].state) == (ClusterState.READY, JobState.RUNNING)


def test_a_state_that_nobody_knows_is_watched_on(ready: QuboleCluster, emulator: QuboleEmulator) -> None:
    job_id = submit(ready)
    emulator.show(emulator.commands()[0], "quarantined")
    emulator.show(emulator.cluster(LABEL), "HIBERNATING")
    seen = ready.poll([job_id])
    assert (seen.state, seen.jobs[job_id].state) == (ClusterState.UNKNOWN, JobState.UNKNOWN)
    assert "quarantined" in seen.jobs[job_id].message


def test_spot_nodes_that_are_lost_fail_what_ran_on_them(ready: QuboleCluster, emulator: QuboleEmulator) -> None:
    job_id = submit(ready)
    emulator.lose_spot(LABEL)
    status = look(ready, job_id)
    assert (status.state, status.message) == (JobState.FAILED, "spot nodes were reclaimed")


# -- jobs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [FaultKind.THROTTLE, FaultKind.UNAVAILABLE])
def test_a_submission_told_to_come_again_does_so(
    ready: QuboleCluster, emulator: QuboleEmulator, paused: list[float], fault: FaultKind
) -> None:
    emulator.faults.add("create_command", fault, 3)
    submit(ready)
    assert len(emulator.commands(JOB)) == 1
    assert len(paused) == 3


def test_a_submission_that_was_taken_although_it_was_told_to_come_again_is_one_command(
    ready: QuboleCluster, emulator: QuboleEmulator
) -> None:
    emulator.faults.add("create_command", FaultKind.UNAVAILABLE_AFTER_EFFECT)
    job_id = submit(ready)
    assert [str(command.id) for command in emulator.commands(JOB)] == [job_id]
    assert emulator.ledger.counts()["create_command"] == 1


@pytest.mark.parametrize(
    ("fault", "made"),
    [(FaultKind.LOST_RESPONSE, 1), (FaultKind.LOST_REQUEST, 0), (FaultKind.SERVER_ERROR, 0)],
)
def test_a_submission_without_an_answer_is_made_once_and_can_be_looked_up(
    ready: QuboleCluster, emulator: QuboleEmulator, fault: FaultKind, made: int
) -> None:
    emulator.faults.add("create_command", fault)
    with pytest.raises(ClusterError) as raised:
        submit(ready)
    assert not isinstance(raised.value, JobFailed)
    assert emulator.ledger.counts()["create_command"] == 1
    assert (ready.find(JOB) is not None) == bool(made)


def test_a_submission_that_qubole_refuses_is_a_job_that_failed(ready: QuboleCluster, emulator: QuboleEmulator) -> None:
    emulator.faults.add("create_command", FaultKind.QUOTA)
    with pytest.raises(JobFailed, match="Quota"):
        submit(ready)


def test_of_two_commands_of_one_name_the_first_is_found(ready: QuboleCluster, emulator: QuboleEmulator) -> None:
    first, second = submit(ready), submit(ready)
    assert first != second
    assert ready.find(JOB) == first


def test_a_command_is_found_behind_many_others(ready: QuboleCluster, emulator: QuboleEmulator) -> None:
    job_id = submit(ready)
    for number in range(250):
        emulator.submit(TOKEN, label=LABEL, name=f"other {number}")
    assert ready.find(JOB) == job_id
    assert look(ready, job_id).state is JobState.RUNNING


def test_a_look_at_many_jobs_is_one_listing_for_each_hundred(ready: QuboleCluster, emulator: QuboleEmulator) -> None:
    job_ids = [submit(ready, f"sf-{number}") for number in range(230)]
    emulator.ledger.clear()
    assert {status.state for status in ready.poll(job_ids).jobs.values()} == {JobState.RUNNING}
    assert emulator.ledger.counts() == {"list_commands": 3, "cluster_state": 1}


def test_a_job_that_an_old_listing_does_not_show_is_not_lost(ready: QuboleCluster, emulator: QuboleEmulator) -> None:
    emulator.faults.add("list_commands", FaultKind.STALE)
    job_ids = [submit(ready, f"sf-{number}") for number in range(2)]
    assert {status.state for status in ready.poll(job_ids).jobs.values()} == {JobState.RUNNING}


@pytest.mark.parametrize("fault", [FaultKind.THROTTLE, FaultKind.SERVER_ERROR, FaultKind.LOST_REQUEST])
def test_a_look_that_fails_says_so_at_once(
    ready: QuboleCluster, emulator: QuboleEmulator, paused: list[float], fault: FaultKind
) -> None:
    job_id = submit(ready)
    emulator.faults.add("*", fault)
    with pytest.raises(ClusterError):
        ready.poll([job_id])
    assert paused == []
    assert look(ready, job_id).state is JobState.RUNNING


def test_a_kill_that_is_throttled_is_asked_for_again(
    ready: QuboleCluster, emulator: QuboleEmulator, paused: list[float]
) -> None:
    job_id = submit(ready)
    emulator.faults.add("kill_command", FaultKind.THROTTLE, 2)
    ready.cancel(job_id)
    assert look(ready, job_id).state is JobState.CANCELED
    assert paused == [0.0, 0.0]


def test_a_failed_job_has_its_exit_code_or_the_last_line_of_its_log(
    ready: QuboleCluster, emulator: QuboleEmulator
) -> None:
    shell, spark = submit(ready, "sf-1"), submit(ready, "sf-2")
    first, second = emulator.commands()
    emulator.finish(first, Ending(exit_code=37, log=b"noise\nsynergyflow: exit code 37\n"))
    emulator.finish(second, Ending(exit_code=1, log=b"at line 3\nCaused by: no such table\n\n"))
    seen = ready.poll([shell, spark]).jobs
    assert (seen[shell].exit_code, seen[shell].message) == (37, "exit code 37")
    assert (seen[spark].exit_code, seen[spark].message) == (None, "Caused by: no such table")


def test_a_failure_is_told_when_its_log_can_be_had(ready: QuboleCluster, emulator: QuboleEmulator) -> None:
    job_id = submit(ready)
    emulator.finish(emulator.commands()[0], Ending(exit_code=3, log=b"synergyflow: exit code 3\n"))
    emulator.faults.add("logs", FaultKind.SERVER_ERROR, 4)
    assert look(ready, job_id).state is JobState.RUNNING
    assert look(ready, job_id).exit_code == 3


# -- output -------------------------------------------------------------------------------------------------------


def test_a_log_is_read_while_it_grows_and_the_results_follow(ready: QuboleCluster, emulator: QuboleEmulator) -> None:
    job_id = submit(ready)
    command, more = emulator.commands()[0], read(ready, job_id)
    look(ready, job_id)
    told = b""
    for piece in (b"one ", b"two three ", b"", b"four five six ", b"seven"):
        emulator.write(command, piece)
        assert more() == piece
        told += piece
    emulator.finish(command, Ending(log=told + b" eight\n", results=b"1\t2\n3\t4\n"))
    assert look(ready, job_id).state is JobState.SUCCEEDED
    assert more() == b" eight\n1\t2\n3\t4\n"
    assert more() == b""
    assert read(ready, job_id)() == told + b" eight\n1\t2\n3\t4\n"


def test_the_log_of_a_running_command_is_asked_for_no_more_often_than_the_profile_says(
    emulator: QuboleEmulator, tmp_path: Path, clock: ManualClock
) -> None:
    cluster = make_qubole(emulator, tmp_path, clock=clock.monotonic, log_interval=30.0)
    cluster.launch(LAUNCH)
    clock.advance(120)
    job_id = submit(cluster)
    more = read(cluster, job_id)
    for _ in range(60):
        more()
        clock.advance(1)
    assert emulator.ledger.counts()["logs"] == 2


def test_results_too_large_to_show_are_named(
    ready: QuboleCluster, emulator: QuboleEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit(ready)
    emulator.finish(emulator.commands()[0], Ending(results=b"x" * (21 << 20)))
    look(ready, job_id)
    assert ready.fetch_log(job_id).data.startswith(b"[the results are too large to be shown; they are at s3://")


def test_long_results_are_cut(ready: QuboleCluster, emulator: QuboleEmulator) -> None:
    job_id = submit(ready)
    emulator.finish(emulator.commands()[0], Ending(results=b"x" * (3 << 20)))
    look(ready, job_id)
    data = ready.fetch_log(job_id, 0, 1 << 22).data
    assert data.endswith(b"\n[2097152 further bytes of results are not shown]\n")


def test_an_answer_is_waited_for_no_longer_than_the_profile_says(emulator: QuboleEmulator, tmp_path: Path) -> None:
    cluster = make_qubole(emulator, tmp_path, request_timeout=0.05)
    emulator.faults.add("cluster_state", FaultKind.SLOW, 4)
    with pytest.raises(ClusterError, match="timed out") as raised:
        cluster.launch(LAUNCH)
    assert not isinstance(raised.value, ClusterLaunchError)


def test_a_killed_command_that_ignores_it_is_ended_by_force(tmp_path: Path) -> None:
    clock = ManualClock()
    with QuboleEmulator(LABEL, folder=tmp_path / "qubole", clock=clock) as emulator:
        cluster = make_qubole(emulator, tmp_path)
        cluster.launch(LAUNCH)
        deaf = emulator.submit(label=LABEL, inline="trap '' TERM; echo deaf >&2; while :; do sleep 1; done")
        job_id = str(deaf.id)
        wait_until(lambda: b"deaf" in cluster.fetch_log(job_id).data)
        cluster.cancel(job_id)
        assert look(cluster, job_id).state is JobState.RUNNING
        clock.advance(6)
        wait_until(lambda: look(cluster, job_id).state is JobState.CANCELED)

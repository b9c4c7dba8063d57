"""Flows on Dataproc, through the engine: what a user sees when all goes well, and when the cloud does not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.dataproc_v1")

from synergyflow import ExecutionContext, ExecutionEngine, FlowGraph, ShellCommandAction
from synergyflow.core.states import FlowState, StepState
from synergyflow.engine.result import RunResult
from synergyflow.testing.emulators.dataproc import DataprocEmulator, Delays, FaultKind

from ..local_clusters import wait_until
from .dataproc_clusters import make_dataproc

Run = Callable[..., RunResult]

UNKNOWN_STATE = 77
RUNNING = 2


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(emulator: DataprocEmulator, flow: FlowGraph, *, clusters: int = 1, **options: object) -> RunResult:
        context = ExecutionContext(
            flow.flow_name,
            "2013010100",
            settings={"log_directory": str(tmp_path / "logs")},
            number_of_clusters=clusters,
        )
        made = [make_dataproc(emulator, tmp_path, **options) for _ in range(clusters)]
        return ExecutionEngine(flow, clusters=made).run(context)

    return run


def two_steps(second: str = "echo two") -> FlowGraph:
    return (
        FlowGraph("pair")
        .append("one", [], ShellCommandAction("echo one"))
        .append("two", ["one"], ShellCommandAction(second))
    )


def one_step(command: str = "echo one", **policy: object) -> FlowGraph:
    return FlowGraph("single").append("one", [], ShellCommandAction(command), **policy)


def in_background(act: Callable[[], RunResult]) -> tuple[threading.Thread, list[RunResult]]:
    results: list[RunResult] = []
    thread = threading.Thread(target=lambda: results.append(act()))
    thread.start()
    return thread, results


def log(tmp_path: Path, flow: str, name: str) -> str:
    return (tmp_path / "logs" / flow / f"{name}.log").read_text(encoding="utf-8")


def cluster_of_running_job(emulator: DataprocEmulator) -> str:
    running = wait_until(lambda: [job for job in emulator.jobs() if job.status.state == RUNNING])
    name: str = running[0].placement.cluster_name
    return name


def test_a_flow_runs_on_one_cluster_that_is_deleted_afterwards(
    emulator: DataprocEmulator, run: Run, tmp_path: Path
) -> None:
    assert run(emulator, two_steps()).state is FlowState.PROCESSED
    assert [job.status.state.name for job in emulator.jobs()] == ["DONE", "DONE"]
    assert len(emulator.ledger.effects("CreateCluster")) == 1
    assert wait_until(lambda: emulator.clusters() == [])
    assert log(tmp_path, "pair", "two").rstrip().splitlines()[-2].endswith("two")


@pytest.mark.parametrize("kind", [FaultKind.RESPONSE_LOST, FaultKind.UNAVAILABLE])
def test_a_lost_answer_or_request_makes_neither_two_clusters_nor_none(
    emulator: DataprocEmulator, run: Run, kind: FaultKind
) -> None:
    emulator.faults.add("CreateCluster", kind)
    assert run(emulator, two_steps()).state is FlowState.PROCESSED
    assert len(emulator.ledger.effects("CreateCluster")) == 1
    assert wait_until(lambda: emulator.clusters() == [])


def test_a_lost_answer_to_a_submission_makes_one_job(emulator: DataprocEmulator, run: Run, tmp_path: Path) -> None:
    emulator.faults.add("SubmitJob", FaultKind.RESPONSE_LOST, times=2)
    result = run(emulator, two_steps(f"echo once >> {tmp_path / 'count'}"))
    assert result.state is FlowState.PROCESSED
    assert len(emulator.jobs()) == len(emulator.ledger.of("SubmitJob")) == 2
    assert (tmp_path / "count").read_text() == "once\n"


@pytest.mark.parametrize("kind", [FaultKind.UNAVAILABLE, FaultKind.THROTTLE, FaultKind.INTERNAL])
def test_a_submission_that_dataproc_does_not_take_for_a_while_costs_no_attempt(
    emulator: DataprocEmulator, run: Run, kind: FaultKind
) -> None:
    emulator.faults.add("SubmitJob", kind, times=5)
    result = run(emulator, one_step())
    assert (result.state, result.steps["one"].attempt) == (FlowState.PROCESSED, 1)
    assert len(emulator.jobs()) == 1


def test_a_throttled_launch_is_asked_for_again(emulator: DataprocEmulator, run: Run) -> None:
    emulator.faults.add("CreateCluster", FaultKind.THROTTLE, times=3)
    assert run(emulator, one_step()).state is FlowState.PROCESSED
    assert [call.answer for call in emulator.ledger.of("CreateCluster")] == ["RESOURCE_EXHAUSTED"] * 3 + ["OK"]


@pytest.mark.parametrize("kind", [FaultKind.UNAVAILABLE, FaultKind.THROTTLE, FaultKind.INTERNAL])
def test_looks_that_fail_never_fail_a_step(emulator: DataprocEmulator, run: Run, kind: FaultKind) -> None:
    for method in ("ListJobs", "GetCluster"):
        emulator.faults.add(method, kind, times=4)
    result = run(emulator, one_step())
    assert result.state is FlowState.PROCESSED
    assert len(emulator.jobs()) == 1


def test_a_failed_job_shows_the_last_lines_of_its_driver(emulator: DataprocEmulator, run: Run, tmp_path: Path) -> None:
    result = run(emulator, two_steps("echo begun; echo the disk is full >&2; exit 3"))
    assert result.state is FlowState.INVALID
    error = result.steps["two"].error
    assert "exit code 3" in error
    assert "the disk is full" in error
    assert "begun" in log(tmp_path, "pair", "two")


def test_a_command_can_say_on_dataproc_too_that_there_is_nothing_to_do(emulator: DataprocEmulator, run: Run) -> None:
    flow = FlowGraph("single").append("one", [], ShellCommandAction("exit 99", nothing_to_do_exit_code=99))
    assert run(emulator, flow).steps["one"].state is StepState.NOOP


def test_a_cluster_that_comes_up_broken_is_deleted_and_named(emulator: DataprocEmulator, run: Run) -> None:
    emulator.faults.add("CreateCluster", FaultKind.ENDS_IN_ERROR)
    result = run(emulator, one_step())
    assert result.state is FlowState.INVALID
    assert "Initialization action failed" in str(result)
    assert wait_until(lambda: emulator.clusters() == [])


def test_a_flow_goes_on_with_the_clusters_that_came_up(emulator: DataprocEmulator, run: Run) -> None:
    emulator.faults.add("CreateCluster", FaultKind.ENDS_IN_ERROR)
    flow = FlowGraph("fan")
    for number in range(4):
        flow.append(f"step{number}", [], ShellCommandAction("true"))
    assert run(emulator, flow, clusters=2).state is FlowState.PROCESSED
    assert wait_until(lambda: emulator.clusters() == [])


def test_a_quota_that_is_used_up_is_said_and_nothing_is_left(emulator: DataprocEmulator, run: Run) -> None:
    emulator.allow_clusters(0)
    result = run(emulator, one_step())
    assert result.state is FlowState.INVALID
    assert "Insufficient 'CPUS' quota" in str(result)
    assert emulator.clusters() == []


def test_a_step_whose_cluster_vanished_runs_again_on_another(endless: DataprocEmulator, run: Run) -> None:
    thread, results = in_background(lambda: run(endless, one_step(), clusters=2))
    first = cluster_of_running_job(endless)
    endless.vanish(first)
    second = wait_until(lambda: [job for job in endless.jobs() if job.placement.cluster_name != first])
    wait_until(lambda: endless.jobs()[-1].status.state == RUNNING)
    endless.finish(second[0].reference.job_id)
    thread.join()
    assert results[0].state is FlowState.PROCESSED


def test_a_job_in_a_state_that_nobody_knows_is_watched_until_it_ends(endless: DataprocEmulator, run: Run) -> None:
    thread, results = in_background(lambda: run(endless, one_step()))
    cluster_of_running_job(endless)
    job_id = endless.jobs()[0].reference.job_id
    endless.set_job_state(job_id, UNKNOWN_STATE)
    looks = len(endless.ledger.of("ListJobs"))
    wait_until(lambda: len(endless.ledger.of("ListJobs")) > looks + 3)
    endless.finish(job_id)
    thread.join()
    assert results[0].state is FlowState.PROCESSED
    assert len(endless.jobs()) == 1


def test_reads_that_lag_behind_lose_neither_cluster_nor_job(endless: DataprocEmulator, run: Run) -> None:
    endless.lag(2)
    thread, results = in_background(lambda: run(endless, one_step()))
    cluster_of_running_job(endless)
    endless.finish(endless.jobs()[0].reference.job_id)
    thread.join()
    assert results[0].state is FlowState.PROCESSED
    assert (len(endless.jobs()), len(endless.ledger.effects("CreateCluster"))) == (1, 1)


def test_a_step_that_takes_too_long_is_canceled_on_the_cluster(emulator: DataprocEmulator, run: Run) -> None:
    result = run(emulator, one_step("exec sleep 3600", timeout=0.5))
    assert result.state is FlowState.INVALID
    assert [job.status.state.name for job in emulator.jobs()] == ["CANCELLED"]


def test_steps_on_one_cluster_are_watched_by_one_listing_a_look(run: Run) -> None:
    with DataprocEmulator(delays=Delays(setup=0.05)) as emulator:
        flow = FlowGraph("fan")
        for number in range(8):
            flow.append(f"step{number}", [], ShellCommandAction("true"))
        assert run(emulator, flow).state is FlowState.PROCESSED
        calls = [call.method for call in emulator.ledger.calls]
    assert calls.count("GetJob") == 0
    assert calls.count("ListJobs") <= calls.count("GetCluster")


def test_a_kept_cluster_is_used_again_by_its_name(emulator: DataprocEmulator, run: Run) -> None:
    for _ in range(2):
        assert run(emulator, one_step(), cluster_name="shared", keep_alive=True).state is FlowState.PROCESSED
    assert [cluster.cluster_name for cluster in emulator.clusters()] == ["shared"]
    assert len(emulator.ledger.effects("CreateCluster")) == 1

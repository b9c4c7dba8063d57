"""Flows on EMR, through the engine: what a user sees when all goes well, and when the cloud does not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from synergyflow import ExecutionContext, ExecutionEngine, FlowGraph, ShellCommandAction
from synergyflow.core.states import FlowState
from synergyflow.engine.result import RunResult
from synergyflow.testing.emulators.emr import Delays, EmrEmulator, Ending, FaultKind

from .emr_clusters import make_emr, wait_until

pytest.importorskip("boto3")


@pytest.fixture
def run(emulator: EmrEmulator, tmp_path: Path) -> Callable[..., RunResult]:
    def run(flow: FlowGraph, *, clusters: int = 1, **options: object) -> RunResult:
        context = ExecutionContext(
            flow.flow_name,
            "2013010100",
            settings={"log_directory": str(tmp_path / "logs")},
            number_of_clusters=clusters,
        )
        made = [make_emr(emulator.url, tmp_path, name=f"emr-{number}", **options) for number in range(clusters)]
        return ExecutionEngine(flow, clusters=made).run(context)

    return run


def two_steps(*, second: str = "echo two") -> FlowGraph:
    return (
        FlowGraph("pair")
        .append("one", [], ShellCommandAction("echo one"))
        .append("two", ["one"], ShellCommandAction(second))
    )


def log(tmp_path: Path, step: str) -> str:
    return (tmp_path / "logs" / "pair" / f"{step}.log").read_text(encoding="utf-8")


def test_a_flow_runs_on_one_cluster_that_is_ended_afterwards(
    emulator: EmrEmulator, run: Callable[..., RunResult], tmp_path: Path
) -> None:
    assert run(two_steps()).state is FlowState.PROCESSED
    assert [step.state for step in emulator.steps()] == ["COMPLETED", "COMPLETED"]
    assert len(emulator.clusters()) == 1
    assert emulator.live_clusters() == []
    assert " two.shell INFO two\n" in log(tmp_path, "two")


def test_answers_lost_on_the_way_make_no_second_cluster_and_no_second_step(
    emulator: EmrEmulator, run: Callable[..., RunResult]
) -> None:
    emulator.faults.add("RunJobFlow", FaultKind.LOST_RESPONSE)
    emulator.faults.add("AddJobFlowSteps", FaultKind.LOST_RESPONSE, 2)
    assert run(two_steps()).state is FlowState.PROCESSED
    assert emulator.ledger.counts()["RunJobFlow"] == len(emulator.clusters()) == 1
    assert [step.state for step in emulator.steps()] == ["COMPLETED", "COMPLETED"]


@pytest.mark.parametrize("operation", ["RunJobFlow", "AddJobFlowSteps", "ListSteps", "DescribeCluster", "ListClusters"])
@pytest.mark.parametrize("fault", [FaultKind.THROTTLE, FaultKind.SERVER_ERROR, FaultKind.LOST_REQUEST])
def test_no_throttle_and_no_error_of_the_provider_fails_a_step(
    emulator: EmrEmulator, run: Callable[..., RunResult], operation: str, fault: FaultKind
) -> None:
    emulator.faults.add(operation, fault, 3)
    result = run(two_steps())
    assert result.state is FlowState.PROCESSED
    assert emulator.faults.left() == 0
    assert [step.state for step in emulator.steps()] == ["COMPLETED", "COMPLETED"]
    assert {step.attempt for step in result.steps.values()} == {1}


def test_a_state_that_nobody_knows_is_watched_until_it_is_another(
    emulator: EmrEmulator, run: Callable[..., RunResult], tmp_path: Path
) -> None:
    def watch() -> None:
        step = wait_until(lambda: [step for step in emulator.steps() if step.name.startswith("sf-")])[0]
        emulator.show(step, "PONDERING")
        looks = len(emulator.ledger.calls("ListSteps"))
        wait_until(lambda: len(emulator.ledger.calls("ListSteps")) > looks + 5)
        (tmp_path / "gate").touch()
        wait_until(lambda: step.state == "COMPLETED")
        emulator.show(step, None)

    watcher = threading.Thread(target=watch)
    watcher.start()
    gate = tmp_path / "gate"
    flow = FlowGraph("pair").append("one", [], ShellCommandAction(f"until test -e {gate}; do sleep 0.05; done"))
    assert run(flow).state is FlowState.PROCESSED
    watcher.join()


def test_a_failed_step_names_the_cause_and_what_its_program_said_last(
    emulator: EmrEmulator, run: Callable[..., RunResult], tmp_path: Path
) -> None:
    result = run(two_steps(second="echo 'no such table: flights' >&2; exit 3"))
    assert result.state is FlowState.INVALID
    error = str(result.steps["two"].error)
    assert "exit code 3" in error
    assert "no such table: flights" in error
    assert "no such table: flights" in log(tmp_path, "two")
    assert emulator.live_clusters() == []


def test_a_step_says_by_its_exit_code_that_there_was_nothing_to_do(
    emulator: EmrEmulator, run: Callable[..., RunResult]
) -> None:
    flow = FlowGraph("pair").append("one", [], ShellCommandAction("exit 99", nothing_to_do_exit_code=99))
    assert run(flow).state is FlowState.NOOP


def test_logs_that_come_after_the_end_of_a_step_hold_up_no_step_and_are_logged_before_the_run_is_over(
    credentials: None, tmp_path: Path
) -> None:
    with EmrEmulator(delays=Delays(logs=1.0)) as emulator:
        cluster = make_emr(emulator.url, tmp_path)
        context = ExecutionContext("pair", "2013010100", settings={"log_directory": str(tmp_path / "logs")})
        assert ExecutionEngine(two_steps(), clusters=[cluster]).run(context).state is FlowState.PROCESSED
        first, second = emulator.steps()
        assert first.ended is not None
        assert second.started is not None
        assert (second.started - first.ended).total_seconds() < 1.0
    assert " one.shell INFO one\n" in log(tmp_path, "one")
    assert " two.shell INFO two\n" in log(tmp_path, "two")


def test_a_cluster_that_is_lost_in_a_step_is_replaced_and_the_step_runs_again(
    emulator: EmrEmulator, tmp_path: Path
) -> None:
    def lose() -> None:
        wait_until(lambda: [step for step in emulator.steps() if step.state == "RUNNING"])
        (tmp_path / "gate").touch()
        emulator.lose_spot(emulator.clusters()[0])

    thread = threading.Thread(target=lose)
    thread.start()
    flow = FlowGraph("pair").append(
        "one", [], ShellCommandAction(f"test -e {tmp_path}/gate || exec sleep 3600; echo through")
    )
    context = ExecutionContext("pair", "2013010100", settings={"log_directory": str(tmp_path / "logs")})
    clusters = [make_emr(emulator.url, tmp_path), make_emr(emulator.url, tmp_path)]
    result = ExecutionEngine(flow, clusters=clusters).run(context)
    thread.join()
    assert result.state is FlowState.PROCESSED
    assert result.steps["one"].attempt == 2
    assert len(emulator.clusters()) == 2
    assert emulator.live_clusters() == []


def test_a_cluster_that_fails_to_start_fails_the_run_with_its_reason_and_nothing_is_left(
    emulator: EmrEmulator, run: Callable[..., RunResult]
) -> None:
    emulator.next_launch_fails("BOOTSTRAP_FAILURE", "bootstrap action 1 returned a non-zero return code")
    result = run(two_steps())
    assert result.state is FlowState.INVALID
    assert "BOOTSTRAP_FAILURE" in str(result.error)
    assert emulator.live_clusters() == []


def test_a_flow_of_300_steps_on_one_cluster_never_has_more_than_256_of_them_there(
    credentials: None, tmp_path: Path
) -> None:
    most = [0]

    def count(step: object) -> Ending:
        most[0] = max(most[0], sum(step.is_active for step in emulator.steps()))
        return Ending(seconds=0.2)

    flow = FlowGraph("pair")
    for number in range(300):
        flow.append(f"s{number}", [], ShellCommandAction("true"))
    with EmrEmulator(script=count) as emulator:
        cluster = make_emr(emulator.url, tmp_path, slots=300, log_uri=None)
        context = ExecutionContext("pair", "2013010100", settings={"log_directory": str(tmp_path / "logs")})
        assert ExecutionEngine(flow, clusters=[cluster]).run(context).state is FlowState.PROCESSED
        assert len(emulator.steps()) == 300
        assert most[0] <= 256
        first_pages = [call for call in emulator.ledger.calls("ListSteps") if not call.request.get("Marker")]
        assert len(first_pages) <= emulator.ledger.counts()["DescribeCluster"] + 1

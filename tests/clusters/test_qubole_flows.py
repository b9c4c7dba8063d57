"""Flows on Qubole, through the engine: what a user sees when all goes well, and when the cloud does not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synergyflow import (
    ExecutionContext,
    ExecutionEngine,
    FlowGraph,
    HiveAction,
    ShellCommandAction,
)
from synergyflow.clusters.base import Cluster
from synergyflow.core.states import FlowState, StepState
from synergyflow.engine.result import RunResult
from synergyflow.testing.emulators.qubole import Ending, FaultKind, QuboleEmulator

from .qubole_clusters import LABEL, TOKEN, TOKEN_VARIABLE, make_qubole

Run = Callable[..., RunResult]


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[QuboleEmulator]:
    """Commands really run."""
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    with QuboleEmulator(LABEL, folder=tmp_path / "qubole", aside_bytes=5) as emulator:
        yield emulator


@pytest.fixture
def run(emulator: QuboleEmulator, tmp_path: Path) -> Run:
    def run(flow: FlowGraph, mode: str = "run", on: QuboleEmulator = emulator) -> RunResult:
        context = ExecutionContext(
            flow.flow_name,
            "2013010100",
            settings={"log_directory": str(tmp_path / "logs")},
            number_of_clusters=1,
        )
        clusters: list[Cluster] = [make_qubole(on, tmp_path)]
        result: RunResult = getattr(ExecutionEngine(flow, clusters=clusters), mode)(context)
        return result

    return run


def pair(*, second: str = "echo two; echo to the log >&2") -> FlowGraph:
    return (
        FlowGraph("pair")
        .append("one", [], ShellCommandAction("echo one"))
        .append("two", ["one"], ShellCommandAction(second))
    )


def log(tmp_path: Path, name: str) -> str:
    return (tmp_path / "logs" / "pair" / f"{name}.log").read_text(encoding="utf-8")


def attempts(result: RunResult) -> list[int]:
    return [step.attempt for step in result.steps.values()]


def names_are_unique(emulator: QuboleEmulator) -> bool:
    names = [command.name for command in emulator.commands()]
    return len(names) == len(set(names))


def test_a_flow_runs_and_the_cluster_that_it_started_is_stopped(
    run: Run, emulator: QuboleEmulator, tmp_path: Path
) -> None:
    assert run(pair()).state is FlowState.PROCESSED
    assert [command.status for command in emulator.commands()] == ["done", "done"]
    assert emulator.live_clusters() == []
    lines = log(tmp_path, "two").splitlines()
    assert any(line.endswith("to the log") for line in lines)
    assert any(line.endswith("two") for line in lines)


def test_a_cluster_that_was_up_before_stays_up(run: Run, emulator: QuboleEmulator) -> None:
    emulator.start_outside(LABEL)
    assert run(pair()).state is FlowState.PROCESSED
    assert emulator.cluster(LABEL).state == "UP"


def test_a_failed_step_has_its_exit_code_and_what_it_wrote_last(
    run: Run, emulator: QuboleEmulator, tmp_path: Path
) -> None:
    result = run(pair(second="echo no such table >&2; exit 3"))
    assert result.state is FlowState.INVALID
    error = result.steps["two"].error or ""
    assert "exit code 3" in error
    assert "no such table" in error
    assert emulator.live_clusters() == []


def test_a_recovered_flow_runs_the_failed_step_alone(run: Run, emulator: QuboleEmulator, tmp_path: Path) -> None:
    flow = pair(second=f"test -e {tmp_path}/mended")
    assert run(flow).state is FlowState.INVALID
    (tmp_path / "mended").touch()
    assert run(flow, "recover").state is FlowState.PROCESSED
    assert [command.status for command in emulator.commands()] == ["done", "error", "done"]
    assert names_are_unique(emulator)


def test_a_step_that_finds_nothing_is_noop(run: Run) -> None:
    flow = FlowGraph("pair").append("one", [], ShellCommandAction("exit 9", nothing_to_do_exit_code=9))
    assert run(flow).steps["one"].state is StepState.NOOP


def test_an_answer_lost_after_the_command_was_made_leaves_one_command(run: Run, emulator: QuboleEmulator) -> None:
    emulator.faults.add("create_command", FaultKind.LOST_RESPONSE)
    result = run(pair())
    assert result.state is FlowState.PROCESSED
    assert attempts(result) == [1, 1]
    assert len(emulator.commands()) == 2
    assert names_are_unique(emulator)


def test_an_answer_lost_after_the_start_leaves_one_cluster_that_is_stopped(run: Run, emulator: QuboleEmulator) -> None:
    emulator.faults.add("change_cluster", FaultKind.LOST_RESPONSE)
    assert run(pair()).state is FlowState.PROCESSED
    assert emulator.live_clusters() == []


def test_throttling_fails_no_step_and_costs_no_attempt(run: Run, emulator: QuboleEmulator) -> None:
    calls = ("create_command", "get_command", "logs", "results", "cluster_state", "change_cluster")
    for operation in calls:
        emulator.faults.add(operation, FaultKind.THROTTLE, 3)
        emulator.faults.add(operation, FaultKind.UNAVAILABLE, 1)
    result = run(pair())
    assert result.state is FlowState.PROCESSED
    assert attempts(result) == [1, 1]
    assert len(emulator.commands()) == 2


def test_a_state_that_nobody_knows_is_watched_until_it_ends(run: Run, tmp_path: Path) -> None:
    def strange(command: object) -> Ending:
        emulator.show(emulator.commands()[0], "quarantined")
        return Ending(seconds=None)

    with QuboleEmulator(LABEL, script=strange, folder=tmp_path / "scripted") as emulator:
        emulator.on_call("get_command", 5, lambda: emulator.show(emulator.commands()[0], None))
        emulator.on_call("get_command", 6, lambda: emulator.finish(emulator.commands()[0], Ending()))
        flow = FlowGraph("pair").append("one", [], ShellCommandAction("true"))
        assert run(flow, on=emulator).state is FlowState.PROCESSED


def test_a_cluster_that_is_stopped_from_outside_costs_no_retry(run: Run, tmp_path: Path) -> None:
    with QuboleEmulator(LABEL, script=lambda _: Ending(seconds=None), folder=tmp_path / "scripted") as emulator:
        emulator.on_call("get_command", 3, lambda: emulator.stop_outside(LABEL, "Terminated by somebody"))
        flow = FlowGraph("pair").append("one", [], ShellCommandAction("true"))
        result = run(flow, on=emulator)
    assert result.state is FlowState.INVALID
    assert "Terminated by somebody" in (result.steps["one"].error or result.error or "")
    assert result.steps["one"].failure_class is not None
    assert result.steps["one"].failure_class.is_infrastructure


def test_a_job_that_qubole_can_not_do_fails_before_it_is_made(run: Run, emulator: QuboleEmulator) -> None:
    flow = FlowGraph("pair").append("one", [], HiveAction("s3://b/a.hql", nothing_to_do_exit_code=3))
    result = run(flow)
    assert "exit code" in (result.steps["one"].error or "")
    assert emulator.commands() == []


def test_the_token_is_nowhere_in_the_logs_and_the_database(run: Run, emulator: QuboleEmulator, tmp_path: Path) -> None:
    run(pair(second="env; exit 1"))
    files = [path for path in (tmp_path / "logs").rglob("*") if path.is_file()]
    assert files
    assert not [path.name for path in files if TOKEN.encode() in path.read_bytes()]

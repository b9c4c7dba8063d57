"""Flows on EMR, through the engine: what a user sees when all goes well, and when the cloud does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synergyflow import ExecutionContext, ExecutionEngine, FlowGraph, ShellCommandAction
from synergyflow.core.states import FlowState
from synergyflow.engine.result import RunResult
from synergyflow.testing.emulators.emr import EmrEmulator

from .emr_clusters import make_emr

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

"""What the README of the original promised, line by line: each row of what its code did instead is a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from synergyflow import (
    ExecutionEngine,
    FailureAction,
    FlowGraph,
    IdentityAction,
    NothingToDo,
    PythonAction,
    ShellCommandAction,
)
from synergyflow.core.states import FlowState, StepState
from synergyflow.errors import PlanRefused


def chain_with_failing_middle(folder: Path) -> FlowGraph:
    """a -> b -> c, where b fails until the file `mended` is there."""
    return (
        FlowGraph("promise")
        .append("a", [], ShellCommandAction(f"echo a >> {folder}/ledger.txt"))
        .append("b", ["a"], ShellCommandAction(f"test -e {folder}/mended && echo b >> {folder}/ledger.txt"))
        .append("c", ["b"], ShellCommandAction(f"echo c >> {folder}/ledger.txt"))
    )


def test_an_engine_starts_with_a_graph_and_with_a_name(project):
    flow = FlowGraph("named").append("a", [], IdentityAction())
    assert ExecutionEngine(flow).run(project.context(flow)).state is FlowState.PROCESSED
    flows = project.folder / "flows.py"
    flows.write_text(
        "from synergyflow import FlowGraph, IdentityAction\n"
        "named = FlowGraph('named').append('a', [], IdentityAction())\n"
    )
    (project.folder / "contexts").mkdir()
    (project.folder / "clusters").mkdir()
    (project.folder / "clusters" / "local.toml").write_text('type = "local"\n')
    context_file = project.folder / "contexts" / "local.toml"
    context_file.write_text('flows = ["flows.py"]\ncluster = "local"\n')
    from synergyflow import ExecutionContext

    context = ExecutionContext.load(str(context_file), "named", "2013010200")
    assert ExecutionEngine("named").run(context).state is FlowState.PROCESSED


def test_a_failed_step_fails_the_flow_and_later_steps_do_not_run(project):
    flow = chain_with_failing_middle(project.folder)
    result = ExecutionEngine(flow).run(project.context(flow))
    assert result.state is FlowState.INVALID
    assert result.failed == ("b",)
    assert project.states(flow) == {"a": "processed", "b": "invalid", "c": "embryo"}
    assert project.lines() == ["a"]
    assert "exit code 1" in (result.steps["b"].error or "")


def test_a_skipped_step_is_noop_and_its_children_run(project):
    flow = (
        FlowGraph("skipping")
        .append("a", [], IdentityAction())
        .append("b", ["a"], FailureAction(), skip=True)
        .append("c", ["b"], IdentityAction())
    )
    result = ExecutionEngine(flow).run(project.context(flow))
    assert result.state is FlowState.PROCESSED
    assert project.states(flow) == {"a": "processed", "b": "noop", "c": "processed"}


def test_recover_runs_the_failed_step_and_what_never_started_and_nothing_else(project, switch):
    flow = chain_with_failing_middle(project.folder)
    ExecutionEngine(flow).run(project.context(flow))
    switch()
    result = ExecutionEngine(flow).recover(project.context(flow))
    assert result.state is FlowState.PROCESSED
    assert [name for name, step in result.steps.items() if step.executed] == ["b", "c"]
    assert project.lines() == ["a", "b", "c"]
    assert result.steps["b"].attempt == 2


def test_recover_of_what_was_never_run_is_refused(project):
    flow = chain_with_failing_middle(project.folder)
    with pytest.raises(PlanRefused, match="never run before"):
        ExecutionEngine(flow).recover(project.context(flow))


def test_recover_of_a_processed_run_says_that_there_is_nothing_to_do(project, switch):
    flow = chain_with_failing_middle(project.folder)
    switch()
    ExecutionEngine(flow).run(project.context(flow))
    result = ExecutionEngine(flow).recover(project.context(flow))
    assert result.succeeded
    assert result.plan.nothing_to_do
    assert project.lines() == ["a", "b", "c"]


def test_run_one_runs_that_step_after_its_parent_succeeded(project, switch):
    flow = chain_with_failing_middle(project.folder)
    ExecutionEngine(flow).run(project.context(flow))
    switch()
    result = ExecutionEngine(flow).run_one(project.context(flow), "b")
    assert [name for name, step in result.steps.items() if step.executed] == ["b"]
    assert project.states(flow) == {"a": "processed", "b": "processed", "c": "embryo"}
    assert project.record(flow).state is FlowState.INVALID, "a freerun leaves the state of the flow run alone"


def test_run_one_runs_a_processed_step_again(project, switch):
    flow = chain_with_failing_middle(project.folder)
    switch()
    ExecutionEngine(flow).run(project.context(flow))
    result = ExecutionEngine(flow).run_one(project.context(flow), "a")
    assert result.state is FlowState.PROCESSED
    assert project.lines() == ["a", "b", "c", "a"]
    assert result.steps["a"].attempt == 2


def test_run_from_runs_the_step_and_everything_derived_from_it(project, switch):
    flow = chain_with_failing_middle(project.folder).append("d", ["a"], IdentityAction())
    switch()
    ExecutionEngine(flow).run(project.context(flow))
    result = ExecutionEngine(flow).run_from(project.context(flow), "b")
    assert [name for name, step in result.steps.items() if step.executed] == ["b", "c"]
    assert len(result.plan.clusters) == 1


def test_a_blocked_freerun_is_refused_and_names_what_blocks_it(project):
    flow = chain_with_failing_middle(project.folder)
    ExecutionEngine(flow).run(project.context(flow))
    with pytest.raises(PlanRefused, match=r"blocked by b \(invalid\)"):
        ExecutionEngine(flow).run_one(project.context(flow), "c")


def test_an_action_that_finds_nothing_makes_its_step_noop_and_the_children_run(project):
    def nothing() -> None:
        raise NothingToDo("no rows")

    flow = (
        FlowGraph("nothing")
        .append("python", [], PythonAction(nothing))
        .append("shell", [], ShellCommandAction("exit 75", nothing_to_do_exit_code=75))
        .append("after", ["python", "shell"], IdentityAction())
    )
    result = ExecutionEngine(flow).run(project.context(flow))
    assert {name: step.state for name, step in result.steps.items()} == {
        "python": StepState.NOOP,
        "shell": StepState.NOOP,
        "after": StepState.PROCESSED,
    }
    assert result.state is FlowState.PROCESSED


def test_a_flow_whose_steps_are_all_noop_is_noop_and_so_is_an_empty_one(project):
    def nothing() -> None:
        raise NothingToDo

    flow = FlowGraph("all_noop").append("a", [], PythonAction(nothing)).append("b", ["a"], IdentityAction(), skip=True)
    assert ExecutionEngine(flow).run(project.context(flow)).state is FlowState.NOOP
    empty = FlowGraph("empty")
    assert ExecutionEngine(empty).run(project.context(empty)).state is FlowState.NOOP


def test_every_execution_and_every_attempt_is_kept(project, switch):
    flow = chain_with_failing_middle(project.folder)
    ExecutionEngine(flow).run(project.context(flow))
    switch()
    ExecutionEngine(flow).recover(project.context(flow))
    ExecutionEngine(flow).run(project.context(flow))
    record = project.record(flow)
    assert record.last_attempts == {"a": 2, "b": 3, "c": 2}


def test_a_failed_step_that_is_removed_from_the_definition_does_not_keep_the_run_from_being_processed(project):
    flow = chain_with_failing_middle(project.folder)
    ExecutionEngine(flow).run(project.context(flow))
    without = FlowGraph("promise").append("a", [], ShellCommandAction(f"echo a >> {project.folder}/ledger.txt"))
    result = ExecutionEngine(without).recover(project.context(without))
    assert result.plan.removed == ("b", "c")
    assert result.state is FlowState.PROCESSED
    assert project.states(without) == {"a": "processed"}
    assert project.record(without).last_attempts == {"a": 1, "b": 1}

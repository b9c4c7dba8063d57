"""The engine dies, is stopped, or meets another one: nothing lost, nothing twice."""

from __future__ import annotations

import os
import signal
import sqlite3

import pytest

from tests.acceptance.commands import engine, engine_json, lines, make_project, start, until

T = ("--timeperiod", "2013010100")

SLOW = """
    from synergyflow import FlowGraph, ShellCommandAction
    slow = (
        FlowGraph("slow")
        .append("a", [], ShellCommandAction("echo a >> ledger"))
        .append("b", ["a"], ShellCommandAction(
            "echo b >> ledger; echo begun; until test -e gate; do sleep 0.05; done; echo through; echo b-end >> ledger"
        ))
        .append("c", ["b"], ShellCommandAction("echo c >> ledger"))
    )
"""


@pytest.fixture
def slow(tmp_path):
    folder = make_project(tmp_path / "project", SLOW)
    yield folder
    (folder / "gate").touch()


def killed_in_the_middle(folder, number=signal.SIGKILL):
    """An engine that was ended while b ran; its exit code."""
    process = start(folder, "run", "--flow", "slow", *T)
    until(lambda: lines(folder / "ledger") == ["a", "b"], "step b began")
    until(lambda: "begun" in (folder / "logs" / "slow" / "b.log").read_text(), "output of b is in its log")
    process.send_signal(number)
    return process.wait(60)


def test_after_kill_9_the_running_job_is_adopted_and_nothing_runs_twice(slow):
    killed_in_the_middle(slow)
    status = engine_json(slow, "status", "--flow", "slow", *T)
    assert status["state"] == "in_progress"
    plan = engine_json(slow, "recover", "--flow", "slow", *T, "--dry-run")
    assert {step["name"]: step["decision"] for step in plan["steps"]} == {"a": "keep", "b": "continue", "c": "run"}
    process = start(slow, "recover", "--flow", "slow", *T)
    until(lambda: "goes on" in (slow / "logs" / "slow" / "b.log").read_text(), "the job is found again")
    (slow / "gate").touch()
    assert process.wait(60) == 0
    assert lines(slow / "ledger") == ["a", "b", "b-end", "c"]
    assert "through" in (slow / "logs" / "slow" / "b.log").read_text()
    result = engine_json(slow, "status", "--flow", "slow", *T)
    assert result["state"] == "processed"
    assert {name: step["attempt"] for name, step in result["steps"].items()} == {"a": 1, "b": 1, "c": 1}


def test_a_job_that_ended_while_the_engine_was_away_counts_with_its_true_result(slow):
    killed_in_the_middle(slow)
    (slow / "gate").touch()
    until(lambda: lines(slow / "ledger")[-1] == "b-end", "b ended by itself")
    engine(slow, "recover", "--flow", "slow", *T)
    assert lines(slow / "ledger") == ["a", "b", "b-end", "c"]


def test_run_over_an_interrupted_run_first_ends_what_it_had_left_running(slow):
    killed_in_the_middle(slow)
    (slow / "ledger").unlink()
    process = start(slow, "run", "--flow", "slow", *T)
    until(lambda: lines(slow / "ledger") == ["a", "b"], "the second b began")
    (slow / "gate").touch()
    assert process.wait(60) == 0
    assert lines(slow / "ledger") == ["a", "b", "b-end", "c"], "the first b was ended before the gate opened"


def test_ctrl_c_ends_what_runs_and_leaves_the_run_recoverable(slow):
    assert killed_in_the_middle(slow, signal.SIGINT) == 130
    status = engine_json(slow, "status", "--flow", "slow", *T)
    assert status["state"] == "invalid"
    assert {name: step["state"] for name, step in status["steps"].items()} == {
        "a": "processed",
        "b": "canceled",
        "c": "embryo",
    }
    (slow / "gate").touch()
    engine(slow, "recover", "--flow", "slow", *T)
    assert lines(slow / "ledger") == ["a", "b", "b", "b-end", "c"], "the first b did not live to see the gate"


def test_sigterm_leaves_the_job_running_and_recover_adopts_it(slow):
    assert killed_in_the_middle(slow, signal.SIGTERM) == 143
    assert engine_json(slow, "status", "--flow", "slow", *T)["state"] == "invalid"
    (slow / "gate").touch()
    engine(slow, "recover", "--flow", "slow", *T)
    assert lines(slow / "ledger") == ["a", "b", "b-end", "c"]


def test_a_second_engine_is_refused_and_told_who_holds_the_run(slow):
    process = start(slow, "run", "--flow", "slow", *T)
    until(lambda: lines(slow / "ledger") == ["a", "b"], "step b began")
    for mode in (["run"], ["recover"], ["run-one", "--step", "a"], ["run-from", "--step", "a"]):
        refused = engine(slow, *mode, "--flow", "slow", *T, check=3)
        assert f"pid {process.pid}" in refused.stderr
        assert len(refused.stderr.splitlines()) <= 3
    (slow / "gate").touch()
    assert process.wait(60) == 0
    assert lines(slow / "ledger") == ["a", "b", "b-end", "c"]


def test_an_edited_step_starts_again_with_a_new_attempt_after_its_old_job_is_ended(slow):
    killed_in_the_middle(slow)
    flows = slow / "flows.py"
    flows.write_text(flows.read_text().replace("until test -e gate; do sleep 0.05; done", "true"))
    engine(slow, "recover", "--flow", "slow", *T)
    (slow / "gate").touch()
    assert lines(slow / "ledger") == ["a", "b", "b", "b-end", "c"]
    assert engine_json(slow, "status", "--flow", "slow", *T)["steps"]["b"]["attempt"] == 2


def test_an_interrupted_freerun_is_finished_by_recover(slow):
    (slow / "gate").touch()
    engine(slow, "run", "--flow", "slow", *T)
    (slow / "gate").unlink()
    (slow / "ledger").unlink()
    process = start(slow, "run-from", "--flow", "slow", *T, "--step", "b")
    until(lambda: lines(slow / "ledger") == ["b"], "the freerun is at b")
    os.kill(process.pid, signal.SIGKILL)
    process.wait(60)
    (slow / "gate").touch()
    engine(slow, "recover", "--flow", "slow", *T)
    assert lines(slow / "ledger") == ["b", "b-end", "c"]
    assert engine_json(slow, "status", "--flow", "slow", *T)["state"] == "processed"


CALLS = """
    from synergyflow import Action, FlowGraph

    class ThreeCalls(Action):
        def __init__(self):
            super().__init__("three")

        def run(self, execution_cluster):
            execution_cluster.run_shell_command("echo one >> ledger")
            execution_cluster.run_shell_command("echo two >> ledger; until test -e gate; do sleep 0.05; done")
            execution_cluster.run_shell_command("echo three >> ledger")

    calls = FlowGraph("calls").append("s", [], ThreeCalls())
"""


def test_code_that_is_repeated_after_a_crash_finds_its_jobs_at_the_same_calls(tmp_path):
    folder = make_project(tmp_path / "project", CALLS)
    process = start(folder, "run", "--flow", "calls", *T)
    until(lambda: lines(folder / "ledger") == ["one", "two"], "the second call runs")
    process.kill()
    process.wait(60)
    (folder / "gate").touch()
    engine(folder, "recover", "--flow", "calls", *T)
    assert lines(folder / "ledger") == ["one", "two", "three"]


def test_a_database_whose_creation_was_broken_off_is_made_when_a_mode_begins(tmp_path):
    folder = make_project(tmp_path / "project", "from synergyflow import FlowGraph\nempty = FlowGraph('empty')\n")
    (folder / "logs").mkdir()
    with sqlite3.connect(folder / "logs" / "synergyflow.db") as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    assert (folder / "logs" / "synergyflow.db").stat().st_size > 0
    engine(folder, "recover", "--flow", "empty", *T, check=2)
    engine(folder, "run", "--flow", "empty", *T)


def test_engines_that_begin_at_once_on_a_fresh_project_all_run(tmp_path):
    folder = make_project(tmp_path / "project", "from synergyflow import FlowGraph\nempty = FlowGraph('empty')\n")
    periods = [f"201301{day:02}00" for day in range(1, 5)]
    engines = [start(folder, "run", "--flow", "empty", "--timeperiod", period) for period in periods]
    codes = [process.wait(120) for process in engines]
    assert codes == [0, 0, 0, 0], (folder / "engine.out").read_text()

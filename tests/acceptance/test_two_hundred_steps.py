"""A flow of 200 steps with a failure in the middle, from the shell: run, status, recover, history."""

from __future__ import annotations

from collections import Counter

from tests.acceptance.commands import engine, engine_json, lines, make_project

FLOW = """
    from synergyflow import FlowGraph, PythonAction, ShellCommandAction

    def note(step_name):
        with open("ledger", "a") as ledger:
            ledger.write(step_name + "\\n")

    wide = FlowGraph("wide")
    for layer in range(20):
        for place in range(10):
            parents = [f"s{layer - 1}_{p}" for p in {place, (place + 1) % 10}] if layer else []
            action = PythonAction(note)
            if (layer, place) == (10, 5):
                action = ShellCommandAction("test -e mended && echo s10_5 >> ledger")
            wide.append(f"s{layer}_{place}", parents, action)
"""

RUN = ("--flow", "wide", "--timeperiod", "2013010100")


def test_every_processed_step_of_two_hundred_ran_exactly_once_after_a_failure_in_the_middle(tmp_path):
    folder = make_project(tmp_path / "project", FLOW)
    failed = engine_json(folder, "run", *RUN, check=1)
    assert failed["state"] == "invalid"
    assert failed["failed"] == ["s10_5"]
    before = Counter(lines(folder / "ledger"))
    status = engine_json(folder, "status", *RUN)
    states = {name: step["state"] for name, step in status["steps"].items()}
    assert len(states) == 200
    assert {name for name, state in states.items() if state == "processed"} == set(before)
    assert states["s19_0"] == "embryo"

    (folder / "mended").touch()
    plan = engine_json(folder, "recover", *RUN, "--dry-run")
    kept = {step["name"] for step in plan["steps"] if step["decision"] == "keep"}
    assert kept == set(before)
    engine(folder, "recover", *RUN)

    ledger = Counter(lines(folder / "ledger"))
    assert len(ledger) == 200
    assert set(ledger.values()) == {1}, "no step ran twice"
    assert engine_json(folder, "status", *RUN)["state"] == "processed"
    history = engine_json(folder, "history", *RUN)
    assert [execution["mode"] for execution in history["executions"]] == ["run", "recover"]
    attempts = Counter(attempt["step_name"] for attempt in history["attempts"])
    assert attempts["s10_5"] == 2
    assert sum(attempts.values()) == 201

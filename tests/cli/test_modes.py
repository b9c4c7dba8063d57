"""`engine run`, `recover`, `run-one`, `run-from`: plans, outcomes, exit codes, signals."""

from __future__ import annotations

import signal
from typing import Any

import pytest

T = "2026010100"
OF_FEED = ("--flow", "feed", "--timeperiod", T)
WAITING = """
from synergyflow import FlowGraph, IdentityAction, ShellCommandAction
waiting = FlowGraph("waiting").append("wait", [], ShellCommandAction("while [ ! -e go ]; do sleep 0.05; done"))
waiting.append("after", ["wait"], IdentityAction())
"""
OF_WAITING = ("--flow", "waiting", "--timeperiod", T)


def started(project: Any) -> Any:
    """The program at work on a step that waits for the file `go`."""
    project.write("flows/waiting.py", WAITING)
    process = project.start("run", *OF_WAITING)
    for line in process.stdout:
        if "step wait started" in line:
            return process
    raise AssertionError(process.stderr.read())


def finish(process: Any) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_a_dry_run_shows_the_plan_and_leaves_nothing_behind(project: Any) -> None:
    before = sorted(project.root.rglob("*"))
    told = project("run", *OF_FEED, "--param", "limit=5", "--dry-run")
    assert told.code == 0
    assert "local-1, local-2 (profile local, 2 slots each)" in told.out
    assert "limit = 5" in told.out
    for step in ("extract", "load", "report"):
        assert f"{step} " in told.out
    assert "every step runs" in told.out
    assert [path for path in sorted(project.root.rglob("*")) if "__pycache__" not in path.parts] == before


def test_a_plan_is_a_document_for_programs(project: Any) -> None:
    plan = project("run", *OF_FEED, "--dry-run", "--json", "--clusters", "5").json
    assert [(step["name"], step["decision"]) for step in plan["steps"]] == [
        ("extract", "run"),
        ("load", "run"),
        ("report", "run"),
    ]
    assert len(plan["clusters"]) == 5
    assert plan["parameters"] == {"airport": "JFK", "limit": "3"}
    assert (plan["mode"], plan["nothing_to_do"], plan["revision"]) == ("run", False, None)


def test_a_run_that_fails_names_the_step_its_log_and_what_to_try(project: Any) -> None:
    told = project("run", *OF_FEED)
    assert told.code == 1
    assert "step load failed" in told.out
    assert "the feed has not arrived" in told.out
    assert str(project.root / "logs" / "feed" / "load.log") in told.out
    assert f"engine recover --flow feed --timeperiod {T}" in told.out
    assert f"engine logs --flow feed --timeperiod {T} --step load" in told.out
    assert told.err == ""


def test_recover_runs_only_what_is_needed_and_then_has_nothing_to_do(project: Any) -> None:
    project("run", *OF_FEED)
    plan = project("recover", *OF_FEED, "--dry-run")
    assert "already processed" in plan.out
    assert "never started" in plan.out
    (project.root / "feed").touch()
    recovered = project("recover", *OF_FEED, "--json")
    assert recovered.code == 0
    assert [name for name, step in recovered.json["steps"].items() if step["executed"]] == ["load", "report"]
    again = project("recover", *OF_FEED)
    assert again.code == 0
    assert "there is nothing to do" in again.out


def test_freeruns_run_what_they_are_asked_for(project: Any) -> None:
    (project.root / "feed").touch()
    assert project("run", *OF_FEED).code == 0
    one = project("run_one", *OF_FEED, "--step", "load", "--json").json
    assert [name for name, step in one["steps"].items() if step["executed"]] == ["load"]
    some = project("run-from", *OF_FEED, "--step", "load", "--json").json
    assert [name for name, step in some["steps"].items() if step["executed"]] == ["load", "report"]


def test_a_result_is_a_document_for_programs(project: Any) -> None:
    told = project("run", *OF_FEED, "--json")
    result = told.json
    assert told.code == 1
    assert (result["state"], result["failed"], result["interrupted"]) == ("invalid", ["load"], False)
    assert result["steps"]["load"]["error"].endswith("the feed has not arrived")
    assert result["plan"]["parameters"]["airport"] == "JFK"
    assert result["duration"] > 0


def test_a_parameter_that_holds_a_secret_is_refused_and_never_shown(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "sekret-value")
    project.write("contexts/local.toml", 'flows = ["flows"]\n[secrets]\nTOKEN = { env = "TOKEN" }\n')
    shown = project("run", *OF_FEED, "--param", "airport=sekret-value", "--dry-run")
    document = project("run", *OF_FEED, "--param", "airport=sekret-value", "--json")
    refused = project("run", *OF_FEED, "--param", "sekret-value=1")
    for told in (shown, document, refused):
        assert told.code == 2
        assert "sekret-value" not in told.out + told.err
    assert "parameter 'airport' holds a secret" in shown.err
    assert "******" in refused.err


def test_strict_refuses_what_has_changed_and_the_plan_names_it(project: Any) -> None:
    project("run", *OF_FEED)
    flows = project.root / "flows" / "flows.py"
    flows.write_text(flows.read_text().replace("echo extracted", "echo otherwise"))
    assert (
        "changed since they were processed, and kept as they are: extract"
        in project("recover", *OF_FEED, "--dry-run").out
    )
    strict = project("recover", *OF_FEED, "--strict")
    assert (strict.code, "extract" in strict.err) == (2, True)


def test_a_run_in_the_hands_of_another_engine_is_refused_with_its_owner(project: Any) -> None:
    process = started(project)
    refused = project("recover", *OF_WAITING)
    assert refused.code == 3
    assert f"pid {process.pid}" in refused.err
    held = project("status", *OF_WAITING)
    assert f"pid {process.pid}" in held.out
    assert f"engine logs --flow waiting --timeperiod {T} --follow" in held.out
    (project.root / "go").touch()
    assert finish(process)[0] == 0


def test_sigint_ends_what_runs_and_leaves_a_run_that_recovers(project: Any) -> None:
    process = started(project)
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert (code, err) == (130, "")
    assert "interrupted (SIGINT)" in out
    assert f" recover --flow waiting --timeperiod {T}" in out
    status = project("status", *OF_WAITING, "--json").json
    assert (status["state"], status["steps"]["wait"]["state"]) == ("invalid", "canceled")
    (project.root / "go").touch()
    assert project("recover", *OF_WAITING).code == 0


def test_sigterm_leaves_jobs_running_and_recover_adopts_them(project: Any) -> None:
    process = started(project)
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 143
    plan = project("recover", *OF_WAITING, "--dry-run", "--json").json
    assert plan["steps"][0]["decision"] == "continue"
    (project.root / "go").touch()
    recovered = project("recover", *OF_WAITING, "--json")
    assert recovered.code == 0
    assert recovered.json["steps"]["wait"]["attempt"] == 1


def test_a_second_signal_ends_the_program_at_once(project: Any) -> None:
    project.write(
        "flows/deaf.py",
        """
from pathlib import Path
from synergyflow import FlowGraph, PythonAction

def work(logger):
    while not Path("go").exists():
        pass

deaf = FlowGraph("deaf").append("work", [], PythonAction(work))
""",
    )
    process = project.start("run", "--flow", "deaf", "--timeperiod", T)
    lines = iter(process.stdout)
    assert any("step work started" in line for line in lines)
    process.send_signal(signal.SIGINT)
    assert any("stopping" in line for line in lines)
    process.send_signal(signal.SIGINT)
    code, out, _ = finish(process)
    assert code == 130
    assert "left as it was: work; to go on: " in out.splitlines()[-1]
    assert f" recover --flow deaf --timeperiod {T}" in out.splitlines()[-1]
    (project.root / "go").touch()
    assert project("recover", "--flow", "deaf", "--timeperiod", T).code == 0

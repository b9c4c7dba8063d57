"""`engine status`, `history`, `logs`, `db upgrade`: what is on record, for people and for programs."""

from __future__ import annotations

from typing import Any

import pytest

T = "2026010100"
OF_FEED = ("--flow", "feed", "--timeperiod", T)
ENDED = "run: invalid"


@pytest.fixture
def failed(project: Any) -> Any:
    """The project after a run of `feed` that failed at its second step."""
    assert project("run", *OF_FEED).code == 1
    return project


def test_status_says_how_each_step_stands_and_what_to_try(failed: Any) -> None:
    told = failed("status", *OF_FEED)
    assert told.code == 0
    lines = told.out.splitlines()
    assert lines[0] == f"flow feed {T} ✗ invalid"
    assert [line.split()[:3] for line in lines if line.startswith(("extract", "load", "report"))] == [
        ["extract", "●", "processed"],
        ["load", "✗", "invalid"],
        ["report", "·", "embryo"],
    ]
    assert "the feed has not arrived" in told.out
    assert lines[-1].endswith(f"engine recover --flow feed --timeperiod {T}")


def test_status_is_a_document_for_programs(failed: Any) -> None:
    document = failed("status", *OF_FEED, "--json").json
    assert (document["state"], document["is_held"], document["owner"]) == ("invalid", False, None)
    assert document["last_execution"]["mode"] == "run"
    assert {name: step["state"] for name, step in document["steps"].items()} == {
        "extract": "processed",
        "load": "invalid",
        "report": "embryo",
    }


def test_status_without_a_timeperiod_lists_recent_runs_latest_first(failed: Any) -> None:
    (failed.root / "feed").touch()
    failed("run", "--flow", "feed", "--timeperiod", "2026010200")
    lines = failed("status", "--flow", "feed").out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["2026010200", T]
    assert lines[3].endswith("load")
    runs = failed("status", "--flow", "feed", "--json", "--limit", "1").json["runs"]
    assert [(run["timeperiod"], run["state"], run["last_mode"]) for run in runs] == [("2026010200", "processed", "run")]


def test_status_of_a_flow_without_runs_says_how_to_begin(project: Any) -> None:
    told = project("status", "--flow", "good")
    assert told.code == 0
    assert "has no runs yet" in told.out
    assert not (project.root / "logs").exists()
    assert project("status", "--flow", "good", "--json").json == {"flow": "good", "runs": []}


def test_a_flow_that_is_no_longer_defined_still_has_its_past(failed: Any) -> None:
    failed.write("flows/flows.py", "raise RuntimeError('broken since')\n")
    assert failed("status", *OF_FEED).code == 0
    assert failed("status", "--flow", "feed").code == 0
    assert failed("history", *OF_FEED).code == 0
    assert "extracted" in failed("logs", *OF_FEED).out


def test_history_keeps_every_execution_and_every_attempt(failed: Any) -> None:
    failed("recover", *OF_FEED)
    (failed.root / "feed").touch()
    failed("recover", *OF_FEED)
    told = failed("history", *OF_FEED)
    assert "3 executions" in told.out
    document = failed("history", *OF_FEED, "--json").json
    assert [(one["mode"], one["state"]) for one in document["executions"]] == [
        ("run", "invalid"),
        ("recover", "invalid"),
        ("recover", "processed"),
    ]
    tries = [(one["step_name"], one["number"], one["state"]) for one in document["attempts"]]
    assert [try_ for try_ in tries if try_[0] == "load"] == [
        ("load", 1, "invalid"),
        ("load", 2, "invalid"),
        ("load", 3, "processed"),
    ]
    of_load = failed("history", *OF_FEED, "--step", "load", "--json").json["attempts"]
    assert {attempt["step_name"] for attempt in of_load} == {"load"}


def test_logs_are_those_of_the_run_by_time(failed: Any) -> None:
    failed("run", "--flow", "feed", "--timeperiod", "2026010200")
    lines = failed("logs", *OF_FEED).out.splitlines()
    assert lines == sorted(lines, key=lambda line: line[:24])
    assert all(f" {T}#" in line for line in lines)
    assert any("looking for the feed [bold]now[/bold]" in line for line in lines)
    assert any(" engine INFO " in line for line in lines)


def test_logs_of_a_step_and_of_the_engine_alone(failed: Any) -> None:
    of_load = failed("logs", *OF_FEED, "--step", "load").out
    assert "extracted" not in of_load
    assert "looking for the feed" in of_load
    of_engine = failed("logs", *OF_FEED, "--step", "feed").out
    assert " engine INFO " in of_engine
    assert "looking" not in of_engine


def test_logs_of_one_attempt(failed: Any) -> None:
    failed("recover", *OF_FEED)
    for number in (1, 2):
        lines = failed("logs", *OF_FEED, "--step", "load", "--attempt", str(number)).out.splitlines()
        assert lines
        assert all(f" {T}#{number} " in line for line in lines)


def test_logs_are_a_document_for_programs(failed: Any) -> None:
    document = failed("logs", *OF_FEED, "--step", "load", "--json").json
    assert document["step"] == "load"
    assert document["lines"] == failed("logs", *OF_FEED, "--step", "load").out.splitlines()


def test_following_a_run_that_is_over_ends_with_its_last_line(failed: Any) -> None:
    assert failed("logs", *OF_FEED, "--follow").out == failed("logs", *OF_FEED).out


def test_following_shows_lines_as_they_come_and_ends_with_the_run(project: Any) -> None:
    project.write(
        "flows/waiting.py",
        """
from synergyflow import FlowGraph, ShellCommandAction
waits = "echo begun; while [ ! -e go ]; do sleep 0.05; done; echo done"
waiting = FlowGraph("waiting").append("wait", [], ShellCommandAction(waits))
""",
    )
    run = project.start("run", "--flow", "waiting", "--timeperiod", T)
    assert any("step wait started" in line for line in run.stdout)
    follower = project.start("logs", "--flow", "waiting", "--timeperiod", T, "--follow")
    assert any(line.endswith("INFO begun\n") for line in follower.stdout)
    (project.root / "go").touch()
    rest, err = follower.communicate(timeout=60)
    assert follower.returncode == 0, err
    assert "INFO done\n" in rest
    assert f"INFO {ENDED.replace('invalid', 'processed')}" in rest
    run.communicate(timeout=60)
    assert run.returncode == 0


def test_db_upgrade_says_from_where_to_where(project: Any) -> None:
    first = project("db", "upgrade", "--json").json
    assert first["old"] is None
    assert "already" in project("db", "upgrade").out
    assert project("db", "upgrade", "--json").json == {"old": first["new"], "new": first["new"]}


def test_a_run_to_try_names_the_parameters_that_it_needs(project: Any) -> None:
    project.write(
        "flows/bound.py",
        "from synergyflow import FlowGraph, IdentityAction, Parameter\n"
        "asks = {'limit': Parameter(int), 'airport': 'JFK'}\n"
        "bound = FlowGraph('bound', parameters=asks).append('a', [], IdentityAction())\n",
    )
    run = f"run --flow bound --timeperiod {T} --param limit=…"
    for words in (("status",), ("recover", "--param", "airport=LGA")):
        told = project(*words, "--flow", "bound", "--timeperiod", T, *(["--param", "limit=1"] * (len(words) > 1)))
        assert told.code == 2
        assert f"flow 'bound' for {T} was never run before" in told.err
        assert f"try: engine {run}\n" in told.err
    assert "--param limit=…" in project("status", "--flow", "bound").out


def test_status_says_when_the_run_and_its_last_execution_began(failed: Any) -> None:
    failed("recover", *OF_FEED)
    document = failed("status", *OF_FEED, "--json").json
    run, last = (one["started_at"][:19].replace("T", " ") for one in (document, document["last_execution"]))
    lines = failed("status", *OF_FEED).out.splitlines()
    assert lines[1] == f"began   {run} UTC"
    assert lines[2].startswith("last    recover: invalid")
    assert f"began {last} UTC" in lines[2]


def test_history_on_a_narrow_terminal_has_errors_below_the_rows(failed: Any) -> None:
    import io

    from rich.console import Console

    from synergyflow.cli.history import _show_attempts
    from synergyflow.cli.records import views_of
    from synergyflow.cli.render import Page
    from synergyflow.config.environment import load_environment

    with views_of(load_environment("local")) as views:
        attempts = views.attempts("feed", T)
    for width, is_below in ((80, True), (160, False)):
        screen = io.StringIO()
        console = Console(file=screen, force_terminal=True, width=width, color_system=None)
        _show_attempts(Page(console), attempts)
        lines = screen.getvalue().splitlines()
        assert any(line.strip() == "load, attempt 1:" for line in lines) is is_below
        assert sum("the feed has not arrived" in line for line in lines) == 1
        assert all(len(line) <= width for line in lines)

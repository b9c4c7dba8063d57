"""The program as a whole: help, options for all commands, how failures are told."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from synergyflow import __version__
from synergyflow.cli import status
from synergyflow.cli.main import COMMANDS, engine

T = "2026010100"
HEAVY = ("alembic", "cloudpickle", "msgspec", "rich", "sqlalchemy", "synergyflow.store", "synergyflow.engine")


def imported_by(*words: str) -> set[str]:
    line = [sys.executable, "-X", "importtime", "-m", "synergyflow", *words]
    told = subprocess.run(line, capture_output=True, text=True, check=True).stderr
    return {row.rsplit("|", 1)[-1].strip() for row in told.splitlines() if row.startswith("import time:")}


def test_help_imports_nothing_that_takes_time() -> None:
    imported = imported_by("--help")
    assert "click" in imported
    assert not [name for name in imported if name.startswith(HEAVY)]


def test_help_of_a_command_imports_no_database() -> None:
    imported = imported_by("run", "--help")
    assert not [name for name in imported if name.startswith(("sqlalchemy", "alembic", "rich"))]


def test_help_names_every_command(project: Any) -> None:
    told = project("--help")
    assert told.code == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in told.out] == []
    assert project().out == told.out
    assert project("-h").out == told.out


def test_every_command_has_the_common_options_and_says_what_it_is_for(project: Any) -> None:
    for name in COMMANDS:
        words = [name, "upgrade"] if name == "db" else [name]
        told = project(*words, "--help")
        assert told.code == 0
        for option in ("--context", "--json", "--debug"):
            assert option in told.out, name


def test_commands_that_are_not_there_yet_are_not_promised(project: Any) -> None:
    for name in ("daemon", "clusters", "cancel", "backfill"):
        assert name not in COMMANDS
        assert project(name).code == 2


def test_the_version_is_that_of_the_package(project: Any) -> None:
    assert project("--version").out.strip() == f"synergyflow {__version__}"


@pytest.mark.parametrize("verb", ["run_one", "run-one", "run_from", "run-from"])
def test_modes_may_be_spelled_with_an_underscore(project: Any, verb: str) -> None:
    assert "--step" in project(verb, "--help").out


def test_common_options_stand_before_or_after_the_command(project: Any) -> None:
    project.write("contexts/other.toml", 'flows = ["elsewhere.py"]\n')
    project.write("elsewhere.py", 'from synergyflow import FlowGraph\nalone = FlowGraph("alone")\n')
    before = project("--context", "other", "--json", "flows")
    after = project("flows", "--json", "--context", "other")
    assert before.json == after.json
    assert [flow["name"] for flow in before.json["flows"]] == ["alone"]
    assert project("-c", "nowhere", "flows", "-c", "contexts/other.toml", "--json").json == after.json


def test_the_context_may_come_from_the_environment(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("contexts/other.toml", "flows = []\n")
    monkeypatch.setenv("SYNERGYFLOW_CONTEXT", "other")
    assert project("flows", "--json").json["flows"] == []
    assert len(project("flows", "--json", "--context", "local").json["flows"]) == 2


def test_an_error_is_one_document_for_programs(project: Any) -> None:
    import json

    told = project("run", "--flow", "goood", "--timeperiod", T, "--json")
    document = json.loads(told.err)
    assert told.out == ""
    assert document["error"] == "there is no flow 'goood' in contexts/local.toml"
    assert document["exit_code"] == told.code == 2
    assert document["hint"] == "did you mean 'good'?"


def test_debug_shows_the_traceback(project: Any) -> None:
    told = project("show", "goood", "--debug")
    assert told.err.startswith("Traceback")
    assert told.err.rstrip().endswith("engine show good --debug")
    assert "Traceback" not in project("show", "goood").err


def test_a_suggested_command_names_the_context_that_was_given(project: Any) -> None:
    project.write("contexts/other.toml", 'flows = ["flows"]\n')
    told = project("recover", "--flow", "good", "--timeperiod", T, "--context", "other")
    assert f"try: engine run --flow good --timeperiod {T} --context other" in told.err


class _Trouble:
    """Something that nobody has foreseen."""

    def __call__(self, *_: object) -> None:
        raise ZeroDivisionError("of sekret-value and nothing")


def test_what_nobody_has_foreseen_is_told_in_a_line_and_kept_in_a_file(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "sekret-value")
    project.write("contexts/local.toml", 'flows = ["flows"]\n[secrets]\nTOKEN = { env = "TOKEN" }\n')
    project("run", "--flow", "good", "--timeperiod", T)
    monkeypatch.setattr(status, "_show", _Trouble())
    told = project("status", "--flow", "good", "--timeperiod", T)
    assert told.code == 1
    assert told.err.startswith("error: unexpected: ZeroDivisionError: of ****** and nothing")
    assert len(told.err.splitlines()) == 2
    kept = (project.root / "logs" / "engine-error.log").read_text()
    assert "Traceback" in kept
    assert "sekret-value" not in kept + told.err


def test_without_a_log_folder_the_details_are_there_for_the_asking(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_one", _Trouble())
    told = project("status", "--flow", "good", "--timeperiod", T)
    assert (told.code, "--debug" in told.err) == (1, True)
    assert not (project.root / "logs").exists()


def test_an_interrupted_command_exits_with_130(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "_one", interrupt)
    assert project("status", "--flow", "good", "--timeperiod", T).code == 130


def test_a_message_of_many_lines_is_told_in_three(project: Any) -> None:
    project.write("flows/bad.py", 'raise ValueError("one\\ntwo\\n\\x1b[31mthree" + "\\nmore" * 5000)\n')
    told = project("run", "--flow", "nobody", "--timeperiod", T)
    assert len(told.err.splitlines()) <= 3
    assert "\x1b" not in told.err
    assert len(told.err) < 4000


def test_a_reader_who_has_seen_enough_ends_the_program_silently(project: Any) -> None:
    project.write(
        "flows/big.py",
        "from synergyflow import FlowGraph, IdentityAction\nbig = FlowGraph('big')\n"
        "for number in range(3000):\n    big.append(f'step_{number}', [], IdentityAction())\n",
    )
    process = project.start("show", "big")
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 0


def test_a_run_whose_reader_has_gone_keeps_its_exit_code(project: Any) -> None:
    process = project.start("run", "--flow", "feed", "--timeperiod", T)
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 1
    assert project("status", "--flow", "feed", "--timeperiod", T, "--json").json["state"] == "invalid"


def test_names_that_an_encoding_lacks_are_written_as_escapes(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write(
        "flows/more.py",
        "from synergyflow import FlowGraph, IdentityAction\n"
        'x = FlowGraph("flüge").append("größe", [], IdentityAction())\n',
    )
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    for words in (["flows"], ["show", "flüge"], ["run", "--flow", "flüge", "--timeperiod", T], ["flows", "--json"]):
        process = project.start(*words)
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert out.isascii()


def test_the_program_is_a_module_too() -> None:
    line = [sys.executable, "-m", "synergyflow", "--version"]
    assert subprocess.run(line, capture_output=True, text=True, check=True).stdout.endswith(f"{__version__}\n")
    assert engine.name == "engine"

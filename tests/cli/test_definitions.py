"""`engine flows`, `show`, `validate`, `init`, `completion`, `demo`: what is defined, and what a new project has."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from synergyflow.cli import demo
from synergyflow.cli.project_files import FILES

T = "2026010100"
FAULTY = """
import threading
from synergyflow import FlowGraph, IdentityAction, SparkAction

class Locked(IdentityAction):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()

locked = FlowGraph("locked").append("hold", [], Locked()).append("far", [], IdentityAction(), cluster="moon")
bad = FlowGraph("bad").append("a", ["b"], IdentityAction()).append("c", [], IdentityAction(), retries=-1)
"""


def test_flows_says_what_there_is_and_where(project: Any) -> None:
    told = project("flows")
    assert told.code == 0
    good = next(line for line in told.out.splitlines() if line.startswith("good"))
    assert good.split()[1:3] == ["2", "daily"]
    assert "0 4 * * *" in good
    assert "flows/flows.py:10" in good
    assert project("flows", "--json").json["flows"][1]["schedule"] == "0 4 * * *"


def test_flows_names_those_that_can_not_be_used_and_keeps_the_others(project: Any) -> None:
    project.write("flows/faulty.py", FAULTY)
    project.write("flows/worse.py", "import no_such_module\n")
    told = project("flows")
    assert told.code == 0
    assert next(line for line in told.out.splitlines() if line.startswith("bad")).endswith("2")
    assert "flows/worse.py" in told.out
    assert "engine validate" in told.out
    assert project("run", "--flow", "good", "--timeperiod", T).code == 0


def test_flows_of_an_empty_context(project: Any) -> None:
    project.write("contexts/local.toml", "flows = []\n")
    assert "names no flows" in project("flows").out


def test_show_draws_the_graph_with_what_steps_do(project: Any) -> None:
    lines = project("show", "feed").out.splitlines()
    assert lines[0].startswith("feed 3 steps")
    assert "parameter  airport: str, default JFK" in lines
    drawn = [line for line in lines if line.startswith("●")]
    assert [line.split()[1] for line in drawn] == ["extract", "load", "report"]
    assert "after extract" in drawn[1]


@pytest.mark.parametrize("form", ["dot", "mermaid", "json", "text"])
def test_show_writes_other_formats_to_a_file(project: Any, form: str) -> None:
    told = project("show", "feed", "--format", form, "--output", "feed.out")
    assert told.code == 0
    written = (project.root / "feed.out").read_text()
    assert "extract" in written
    if form != "text":
        assert project("show", "feed", "--format", form).out == written


def test_show_is_a_document_for_programs(project: Any) -> None:
    document = project("show", "feed", "--json").json
    assert [(step["name"], step["dependent_on"]) for step in document["steps"]] == [
        ("extract", []),
        ("load", ["extract"]),
        ("report", ["load"]),
    ]
    assert document["parameters"]["limit"] == {
        "type": "int",
        "required": False,
        "default": 3,
        "help": "",
        "choices": None,
    }


@pytest.mark.parametrize("width", ["60", "100", "200"])
def test_two_hundred_steps_are_legible_at_any_width(project: Any, monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    project.write(
        "flows/big.py",
        """
from synergyflow import FlowGraph, IdentityAction
big = FlowGraph("big").append("first", [], IdentityAction())
for number in range(198):
    big.append(f"step_{number}", ["first"] if number % 3 == 0 else [f"step_{number - 1}"], IdentityAction())
big.append("last", [f"step_{number}" for number in range(198)], IdentityAction())
""",
    )
    monkeypatch.setenv("COLUMNS", width)
    lines = project("show", "big").out.splitlines()
    named = [line for line in lines if "step_" in line.split("after")[0]]
    assert len(named) == 198


def test_text_of_flows_is_no_markup(project: Any) -> None:
    project.write(
        "flows/odd.py",
        "from synergyflow import FlowGraph, FailureAction\n"
        'x = FlowGraph("odd").append("[red]a[bold]", [], FailureAction("[link=x]boom[/nonsense]"))\n',
    )
    assert "[red]a[bold]" in project("show", "odd").out
    told = project("run", "--flow", "odd", "--timeperiod", T)
    assert told.code == 1
    assert "[link=x]boom[/nonsense]" in told.out
    for words in (["status"], ["history"], ["logs"]):
        told = project(*words, "--flow", "odd", "--timeperiod", T)
        assert told.code == 0
        assert "[link=x]boom[/nonsense]" in told.out


def test_validate_says_that_nothing_is_wrong(project: Any) -> None:
    told = project("validate")
    assert told.code == 0
    assert told.out.startswith("nothing is wrong · 2 usable flows, 5 steps")
    assert project("validate", "good", "--json").json == {"flows": ["good"], "faults": []}
    assert not (project.root / "logs").exists()


def test_validate_lists_every_fault_at_once(project: Any) -> None:
    project.write("flows/faulty.py", FAULTY)
    project.write("flows/worse.py", "import no_such_module\n")
    told = project("validate")
    assert (told.code, told.err) == (2, "")
    for culprit in ("can't be copied", "'moon'", "depends on 'b'", "retries", "no_such_module"):
        assert culprit in told.out
    assert told.out.splitlines()[-1].startswith("5 faults")
    faults = project("validate", "--json").json["faults"]
    assert {(fault["flow"], fault["step"]) for fault in faults} == {
        ("locked", "hold"),
        ("locked", "far"),
        ("bad", "a"),
        ("bad", "c"),
        (None, None),
    }


def test_validate_of_one_flow_lists_its_own_faults(project: Any) -> None:
    project.write("flows/faulty.py", FAULTY)
    assert project("validate", "good").code == 0
    told = project("validate", "bad")
    assert told.code == 2
    assert told.out.count("flow 'bad'") == 2
    assert "locked" not in told.out


def test_validate_looks_at_profiles_database_and_log_folder(project: Any) -> None:
    project.write(
        "contexts/local.toml",
        'flows = ["flows"]\npool = { local = 1, odd = 1 }\nlog_directory = "flows/flows.py"\n'
        'database_url = "oracel://host/name"\n',
    )
    project.write("clusters/local.toml", 'type = "local"\nslotts = 3\n')
    project.write("clusters/odd.toml", 'type = "lokal"\n')
    told = project("validate")
    assert told.code == 2
    for culprit in ("slotts", "lokal", "oracel", "flows/flows.py"):
        assert culprit in told.out


def test_a_new_project_runs_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Any) -> None:
    monkeypatch.chdir(tmp_path)
    made = project("init", "my project")
    assert made.code == 0
    commands = [line.strip() for line in made.out.split("Now try:\n")[1].splitlines()]
    assert len(commands) == 2
    script = " && ".join(commands).replace("engine ", f"'{sys.executable}' -m synergyflow ")
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "● processed" in done.stdout
    greeting = tmp_path / "my project" / "data" / "hello" / "2026010100" / "greeting.txt"
    assert greeting.read_text() == "Hello, world! This is 2026010100.\n"


def test_a_new_project_in_the_working_folder_needs_no_cd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Any
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    document = project("init", "--json").json
    assert document["commands"][0] == "engine run --flow hello --timeperiod 2026010100"
    assert sorted(document["files"]) == sorted(FILES)
    assert project("validate").code == 0


@pytest.mark.parametrize("name", list(FILES))
def test_init_never_overwrites(project: Any, name: str) -> None:
    shutil.rmtree(project.root / "contexts")
    shutil.rmtree(project.root / "clusters")
    mine = project.write(name, "mine")
    told = project("init", ".")
    assert (told.code, name in told.err) == (2, True)
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(project: Any, shell: str) -> None:
    told = project("completion", shell)
    assert told.code == 0
    assert "_ENGINE_COMPLETE" in told.out


def completed(project: Any, line: str) -> list[str]:
    """What the shell would offer for the last word of the line."""
    words = line.split(" ")
    environment = {"_ENGINE_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    import os

    done = subprocess.run(
        [sys.executable, "-m", "synergyflow"],
        cwd=project.root,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return [row.split(",", 1)[1] for row in done.stdout.splitlines() if row]


def test_the_shell_completes_commands_flows_steps_and_contexts(project: Any) -> None:
    project.write("contexts/production.toml", "flows = []\n")
    assert completed(project, "engine run-") == ["run-one", "run-from"]
    assert completed(project, "engine run --flow ") == ["feed", "good"]
    assert completed(project, "engine show g") == ["good"]
    assert completed(project, "engine run-from --flow feed --step ") == ["extract", "load", "report"]
    assert completed(project, "engine run --context ") == ["local", "production"]
    assert completed(project, "engine run --context production --flow ") == []
    assert completed(project, "engine run --context nowhere --flow ") == []


def test_the_demonstration_is_told_in_the_folder_asked_for(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from synergyflow.demo import story

    told = []

    def tell(directory: Path, console: Any) -> int:
        told.append(directory)
        console.print("once upon a time")
        return 1

    monkeypatch.setattr(story, "tell", tell)
    assert demo.demo_command.name == "demo"
    answer = project("demo", "--directory", "elsewhere")
    assert (answer.code, answer.out) == (1, "once upon a time\n")
    document = json.loads(project("demo", "--json").out)
    assert document["directory"] == str(project.root / "demo")
    assert told == [project.root / "elsewhere", project.root / "demo"]


def test_a_flow_misspelt_is_corrected_although_another_file_is_broken(project: Any) -> None:
    project.write("flows/broken.py", "from synergyflow import FlowGraf\n")
    told = project("show", "goood")
    assert "it may be in what can't be loaded: flows/broken.py" in told.err
    assert "did you mean 'good'?" in told.err
    assert told.err.splitlines()[-1].strip() == "engine show good"


def test_a_name_of_the_package_that_is_misspelt_is_corrected(project: Any) -> None:
    project.write("flows/broken.py", "from synergyflow import ShellComandAction\n")
    assert "try: did you mean 'ShellCommandAction'?" in project("validate").out


def test_a_folder_of_flows_that_is_misspelt_is_corrected(project: Any) -> None:
    project.write("contexts/local.toml", 'flows = ["flow"]\n')
    told = project("run", "--flow", "good", "--timeperiod", "2026010100")
    assert "try: did you mean the folder 'flows'?" in told.err
    assert told.err.splitlines()[-1].strip() == "engine validate"


def test_show_tells_the_choices_of_parameters_and_the_delay_of_retries(project: Any) -> None:
    project.write(
        "flows/picky.py",
        "from synergyflow import FlowGraph, IdentityAction, Parameter\n"
        "picky = FlowGraph('picky', parameters={'airport': Parameter(str, default='JFK', choices=('JFK', 'LGA'))})\n"
        "picky.append('a', [], IdentityAction(), retries=2, retry_delay=5)\n",
    )
    told = project("show", "picky").out
    assert "airport: str, default JFK, one of JFK, LGA" in told
    assert "retries 2 after 5 s" in told

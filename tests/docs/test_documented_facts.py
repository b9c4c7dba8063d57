"""What the tables of the documentation say of names, defaults, columns and keys is what the code says."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import click
import msgspec
import pytest

import synergyflow
from synergyflow import actions, errors
from synergyflow.cli.main import COMMANDS, engine
from synergyflow.clusters.base import Cluster, JobRunner
from synergyflow.clusters.local_options import LocalOptions
from synergyflow.config import environment, profile
from synergyflow.core import events
from synergyflow.core.plan import Decision
from synergyflow.engine.heartbeat import HEARTBEAT_SECONDS
from synergyflow.flow.action import Action
from synergyflow.flow.flow_graph import FlowGraph
from synergyflow.flow.policy import Policy
from synergyflow.store import sql, writes
from synergyflow.store.event_rows import kind_of
from synergyflow.store.schema import metadata
from synergyflow.testing.conformance.clusters import ClusterExam

from .pages import ROOT, code_in_text, names, prose, table

NAMING = {"action_name", "log_tag", "skip"}


def first_names(page: str, *heading: str) -> list[str]:
    """Every name in the first column of these tables."""
    return [name for row in table(page, *heading) for name in names(row[0])]


# -- writing flows --------------------------------------------------------------------------------------------------


def test_the_policy_is_all_there_with_its_defaults() -> None:
    rows = {names(row[0])[0]: row[1] for row in table("writing-flows.md", "key", "default", "unit")}
    assert list(rows) == [field.name for field in fields(Policy)]
    known = {field.name: field.default for field in fields(Policy)}
    assert {name: float(said) for name, said in rows.items() if said.isdigit()} == {
        name: value for name, value in known.items() if isinstance(value, int | float)
    }


def test_every_action_that_ships_is_listed_with_arguments_that_it_takes() -> None:
    rows = {names(row[0])[0]: names(row[1].partition(";")[0]) for row in table("writing-flows.md", "action")}
    assert sorted(rows) == sorted(actions.__all__)
    for name, listed in rows.items():
        said = listed if name != "HiveAction" else rows["PigAction"]
        parameters = inspect.signature(getattr(actions, name)).parameters
        taken = {str(parameter).partition(":")[0].partition("=")[0] for parameter in parameters.values()}
        assert set(said) <= taken, name
        optional = NAMING | {"kwargs", "**kwargs"}
        assert taken - set(said) <= optional, name


def test_what_flow_graphs_take_is_listed() -> None:
    listed = first_names("writing-flows.md", "argument", "means")
    taken = {*inspect.signature(FlowGraph).parameters, *inspect.signature(FlowGraph.append).parameters} - {"self"}
    assert {name.strip("*") for name in listed} == {*taken, "step_name"}


def test_what_an_action_has_and_what_its_cluster_can_do_is_listed() -> None:
    has = {name.removeprefix("self.") for name in first_names("writing-flows.md", "attribute", "is")}
    assert has == {name for name, value in vars(Action).items() if isinstance(value, property)} - {
        "log_name",
        "can_roll_back",
    }
    verbs = {name.partition("(")[0] for name in first_names("writing-flows.md", "verb or attribute")}
    assert verbs - {"filesystem", "name", "profile", "type"} == {
        name for name in vars(JobRunner) if name.startswith("run_")
    }


def test_the_signatures_in_the_text_are_those_of_the_code() -> None:
    text = " ".join(prose(ROOT / "docs" / "writing-flows.md").split())
    for name in inspect.signature(FlowGraph).parameters:
        assert name in text.partition("`FlowGraph(flow_name,")[2].partition(")`")[0] or name == "flow_name"
    for name in (code for code in code_in_text(ROOT / "docs" / "writing-flows.md") if code.endswith("Action")):
        assert name in synergyflow.__all__


# -- contexts and profiles ------------------------------------------------------------------------------------------


def test_every_key_of_contexts_and_profiles_is_listed() -> None:
    rows = table("contexts-and-profiles.md", "key", "default", "means")
    listed = [name for row in rows for name in names(row[0])]
    wanted: list[str] = []
    for struct in (environment._ContextKeys, profile._ProfileKeys, LocalOptions):
        wanted += struct.__struct_fields__
    assert sorted(listed) == sorted(wanted)


def test_defaults_of_contexts_and_local_clusters_are_as_listed() -> None:
    rows = {name: row[1] for row in table("contexts-and-profiles.md", "key", "default") for name in names(row[0])}
    for struct in (environment._ContextKeys, LocalOptions):
        for field in msgspec.structs.fields(struct):
            if isinstance(field.default, str | int) and rows[field.name] != "their own names":
                assert rows[field.name].strip('`"') == str(field.default), field.name


# -- command line ---------------------------------------------------------------------------------------------------


def every_command() -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        command = engine.get_command(click.Context(engine), name)
        assert command is not None
        group = command.commands if isinstance(command, click.Group) else {}
        found |= {f"{name} {sub}": made for sub, made in group.items()} or {name: command}
    return found


def test_every_command_is_listed() -> None:
    listed = [name.removeprefix("engine ") for name in first_names("command-line.md", "command", "does")]
    assert sorted(listed) == sorted(every_command())


def test_every_option_is_listed() -> None:
    said = " ".join(code_in_text(ROOT / "docs" / "command-line.md")).replace("\\|", " ").split()
    for name, command in every_command().items():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert set(parameter.opts) <= set(said), name


def test_options_are_listed_with_the_commands_that_take_them() -> None:
    shown = every_command()
    for row in table("command-line.md", "option", "of"):
        takers = names(row[1]) or ["run", "recover", "run-one", "run-from"]
        option = names(row[0])[-1].split()[0]
        taking = [name for name, command in shown.items() if any(option in made.opts for made in command.params)]
        listed = [other for other in table("command-line.md", "option", "of") if option in " ".join(names(other[0]))]
        everywhere = [taker for other in listed for taker in names(other[1]) or shown if option in names(other[0])[-1]]
        assert set(takers) <= set(taking), option
        assert set(taking) <= {*everywhere, *takers}, option


def test_every_exit_code_is_listed() -> None:
    listed = {int(row[0]) for row in table("command-line.md", "code")}
    assert listed == {value for name, value in vars(errors).items() if name.startswith("EXIT_")}


def test_every_decision_of_a_plan_is_listed() -> None:
    assert first_names("command-line.md", "in the plan") == [decision.value for decision in Decision]


@pytest.fixture
def documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, dict[str, Any]]:
    """The documents of a new project that has run once, by the words that the page has for them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNERGYFLOW_CONTEXT", raising=False)

    def said(*words: str) -> dict[str, Any]:
        with pytest.raises(SystemExit):
            engine.main([*words, "--json"])
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    run = ("--flow", "hello", "--timeperiod", "2026010100")
    return {
        "init": said("init"),
        "db upgrade": said("db", "upgrade"),
        "run": said("run", *run),
        "the same with": said("run", *run, "--dry-run"),
        "status": said("status", "--flow", "hello"),
        "status with a timeperiod": said("status", *run),
        "history": said("history", *run),
        "logs": said("logs", *run),
        "flows": said("flows"),
        "show": said("show", "hello"),
        "validate": said("validate"),
        "completion": said("completion", "bash"),
    }


def test_the_keys_of_documents_are_as_listed(documents: dict[str, dict[str, Any]]) -> None:
    rows = table("command-line.md", "command", "keys of its document")
    listed = {row[0].replace("`", "").partition(", ")[0].partition(" --")[0]: names(row[1]) for row in rows}
    assert {key: list(document) for key, document in documents.items()} == {
        key: value for key, value in listed.items() if key != "demo"
    }


def test_the_keys_within_documents_are_as_listed(documents: dict[str, dict[str, Any]]) -> None:
    listed = {row[0].replace("`", ""): names(row[1]) for row in table("command-line.md", "value", "keys")}
    found = {
        "a step of a result": documents["run"]["steps"]["greet"],
        "a step of a plan": documents["run"]["plan"]["steps"][0],
        "a cluster of a plan": documents["run"]["plan"]["clusters"][0],
        "a run of status": documents["status"]["runs"][0],
        "a step of status": documents["status with a timeperiod"]["steps"]["greet"],
        "an execution": documents["history"]["executions"][0],
        "an attempt": documents["history"]["attempts"][0],
        "a flow of flows": documents["flows"]["flows"][0],
        "a fault": dict.fromkeys(field.name for field in fields(synergyflow.flow.fault.Fault)),  # type: ignore[attr-defined]
        "a step of show": documents["show"]["steps"][0],
    }
    assert {value: list(keys) for value, keys in found.items()} == listed


# -- state and logs -------------------------------------------------------------------------------------------------


def test_every_table_and_every_column_is_listed_and_no_other() -> None:
    text = (ROOT / "docs" / "state-and-logs.md").read_text(encoding="utf-8")
    columns = text.partition("### Columns")[2].partition("### ")[0]
    listed: dict[str, list[str]] = {}
    for line in columns.splitlines():
        if line.startswith("`"):
            listed[names(line)[0]] = []
        elif line.startswith("| `"):
            listed[list(listed)[-1]] += names(line.split("|")[1])
    assert {name: sorted(found) for name, found in listed.items()} == {
        name: sorted(column.name for column in made.columns) for name, made in metadata.tables.items()
    }
    assert first_names("state-and-logs.md", "table", "one row for") == list(listed)


def test_the_words_of_states_and_the_numbers_of_leases_are_those_of_the_code() -> None:
    rows = [row[1] for row in table("state-and-logs.md", "column", "holds") if row[0] == "`state`"]
    clusters = {value for name, value in vars(writes).items() if name.startswith("CLUSTER_")}
    assert clusters in [set(names(row)) for row in rows]
    text = prose(ROOT / "docs" / "state-and-logs.md")
    assert f"every {HEARTBEAT_SECONDS:.0f} seconds" in text
    assert f"after {sql.LEASE_SECONDS} seconds" in text


def test_kinds_of_events_that_are_named_exist() -> None:
    kinds = {kind_of(made) for made in get_args(events.Event)}
    assert {"step_started", "job_ended"} <= kinds


# -- extending ------------------------------------------------------------------------------------------------------


def test_every_verb_and_attribute_of_a_cluster_is_listed() -> None:
    verbs = {name.partition("(")[0] for name in first_names("extending.md", "verb", "promise")}
    own = {name for name in vars(Cluster) if not name.startswith("_") and name not in Cluster.__annotations__}
    assert verbs == own - {"run_job"}
    assert set(first_names("extending.md", "attribute", "is")) == set(Cluster.__annotations__)


def test_abilities_of_the_exam_are_listed_with_their_defaults() -> None:
    rows = {names(row[0])[0]: row[1].strip("`") for row in table("extending.md", "attribute", "default")}
    assert set(rows) == set(ClusterExam.__annotations__)
    for name, said in rows.items():
        value = getattr(ClusterExam, name)
        assert said == ('{"shell"}' if name == "can_run" else f"{value:g}" if name == "patience" else str(value))


def test_every_event_that_observers_are_told_is_listed() -> None:
    told = {made.__name__ for made in get_args(events.Event)} - {"RunBegan", "RetryDue"}
    assert set(first_names("extending.md", "event", "says")) == told


# -- architecture ---------------------------------------------------------------------------------------------------


def test_what_the_page_on_architecture_names_is_there() -> None:
    page, package = ROOT / "docs" / "architecture.md", ROOT / "synergyflow"
    rooms = {path.name for path in package.iterdir() if path.is_dir()}
    dotted = [code.partition("(")[0].split(".") for code in code_in_text(page) if code.partition(".")[0] in rooms]
    assert len(dotted) > 5
    for room, *rest in dotted:
        assert not rest or (package / room / f"{rest[0]}.py").is_file() or (package / room / rest[0]).is_dir(), rest
        if len(rest) > 1:
            assert f" {rest[1]}" in (package / room / f"{rest[0]}.py").read_text(encoding="utf-8"), rest
    for row in table("architecture.md", "room"):
        for file in names(row[1]):
            assert (package / names(row[0])[0] / file).is_file(), file

"""Execution contexts, from a file and made by hand."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synergyflow.config.context import ExecutionContext
from synergyflow.config.environment import Environment
from synergyflow.core.timeperiod import TimeQualifier
from synergyflow.errors import ConfigurationError, NotFoundError

Load = Callable[[str], Environment]


def test_start_and_end_follow_from_the_timeperiod() -> None:
    context = ExecutionContext("flow", "2016063000")
    assert (context.start_timeperiod, context.end_timeperiod) == ("2016063000", "2016070100")


def test_start_and_end_that_are_given_are_kept() -> None:
    context = ExecutionContext("flow", "2016063000", "2016060000", "2016070100")
    assert (context.start_timeperiod, context.end_timeperiod) == ("2016060000", "2016070100")
    hourly = context.qualified(TimeQualifier.HOURLY)
    assert (hourly.start_timeperiod, hourly.end_timeperiod) == ("2016060000", "2016070100")


def test_the_qualifier_of_the_flow_decides_what_hour_zero_is() -> None:
    context = ExecutionContext("flow", "2016063000", parameters={"a": 1})
    hourly = context.qualified(TimeQualifier.HOURLY)
    assert (hourly.start_timeperiod, hourly.end_timeperiod) == ("2016063000", "2016063001")
    assert hourly.parameters == {"a": 1}
    assert context.end_timeperiod == "2016070100"
    assert context.qualified(None).end_timeperiod == "2016070100"
    with pytest.raises(NotFoundError, match="monthly"):
        context.qualified(TimeQualifier.MONTHLY)


def test_parameters_can_be_replaced_but_not_changed() -> None:
    context = ExecutionContext("flow", "2016063000", parameters={"a": 1})
    other = context.with_parameters({"b": 2})
    assert (context.parameters, other.parameters) == ({"a": 1}, {"b": 2})
    assert other.timeperiod == context.timeperiod
    with pytest.raises(TypeError, match="read-only"):
        other.parameters["b"] = 3  # type: ignore[index]
    with pytest.raises(AttributeError):
        other.flow_name = "x"  # type: ignore[misc]


def test_what_the_caller_does_to_its_dictionaries_later_does_not_matter() -> None:
    settings, parameters = {"a": 1}, {"b": 2}
    context = ExecutionContext("flow", "2016063000", settings=settings, parameters=parameters)
    settings.clear()
    parameters.clear()
    assert (context.settings, context.parameters) == ({"a": 1}, {"b": 2})


def test_one_made_by_hand_lives_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    context = ExecutionContext("flow", "2016063000")
    assert (context.root, context.log_directory) == (tmp_path, tmp_path / "logs")
    assert context.database_url == f"sqlite:///{tmp_path}/logs/synergyflow.db"
    assert context.environment is None
    assert not context.secrets
    assert context.masker.text("nothing to mask") == "nothing to mask"
    assert context.number_of_clusters == 2


@pytest.mark.parametrize("given", ["my/logs", Path("my/logs")])
def test_one_made_by_hand_may_say_where_logs_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Any) -> None:
    monkeypatch.chdir(tmp_path)
    context = ExecutionContext("flow", "2016063000", settings={"log_directory": given})
    monkeypatch.chdir("/")
    assert context.log_directory == tmp_path / "my" / "logs"
    assert context.database_url == f"sqlite:///{tmp_path}/my/logs/synergyflow.db"


def test_one_of_a_file_has_what_the_file_says(load: Load, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_TOKEN", "token-of-mine")
    load('number_of_clusters = 3\nsecrets = { T = { env = "SF_TOKEN" } }\n[settings]\na = "token-of-mine"')
    monkeypatch.chdir(project)
    context = ExecutionContext.load("here", "flow", "2016063000")
    assert context.environment is not None
    assert (context.root, context.log_directory) == (project, project / "logs")
    assert context.database_url == context.environment.database_url
    assert context.number_of_clusters == 3
    assert context.settings == {"a": "token-of-mine"}
    assert context.secrets["T"] == "token-of-mine"
    assert context.masker.text("token-of-mine") == "******"
    assert "token-of-mine" not in repr(context)
    again = ExecutionContext.load("here", "flow", "2016063000", number_of_clusters=1, parameters={"p": 1})
    assert (again.number_of_clusters, again.parameters) == (1, {"p": 1})


def test_settings_that_are_given_win_over_those_of_the_file(load: Load) -> None:
    environment = load("[settings]\na = 1")
    assert ExecutionContext("flow", "2016063000", environment=environment).settings == {"a": 1}
    assert ExecutionContext("flow", "2016063000", settings={"b": 2}, environment=environment).settings == {"b": 2}


def test_a_copy_is_itself_and_a_pickled_one_the_same(load: Load) -> None:
    context = ExecutionContext("flow", "2016063000", environment=load(""), parameters={"a": 1})
    assert copy.copy(context) is context
    assert copy.deepcopy([context])[0] is context
    again = pickle.loads(pickle.dumps(context))
    assert (again.flow_name, again.parameters, again.environment) == ("flow", {"a": 1}, context.environment)


@pytest.mark.parametrize("timeperiod", ["", "2016", "2016133100", "20160601xx", "2016000007"])
def test_a_timeperiod_that_is_none_is_not_found(timeperiod: str) -> None:
    with pytest.raises(NotFoundError, match="timeperiod"):
        ExecutionContext("flow", timeperiod)
    if timeperiod:
        with pytest.raises(NotFoundError, match="timeperiod"):
            ExecutionContext("flow", "2016063000", start_timeperiod=timeperiod)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"flow_name": ""}, "flow_name"),
        ({"flow_name": 5}, "flow_name"),
        ({"timeperiod": 2016063000}, "timeperiod must be text"),
        ({"start_timeperiod": 2016063000}, "start_timeperiod must be text"),
        ({"end_timeperiod": b"2016070100"}, "end_timeperiod must be text"),
        ({"number_of_clusters": 0}, "number_of_clusters"),
        ({"number_of_clusters": True}, "number_of_clusters"),
        ({"number_of_clusters": "2"}, "number_of_clusters"),
        ({"settings": ["a"]}, "settings must be a mapping"),
        ({"parameters": "a=b"}, "parameters must be a mapping"),
        ({"settings": {"log_directory": 3}}, "log_directory"),
        ({"settings": {"log_directory": ""}}, "log_directory"),
        ({"start_timeperiod": "2016070100", "end_timeperiod": "2016063000"}, "is after end_timeperiod"),
    ],
)
def test_a_wrong_argument_is_one_clear_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        ExecutionContext(**{"flow_name": "flow", "timeperiod": "2016063000", **arguments})
    assert caught.value.hint

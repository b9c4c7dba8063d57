"""An action, unbound and bound."""

from __future__ import annotations

import copy
import logging
import pickle
import threading
from typing import Any

import pytest

from synergyflow.config.context import ExecutionContext
from synergyflow.core.jobs import Job, ShellJob
from synergyflow.errors import DefinitionError
from synergyflow.flow import Action, Step
from synergyflow.flow.action import ActionRuntime

SURROUNDINGS = (
    "context",
    "settings",
    "flow_name",
    "step_name",
    "timeperiod",
    "start_timeperiod",
    "end_timeperiod",
    "parameters",
    "logger",
    "stopping",
)


class Working(Action):
    def run(self, execution_cluster: Any) -> None:
        return None


class Undoable(Working):
    def rollback(self, execution_cluster: Any) -> None:
        return None


class OnlyAJob(Action):
    def job(self) -> Job:
        return ShellJob(command="ls")


class Neither(Action):
    pass


class Uninitialised(Action):
    def __init__(self) -> None:
        self.own = 1

    def run(self, execution_cluster: Any) -> None:
        return None


class Recorder:
    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def run_job(self, job: Job) -> str:
        self.jobs.append(job)
        return "status"


def runtime() -> ActionRuntime:
    context = ExecutionContext("the_flow", "2013010100", settings={"a": 1}, parameters={"threshold": 15})
    return ActionRuntime(context, "the_step", logging.getLogger("test"), threading.Event())


def test_an_action_keeps_its_name_tag_skip_and_further_arguments() -> None:
    action = Working("load", "orders", True, table="x")
    assert (action.action_name, action.log_tag, action.skip, action.kwargs) == ("load", "orders", True, {"table": "x"})


@pytest.mark.parametrize(
    ("name", "tag", "log_name"), [("load", None, "load"), ("load it", "a\tb", "load_it.a_b"), ("a\nb", None, "a_b")]
)
def test_the_log_name_is_one_word(name: str, tag: str | None, log_name: str) -> None:
    assert Working(name, tag).log_name == log_name


@pytest.mark.parametrize("arguments", [("",), (None,), ("a", 5), ("a", None, 1)])
def test_wrong_arguments_are_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(DefinitionError):
        Working(*arguments)


def test_a_bound_action_knows_its_surroundings() -> None:
    action, given = Working("load"), runtime()
    action.bind(given)
    assert action.context is given.context
    assert action.settings == {"a": 1}
    assert (action.flow_name, action.step_name) == ("the_flow", "the_step")
    assert (action.timeperiod, action.start_timeperiod, action.end_timeperiod) == (
        "2013010100",
        "2013010100",
        "2013010200",
    )
    assert action.parameters == {"threshold": 15}
    assert action.logger is given.logger
    assert action.stopping is given.stopping


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_an_unbound_action_says_that_it_is_not_running(name: str) -> None:
    with pytest.raises(DefinitionError, match=f"action 'load': {name} is known only while the action runs"):
        getattr(Working("load"), name)


def test_a_copy_and_a_pickle_of_a_bound_action_are_unbound() -> None:
    action = Working("load", table="x")
    action.bind(runtime())
    for other in (copy.deepcopy(action), pickle.loads(pickle.dumps(action))):
        assert other.kwargs == {"table": "x"}
        with pytest.raises(DefinitionError):
            _ = other.context
    assert action.flow_name == "the_flow"


def test_it_can_roll_back_only_if_its_author_wrote_how() -> None:
    assert not Working("a").can_roll_back
    assert Undoable("a").can_roll_back


def test_an_action_with_only_a_job_runs_by_handing_it_to_the_cluster() -> None:
    cluster = Recorder()
    assert OnlyAJob("a").run(cluster) == "status"  # type: ignore[arg-type]
    assert cluster.jobs == [ShellJob(command="ls")]


def test_by_default_there_is_no_job_no_isolation_and_nothing_to_clean_up() -> None:
    action = Working("a")
    assert action.job() is None
    assert action.isolated is False
    assert action.isolated_job() is None
    assert action.cleanup() is None  # type: ignore[func-returns-value]


def test_a_class_that_writes_neither_run_nor_job_is_refused() -> None:
    with pytest.raises(DefinitionError, match="Neither writes neither run nor job"):
        Neither("a")


def test_a_class_that_does_not_initialise_its_base_is_refused_by_name() -> None:
    action = Uninitialised()
    with pytest.raises(DefinitionError, match=r"Uninitialised.__init__ does not call super\(\).__init__"):
        _ = action.action_name
    with pytest.raises(DefinitionError, match=r"Uninitialised.__init__ does not call super\(\).__init__"):
        Step("s", action)


def test_an_attribute_that_is_not_there_is_an_ordinary_error() -> None:
    with pytest.raises(AttributeError, match="'Working' object has no attribute 'nothing'"):
        _ = Working("a").nothing

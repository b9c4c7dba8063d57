"""Python callables, in the thread of the step and in a child process."""

from __future__ import annotations

import functools
import logging
import os
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from synergyflow.actions import PythonAction
from synergyflow.actions.python import SUPPLIED
from synergyflow.core.jobs import PythonJob
from synergyflow.errors import DefinitionError, NothingToDo
from synergyflow.flow.registry import discover


def collector() -> tuple[list[Any], Any]:
    seen: list[Any] = []
    return seen, seen.append


def test_the_function_is_called_with_its_arguments(bind: Any, cluster: Any) -> None:
    seen: list[Any] = []

    def work(a: int, *rest: int, b: int = 0, **more: int) -> None:
        seen.append((a, rest, b, more))

    action = PythonAction(work, 1, 2, 3, b=4, c=5)
    bind(action)
    action.run(cluster)
    assert seen == [(1, (2, 3), 4, {"c": 5})]
    assert action.action_name == "work"
    assert cluster.jobs == []


def test_what_the_function_asks_for_by_name_is_supplied(bind: Any, cluster: Any) -> None:
    seen: dict[str, Any] = {}

    def work(
        own,
        context,
        settings,
        parameters,
        logger,
        timeperiod,
        start_timeperiod,
        end_timeperiod,
        flow_name,
        step_name=None,
        *,
        cluster,
        filesystem,
    ):
        seen.update(locals())

    action = PythonAction(work, "mine")
    runtime = bind(action, settings={"a": 1}, parameters={"b": 2})
    action.run(cluster)
    assert seen.pop("own") == "mine"
    assert set(seen) - {"seen"} == set(SUPPLIED)
    assert seen["context"] is runtime.context
    assert (seen["settings"], seen["parameters"], seen["logger"]) == ({"a": 1}, {"b": 2}, runtime.logger)
    assert [seen[name] for name in SUPPLIED[4:9]] == ["2013010100", "2013010100", "2013010200", "the_flow", "the_step"]
    assert seen["cluster"] is cluster
    assert seen["filesystem"] is cluster.filesystem


def test_what_is_given_is_not_supplied(bind: Any, cluster: Any) -> None:
    seen, work = [], lambda timeperiod, flow_name: seen.append((timeperiod, flow_name))
    action = PythonAction(work, "mine", flow_name="other")
    bind(action)
    action.run(cluster)
    assert seen == [("mine", "other")]
    assert action.action_name == "python"


@pytest.mark.parametrize(
    ("arguments", "keywords"), [((), {}), ((1, 2, 3), {}), ((1,), {"other": 2}), ((1,), {"timeperiods": 2})]
)
def test_a_call_that_does_not_fit_is_refused_when_it_is_written(arguments: Any, keywords: Any) -> None:
    def work(own: int, timeperiod: str) -> None: ...

    with pytest.raises(DefinitionError, match=r"work.*can't be called with these arguments"):
        PythonAction(work, *arguments, **keywords)


def test_only_what_can_be_called_is_taken() -> None:
    with pytest.raises(DefinitionError, match="takes a function, not 5"):
        PythonAction(5)  # type: ignore[arg-type]


def test_nothing_to_do_goes_through(bind: Any, cluster: Any) -> None:
    def work() -> None:
        raise NothingToDo("no files")

    action = PythonAction(work)
    bind(action)
    with pytest.raises(NothingToDo, match="no files"):
        action.run(cluster)


def test_built_in_functions_and_partial_ones_can_be_called(bind: Any, cluster: Any) -> None:
    seen: list[Any] = []
    for action in (PythonAction(seen.append, 1), PythonAction(functools.partial(seen.extend, [2, 3]))):
        bind(action)
        action.run(cluster)
    assert seen == [1, 2, 3]


def write_down(
    path: str, number: int, timeperiod: str, parameters: Any, settings: Any, filesystem: Any, logger: Any
) -> None:
    logger.info("number %d in process %d", number, os.getpid())
    print("printed")
    with filesystem.open_for_writing(path) as file:
        file.write(f"{number} {timeperiod} {parameters['p']} {settings['s']} {os.getpid()}".encode())


def test_an_isolated_call_runs_in_a_child_process_with_what_it_asks_for(bind: Any, cluster: Any) -> None:
    action = PythonAction(write_down, "out.txt", number=5, isolated=True)
    bind(action, parameters={"p": 1}, settings={"s": 2})
    assert action.isolated
    action.run(cluster)
    assert cluster.errors == ""
    assert cluster.exit_code == 0
    written = (cluster.folder / "bucket/out.txt").read_text().split()
    assert written[:4] == ["5", "2013010100", "1", "2"]
    assert int(written[4]) != os.getpid()
    assert cluster.output.splitlines() == [f"number 5 in process {written[4]}", "printed"]


def test_the_job_of_a_call_says_what_it_is(bind: Any, cluster: Any) -> None:
    action = PythonAction(write_down, "out.txt", 5)
    bind(action, parameters={"p": 1})
    job = action.isolated_job(cluster)
    assert isinstance(job, PythonJob)
    assert job.description == "write_down"
    assert job.nothing_to_do_exit_code == 99
    assert job.environment["SYNERGYFLOW_PARAM_P"] == "1"


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("raise NothingToDo('no files today')", 99, "no files today\n"),
        ("raise SystemExit(0)", 1, ""),
        ("print('é\\udcff', end='')", 0, "é\\udcff"),
    ],
)
def test_the_end_of_a_call_is_the_exit_code_of_the_child(
    bind: Any, cluster: Any, body: str, code: int, said: str
) -> None:
    namespace: dict[str, Any] = {"__name__": "written_here", "NothingToDo": NothingToDo}
    exec(f"def work():\n    {body}\n", namespace)
    action = PythonAction(namespace["work"], isolated=True)
    bind(action)
    action.run(cluster)
    assert (cluster.exit_code, cluster.output) == (code, said)


def test_an_exception_of_a_call_is_a_traceback_and_exit_code_one(bind: Any, cluster: Any) -> None:
    def work() -> None:
        raise ValueError("wrong number")

    action = PythonAction(work, isolated=True)
    bind(action)
    action.run(cluster)
    assert cluster.exit_code == 1
    assert cluster.errors.startswith("Traceback")
    assert cluster.errors.endswith("ValueError: wrong number\n")


def test_functions_of_discovered_files_and_their_siblings_reach_the_child(
    bind: Any, cluster: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "flows_of_isolation"
    folder.mkdir()
    (folder / "_neighbour_of_isolation.py").write_text("def name():\n    return 'neighbour'\n")
    text = """
    import _neighbour_of_isolation
    from synergyflow.flow import FlowGraph
    from synergyflow.actions import PythonAction

    class Own:
        value = 1

    def helper(thing):
        return type(thing).__name__

    def work(thing, function):
        print(_neighbour_of_isolation.name(), helper(thing), function(thing))

    graph = FlowGraph("isolation").append("s", None, PythonAction(work, Own(), helper, isolated=True))
    """
    (folder / "daily.py").write_text(textwrap.dedent(text))
    action: Any = discover([str(folder)], tmp_path).get("isolation")["s"].main_action
    bind(action)
    action.run(cluster)
    assert cluster.errors == ""
    assert cluster.output == "neighbour Own Own\n"


def test_the_cluster_cannot_be_taken_to_a_child_process() -> None:
    def work(cluster: Any) -> None: ...

    with pytest.raises(DefinitionError, match="`cluster` that work asks for can't be supplied"):
        PythonAction(work, isolated=True)
    with pytest.raises(DefinitionError, match="can't run in a child process"):
        PythonAction(work).isolated_job()


def test_a_filesystem_without_a_cluster_cannot_be_supplied(bind: Any) -> None:
    action = PythonAction(lambda filesystem: None)
    bind(action)
    with pytest.raises(DefinitionError, match="asks for 'filesystem'"):
        action.isolated_job()


def test_what_cannot_be_pickled_is_said_before_anything_starts(bind: Any, cluster: Any) -> None:
    action = PythonAction(logging.info, threading.Lock(), isolated=True)
    bind(action)
    with pytest.raises(DefinitionError, match="can't be taken to a child process"):
        action.run(cluster)
    assert cluster.jobs == []

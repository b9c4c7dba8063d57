"""Shell, Spark, Pig, Hive and Hadoop: what is given to the action is in the job."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from synergyflow.actions import HadoopAction, HiveAction, PigAction, ShellCommandAction, SparkAction
from synergyflow.core.jobs import HadoopJob, HiveJob, JobKind, PigJob, ShellJob, SparkJob
from synergyflow.errors import ActionError, DefinitionError

SURROUNDINGS = {
    "SYNERGYFLOW_FLOW": "the_flow",
    "SYNERGYFLOW_STEP": "the_step",
    "SYNERGYFLOW_TIMEPERIOD": "2013010100",
    "SYNERGYFLOW_START_TIMEPERIOD": "2013010100",
    "SYNERGYFLOW_END_TIMEPERIOD": "2013010200",
}
DAY = datetime.date(2013, 1, 2)


def test_a_shell_command_is_a_job_that_knows_its_surroundings(bind: Any) -> None:
    action = ShellCommandAction("ls -al")
    bind(action)
    assert action.job() == ShellJob(command="ls -al", environment=SURROUNDINGS)
    assert action.job_kinds == {JobKind.SHELL}


def test_parameters_of_the_flow_are_in_the_environment_of_every_job(bind: Any) -> None:
    parameters = {"threshold": 15, "strict": True, "day": DAY, "nothing": None}
    for action in (ShellCommandAction("ls"), SparkAction("x"), PigAction("x"), HiveAction("x"), HadoopAction("x")):
        bind(action, parameters=parameters)
        job: Any = action.job()
        assert dict(job.environment) == {
            **SURROUNDINGS,
            "SYNERGYFLOW_PARAM_THRESHOLD": "15",
            "SYNERGYFLOW_PARAM_STRICT": "true",
            "SYNERGYFLOW_PARAM_DAY": "2013-01-02",
        }


def test_keyword_arguments_of_a_shell_command_are_variables_as_they_are_named(bind: Any) -> None:
    action = ShellCommandAction(
        "echo", {"PATH_OF": Path("/x"), "both": 1}, "/work", 7, both=2, lower="a", SYNERGYFLOW_FLOW="mine"
    )
    bind(action)
    job = action.job()
    assert {name: job.environment[name] for name in ("PATH_OF", "both", "lower")} == {
        "PATH_OF": "/x",
        "both": "2",
        "lower": "a",
    }
    assert job.environment["SYNERGYFLOW_FLOW"] == "mine"
    assert (job.working_directory, job.nothing_to_do_exit_code) == ("/work", 7)


def test_a_shell_command_is_run_as_written(bind: Any) -> None:
    action = ShellCommandAction("awk '{timeperiod}' ${HOME}")
    bind(action)
    assert action.job().command == "awk '{timeperiod}' ${HOME}"


@pytest.mark.parametrize(
    "arguments",
    [("",), ("  ",), (5,), ("a\0b",), ("ls", {"a=b": 1}), ("ls", {"": 1}), ("ls", {"a": None}), ("ls", "a=b")],
)
def test_a_wrong_shell_command_is_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(DefinitionError):
        ShellCommandAction(*arguments)


@pytest.mark.parametrize("code", [0, 256, -1, True, "1"])
def test_an_exit_code_for_nothing_to_do_is_one_that_is_no_success(code: Any) -> None:
    with pytest.raises(DefinitionError, match="from 1 to 255"):
        ShellCommandAction("ls", nothing_to_do_exit_code=code)


def test_a_spark_application_gets_everything_and_its_keyword_arguments_in_order(bind: Any) -> None:
    action = SparkAction(
        "s3://code/{timeperiod}.py",
        arguments=["in/{timeperiod}", 5],
        main_class="com.example.Main",
        conf={"spark.executor.memory": "2g", "spark.speculation": True},
        jars=["a.jar"],
        py_files=("b.zip",),
        files=["c"],
        deploy_mode="cluster",
        environment={"A": 1},
        nothing_to_do_exit_code=3,
        zone="x",
        day=DAY,
        airport="{parameters[airport]}",
    )
    bind(action, parameters={"airport": "JFK"})
    assert action.job() == SparkJob(
        uri_script="s3://code/2013010100.py",
        language="python",
        arguments=("in/2013010100", "5", "--zone", "x", "--day", "2013-01-02", "--airport", "JFK"),
        main_class="com.example.Main",
        conf={"spark.executor.memory": "2g", "spark.speculation": "true"},
        jars=("a.jar",),
        py_files=("b.zip",),
        files=("c",),
        deploy_mode="cluster",
        environment={**SURROUNDINGS, "SYNERGYFLOW_PARAM_AIRPORT": "JFK", "A": "1"},
        nothing_to_do_exit_code=3,
    )


def test_keyword_arguments_of_pig_and_hive_become_parameters(bind: Any) -> None:
    pig = PigAction("x.pig", foo="bar", number=5)
    hive = HiveAction("x.sql", ["--silent", 1], parameters={"a": 1, "day": "{timeperiod}"}, a=2)
    bind(pig)
    bind(hive)
    assert pig.log_tag is None
    assert pig.job() == PigJob(uri_script="x.pig", parameters={"foo": "bar", "number": "5"}, environment=SURROUNDINGS)
    assert hive.job() == HiveJob(
        uri_script="x.sql",
        arguments=("--silent", "1"),
        parameters={"a": "2", "day": "2013010100"},
        environment=SURROUNDINGS,
    )


def test_keyword_arguments_of_hadoop_become_properties(bind: Any) -> None:
    action = HadoopAction("x.jar", "Main", ["in", "out"], properties={"mapreduce.job.reduces": 5}, queue="q")
    bind(action)
    assert action.job() == HadoopJob(
        uri_jar="x.jar",
        main_class="Main",
        arguments=("in", "out"),
        properties={"mapreduce.job.reduces": "5", "queue": "q"},
        environment=SURROUNDINGS,
    )


def test_a_job_action_runs_by_handing_its_job_to_the_cluster(bind: Any, cluster: Any) -> None:
    action = PigAction("x.pig", foo="bar")
    bind(action)
    action.run(cluster)
    assert cluster.jobs == [action.job()]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SparkAction(""), "a script or jar is a path"),
        (lambda: SparkAction("x", language="cobol"), "language can't be 'cobol'"),
        (lambda: SparkAction("x", deploy_mode="moon"), "deploy_mode is"),
        (lambda: SparkAction("x", arguments="one two"), "arguments is a list, not 'one two'"),
        (lambda: SparkAction("x", arguments=[None]), "one of arguments is None"),
        (lambda: SparkAction("x", day=None), "argument 'day' is None"),
        (lambda: PigAction("x", foo=None), "parameters 'foo' is None"),
        (lambda: HadoopAction("x", properties=[1]), "properties is a mapping"),
    ],
)
def test_a_wrong_job_is_refused(make: Any, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        make()
    assert message in str(caught.value)


def test_a_parameter_in_braces_that_the_flow_lacks_is_named(bind: Any) -> None:
    action = PigAction("{parameters[nowhere]}.pig")
    bind(action)
    with pytest.raises(ActionError, match="names parameter 'nowhere'"):
        action.job()

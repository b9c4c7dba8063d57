"""Command lines of local jobs, as a table."""

import sys

import pytest

from synergyflow.clusters.local_commands import HINTS, command_line, program_option
from synergyflow.clusters.local_options import LocalOptions
from synergyflow.core.jobs import HadoopJob, HiveJob, Job, PigJob, PythonJob, ShellJob, SparkJob
from synergyflow.errors import JobFailed

TABLE: list[tuple[Job, LocalOptions, list[str]]] = [
    (ShellJob(command="echo $HOME | wc"), LocalOptions(), ["bash", "-c", "echo $HOME | wc"]),
    (ShellJob(command="ls"), LocalOptions(shell="zsh -eu"), ["zsh", "-eu", "-c", "ls"]),
    (PythonJob(payload=b"x"), LocalOptions(), [sys.executable, "-m", "synergyflow.actions.isolated", "payload"]),
    (
        SparkJob(uri_script="job.py", arguments=("--day", "1")),
        LocalOptions(),
        ["spark-submit", "--master", "local[*]", "job.py", "--day", "1"],
    ),
    (
        SparkJob(
            uri_script="job.jar",
            language="scala",
            main_class="org.x.Main",
            conf={"spark.ui.enabled": "false", "k": "a b"},
            jars=("a.jar", "b.jar"),
            py_files=("c.zip",),
            files=("d.csv", "e.csv"),
            deploy_mode="client",
        ),
        LocalOptions(spark_master="local[2]", spark_submit="/opt/spark/bin/spark-submit"),
        [
            *("/opt/spark/bin/spark-submit", "--master", "local[2]", "--deploy-mode", "client"),
            *("--conf", "spark.ui.enabled=false", "--conf", "k=a b", "--jars", "a.jar,b.jar", "--py-files", "c.zip"),
            *("--files", "d.csv,e.csv", "--class", "org.x.Main", "job.jar"),
        ],
    ),
    (
        SparkJob(uri_script="report.sql", language="sql", arguments=("--hivevar", "day=1")),
        LocalOptions(),
        ["spark-sql", "--master", "local[*]", "-f", "report.sql", "--hivevar", "day=1"],
    ),
    (
        PigJob(uri_script="file:///jobs/a%20b.pig", parameters={"day": "1", "in": "x"}, arguments=("-t", "All")),
        LocalOptions(),
        ["pig", "-x", "local", "-param", "day=1", "-param", "in=x", "-f", "/jobs/a b.pig", "-t", "All"],
    ),
    (
        HiveJob(uri_script="a.hql", parameters={"day": "1"}),
        LocalOptions(hive="hive3"),
        ["hive3", "--hivevar", "day=1", "-f", "a.hql"],
    ),
    (
        HadoopJob(uri_jar="a.jar", main_class="Main", properties={"x.y": "1"}, arguments=("in", "out")),
        LocalOptions(),
        ["hadoop", "jar", "a.jar", "Main", "-D", "x.y=1", "in", "out"],
    ),
    (HadoopJob(uri_jar="a.jar"), LocalOptions(), ["hadoop", "jar", "a.jar"]),
]


@pytest.mark.parametrize(("job", "options", "expected"), TABLE)
def test_a_job_becomes_this_command_line(job: Job, options: LocalOptions, expected: list[str]) -> None:
    assert command_line(job, options) == expected


@pytest.mark.parametrize(("job", "options", "expected"), TABLE)
def test_every_program_that_may_be_missing_has_a_hint(job: Job, options: LocalOptions, expected: list[str]) -> None:
    option = program_option(job)
    assert option is None or (HINTS[option] and hasattr(options, option))


def test_a_scala_job_that_is_no_jar_is_refused() -> None:
    with pytest.raises(JobFailed, match="not a jar"):
        command_line(SparkJob(uri_script="Main.scala", language="scala"), LocalOptions())

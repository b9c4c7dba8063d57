"""Pure translators: a job and the options of its cluster to the command line that does it on this machine.

Nothing here looks at the machine: which program is where, and whether it is there at all, is asked by `local.py`.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from urllib.parse import unquote

from synergyflow.clusters.local_options import LocalOptions
from synergyflow.core.jobs import HadoopJob, HiveJob, Job, PigJob, PythonJob, ShellJob, SparkJob
from synergyflow.errors import JobFailed

HINTS: Mapping[str, str] = {
    "spark_submit": "pip install pyspark (it needs Java), or name it in the profile as spark_submit",
    "spark_sql": "pip install pyspark (it needs Java), or name it in the profile as spark_sql",
    "pig": "install Apache Pig, or name its program in the profile as pig",
    "hive": "install Apache Hive, or name its program in the profile as hive",
    "hadoop": "install Apache Hadoop, or name its program in the profile as hadoop",
    "shell": "name a shell that is there in the profile as shell",
}
"""How to get a program, by the option that names it."""


def command_line(job: Job, options: LocalOptions, *, payload: str = "payload") -> list[str]:
    """The program and its arguments. `payload` is the file that a Python job's call will be found in."""
    match job:
        case ShellJob():
            return [*shlex.split(options.shell or "bash"), "-c", job.command]
        case PythonJob():
            return [sys.executable, "-m", "synergyflow.actions.isolated", payload]
        case SparkJob():
            return _spark_sql(job, options) if job.language.lower() == "sql" else _spark_submit(job, options)
        case PigJob():
            pairs = _pairs("-param", job.parameters)
            return [options.pig, "-x", "local", *pairs, "-f", _path(job.uri_script), *job.arguments]
        case HiveJob():
            pairs = _pairs("--hivevar", job.parameters)
            return [options.hive, *pairs, "-f", _path(job.uri_script), *job.arguments]
        case HadoopJob():
            main_class = [job.main_class] if job.main_class else []
            pairs = _pairs("-D", job.properties)
            return [options.hadoop, "jar", _path(job.uri_jar), *main_class, *pairs, *job.arguments]


def program_option(job: Job) -> str | None:
    """Name of the option that says which program the job needs; None for Python, which is here for sure."""
    match job:
        case ShellJob():
            return "shell"
        case PythonJob():
            return None
        case SparkJob():
            return "spark_sql" if job.language.lower() == "sql" else "spark_submit"
        case PigJob() | HiveJob() | HadoopJob():
            return job.kind.value


def _spark_submit(job: SparkJob, options: LocalOptions) -> list[str]:
    if job.language.lower() in ("scala", "java") and not job.uri_script.endswith(".jar"):
        raise JobFailed(
            f"{job.uri_script} is not a jar, which a Spark job in {job.language} needs",
            hint="give the jar as uri_script and its entry point as main_class",
        )
    return [*_spark_start(options.spark_submit, job, options), job.uri_script, *job.arguments]


def _spark_sql(job: SparkJob, options: LocalOptions) -> list[str]:
    return [*_spark_start(options.spark_sql, job, options), "-f", job.uri_script, *job.arguments]


def _spark_start(program: str, job: SparkJob, options: LocalOptions) -> list[str]:
    return [
        program,
        "--master",
        options.spark_master,
        *_given("--deploy-mode", job.deploy_mode),
        *_pairs("--conf", job.conf),
        *_given("--jars", ",".join(job.jars)),
        *_given("--py-files", ",".join(job.py_files)),
        *_given("--files", ",".join(job.files)),
        *_given("--class", job.main_class),
    ]


def _given(name: str, value: str | None) -> list[str]:
    return [name, value] if value else []


def _pairs(name: str, values: Mapping[str, str]) -> list[str]:
    return [part for key, value in values.items() for part in (name, f"{key}={value}")]


def _path(uri: str) -> str:
    """A plain path where the program expects one and the URI names a local file."""
    return unquote(uri.removeprefix("file://")) if uri.startswith("file:///") else uri

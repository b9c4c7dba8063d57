"""Pure translators: a job and the options of its cluster to the command that does it at Qubole.

Nothing here calls anything. Where a kind of command lacks what a job asks for, the same program is run by a shell
command instead; what can't be kept either way is refused before a call is made. Environment variables go where Qubole
has any: to shell commands and Spark.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from synergyflow.clusters.qubole_options import QuboleOptions
from synergyflow.core.jobs import HadoopJob, HiveJob, Job, PigJob, ShellJob, SparkJob
from synergyflow.errors import JobFailed

TAG = "synergyflow"
EXIT_CODE_LINE = re.compile(rb"^synergyflow: exit code (\d{1,3})\r?$", re.MULTILINE)
"""The last line that a failed shell command leaves in its log: Qubole tells no exit codes."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REPORT = 'code=$?; if [ "$code" -ne 0 ]; then echo "synergyflow: exit code $code" >&2; fi; exit "$code"'


def command(job: Job, token: str, options: QuboleOptions, *, profile: str, launch: str | None = None) -> dict[str, Any]:
    """The request that does the job: named by the token, tagged with the profile and the `launch` of its cluster.

    It never asks Qubole to retry: what a failure means is decided by the engine.

    Raises:
        JobFailed: Qubole can't run such a job.
    """
    request = {
        **_what_to_do(job, options),
        "label": options.label,
        "name": token,
        "tags": [tag for tag in (TAG, profile, launch, *options.tags) if tag],
        "can_notify": False,
        "pool": options.pool,
        "timeout": options.command_timeout,
    }
    if job.nothing_to_do_exit_code is not None and request["command_type"] != "ShellCommand":
        raise JobFailed(
            f"Qubole tells no exit code of a {job.kind} job, so nothing_to_do_exit_code={job.nothing_to_do_exit_code} "
            "can't be kept",
            hint="leave it out, or run the program by a shell action",
        )
    return {key: value for key, value in request.items() if value is not None}


def _what_to_do(job: Job, options: QuboleOptions) -> dict[str, Any]:
    match job:
        case ShellJob():
            return _shell(job.command, job.environment, job.working_directory)
        case SparkJob():
            return _spark(job, options)
        case PigJob() if not job.arguments:
            parameters = {"parameters": dict(job.parameters)} if job.parameters else {}
            return {"command_type": "PigCommand", "script_location": job.uri_script, **parameters}
        case PigJob():
            words = ["pig", *_pairs("-param", job.parameters), "-f", job.uri_script, *job.arguments]
            return _shell(shlex.join(words), job.environment)
        case HiveJob() if not (job.parameters or job.arguments):
            return {"command_type": "HiveCommand", "script_location": job.uri_script}
        case HiveJob():
            words = ["hive", *_pairs("--hivevar", job.parameters), "-f", job.uri_script, *job.arguments]
            return _shell(shlex.join(words), job.environment)
        case HadoopJob():
            return _hadoop(job)
    raise JobFailed(f"Qubole can't run {job.kind} jobs", hint="give the step a local cluster (policy `cluster`)")


def _shell(script: str, environment: Mapping[str, str], directory: str | None = None) -> dict[str, Any]:
    """The script in a subshell of its own, followed by the report of its exit code."""
    lines = [*_exports(environment), *([f"cd {shlex.quote(directory)} || exit 1"] if directory else [])]
    return {"command_type": "ShellCommand", "inline": "\n".join([*lines, "(", script, ")", _REPORT])}


def _exports(environment: Mapping[str, str]) -> list[str]:
    for name in environment:
        if not _VARIABLE.fullmatch(name):
            raise JobFailed(f"{name!r} can't be the name of an environment variable")
    return [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]


def _spark(job: SparkJob, options: QuboleOptions) -> dict[str, Any]:
    language = job.language.lower()
    if language == "sql":
        program = re.sub(r"spark-submit$", "spark-sql", options.spark_submit)
        words = [program, *_spark_options(job), "-f", job.uri_script, *job.arguments]
        return _shell(shlex.join(words), job.environment)
    if language in ("scala", "java") and not job.uri_script.endswith(".jar"):
        raise JobFailed(
            f"{job.uri_script} is not a jar, which a Spark job in {job.language} needs",
            hint="give the jar as uri_script and its entry point as main_class",
        )
    _exports(job.environment)
    environment = [
        pair
        for name, value in job.environment.items()
        for pair in (f"spark.yarn.appMasterEnv.{name}={value}", f"spark.executorEnv.{name}={value}")
    ]
    settings = [word for pair in environment for word in ("--conf", pair)]
    words = [options.spark_submit, *settings, *_spark_options(job), job.uri_script, *job.arguments]
    return {"command_type": "SparkCommand", "cmdline": shlex.join(words)}


def _spark_options(job: SparkJob) -> list[str]:
    return [
        *_given("--deploy-mode", job.deploy_mode),
        *_pairs("--conf", job.conf),
        *_given("--jars", ",".join(job.jars)),
        *_given("--py-files", ",".join(job.py_files)),
        *_given("--files", ",".join(job.files)),
        *_given("--class", job.main_class),
    ]


def _hadoop(job: HadoopJob) -> dict[str, Any]:
    main_class = [job.main_class] if job.main_class else []
    words = [job.uri_jar, *main_class, *_pairs("-D", job.properties), *job.arguments]
    return {"command_type": "HadoopCommand", "sub_command": "jar", "sub_command_args": shlex.join(words)}


def _given(name: str, value: str | None) -> list[str]:
    return [name, value] if value else []


def _pairs(name: str, values: Mapping[str, str]) -> list[str]:
    return [part for key, value in values.items() for part in (name, f"{key}={value}")]

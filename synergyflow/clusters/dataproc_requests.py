"""Pure translators: a profile's options, and a job, to what Dataproc's calls are given.

Requests are plain mappings with the field names of the API. What Dataproc has no place for is refused, never left out
in silence. Every identity is derived from the engine's token.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
import uuid
from collections.abc import Mapping
from typing import Any

from synergyflow.clusters.dataproc_options import DataprocOptions
from synergyflow.clusters.dataproc_states import EXIT_MARK
from synergyflow.core.jobs import HadoopJob, HiveJob, Job, JobKind, PigJob, PythonJob, ShellJob, SparkJob
from synergyflow.errors import JobFailed

TOKEN_LABEL = "synergyflow-token"
KIND_LABEL = "synergyflow-kind"
JOB_KINDS = frozenset({JobKind.SPARK, JobKind.PIG, JobKind.HIVE, JobKind.HADOOP, JobKind.SHELL})

_CLUSTER_NAME = re.compile(r"[a-z]([a-z0-9-]{0,50}[a-z0-9])?")
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{1,63}")
_NAMESPACE = uuid.UUID("5f6a2b8e-3f0e-5d1c-9a75-0d9c3a4f7b21")
_VARIABLE_FLAGS = {"-d", "--define", "--hivevar", "-param", "-p", "-param_name"}
_PROPERTY_FLAGS = {"--hiveconf", "--conf", "-D"}


def cluster_name_of(token: str) -> str:
    """The token itself where Dataproc takes it as a name, else one that is derived from it."""
    return token if _CLUSTER_NAME.fullmatch(token) else "sf-" + _digest(token)


def job_id_of(token: str) -> str:
    """The token itself where Dataproc takes it as a job id, else one that is derived from it."""
    return token if _JOB_ID.fullmatch(token) else "sf-" + _digest(token)


def request_id_of(verb: str, token: str) -> str:
    """What lets Dataproc know a repeated request as such; the same for the same verb and token, for ever."""
    return str(uuid.uuid5(_NAMESPACE, f"{verb}\x1f{token}"))


def label_of(token: str) -> str:
    """The token as the value of a label."""
    return token if _LABEL_VALUE.fullmatch(token) else "sf-" + _digest(token)


def cluster_request(options: DataprocOptions, name: str, token: str) -> dict[str, Any]:
    """A `Cluster`: what the profile says, synergyflow's label, and both limits on its life."""
    config = {
        "config_bucket": options.staging_bucket,
        "temp_bucket": options.temp_bucket,
        "gce_cluster_config": _machines(options),
        "master_config": _group(options.masters, options.master_machine_type, options.master_disk_gb, options),
        "worker_config": _group(options.workers, options.worker_machine_type, options.worker_disk_gb, options),
        "secondary_worker_config": _secondary(options),
        "software_config": _software(options),
        "initialization_actions": [
            {"executable_file": action.path, "execution_timeout": {"seconds": action.timeout}}
            for action in options.initialization_actions
        ],
        "lifecycle_config": {
            "idle_delete_ttl": {"seconds": options.idle_timeout},
            "auto_delete_ttl": {"seconds": options.max_age},
        },
    }
    return {
        "project_id": options.project,
        "cluster_name": name,
        "labels": {**options.cluster_labels, TOKEN_LABEL: label_of(token)},
        "config": _given(config),
    }


def job_request(job: Job, token: str, options: DataprocOptions, cluster_name: str) -> dict[str, Any]:
    """A `Job` with the id that is derived from the token.

    Raises:
        JobFailed: Dataproc can't run the job as it is written.
    """
    return {
        "reference": {"project_id": options.project, "job_id": job_id_of(token)},
        "placement": {"cluster_name": cluster_name},
        "labels": {**options.cluster_labels, TOKEN_LABEL: label_of(token), KIND_LABEL: job.kind.value},
        **_typed(job, job_id_of(token)),
    }


def _machines(options: DataprocOptions) -> dict[str, Any]:
    return _given(
        {
            "zone_uri": options.zone,
            "network_uri": options.network,
            "subnetwork_uri": options.subnetwork,
            "internal_ip_only": options.internal_ip_only,
            "tags": list(options.network_tags),
            "metadata": dict(options.metadata),
            "service_account": options.service_account,
            "service_account_scopes": list(options.scopes),
        }
    )


def _group(count: int, machine_type: str, disk_gb: int | None, options: DataprocOptions) -> dict[str, Any]:
    if count == 0:
        return {}
    disk = _given({"boot_disk_type": options.disk_type, "boot_disk_size_gb": disk_gb})
    return _given({"num_instances": count, "machine_type_uri": machine_type, "disk_config": disk})


def _secondary(options: DataprocOptions) -> dict[str, Any]:
    if options.secondary_workers == 0:
        return {}
    return {
        "num_instances": options.secondary_workers,
        "preemptibility": options.secondary_preemptibility.upper(),
    }


def _software(options: DataprocOptions) -> dict[str, Any]:
    single = {"dataproc:dataproc.allow.zero.workers": "true"} if options.workers == 0 else {}
    return _given(
        {
            "image_version": options.image_version,
            "optional_components": list(options.components),
            "properties": {**options.properties, **single},
        }
    )


def _typed(job: Job, job_id: str) -> dict[str, Any]:
    match job:
        case SparkJob():
            return _spark(job)
        case PigJob():
            variables, properties = _variables(job.arguments, job.parameters, "Pig")
            return {"pig_job": _script(job.uri_script, variables, properties)}
        case HiveJob():
            variables, properties = _variables(job.arguments, job.parameters, "Hive")
            return {"hive_job": _script(job.uri_script, variables, properties)}
        case HadoopJob():
            return {"hadoop_job": _hadoop(job)}
        case ShellJob():
            return {"pig_job": {"query_list": {"queries": [shell_query(job, job_id)]}}}
        case PythonJob():
            raise JobFailed(
                "Dataproc can't run a Python call of the engine's own machine",
                hint="PythonAction runs beside the engine; for work on the cluster use SparkAction",
            )


def _spark(job: SparkJob) -> dict[str, Any]:
    _refuse_unplaced(job)
    properties = {**job.conf, **_environment_properties(job.environment)}
    if job.deploy_mode:
        properties["spark.submit.deployMode"] = job.deploy_mode
    common = {"args": list(job.arguments), "jar_file_uris": list(job.jars), "file_uris": list(job.files)}
    match job.language.lower():
        case "python":
            files = {"main_python_file_uri": job.uri_script, "python_file_uris": list(job.py_files)}
            return {"pyspark_job": _given({**files, **common, "properties": properties})}
        case "sql":
            variables, more = _variables(job.arguments, {}, "Spark SQL")
            return {"spark_sql_job": _script(job.uri_script, variables, {**properties, **more}, jars=job.jars)}
        case "r":
            if job.jars:
                properties["spark.jars"] = ",".join(job.jars)
            rest = {"args": list(job.arguments), "file_uris": list(job.files), "properties": properties}
            return {"spark_r_job": _given({"main_r_file_uri": job.uri_script, **rest})}
        case "scala" | "java":
            main = _jar_main(job.uri_script, job.main_class, job.jars, common)
            return {"spark_job": _given({**main, "properties": properties})}
        case other:
            raise JobFailed(f"Dataproc can't run Spark in {other!r}", hint="python, scala, java, r or sql")


def _refuse_unplaced(job: SparkJob) -> None:
    language = job.language.lower()
    unplaced = {
        "py_files": bool(job.py_files) and language != "python",
        "files": bool(job.files) and language == "sql",
        "main_class": job.main_class is not None and language not in ("scala", "java"),
    }
    for name, is_unplaced in unplaced.items():
        if is_unplaced:
            raise JobFailed(f"Dataproc takes no {name} for Spark in {job.language}", hint=f"leave {name} out")


def _jar_main(jar: str, main_class: str | None, jars: tuple[str, ...], common: Mapping[str, Any]) -> dict[str, Any]:
    """Dataproc takes a class or a jar as the entry point, not both: with a class the jar is one of its libraries."""
    if main_class is None:
        return {**common, "main_jar_file_uri": jar, "jar_file_uris": list(jars)}
    return {**common, "main_class": main_class, "jar_file_uris": [jar, *jars]}


def _hadoop(job: HadoopJob) -> dict[str, Any]:
    common = {"args": list(job.arguments), "properties": dict(job.properties)}
    return _given(_jar_main(job.uri_jar, job.main_class, (), common))


def _environment_properties(environment: Mapping[str, str]) -> dict[str, str]:
    """Spark hands variables on to executors, and to a driver that runs in the cluster."""
    return {
        f"{prefix}.{name}": value
        for name, value in environment.items()
        for prefix in ("spark.executorEnv", "spark.yarn.appMasterEnv")
    }


def _script(
    uri: str, variables: Mapping[str, str], properties: Mapping[str, str], jars: tuple[str, ...] = ()
) -> dict[str, Any]:
    return _given(
        {
            "query_file_uri": uri,
            "script_variables": dict(variables),
            "properties": dict(properties),
            "jar_file_uris": list(jars),
        }
    )


def _variables(
    arguments: tuple[str, ...], parameters: Mapping[str, str], what: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Variables and properties: parameters, and those arguments that name one. Dataproc has no place for others."""
    variables, properties, rest = dict(parameters), dict[str, str](), list(arguments)
    while rest:
        flag = rest.pop(0)
        name, is_pair, value = rest[0].partition("=") if rest else ("", "", "")
        if not is_pair or flag not in _VARIABLE_FLAGS | _PROPERTY_FLAGS:
            raise JobFailed(
                f"Dataproc takes no argument {flag!r} for a {what} script",
                hint="use parameters, or settings inside the script",
            )
        rest.pop(0)
        (variables if flag in _VARIABLE_FLAGS else properties)[name] = value
    return variables, properties


def shell_query(job: ShellJob, job_id: str) -> str:
    """The Pig statement that runs a command line on the master, which is Dataproc's own way to run one.

    Neither Pig nor a shell on the way may read the command, so it travels encoded and becomes a file that removes
    itself. Its exit code is written at the end of the output if it is not 0.
    """
    encoded = base64.b64encode(shell_script(job).encode()).decode()
    file = f"/tmp/{job_id}.sh"
    decode = f"echo {encoded} | base64 --decode | install -m 700 /dev/stdin {file}"
    return f"sh bash -c '{decode} && exec bash {file} < /dev/null'"


def shell_script(job: ShellJob) -> str:
    """The file that runs the command line."""
    variables = "".join(f"{shlex.quote(f'{name}={value}')} " for name, value in job.environment.items())
    lines = [
        'rm -f -- "$0"',
        *([f"cd {shlex.quote(job.working_directory)} || exit 1"] if job.working_directory else []),
        f"env {variables}bash -c {shlex.quote(job.command)}",
        "code=$?",
        f'[ "$code" = 0 ] || echo "{EXIT_MARK}$code" >&2',
        'exit "$code"',
    ]
    return "\n".join(lines) + "\n"


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty, so that Dataproc's own defaults hold."""
    return {key: value for key, value in values.items() if value is not None and value not in ({}, [], "")}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:32]

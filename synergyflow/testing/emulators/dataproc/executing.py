"""Jobs that really run: each as a process group of this machine.

`gs://` in scripts' places, arguments, properties and variables becomes the folder that keeps the emulator's objects;
Spark runs in local mode instead of on YARN, and stands in for Hive. What a script itself names by `gs://` is not seen.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.cloud.dataproc_v1.types import Job

from synergyflow.testing.emulators.dataproc.model import Running
from synergyflow.testing.emulators.dataproc.objects import Objects

SPARK_MASTER = "local[2]"

_SHELL = re.compile(r"\s*sh\s+(.*?);?\s*$", re.DOTALL)
_APP_MASTER = "spark.yarn.appMasterEnv."
_FROM_YARN = ("spark.yarn.", "spark.submit.deployMode", "spark.executorEnv.")
_CHUNK = 1 << 16


def command_line(job: Job, localized: Callable[[str], str]) -> list[str]:
    """The program and arguments that stand in for the job on this machine."""
    if "pyspark_job" in job:
        kind = job.pyspark_job
        files = _listed("--py-files", kind.python_file_uris, localized)
        return [*_spark(kind, files, localized), *_local([kind.main_python_file_uri, *kind.args], localized)]
    if "spark_job" in job:
        return _spark_jar(job.spark_job, localized)
    if "spark_r_job" in job:
        kind = job.spark_r_job
        return [*_spark(kind, [], localized), *_local([kind.main_r_file_uri, *kind.args], localized)]
    if "spark_sql_job" in job:
        return _queries("spark-sql", job.spark_sql_job, localized)
    if "hive_job" in job:
        return _queries("hive" if shutil.which("hive") else "spark-sql", job.hive_job, localized)
    if "pig_job" in job:
        return _pig(job.pig_job, localized)
    return _hadoop(job.hadoop_job, localized)


def _spark(kind: Any, more: Sequence[str], localized: Callable[[str], str]) -> list[str]:
    return [
        "spark-submit",
        *("--master", SPARK_MASTER),
        *_properties(kind.properties, localized),
        *_listed("--jars", getattr(kind, "jar_file_uris", ()), localized),
        *_listed("--files", kind.file_uris, localized),
        *more,
    ]


def _spark_jar(kind: Any, localized: Callable[[str], str]) -> list[str]:
    if kind.main_jar_file_uri:
        return [*_spark(kind, [], localized), *_local([kind.main_jar_file_uri, *kind.args], localized)]
    jars = list(kind.jar_file_uris)
    return [*_spark(kind, ["--class", kind.main_class], localized), *_local([jars[0], *kind.args], localized)]


def _queries(program: str, kind: Any, localized: Callable[[str], str]) -> list[str]:
    spark = [*("--master", SPARK_MASTER), *_properties(kind.properties, localized)] if program == "spark-sql" else []
    variables = [part for name, value in kind.script_variables.items() for part in ("--hivevar", f"{name}={value}")]
    query = ["-f", kind.query_file_uri] if kind.query_file_uri else ["-e", ";\n".join(kind.query_list.queries)]
    return [program, *spark, *_local([*variables, *query], localized)]


def _pig(kind: Any, localized: Callable[[str], str]) -> list[str]:
    """Pig; but a query that is a shell command needs none: Pig itself would hand it to `sh -c`."""
    queries = list(kind.query_list.queries)
    commands = [found[1] for query in queries if (found := _SHELL.match(query)) is not None]
    if commands and len(commands) == len(queries):
        return ["sh", "-c", "\n".join(f"{command} || exit $?" for command in commands)]
    variables = [part for name, value in kind.script_variables.items() for part in ("-param", f"{name}={value}")]
    script = ["-f", kind.query_file_uri] if kind.query_file_uri else ["-e", "\n".join(queries)]
    return ["pig", "-x", "local", *_local([*variables, *script], localized)]


def _hadoop(kind: Any, localized: Callable[[str], str]) -> list[str]:
    """What `hadoop jar` does, with the classes that come with Spark."""
    jar = kind.main_jar_file_uri or kind.jar_file_uris[0]
    main_class = [kind.main_class] if kind.main_class else []
    properties = [part for name, value in kind.properties.items() for part in ("-D", f"{name}={value}")]
    start = ["java", "-cp", f"{_spark_home()}/jars/*", "org.apache.hadoop.util.RunJar"]
    local = ["-D", "mapreduce.framework.name=local"]
    return [*start, *_local([jar, *main_class, *local, *properties, *kind.args], localized)]


def _properties(properties: Mapping[str, str], localized: Callable[[str], str]) -> list[str]:
    kept = {name: value for name, value in properties.items() if not name.startswith(_FROM_YARN)}
    return [part for name, value in kept.items() for part in ("--conf", f"{name}={localized(value)}")]


def _listed(option: str, uris: Sequence[str], localized: Callable[[str], str]) -> list[str]:
    return [option, ",".join(_local(uris, localized))] if uris else []


def _local(values: Sequence[str], localized: Callable[[str], str]) -> list[str]:
    return [localized(value) for value in values]


def variables_of(job: Job) -> dict[str, str]:
    """Environment variables that the driver gets from the properties of a Spark job."""
    for name in ("pyspark_job", "spark_job", "spark_r_job", "spark_sql_job"):
        if name in job:
            given = dict(getattr(job, name).properties)
            return {key.removeprefix(_APP_MASTER): given[key] for key in given if key.startswith(_APP_MASTER)}
    return {}


def _spark_home() -> str:
    spec = importlib.util.find_spec("pyspark")
    own = os.path.dirname(spec.origin) if spec is not None and spec.origin else "/usr/lib/spark"
    return os.environ.get("SPARK_HOME", own)


class ProcessRunner:
    """Runs jobs below `folder`, each in a directory of its own."""

    def __init__(self, folder: Path, objects: Objects) -> None:
        self._folder = folder
        self._objects = objects
        self._lock = threading.Lock()
        self._running: set[_Process] = set()
        self._threads: list[threading.Thread] = []

    def start(self, job: Job, write: Callable[[bytes], None], ended: Callable[[int, str], None]) -> Running:
        """See `Runner`. A program that can't be started ends as a shell would have it, with 127."""
        argv = command_line(job, self._objects.localized)
        process = _Process(self._started(argv, job, write))
        with self._lock:
            self._running.add(process)
        thread = threading.Thread(target=self._follow, args=(process, write, ended), daemon=True)
        self._threads.append(thread)
        thread.start()
        return process

    def close(self) -> None:
        """Kill all groups, and wait until whoever follows them is done."""
        with self._lock:
            running = list(self._running)
        for process in running:
            process.end(force=True)
        for thread in self._threads:
            thread.join()

    def _started(self, argv: Sequence[str], job: Job, write: Callable[[bytes], None]) -> subprocess.Popen[bytes] | None:
        search = os.pathsep.join([os.environ.get("PATH", os.defpath), os.path.dirname(sys.executable)])
        usual = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
        directory = self._folder / job.reference.job_id
        directory.mkdir(parents=True, exist_ok=True)
        try:
            return subprocess.Popen(
                [shutil.which(argv[0], path=search) or argv[0], *argv[1:]],
                cwd=directory,
                env={**usual, **os.environ, "PATH": search, **variables_of(job)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            write(f"cannot start {argv[0]}: {error.strerror}\n".encode())
            return None

    def _follow(self, process: _Process, write: Callable[[bytes], None], ended: Callable[[int, str], None]) -> None:
        code = process.follow(write)
        with self._lock:
            self._running.discard(process)
        ended(code, "")


class _Process:
    """A process group; whatever is left of it is ended when its leader has ended and the output is read."""

    def __init__(self, process: subprocess.Popen[bytes] | None) -> None:
        self._process = process

    def end(self, *, force: bool) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL if force else signal.SIGTERM)

    def follow(self, write: Callable[[bytes], None]) -> int:
        """Pass the output on until it ends, then the exit code, as a shell counts it."""
        if self._process is None:
            return 127
        assert self._process.stdout is not None
        with self._process.stdout as output:
            while data := output.read(_CHUNK):
                write(data)
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        self.end(force=True)
        code = self._process.wait()
        return 128 - code if code < 0 else code

"""Work that is really done: each command as a process group of this machine.

`s3://` in what a command says becomes the folder that keeps the emulator's objects; Spark runs locally instead of on
YARN, Hive's queries by Spark SQL. What a program itself reads or writes under `s3://` is not seen here.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synergyflow.testing.emulators.qubole.model import EmulatedCommand

_S3 = re.compile(r"s3[an]?://")
_MOST_BYTES = 64 << 20
_NOT_FOUND = 127
_OF_DRIVER = re.compile(r"^spark\.yarn\.appMasterEnv\.([^=\n]+)=(.*)$", re.MULTILINE)
_PRIVATE = re.compile(r"QUBOLE|TOKEN|SECRET|PASSWORD", re.IGNORECASE)


def command_line(request: Mapping[str, Any], objects: Path) -> list[str]:
    """The program and arguments that stand in for the command on this machine."""

    def here(text: Any) -> str:
        return _S3.sub(lambda _: f"{objects}/", str(text))

    match request:
        case {"command_type": "ShellCommand", "inline": script}:
            return ["bash", "-c", here(script)]
        case {"command_type": "ShellCommand", "script_location": script, **rest}:
            return ["bash", here(script), *shlex.split(here(rest.get("parameters") or ""))]
        case {"command_type": "SparkCommand", "cmdline": cmdline}:
            return _spark(shlex.split(here(cmdline)))
        case {"command_type": "SparkCommand", "sql": query}:
            return ["spark-sql", "--master", "local[2]", "-e", here(query)]
        case {"command_type": "SparkCommand", "script_location": script, **rest}:
            options = shlex.split(here(rest.get("arguments") or ""))
            arguments = shlex.split(here(rest.get("user_program_arguments") or ""))
            return _spark(["spark-submit", *options, here(script), *arguments])
        case {"command_type": "HiveCommand", "query": query}:
            return _hive("-e", here(query))
        case {"command_type": "HiveCommand", "script_location": script}:
            return _hive("-f", here(script))
        case {"command_type": "PigCommand", "latin_statements": statements}:
            return ["pig", "-x", "local", "-e", here(statements)]
        case {"command_type": "PigCommand", "script_location": script, **rest}:
            pairs = [
                word for key, value in (rest.get("parameters") or {}).items() for word in ("-param", f"{key}={value}")
            ]
            return ["pig", "-x", "local", *map(here, pairs), "-f", here(script)]
        case {"command_type": "HadoopCommand", "sub_command": "jar", "sub_command_args": arguments}:
            return _hadoop_jar(shlex.split(here(arguments)))
    return []


def _spark(words: Sequence[str]) -> list[str]:
    """Spark as it runs here: its own program, on this machine, with the driver beside the one who asked."""
    program, options = Path(words[0]).name, list(words[1:])
    for name in ("--master", "--deploy-mode"):
        while name in options:
            place = options.index(name)
            del options[place : place + 2]
    return [program, "--master", "local[2]", "--conf", "spark.ui.enabled=false", *options]


def _hive(*arguments: str) -> list[str]:
    return ["hive", *arguments] if shutil.which("hive") else ["spark-sql", "--master", "local[2]", *arguments]


def _hadoop_jar(words: Sequence[str]) -> list[str]:
    if shutil.which("hadoop"):
        return ["hadoop", "jar", *words]
    jars = Path(_spark_home()) / "jars" / "*"
    return ["java", "-cp", f"{words[0]}{os.pathsep}{jars}", "org.apache.hadoop.util.RunJar", *words]


def _search_path() -> str:
    """Where programs are looked for; tools installed with the running Python count too."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), os.path.dirname(sys.executable)])


def _spark_home() -> str:
    """Where Spark is: as told, as a package of the running Python, or of the one beside `spark-submit`."""
    from importlib.util import find_spec

    told, found = os.environ.get("SPARK_HOME"), find_spec("pyspark")
    if told or (found and found.origin):
        return told or os.path.dirname(str(found and found.origin))
    submit = shutil.which("spark-submit", path=_search_path())
    beside = Path(submit).parent.parent.glob("lib/python*/site-packages/pyspark") if submit else ()
    return str(next(iter(beside), "/usr/lib/spark"))


def _python_of_spark() -> str:
    submit = shutil.which("spark-submit", path=_search_path())
    beside = Path(submit).parent / "python3" if submit else Path(sys.executable)
    return str(beside) if beside.exists() else sys.executable


class _Process:
    """A process group; its rest is ended when its leader has ended."""

    def __init__(self, process: subprocess.Popen[bytes], place: Path) -> None:
        self._process = process
        self._place = place

    def ended(self, now: float) -> int | None:
        code = self._process.poll()
        if code is None:
            return None
        self._signal(signal.SIGKILL)
        return code if code >= 0 else 128 - code

    def kill(self, *, force: bool = False) -> None:
        if self._process.poll() is None:
            self._signal(signal.SIGKILL if force else signal.SIGTERM)

    def end(self) -> None:
        """End it for certain, and wait for that."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def log(self) -> bytes:
        return _beginning(self._place / "stderr")

    def results(self) -> bytes:
        return _beginning(self._place / "stdout")

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


class _NeverRan:
    """Work that could not begin."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def ended(self, now: float) -> int | None:
        return _NOT_FOUND

    def kill(self, *, force: bool = False) -> None:
        """There is nothing to end."""

    def log(self) -> bytes:
        return f"{self._reason}\n".encode()

    def results(self) -> bytes:
        return b""


class ProcessWorker:
    """Starts processes below `folder`, where each command has a place of its own."""

    def __init__(self, folder: Path, objects: Path) -> None:
        self._folder = folder
        self._objects = objects
        self._processes: list[_Process] = []

    def begin(self, command: EmulatedCommand, now: float) -> _Process | _NeverRan:
        """See `Worker`."""
        argv = command_line(command.request, self._objects)
        if not argv:
            return _NeverRan(f"the emulator does not run such a {command.request['command_type']}")
        program = shutil.which(argv[0], path=_search_path())
        if program is None:
            return _NeverRan(f"{argv[0]}: command not found")
        place = self._folder / str(command.id)
        (place / "work").mkdir(parents=True)
        with open(place / "stdout", "wb") as stdout, open(place / "stderr", "wb") as stderr:
            process = subprocess.Popen(
                [program, *argv[1:]],
                cwd=place / "work",
                env=_environment(command),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        made = _Process(process, place)
        self._processes.append(made)
        return made

    def close(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.end()


def _environment(command: EmulatedCommand) -> dict[str, str]:
    """The emulator's own, without what may be secret: a command at Qubole would not see it either."""
    kept = {name: value for name, value in os.environ.items() if not _PRIVATE.search(name)}
    own = {"PATH": _search_path(), "QBOL_COMMAND_ID": str(command.id), "SPARK_LOCAL_IP": "127.0.0.1"}
    of_driver = dict(_OF_DRIVER.findall("\n".join(shlex.split(str(command.request.get("cmdline") or "")))))
    spark = {"PYSPARK_PYTHON": _python_of_spark(), "SPARK_HOME": _spark_home()}
    return {**spark, **kept, **of_driver, **own}


def _beginning(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(_MOST_BYTES)

"""Work that is really done: each step as a process group of this machine, as `command-runner.jar` would start it.

`s3://` in arguments becomes the folder that keeps the emulator's objects; Spark runs locally instead of on YARN. What a
script itself reads or writes under `s3://` is not seen here.
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
from collections.abc import Callable, Sequence
from pathlib import Path

from synergyflow.testing.emulators.emr.model import Ending, Running, Step

_S3 = re.compile(r"s3[an]?://")
_SHORTENED = b"\n[the rest is left out]\n"
_MOST_OUTPUT = 64 << 20
_NOT_FOUND = 127


def command_line(step: Step, objects: Path) -> list[str]:
    """The program and arguments that stand in for the step on this machine."""
    jar_step = step.request["HadoopJarStep"]
    jar, arguments = str(jar_step["Jar"]), [_mapped(argument, objects) for argument in step.arguments]
    if jar.endswith("command-runner.jar"):
        return _command(arguments)
    if jar.endswith("script-runner.jar"):
        return ["bash", *arguments]
    main_class = [jar_step["MainClass"]] if jar_step.get("MainClass") else []
    if shutil.which("hadoop"):
        return ["hadoop", "jar", _mapped(jar, objects), *main_class, *arguments]
    classes = os.pathsep.join([_mapped(jar, objects), f"{_spark_home()}/jars/*"])
    return ["java", "-cp", classes, "org.apache.hadoop.util.RunJar", _mapped(jar, objects), *main_class, *arguments]


def _command(argv: Sequence[str]) -> list[str]:
    match list(argv):
        case ["spark-submit" | "spark-sql" as program, *options]:
            return [program, "--master", "local[2]", *_without(options, "--deploy-mode", "--master")]
        case ["hive-script", "--run-hive-script", "--args", *options]:
            if shutil.which("hive"):
                return ["hive", *options]
            return ["spark-sql", "--master", "local[2]", *options]
        case ["pig-script", "--run-pig-script", "--args", *options]:
            return ["pig", "-x", "local", *("-param" if option == "-p" else option for option in options)]
        case _:
            return list(argv)


def _without(options: Sequence[str], *names: str) -> list[str]:
    """`options` without these, each with its value."""
    kept: list[str] = []
    skip = False
    for option in options:
        if skip:
            skip = False
        elif option in names:
            skip = True
        else:
            kept.append(option)
    return kept


def _mapped(argument: str, objects: Path) -> str:
    return _S3.sub(f"{objects}/", argument)


def _spark_home() -> str:
    found = importlib.util.find_spec("pyspark")
    installed = os.path.dirname(found.origin) if found is not None and found.origin else "/usr/lib/spark"
    return os.environ.get("SPARK_HOME", installed)


class _Process:
    """A process group; the group is ended when its leader has ended, as a node manager would."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def interrupt(self, *, force: bool) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL if force else signal.SIGTERM)


class ProcessRunner:
    """Starts processes below `folder`, where each step has one of its own with its stdout and stderr."""

    def __init__(self, folder: Path, objects: Path) -> None:
        self._folder = folder
        self._objects = objects
        self._lock = threading.Lock()
        self._alive: set[_Process] = set()
        self._threads: list[threading.Thread] = []

    def start(self, step: Step, ended: Callable[[Ending], None]) -> Running:
        """See `Runner`."""
        place = self._folder / step.id
        place.mkdir(parents=True)
        argv = command_line(step, self._objects)
        search = os.pathsep.join([os.environ.get("PATH", os.defpath), os.path.dirname(sys.executable)])
        environment = {
            **os.environ,
            "PATH": search,
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "EMR_STEP_ID": step.id,
        }
        work = place / "work"
        work.mkdir()
        try:
            with open(place / "stdout", "wb") as stdout, open(place / "stderr", "wb") as stderr:
                process = subprocess.Popen(
                    [shutil.which(argv[0], path=search) or argv[0], *argv[1:]],
                    cwd=work,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                )
        except OSError as error:
            return self._never_ran(ended, f"Cannot run program {argv[0]!r}: {error.strerror}\n".encode())
        running = _Process(process)
        self._in_thread(lambda: self._wait(process, running, place, ended))
        with self._lock:
            self._alive.add(running)
        return running

    def close(self) -> None:
        """End all processes and wait for the threads that watch them."""
        with self._lock:
            alive, threads = list(self._alive), list(self._threads)
        for running in alive:
            running.interrupt(force=True)
        for thread in threads:
            thread.join()

    def _wait(
        self, process: subprocess.Popen[bytes], running: _Process, place: Path, ended: Callable[[Ending], None]
    ) -> None:
        code = process.wait()
        running.interrupt(force=True)
        with self._lock:
            self._alive.discard(running)
        ended(
            Ending(
                exit_code=code if code >= 0 else 128 - code,
                stdout=_beginning(place / "stdout"),
                stderr=_beginning(place / "stderr"),
            )
        )

    def _never_ran(self, ended: Callable[[Ending], None], message: bytes) -> Running:
        self._in_thread(lambda: ended(Ending(exit_code=_NOT_FOUND, stderr=message)))
        return _NoProcess()

    def _in_thread(self, act: Callable[[], None]) -> None:
        thread = threading.Thread(target=act, name="emulated step", daemon=True)
        with self._lock:
            self._threads = [*(known for known in self._threads if known.is_alive()), thread]
        thread.start()


class _NoProcess:
    """Work that could not begin."""

    def interrupt(self, *, force: bool) -> None:
        """There is nothing to end."""


def _beginning(path: Path) -> bytes:
    with open(path, "rb") as file:
        data = file.read(_MOST_OUTPUT)
        return data + _SHORTENED if file.read(1) else data

"""The log folder of an environment: which file is whose. Lines and rotation are made in the files beside this one.

<directory>/<flow_name>/<flow_name>.log     the engine and the clusters
<directory>/<flow_name>/<step_name>.log     one file for each step
"""

from __future__ import annotations

import getpass
import logging
import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from weakref import WeakSet

from synergyflow.config.masking import Masker
from synergyflow.errors import ConfigurationError
from synergyflow.observers.log_file import Generations, LogFile
from synergyflow.observers.log_line import utcnow
from synergyflow.observers.run_logger import RunLogger
from synergyflow.observers.step_log import RunLines, StepLog

__all__ = ["LogBook", "StepLog", "log_path"]


def log_path(directory: Path, flow_name: str, name: str) -> Path:
    """The file of a step, or of the flow itself where `name` is the flow's.

    Raises:
        ConfigurationError: a name would leave the folder.
    """
    for part in (flow_name, name):
        if part in ("", ".", "..") or "/" in part or "\0" in part:
            raise ConfigurationError(f"{part!r} can't name a log file", hint="use letters, digits, dots and dashes")
    return directory / flow_name / f"{name}.log"


class LogBook:
    """Opens the logs below one folder. All methods may be called from any thread.

    Args:
        directory: made when the first log is opened, not before.
        max_bytes: size at which a file is rotated.
        keep: how many rotated files of each log are kept, at least one.

    Raises:
        ConfigurationError: the folder can't be written, or made.
    """

    def __init__(
        self,
        directory: Path,
        masker: Masker,
        *,
        max_bytes: int = 256 << 20,
        keep: int = 20,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        _check_writable(directory)
        self.directory = directory
        self._masker = masker
        self._max_bytes = max_bytes
        self._keep = keep
        self._now = now
        self._generations = Generations()
        self._lock = threading.Lock()
        self._flow_files: dict[Path, LogFile] = {}
        self._steps: WeakSet[StepLog] = WeakSet()

    def open_step(self, flow_name: str, step_name: str, timeperiod: str, attempt: int) -> StepLog:
        """The log of one attempt at a step. A file that can't be written is reported on stderr and stops nothing."""
        file = self._file(log_path(self.directory, flow_name, step_name))
        step_log = StepLog(file, step_name, f"{timeperiod}#{attempt}", self._masker, now=self._now)
        with self._lock:
            self._steps.add(step_log)
        return step_log

    def flow_logger(self, flow_name: str, timeperiod: str, execution: int, *, name: str = "engine") -> logging.Logger:
        """A logger to the flow's own file. `name` is `engine`, or `cluster.<name>` for what concerns a cluster.

        Raises:
            ConfigurationError: the file can't be made.
        """
        path = log_path(self.directory, flow_name, flow_name)
        with self._lock:
            if path not in self._flow_files:
                self._flow_files[path] = self._created(path)
            file = self._flow_files[path]
        return RunLogger(name, RunLines(file, f"{timeperiod}#{execution}", self._masker, self._now).say)

    def close(self) -> None:
        """Close every log that is still open. May be repeated."""
        with self._lock:
            steps, files = list(self._steps), list(self._flow_files.values())
            self._flow_files.clear()
        for step_log in steps:
            step_log.close()
        for file in files:
            file.close()

    def _file(self, path: Path) -> LogFile:
        return LogFile(path, max_bytes=self._max_bytes, keep=self._keep, generations=self._generations)

    def _created(self, path: Path) -> LogFile:
        file = self._file(path)
        try:
            file.create()
        except OSError as error:
            raise _unwritable(path, error.strerror or str(error)) from error
        return file


def _check_writable(directory: Path) -> None:
    """Refuse a folder that can't take logs, without making it: a run that is refused leaves nothing behind."""
    existing = directory.absolute()
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    try:
        if not existing.is_dir():
            raise _unwritable(directory, f"{existing} is not a folder")
    except OSError as error:
        raise _unwritable(directory, error.strerror or str(error)) from error
    if not os.access(existing, os.W_OK | os.X_OK):
        raise _unwritable(directory, f"no permission to write to {existing}")


def _unwritable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"logs can't be written to {path} by user {_user()}: {why}",
        hint="set log_directory of the context to a folder that this user may write to",
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())

"""The engine's side of the spool: start a job's shim, and read, signal, follow and remove what it keeps.

Everything known of a local job is in its folder, so any engine on this host can go on where another one was killed.
What the files mean is said in `shim.py`; what a job runs is none of this file's business.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from synergyflow.clusters import local_start, shim
from synergyflow.core.jobs import JobState, JobStatus
from synergyflow.errors import ClusterError, ClusterLaunchError

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_KEEP_SECONDS = 7 * 24 * 3600.0


class Spool:
    """The folder in which all local jobs of an installation on this host leave their traces. Safe for threads."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self._shims: list[subprocess.Popen[bytes]] = []
        self._claims: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Make the folder, see that it can be used, and remove what ended long ago.

        Raises:
            ClusterLaunchError: the folder can't be made or written to.
        """
        probe = self.directory / f".probe-{os.getpid()}-{threading.get_ident()}"
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe.touch(mode=0o600)
            os.link(probe, f"{probe}-link")
            os.unlink(f"{probe}-link")
            probe.unlink()
        except OSError as error:
            raise ClusterLaunchError(
                f"the spool folder {self.directory} of local jobs can't be used: {error.strerror}",
                hint="see that it is a folder that you may write to, on a file system with hard links",
            ) from error
        self._prune(time.time() - _KEEP_SECONDS)

    def folder(self, token: str) -> Path:
        """Where the job of that token is kept."""
        if not _TOKEN.fullmatch(token):
            raise ClusterError(f"{token!r} can't name a job", hint="use letters, digits, '-', '_' and '.'")
        return self.directory / token

    def start(self, token: str, request: bytes) -> None:
        """Run the job unless it was begun before, by whomever. On return it has been begun.

        Raises:
            ClusterError: it was not begun, and may be tried again.
        """
        if self.has(token):
            return
        folder = self.folder(token)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._watching(local_start.start_shim(folder)) as process:
                answer = local_start.ask(process, request)
        except OSError as error:
            raise ClusterError(f"the local job {token} can't be started: {error.strerror}") from error
        if answer not in (shim.STARTED, shim.TAKEN) and not self.has(token):
            shim.send(process.pid, signal.SIGKILL)
            cause = answer.decode(errors="replace").strip().rpartition("\n")[2] or "it gave no answer"
            raise ClusterError(f"the local job {token} can't be started: {cause}")

    @contextmanager
    def _watching(self, process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        """Remember the shim until it has been reaped; hold its pipes only within the block."""
        with self._lock:
            self._shims.append(process)
        try:
            yield process
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def has(self, token: str) -> bool:
        """Whether the job was begun and is still remembered."""
        return _TOKEN.fullmatch(token) is not None and (self.directory / token / "shim").exists()

    def status(self, token: str) -> JobStatus:
        """What is known of the job. One without a trace, or whose shim was killed, is lost; its processes are ended."""
        if not self.has(token):
            return JobStatus(job_id=token, state=JobState.LOST, message="this host has no trace of the job")
        ended = self._ended(token)
        if ended is not None:
            return ended
        claim = self._claim(token)
        if _here(claim) and shim.is_alive(int(claim["pid"]), claim["started"]):
            return JobStatus(job_id=token, state=JobState.RUNNING, native_state="running")
        return self._ended(token) or self._lost(token, claim)

    def cancel(self, token: str, *, force: bool) -> None:
        """Ask for the job's end: SIGTERM, or with `force` SIGKILL, to its group and to what left the group."""
        if not self.has(token) or self.status(token).state.is_final:
            return
        claim = self._claim(token)
        (self.folder(token) / "cancel").touch(mode=0o600)
        job = int(claim["job"])
        group = job if shim.exists(job, claim["job_started"]) else None
        number = signal.SIGKILL if force else signal.SIGTERM
        if group is not None:
            shim.send(-group, number)
        if force:
            shim.end_all(token, group)
            return
        for pid in shim.processes_of(token):
            stat = shim.process_stat(pid)
            if stat is not None and stat[1] != group:
                shim.send(pid, number)

    def read_output(self, token: str, position: int, limit: int) -> bytes:
        """Up to `limit` bytes of the job's output from `position` on."""
        if not self.has(token):
            return b""
        try:
            with open(self.folder(token) / "output", "rb", buffering=0) as file:
                file.seek(position)
                return file.read(limit)
        except FileNotFoundError:
            return b""

    def forget(self, token: str) -> None:
        """Remove what is kept of the job, if it has ended."""
        if self.has(token) and self.status(token).state.is_final:
            self._remove(self.folder(token))
            self._claims.pop(token, None)

    def reap(self, patience: float = 0.0) -> None:
        """Take leave of shims of this process that have ended, so that they don't stay as zombies.

        With `patience`, seconds, also of those that are about to end.
        """
        with self._lock:
            if patience:
                for process in self._shims:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(patience)
            self._shims = [process for process in self._shims if process.poll() is None]

    def _claim(self, token: str) -> dict[str, str]:
        if token not in self._claims:
            self._claims[token] = _values(self.folder(token) / "shim") or {}
        return self._claims[token]

    def _ended(self, token: str) -> JobStatus | None:
        values = _values(self.folder(token) / "status")
        if values is None:
            return None
        state, native, code, message = _outcome(values)
        return JobStatus(
            job_id=token,
            state=state,
            native_state=native,
            exit_code=code,
            message=message,
            started_at=datetime.fromisoformat(values["started"]),
            finished_at=datetime.fromisoformat(values["finished"]),
        )

    def _lost(self, token: str, claim: Mapping[str, str]) -> JobStatus:
        if _here(claim):
            job = int(claim["job"])
            shim.end_all(token, job if shim.is_alive(job, claim["job_started"]) else None)
        with suppress(FileNotFoundError):
            (self.folder(token) / "payload").unlink()
        return JobStatus(
            job_id=token,
            state=JobState.LOST,
            native_state="abandoned",
            message="the process that watched over the job is gone",
        )

    def _prune(self, before: float) -> None:
        for folder in self.directory.iterdir():
            with suppress(OSError):
                if folder.stat().st_mtime < before and self._is_over(folder.name):
                    self._remove(folder)

    def _is_over(self, token: str) -> bool:
        return not self.has(token) or self.status(token).state.is_final

    def _remove(self, folder: Path) -> None:
        """All at once for whoever looks: out of the way first, then piece by piece."""
        away = self.directory / f".gone-{folder.name.removeprefix('.gone-')}"
        with suppress(FileNotFoundError):
            folder.rename(away)
        shutil.rmtree(away, ignore_errors=True)


def _here(claim: Mapping[str, str]) -> bool:
    """Whether process numbers of the claim mean anything to this process: same boot, same name space."""
    return bool(claim) and claim["boot"] == shim.boot_id()


def _values(path: Path) -> dict[str, str] | None:
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return None
    return dict(line.split("=", 1) for line in lines)


def _outcome(values: Mapping[str, str]) -> tuple[JobState, str, int, str]:
    """State, native state, exit code and message of a job that has ended."""
    if values["signal"]:
        number = int(values["signal"])
        code, native = 128 + number, _signal_name(number)
        message = f"ended by {native}"
    else:
        code = int(values["exit"])
        native, message = f"exit {code}", f"exit code {code}" if code else ""
    if code == 0:
        return JobState.SUCCEEDED, native, code, message
    return (JobState.CANCELED if values["canceled"] == "1" else JobState.FAILED), native, code, message


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

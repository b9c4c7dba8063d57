"""The cluster that is this machine: each job a process group of its own, under a shim that outlives the engine.

Nothing is launched and nothing is billed; a `launch` only sees that jobs can run here. The id of a job is its token.
What the shim keeps is read by `local_spool`, command lines are made by `local_commands`.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from synergyflow.clusters.base import Cluster, ClusterState, LogChunk, Observation, PollBounds
from synergyflow.clusters.local_commands import HINTS, command_line, program_option
from synergyflow.clusters.local_options import LocalOptions, options_of
from synergyflow.clusters.local_spool import Spool
from synergyflow.clusters.local_start import Request
from synergyflow.config.profile import Profile
from synergyflow.core.jobs import Job, JobKind, PythonJob, ShellJob, SparkJob
from synergyflow.errors import ClusterError, ClusterLaunchError, ClusterLost, JobFailed
from synergyflow.filesystems.base import Filesystem
from synergyflow.filesystems.local import LocalFilesystem

_POLITE_SECONDS = 5.0
_FORCED_SECONDS = 10.0


class LocalCluster(Cluster):
    """Jobs as processes of this host; they can be adopted by another engine on the same host until it boots anew."""

    options_type = LocalOptions
    type = "local"
    job_kinds = frozenset(JobKind)
    poll_bounds = PollBounds(minimum=0.005, maximum=0.25)

    def __init__(
        self,
        name: str,
        profile: Profile,
        *,
        spool_directory: Path,
        filesystem_root: Path,
        working_directory: Path,
        filesystem: Filesystem | None = None,
        polite_seconds: float = _POLITE_SECONDS,
    ) -> None:
        """`working_directory` is what the profile's own is relative to; `polite_seconds` is between TERM and KILL.

        Raises:
            ConfigurationError: the profile says what a local cluster does not know.
        """
        options = options_of(profile)
        self.name = name
        self.profile = profile.name
        self.slots = profile.slots
        self.labels = frozenset(profile.labels)
        self.keep_alive = profile.keep_alive
        self.keep_failed = profile.keep_failed
        self._options = options
        self._working_directory = (working_directory / (options.working_directory or ".")).absolute()
        self._filesystem = filesystem or LocalFilesystem(filesystem_root)
        self._spool = Spool(spool_directory)
        self._polite_seconds = polite_seconds
        self._cluster_id: str | None = None
        self._state = ClusterState.STARTING
        self._tokens: set[str] = set()

    @property
    def cluster_id(self) -> str | None:
        """`local-HOST-TOKEN`, of which nothing hangs: jobs are found by their tokens alone."""
        return self._cluster_id

    @property
    def filesystem(self) -> Filesystem:
        """The one that was given; else files of this machine, relative paths below `filesystem_root`."""
        return self._filesystem

    def launch(self, token: str) -> str:
        """See that jobs can run here, and make room by removing what ended more than seven days ago."""
        if not self._working_directory.is_dir():
            raise ClusterLaunchError(
                f"cluster {self.name}: there is no folder {self._working_directory} for its jobs to work in",
                hint="make it, or name another one in the profile as working_directory",
            )
        self._spool.prepare()
        self.attach(f"local-{socket.gethostname()}-{token.removeprefix('sf-')[:12]}")
        assert self._cluster_id is not None
        return self._cluster_id

    def attach(self, cluster_id: str) -> None:
        """Take the id; there is nothing to connect to."""
        self._cluster_id = cluster_id
        self._state = ClusterState.READY

    def terminate(self) -> None:
        """End every unfinished job that was submitted to or found by this object: politely, then by force."""
        self._state = ClusterState.GONE
        for force, seconds in ((False, self._polite_seconds), (True, _FORCED_SECONDS)):
            for token in self._unfinished():
                self.cancel(token, force=force)
            self._wait_for_the_end(seconds)
        self._spool.reap(patience=1.0)

    def submit(self, job: Job, token: str) -> str:
        """Begin the job, unless one of this token was ever begun on this host: then nothing is started.

        On return the job has been begun: `poll` and `find` know it, whatever becomes of the engine.
        """
        self._require_ready()
        self._tokens.add(token)
        if not self._spool.has(token):
            self._spool.start(token, self._encoded(job, token))
        if self._state is ClusterState.GONE:  # terminated meanwhile, by another thread that did not see this job
            self._spool.cancel(token, force=True)
        return token

    def poll(self, job_ids: Sequence[str]) -> Observation:
        """The state of these jobs, from the spool alone."""
        self._spool.reap()
        return Observation(state=self._state, jobs={job_id: self._spool.status(job_id) for job_id in job_ids})

    def cancel(self, job_id: str, *, force: bool = False) -> None:
        """SIGTERM, or with `force` SIGKILL, to all processes of the job. It has ended when none of them is left."""
        self._spool.cancel(job_id, force=force)

    def find(self, token: str) -> str | None:
        """The token itself if a job of it was begun on this host and is not forgotten."""
        if not self._spool.has(token):
            return None
        self._tokens.add(token)
        return token

    def fetch_log(self, job_id: str, position: int = 0, limit: int = 1 << 20) -> LogChunk:
        """Read on in the file that the job writes to."""
        data = self._spool.read_output(job_id, position, limit)
        return LogChunk(data, position + len(data))

    def forget(self, job_id: str) -> None:
        """Remove the spool folder of a job that has ended."""
        self._spool.forget(job_id)

    def _require_ready(self) -> None:
        if self._state is ClusterState.GONE:
            raise ClusterLost(f"cluster {self.name} has been terminated")
        if self._cluster_id is None:
            raise ClusterError(f"cluster {self.name} has not been launched", hint="call launch first")

    def _encoded(self, job: Job, token: str) -> bytes:
        environment = self._environment(job)
        argv = command_line(job, self._options, payload=str(self._spool.folder(token) / "payload"))
        request = Request(
            argv=[self._program(argv[0], job, environment), *argv[1:]],
            working_directory=self._job_directory(job),
            environment=environment,
            limits=self._options.limits,
            payload=job.payload if isinstance(job, PythonJob) else b"",
        )
        try:
            return request.encoded(token)
        except ValueError as error:
            raise JobFailed(f"cluster {self.name} can't run the {job.kind} job: {error}") from error

    def _environment(self, job: Job) -> dict[str, str]:
        given = {**os.environ, **self._options.environment, **job.environment}
        match job:
            case PythonJob():
                own = [os.path.abspath(entry) for entry in sys.path]
                wanted = given.get("PYTHONPATH", "").split(os.pathsep)
                given["PYTHONPATH"] = os.pathsep.join(path for path in dict.fromkeys([*own, *wanted]) if path)
            case SparkJob():
                given.setdefault("PYSPARK_PYTHON", sys.executable)
        return given

    def _job_directory(self, job: Job) -> Path:
        own = job.working_directory if isinstance(job, ShellJob) else None
        directory = self._working_directory / (own or ".")
        if not directory.is_dir():
            raise JobFailed(f"cluster {self.name}: there is no folder {directory} to run the {job.kind} job in")
        return directory

    def _program(self, name: str, job: Job, environment: Mapping[str, str]) -> str:
        """Where the program is. The folder of the running Python counts too: tools installed with it are there."""
        option = program_option(job)
        if option is None:
            return name
        if os.sep in name:
            name = str(self._working_directory / os.path.expanduser(name))
        search = os.pathsep.join([environment.get("PATH", os.defpath), os.path.dirname(sys.executable)])
        found = shutil.which(name, path=search)
        if found is None and option == "shell" and self._options.shell is None:
            found = shutil.which("sh", path=search)
        if found is None:
            where = "there is no program" if os.sep in name else "not on the PATH:"
            raise JobFailed(f"cluster {self.name} can't run the {job.kind} job: {where} {name}", hint=HINTS[option])
        return found

    def _unfinished(self) -> list[str]:
        return [token for token in sorted(self._tokens) if not self._is_over(token)]

    def _is_over(self, token: str) -> bool:
        return self._spool.status(token).state.is_final

    def _wait_for_the_end(self, seconds: float) -> None:
        deadline, interval, pause = time.monotonic() + seconds, self.poll_bounds.minimum, threading.Event()
        while self._unfinished() and time.monotonic() < deadline:
            pause.wait(interval)
            interval = min(interval * 1.5, self.poll_bounds.maximum)

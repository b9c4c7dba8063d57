"""A cluster of one's own: the shell jobs of a flow run on another machine (Linux), for example by ssh.

A profile for it, `clusters/build.toml`:

    type = "remote_shell"
    shell = "ssh -o BatchMode=yes build.example.com sh"
    folder = "/var/tmp/flows"

Each verb of the contract is one small script, handed to that shell. All that must outlive the engine is on the other
machine: a folder for each cluster, in it a folder for each job, both named by their tokens. A job has a process group
of its own, so that all of it can be ended, and a keeper outside of that group, which writes down how it ended.

Nothing here waits for jobs, tries again or keeps a deadline: the engine does.
"""

import shlex
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from synergyflow.bootstrap import Site
from synergyflow.clusters.base import Cluster, ClusterState, LogChunk, Observation, PollBounds
from synergyflow.config.loading import checked
from synergyflow.config.profile import Profile
from synergyflow.core.jobs import Job, JobKind, JobState, JobStatus, ShellJob
from synergyflow.errors import ClusterError, ClusterLaunchError, ClusterLost
from synergyflow.filesystems.local import LocalFilesystem

SUBMIT = """
cd {folder} 2>/dev/null || {{ echo gone; exit; }}
(umask 077; mkdir {job}) && cd {job} && printf %s {command} > command || exit
date +%s > started
setsid sh -c 'setsid sh ./command > output 2>&1; echo $? $(date +%s) > end; mv end ended' > /dev/null 2>&1 < /dev/null &
echo $! > keeper
until test -s pid || test -e ended; do sleep 0.01; done
"""
LOOK = """
cd {folder} 2>/dev/null || {{ echo gone; exit; }}
for job in {jobs}; do
  test -s $job/keeper || continue
  alive=no; kill -s 0 $(cat $job/keeper) 2>/dev/null && alive=yes
  echo $job $alive $(cat $job/started) $(cat $job/ended 2>/dev/null)
done
"""
CANCEL = "cd {folder}/{job} 2>/dev/null && test ! -e ended && kill -s {signal} -- -$(cat pid) 2>/dev/null; true"
FETCH = "tail -c +{first} {folder}/{job}/output 2>/dev/null | head -c {limit}"
TERMINATE = """
cd {folder} 2>/dev/null || exit 0
for job in *; do test -e $job/ended || kill -s KILL -- $(cat $job/keeper) -$(cat $job/pid); done 2>/dev/null
rm -rf {folder}
"""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a profile of this type says beyond what all profiles do."""

    shell: str
    folder: str


class RemoteShellCluster(Cluster):
    """See `synergyflow.clusters.base.Cluster` for what each verb promises."""

    type = "remote_shell"
    job_kinds = frozenset({JobKind.SHELL})
    poll_bounds = PollBounds(minimum=0.05, maximum=5.0)

    def __init__(self, name: str, profile: Profile, site: Site) -> None:
        self.name, self.profile, self.slots, self.labels = name, profile.name, profile.slots, profile.labels
        self.keep_alive, self.keep_failed = profile.keep_alive, profile.keep_failed
        self._options = checked(profile.options, Options, where=f"profile {profile.name!r}")
        self._files = LocalFilesystem(Path(site.bucket or site.root / "data"))  # a folder that both machines mount
        self._id: str | None = None

    @property
    def cluster_id(self) -> str | None:
        return self._id

    @property
    def filesystem(self) -> LocalFilesystem:
        return self._files

    def launch(self, token: str) -> str:
        self._id = token
        try:
            self._tell("mkdir -p {folder}")
        except ClusterError as error:
            self._id = None
            raise ClusterLaunchError(error.message, hint="look at `shell` and `folder` in the profile") from error
        return token

    def attach(self, cluster_id: str) -> None:
        self._id = cluster_id

    def terminate(self) -> None:
        if self._id is not None:
            self._tell(TERMINATE)

    def submit(self, job: Job, token: str) -> str:
        assert isinstance(job, ShellJob)  # others are refused before, since `job_kinds` has no other
        lines = ["echo $$ > pid"]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in job.environment.items()]
        lines += [f"cd {shlex.quote(job.working_directory)} || exit"] if job.working_directory else []
        if self._tell(SUBMIT, job=token, command=shlex.quote("\n".join([*lines, job.command]))) == "gone\n":
            raise ClusterLost(f"cluster {self.name} is gone")
        return token

    def poll(self, job_ids: Sequence[str]) -> Observation:
        jobs = {job_id: JobStatus(job_id=job_id, state=JobState.LOST) for job_id in job_ids}
        said = self._tell(LOOK, jobs=" ".join(job_ids))
        if said == "gone\n":
            return Observation(state=ClusterState.GONE, jobs=jobs)
        for line in said.splitlines():
            job_id, alive, *times = line.split()
            jobs[job_id] = _status(job_id, alive == "yes", *times)
        return Observation(state=ClusterState.READY, jobs=jobs)

    def cancel(self, job_id: str, *, force: bool = False) -> None:
        self._tell(CANCEL, job=job_id, signal="KILL" if force else "TERM")

    def find(self, token: str) -> str | None:
        return token if self.poll([token]).jobs[token].state is not JobState.LOST else None

    def fetch_log(self, job_id: str, position: int = 0, limit: int = 1 << 20) -> LogChunk:
        data = self._run(FETCH, job=job_id, first=position + 1, limit=limit)
        return LogChunk(data, position + len(data))

    def _tell(self, script: str, **values: object) -> str:
        return self._run(script, **values).decode(errors="replace")

    def _run(self, script: str, **values: object) -> bytes:
        """Have the other machine do it; what that printed. Foreign exceptions end here."""
        if self._id is None:
            raise ClusterError(f"cluster {self.name} has not been launched", hint="call launch first")
        text = script.format(folder=shlex.quote(f"{self._options.folder}/{self._id}"), **values)
        try:
            argv = shlex.split(self._options.shell)
            done = subprocess.run(argv, input=text.encode(), capture_output=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ClusterError(f"cluster {self.name} can't be asked: {error}") from error
        if done.returncode:
            raise ClusterError(f"cluster {self.name}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout


def _status(job_id: str, alive: bool, started: str, code: str = "", ended: str = "") -> JobStatus:
    """A job that a signal of `cancel` ended has that signal and 128 as its code; without code or keeper it is lost."""
    states = {"": JobState.RUNNING if alive else JobState.LOST, "0": JobState.SUCCEEDED}
    states |= {"143": JobState.CANCELED, "137": JobState.CANCELED}
    return JobStatus(
        job_id=job_id,
        state=states.get(code, JobState.FAILED),
        native_state=code or ("alive" if alive else "gone"),
        exit_code=int(code) if code else None,
        started_at=datetime.fromtimestamp(int(started), UTC),
        finished_at=datetime.fromtimestamp(int(ended), UTC) if ended else None,
    )

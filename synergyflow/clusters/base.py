"""The contract of a cluster: few verbs, jobs as data, handles as plain strings.

An adapter translates; it does not wait, retry, poll in loops, keep deadlines or limit rates: that is the engine's, once
for all. Every verb may be called from any thread. Foreign exceptions are translated into `ClusterError` and its kin.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from synergyflow.core.jobs import HadoopJob, HiveJob, Job, JobKind, JobState, JobStatus, PigJob, ShellJob, SparkJob
from synergyflow.errors import JobCanceled, JobFailed, JobLost, NothingToDo

if TYPE_CHECKING:
    from synergyflow.filesystems.base import Filesystem


class ClusterState(StrEnum):
    """States of a cluster as the engine knows them; each adapter maps its native ones onto these."""

    STARTING = "starting"
    READY = "ready"
    TERMINATING = "terminating"
    GONE = "gone"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look at a cluster and the jobs asked for. A job that the cluster does not know is `LOST`, never left out."""

    state: ClusterState
    reason: str = ""
    jobs: Mapping[str, JobStatus] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A piece of a job's output from `position` on; `next_position` is where the following one begins.

    `complete` is False where the provider delivers output late and more of it may come though the job has ended.
    """

    data: bytes
    next_position: int
    complete: bool = True


@dataclass(frozen=True, slots=True)
class PollBounds:
    """Seconds between two looks at a cluster: at least, at most."""

    minimum: float
    maximum: float


class JobRunner(ABC):
    """The verbs that actions use; the same on every cluster. Each blocks until its job has ended.

    Every `run_*` returns the final status of a job that succeeded and raises:

        NothingToDo: the job ended with its `nothing_to_do_exit_code`.
        JobFailed, JobCanceled, JobLost: the job did not succeed; the message has the cause.
        ClusterLost: the cluster is gone.
    """

    @abstractmethod
    def run_job(self, job: Job) -> JobStatus:
        """Submit the job, wait for its end, see to its log, and return its status if it succeeded."""

    def run_spark_step(self, uri_script: str, language: str = "python", **kwargs: Any) -> JobStatus:
        """Run a Spark application; keyword arguments are the fields of `SparkJob`."""
        return self.run_job(SparkJob(uri_script=uri_script, language=language, **kwargs))

    def run_pig_step(self, uri_script: str, **kwargs: Any) -> JobStatus:
        """Run a Pig script; keyword arguments that are no field of `PigJob` become its parameters."""
        return self.run_job(PigJob(uri_script=uri_script, **_with_rest(PigJob, "parameters", kwargs)))

    def run_hive_step(self, uri_script: str, **kwargs: Any) -> JobStatus:
        """Run a Hive script; keyword arguments that are no field of `HiveJob` become its parameters."""
        return self.run_job(HiveJob(uri_script=uri_script, **_with_rest(HiveJob, "parameters", kwargs)))

    def run_hadoop_step(self, uri_jar: str, **kwargs: Any) -> JobStatus:
        """Run a Hadoop jar; keyword arguments that are no field of `HadoopJob` become its properties."""
        return self.run_job(HadoopJob(uri_jar=uri_jar, **_with_rest(HadoopJob, "properties", kwargs)))

    def run_shell_command(self, command: str, **kwargs: Any) -> JobStatus:
        """Run a command line; keyword arguments are the fields of `ShellJob`."""
        return self.run_job(ShellJob(command=command, **kwargs))


def _with_rest(job_type: type[PigJob | HiveJob | HadoopJob], name: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """`kwargs` with those that are no field of the job gathered, as text, in the mapping called `name`."""
    known = {key: value for key, value in kwargs.items() if key in job_type.__dataclass_fields__}
    rest = {key: str(value) for key, value in kwargs.items() if key not in known}
    return {**known, name: {**dict(known.get(name, {})), **rest}}


def succeeded(status: JobStatus, job: Job) -> JobStatus:
    """`status` if the job did its work; what `JobRunner` promises to raise otherwise."""
    if job.nothing_to_do_exit_code is not None and status.exit_code == job.nothing_to_do_exit_code:
        raise NothingToDo(f"the {job.kind} job ended with exit code {status.exit_code}: nothing to do")
    match status.state:
        case JobState.SUCCEEDED:
            return status
        case JobState.CANCELED:
            raise JobCanceled(f"{job.kind} job {status.job_id} was canceled" + _because(status))
        case JobState.LOST:
            raise JobLost(f"{job.kind} job {status.job_id} is lost" + _because(status))
        case _:
            code = "" if status.exit_code is None else f" with exit code {status.exit_code}"
            said = status.message == f"exit code {status.exit_code}"
            raise JobFailed(f"{job.kind} job failed{code}" + ("" if said else _because(status)))


def _because(status: JobStatus) -> str:
    return f": {status.message}" if status.message else ""


class Cluster(JobRunner):
    """An execution environment.

    Attributes:
        name: unique within an execution, for example `local-1`.
        profile: name of the profile that it was made from.
        type: `local`, `emr`, … or a plug-in's own.
        job_kinds: what it can run; anything else is refused before it is launched.
        slots: steps at a time.
        poll_bounds: how often it may be looked at.
        settling_seconds: so long after a submit `find` may not know of the job yet.
        labels: names, beside its profile's, by which a step may ask for it.
        keep_alive, keep_failed: not to be terminated at all; not after a step failed on it.
    """

    name: str
    profile: str
    type: str
    job_kinds: frozenset[JobKind]
    slots: int
    poll_bounds: PollBounds
    settling_seconds: float = 0.0
    labels: frozenset[str] = frozenset()
    keep_alive: bool = False
    keep_failed: bool = False

    @property
    @abstractmethod
    def cluster_id(self) -> str | None:
        """The provider's id, None before `launch` or `attach`."""

    @property
    @abstractmethod
    def filesystem(self) -> Filesystem:
        """The filesystem that plain paths of actions refer to; usable before the launch."""

    def check(self) -> None:
        """See that it could be launched from here: libraries, credentials. Asks for nothing that costs.

        Raises:
            ConfigurationError: something is missing; the hint says how to give it.
        """

    @abstractmethod
    def launch(self, token: str) -> str:
        """Ask for the cluster and return its id, at once: it may still be starting (`poll` tells).

        `token` is its derived name. If a cluster of that token lives already, that one is returned, so the call may be
        repeated after a crash or a lost answer.

        Raises:
            ClusterLaunchError: it was refused, and nothing of it is left running.
        """

    @abstractmethod
    def attach(self, cluster_id: str) -> None:
        """Use a cluster that an earlier engine launched, without launching anything. May be repeated."""

    @abstractmethod
    def terminate(self) -> None:
        """End the cluster, with whatever runs on it. A return means that the provider has accepted it.

        May be repeated; ending a cluster that is gone, or was never launched, is a success.
        """

    @abstractmethod
    def submit(self, job: Job, token: str) -> str:
        """Hand over a job and return its id. The job carries `token` as its name, by which `find` knows it.

        Submitting a token twice must not be relied upon to be safe: ask `find` first when in doubt.

        Raises:
            JobFailed: the cluster refused the job for good; it does not run.
            ClusterLost: the cluster is gone.
            ClusterError: unclear; the job may run. Ask `find`.
        """

    @abstractmethod
    def poll(self, job_ids: Sequence[str]) -> Observation:
        """The state of the cluster and of these jobs, in as few calls as the provider allows. Never waits.

        Raises:
            ClusterError: nothing could be learned this time; ask again later.
        """

    @abstractmethod
    def cancel(self, job_id: str, *, force: bool = False) -> None:
        """Ask for the end of a job: politely, or with `force` by all means. `poll` tells when it has ended.

        May be repeated; a job that has ended or is unknown is a success.
        """

    @abstractmethod
    def find(self, token: str) -> str | None:
        """The id of the job that was submitted with that token, ended or not; None if the cluster knows of none."""

    @abstractmethod
    def fetch_log(self, job_id: str, position: int = 0, limit: int = 1 << 20) -> LogChunk:
        """Up to `limit` bytes of the output (stdout and stderr) from `position` on; empty if there is no more yet."""

    def forget(self, job_id: str) -> None:
        """The outcome of the job is recorded for good: what was kept of it may go. May be repeated."""

    def run_job(self, job: Job) -> JobStatus:
        """Submit and wait, for use without an engine: no journal, no adoption after a crash."""
        from secrets import token_hex

        job_id = self.submit(job, f"sf-direct-{token_hex(8)}")
        interval, pause = self.poll_bounds.minimum, threading.Event()
        while True:
            status = self.poll([job_id]).jobs[job_id]
            if status.state.is_final:
                return succeeded(status, job)
            pause.wait(interval)
            interval = min(interval * 1.5, self.poll_bounds.maximum)

"""A cluster in memory that does what a script says: an adapter like the others, which sits the same exam.

What a provider would remember is in `FakeProvider`, so that a second `FakeCluster` on the same provider sees what the
first one left, as after a crash of the engine. Nothing waits: time is counted in looks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from synergyflow.clusters.base import Cluster, ClusterState, LogChunk, Observation, PollBounds
from synergyflow.core.jobs import Job, JobKind, JobState, JobStatus
from synergyflow.errors import ClusterError, ClusterLaunchError, ClusterLost, JobFailed
from synergyflow.filesystems.base import Filesystem
from synergyflow.testing.clock import ManualClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a job ends by script.

    Attributes:
        polls: looks at the job before the one that finds it ended; None if it never ends by itself.
        minds_cancel: False if only force ends it.
        refused: not None if `submit` raises `JobFailed` with this message.
    """

    state: JobState = JobState.SUCCEEDED
    exit_code: int | None = 0
    message: str = ""
    output: bytes = b""
    polls: int | None = 0
    minds_cancel: bool = True
    refused: str | None = None


Script = Callable[[Job, str], Ending]


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the ledger: which verb was called, about what (a token, a job id, or nothing)."""

    verb: str
    subject: str = ""


@dataclass(slots=True)
class _FakeJob:
    ending: Ending
    status: JobStatus
    looks: int = 0


@dataclass(slots=True)
class FakeProvider:
    """What remembers clusters and jobs while engines come and go."""

    clusters: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    jobs: dict[str, _FakeJob] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    clock: ManualClock = field(default_factory=ManualClock)
    lock: threading.RLock = field(default_factory=threading.RLock)


def all_succeed(job: Job, token: str) -> Ending:
    """The script of a cluster on which every job succeeds at the first look."""
    return Ending()


class FakeCluster(Cluster):
    """A scripted cluster; `ledger` holds every call in order.

    `launch_error` makes `launch` fail; `polls_until_ready` looks find it starting; at look number `lost_at_poll`
    (from 1) it is gone with all that ran on it.
    """

    type = "fake"
    poll_bounds = PollBounds(minimum=0.0, maximum=0.001)

    def __init__(
        self,
        name: str = "fake-1",
        *,
        profile: str = "fake",
        slots: int = 4,
        labels: frozenset[str] = frozenset(),
        job_kinds: frozenset[JobKind] = frozenset(JobKind),
        script: Script = all_succeed,
        launch_error: str | None = None,
        polls_until_ready: int = 0,
        lost_at_poll: int | None = None,
        filesystem: Filesystem | None = None,
        provider: FakeProvider | None = None,
    ) -> None:
        self.name = name
        self.profile = profile
        self.slots = slots
        self.labels = labels
        self.job_kinds = job_kinds
        self.provider = provider or FakeProvider()
        self.ledger: list[Call] = []
        self._script = script
        self._launch_error = launch_error
        self._polls_until_ready = polls_until_ready
        self._lost_at_poll = lost_at_poll
        self._filesystem = filesystem
        self._cluster_id: str | None = None
        self._polls = 0

    @property
    def cluster_id(self) -> str | None:
        """`fake-` and a number once launched."""
        return self._cluster_id

    @property
    def filesystem(self) -> Filesystem:
        """The filesystem that it was given."""
        if self._filesystem is None:
            raise ClusterError(f"fake cluster {self.name} has no filesystem", hint="give it one: filesystem=…")
        return self._filesystem

    def launch(self, token: str) -> str:
        """Come up under a new id, or under the one that the provider knows for this token."""
        with self._calling("launch", token):
            if self._launch_error is not None:
                raise ClusterLaunchError(self._launch_error)
            known = self.provider.clusters.get(token)
            if known is None or known in self.provider.gone:
                known = f"fake-{len(self.provider.clusters) + len(self.provider.gone) + 1}"
                self.provider.clusters[token] = known
            self._cluster_id = known
            return known

    def attach(self, cluster_id: str) -> None:
        """Use the cluster of that id."""
        with self._calling("attach", cluster_id):
            self._cluster_id = cluster_id

    def terminate(self) -> None:
        """End the cluster; what ran on it is canceled."""
        with self._calling("terminate"):
            self._go(JobState.CANCELED)

    def submit(self, job: Job, token: str) -> str:
        """Take the job; the script says what becomes of it."""
        with self._calling("submit", token):
            if self._is_gone():
                raise ClusterLost(f"cluster {self.name} is gone")
            if self._cluster_id is None:
                raise ClusterError(f"cluster {self.name} has not been launched", hint="call launch first")
            ending = self._script(job, token)
            if ending.refused is not None:
                raise JobFailed(ending.refused)
            job_id = f"job-{len(self.provider.jobs) + 1}"
            status = JobStatus(job_id=job_id, state=JobState.RUNNING, started_at=self.provider.clock.now())
            self.provider.jobs[job_id] = _FakeJob(ending, status)
            self.provider.tokens[token] = job_id
            return job_id

    def poll(self, job_ids: Sequence[str]) -> Observation:
        """One look; jobs whose number of looks is reached end."""
        with self._calling("poll", " ".join(job_ids)):
            self._polls += 1
            if self._polls == self._lost_at_poll:
                self._go(JobState.LOST)
            jobs = {job_id: self._look(job_id) for job_id in job_ids}
            return Observation(state=self._state(), reason="as scripted" if self._is_gone() else "", jobs=jobs)

    def cancel(self, job_id: str, *, force: bool = False) -> None:
        """End the job, unless it minds only force."""
        with self._calling("kill" if force else "cancel", job_id):
            job = self.provider.jobs.get(job_id)
            if job is not None and (force or job.ending.minds_cancel):
                self._end(job_id, Ending(state=JobState.CANCELED, exit_code=None, output=job.ending.output))

    def find(self, token: str) -> str | None:
        """The job of that token, if any engine ever submitted one."""
        with self._calling("find", token):
            return self.provider.tokens.get(token)

    def fetch_log(self, job_id: str, position: int = 0, limit: int = 1 << 20) -> LogChunk:
        """The scripted output."""
        with self._calling("fetch_log", job_id):
            job = self.provider.jobs.get(job_id)
            data = job.ending.output[position : position + limit] if job is not None else b""
            return LogChunk(data, position + len(data))

    def finish(self, job_id: str, ending: Ending) -> None:
        """End a job now: for tests that decide when."""
        with self.provider.lock:
            self._end(job_id, ending)

    def lose(self) -> None:
        """The cluster is gone from now on, with all that ran on it."""
        with self.provider.lock:
            self._go(JobState.LOST)

    def verbs(self) -> list[str]:
        """The verbs of the ledger without the looks, which say nothing of what was done."""
        with self.provider.lock:
            return [call.verb for call in self.ledger if call.verb not in ("poll", "fetch_log")]

    def _calling(self, verb: str, subject: str = "") -> threading.RLock:
        """Write the ledger; the lock under which the verb is then performed."""
        with self.provider.lock:
            self.ledger.append(Call(verb, subject))
        return self.provider.lock

    def _state(self) -> ClusterState:
        if self._is_gone():
            return ClusterState.GONE
        ready = self._cluster_id is not None and self._polls > self._polls_until_ready
        return ClusterState.READY if ready else ClusterState.STARTING

    def _is_gone(self) -> bool:
        return self._cluster_id in self.provider.gone

    def _go(self, state: JobState) -> None:
        if self._cluster_id is None or self._is_gone():
            return
        self.provider.gone.add(self._cluster_id)
        for job_id, job in self.provider.jobs.items():
            self._end(job_id, Ending(state=state, exit_code=None, output=job.ending.output))

    def _look(self, job_id: str) -> JobStatus:
        job = self.provider.jobs.get(job_id)
        if job is None:
            return JobStatus(job_id=job_id, state=JobState.LOST, message="the provider knows of no such job")
        job.looks += 1
        if job.ending.polls is not None and job.looks > job.ending.polls:
            self._end(job_id, job.ending)
        return job.status

    def _end(self, job_id: str, ending: Ending) -> None:
        job = self.provider.jobs[job_id]
        if job.status.state.is_final:
            return
        job.ending = ending
        job.status = replace(
            job.status,
            state=ending.state,
            native_state=ending.state.value,
            exit_code=ending.exit_code,
            message=ending.message,
            finished_at=self.provider.clock.now(),
        )

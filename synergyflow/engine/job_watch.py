"""Jobs in flight on one cluster: their output is passed on, their end is told, whoever must end is ended.

The agent of the cluster calls `tick` from its thread, with one batched look at the cluster however many jobs there are.
Nobody else waits, polls or escalates. What goes wrong with one job, or with where its output goes, harms no other.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from synergyflow.clusters.base import Cluster
from synergyflow.core.jobs import JobState, JobStatus
from synergyflow.engine.late_output import LateOutput
from synergyflow.errors import ClusterError, ClusterLost, SynergyFlowError

POLITE_SECONDS = 5.0
FORCE_SECONDS = 60.0
CHUNK = 1 << 20
CHUNKS_PER_TICK = 32

Outcome = JobStatus | SynergyFlowError


@dataclass(slots=True, eq=False)
class WatchedJob:
    """One job in flight.

    `on_output` gets its output in order, `on_end` its final status, or the error that stands in its place, once.
    """

    job_id: str
    on_output: Callable[[bytes], None]
    on_end: Callable[[Outcome], None]
    since: float
    position: int = 0
    cancel_asked_at: float | None = None
    forced_at: float | None = None
    force_again_at: float = -math.inf
    final: JobStatus | None = None
    output_fails: bool = False
    _ended: bool = field(default=False)


class JobWatch:
    """The jobs in flight on one cluster. `add` and `cancel` may be called from any thread."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float], logger: logging.Logger) -> None:
        self._cluster = cluster
        self._clock = clock
        self._logger = logger
        self.late = LateOutput(cluster)
        self._lock = threading.Lock()
        self._jobs: dict[str, WatchedJob] = {}
        self._over: SynergyFlowError | None = None

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: WatchedJob) -> None:
        """Watch the job from now on. Where nobody watches any more it ends at once."""
        with self._lock:
            self._jobs[job.job_id] = job
            over = self._over
        if over is not None:
            self.end_all(over)

    def cancel(self, job: WatchedJob) -> None:
        """End the job: ask the cluster politely now, by force if that takes too long. May be repeated.

        Raises:
            ClusterError: the cluster could not be asked; it is asked by force in a while.
        """
        with self._lock:
            if job.cancel_asked_at is not None or job._ended:
                return
            job.cancel_asked_at = self._clock()
        self._cluster.cancel(job.job_id)

    def youngest(self) -> float | None:
        """Seconds since the youngest job in flight began, None if there is none."""
        with self._lock:
            since = max((job.since for job in self._jobs.values()), default=None)
        return None if since is None else self._clock() - since

    def job_ids(self) -> list[str]:
        """Jobs whose end is not known yet."""
        with self._lock:
            return [job.job_id for job in self._jobs.values() if job.final is None]

    def tick(self, statuses: Mapping[str, JobStatus]) -> bool:
        """Take a look's statuses in, pass output on, tell ends; True if something went on."""
        with self._lock:
            jobs = list(self._jobs.values())
        moved = False
        for job in jobs:
            status = statuses.get(job.job_id)
            if status is not None and status.state.is_final:
                job.final = status
            self._escalate(job)
            moved |= self._pump(job)
        self.late.tick()
        return moved

    def lose(self, reason: str) -> None:
        """The cluster is gone: each job ends as lost with it."""
        self.end_all(ClusterLost(f"cluster {self._cluster.name} was lost: {reason}"))

    def end_all(self, error: SynergyFlowError) -> None:
        """Nobody watches any more: each job, now or later, ends with this error; of several the first one holds."""
        with self._lock:
            self._over = self._over or error
            jobs, error = list(self._jobs.values()), self._over
        for job in jobs:
            self._end(job, error)

    def _pump(self, job: WatchedJob) -> bool:
        """Pass on what there is of the output, up to a bound; once the job has ended and all is passed on, tell it."""
        moved = False
        try:
            for _ in range(CHUNKS_PER_TICK):
                chunk = self._cluster.fetch_log(job.job_id, job.position, CHUNK)
                if not chunk.data:
                    if job.final is not None:
                        if not chunk.complete:
                            self.late.expect(job.job_id, job.position, job.on_output)
                        self._end(job, job.final)
                        moved = True
                    break
                moved = True
                job.position = chunk.next_position
                self._pass_on(job, chunk.data)
        except ClusterError as error:
            if job.final is not None:
                self._pass_on(job, f"\n[the rest of the output could not be fetched: {error}]\n".encode())
                self._end(job, job.final)
                moved = True
        return moved

    def _pass_on(self, job: WatchedJob, data: bytes) -> None:
        try:
            job.on_output(data)
        except Exception:
            if not job.output_fails:
                job.output_fails = True
                self._logger.exception("output of job %s on %s can't be passed on", job.job_id, self._cluster.name)

    def _escalate(self, job: WatchedJob) -> None:
        """Force what was asked politely; a cluster that can't be asked is asked again; at last the job is lost."""
        if job.cancel_asked_at is None or job.final is not None:
            return
        now = self._clock()
        if job.forced_at is not None and now - job.forced_at >= FORCE_SECONDS:
            message = f"it did not end within {FORCE_SECONDS:.0f} s of being forced to"
            job.final = JobStatus(job_id=job.job_id, state=JobState.LOST, message=message)
        elif now >= job.force_again_at and now - job.cancel_asked_at >= POLITE_SECONDS:
            job.forced_at = now if job.forced_at is None else job.forced_at
            job.force_again_at = now + POLITE_SECONDS
            try:
                self._cluster.cancel(job.job_id, force=True)
                job.force_again_at = math.inf
            except ClusterError as error:
                self._logger.warning("ending job %s on %s by force: %s", job.job_id, self._cluster.name, error)

    def _end(self, job: WatchedJob, outcome: Outcome) -> None:
        with self._lock:
            if job._ended:
                return
            job._ended = True
            self._jobs.pop(job.job_id, None)
        try:
            job.on_end(outcome)
        except Exception:
            self._logger.exception("the end of job %s on %s can't be told", job.job_id, self._cluster.name)

"""Everything that the emulated Dataproc remembers, behind one lock: clusters, jobs, operations, answered requests.

What may be asked is here; how clusters and jobs move on by themselves is in `cluster_life` and `job_life`.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.cloud.dataproc_v1.types import Cluster, ClusterStatus, Job, JobStatus

from synergyflow.testing.emulators.dataproc.clock import Clock
from synergyflow.testing.emulators.dataproc.model import Delays, Running

Place = tuple[str, str]
"""Project and region."""

ENDED = frozenset({JobStatus.State.CANCELLED, JobStatus.State.DONE, JobStatus.State.ERROR})


@dataclass(slots=True)
class Submitted:
    """A job with what runs it. `number` grows with every job, so that listings have an order."""

    place: Place
    number: int
    job: Job
    running: Running | None = None
    cancel_asked: bool = False
    output_pieces: int = 0
    output_size: int = 0


@dataclass(slots=True)
class Snapshot:
    """Clusters and jobs as they were, for reads that lag behind."""

    clusters: dict[tuple[Place, str], Cluster]
    jobs: dict[tuple[str, str], Submitted]
    reads_left: int


@dataclass(slots=True)
class World:
    """The state. Whoever reads or changes it holds `lock`; nothing slow is done under it."""

    clock: Clock
    delays: Delays
    clusters: dict[tuple[Place, str], Cluster] = field(default_factory=dict)
    jobs: dict[tuple[str, str], Submitted] = field(default_factory=dict)
    operations: dict[str, Any] = field(default_factory=dict)
    answered: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    most_clusters: int | None = None
    snapshot: Snapshot | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    _jobs_so_far: int = 0

    def next_number(self) -> int:
        """One more than the last job's."""
        self._jobs_so_far += 1
        return self._jobs_so_far

    def freeze(self, reads: int) -> None:
        """Answer that many reads from how things are now."""
        with self.lock:
            jobs = {key: self._frozen(submitted) for key, submitted in self.jobs.items()}
            self.snapshot = Snapshot({key: Cluster(cluster) for key, cluster in self.clusters.items()}, jobs, reads)

    def seen(self) -> tuple[Mapping[tuple[Place, str], Cluster], Mapping[tuple[str, str], Submitted]]:
        """Clusters and jobs as a read is to see them."""
        if self.snapshot is None or self.snapshot.reads_left <= 0:
            return self.clusters, self.jobs
        self.snapshot.reads_left -= 1
        return self.snapshot.clusters, self.snapshot.jobs

    @staticmethod
    def _frozen(submitted: Submitted) -> Submitted:
        frozen = copy.copy(submitted)
        frozen.job = Job(submitted.job)
        return frozen

    def to_cluster_state(self, cluster: Cluster, state: ClusterStatus.State, detail: str = "") -> None:
        """Move the cluster on, keeping where it was in its history."""
        if cluster.status.state_start_time:
            cluster.status_history.append(cluster.status)
        cluster.status = ClusterStatus(state=state, detail=detail, state_start_time=self.clock.now())

    def to_job_state(self, job: Job, state: JobStatus.State, details: str = "") -> None:
        """Move the job on, keeping where it was in its history."""
        if job.status.state_start_time:
            job.status_history.append(job.status)
        job.status = JobStatus(state=state, details=details, state_start_time=self.clock.now())
        job.done = state in ENDED

    def active_jobs(self, cluster: Cluster) -> list[Submitted]:
        """Jobs of the cluster that have not ended."""
        return [
            submitted
            for submitted in self.jobs.values()
            if submitted.job.placement.cluster_uuid == cluster.cluster_uuid and not has_ended(submitted.job)
        ]


def has_ended(job: Job) -> bool:
    """Whether the job is in a state that it will not leave."""
    return Job.pb(job).status.state in ENDED

"""Jobs of an execution that is over, which nobody wants: ended, and confirmed so, before their steps run again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from synergyflow.clusters.base import Cluster
from synergyflow.core.records import JobRecord
from synergyflow.engine.job_watch import FORCE_SECONDS, POLITE_SECONDS
from synergyflow.errors import ClusterError


def end_and_confirm(cluster: Cluster, job_id: str, clock: Callable[[], float]) -> None:
    """Cancel the job, by force if it takes too long, and return when the cluster says that it has ended.

    Raises:
        ClusterError: it cannot be confirmed; the job may still run.
    """
    began, forced, pause = clock(), False, threading.Event()
    cluster.cancel(job_id)
    while not cluster.poll([job_id]).jobs[job_id].state.is_final:
        waited = clock() - began
        if not forced and waited > POLITE_SECONDS:
            forced = True
            cluster.cancel(job_id, force=True)
        if waited > FORCE_SECONDS:
            raise ClusterError(f"job {job_id} on cluster {cluster.name} does not end")
        pause.wait(min(max(waited / 10, cluster.poll_bounds.minimum), cluster.poll_bounds.maximum))


def end_leftovers(
    jobs: Iterable[JobRecord],
    reach: Callable[[JobRecord], Cluster],
    clock: Callable[[], float],
    logger: logging.Logger,
) -> list[JobRecord]:
    """End each job, found by its token on the cluster that it was given to; returns those that are confirmed as ended.

    Raises:
        ClusterError: one of them may still run.
    """
    ended = []
    for job in jobs:
        cluster = reach(job)
        found = cluster.find(job.token)
        if found is not None:
            logger.info(
                "job %s of step %s, attempt %d, is canceled: the step runs again", found, job.step_name, job.attempt
            )
            end_and_confirm(cluster, found, clock)
            cluster.forget(found)
        ended.append(job)
    return ended

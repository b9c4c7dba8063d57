"""Jobs of an execution that is over, which nobody wants: ended, and confirmed so, before their steps run again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator

from synergyflow.clusters.base import Cluster
from synergyflow.core.records import JobRecord
from synergyflow.engine.job_watch import FORCE_SECONDS, POLITE_SECONDS
from synergyflow.errors import ClusterError, ClusterLost


def look_up(cluster: Cluster, token: str) -> str | None:
    """The job of that token. Only a second look, when what was submitted must be visible, makes sure there is none.

    Raises:
        ClusterError: it can't be told.
    """
    found = cluster.find(token)
    if found is None and cluster.settling_seconds > 0:
        threading.Event().wait(cluster.settling_seconds)
        found = cluster.find(token)
    return found


def end_and_confirm(cluster: Cluster, job_id: str, clock: Callable[[], float]) -> None:
    """Cancel the job, by force if it takes too long, and return when the cluster says that it has ended.

    A cluster that does not answer is asked again while there is time.

    Raises:
        ClusterLost: the cluster is gone, and the job with it.
        ClusterError: it cannot be confirmed; the job may still run.
    """
    began, pause, asked, trouble = clock(), threading.Event(), "", ""
    while True:
        waited = clock() - began
        try:
            if cluster.poll([job_id]).jobs[job_id].state.is_final:
                return
            wanted = "forced" if waited > POLITE_SECONDS else "asked"
            if asked != wanted:
                cluster.cancel(job_id, force=wanted == "forced")
                asked = wanted
        except ClusterLost:
            raise
        except ClusterError as error:
            trouble = f": {error}"
        if waited > FORCE_SECONDS:
            raise ClusterError(f"job {job_id} on cluster {cluster.name} can't be confirmed as ended{trouble}")
        pause.wait(min(max(waited / 10, cluster.poll_bounds.minimum, 0.001), cluster.poll_bounds.maximum))


def end_leftovers(
    jobs: Iterable[JobRecord],
    reach: Callable[[JobRecord], Cluster],
    clock: Callable[[], float],
    logger: logging.Logger,
) -> Iterator[JobRecord]:
    """End each job, found by its token on the cluster that it was given to; yields it when it is confirmed as ended.

    Raises:
        SynergyFlowError: one of them may still run.
    """
    for job in jobs:
        try:
            _end_leftover(job, reach(job), clock, logger)
        except ClusterLost as error:
            logger.info("job %s of step %s is gone with its cluster: %s", job.job_id, job.step_name, error)
        yield job


def _end_leftover(job: JobRecord, cluster: Cluster, clock: Callable[[], float], logger: logging.Logger) -> None:
    found = look_up(cluster, job.token)
    if found is None:
        return
    logger.info("job %s of step %s, attempt %d, is canceled: the step runs again", found, job.step_name, job.attempt)
    end_and_confirm(cluster, found, clock)
    cluster.forget(found)

"""The life of one cluster, in one thread: launch, wait until it takes jobs, watch them, terminate.

Whatever happens to the cluster is posted as an event. Failures of a look slow the looking down and are never a step's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from synergyflow.clusters.base import Cluster, ClusterState, Observation
from synergyflow.core.events import (
    ClusterEnded,
    ClusterFailed,
    ClusterLaunched,
    ClusterLost,
    ClusterReady,
)
from synergyflow.core.jobs import Job
from synergyflow.engine.inbox import Post
from synergyflow.engine.job_watch import JobWatch, Outcome, WatchedJob
from synergyflow.errors import ClusterError, ClusterLaunchError

BOOT_SECONDS = 3600.0


class ClusterAgent:
    """Owns one cluster on behalf of an execution. All methods may be called from any thread."""

    def __init__(
        self,
        cluster: Cluster,
        token: str,
        *,
        post: Post,
        logger: logging.Logger,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        self.cluster = cluster
        self._token = token
        self._post = post
        self._logger = logger
        self._now = now
        self._clock = clock
        self._watch = JobWatch(cluster, clock)
        self._wake = threading.Event()
        self._end_asked: tuple[bool, str] | None = None
        self._leave = False
        self._thread = threading.Thread(target=self._live, name=f"cluster {cluster.name}", daemon=True)

    def launch(self) -> None:
        """Begin: `ClusterLaunched` and `ClusterReady` follow, or `ClusterFailed`."""
        self._thread.start()

    def terminate(self, *, step_failed: bool) -> None:
        """End the cluster unless its profile says to keep it; `ClusterEnded` follows."""
        kept = self.cluster.keep_alive or (self.cluster.keep_failed and step_failed)
        why = "keep_alive" if self.cluster.keep_alive else "keep_failed: a step failed on it"
        self._end_asked = (kept, why if kept else "")
        self._wake.set()

    def leave(self) -> None:
        """Stop looking; cluster and jobs go on without this engine. Returns when the thread is done."""
        self._leave = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, job: Job, token: str) -> str:
        """Hand a job over; see `Cluster.submit`."""
        return self.cluster.submit(job, token)

    def watch(self, job_id: str, on_output: Callable[[bytes], None], on_end: Callable[[Outcome], None]) -> WatchedJob:
        """Have the job's output passed on and its end told, from this agent's thread."""
        watched = WatchedJob(job_id, on_output, on_end, since=self._clock())
        self._watch.add(watched)
        self._wake.set()
        return watched

    def cancel(self, job: WatchedJob) -> None:
        """End a watched job, with escalation; its end is told as any other."""
        try:
            self._watch.cancel(job)
        except ClusterError as error:
            self._logger.warning("canceling job %s on %s: %s", job.job_id, self.cluster.name, error)
        self._wake.set()

    # -- the thread -----------------------------------------------------------------------------------------------

    def _live(self) -> None:
        try:
            if self._come_up():
                self._look_after_jobs()
        except Exception as error:
            self._logger.exception("cluster %s: unexpected", self.cluster.name)
            self._lost(f"{type(error).__name__}: {error}")
        if not self._leave:
            self._end()

    def _come_up(self) -> bool:
        name = self.cluster.name
        try:
            cluster_id = self._launched()
            self._post(ClusterLaunched(at=self._now(), cluster=name, cluster_id=cluster_id))
            failure = self._wait_until_ready()
        except ClusterError as error:
            failure = str(error)
        if failure is None:
            self._post(ClusterReady(at=self._now(), cluster=name))
            return True
        if not self._leave:
            self._logger.error("cluster %s did not come up: %s", name, failure)
            self._terminate_quietly()
            self._post(ClusterFailed(at=self._now(), cluster=name, reason=failure))
        self._leave = True
        return False

    def _launched(self) -> str:
        """The id of the cluster. Where it is not clear whether there is one, the launch is repeated, as it may be."""
        began = self._clock()
        while True:
            try:
                return self.cluster.launch(self._token)
            except ClusterLaunchError:
                raise
            except ClusterError as error:
                if self._leave or self._end_asked or self._clock() - began > BOOT_SECONDS:
                    raise
                self._logger.warning("launching cluster %s is tried again: %s", self.cluster.name, error)
            self._pause(self.cluster.poll_bounds.maximum)

    def _wait_until_ready(self) -> str | None:
        """None once the cluster takes jobs, else why it will not."""
        began = self._clock()
        while not self._leave:
            seen = self._look([])
            if seen is not None and seen.state is ClusterState.READY:
                return None
            if seen is not None and seen.state in (ClusterState.GONE, ClusterState.FAILED, ClusterState.TERMINATING):
                return seen.reason or f"it is {seen.state}"
            if self._clock() - began > BOOT_SECONDS:
                return f"not ready after {BOOT_SECONDS:.0f} s"
            self._pause(self._interval(self._clock() - began))
        return "the engine is leaving"

    def _look_after_jobs(self) -> None:
        """Look while there is something to look at; return when the cluster is to be ended or is gone."""
        while not self._leave and (self._end_asked is None or len(self._watch)):
            age = self._watch.youngest()
            if age is None:
                self._watch.late.tick()
                self._pause(self.cluster.poll_bounds.maximum if self._watch.late else None)
                continue
            seen = self._look(self._watch.job_ids())
            if seen is not None and seen.state in (ClusterState.GONE, ClusterState.FAILED, ClusterState.TERMINATING):
                self._lost(seen.reason or f"it is {seen.state}")
                return
            moved = self._watch.tick(seen.jobs if seen is not None else {})
            if not moved:
                self._pause(self._interval(age))

    def _look(self, job_ids: list[str]) -> Observation | None:
        try:
            return self.cluster.poll(job_ids)
        except ClusterError as error:
            self._logger.warning("cluster %s could not be looked at: %s", self.cluster.name, error)
            self._pause(self.cluster.poll_bounds.maximum)
            return None

    def _lost(self, reason: str) -> None:
        self._logger.error("cluster %s was lost: %s", self.cluster.name, reason)
        self._post(ClusterLost(at=self._now(), cluster=self.cluster.name, reason=reason))
        self._watch.lose(reason)
        self._terminate_quietly()
        self._leave = True

    def _end(self) -> None:
        kept, reason = self._end_asked or (False, "")
        if kept:
            self._logger.warning(
                "cluster %s (%s) is left alive: %s", self.cluster.name, self.cluster.cluster_id, reason
            )
        else:
            reason = self._terminate_quietly()
        self._take_late_output()
        self._post(ClusterEnded(at=self._now(), cluster=self.cluster.name, kept=kept, reason=reason))

    def _take_late_output(self) -> None:
        """Stay until output that comes late has come, or comes no more."""
        while self._watch.late and not self._leave:
            self._watch.late.tick()
            self._pause(self.cluster.poll_bounds.maximum)

    def _terminate_quietly(self) -> str:
        """Terminate; what goes wrong is logged and returned, since nothing else may be kept from ending by it."""
        try:
            self.cluster.terminate()
        except ClusterError as error:
            self._logger.error("cluster %s could not be terminated: %s", self.cluster.name, error)
            return f"could not be terminated: {error}"
        return ""

    def _interval(self, age: float) -> float:
        """Seconds until the next look: a tenth of the age of what is waited for, within the cluster's bounds."""
        bounds = self.cluster.poll_bounds
        return min(max(age / 10, bounds.minimum), bounds.maximum)

    def _pause(self, seconds: float | None) -> None:
        self._wake.wait(seconds)
        self._wake.clear()

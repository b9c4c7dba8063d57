"""The life of one cluster, in one thread: launch, wait until it takes jobs, watch them, terminate.

Whatever happens to the cluster is posted as an event, exactly one of which is its last: `ClusterFailed`, `ClusterLost`
or `ClusterEnded`. Failures of a look slow the looking down and are never a step's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
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
from synergyflow.engine.job_watch import JobWatch, WatchedJob
from synergyflow.errors import ClusterError, ClusterLaunchError, SynergyFlowError
from synergyflow.errors import ClusterLost as ClusterIsLost

BOOT_SECONDS = 3600.0
_OVER = (ClusterState.GONE, ClusterState.FAILED, ClusterState.TERMINATING)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentParts:
    """What an agent works with. Reasons of failures go through `mask` before they are told."""

    post: Post
    logger: logging.Logger
    mask: Callable[[str], str]
    now: Callable[[], datetime]
    clock: Callable[[], float]


class ClusterAgent:
    """Owns one cluster on behalf of an execution. All methods may be called from any thread."""

    def __init__(self, cluster: Cluster, token: str, parts: AgentParts) -> None:
        self.cluster = cluster
        self._token = token
        self._parts = parts
        self._watch = JobWatch(cluster, parts.clock, parts.logger)
        self._wake = threading.Event()
        self._up = threading.Event()
        self._failure: str | None = None
        self._end_asked: tuple[bool, str] | None = None
        self._at_once = False
        self._leave = False
        self._over = False
        self._is_lost = False
        self._over_lock = threading.Lock()
        self._thread = threading.Thread(target=self._live, name=f"cluster {cluster.name}", daemon=True)

    def launch(self) -> None:
        """Begin: `ClusterLaunched` and `ClusterReady` follow, or `ClusterFailed`."""
        self._thread.start()

    def wait_until_up(self) -> None:
        """Return when the cluster takes jobs.

        Raises:
            ClusterError: it never will.
        """
        self._up.wait()
        if self._failure is not None:
            raise ClusterLaunchError(f"cluster {self.cluster.name} did not come up: {self._failure}")

    def terminate(self, *, step_failed: bool) -> None:
        """End the cluster, also one that is still coming up, unless its profile says to keep it."""
        kept = self.cluster.keep_alive or (self.cluster.keep_failed and step_failed)
        why = "keep_alive" if self.cluster.keep_alive else "keep_failed: a step failed on it"
        self._end_asked = (kept, why if kept else "")
        self._wake.set()

    def abort(self) -> None:
        """End at once, with whatever runs: the engine can't go on."""
        self._at_once = True
        self.terminate(step_failed=False)

    def leave(self) -> None:
        """Stop looking; cluster and jobs go on without this engine."""
        self._leave = True
        self._wake.set()

    def join(self, seconds: float) -> bool:
        """Whether the thread is done, after at most so many seconds."""
        if self._thread.is_alive():
            self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def release(self, error: SynergyFlowError) -> None:
        """Whoever waits for a job here, now or later, is told this error instead."""
        self._watch.end_all(error)

    def submit(self, job: Job, token: str) -> str:
        """Hand a job over; see `Cluster.submit`. A cluster that is gone is told of before the error is raised."""
        try:
            return self.cluster.submit(job, token)
        except ClusterIsLost as error:
            self._lost(error.message)
            raise

    def watch(self, job: WatchedJob) -> None:
        """Have the job's output passed on and its end told, from this agent's thread."""
        self._watch.add(job)
        self._wake.set()

    def cancel(self, job: WatchedJob) -> None:
        """End a watched job, with escalation; its end is told as any other."""
        try:
            self._watch.cancel(job)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong, it is ended by force in a while
            self._parts.logger.warning("canceling job %s on %s: %s", job.job_id, self.cluster.name, error)
        self._wake.set()

    # -- the thread -----------------------------------------------------------------------------------------------

    def _live(self) -> None:
        try:
            if self._come_up():
                self._look_after_jobs()
        except Exception as error:
            self._parts.logger.exception("cluster %s: unexpected", self.cluster.name)
            self._lost(_text(error))
        if self._is_lost:
            self._terminate_quietly()
        elif not self._leave:
            self._end()
        self._up.set()

    def _come_up(self) -> bool:
        if self._leave:
            return False
        name, now = self.cluster.name, self._parts.now
        try:
            cluster_id = self._launched()
            self._parts.post(ClusterLaunched(at=now(), cluster=name, cluster_id=cluster_id))
            failure = self._wait_until_ready()
        except Exception as error:
            if not isinstance(error, ClusterError):
                self._parts.logger.exception("launching cluster %s: unexpected", name)
            failure = _text(error)
        if failure is not None:
            self._failed(failure)
        elif not (self._leave or self._end_asked):
            self._parts.post(ClusterReady(at=now(), cluster=name))
            self._up.set()
        return failure is None

    def _launched(self) -> str:
        """The id of the cluster. Where it is not clear whether there is one, the launch is repeated, as it may be."""
        began = self._parts.clock()
        while True:
            try:
                return self.cluster.launch(self._token)
            except ClusterLaunchError:
                raise
            except ClusterError as error:
                if self._leave or self._end_asked or self._parts.clock() - began > BOOT_SECONDS:
                    raise
                self._parts.logger.warning("launching cluster %s is tried again: %s", self.cluster.name, error)
            self._pause(self.cluster.poll_bounds.maximum)

    def _wait_until_ready(self) -> str | None:
        """None once the cluster takes jobs, or is not wanted any more; else why it will not."""
        began = self._parts.clock()
        while not (self._leave or self._end_asked):
            seen = self._look([])
            if seen is not None and seen.state is ClusterState.READY:
                return None
            if seen is not None and seen.state in _OVER:
                return seen.reason or f"it is {seen.state}"
            if self._parts.clock() - began > BOOT_SECONDS:
                return f"not ready after {BOOT_SECONDS:.0f} s"
            self._pause(self._interval(self._parts.clock() - began))
        return None

    def _look_after_jobs(self) -> None:
        """Look while there is something to look at; return when the cluster is to be ended or is gone."""
        while not (self._leave or self._over or self._at_once or (self._end_asked and not len(self._watch))):
            age = self._watch.youngest()
            if age is None:
                self._watch.late.tick()
                self._pause(self.cluster.poll_bounds.maximum if self._watch.late else None)
                continue
            seen = self._look(self._watch.job_ids())
            if seen is not None and seen.state in _OVER:
                self._lost(seen.reason or f"it is {seen.state}")
                return
            moved = self._watch.tick(seen.jobs if seen is not None else {})
            if not moved:
                self._pause(self._interval(age))

    def _look(self, job_ids: list[str]) -> Observation | None:
        try:
            return self.cluster.poll(job_ids)
        except ClusterError as error:
            self._parts.logger.warning("cluster %s could not be looked at: %s", self.cluster.name, error)
            self._pause(self.cluster.poll_bounds.maximum)
            return None

    # -- the end, of which there is one ---------------------------------------------------------------------------

    def _is_first_end(self) -> bool:
        with self._over_lock:
            first, self._over = not self._over, True
            return first

    def _failed(self, reason: str) -> None:
        if self._leave or not self._is_first_end():
            return
        self._failure = self._parts.mask(reason)
        self._parts.logger.error("cluster %s did not come up: %s", self.cluster.name, reason)
        self._terminate_quietly()
        self._parts.post(ClusterFailed(at=self._parts.now(), cluster=self.cluster.name, reason=self._failure))
        self._watch.lose(self._failure)

    def _lost(self, reason: str) -> None:
        """The cluster is gone; its last event is told before any step that ran on it comes to its end."""
        if not self._is_first_end():
            return
        self._is_lost = True
        reason = self._failure = self._parts.mask(reason)
        self._parts.logger.error("cluster %s was lost: %s", self.cluster.name, reason)
        self._parts.post(ClusterLost(at=self._parts.now(), cluster=self.cluster.name, reason=reason))
        self._watch.lose(reason)
        self._wake.set()

    def _end(self) -> None:
        if not self._is_first_end():
            return
        kept, reason = self._end_asked or (False, "")
        if kept:
            self._parts.logger.warning(
                "cluster %s (%s) is left alive: %s", self.cluster.name, self.cluster.cluster_id, reason
            )
            self._end_jobs()
        else:
            reason = self._terminate_quietly()
        self._take_late_output()
        self._watch.lose("it was ended")
        self._parts.post(ClusterEnded(at=self._parts.now(), cluster=self.cluster.name, kept=kept, reason=reason))

    def _end_jobs(self) -> None:
        """On a cluster that is kept nobody else ends what this engine had running."""
        for job_id in self._watch.job_ids():
            try:
                self.cluster.cancel(job_id, force=True)
            except Exception as error:  # noqa: BLE001 - the others are ended all the same
                self._parts.logger.error("job %s on %s could not be ended: %s", job_id, self.cluster.name, error)

    def _take_late_output(self) -> None:
        """Stay until output that comes late has come, or comes no more."""
        while self._watch.late and not self._leave:
            self._watch.late.tick()
            self._pause(self.cluster.poll_bounds.maximum)

    def _terminate_quietly(self) -> str:
        """Terminate; what goes wrong is logged and returned, since nothing else may be kept from ending by it."""
        try:
            self.cluster.terminate()
        except Exception as error:
            if not isinstance(error, ClusterError):
                self._parts.logger.exception("terminating cluster %s: unexpected", self.cluster.name)
            self._parts.logger.error("cluster %s could not be terminated: %s", self.cluster.name, error)
            return self._parts.mask(f"could not be terminated: {_text(error)}")
        return ""

    def _interval(self, age: float) -> float:
        """Seconds until the next look: a tenth of the age of what is waited for, within the cluster's bounds."""
        bounds = self.cluster.poll_bounds
        return min(max(age / 10, bounds.minimum), bounds.maximum)

    def _pause(self, seconds: float | None) -> None:
        self._wake.wait(seconds)
        self._wake.clear()


def _text(error: Exception) -> str:
    return str(error) if isinstance(error, SynergyFlowError) else f"{type(error).__name__}: {error}"

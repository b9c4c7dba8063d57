"""The life of a cluster: CREATING, RUNNING, DELETING and gone; by way of STOPPED, UPDATING or ERROR; its limits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from google.cloud.dataproc_v1.types import Cluster, ClusterStatus

from synergyflow.testing.emulators.dataproc.job_life import JobLife
from synergyflow.testing.emulators.dataproc.world import Place, World

_STATE = ClusterStatus.State
_DELETED = "Task was lost: cluster '{}' was deleted while the job was active"


class ClusterLife:
    """Moves clusters on."""

    def __init__(self, world: World, jobs: JobLife) -> None:
        self._world = world
        self._jobs = jobs

    def begin(self, place: Place, cluster: Cluster, error: str, done: Callable[[str], None]) -> None:
        """The cluster has been accepted. It ends up in ERROR with that detail, or RUNNING without; `done` is told."""
        world = self._world
        world.clusters[place, cluster.cluster_name] = cluster
        world.to_cluster_state(cluster, _STATE.CREATING)
        world.clock.call_later(world.delays.create, lambda: self._created(place, cluster, error, done))

    def delete(self, place: Place, cluster: Cluster, done: Callable[[str], None] = lambda error: None) -> None:
        """Somebody, or its own limit, asked for the cluster's end. Its jobs are lost at once."""
        world = self._world
        world.to_cluster_state(cluster, _STATE.DELETING)
        for submitted in world.active_jobs(cluster):
            self._jobs.lose(submitted, _DELETED.format(cluster.cluster_name))
        world.clock.call_later(world.delays.delete, lambda: self._gone(place, cluster, done))

    def vanish(self, place: Place, cluster: Cluster) -> None:
        """It is gone, as if it had never been there; nobody was told."""
        for submitted in self._world.active_jobs(cluster):
            self._jobs.lose(submitted, _DELETED.format(cluster.cluster_name))
        del self._world.clusters[place, cluster.cluster_name]

    def through(
        self,
        place: Place,
        cluster: Cluster,
        by: ClusterStatus.State,
        to: ClusterStatus.State,
        delay: float,
        done: Callable[[str], None],
    ) -> None:
        """Let the cluster go through a state of change to another one."""
        self._world.to_cluster_state(cluster, by)
        self._world.clock.call_later(delay, lambda: self._arrived(place, cluster, by, to, done))

    def _arrived(
        self,
        place: Place,
        cluster: Cluster,
        by: ClusterStatus.State,
        to: ClusterStatus.State,
        done: Callable[[str], None],
    ) -> None:
        with self._world.lock:
            if not self._is_there(place, cluster) or cluster.status.state != by:
                done("the cluster went another way")
                return
            self._world.to_cluster_state(cluster, to)
            done("")

    def _created(self, place: Place, cluster: Cluster, error: str, done: Callable[[str], None]) -> None:
        with self._world.lock:
            if not self._is_there(place, cluster) or cluster.status.state != _STATE.CREATING:
                done("")  # the real one, too, has been seen to succeed for a cluster that is being deleted
                return
            self._world.to_cluster_state(cluster, _STATE.ERROR if error else _STATE.RUNNING, error)
            if not error:
                self._watch_limits(place, cluster)
            done(error)

    def _gone(self, place: Place, cluster: Cluster, done: Callable[[str], None]) -> None:
        with self._world.lock:
            if self._is_there(place, cluster):
                del self._world.clusters[place, cluster.cluster_name]
            done("")

    def _is_there(self, place: Place, cluster: Cluster) -> bool:
        return self._world.clusters.get((place, cluster.cluster_name)) is cluster

    # -- limits ---------------------------------------------------------------------------------------------------

    def _watch_limits(self, place: Place, cluster: Cluster) -> None:
        life = cluster.config.lifecycle_config
        if life.auto_delete_ttl:
            seconds = life.auto_delete_ttl.total_seconds()
            self._world.clock.call_later(seconds, lambda: self._limit_reached(place, cluster))
        if life.idle_delete_ttl:
            self._watch_idleness(place, cluster, life.idle_delete_ttl)

    def _watch_idleness(self, place: Place, cluster: Cluster, ttl: timedelta) -> None:
        """Look again when the cluster, idle since it last worked, would have been so for long enough."""
        left = (self._last_worked(cluster) + ttl - self._world.clock.now()).total_seconds()
        self._world.clock.call_later(max(left, 1.0), lambda: self._if_idle(place, cluster, ttl))

    def _if_idle(self, place: Place, cluster: Cluster, ttl: timedelta) -> None:
        with self._world.lock:
            if not self._is_there(place, cluster):
                return
            if self._world.clock.now() - self._last_worked(cluster) >= ttl:
                self._limit_reached(place, cluster)
            else:
                self._watch_idleness(place, cluster, ttl)

    def _last_worked(self, cluster: Cluster) -> datetime:
        now = self._world.clock.now()
        if self._world.active_jobs(cluster):
            return now
        ends = [
            submitted.job.status.state_start_time
            for submitted in self._world.jobs.values()
            if submitted.job.placement.cluster_uuid == cluster.cluster_uuid
        ]
        since: datetime = max([cluster.status.state_start_time, *ends])
        return since

    def _limit_reached(self, place: Place, cluster: Cluster) -> None:
        with self._world.lock:
            if self._is_there(place, cluster) and cluster.status.state != _STATE.DELETING:
                self.delete(place, cluster)

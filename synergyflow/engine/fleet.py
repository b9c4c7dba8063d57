"""The agents of one execution: one for each cluster that was asked for, and one for the engine's own host."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from synergyflow.clusters.base import Cluster
from synergyflow.core.commands import LaunchCluster, TerminateCluster
from synergyflow.core.events import ClusterFailed, ClusterRequested, Event
from synergyflow.engine.agent import AgentParts, ClusterAgent
from synergyflow.engine.inbox import Inbox, Post
from synergyflow.engine.ports import ClusterMaker
from synergyflow.errors import SynergyFlowError

LEAVE_SECONDS = 10.0
ABORT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetParts:
    """What agents are made with. `token` derives a cluster's name at the provider from its name here."""

    maker: ClusterMaker
    inbox: Inbox
    logger: logging.Logger
    token: Callable[[str], str]
    now: Callable[[], datetime]
    clock: Callable[[], float]
    mask: Callable[[str], str]


class Agents:
    """Makes agents and finds them by name. Launching and ending are the driver's, from its thread."""

    def __init__(self, parts: FleetParts) -> None:
        self._parts = parts
        self._agents: dict[str, ClusterAgent] = {}
        self._host: ClusterAgent | None = None
        self._host_lock = threading.Lock()
        self._broken: dict[str, str] = {}

    def __getitem__(self, name: str) -> ClusterAgent:
        return self._agents[name]

    def requested(self, command: LaunchCluster) -> ClusterRequested:
        """Make the agent; what is to be recorded before it may launch. One that can't be made fails as it launches."""
        token = self._parts.token(command.cluster)
        cluster_type = ""
        try:
            cluster = self._parts.maker.make(command.cluster, command.profile)
            cluster_type = cluster.type
            self._agents[command.cluster] = self._agent(cluster, token, self._parts.inbox.post)
        except SynergyFlowError as error:
            self._broken[command.cluster] = str(error)
        except Exception as error:
            self._parts.logger.exception("making cluster %s: unexpected", command.cluster)
            self._broken[command.cluster] = f"{type(error).__name__}: {error}"
        return ClusterRequested(
            at=self._parts.now(),
            cluster=command.cluster,
            profile=command.profile,
            type=cluster_type,
            token=token,
        )

    def launch(self, command: LaunchCluster) -> None:
        """Launch what was requested; its events follow."""
        broken = self._broken.get(command.cluster)
        if broken is None:
            self._agents[command.cluster].launch()
            return
        parts = self._parts
        parts.logger.error("cluster %s can't be launched: %s", command.cluster, broken)
        parts.inbox.post(ClusterFailed(at=parts.now(), cluster=command.cluster, reason=parts.mask(broken)))

    def terminate(self, command: TerminateCluster) -> None:
        """End it; `ClusterEnded` follows."""
        agent = self._agents.get(command.cluster)
        if agent is not None:
            agent.terminate(step_failed=command.step_failed)

    def host(self) -> ClusterAgent:
        """The agent for child processes of the engine; launched when it is first needed.

        Raises:
            ClusterError: it can't be used.
        """
        with self._host_lock:
            if self._host is None:
                agent = self._agent(self._parts.maker.host(), self._parts.token("host"), _unrecorded)
                agent.launch()
                agent.wait_until_up()
                self._host = agent
            return self._host

    def leave(self, seconds: float | None = None) -> bool:
        """Stop looking at whatever still lives. Whether every agent is done, `LEAVE_SECONDS` later at most."""
        for agent in self._all():
            agent.leave()
        return self._join(LEAVE_SECONDS if seconds is None else seconds)

    def abort(self) -> bool:
        """End whatever still lives, with what runs on it. Whether that is done, `ABORT_SECONDS` later at most."""
        for agent in self._all():
            agent.abort()
        return self._join(ABORT_SECONDS)

    def release(self, error: SynergyFlowError) -> None:
        """Whoever still waits for a job is told this error."""
        for agent in self._all():
            agent.release(error)

    def _agent(self, cluster: Cluster, token: str, post: Post) -> ClusterAgent:
        parts = self._parts
        return ClusterAgent(
            cluster,
            token,
            AgentParts(post=post, logger=parts.logger, mask=parts.mask, now=parts.now, clock=parts.clock),
        )

    def _join(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        left = [agent for agent in self._all() if not agent.join(deadline - time.monotonic())]
        return not left

    def _all(self) -> list[ClusterAgent]:
        return [*self._agents.values(), *([self._host] if self._host is not None else [])]


def _unrecorded(event: Event) -> None:
    """The engine's own host is none of the clusters of the plan."""

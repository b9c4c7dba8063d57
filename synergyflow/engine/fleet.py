"""The agents of one execution: one for each cluster that was asked for, and one for the engine's own host."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from synergyflow.core.commands import LaunchCluster, TerminateCluster
from synergyflow.core.events import ClusterFailed, ClusterRequested
from synergyflow.engine.agent import ClusterAgent
from synergyflow.engine.inbox import Inbox
from synergyflow.engine.ports import ClusterMaker
from synergyflow.errors import SynergyFlowError


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetParts:
    """What agents are made with. `token` derives a cluster's name at the provider from its name here."""

    maker: ClusterMaker
    inbox: Inbox
    logger: logging.Logger
    token: Callable[[str], str]
    now: Callable[[], datetime]
    clock: Callable[[], float]


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
        """Make the agent; what is to be recorded before it may launch."""
        parts = self._parts
        cluster_type = ""
        try:
            cluster = parts.maker.make(command.cluster, command.profile)
            cluster_type = cluster.type
            self._agents[command.cluster] = ClusterAgent(
                cluster,
                parts.token(command.cluster),
                post=parts.inbox.post,
                logger=parts.logger,
                now=parts.now,
                clock=parts.clock,
            )
        except SynergyFlowError as error:
            self._broken[command.cluster] = str(error)
        return ClusterRequested(
            at=parts.now(),
            cluster=command.cluster,
            profile=command.profile,
            type=cluster_type,
            token=parts.token(command.cluster),
        )

    def launch(self, command: LaunchCluster) -> None:
        """Launch what was requested; its events follow."""
        broken = self._broken.get(command.cluster)
        if broken is not None:
            failed = ClusterFailed(at=self._parts.now(), cluster=command.cluster, reason=broken)
            self._parts.inbox.post(failed)
            return
        self._agents[command.cluster].launch()

    def terminate(self, command: TerminateCluster) -> None:
        """End it; `ClusterEnded` follows."""
        self._agents[command.cluster].terminate(step_failed=command.step_failed)

    def host(self) -> ClusterAgent:
        """The agent for child processes of the engine; launched when it is first needed."""
        with self._host_lock:
            if self._host is None:
                parts = self._parts
                self._host = ClusterAgent(
                    parts.maker.host(),
                    parts.token("host"),
                    post=lambda event: None,
                    logger=parts.logger,
                    now=parts.now,
                    clock=parts.clock,
                )
                self._host.launch()
            return self._host

    def leave(self) -> None:
        """Stop looking at whatever still lives. May be repeated."""
        agents = [*self._agents.values(), *([self._host] if self._host is not None else [])]
        for agent in agents:
            agent.leave()

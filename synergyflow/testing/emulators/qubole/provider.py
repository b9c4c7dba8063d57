"""The life cycles of clusters and commands. Nothing happens by itself: `advance` does what is due, at every request."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from typing import Any

from synergyflow.testing.emulators.qubole.model import ENDED, Delays, EmulatedCluster, EmulatedCommand, Worker
from synergyflow.testing.emulators.qubole.timing import Clock

PATIENCE = 5.0
"""Seconds that a killed command has before it is ended by force."""

COMMAND_TYPES: Mapping[str, tuple[str, ...]] = {
    "ShellCommand": ("inline", "script_location"),
    "SparkCommand": ("cmdline", "program", "sql", "script_location", "note_id"),
    "HiveCommand": ("query", "script_location"),
    "PigCommand": ("latin_statements", "script_location"),
    "HadoopCommand": ("sub_command",),
    "PrestoCommand": ("query", "script_location"),
    "SqlCommand": ("query", "script_location"),
}
"""Kinds of commands, and the fields of which each must have one."""


class Refused(Exception):
    """What is asked for is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Provider:
    """One account. All methods but `advance` expect `lock` to be held."""

    def __init__(self, clock: Clock, delays: Delays, worker: Worker, aside_bytes: int) -> None:
        self.lock = threading.RLock()
        self.clusters: list[EmulatedCluster] = []
        self.commands: dict[int, EmulatedCommand] = {}
        self.failing_starts: list[str] = []
        self._clock = clock
        self._delays = delays
        self._worker = worker
        self._aside_bytes = aside_bytes
        self._moves = 0

    def as_it_is(self) -> Provider:
        """A copy that is not told of anything that happens from now on."""
        kept = copy.copy(self)
        kept.clusters = [copy.copy(cluster) for cluster in self.clusters]
        kept.commands = {number: copy.copy(command) for number, command in self.commands.items()}
        return kept

    # -- clusters -------------------------------------------------------------------------------------------------

    def add_cluster(self, *labels: str) -> EmulatedCluster:
        """A further cluster, down."""
        cluster = EmulatedCluster(id=10_001 + len(self.clusters), labels=list(labels))
        self.clusters.append(cluster)
        return cluster

    def cluster(self, id_or_label: str) -> EmulatedCluster:
        """The cluster of that id or label. Raises `Refused` if there is none."""
        for cluster in self.clusters:
            if str(cluster.id) == id_or_label or id_or_label in cluster.labels:
                return cluster
        raise Refused(404, f"Cluster with id or label {id_or_label} not found")

    def start(self, cluster: EmulatedCluster) -> None:
        """Begin to start it, if it is down."""
        if cluster.state == "DOWN":
            cluster.terminate_reason = None
            self._move(cluster, "PENDING")
            cluster.start_at = self._clock.now().isoformat(timespec="microseconds")

    def stop(self, cluster: EmulatedCluster, reason: str) -> None:
        """Begin to stop it, if it is not down; what runs on it ends with it."""
        if cluster.state not in ("PENDING", "UP"):
            return
        cluster.terminate_reason = reason
        self._move(cluster, "TERMINATING")
        for command in self.commands.values():
            if command.cluster is cluster and command.status not in ENDED:
                self._fail(command, f"cluster {cluster.id} was terminated: {reason}\n")

    def lose_spot(self, cluster: EmulatedCluster) -> None:
        """Take its spot nodes away; commands that ran on them fail."""
        cluster.nodes = 1
        for command in self.commands.values():
            if command.cluster is cluster and command.status == "running":
                self._fail(command, "spot nodes were reclaimed\n")

    def vanish(self, cluster: EmulatedCluster) -> None:
        """Forget it, as if somebody had deleted it."""
        self.stop(cluster, "deleted")
        self.clusters.remove(cluster)

    def _move(self, cluster: EmulatedCluster, state: str) -> None:
        cluster.state, cluster.since = state, self._clock.monotonic()
        self._moves += 1

    # -- commands -------------------------------------------------------------------------------------------------

    def create(self, request: Mapping[str, Any], user: str) -> EmulatedCommand:
        """A new command, waiting. Two of the same name are two commands."""
        kind = request.get("command_type")
        if kind not in COMMAND_TYPES:
            raise Refused(422, f"command_type {kind!r} is not valid")
        if not any(request.get(field) for field in COMMAND_TYPES[str(kind)]):
            raise Refused(422, f"{kind} needs one of {', '.join(COMMAND_TYPES[str(kind)])}")
        if not isinstance(request.get("tags") or [], list):
            raise Refused(422, "tags must be a list")
        command = EmulatedCommand(
            id=100_001 + len(self.commands),
            request=dict(request),
            user=user,
            cluster=self.cluster(str(request.get("label") or "default")),
            created_at=self._clock.now(),
            since=self._clock.monotonic(),
        )
        self.commands[command.id] = command
        return command

    def command(self, command_id: str) -> EmulatedCommand:
        """The command of that id. Raises `Refused` if there is none."""
        found = self.commands.get(int(command_id)) if command_id.isdecimal() else None
        if found is None:
            raise Refused(404, f"Command {command_id} not found")
        return found

    def kill(self, command: EmulatedCommand) -> None:
        """Begin to end it."""
        if command.status in ("waiting", "running"):
            if command.work is not None:
                command.work.kill()
            command.status, command.since = "cancelling", self._clock.monotonic()

    def _fail(self, command: EmulatedCommand, last_words: str) -> None:
        if command.work is not None:
            command.work.kill()
        command.last_words += last_words.encode()
        self._end(command, "cancelled" if command.status == "cancelling" else "error")

    def _end(self, command: EmulatedCommand, status: str) -> None:
        command.status, command.ended_at = status, self._clock.now()
        command.aside = len(command.log)
        self._moves += 1

    # -- time -----------------------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Do what is due, and what becomes due by that."""
        with self.lock:
            before = -1
            while before != self._moves:
                before = self._moves
                self._advance_all(self._clock.monotonic())

    def _advance_all(self, now: float) -> None:
        for cluster in self.clusters:
            self._advance_cluster(cluster, now)
        for command in self.commands.values():
            if command.status not in ENDED:
                self._advance_command(command, now)

    def _advance_cluster(self, cluster: EmulatedCluster, now: float) -> None:
        if cluster.state == "PENDING" and now - cluster.since >= self._delays.start:
            if self.failing_starts:
                self.stop(cluster, self.failing_starts.pop(0))
            else:
                self._move(cluster, "UP")
        if cluster.state == "TERMINATING" and now - cluster.since >= self._delays.stop:
            self._move(cluster, "DOWN")
            cluster.down_at = self._clock.now().isoformat(timespec="microseconds")

    def _advance_command(self, command: EmulatedCommand, now: float) -> None:
        if command.status == "waiting":
            if command.cluster.state == "DOWN":
                self.start(command.cluster)
            if command.cluster.state == "UP" and now - max(command.since, command.cluster.since) >= self._delays.queue:
                command.status, command.started_at = "running", self._clock.now()
                command.work = self._worker.begin(command, now)
        if command.status == "running" and command.work is not None:
            code = command.work.ended(now)
            whole = len(command.log)
            command.aside = max(command.aside, whole - whole % self._aside_bytes)
            if code is not None:
                self._end(command, "error" if code else "done")
        if command.status == "cancelling" and now - command.since >= self._delays.kill:
            self._advance_kill(command, now)

    def _advance_kill(self, command: EmulatedCommand, now: float) -> None:
        if command.work is None or command.work.ended(now) is not None:
            self._end(command, "cancelled")
        elif now - command.since >= self._delays.kill + PATIENCE:
            command.work.kill(force=True)

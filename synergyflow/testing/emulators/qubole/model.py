"""What the emulator remembers, and how the API shows it. No rule of a life cycle is here; those are in `provider`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

ENDED = frozenset({"done", "error", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """Seconds that things take: a cluster to start and to stop, a command to begin and to heed a kill."""

    start: float = 0.0
    stop: float = 0.0
    queue: float = 0.0
    kill: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a command ends. `seconds` is by script how long it runs, None if it does not end by itself."""

    exit_code: int = 0
    log: bytes = b""
    results: bytes = b""
    seconds: float | None = 0.0


class Work(Protocol):
    """What a running command does."""

    def ended(self, now: float) -> int | None:
        """The exit code, None while it runs."""

    def kill(self, *, force: bool = False) -> None:
        """End it, politely or by force. May be repeated."""

    def log(self) -> bytes:
        """What it has written to its log so far."""

    def results(self) -> bytes:
        """What it has written as results so far."""


class Worker(Protocol):
    """Begins the work of commands."""

    def begin(self, command: EmulatedCommand, now: float) -> Work:
        """Begin."""

    def close(self) -> None:
        """End whatever still runs."""


@dataclass(slots=True, eq=False, kw_only=True)
class EmulatedCluster:
    """A cluster of the account. `strange` is a state that it shows in place of its own."""

    id: int
    labels: list[str]
    state: str = "DOWN"
    since: float = 0.0
    start_at: str | None = None
    down_at: str | None = None
    terminate_reason: str | None = None
    nodes: int = 3
    strange: str | None = None

    def shown(self) -> dict[str, Any]:
        """As `GET /clusters/ID/state` answers."""
        up = self.state == "UP"
        return {
            "state": self.strange or self.state,
            "cluster_id": self.id,
            "config_id": self.id * 10,
            "start_at": self.start_at,
            "down_at": self.down_at,
            "terminate_reason": self.terminate_reason,
            "nodes": [_node(number) for number in range(self.nodes)] if up else [],
        }


def _node(number: int) -> dict[str, Any]:
    return {
        "role": "worker" if number else "master",
        "hostname": f"ip-10-0-0-{number + 10}.ec2.internal",
        "ec2_instance_id": f"i-{number:017x}",
        "instance_type": "m5.xlarge",
        "is_spot_instance": number > 0,
    }


@dataclass(slots=True, eq=False, kw_only=True)
class EmulatedCommand:
    """A command as it was asked for, and what has become of it.

    `aside` bytes of its log are put aside for good; `strange` is a state that it shows in place of its own.
    """

    id: int
    request: Mapping[str, Any]
    user: str
    cluster: EmulatedCluster
    created_at: datetime
    since: float
    status: str = "waiting"
    work: Work | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    last_words: bytes = b""
    strange: str | None = None
    aside: int = 0

    @property
    def name(self) -> str:
        """By which it was asked for."""
        return str(self.request.get("name") or "")

    @property
    def log(self) -> bytes:
        """The whole log so far."""
        return (self.work.log() if self.work else b"") + self.last_words

    def shown(self, *, properties: bool = True) -> dict[str, Any]:
        """As the API shows a command; a listing leaves tags out unless it is asked for `properties`."""
        request = self.request
        answer = {
            "id": self.id,
            "status": self.strange or self.status,
            "progress": 100 if self.status in ENDED else 0,
            "command_type": request["command_type"],
            "command": {key: value for key, value in request.items() if key not in _NOT_OF_THE_COMMAND},
            "label": request.get("label"),
            "name": self.name or None,
            "created_at": self.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "submit_time": int(self.created_at.timestamp()),
            "start_time": _seconds(self.started_at),
            "end_time": _seconds(self.ended_at),
            "path": f"/tmp/{self.created_at:%Y-%m-%d}/1/{self.id}",
            "pool": request.get("pool"),
            "timeout": request.get("timeout"),
            "user_id": self.user,
            "can_notify": bool(request.get("can_notify")),
            "num_result_dir": 1,
            "resolved_macros": None,
            "qlog": None,
            "meta_data": {
                "results_resource": f"commands/{self.id}/results",
                "logs_resource": f"commands/{self.id}/logs",
            },
        }
        return answer | {"tags": list(request.get("tags") or [])} if properties else answer


_NOT_OF_THE_COMMAND = frozenset({"command_type", "label", "name", "tags", "pool", "timeout", "can_notify"})


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())

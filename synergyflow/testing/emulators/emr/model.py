"""Clusters and steps as the emulator keeps them, and as the wire shows them. No behaviour: that is `provider.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

ACTIVE_STEPS = frozenset({"PENDING", "RUNNING", "CANCEL_PENDING"})
DYING = frozenset({"TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """Seconds that a cluster or step spends on its way. `logs`: from the end of a step until its logs are in S3."""

    starting: float = 0.0
    bootstrapping: float = 0.0
    terminating: float = 0.0
    logs: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the work of a step ended, or by script is to end: after `seconds`, or never by itself if that is None."""

    exit_code: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
    seconds: float | None = 0.0
    heeds_interrupt: bool = True


class Running(Protocol):
    """Work that is under way."""

    def interrupt(self, *, force: bool) -> None:
        """Ask for its end, or end it."""


@dataclass(slots=True, eq=False)
class Step:
    """A step. `strange` is a state of no table that it shows instead of its own."""

    id: str
    number: int
    request: Mapping[str, Any]
    created: datetime
    state: str = "PENDING"
    started: datetime | None = None
    ended: datetime | None = None
    failure: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    running: Running | None = None
    cancel_asked: bool = False
    strange: str | None = None

    @property
    def name(self) -> str:
        """As given."""
        return str(self.request["Name"])

    @property
    def arguments(self) -> list[str]:
        """Of its jar."""
        return list(self.request["HadoopJarStep"].get("Args", ()))

    @property
    def is_active(self) -> bool:
        """Whether it counts towards the limit of unfinished steps."""
        return self.state in ACTIVE_STEPS

    def shown(self) -> dict[str, Any]:
        """As ListSteps and DescribeStep show it."""
        jar = self.request["HadoopJarStep"]
        properties = {pair["Key"]: pair.get("Value", "") for pair in jar.get("Properties", ())}
        config = {"Jar": jar["Jar"], "Args": self.arguments, "Properties": properties}
        if jar.get("MainClass"):
            config["MainClass"] = jar["MainClass"]
        status: dict[str, Any] = {
            "State": self.strange or self.state,
            "StateChangeReason": {"Message": self.reason} if self.reason else {},
            "Timeline": timeline(self.created, StartDateTime=self.started, EndDateTime=self.ended),
        }
        if self.failure:
            status["FailureDetails"] = dict(self.failure)
        return {
            "Id": self.id,
            "Name": self.name,
            "Config": config,
            "ActionOnFailure": self.request.get("ActionOnFailure", "TERMINATE_CLUSTER"),
            "Status": status,
        }


@dataclass(slots=True, eq=False)
class EmulatedCluster:
    """A cluster and its steps, oldest first. `boot_error` is the reason with which it will fail to start."""

    id: str
    number: int
    request: Mapping[str, Any]
    created: datetime
    tags: dict[str, str]
    protected: bool
    keep_alive: bool
    concurrency: int
    idle_timeout: int | None
    state: str = "STARTING"
    reason: Mapping[str, str] = field(default_factory=dict)
    ready: datetime | None = None
    ended: datetime | None = None
    steps: list[Step] = field(default_factory=list)
    boot_error: Mapping[str, str] | None = None
    busy_times: int = 0
    strange: str | None = None

    @property
    def name(self) -> str:
        """As given."""
        return str(self.request["Name"])

    @property
    def is_alive(self) -> bool:
        """Whether it costs money and is not on its way to its end."""
        return self.state not in DYING

    @property
    def log_uri(self) -> str | None:
        """In the spelling that the provider gives back."""
        given: str | None = self.request.get("LogUri")
        return given and "s3n://" + given.partition("://")[2].rstrip("/") + "/"

    def summary(self) -> dict[str, Any]:
        """As ListClusters shows it: without tags."""
        return {
            "Id": self.id,
            "Name": self.name,
            "Status": {
                "State": self.strange or self.state,
                "StateChangeReason": dict(self.reason),
                "Timeline": timeline(self.created, ReadyDateTime=self.ready, EndDateTime=self.ended),
            },
            "NormalizedInstanceHours": 0,
            "ClusterArn": f"arn:aws:elasticmapreduce:local:000000000000:cluster/{self.id}",
        }

    def shown(self) -> dict[str, Any]:
        """As DescribeCluster shows it."""
        instances = self.request.get("Instances", {})
        echoed = (
            "ReleaseLabel",
            "Applications",
            "ServiceRole",
            "Configurations",
            "SecurityConfiguration",
            "CustomAmiId",
        )
        described = {
            **self.summary(),
            **{key: self.request[key] for key in echoed if key in self.request},
            "AutoTerminate": not self.keep_alive,
            "TerminationProtected": self.protected,
            "VisibleToAllUsers": True,
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
            "StepConcurrencyLevel": self.concurrency,
            "InstanceCollectionType": "INSTANCE_FLEET" if instances.get("InstanceFleets") else "INSTANCE_GROUP",
        }
        return {**described, "LogUri": self.log_uri} if self.log_uri else described


def timeline(created: datetime, **times: datetime | None) -> dict[str, float]:
    """Times as the protocol has them, in seconds since 1970; those that are not known are left out."""
    known = {"CreationDateTime": created, **{name: at for name, at in times.items() if at is not None}}
    return {name: at.timestamp() for name, at in known.items()}

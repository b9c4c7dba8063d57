"""What the database says of a flow run, as frozen values: the input of `plan`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from synergyflow.core.modes import Mode
from synergyflow.core.states import FailureClass, FlowState, Group, GroupState, StepState

PENDING_GROUPS = (GroupState.PENDING, GroupState.PENDING, GroupState.PENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who holds a flow run, and since when (UTC). `process` tells one life of a pid from another."""

    host: str
    pid: int
    process: str
    since: datetime
    user: str = ""

    def __str__(self) -> str:
        who = f"{self.user}@{self.host}" if self.user else self.host
        return f"{who}, pid {self.pid}, since {self.since:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """The current state of one step of a flow run.

    Attributes:
        attempt: number of the latest attempt, 0 before the first.
        groups: states of pre, main and post in the latest attempt.
        actions_done: how many actions of the latest attempt, counted through pre, main and post, are complete.
        rolled_back: something of the latest attempt was rolled back, so its complete groups no longer count.
        fingerprint: of the definition that the latest attempt ran.
    """

    step_name: str
    state: StepState
    attempt: int = 0
    groups: tuple[GroupState, GroupState, GroupState] = PENDING_GROUPS
    actions_done: int = 0
    rolled_back: bool = False
    fingerprint: str | None = None
    cluster: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    retry_at: datetime | None = None
    error: str | None = None
    failure_class: FailureClass | None = None

    def group(self, group: Group) -> GroupState:
        """State of one of the three groups."""
        return self.groups[list(Group).index(group)]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job that was asked of a cluster. Without `job_id` it is an intent whose answer was never recorded."""

    token: str
    step_name: str
    attempt: int
    action: int
    ordinal: int
    kind: str
    digest: str
    cluster: str
    profile: str
    cluster_id: str | None = None
    job_id: str | None = None
    state: str = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRecord:
    """One invocation of the engine. `state` is that of a flow run, or `canceled` where it was interrupted."""

    execution_id: int
    mode: Mode
    state: str
    requested_step: str | None
    started_at: datetime
    finished_at: datetime | None
    host: str
    pid: int
    user: str
    process: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRecord:
    """A cluster that an execution asked for, by its name there. Without `cluster_id` the answer was never recorded."""

    name: str
    profile: str
    type: str
    token: str
    cluster_id: str | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A flow run as it stands: what `plan` decides upon.

    Attributes:
        revision: grows with every write; a plan made on an older one is refused.
        owner: who holds the run; `owner_is_alive` is False where that engine is known to be gone.
        steps: the current step records by name (also of steps that the definition no longer has).
        last_attempts: the highest attempt number that each step ever had in this run.
        open_jobs: jobs not known to have ended.
        clusters: those that the latest execution asked for, by name.
        last_execution: the latest one, None before the first.
    """

    flow_id: int
    flow_name: str
    timeperiod: str
    state: FlowState
    revision: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    owner: Owner | None = None
    owner_is_alive: bool = False
    steps: Mapping[str, StepRecord] = field(default_factory=dict)
    last_attempts: Mapping[str, int] = field(default_factory=dict)
    open_jobs: tuple[JobRecord, ...] = ()
    clusters: Mapping[str, ClusterRecord] = field(default_factory=dict)
    last_execution: ExecutionRecord | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None

    @property
    def is_held(self) -> bool:
        """Whether a living engine holds the run."""
        return self.owner is not None and self.owner_is_alive

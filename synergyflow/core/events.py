"""What happened, as immutable values in the past tense.

An event is committed to the journal together with the state that it changes, then given to `Progress` and to the
observers. `at` is the engine's clock in UTC. Texts are already masked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from synergyflow.core.records import PENDING_GROUPS
from synergyflow.core.states import FailureClass, FlowState, Group, GroupState, StepState


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBegan(_Event):
    """The engine owns the flow run and has recorded its plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRequested(_Event):
    """A launch is intended; written before anything is asked of a provider. `token` is the derived name."""

    cluster: str
    profile: str
    type: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterLaunched(_Event):
    """The provider has accepted the launch under `cluster_id`; the cluster may still be starting."""

    cluster: str
    cluster_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterReady(_Event):
    """The cluster takes jobs."""

    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFailed(_Event):
    """The cluster did not come up."""

    cluster: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterLost(_Event):
    """The cluster is gone although nobody here ended it; what ran on it follows as `StepEnded`."""

    cluster: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterEnded(_Event):
    """The cluster was terminated, or left alive on purpose (`kept`); `reason` says why, or what went wrong."""

    cluster: str
    kept: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(_Event):
    """An attempt began, or an interrupted one goes on (`continued`), at action number `first_action`."""

    step: str
    attempt: int
    cluster: str
    fingerprint: str
    first_action: int = 0
    continued: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMoved(_Event):
    """A group of actions of the running attempt began, completed or failed."""

    step: str
    attempt: int
    group: Group
    state: GroupState


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCompleted(_Event):
    """Action number `action` of the attempt (counted through pre, main and post, from 0) is complete."""

    step: str
    attempt: int
    action: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobIntended(_Event):
    """A submit is intended; durable before the cluster is asked."""

    step: str
    attempt: int
    action: int
    ordinal: int
    token: str
    digest: str
    kind: str
    cluster: str
    profile: str
    cluster_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSubmitted(_Event):
    """The cluster answered a submit, or was found to have the job already (`adopted`)."""

    token: str
    job_id: str
    adopted: bool = False
    step: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded(_Event):
    """The cluster said how the job ended; times are the cluster's own."""

    token: str
    state: str
    exit_code: int | None = None
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    step: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnded(_Event):
    """An attempt came to its end.

    `state` is `processed`, `noop`, `invalid` or `canceled`. Whether another attempt follows, `Progress` decides.
    `actions_done` counts the complete actions through pre, main and post.
    """

    step: str
    attempt: int
    state: StepState
    error: str | None = None
    failure_class: FailureClass | None = None
    groups: tuple[GroupState, GroupState, GroupState] = PENDING_GROUPS
    actions_done: int = 0
    rolled_back: bool = False
    log_begin: str | None = None
    log_end: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSkipped(_Event):
    """The definition says to skip the step: it is noop without an attempt."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled(_Event):
    """The step will be tried again at `retry_at`; `spends_retry` is False where infrastructure was to blame."""

    step: str
    attempt: int
    retry_at: datetime
    spends_retry: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDue(_Event):
    """The delay before the next attempt of a step is over."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequested(_Event):
    """Somebody asked the engine to stop; nothing new starts. With `cancel` what runs is ended, else left running."""

    reason: str
    cancel: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(_Event):
    """The execution is over, all its clusters with it. `state` is its outcome; `interrupted` if it was stopped."""

    state: FlowState
    error: str | None = None
    interrupted: bool = False
    failed: tuple[str, ...] = field(default=())


Event = (
    RunBegan
    | ClusterRequested
    | ClusterLaunched
    | ClusterReady
    | ClusterFailed
    | ClusterLost
    | ClusterEnded
    | StepStarted
    | GroupMoved
    | ActionCompleted
    | JobIntended
    | JobSubmitted
    | JobEnded
    | StepEnded
    | StepSkipped
    | RetryScheduled
    | RetryDue
    | StopRequested
    | RunEnded
)

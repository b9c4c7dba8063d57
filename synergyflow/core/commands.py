"""What `Progress` asks the engine to do. Each is performed after the commit of the events that led to it."""

from __future__ import annotations

from dataclasses import dataclass

from synergyflow.core.states import FlowState


@dataclass(frozen=True, slots=True)
class LaunchCluster:
    """Launch the planned cluster of that name."""

    cluster: str
    profile: str


@dataclass(frozen=True, slots=True)
class TerminateCluster:
    """Nothing left in the plan needs the cluster. `step_failed`: a step failed on it (see `keep_failed`)."""

    cluster: str
    step_failed: bool = False


@dataclass(frozen=True, slots=True)
class StartStep:
    """Begin attempt `attempt` at action number `first_action`; `continued` if it is an interrupted one that goes on."""

    step: str
    attempt: int
    cluster: str
    first_action: int = 0
    continued: bool = False


@dataclass(frozen=True, slots=True)
class SkipStep:
    """Record the step as noop; it is not run."""

    step: str


@dataclass(frozen=True, slots=True)
class ScheduleRetry:
    """Say `RetryDue` after `delay` seconds. `spends_retry` is False where infrastructure was to blame."""

    step: str
    attempt: int
    delay: float
    spends_retry: bool


@dataclass(frozen=True, slots=True)
class CancelStep:
    """End what the step runs; its `StepEnded` follows when that is confirmed."""

    step: str


@dataclass(frozen=True, slots=True)
class FinishRun:
    """Record the outcome of the execution and give the flow run back."""

    state: FlowState
    error: str | None
    interrupted: bool
    failed: tuple[str, ...]


Command = LaunchCluster | TerminateCluster | StartStep | SkipStep | ScheduleRetry | CancelStep | FinishRun

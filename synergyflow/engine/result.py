"""What an execution came to, for the caller of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from synergyflow.core.plan import Plan
from synergyflow.core.states import FailureClass, FlowState, StepState


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """State of one step after the execution. `executed`: this execution made an attempt at it."""

    name: str
    state: StepState
    attempt: int
    executed: bool
    error: str | None = None
    failure_class: FailureClass | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Outcome of one execution.

    Attributes:
        state: `processed` or `noop` if all that was asked for succeeded, else `invalid`.
        steps: every step of the definition, in topological order.
        failed: names of the steps that were tried and failed.
        duration: seconds.
        error: why it is `invalid`, in one line.
        interrupted: it was stopped from outside.
        execution_id: its number in the database, None where there was nothing to do.
    """

    flow_name: str
    timeperiod: str
    state: FlowState
    steps: Mapping[str, StepResult]
    failed: tuple[str, ...]
    duration: float
    plan: Plan
    error: str | None = None
    interrupted: bool = False
    execution_id: int | None = None

    @property
    def succeeded(self) -> bool:
        """Whether nothing of what was asked for is left to do."""
        return self.state.is_success and not self.interrupted

"""What each act of the story came to, read off what the engine answers and tells; nothing is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synergyflow.core.events import Event, StepStarted
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Plan
from synergyflow.core.states import FlowState
from synergyflow.engine.result import RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One execution.

    Attributes:
        executed: steps at which this execution made an attempt.
        kept: steps that were done before and were not run again.
        waiting: steps that could not run.
        expected: whether the execution ended as the story tells.
        duration: seconds.
    """

    mode: Mode
    timeperiod: str
    state: FlowState
    executed: tuple[str, ...]
    kept: tuple[str, ...]
    waiting: tuple[str, ...]
    expected: bool
    duration: float


def act_of(result: RunResult, *, fails_at: tuple[str, ...] = ()) -> Act:
    """The act that this execution was; `fails_at` are the steps that were to fail in it."""
    steps = result.steps.values()
    idle = [step for step in steps if not step.executed]
    return Act(
        mode=result.plan.mode,
        timeperiod=result.timeperiod,
        state=result.state,
        executed=tuple(step.name for step in steps if step.executed),
        kept=tuple(step.name for step in idle if step.state.is_success),
        waiting=tuple(step.name for step in idle if not step.state.is_success),
        expected=result.failed == fails_at and result.succeeded is not bool(fails_at),
        duration=result.duration,
    )


class Whereabouts:
    """Notes on which cluster each step was run (an observer of the engine)."""

    def __init__(self) -> None:
        self.cluster_of: dict[str, str] = {}

    def begin(self, plan: Plan) -> None:
        """No step is anywhere yet."""

    def on(self, events: Sequence[Event]) -> None:
        """Note where steps start."""
        self.cluster_of.update((event.step, event.cluster) for event in events if isinstance(event, StepStarted))

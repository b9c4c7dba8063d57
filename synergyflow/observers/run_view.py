"""What a watcher knows of a run, from its plan and the events told so far. No clock, no terminal.

Steps that the plan does not name, and events that are new to this file, are no errors: a view may know less than the
engine, but must never be what stops it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from synergyflow.core.events import (
    Event,
    RetryDue,
    RetryScheduled,
    RunBegan,
    RunEnded,
    StepEnded,
    StepSkipped,
    StepStarted,
)
from synergyflow.core.plan import Decision, Plan
from synergyflow.core.states import StepState


class Phase(StrEnum):
    """What is to be seen of a step; finer than its state where that says too little."""

    FAILED = "failed"
    RUNNING = "running"
    RETRY = "retry"
    CANCELED = "canceled"
    WAITING = "waiting"
    PROCESSED = "processed"
    NOOP = "noop"
    KEPT = "kept"
    LEFT = "left"


_PHASES = {
    StepState.EMBRYO: Phase.WAITING,
    StepState.IN_PROGRESS: Phase.RUNNING,
    StepState.PROCESSED: Phase.PROCESSED,
    StepState.NOOP: Phase.NOOP,
    StepState.CANCELED: Phase.CANCELED,
    StepState.INVALID: Phase.FAILED,
}
_OVER = (Phase.FAILED, Phase.CANCELED, Phase.PROCESSED, Phase.NOOP)


@dataclass(slots=True, kw_only=True)
class StepView:
    """One step. `planned`: this execution is to run or skip it; `state` is the one on record."""

    name: str
    state: StepState
    phase: Phase
    planned: bool = True
    executed: bool = False
    attempt: int = 0
    cluster: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be expected of it, but for a retry."""
        return self.phase in _OVER

    def seconds(self, now: datetime) -> float | None:
        """How long the latest attempt took, or takes; None before the first."""
        if self.started_at is None:
            return None
        return ((self.finished_at or now) - self.started_at).total_seconds()


class RunView:
    """A run as told so far. Not safe to be used from several threads at once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.began_at: datetime | None = None
        self.ended: RunEnded | None = None
        self.steps: dict[str, StepView] = {}
        for step in plan.steps:
            planned = step.runs or step.decision is Decision.SKIP
            phase = Phase.WAITING if planned else Phase.KEPT if step.decision is Decision.KEEP else Phase.LEFT
            self.steps[step.name] = StepView(name=step.name, state=step.state, phase=phase, planned=planned)

    def apply(self, events: Sequence[Event]) -> None:
        """Take in what has happened."""
        for event in events:
            self._apply(event)

    def counts(self) -> Counter[Phase]:
        """How many steps are in each phase."""
        return Counter(step.phase for step in self.steps.values())

    @property
    def planned(self) -> int:
        """How many steps this execution is to run or skip."""
        return sum(step.planned for step in self.steps.values())

    @property
    def over(self) -> int:
        """How many of them have come to an end."""
        return sum(step.planned and step.is_over for step in self.steps.values())

    def seconds(self, now: datetime) -> float:
        """How long the run took, or takes."""
        if self.began_at is None:
            return 0.0
        return ((self.ended.at if self.ended else now) - self.began_at).total_seconds()

    def _apply(self, event: Event) -> None:
        if self.began_at is None:
            self.began_at = event.at
        match event:
            case RunBegan(at=at):
                self.began_at = at
            case StepStarted(step=name, attempt=attempt, cluster=cluster, at=at):
                step = self._step(name)
                step.state, step.phase = StepState.IN_PROGRESS, Phase.RUNNING
                step.executed, step.attempt, step.cluster = True, attempt, cluster
                step.started_at, step.finished_at, step.error = at, None, None
            case StepEnded(step=name, state=state, at=at, error=error):
                step = self._step(name)
                step.state, step.phase, step.error, step.finished_at = state, _PHASES[state], error, at
            case StepSkipped(step=name):
                step = self._step(name)
                step.state, step.phase = StepState.NOOP, Phase.NOOP
            case RetryScheduled(step=name):
                self._step(name).phase = Phase.RETRY
            case RetryDue(step=name):
                self._step(name).phase = Phase.WAITING
            case RunEnded():
                self.ended = event
            case _:
                return

    def _step(self, name: str) -> StepView:
        return self.steps.setdefault(name, StepView(name=name, state=StepState.EMBRYO, phase=Phase.WAITING))

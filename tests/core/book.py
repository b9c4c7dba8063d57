"""What a store would keep of one flow run, in plain dictionaries, so that modes can follow each other on one record."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from synergyflow.core.commands import FinishRun
from synergyflow.core.plan import Plan
from synergyflow.core.records import ExecutionRecord, Owner, RunRecord, StepRecord
from synergyflow.core.states import FlowState, StepState

START = datetime(2024, 2, 29, tzinfo=UTC)
OWNER = Owner(host="here", pid=1, process="1", since=START)


@dataclass
class Book:
    """What a store would keep of one flow run."""

    state: FlowState | None = None
    steps: dict[str, StepRecord] = field(default_factory=dict)
    last_attempts: dict[str, int] = field(default_factory=dict)
    revision: int = 0
    last: ExecutionRecord | None = None
    owner: Owner | None = None

    def record(self, *, alive: bool = False) -> RunRecord | None:
        """The record as `plan` sees it; None before the first execution."""
        if self.state is None:
            return None
        return RunRecord(
            flow_id=1,
            flow_name="flow",
            timeperiod="2016060107",
            state=self.state,
            revision=self.revision,
            owner=self.owner,
            owner_is_alive=alive and self.owner is not None,
            steps=dict(self.steps),
            last_attempts=dict(self.last_attempts),
            last_execution=self.last,
        )

    def begin(self, plan: Plan) -> None:
        """Reset the steps as the plan says, and take the run."""
        if plan.mode == "run":
            self.steps.clear()
        for step in plan.steps:
            if step.decision in ("run", "skip") or step.name not in self.steps:
                self.steps[step.name] = StepRecord(step_name=step.name, state=StepState.EMBRYO)
        if plan.mode.is_managed:
            self.state = FlowState.IN_PROGRESS
        self.owner = OWNER
        self.last = self._execution(plan, "in_progress")

    def finish(self, plan: Plan, command: FinishRun) -> None:
        """The execution is over; only a managed one decides the state of the run."""
        if plan.mode.is_managed:
            self.state = command.state
        self.owner = None
        self.last = self._execution(plan, "canceled" if command.interrupted else command.state.value)

    def write(self, record: StepRecord) -> None:
        """The state of a step."""
        self.steps[record.step_name] = record
        self.last_attempts[record.step_name] = max(self.last_attempts.get(record.step_name, 0), record.attempt)
        self.revision += 1

    def _execution(self, plan: Plan, state: str) -> ExecutionRecord:
        self.revision += 1
        return ExecutionRecord(
            execution_id=self.revision,
            mode=plan.mode,
            state=state,
            requested_step=plan.requested_step,
            started_at=START,
            finished_at=None,
            host="here",
            pid=1,
            user="",
        )

"""Short ways to write down graphs, records, plans and events for the tests of this folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from synergyflow.core.commands import Command
from synergyflow.core.events import (
    ClusterEnded,
    ClusterFailed,
    ClusterLost,
    ClusterReady,
    RetryDue,
    RunBegan,
    StepEnded,
)
from synergyflow.core.graph import Graph, StepSpec
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Capacity, Plan, ProfileCapacity
from synergyflow.core.planning import Request, plan
from synergyflow.core.progress import Progress
from synergyflow.core.records import ExecutionRecord, Owner, RunRecord, StepRecord
from synergyflow.core.states import FailureClass, FlowState, StepState

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
OWNER = Owner(host="there", pid=7, process="7", since=NOON, user="ada")


def spec(name: str, parents: str = "", **policy: Any) -> StepSpec:
    """A step and those it depends on, by their names in one text."""
    return StepSpec(name=name, parents=tuple(parents.split()), **policy)


def pool(*profiles: ProfileCapacity, count: int = 2, slots: int = 1) -> Capacity:
    """These profiles, or some clusters of one profile called `local`."""
    return Capacity(profiles or (ProfileCapacity(profile="local", count=count, slots=slots),))


def profile(name: str, count: int = 1, **more: Any) -> ProfileCapacity:
    """A profile with so many clusters in the context."""
    return ProfileCapacity(profile=name, count=count, **more)


def recorded(
    state: str,
    steps: Mapping[str, str | StepRecord],
    *,
    last: Mode = Mode.RUN,
    ended: str | None = None,
    alive: bool = False,
    owner: Owner | None = None,
    **more: Any,
) -> RunRecord:
    """A flow run whose steps are in these states after their first attempt; `ended` is the last execution's state."""
    records = {
        name: known if isinstance(known, StepRecord) else step_record(name, known) for name, known in steps.items()
    }
    attempts = {name: known.attempt for name, known in records.items()}
    return RunRecord(
        **{
            "flow_id": 1,
            "flow_name": "flow",
            "timeperiod": "2016060107",
            "state": FlowState(state),
            "revision": 5,
            "owner": owner,
            "owner_is_alive": alive,
            "steps": records,
            "last_attempts": attempts,
            "last_execution": execution(last, ended or state),
            **more,
        }
    )


def step_record(name: str, state: str, **more: Any) -> StepRecord:
    """A step in this state; its first attempt is over, or under way, unless it is an embryo."""
    attempt = 0 if state == "embryo" else 1
    return StepRecord(
        **{"step_name": name, "state": StepState(state), "attempt": attempt, "fingerprint": "first", **more}
    )


def execution(mode: Mode, state: str) -> ExecutionRecord:
    """An execution in this mode that came to this."""
    return ExecutionRecord(
        execution_id=1,
        mode=mode,
        state=state,
        requested_step=None,
        started_at=NOON,
        finished_at=None,
        host="there",
        pid=7,
        user="ada",
    )


def planned(
    steps: Sequence[StepSpec],
    record: RunRecord | None,
    mode: Mode,
    step: str | None = None,
    *,
    capacity: Capacity | None = None,
    living: Collection[str] = (),
    strict: bool = False,
    fingerprints: Mapping[str, str] | None = None,
) -> Plan:
    """What the mode would do; every definition is the `first` unless told otherwise."""
    request = Request(
        flow_name="flow",
        timeperiod="2016060107",
        mode=mode,
        fingerprints={one.name: "first" for one in steps} | dict(fingerprints or {}),
        step=step,
        living=living,
        strict=strict,
    )
    return plan(Graph(steps), record, capacity or pool(), request)


def decisions(made: Plan) -> dict[str, str]:
    """What happens to each step, in one word."""
    return {step.name: step.decision.value for step in made.steps}


class Run:
    """A `Progress` and short words for what happens to it; each returns the commands that follow."""

    def __init__(self, *steps: StepSpec, capacity: Capacity | None = None, stop_on_failure: bool = True) -> None:
        made = planned(steps, None, Mode.RUN, capacity=capacity)
        self.progress = Progress(Graph(steps, stop_on_failure=stop_on_failure), made)

    def begin(self) -> list[Command]:
        return self.progress.on(RunBegan(at=NOON))

    def ready(self, *clusters: str) -> list[Command]:
        return self.progress.on(*(ClusterReady(at=NOON, cluster=cluster) for cluster in clusters))

    def not_up(self, cluster: str) -> list[Command]:
        return self.progress.on(ClusterFailed(at=NOON, cluster=cluster, reason="no capacity"))

    def lost(self, cluster: str) -> list[Command]:
        return self.progress.on(ClusterLost(at=NOON, cluster=cluster, reason="reclaimed"))

    def ended(self, cluster: str) -> list[Command]:
        return self.progress.on(ClusterEnded(at=NOON, cluster=cluster))

    def done(self, step: str, state: str = "processed", attempt: int = 1) -> list[Command]:
        return self.progress.on(StepEnded(at=NOON, step=step, attempt=attempt, state=StepState(state)))

    def failed(self, step: str, failure: str = "user_code", attempt: int = 1, **more: Any) -> list[Command]:
        state = StepState.CANCELED if failure == "canceled" else StepState.INVALID
        return self.progress.on(
            StepEnded(
                at=NOON,
                step=step,
                attempt=attempt,
                state=state,
                failure_class=FailureClass(failure),
                error=f"{failure} it was",
                **more,
            )
        )

    def due(self, step: str) -> list[Command]:
        return self.progress.on(RetryDue(at=NOON, step=step))
